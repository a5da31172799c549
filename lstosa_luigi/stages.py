"""Stages: parts of a night that can be named only once something else is there.

Which runs there are is known once the run summary is; how a run is cleaned, and so where its
products lie, once its tailcuts are found. Luigi lets a task ask for more only when all that it
needs is made. So what can be named late stands in a stage of its own, which needs nothing but
what it is named after: whatever else fails cannot keep it from being made.
"""

from __future__ import annotations

__all__ = [
    "NightDatacheck",
    "RunEvents",
    "RunProducts",
    "SourceIndex",
    "Stage",
    "WholeRun",
    "early_catb",
    "early_models",
    "source_table",
]

import abc
from collections.abc import Iterable, Iterator
from typing import Any

import luigi
from luigi.task import flatten

from lstosa_luigi.errors import InputError, LstosaError
from lstosa_luigi.execution.task import SlurmTask
from lstosa_luigi.observation.reconstruction import (
    Cleaning,
    certain_model,
    known_cleaning,
    model_of,
    tailcuts_needed,
)
from lstosa_luigi.observation.runs import DATA
from lstosa_luigi.products.base import NightProduct, NightTask, RunTask
from lstosa_luigi.products.catalog import RunCatalog, can_be_made, source_entry
from lstosa_luigi.products.datacheck import (
    CherenkovTransparency,
    DL1Check,
    LongtermDatacheck,
    RunDatacheck,
)
from lstosa_luigi.products.dl1a import undetermined
from lstosa_luigi.products.dl1b import MergedDL1
from lstosa_luigi.products.dl2 import DL2
from lstosa_luigi.products.dl3 import DL3, DL3Index
from lstosa_luigi.products.interleaved import CatBCalibration, Tailcuts
from lstosa_luigi.products.irf import IRF
from lstosa_luigi.products.models import ModelsOrSimulation, RandomForests, TestingDL2
from lstosa_luigi.products.muons import MergedMuons
from lstosa_luigi.products.raw import RunSummary


class Stage(NightTask, luigi.WrapperTask):
    """Tasks that can be named only once others are there."""

    def first(self) -> Iterable[Any]:
        """Return what must be there before the parts can be named, beside the run summary."""
        return ()

    @abc.abstractmethod
    def parts(self) -> Iterator[Any]:
        """Yield the tasks, which can be named by now."""

    def owns(self, need: SlurmTask) -> bool:
        """Whether a product is of this stage, which only names what is made of it."""
        return False

    def requires(self) -> Iterator[Any]:
        """Need what the parts are named after, then the parts."""
        if self.night is None:
            yield self.sibling(RunSummary)
            return
        lacking = [task for task in self.first() if not task.complete()]
        if lacking:
            yield from lacking
            return
        parts = list(self.parts())
        yield from parts
        yield from self._gaps(parts, set())

    def _gaps(self, parts: Iterable[Any], seen: set[str]) -> Iterator[Any]:
        """Yield products that were removed, though what is made of them is there."""
        for part in parts:
            # Luigi finds what a product needs that is not there; a stage knows its own gaps
            if part.task_id in seen or isinstance(part, Stage) or not part.complete():
                continue
            seen.add(part.task_id)
            needs = [
                need
                for need in flatten(part.requires())
                if isinstance(need, SlurmTask) and self.owns(need) and not is_passing(need)
            ]
            yield from (need for need in needs if not need.complete())
            yield from self._gaps(needs, seen)

    def run(self) -> Iterator[Any]:
        """Ask for all that is needed."""
        yield from self.unfold()

    def unfold(self) -> Iterator[Any]:
        """Ask for what is needed, and for more as long as more becomes known."""
        while not self.is_made():
            yield list(self.requires())

    def is_made(self) -> bool:
        """Whether all is named and there; not if a table that names it is damaged."""
        try:
            return bool(luigi.WrapperTask.complete(self))
        except LstosaError:  # said when it is planned
            return False

    def complete(self) -> bool:
        """Whether all is named and there."""
        return self.is_made()


