"""What the operators decided about a night: each decision with who, when and why.

They are kept in one small file a night (YAML), apart from the run summary, which is never edited.
Here is what a decision means and which ones are refused; how the file reads:
:mod:`lstosa_luigi.observation.decisions_file`, where it lies: the layout.
"""

from __future__ import annotations

__all__ = [
    "FORCED_RUNS",
    "NONE",
    "Decision",
    "Decisions",
    "Undone",
    "What",
    "is_about_calibration",
]

import dataclasses
import enum
import itertools
from collections.abc import Iterable

from lstosa_luigi.errors import InputError, UsageError
from lstosa_luigi.observation.runs import DATA, DISCARDED, DRS4, PEDCALIB, TYPES, Run, RunSummary


class What(str, enum.Enum):
    """What can be decided."""

    DISCARD = "discard"
    """Leave a run or a subrun out: its data are bad."""
    SET_TYPE = "set-type"
    """Take a run for one of another type than the run summary says."""
    VETO = "veto"
    """Do not process a DATA run, and close the night without it."""
    DRS4 = "drs4"
    """Calibrate the night with this DRS4 run."""
    PEDCALIB = "pedcalib"
    """Calibrate the night with this PEDCALIB run."""
    TIME_CALIBRATION = "time-calibration"
    """Calibrate the night with the time calibration of this run."""
    FILTERS = "filters"
    """Analyse the PEDCALIB runs of the night for these filter wheels."""
    TAILCUTS = "tailcuts"
    """Clean a run, or all, with this DL1b config."""
    RF_MODEL = "rf-model"
    """Reconstruct a run, or all, with these random forests."""
    ACCEPT_INCOMPLETE = "accept-incomplete"
    """Close the night with what there is."""


FORCED_RUNS = {What.DRS4: DRS4, What.PEDCALIB: PEDCALIB}
"""Decisions that name a calibration run, with the type that it must be of."""

CALIBRATING = (*FORCED_RUNS, What.TIME_CALIBRATION, What.FILTERS)
"""Decisions that change what all data are calibrated with."""


@dataclasses.dataclass(frozen=True)
class Undone:
    """Who took a decision back, when (UTC) and why."""

    who: str
    when: str
    why: str

    def __post_init__(self) -> None:
        """Make one line of the reason: it is shown, kept and compared as one."""
        object.__setattr__(self, "why", " ".join(self.why.split()))


@dataclasses.dataclass(frozen=True)
class Decision:
    """One decision.

    Parameters
    ----------
    number : int
        Counted from 1; a number is never given twice.
    what : What
        What is decided.
    who, when, why : str
        Who decided, when (UTC, ISO 8601), and the reason.
    run, subrun : int or None
        What it is about; None where it is about the whole night, or the whole run.
    value : str
        What is chosen: a type, a run, filter wheels, a DL1b config, random forests.
    undone : Undone or None
        Who took it back; None while it holds.
    night : str
        The night it is about, if that is another one than the night that is spoken of.
    """

    number: int
    what: What
    who: str
    when: str
    why: str
    run: int | None = None
    subrun: int | None = None
    value: str = ""
    undone: Undone | None = None
    night: str = ""

    def __post_init__(self) -> None:
        """Make one line of the reason: it is shown, kept and compared as one."""
        object.__setattr__(self, "why", " ".join(self.why.split()))

    @property
    def meaning(self) -> tuple[str, int | None, int | None, str]:
        """What is decided, whoever did it and when."""
        return (self.what.value, self.run, self.subrun, self.value)

    @property
    def unit(self) -> str:
        """What it is about, in an operator's words."""
        of_night = f" of {self.night}" if self.night else ""
        if self.run is None:
            return f"the night{of_night}"
        if self.subrun is None:
            return f"run {self.run:05d}{of_night}"
        return f"subrun {self.run:05d}.{self.subrun:04d}{of_night}"

    @property
    def text(self) -> str:
        """What is decided, in an operator's words: ``discard subrun 01808.0008``."""
        value = f" {self.value}" if self.value else ""
        return f"{self.what.value} {self.unit}{value}"

    @property
    def source(self) -> str:
        """Which decision it is, for a reason: ``decision 2 of mara: clouds``."""
        return f"decision {self.number} of {self.who}: {self.why}"


