"""DL1a: calibrated, cleaned and parametrised images, with muon rings and interleaved events."""

from __future__ import annotations

__all__ = [
    "DL1A",
    "calibration_of",
    "copies_of",
    "drs4_pedestal_of",
    "is_calibrated",
    "undetermined",
]

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError, LstosaError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.filters import charge_calibration_of
from lstosa_luigi.observation.input_state import InputState, input_root, input_state_of
from lstosa_luigi.observation.raw_files import find_streams
from lstosa_luigi.observation.reconstruction import are_images_needed, are_interleaved_needed
from lstosa_luigi.observation.runs import DATA, DRS4, PEDCALIB, DatedRun
from lstosa_luigi.products.base import NightProduct, NightTask, SubrunTask
from lstosa_luigi.products.calibration import (
    ChargeCalibration,
    Drs4Pedestal,
    Systematics,
    TimeCalibration,
    told,
)
from lstosa_luigi.products.gain_selection import (
    GainSelection,
    RawCopy,
    RawRun,
    RunInputState,
    missing_streams,
)
from lstosa_luigi.products.raw import CalibrationRun, DriveLog, RunSummary

PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"
IMAGES = "/dl1/event/telescope/image/LST_LSTCam"
"""Tables of DL1 (lstchain.io.io)."""


def calibration_of(task: NightTask) -> list[luigi.Task]:
    """Return the calibration that the night's data need, or what is missing for it.

    It is none if the event builder calibrated all of them; runs of which nobody knows yet are not
    waited for if another one needs it.
    """
    night = task.night
    if night is None:
        return [task.sibling(RunSummary)]
    is_needed = is_calibrated(task)
    if is_needed is None:
        return [*undetermined(task, [run.number for run in night.data_runs])]
    return _calibration_of_all(task) if is_needed else []


def is_calibrated(task: NightTask) -> bool | None:
    """Whether any run of the night is to be calibrated by us; None while that is not known."""
    night = task.known_night()
    runs = [run.number for run in night.data_runs]
    states = [input_state_of(night, task.settings, run).value for run in runs]
    if any(state is not None and state.is_to_be_calibrated for state in states):
        return True
    if undetermined(task, runs):
        return None
    calibrated = InputState.CATA_CALIBRATED
    return calibrated not in states and task.settings.input_state != calibrated.value


def _calibration_of_all(task: NightTask) -> list[luigi.Task]:
    """Return the calibration of all runs of the night that are to be calibrated."""
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


def undetermined(task: NightTask, runs: Iterable[int]) -> list[RunInputState]:
    """Return what finds out how runs were recorded, for those of which that matters and is unknown.

    It does not matter any more if DL1a of the run is there: raw data may have been removed since.
    """
    night = task.known_night()
    return [
        task.sibling(RunInputState, run_id=run)
        for run in runs
        if input_state_of(night, task.settings, run).value is None and not _has_dl1a(task, run)
    ]


def _has_dl1a(task: NightTask, run: int) -> bool:
    """Whether DL1a of all subruns of a run is there."""
    subruns = task.known_night().subruns_of(run)
    return all(task.sibling(DL1A, run_id=run, subrun=subrun).complete() for subrun in subruns)


