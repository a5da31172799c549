"""DL1a: calibrated, cleaned and parametrised images, with muon rings and interleaved events."""

from __future__ import annotations

__all__ = ["DL1A", "calibration_of", "drs4_pedestal_of"]

from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError, LstosaError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.reconstruction import are_images_needed
from lstosa_luigi.observation.runs import DRS4, PEDCALIB, DatedRun
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
    """Images and their parameters, muon rings and interleaved events of a subrun.

    When its run is closed, a link to DL1b takes the place of the DL1a file, as lstosa does. The
    product counts as there as long as nothing needs its images.
    """

    def complete(self) -> bool:
        """Whether all files are there, a link for DL1a only if its images are done with."""
        if not super().complete():
            return False
        return len(self.members()) > 1 or not self.is_replaced() or not self.are_images_needed()

    def is_replaced(self) -> bool:
        """Whether a link stands for DL1a."""
        return self.layout.dl1a(self.run_id, self.number).is_symlink()

    def are_images_needed(self) -> bool:
        """Whether something is still to be made of the images."""
        try:
            return are_images_needed(self.layout, self.settings, self.run_id, self.number)
        except LstosaError:  # said where the cleaning is asked for
            return False

    def requires(self) -> Any:
        """Need the night's calibration and the drive log."""
        return [*calibration_of(self), self.sibling(DriveLog)]

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
        layout, options, night = self.layout, self.settings.lstchain, self.known_night()
        drs4, pedcalib = night.drs4_run.value, night.pedcalib_run.value
        time, systematics = night.time_calibration.value, night.systematics.value
        if drs4 is None or pedcalib is None or time is None or systematics is None:
            raise InputError(f"Run {self.run_id:05d}: the night has no calibration.")
        streams = layout.r0_streams(self.run_id, self.number)
        found = layout.pedestal_ids(self.run_id, self.number)
        pedestal_ids = str(found) if found.exists() else ""
        baseline = layout.of(drs4.date).find_drs4_baseline(drs4.number)
        calibration = layout.of(pedcalib.date).find_charge_calibration(
            pedcalib.number, options.filters
        )
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
                Output(str(dl1a), dl1a.name, tables=(PARAMETERS, IMAGES), real=True),
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