@dataclasses.dataclass(frozen=True)
class Decisions:
    """All decisions about a night, also those that were undone, in the order of their numbers."""

    all: tuple[Decision, ...] = ()

    @property
    def active(self) -> tuple[Decision, ...]:
        """Those that hold."""
        return tuple(decision for decision in self.all if decision.undone is None)

    def of(self, what: What) -> tuple[Decision, ...]:
        """Return those of one kind that hold."""
        return tuple(decision for decision in self.active if decision.what is what)

    def forced(self, what: What, run: int | None = None) -> Decision | None:
        """Return the decision that chooses: the last about the run, else the last about all."""
        found = [d for d in self.of(what) if d.run in (None, run)]
        return max(found, key=lambda d: (d.run is not None, d.number), default=None)

    def veto(self, run: int) -> Decision | None:
        """Return the decision not to process a run."""
        return next((d for d in self.of(What.VETO) if d.run == run), None)

    @property
    def acceptance(self) -> Decision | None:
        """The decision that the night is closed as it is; any later change makes it void."""
        last = self.active[-1] if self.active else None
        if last is None or last.what is not What.ACCEPT_INCOMPLETE:
            return None
        before = [
            d.undone.when for d in self.all if d.undone is not None and d.number < last.number
        ]
        return None if any(when > last.when for when in before) else last

    def about_calibration(self, observed: RunSummary, night: str) -> list[Decision]:
        """Return those that also matter to a night that borrows of this one, named *night*."""
        mine = [decision for decision in self.all if is_about_calibration(decision, observed)]
        return [dataclasses.replace(decision, night=night) for decision in mine]

    def changed_since(self, texts: Iterable[str]) -> list[Decision]:
        """Return what was made or undone since *texts* held (:attr:`Decision.text`), in order."""
        then, now = list(texts), [decision.text for decision in self.active]
        changed = set(then) ^ set(now)
        if [text for text in then if text in now] != [text for text in now if text in then]:
            changed |= {*then, *now}  # where two choose, the last one counts
        return [decision for decision in self.all if decision.text in changed]

    def apply(self, observed: RunSummary, name: str = "") -> RunSummary:
        """Return the runs of the night as the operators decided to see them.

        Parameters
        ----------
        observed : RunSummary
            The runs as lstchain lists them.
        name : str
            The file that the decisions are of, for the message.

        Raises
        ------
        InputError
            If a decision is about a run that the night does not have.
        """
        known = {run.number for run in observed.runs}
        for decision in self.active:
            if decision.run is not None and decision.run not in known:
                raise InputError(
                    f"{name}: decision {decision.number} ({decision.what.value}) is about run "
                    f"{decision.run:05d}, which is not in the run summary. Undo it: lstosa decide "
                    f"--date ... --undo {decision.number}"
                )
        return RunSummary(tuple(self._seen(run) for run in observed.runs))

    def _seen(self, run: Run) -> Run:
        mine = [decision for decision in self.active if decision.run == run.number]
        types = [d.value for d in mine if d.what is What.SET_TYPE]
        left_out = {d.subrun for d in mine if d.what is What.DISCARD and d.subrun is not None}
        seen = dataclasses.replace(
            run,
            type=types[-1] if types else run.type,
            discarded=tuple(n for n in range(run.n_subruns) if n in left_out),
        )
        whole = any(d.what is What.DISCARD and d.subrun is None for d in mine)
        if whole or (left_out and not seen.subruns):
            return dataclasses.replace(seen, type=DISCARDED)
        return seen

    def decide(
        self, decision: Decision, observed: RunSummary, earlier: Iterable[RunSummary] = ()
    ) -> Decisions:
        """Return the decisions with one more, which gets the next number.

        Parameters
        ----------
        decision : Decision
            The new one.
        observed : RunSummary
            The runs as lstchain lists them.
        earlier : iterable of RunSummary
            Those of the nights that a calibration run may be borrowed from, as decided.

        Raises
        ------
        UsageError
            If it cannot be meant: no such run, no such subrun, decided already.
        """
        number = max((d.number for d in self.all), default=0) + 1
        new = dataclasses.replace(decision, number=number)
        same = next((d for d in self.active if d.meaning == new.meaning), None)
        is_void = new.what is What.ACCEPT_INCOMPLETE and self.acceptance is None
        if same is not None and not is_void:
            raise UsageError(f"That is decided already: {same.source} ({same.when}).")
        self._check_forced(new)
        _check(new, self.apply(observed), earlier)
        return Decisions((*self.all, new))

    def _check_forced(self, new: Decision) -> None:
        """Refuse to take from a run what another decision needs of it."""
        changes_type = new.what is What.SET_TYPE or (
            new.what is What.DISCARD and new.subrun is None
        )
        for forced in self.active:
            if changes_type and forced.what in FORCED_RUNS and int(forced.value) == new.run:
                raise UsageError(
                    f"Run {new.run:05d} is what the night has to be calibrated with by "
                    f"{forced.source}. Undo that first: --undo {forced.number}"
                )

    def undo(self, number: int, undone: Undone) -> Decisions:
        """Return the decisions with one of them taken back.

        Raises
        ------
        UsageError
            If there is no such decision, or it is undone already.
        """
        numbers = ", ".join(str(d.number) for d in self.active) or "none"
        found = next((d for d in self.all if d.number == number), None)
        if found is None:
            raise UsageError(f"There is no decision {number}; those that hold: {numbers}.")
        if found.undone is not None:
            raise UsageError(
                f"Decision {number} was undone by {found.undone.who} on {found.undone.when}; "
                f"those that hold: {numbers}."
            )
        changed = dataclasses.replace(found, undone=undone)
        return Decisions(tuple(changed if d is found else d for d in self.all))


