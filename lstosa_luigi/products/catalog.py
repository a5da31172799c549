"""The source of each run, and the runs of all nights with where the telescope pointed."""

from __future__ import annotations

__all__ = [
    "MergedRunSummary",
    "PointedRunSummary",
    "RunCatalog",
    "RunCatalogEntry",
    "can_be_made",
    "source_entry",
]

import fcntl
import functools
from pathlib import Path
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation import merged
from lstosa_luigi.observation.catalog import read_left_out
from lstosa_luigi.observation.night import Night
from lstosa_luigi.observation.runs import DATA
from lstosa_luigi.products.base import External, NightProduct, NightTask
from lstosa_luigi.products.raw import RunSummary

NO_DRIVE_LOG = Path(__file__).parent / "no_drive_log.txt"
"""In place of a drive log that is not there: then the pointing is not known (nan)."""

MONITORING = "monitoring"
"""Below the scratch directory: a tree that holds the one night only."""


class RunCatalogEntry(External):
    """The source that a run was taken on."""

    run_id = luigi.IntParameter()

    def complete(self) -> bool:
        """Whether the run catalogue has the run."""
        night = self.night
        return night is not None and self.run_id in night.sources

    def hint(self) -> str:
        """Say which table lacks the run, and what else was looked into."""
        catalog = self.layout.run_catalog()
        text = f"The source of run {self.run_id:05d} is not known: {catalog} "
        if not catalog.exists():
            return (
                f"{text}is not there, {self.layout.target_log()} neither, and no telescope-control "
                "database is configured ([database] tcu_db). Write the run catalogue; DL2 and DL3 "
                "cannot be made without."
            )
        reason = read_left_out(catalog).get(self.run_id)
        if reason is None:
            return f"{text}does not list it. Add the run there; DL2 and DL3 cannot be made without."
        return (
            f"{text}was made without it ({reason}). Add the run there, or remove the file to have "
            "it made again; DL2 and DL3 cannot be made without."
        )


class RunCatalog(NightProduct):
    """Table of the sources of the DATA runs; one that is there is never written again."""

    def requires(self) -> Any:
        """Need the run summary, which says when runs were taken."""
        return self.sibling(RunSummary)

    def output(self) -> luigi.LocalTarget:
        """Return the table."""
        return luigi.LocalTarget(str(self.layout.run_catalog()))

    def job(self) -> Job:
        """Let our own program look for the sources."""
        layout, options = self.layout, self.settings.database
        path, log = layout.run_catalog(), layout.target_log()
        target_log = str(log) if log.exists() else ""
        return self.make_own_job(
            commands.run_catalog(
                _data_runs(self.known_night()),
                str(layout.run_summary()),
                target_log,
                options.tcu_db,
                options.timeout,
                f"{SCRATCH}/{path.name}",
            ),
            [Output(str(path), path.name, min_rows=1)],
            inputs=[layout.run_summary(), target_log],
        )


def _data_runs(night: Night) -> list[int]:
    """Return the runs that are, or that somebody may yet decide to be, data."""
    numbers = {run.number for run in night.summary.of_type(DATA)}
    numbers |= {run.number for run in night.observed.of_type(DATA)}
    numbers |= {run.number for run in night.summary.unknown}
    return sorted(numbers)


def can_be_made(task: NightTask) -> bool:
    """Whether the run catalogue of the night is not there, but something to make it of is."""
    layout = task.layout
    if layout.run_catalog().exists():
        return False
    return bool(task.settings.database.tcu_db) or layout.target_log().exists()


def source_entry(task: NightTask, run: int) -> NightTask:
    """Return what tells the source of a run: the catalogue if it can be made, else the entry."""
    if can_be_made(task):
        made: NightTask = task.sibling(RunCatalog)
        return made
    entry: NightTask = task.sibling(RunCatalogEntry, run_id=run)
    return entry


class PointedRunSummary(NightProduct):
    """Runs of the night with where the telescope pointed, for the table of all nights."""

    def requires(self) -> Any:
        """Need the run summary; without a drive log the pointing is not known."""
        return self.sibling(RunSummary)

    def output(self) -> luigi.LocalTarget:
        """Return the table, of all productions alike."""
        return luigi.LocalTarget(str(self.layout.pointed_run_summary()))

    def job(self) -> Job:
        """Let lstchain merge the run summaries of a tree that has the one of the night only."""
        layout = self.layout
        path, summary, drive = (
            layout.pointed_run_summary(),
            layout.run_summary(),
            layout.drive_log(),
        )
        staged = {
            f"{MONITORING}/RunSummary/{summary.name}": summary,
            f"{MONITORING}/DrivePositioning/{drive.name}": drive
            if drive.exists()
            else NO_DRIVE_LOG,
            **{
                f"{MONITORING}/DrivePositioning/{log.name}": log
                for log in layout.beside_drive_log()
            },
        }
        return self.make_job(
            commands.merge_run_summaries(
                self.settings.lstchain.merge_run_summaries,
                f"{SCRATCH}/{path.name}",
                f"{SCRATCH}/{MONITORING}",
            ),
            [Output(str(path), path.name, min_rows=1)],
            staged=staged,
            resource_class="calibration",
        )


class MergedRunSummary(NightTask):
    """The runs of the night in the table of all nights, which is never locked for long."""

    @property
    def title(self) -> str:
        """The task in an operator's words."""
        return f"{self.task_family} {self.layout.flat_date}"

    def requires(self) -> Any:
        """Need the night's part of it."""
        return self.sibling(PointedRunSummary)

    def complete(self) -> bool:
        """Whether the table has the night as its part has it."""
        table, part = self.layout.merged_run_summary(), self.layout.pointed_run_summary()
        states = (_state(table), _state(part))
        return None not in states and _has_rows(table, part, states)

    def run(self) -> None:
        """Put the night into the table; without a table, put all nights into one."""
        table, lock = self.layout.merged_run_summary(), self.layout.lock("merged_RunSummary")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as held:
            # two nights may end at once: the second waits, or the first would be lost
            fcntl.flock(held, fcntl.LOCK_EX)
            there = table.read_text(encoding="utf-8") if table.exists() else ""
            own = self.layout.pointed_run_summary()
            parts = [own] if there else self.layout.pointed_run_summaries()
            texts = [part.read_text(encoding="utf-8") for part in parts]
            write_whole(table, merged.merge(there, texts, str(table)))


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(maxsize=8)
def _has_rows(table: Path, part: Path, _states: object) -> bool:
    there, wanted = (path.read_text(encoding="utf-8") for path in (table, part))
    return merged.has_rows(there, wanted)
