"""The entry tasks: a night, or a part of one, from wherever it stands to done."""

from __future__ import annotations

__all__ = ["CalibrateNight", "CloseRun", "DL2Night", "NightlyClose"]

import datetime
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import luigi

from lstosa_luigi.errors import InputError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.lock import RootLock
from lstosa_luigi.execution.task import SlurmTask
from lstosa_luigi.observation.runs import DATA
from lstosa_luigi.products.base import RunTask
from lstosa_luigi.products.dl1a import calibration_of, drs4_pedestal_of
from lstosa_luigi.products.muons import MergedMuons
from lstosa_luigi.stages import (
    NightDatacheck,
    RunEvents,
    RunProducts,
    SourceIndex,
    Stage,
    early_models,
)


class Entry(Stage):
    """A task that people ask for; one command at a time works on it."""

    def lock(self) -> RootLock:
        """Return the lock of this root task."""
        return RootLock(self.layout.lock(self.task_id), self.title)

    def tidy(self) -> None:
        """Remove the scratch folders of commands that were killed."""
        for place in (self.layout.scratch(), *self.layout.written_aside()):
            files.sweep(place)

    @property
    def title(self) -> str:
        """The task in an operator's words."""
        return f"{self.task_family} {self.date} ({self.prod_id})"

    def conclusion(self) -> str:
        """Say how things stand."""
        return f"{self.title}: {'complete' if self.complete() else 'not complete'}."


class CalibrateNight(Entry):
    """Cat-A calibration of the night."""

    def parts(self) -> Iterator[Any]:
        """Yield the charge calibration, or what is missing for it."""
        yield from calibration_of(self)


class CloseRun(Entry, RunTask):
    """All products of one run, DL1 to DL3."""

    @property
    def title(self) -> str:
        """The run in an operator's words."""
        return f"CloseRun {self.unit} of {self.date} ({self.prod_id})"

    def parts(self) -> Iterator[Any]:
        """Yield the muon rings, what follows the cleaning, and what need not wait for it."""
        run = self.known_night().summary.run(self.run_id)
        if run.type != DATA:
            raise InputError(f"Run {run.number:05d} is no DATA run but {run.type}.")
        yield self.sibling(MergedMuons, run_id=run.number)
        yield self.sibling(RunProducts, run_id=run.number)
        yield from early_models(self, run.number)

    def owns(self, need: SlurmTask) -> bool:
        """Whether a product is of the run."""
        return getattr(need, "run_id", None) == self.run_id


class DL2Night(Entry):
    """All DATA runs of the night up to DL2."""

    def parts(self) -> Iterator[Any]:
        """Yield DL2 of all runs, and the random forests, which need not wait for the cleaning."""
        for run in self.known_night().data_runs:
            yield self.sibling(RunEvents, run_id=run.number)
            yield from early_models(self, run.number, response=False)


class NightlyClose(Entry):
    """The whole night, from wherever it stands to closed."""

    def output(self) -> luigi.LocalTarget:
        """Return the flag."""
        return luigi.LocalTarget(str(self.layout.night_finished()))

    def complete(self) -> bool:
        """Whether the flag is there."""
        return bool(self.output().exists())

    def parts(self) -> Iterator[Any]:
        """Yield the calibration, each run, and what is made of several runs together."""
        yield from calibration_of(self)
        night = self.known_night()
        for run in night.data_runs:
            yield self.sibling(CloseRun, run_id=run.number)
        # a DRS4 run is worth its baseline even if no data need it
        drs4 = night.drs4_run.value
        if drs4 is not None and drs4.date == self.date:
            yield drs4_pedestal_of(self, drs4)
        yield self.sibling(NightDatacheck)
        known = [night.sources[r.number] for r in night.data_runs if r.number in night.sources]
        for source in dict.fromkeys(source.name for source in known):
            yield self.sibling(SourceIndex, source=source)

    def run(self) -> Iterator[Any]:
        """Ask for all parts, then close.

        Raises
        ------
        InputError
            If a run is of a type that nobody knows: it might be data.
        """
        yield from self.unfold()
        unknown = self.known_night().summary.unknown
        if unknown:
            raise InputError(
                f"Run {unknown[0].number:05d} is of the unknown type {unknown[0].type!r} in "
                f"{self.layout.run_summary()}: the night is not closed. Correct the type, or "
                "write EDATA to leave the run out."
            )
        self._link_longterm()
        self._close()

    def _link_longterm(self) -> None:
        if not self.settings.lstchain.create_longterm_symlink:
            return
        for at, target in self.layout.longterm_links().items():
            if target.exists():
                files.link(at, target)

    def _close(self) -> None:
        night = self.known_night()
        flag = {
            "date": self.date.isoformat(),
            "telescope": self.telescope,
            "prod_id": self.prod_id,
            "lstchain": self.tools.version,
            "closed": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "runs": len(night.data_runs),
            "subruns": sum(run.n_subruns for run in night.data_runs),
        }
        files.write_whole(self.layout.night_finished(), json.dumps(flag, indent=1) + "\n")

    def conclusion(self) -> str:
        """Say whether the night is closed, since when, and what it holds."""
        flag = self.layout.night_finished()
        if not flag.exists():
            return f"Night {self.date} ({self.prod_id}) is not closed."
        data = json.loads(flag.read_text(encoding="utf-8"))
        return (
            f"Night {self.date} ({self.prod_id}) is closed since {data['closed']}: "
            f"{_counted(data['runs'], 'run')}, {_counted(data['subruns'], 'subrun')}. {flag}"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