def copies_of(task: NightTask) -> Iterator[luigi.Task]:
    """Yield the copies that R0G of a night has of the runs that are not gain-selected.

    R0G then holds the whole night, as with lstosa, and R0 may be removed. Where R0G was removed,
    all of it no longer needed, nothing is copied again.
    """
    night, layout = task.known_night(), task.layout
    selected = [
        run.number
        for run in night.data_runs
        if input_state_of(night, task.settings, run.number).value is InputState.LEGACY_RAW
    ]
    if not selected:
        return
    raw, r0g = layout.raw_roots()
    if not find_streams(layout, r0g) and all(_has_dl1a(task, run) for run in selected):
        return
    types = {run.number: run.type for run in night.summary.runs}
    others = {run.number for run in night.summary.unknown}
    others |= {number for number, kind in types.items() if kind == DATA}
    for run in sorted(find_streams(layout, raw).keys() - others):
        yield task.sibling(RawCopy, run_id=run)


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

    def is_done_with(self, path: str) -> bool:
        """Whether it is the interleaved events, and those were removed."""
        is_interleaved = path == str(self.layout.interleaved(self.run_id, self.number))
        return is_interleaved and self.are_interleaved_done_with()

    def are_interleaved_done_with(self) -> bool:
        """Whether the interleaved events of the run were removed, and nothing needs them."""
        # asked for each look at a product, and hardly ever so
        if not os.path.exists(self.layout.interleaved_removed(self.run_id)):  # noqa: PTH110
            return False
        return not are_interleaved_needed(self.layout, self.settings, self.run_id)

    def are_images_needed(self) -> bool:
        """Whether something is still to be made of the images."""
        try:
            return are_images_needed(self.layout, self.settings, self.run_id, self.number)
        except LstosaError:  # said where the cleaning is asked for
            return False

    follows = GainSelection

    def requires(self) -> Iterator[Any]:
        """Need the raw data, gain-selected if they are not yet; calibration; the drive log."""
        self._check_type()
        yield self.sibling(DriveLog)
        night = self.night
        if night is None:
            yield self.sibling(RunSummary)
            return
        state = input_state_of(night, self.settings, self.run_id).value
        if state is None:
            yield self.sibling(RunInputState, run_id=self.run_id)
            return
        if state is InputState.LEGACY_RAW:
            yield self.clone(GainSelection)
        else:
            yield self.sibling(RawRun, run_id=self.run_id)
        if state.is_to_be_calibrated:
            yield from _calibration_of_all(self)

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
        """Return the files that one command makes: three, or what is not done with."""
        places = {
            "dl1a": self.layout.dl1a(self.run_id, self.number),
            "muons": self.layout.muons(self.run_id, self.number),
        }
        if not self.are_interleaved_done_with():
            places["interleaved"] = self.layout.interleaved(self.run_id, self.number)
        return self.targets(places)

    def job(self) -> Job:
        """Calibrate with what was chosen for the night."""
        self._check_type()
        layout, options, night = self.layout, self.settings.lstchain, self.known_night()
        state = input_state_of(night, self.settings, self.run_id)
        if state.value is None:
            raise InputError(f"Run {self.run_id:05d}: its input state is {state.reason}.")
        calibration = self._calibration() if state.value.is_to_be_calibrated else {}
        streams = self._streams(state.value)
        found = layout.pedestal_ids(self.run_id, self.number)
        pedestal_ids = str(found) if found.exists() else ""
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
                **{name: str(file) for name, file in calibration.items()},
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
                *layout.beside_drive_log(),
                layout.run_summary(),
                *calibration.values(),
                pedestal_ids,
                options.dl1a_config,
            ],
            links={
                layout.analysis() / muons.name: muons,
                layout.interleaved_link(self.run_id, self.number): interleaved,
                layout.common_datacheck_dir() / "muons" / muons.name: muons,
            },
            choices=self._choices(state),
        )

    def _choices(self, state: Choice[InputState]) -> list[str]:
        """Return what was chosen to calibrate with, and why."""
        night = self.known_night()
        assert state.value is not None
        found = [f"input state {state.value.value}: {state.reason}"]
        if not state.value.is_to_be_calibrated:
            return found
        return found + told(
            ("DRS4 run", night.drs4_run),
            ("PEDCALIB run", night.pedcalib_run),
            ("time calibration", night.time_calibration),
            ("F-factor systematics", night.systematics),
        )

    def _calibration(self) -> dict[str, Path]:
        """Return the files that the data are calibrated with, by what the command calls them."""
        layout, night = self.layout, self.known_night()
        drs4, pedcalib = night.drs4_run.value, night.pedcalib_run.value
        time, systematics = night.time_calibration.value, night.systematics.value
        if drs4 is None or pedcalib is None or time is None or systematics is None:
            raise InputError(f"Run {self.run_id:05d}: the night has no calibration.")
        return {
            "pedestal": layout.of(drs4.date).find_drs4_baseline(drs4.number),
            "calibration": charge_calibration_of(layout, self.settings, pedcalib),
            "time_calibration": time,
            "systematics": systematics,
        }

    def _streams(self, state: InputState) -> tuple[Path, ...]:
        """Return the raw files to read.

        Raises
        ------
        InputError
            If some of them are there and some are not: lstchain would read those and say nothing.
        """
        layout = self.layout
        root = input_root(self.known_night(), state, self.run_id)
        streams = layout.r0_streams(self.run_id, self.number, root)
        if all(path.exists() for path in streams):
            return streams
        # what is to be copied again is what was taken, as long as there is anything of it
        taken = layout.r0_streams(self.run_id, self.number, layout.directories.raw_r0_dir)
        if not any(path.exists() for path in taken):
            taken = streams
        if any(path.exists() for path in taken) and (missing := missing_streams(self, taken)):
            raise InputError(missing)
        return streams
