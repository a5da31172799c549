"""What the next command on a night would do, and why: found by walking the graph, nothing else.

Nothing is written or submitted here. How a plan is shown: :mod:`lstosa_luigi.cli.plan`.
"""

from __future__ import annotations

__all__ = [
    "Item",
    "NamedChoice",
    "Plan",
    "RunRow",
    "State",
    "choice_as_data",
    "choices_of",
    "lacking_pedestals",
    "make_plan",
    "notes_of",
    "runs_of",
]

import dataclasses
import datetime
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from luigi.task import flatten

from lstosa_luigi.closing import ObservationOver
from lstosa_luigi.config import Settings
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.task import is_there
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.decisions import Decision, What
from lstosa_luigi.observation.filters import filters_of
from lstosa_luigi.observation.gain_selection import R0_TO_R0G, is_used
from lstosa_luigi.observation.input_state import InputState, input_state_of
from lstosa_luigi.observation.night import Night, decisions_of
from lstosa_luigi.observation.reconstruction import (
    cat_b_of,
    cleaning_of,
    forced_model_of,
    lacks_pedestals,
    model_of,
    superseded_places,
)
from lstosa_luigi.observation.runs import DATA, DISCARDED, IGNORED_TYPES, DatedRun, Run
from lstosa_luigi.outdated import Outdated, find_outdated, find_unneeded
from lstosa_luigi.products.base import External, NightProduct
from lstosa_luigi.products.dl1a import is_calibrated
from lstosa_luigi.products.gain_selection import GainSelection


class State(str, enum.Enum):
    """How a product stands."""

    THERE = "there"
    MAKE = "make"
    """It is not there and would be made."""
    AGAIN = "again"
    """It is there, but was made before the operators decided otherwise."""
    BLOCKED = "blocked"
    """It needs something that only the outside can supply."""
    LEFT = "left"
    """It is not there, or outdated, but the night is closed, or accepted, as it is."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One product of the plan.

    Parameters
    ----------
    product, unit, title : str
        Kind, what it is of, and both in an operator's words.
    state : State
        How it stands.
    reason : str
        Why, where it is neither there nor simply to be made.
    files : tuple of str
        Where it lies.
    follows : bool
        Whether it is outdated only because something that it is made of is.
    command : tuple of str
        What would make it, if it would be made and commands were asked for.
    """

    product: str
    unit: str
    title: str
    state: State
    reason: str
    files: tuple[str, ...]
    follows: bool = False
    command: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunRow:
    """One run of the night, and what becomes of it."""

    run: int
    type: str
    observed_type: str
    n_subruns: int
    discarded: tuple[int, ...]
    source: str
    treatment: str


