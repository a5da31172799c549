"""Which products a night has, found from the graph without looking at each subrun.

The products of the subruns of a run are alike: their names differ by the number of the subrun. So
the graph is walked as if each run had one subrun, and what is found for it is repeated. A test
compares that with the whole graph.
"""

from __future__ import annotations

__all__ = ["Graph", "Series", "find_graph"]

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.task import SlurmTask, is_there
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.night import Night, sketched
from lstosa_luigi.observation.reconstruction import cleaning_of
from lstosa_luigi.products.base import External, NightProduct, SubrunTask
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.status.model import Missing


@dataclasses.dataclass(frozen=True)
class Series:
    """A product of each subrun of a run, or a single product.

    Parameters
    ----------
    product, unit, title, name : str
        Kind, what it is of, both in words, and the name of log and record; of the first subrun.
    run : int or None
        Run number; None of what is made of several runs.
    subruns : tuple of int
        Those that it is made of; none for a single product.
    files : tuple of (str, str)
        Name among the outputs, and path; of the first subrun. A file that is only named by itself
        has no name.
    own : dict of int to tuple of (str, str)
        The same by subrun, where they differ by more than the number.
    record, log : str
        Files that tell how the last attempt went; of the first subrun.
    needs : tuple of int
        Other series, as places in :attr:`Graph.series`.
    lacks : tuple of int
        What only the outside can supply, as places in :attr:`Graph.missing`.
    problem : str
        Why it cannot be planned; empty if it can.
    is_there : bool or None
        For what is not simply there when its files are: whether it is.
    is_passing : bool
        Whether it may be removed once all that is made of it is there.
    behind : str or None
        Of DL1a: the DL1b without which a link for its file does not count, of the first subrun;
        None if no link counts, as its images are still to be read; empty if any does.
    refusal : str
        Why a tool refused to make it, if that is done without.
    """

    product: str
    unit: str
    title: str
    name: str
    run: int | None
    subruns: tuple[int, ...]
    files: tuple[tuple[str, str], ...]
    record: str
    log: str
    needs: tuple[int, ...]
    lacks: tuple[int, ...]
    problem: str
    is_there: bool | None
    is_passing: bool
    refusal: str
    own: Mapping[int, tuple[tuple[str, str], ...]]
    behind: str | None = ""

    @property
    def members(self) -> tuple[int | None, ...]:
        """The subruns, or None for a single product."""
        return self.subruns or (None,)

    def of(self, text: str, subrun: int | None) -> str:
        """Return what a text about the first subrun is for another one."""
        if subrun is None:
            return text
        return text.replace(self.unit, f"{self.unit.rpartition('.')[0]}.{subrun:04d}")

    def files_of(self, subrun: int | None) -> Iterator[tuple[str, str]]:
        """Yield name and path of the files of a subrun."""
        if subrun is not None and self.own:
            yield from self.own[subrun]
            return
        for name, path in self.files:
            yield name, self.of(path, subrun)

    def is_by_subrun(self, need: Series) -> bool:
        """Whether a subrun needs only the same subrun of another series, not all of it."""
        return bool(self.subruns) and self.run == need.run and self.subruns == need.subruns


@dataclasses.dataclass(frozen=True)
class Graph:
    """All that can be named by now.

    Parameters
    ----------
    series : tuple of Series
        Products, what a product needs before it.
    missing : tuple of Missing
        What is not there and only the outside can supply.
    problems : tuple of (int or None, str)
        What cannot be planned, with the run that it is of.
    steps : tuple of Step
        The steps that this was found from.
    asked, asked_outside : frozenset of int
        Series, and what only the outside can supply, that are asked for by what is no product, and
        so are missed in any case.
    """

    series: tuple[Series, ...]
    missing: tuple[Missing, ...]
    problems: tuple[tuple[int | None, str], ...]
    steps: tuple[Step, ...]
    asked: frozenset[int]
    asked_outside: frozenset[int]


