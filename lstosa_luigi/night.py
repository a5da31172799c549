"""The entry tasks: a night, or a part of one, from wherever it stands to done."""

from __future__ import annotations

__all__ = ["CalibrateNight", "CloseRun", "DL2Night", "NightlyClose"]

import abc
import datetime
import json
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import luigi
from luigi.task import flatten

from lstosa_luigi.errors import InputError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.lock import RootLock
from lstosa_luigi.execution.task import SlurmTask
from lstosa_luigi.observation.night import (
    Cleaning,
    certain_model,
    cleaning_of,
    model_of,
)
from lstosa_luigi.observation.runs import DATA
from lstosa_luigi.products.base import NightTask, RunTask
from lstosa_luigi.products.calibration import Drs4Pedestal
from lstosa_luigi.products.datacheck import CherenkovTransparency, DL1Check, RunDatacheck
from lstosa_luigi.products.dl1a import calibration_of
from lstosa_luigi.products.dl1b import MergedDL1
from lstosa_luigi.products.dl2 import DL2, dl2_prod_id
from lstosa_luigi.products.dl3 import DL3, DL3Index
from lstosa_luigi.products.interleaved import Tailcuts
from lstosa_luigi.products.models import ModelsOrSimulation, RandomForests, TestingDL2
from lstosa_luigi.products.muons import MergedMuons
from lstosa_luigi.products.raw import RunCatalogEntry, RunSummary


class Entry(NightTask, luigi.WrapperTask):
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

    @abc.abstractmethod
    def parts(self) -> Iterator[Any]:
        """Yield what can be named of the task so far."""

    def requires(self) -> Iterator[Any]:
        """Need the run summary, and all that can be named once it is there."""
        if self.night is None:
            yield self.sibling(RunSummary)
        else:
            yield from self.parts()

    def run(self) -> Iterator[Any]:
        """Ask for the rest, which could not be named before."""
        yield list(self.parts())

    def complete(self) -> bool:
        """Whether all is named and there."""
        return self.night is not None and self.is_named() and super().complete()

    def is_named(self) -> bool:
        """Whether :meth:`parts` names all there is to do."""
        return True

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
        """Yield what is known to be needed: all of it once the cleaning is found."""
        parts = list(self._ends())
        yield from parts
        yield from self._gaps(parts, set())

    def _gaps(self, parts: Iterable[Any], seen: set[str]) -> Iterator[Any]:
        """Yield products of the run that were removed, though what is made of them is there."""
        for part in parts:
            if part.task_id in seen or not part.complete():  # Luigi finds what it needs
                continue
            seen.add(part.task_id)
            needs = [
                need
                for need in flatten(part.requires())
                if isinstance(need, SlurmTask) and getattr(need, "run_id", None) == self.run_id
            ]
            yield from (need for need in needs if not need.complete())
            yield from self._gaps(needs, seen)

    def _ends(self) -> Iterator[Any]:
        """Yield the products that the others of the run are made for."""
        summary, options = self.known_night().summary, self.settings.lstchain
        run = summary.run(self.run_id)
        if run.type != DATA:
            raise InputError(f"Run {run.number:05d} is no DATA run but {run.type}.")
        yield self.sibling(MergedMuons, run_id=run.number)
        events = list(events_of(self, run.number))
        yield from events
        cleaning = _cleaning(self, run.number)
        if cleaning is None:
            yield from self._early()
            return
        cleaned = _parameters(run.number, cleaning)
        if options.store_image_dl1ab and options.merge_dl1_datacheck:
            yield self.sibling(RunDatacheck, **cleaned)
        elif options.store_image_dl1ab:
            for subrun in run.subruns:
                yield self.sibling(DL1Check, subrun=subrun, **cleaned)
        yield self.sibling(MergedDL1, **cleaned)
        for dl2 in events:
            if isinstance(dl2, DL2):
                source = self.known_night().sources[run.number]
                yield dl2.clone(DL3, source=source.name)

    def _early(self) -> Iterator[Any]:
        """Yield what can be made while the night is still being calibrated."""
        model, given = certain_model(self.layout, self.settings), self.settings.mc
        if model is not None and not (given.irf_file or given.gamma):
            yield self.sibling(TestingDL2, model=model)

    def is_named(self) -> bool:
        """Whether the cleaning is found."""
        return _cleaning(self, self.run_id) is not None

    def run(self) -> Iterator[Any]:
        """Ask for what the cleaning leads to."""
        yield list(self.parts())
        yield list(self.parts())