@dataclasses.dataclass(frozen=True)
class NamedChoice:
    """A choice and what it is for; *run* is None for the whole night."""

    name: str
    run: int | None
    choice: Choice[Any]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A night as the next command would find it.

    Parameters
    ----------
    date, telescope, prod_id : str
        Which night.
    conclusion : str
        Whether it is closed.
    is_known : bool
        Whether there is a run summary.
    is_settled : bool
        Whether nothing would be made in any case: the night is closed, or accepted as it is.
    runs, choices, decisions, items : tuple
        Its runs, what was chosen, what the operators decided and holds, its products.
    missing : tuple of str
        What only the outside can supply.
    problems : tuple of str
        What cannot be planned, or keeps the night from being closed.
    notes : tuple of str
        What is not known yet.
    """

    date: str
    telescope: str
    prod_id: str
    conclusion: str
    is_known: bool
    is_settled: bool
    runs: tuple[RunRow, ...]
    choices: tuple[NamedChoice, ...]
    decisions: tuple[Decision, ...]
    items: tuple[Item, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def make_plan(root: NightlyClose, with_commands: bool = False) -> Plan:
    """Return what ``NightlyClose`` would do now.

    Parameters
    ----------
    root : NightlyClose
        The night.
    with_commands : bool
        Whether to name the command of each product that would be made.

    Raises
    ------
    LstosaError
        If a table that the whole night rests on is damaged.
    """
    night, is_settled = root.night, root.complete() or root.is_accepted()
    wanted = [*root.wanted()]
    steps = list(walk(wanted))
    outdated = find_outdated(steps)
    unneeded = find_unneeded(steps, outdated, wanted)
    steps = [step for step in steps if step.task.task_id not in unneeded]
    missing, problems = _externals(steps), [*_problems(steps)]
    runs: tuple[RunRow, ...] = ()
    choices: tuple[NamedChoice, ...] = ()
    if night is not None:
        may_be_calibrated = is_calibrated(root) is not False
        runs = tuple(runs_of(night, may_be_calibrated))
        choices = tuple(choices_of(night, root, may_be_calibrated))
        problems += [text for _, text in lacking_pedestals(night, root.settings)]
        for run in night.summary.unknown:
            problems.append(
                f"Run {run.number:05d} is of the unknown type {run.type!r}: the night is not closed"
            )
    return Plan(
        date=str(root.date),
        telescope=str(root.telescope),
        prod_id=str(root.prod_id),
        conclusion=root.conclusion(),
        is_known=night is not None,
        is_settled=is_settled,
        runs=runs,
        choices=choices,
        decisions=(decisions_of(root.layout) if night is None else night.related).active,
        items=tuple(_items(steps, outdated, missing, is_settled, with_commands)),
        missing=tuple(dict.fromkeys(missing.values())),
        problems=tuple(problems),
        notes=tuple(notes_of(root, night, choices)),
    )


# --- products ------------------------------------------------------------------------------


def _items(
    steps: list[Step],
    outdated: dict[str, Outdated],
    missing: dict[str, str],
    is_settled: bool,
    with_commands: bool,
) -> Iterator[Item]:
    blocked = dict(missing)
    for step in steps:
        task = step.task
        waits = [blocked[need.task_id] for need in step.needs if need.task_id in blocked]
        is_made = is_there(task)
        if waits and not is_made:
            blocked[task.task_id] = waits[0]
        if not isinstance(task, NightProduct):
            continue
        old = outdated.get(task.task_id, Outdated(""))
        reason = old.reason
        if is_made and not reason:
            state = State.THERE
        elif is_settled:
            state = State.LEFT
        elif waits:
            state, reason = State.BLOCKED, waits[0]
        else:
            state = State.AGAIN if is_made else State.MAKE
        command: tuple[str, ...] = ()
        if with_commands and state in (State.MAKE, State.AGAIN):
            try:
                command = task.job().argv
            except LstosaError as error:
                reason = str(error)
        files = tuple(str(target.path) for target in flatten(task.output()))
        yield Item(
            task.task_family, task.unit, task.title, state, reason, files, old.follows, command
        )


def _externals(steps: list[Step]) -> dict[str, str]:
    """Return what to do for each thing that is not there and that no command makes."""
    return {
        step.task.task_id: step.task.hint()
        for step in steps
        if isinstance(step.task, External) and not is_there(step.task)
    }


def _problems(steps: list[Step]) -> Iterator[str]:
    for step in steps:
        if step.problem:
            yield f"{getattr(step.task, 'title', step.task.task_family)}: {step.problem}"


def lacking_pedestals(night: Night, settings: Settings) -> Iterator[tuple[int, str]]:
    """Yield the runs that cannot be cleaned for want of pedestals, with the reason."""
    for run in night.data_runs:
        text = lacks_pedestals(night, settings, run.number)
        if text:
            yield run.number, text


# --- runs and choices ----------------------------------------------------------------------


def runs_of(night: Night, may_be_calibrated: bool) -> Iterator[RunRow]:
    """Yield the runs of a night, and what becomes of each.

    *may_be_calibrated* is whether any of them may have to be calibrated by us.
    """
    observed = {run.number: run for run in night.observed.runs}
    for run in night.summary.runs:
        source = night.sources.get(run.number)
        yield RunRow(
            run=run.number,
            type=run.type,
            observed_type=observed[run.number].type,
            n_subruns=run.n_subruns,
            discarded=run.discarded,
            source="" if source is None else source.name,
            treatment=_treatment(night, run, may_be_calibrated),
        )


def _treatment(night: Night, run: Run, may_be_calibrated: bool) -> str:
    """Say what becomes of a run."""
    chosen = (night.drs4_run.value, night.pedcalib_run.value)
    if run.type == DISCARDED:
        whole = [d for d in night.decisions.of(What.DISCARD) if d.run == run.number]
        return f"discarded ({whole[-1].source})"
    if run.type == DATA:
        veto, elsewhere = night.decisions.veto(run.number), night.elsewhere.get(run.number)
        if elsewhere is not None and veto is None:
            return f"processed in the night of {elsewhere}, where its raw data lie"
        return "processed" if veto is None else f"vetoed ({veto.source})"
    if may_be_calibrated and DatedRun(night.layout.date, run.number) in chosen:
        return "calibrates the night"
    if run.type in IGNORED_TYPES:
        return "left alone"
    if run in night.summary.unknown:
        return "unknown type: keeps the night from being closed"
    return "not used"


def choices_of(night: Night, root: NightlyClose, may_be_calibrated: bool) -> Iterator[NamedChoice]:
    """Yield what was chosen for a night, with the reasons; the last as of :func:`runs_of`."""
    settings = root.settings
    if may_be_calibrated:
        yield NamedChoice("DRS4 run", None, night.drs4_run)
        yield NamedChoice("PEDCALIB run", None, night.pedcalib_run)
        pedcalib = night.pedcalib_run.value
        if pedcalib is not None:
            yield NamedChoice("filters", None, filters_of(night.layout, settings, pedcalib))
        yield NamedChoice("time calibration", None, night.time_calibration)
        yield NamedChoice("F-factor systematics", None, night.systematics)
    superseded = superseded_places(night, settings)
    for run in night.data_runs:
        state = _input_state(night, settings, run.number)
        yield NamedChoice("input state", run.number, state)
        if state.value is InputState.LEGACY_RAW:
            selection = root.sibling(GainSelection, run_id=run.number, subrun=0)
            yield NamedChoice("gain selection", run.number, selection.treatment())
            if selection.tool().value == R0_TO_R0G:
                heuristic = selection.heuristic()
                words = Choice(is_used(bool(heuristic.value)), heuristic.reason, ("on", "off"))
                yield NamedChoice("flat-field heuristic", run.number, words)
        cleaning = _cleaning(night, settings, run.number)
        others = superseded.get(run.number, ())
        if others:
            said = f"{cleaning.reason}; what there is of it in {', '.join(others)} does not count"
            cleaning = dataclasses.replace(cleaning, reason=said)
        yield NamedChoice("cleaning", run.number, cleaning)
        if settings.lstchain.apply_catB_calibration:
            yield NamedChoice("Cat-B", run.number, cat_b_of(night.layout, settings, run.number))
        yield NamedChoice("random forests", run.number, _model(night, settings, run, cleaning))


def _input_state(night: Night, settings: Settings, run: int) -> Choice[Any]:
    try:
        return input_state_of(night, settings, run)
    except LstosaError as error:
        return Choice(None, str(error))


def _cleaning(night: Night, settings: Settings, run: int) -> Choice[Any]:
    try:
        return cleaning_of(night.layout, settings, run)
    except LstosaError as error:
        return Choice(None, str(error))


def _model(night: Night, settings: Settings, run: Run, cleaning: Choice[Any]) -> Choice[str]:
    if cleaning.value is None:
        unknown: Choice[str] = Choice(None, f"chosen after the cleaning; {cleaning.reason}")
        return forced_model_of(night, run.number) or unknown
    try:
        return model_of(night, settings, run.number, cleaning.value)
    except LstosaError as error:
        return Choice(None, str(error))


def choice_as_data(choice: Choice[Any]) -> dict[str, Any]:
    """Return a choice as JSON can hold it."""
    return {
        "value": _plain(choice.value),
        "reason": choice.reason,
        "candidates": [_plain(candidate) for candidate in choice.candidates],
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(part) for key, part in vars(value).items()}
    if isinstance(value, enum.Enum):
        return value.value
    return str(value) if isinstance(value, (Path, datetime.date)) else value


# --- what is not known ---------------------------------------------------------------------


def notes_of(
    root: NightlyClose, night: Night | None, choices: tuple[NamedChoice, ...]
) -> Iterator[str]:
    """Yield what is not known yet, and why."""
    if night is None:
        yield (
            f"{root.layout.run_summary()} is not there yet: which runs there are, and all that "
            "follows from them, is known once it is made"
        )
        return
    over = root.sibling(ObservationOver)
    if root.complete():
        yield "the night is closed: nothing would be made"
    elif root.is_accepted():
        yield "the night is accepted as it is: it would be closed, and nothing else be made"
    if not root.complete() and not over.complete():
        yield f"it would not be closed yet. {over.hint().rstrip('.')}"
    undetermined = [
        f"{named.run:05d}"
        for named in choices
        if named.name == "input state" and named.choice.value is None
    ]
    if undetermined:
        yield (
            f"what is to be done with the raw data of {', '.join(undetermined)}, gain "
            "selection and calibration, is known once their first events were looked at"
        )
    unlisted = night.unlisted_night()
    if unlisted is not None:
        yield (
            f"the runs of {unlisted} are listed first: what the night is calibrated with, and all "
            "that is made with it, is chosen once they are known"
        )
    unknown = [
        f"{named.run:05d}"
        for named in choices
        if named.name == "cleaning" and named.choice.value is None
    ]
    if unknown:
        yield (
            f"DL1B to DL3 of {', '.join(unknown)}, and what is made of several runs, are named "
            "once the cleaning of the runs is known"
        )