def find_graph(root: NightlyClose) -> Graph:
    """Return the products of a night.

    Raises
    ------
    LstosaError
        If a table that the whole night rests on is damaged.
    """
    night = root.night
    with sketched():
        wanted = tuple(root.wanted())
        steps = tuple(walk(wanted))
        lacking = [s.task for s in steps if isinstance(s.task, External) and not is_there(s.task)]
        missing = {task.task_id: _missing(task) for task in lacking}
        places = {task_id: place for place, task_id in enumerate(missing)}
        series: list[Series] = []
        found: dict[str, int] = {}
        for step in steps:
            if isinstance(step.task, NightProduct):
                needs = [found[n.task_id] for n in step.needs if n.task_id in found]
                lacks = [places[n.task_id] for n in step.needs if n.task_id in places]
                found[step.task.task_id] = len(series)
                series.append(_series(step, night, tuple(needs), tuple(lacks)))
        asked = {task.task_id for task in wanted} | set(_asked(steps))
    problems = tuple(
        (getattr(s.task, "run_id", None), f"{_title(s.task)}: {s.problem}")
        for s in steps
        if s.problem
    )
    return Graph(
        series=tuple(series),
        missing=tuple(missing.values()),
        problems=problems,
        steps=steps,
        asked=frozenset(found[task_id] for task_id in asked if task_id in found),
        asked_outside=frozenset(places[task_id] for task_id in asked if task_id in places),
    )


def _asked(steps: tuple[Step, ...]) -> Iterator[str]:
    """Yield the ids of what a stage that is not complete asks for itself."""
    for step in steps:
        if not isinstance(step.task, NightProduct) and step.needs and not is_there(step.task):
            yield from (need.task_id for need in step.needs)


def _series(
    step: Step, night: Night | None, needs: tuple[int, ...], lacks: tuple[int, ...]
) -> Series:
    task = step.task
    run = getattr(task, "run_id", None)
    subruns: tuple[int, ...] = ()
    if isinstance(task, SubrunTask) and night is not None:
        subruns = night.summary.run(task.run_id).subruns
    own = {}
    if subruns and not task.is_alike:
        own = {n: _files(task.clone(subrun=n)) for n in subruns}
    return Series(
        product=task.task_family,
        unit=task.unit,
        title=task.title,
        name=task.record_name,
        run=None if run is None else int(run),
        subruns=subruns,
        files=_files(task),
        record=str(task.layout.record(task.record_name)),
        log=str(task.layout.log(task.record_name)),
        needs=needs,
        lacks=lacks,
        problem=step.problem,
        is_there=None if has_simple_rule(task) else is_there(task),
        is_passing=task.is_passing,
        refusal=task.refused(),
        own=own,
        behind=_behind(task),
    )


def has_simple_rule(task: NightProduct) -> bool:
    """Whether a product is there when its files are; of DL1a, see :attr:`Series.behind`."""
    return type(task).complete in (SlurmTask.complete, DL1A.complete)


def _behind(task: NightProduct) -> str | None:
    """Return what :meth:`DL1A.complete` looks for."""
    if not isinstance(task, DL1A):
        return ""
    try:
        found = cleaning_of(task.layout, task.settings, task.run_id).value
    except LstosaError:  # said where the cleaning is asked for
        return ""
    return (
        None if found is None else str(task.layout.dl1b(task.run_id, task.number, found.dl1_prod))
    )


def _files(task: NightProduct) -> tuple[tuple[str, str], ...]:
    output = task.output()
    named = output.items() if isinstance(output, dict) else [("", output)]
    paths = [(key, str(target.path)) for key, target in named]
    return tuple(("" if key == Path(path).name else key, path) for key, path in paths)


def _missing(task: External) -> Missing:
    run = getattr(task, "run_id", None)
    return Missing(_title(task), run, task.hint())


def _title(task: object) -> str:
    family, run = type(task).__name__, getattr(task, "run_id", None)
    return str(getattr(task, "title", family if run is None else f"{family} Run{run:05d}"))
