"""What comes from the telescope, and the table of runs made of it."""

from __future__ import annotations

__all__ = [
    "CalibrationRun",
    "DriveLog",
    "RawData",
    "RunSummary",
    "each_subrun",
]

from collections.abc import Iterator
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.decisions import What
from lstosa_luigi.observation.runs import DRS4, DatedRun
from lstosa_luigi.products.base import External, NightProduct, RunTask, SubrunTask


class RawData(External):
    """Raw data of the night."""

    def complete(self) -> bool:
        """Whether there is any raw file."""
        return self.layout.has_raw_data()

    def hint(self) -> str:
        """Say where raw data are looked for."""
        directories = self.layout.directories
        return (
            f"No raw data of {self.date}: no {self.layout.prefix}.1.Run*.fits.fz in "
            f"{directories.raw_r0_dir / self.layout.flat_date} or "
            f"{directories.r0_dir / self.layout.flat_date}. Check the date, or wait for the "
            "transfer from the camera."
        )


class DriveLog(External):
    """Pointing of the telescope through the night."""

    def output(self) -> luigi.LocalTarget:
        """Return the log of the drive."""
        return luigi.LocalTarget(str(self.layout.drive_log()))

    def hint(self) -> str:
        """Say where the log belongs."""
        return (
            f"No drive log of {self.date}: {self.layout.drive_log()} is not there. Copy it from "
            "the drive system; DL1 cannot be made without."
        )


class CalibrationRun(External):
    """A run that the calibration of the night is made of, of the night or of one before it."""

    run_type = luigi.Parameter(description="DRS4 or PEDCALIB")

    def _choice(self) -> Choice[DatedRun]:
        night = self.known_night()
        return night.drs4_run if self.run_type == DRS4 else night.pedcalib_run

    def complete(self) -> bool:
        """Whether there is such a run."""
        return self.night is not None and self._choice().value is not None

    def hint(self) -> str:
        """Say which run is missing, where it was looked for, and what can be done."""
        night, reason = self.night, "" if self.night is None else self._choice().reason
        if night is not None and night.decisions.forced(What[str(self.run_type)]) is not None:
            return f"No {self.run_type} run for {self.date}: {reason}. Undo that, or decide anew."
        told = reason.partition(str(self.date))[2]
        return (
            f"No {self.run_type} run on {self.date} ({self.layout.run_summary()}){told}: the data "
            "cannot be calibrated. Correct the type of a run there, or set [calibration] "
            "max_days_back to look further back."
        )


class RunSummary(NightProduct):
    """Table of the runs of the night; one that is there is never written again."""

    def requires(self) -> Any:
        """Need any raw data."""
        return self.sibling(RawData)

    def output(self) -> luigi.LocalTarget:
        """Return the table."""
        return luigi.LocalTarget(str(self.layout.run_summary()))

    def job(self) -> Job:
        """Let lstchain list the raw files and guess what each run is."""
        path, raw = self.layout.run_summary(), self.layout.r0_night()
        argv = commands.run_summary(
            self.settings.lstchain.run_summary,
            self.layout.flat_date,
            str(raw.parent),
            SCRATCH,
            self.settings.database.tcu_db,
        )
        outputs = [Output(str(path), path.name, min_rows=1)]
        # the tool lists the directory and looks into the first subrun of each run
        return self.make_job(argv, outputs, [raw], resource_class="calibration")


def each_subrun(task: RunTask, product: type[SubrunTask], **parameters: Any) -> Iterator[Any]:
    """Yield a product of each subrun of a run, or what tells how many subruns there are."""
    night = task.night
    if night is None:
        yield task.sibling(RunSummary)
        return
    for subrun in night.summary.run(task.run_id).subruns:
        yield task.sibling(product, run_id=task.run_id, subrun=subrun, **parameters)
