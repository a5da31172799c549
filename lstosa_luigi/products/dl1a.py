"""DL1a: calibrated, cleaned and parametrised images, with muon rings and interleaved events."""

from __future__ import annotations

__all__ = ["DL1A", "calibration_of", "drs4_pedestal_of"]

from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.filters import charge_calibration_of
from lstosa_luigi.observation.runs import DATA, DRS4, PEDCALIB, DatedRun
from lstosa_luigi.products.base import NightProduct, NightTask, SubrunTask
from lstosa_luigi.products.calibration import (
    ChargeCalibration,
    Drs4Pedestal,
    Systematics,
    TimeCalibration,
)
from lstosa_luigi.products.raw import CalibrationRun, DriveLog, RunSummary

PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"
IMAGES = "/dl1/event/telescope/image/LST_LSTCam"
"""Tables of DL1 (lstchain.io.io)."""


def calibration_of(task: NightTask) -> list[luigi.Task]:
    """Return the calibration that the night's data need, or what is missing for it."""
    night = task.night
    if night is None:
        return [task.sibling(RunSummary)]
    unlisted = night.unlisted_night()
    if unlisted is not None:
        return [task.of_night(unlisted, RunSummary)]
    drs4, pedcalib = night.drs4_run.value, night.pedcalib_run.value
    baseline = night.baseline_run.value
    if drs4 is None or pedcalib is None or baseline is None:
        runs = ((DRS4, drs4), (PEDCALIB, pedcalib))
        return [task.sibling(CalibrationRun, run_type=kind) for kind, run in runs if run is None]
    return [
        drs4_pedestal_of(task, drs4),
        task.of_night(
            pedcalib.date,
            ChargeCalibration,
            run_id=pedcalib.number,
            drs4_run=baseline.number,
            drs4_date=baseline.date,
        ),
        task.sibling(TimeCalibration, run_id=pedcalib.number),
        task.sibling(Systematics),
    ]


def drs4_pedestal_of(task: NightTask, run: DatedRun) -> luigi.Task:
    """Return the baseline of a DRS4 run, which lies where those of its own night do."""
    return task.of_night(run.date, Drs4Pedestal, run_id=run.number)


class DL1A(SubrunTask, NightProduct):
    """Images and their parameters, muon rings and interleaved events of a subrun."""

    def requires(self) -> Any:
        """Need the night's calibration and the drive log."""
        self._check_type()
        return [*calibration_of(self), self.sibling(DriveLog)]

    def _check_type(self) -> None:
        """Refuse a run that is no data: asked for by name, it would fail in the tools."""
        night = self.night
        run = None if night is None else night.summary.run(self.run_id)
        if run is not None and run.type != DATA:
            raise InputError(
                f"Run {run.number:05d} is no DATA run but {run.type}: no DL1 is made of it. If it "
                f"is data all the same: lstosa decide --date {self.date} --set-type {run.number} "
                "DATA --why ..."
            )

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the three files that one command makes."""
        return self.targets(
            {
                "dl1a": self.layout.dl1a(self.run_id, self.number),
                "muons": self.layout.muons(self.run_id, self.number),
                "interleaved": self.layout.interleaved(self.run_id, self.number),
            }
        )

    def job(self) -> Job:
        """Calibrate with what was chosen for the night."""
        self._check_type()
        layout, options, night = self.layout, self.settings.lstchain, self.known_night()
        drs4, pedcalib = night.drs4_run.value, night.pedcalib_run.value
        time, systematics = night.time_calibration.value, night.systematics.value
        if drs4 is None or pedcalib is None or time is None or systematics is None:
            raise InputError(f"Run {self.run_id:05d}: the night has no calibration.")
        streams = layout.r0_streams(self.run_id, self.number)
        found = layout.pedestal_ids(self.run_id, self.number)
        pedestal_ids = str(found) if found.exists() else ""
        baseline = layout.of(drs4.date).find_drs4_baseline(drs4.number)
        calibration = charge_calibration_of(layout, self.settings, pedcalib)
        dl1a = layout.dl1a(self.run_id, self.number)
        muons = layout.muons(self.run_id, self.number)
        interleaved = layout.interleaved(self.run_id, self.number)
        return self.make_job(
            commands.r0_to_dl1(
                options.r0_to_dl1,
                input_file=str(streams[0]),
                output_dir=SCRATCH,
                config=options.dl1a_config,
                drive_log=str(layout.drive_log()),
                run_summary=str(layout.run_summary()),
                pedestal=str(baseline),
                calibration=str(calibration),
                time_calibration=str(time),
                systematics=str(systematics),
                pedestal_ids=pedestal_ids,
            ),
            [
                Output(str(muons), muons.name),
                Output(str(interleaved), f"interleaved/{interleaved.name}"),
                Output(str(dl1a), dl1a.name, tables=(PARAMETERS, IMAGES)),
            ],
            inputs=[
                *streams,
                layout.drive_log(),
                layout.run_summary(),
                baseline,
                calibration,
                time,
                systematics,
                pedestal_ids,
                options.dl1a_config,
            ],
            links={
                layout.analysis() / muons.name: muons,
                layout.analysis() / "interleaved" / interleaved.name: interleaved,
                layout.common_datacheck_dir() / "muons" / muons.name: muons,
            },
        )