class DL2Night(Entry):
    """All DATA runs of the night up to DL2."""

    def parts(self) -> Iterator[Any]:
        """Yield DL2 of all runs, or what leads to it."""
        for run in self.known_night().data_runs:
            yield from events_of(self, run.number)

    def is_named(self) -> bool:
        """Whether the cleaning of all runs is found."""
        runs = self.known_night().data_runs
        return all(_cleaning(self, run.number) is not None for run in runs)

    def run(self) -> Iterator[Any]:
        """Ask for what the cleaning leads to."""
        yield list(self.parts())
        yield list(self.parts())


def events_of(task: NightTask, run: int) -> Iterator[Any]:
    """Yield DL2 of a run; what leads to it, or what is missing, as long as it cannot be named."""
    night, cleaning = task.known_night(), _cleaning(task, run)
    if cleaning is None:
        yield task.sibling(Tailcuts, run_id=run)
        certain = certain_model(task.layout, task.settings)
        if certain is not None:
            yield task.sibling(RandomForests, model=certain)
        return
    if run not in night.sources:
        yield task.sibling(RunCatalogEntry, run_id=run)
        return
    model = model_of(night, task.settings, run, cleaning)
    if model.value is None:
        yield task.sibling(ModelsOrSimulation, run_id=run, reason=model.reason)
        return
    yield task.sibling(DL2, model=model.value, **_parameters(run, cleaning))


def _cleaning(task: NightTask, run: int) -> Cleaning | None:
    return cleaning_of(task.layout, task.settings, run).value


def _parameters(run: int, cleaning: Cleaning) -> dict[str, Any]:
    return {"run_id": run, "dl1_prod": cleaning.dl1_prod, "config": cleaning.config}


class NightlyClose(Entry):
    """The whole night, from wherever it stands to closed."""

    def output(self) -> luigi.LocalTarget:
        """Return the flag."""
        return luigi.LocalTarget(str(self.layout.night_finished()))

    def complete(self) -> bool:
        """Whether the flag is there."""
        return bool(self.output().exists())

    def parts(self) -> Iterator[Any]:
        """Yield calibration and runs."""
        yield from calibration_of(self)
        night = self.known_night()
        for run in night.data_runs:
            yield self.sibling(CloseRun, run_id=run.number)
        # a DRS4 run is worth its baseline even if no data need it
        drs4 = night.drs4_run.value
        if drs4 is not None:
            yield self.sibling(Drs4Pedestal, run_id=drs4)

    def whole_night(self) -> Iterator[Any]:
        """Yield what is made of all runs together."""
        night, options = self.known_night(), self.settings.lstchain
        cleanings: dict[int, Cleaning] = {}
        lists: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
        for run in night.data_runs:
            cleaning = cleaning_of(self.layout, self.settings, run.number).value
            assert cleaning is not None
            cleanings[run.number] = cleaning
            model = model_of(night, self.settings, run.number, cleaning).value
            assert model is not None
            key = (dl2_prod_id(cleaning.dl1_prod, model), night.sources[run.number].name)
            lists.setdefault(key, {})[str(run.number)] = (cleaning.dl1_prod, model)
        if cleanings and options.store_image_dl1ab and options.merge_dl1_datacheck:
            runs = {str(number): cleaning.dl1_prod for number, cleaning in cleanings.items()}
            yield self.sibling(CherenkovTransparency, runs=runs)
        for (dl2_prod, source), event_lists in lists.items():
            yield self.sibling(DL3Index, source=source, dl2_prod=dl2_prod, runs=event_lists)

    def run(self) -> Iterator[Any]:
        """Ask for all runs, then for what is made of all of them, then close.

        Raises
        ------
        InputError
            If a run is of a type that nobody knows: it might be data.
        """
        yield list(self.parts())
        yield list(self.whole_night())
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