class _AfterCleaning(Stage, RunTask):
    """What is made of a run once its cleaning is found."""

    @property
    def title(self) -> str:
        """The stage in an operator's words."""
        return f"{self.task_family} {self.unit}"

    def first(self) -> Iterable[Any]:
        """Need the cleaning."""
        return cleaning_needs(self, [self.run_id])

    def owns(self, need: SlurmTask) -> bool:
        """Whether a product is of the run, or is the IRF of its event list."""
        return getattr(need, "run_id", None) == self.run_id or isinstance(need, IRF)


class RunEvents(_AfterCleaning):
    """Events of a run, up to DL2."""

    def parts(self) -> Iterator[Any]:
        """Yield DL2."""
        yield from events_of(self, self.run_id)


class RunProducts(_AfterCleaning):
    """All that is made of a run from DL1b on."""

    def parts(self) -> Iterator[Any]:
        """Yield the products that the others of the run are made for."""
        options, cleaned = self.settings.lstchain, _parameters(self, self.run_id)
        if options.store_image_dl1ab and options.merge_dl1_datacheck:
            yield self.sibling(RunDatacheck, **cleaned)
        elif options.store_image_dl1ab:
            for subrun in self.known_night().summary.run(self.run_id).subruns:
                yield self.sibling(DL1Check, subrun=subrun, **cleaned)
        yield self.sibling(MergedDL1, **cleaned)
        for task in events_of(self, self.run_id):
            yield task
            if isinstance(task, DL2):
                yield task.clone(DL3, source=self.known_night().sources[self.run_id].name)


class WholeRun(Stage, RunTask):
    """All products of one run, DL1 to DL3."""

    @property
    def title(self) -> str:
        """The stage in an operator's words."""
        return f"{self.task_family} {self.unit} of {self.date} ({self.prod_id})"

    def first(self) -> Iterator[Any]:
        """Need to know how the run was recorded, which says what its products are made of."""
        number = self.run_id
        if any(run.number == number for run in self.known_night().data_runs):
            yield from undetermined(self, [number])

    def parts(self) -> Iterator[Any]:
        """Yield the muon rings, what follows the cleaning, and what need not wait for it."""
        run = self.known_night().summary.run(self.run_id)
        if run.type != DATA:
            raise InputError(f"Run {run.number:05d} is no DATA run but {run.type}.")
        veto = self.known_night().decisions.veto(run.number)
        if veto is not None:
            raise InputError(
                f"Run {run.number:05d} is vetoed ({veto.source}). To have it processed: "
                f"lstosa decide --date {self.date} --undo {veto.number} --why ..."
            )
        elsewhere = self.known_night().elsewhere.get(run.number)
        if elsewhere is not None:
            raise InputError(
                f"Run {run.number:05d} has no raw data in the night of {self.date}: it is "
                f"processed in that of {elsewhere}, which lists it too and has them."
            )
        yield from source_table(self)
        yield self.sibling(MergedMuons, run_id=run.number)
        yield self.sibling(RunProducts, run_id=run.number)
        yield from early_catb(self, run.number)
        yield from early_models(self, run.number)

    def owns(self, need: SlurmTask) -> bool:
        """Whether a product is of the run."""
        return getattr(need, "run_id", None) == self.run_id


class NightDatacheck(Stage):
    """Datacheck of all runs of the night together."""

    def first(self) -> Iterable[Any]:
        """Need the cleaning of all runs, which says where their datachecks lie."""
        return cleaning_needs(self, [run.number for run in self.known_night().data_runs])

    def parts(self) -> Iterator[Any]:
        """Yield the night-wise datacheck, if there are run-wise ones."""
        options, numbers = self.settings.lstchain, [r.number for r in self.known_night().data_runs]
        if numbers and options.store_image_dl1ab and options.merge_dl1_datacheck:
            runs = {str(number): _cleaning(self, number).dl1_prod for number in numbers}
            yield self.sibling(CherenkovTransparency, runs=runs)

    def owns(self, need: SlurmTask) -> bool:
        """Whether a product is the page, or the table that the transparency was added to."""
        return isinstance(need, LongtermDatacheck)