NONE = Decisions()


def is_about_calibration(decision: Decision, observed: RunSummary) -> bool:
    """Whether a decision can change what a night, or one that borrows of it, is calibrated with."""
    if decision.what in CALIBRATING:
        return True
    types = {run.type for run in observed.runs if run.number == decision.run} | {decision.value}
    return decision.run is not None and not types.isdisjoint(FORCED_RUNS.values())


def _check(new: Decision, summary: RunSummary, earlier: Iterable[RunSummary]) -> None:
    """Refuse what cannot be meant, given the runs as they are seen by now."""
    if new.what in FORCED_RUNS:
        number, nights = int(new.value), itertools.chain([summary], earlier)
        lists = (night for night in nights if any(run.number == number for run in night.runs))
        run = _run(next(lists, summary), number)
        wanted = FORCED_RUNS[new.what]
        if run.type != wanted:
            raise UsageError(
                f"Run {run.number:05d} is no {wanted} run but {run.type}. If it is one all the "
                f"same, say so first: --set-type {run.number} {wanted}"
            )
    if new.run is None:
        return
    run = _run(summary, new.run)
    if new.what is What.SET_TYPE and new.value not in TYPES:
        raise UsageError(f"{new.value} is no type of a run; there are {', '.join(TYPES)}.")
    if run.type == DISCARDED:
        raise UsageError(f"Run {run.number:05d} is discarded already.")
    is_of_data = new.what in (What.VETO, What.TAILCUTS, What.RF_MODEL) or new.subrun is not None
    if is_of_data and run.type != DATA:
        raise UsageError(
            f"Run {run.number:05d} is no DATA run but {run.type}. To have it used for nothing, "
            f"discard it: --discard {run.number}"
        )
    if new.subrun is None:
        return
    if not 0 <= new.subrun < run.n_subruns:
        raise UsageError(
            f"Run {run.number:05d} has no subrun {new.subrun:04d}: its subruns are 0000 to "
            f"{run.n_subruns - 1:04d}."
        )
    if run.subruns == (new.subrun,):
        raise UsageError(
            f"Nothing of run {run.number:05d} would be left. Discard the run: "
            f"--discard {run.number}"
        )


def _run(summary: RunSummary, number: int) -> Run:
    try:
        return summary.run(number)
    except InputError as error:
        raise UsageError(str(error)) from error