class SourceIndex(Stage):
    """Index of all event lists of a source."""

    source = luigi.Parameter(description="name of the source")

    @property
    def title(self) -> str:
        """The stage in an operator's words."""
        return f"{self.task_family} {self.source} of {self.date}"

    def _runs(self) -> list[int]:
        night = self.known_night()
        numbers = [run.number for run in night.data_runs]
        return [n for n in numbers if n in night.sources and night.sources[n].name == self.source]

    def first(self) -> Iterable[Any]:
        """Need the source of every run, lest one is forgotten, and the cleaning of those of it."""
        for run in self.known_night().data_runs:
            yield source_entry(self, run.number)
        yield from cleaning_needs(self, self._runs())

    def parts(self) -> Iterator[Any]:
        """Yield an index for each kind of DL2, or what is missing for DL2 of a run."""
        events = [task for run in self._runs() for task in events_of(self, run)]
        missing = [task for task in events if not isinstance(task, DL2)]
        if missing:  # an index is never written again
            yield from missing
            return
        kinds: dict[str, dict[str, tuple[str, str]]] = {}
        for dl2 in events:
            lists = kinds.setdefault(dl2.dl2_prod, {})
            lists[str(dl2.run_id)] = (str(dl2.dl1_prod), str(dl2.model))
        for dl2_prod, lists in kinds.items():
            yield self.sibling(DL3Index, source=self.source, dl2_prod=dl2_prod, runs=lists)


def cleaning_needs(task: NightTask, runs: Iterable[int]) -> list[Any]:
    """Return what the cleaning of runs is found with, of those for which it has to be found.

    For runs of which nobody knows how they were recorded that has to be found out before.
    """
    layout, settings, runs = task.layout, task.settings, list(runs)
    unknown = undetermined(task, runs)
    not_yet = {int(need.run_id) for need in unknown}
    needed = [
        number
        for run in runs
        if run not in not_yet
        for number in tailcuts_needed(layout, settings, run)
    ]
    found = [run for run in dict.fromkeys(needed) if run not in not_yet]
    return [*unknown, *(task.sibling(Tailcuts, run_id=run) for run in found)]


def is_passing(need: object) -> bool:
    """Whether a product may be removed once all that is made of it is there."""
    return isinstance(need, NightProduct) and need.is_passing


def events_of(task: NightTask, run: int) -> Iterator[Any]:
    """Yield DL2 of a run whose cleaning is found, or what is missing for it."""
    night = task.known_night()
    if run not in night.sources:
        yield source_entry(task, run)
        return
    model = model_of(night, task.settings, run, _cleaning(task, run))
    if model.value is None:
        yield task.sibling(ModelsOrSimulation, run_id=run, reason=model.reason)
        return
    yield task.sibling(DL2, model=model.value, **_parameters(task, run))


def early_models(task: NightTask, run: int, response: bool = True) -> Iterator[Any]:
    """Yield what can be made of simulated events while the cleaning of a run is being found.

    Parameters
    ----------
    task : NightTask
        Who asks.
    run : int
        Run number.
    response : bool
        Whether the instrument response is wanted as well as the random forests.
    """
    if all(need.complete() for need in cleaning_needs(task, [run])):
        return
    model, given = certain_model(task.layout, task.settings), task.settings.mc
    if model is None:
        return
    yield task.sibling(RandomForests, model=model)
    if response and not (given.irf_file or given.gamma):
        yield task.sibling(TestingDL2, model=model)


def early_catb(task: NightTask, run: int) -> Iterator[Any]:
    """Yield the Cat-B calibration of a run if it is asked for; it need not wait for the cleaning.

    lstosa makes it while the tailcuts are being found, too.
    """
    if task.settings.lstchain.apply_catB_calibration:
        yield task.sibling(CatBCalibration, run_id=run)


def source_table(task: NightTask) -> Iterator[Any]:
    """Yield the run catalogue if it can be made: sooner than DL2, which asks for it again."""
    if can_be_made(task) and task.known_night().data_runs:
        yield task.sibling(RunCatalog)


def _cleaning(task: NightTask, run: int) -> Cleaning:
    return known_cleaning(task.layout, task.settings, run)


def _parameters(task: NightTask, run: int) -> dict[str, Any]:
    return {"run_id": run, "dl1_prod": _cleaning(task, run).dl1_prod}
