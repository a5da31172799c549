"""How a night stands: what table, JSON, pages and exit code are made of. Values only.

How it is found out: :mod:`lstosa_luigi.status.facts`; how it follows from what was found:
:mod:`lstosa_luigi.status.assembly`.
"""

from __future__ import annotations

__all__ = [
    "Missing",
    "NightStatus",
    "Product",
    "Progress",
    "RunStatus",
    "Standing",
    "State",
    "Subrun",
    "Work",
    "worst",
]

import dataclasses
import enum
from collections.abc import Iterable

from lstosa_luigi.observation.decisions import Decision
from lstosa_luigi.planning import NamedChoice


class State(str, enum.Enum):
    """How a product, a subrun or a run stands; of several, the first one counts."""

    FAILED = "failed"
    """The last attempt left no product, and no other one follows by itself."""
    RUNNING = "running"
    QUEUED = "queued"
    """It is in Slurm's queue."""
    READY = "ready"
    """All that it needs is there; the next command makes it, or the one that is at work."""
    WAITING = "waiting"
    """It needs something that is not there."""
    LEFT = "left"
    """It is not there, but the night is closed, or accepted, as it is."""
    DONE = "done"
    """It is there; or a tool refused to make it, and that is done without."""
    VETOED = "vetoed"
    """The operators do not want the run processed."""
    DISCARDED = "discarded"
    """The operators left the run, or the subrun, out."""
    UNUSED = "unused"
    """Nothing is made of the run."""


SEVERITY = {state: place for place, state in enumerate(State)}


def worst(states: Iterable[State]) -> State | None:
    """Return the state that counts; None of nothing."""
    return min(states, key=SEVERITY.__getitem__, default=None)


class Standing(enum.IntEnum):
    """How the night stands as a whole; the number is the exit code of ``lstosa status``.

    When several hold, the highest counts, but for a closed night.
    """

    CLOSED = 0
    GOING_ON = 10
    """A command is at work on it, or jobs are in the queue."""
    WAITING = 20
    """It waits for a person or for data: nobody is at work, or something is missing."""
    FAILED = 30
    """A product could not be made."""


@dataclasses.dataclass(frozen=True)
class Product:
    """One product.

    Parameters
    ----------
    product, unit, title : str
        Kind, what it is of, and both in an operator's words.
    run, subrun : int or None
        What it is of; None of what is made of several.
    state : State
        How it stands.
    files : tuple of str
        Where it lies.
    is_outdated : bool
        Whether the files are there, but were made before the operators decided otherwise.
    size : int or None
        Bytes of those files that are there; None if nobody asked for it.
    made : str
        When the last of them was written (UTC, ISO 8601); likewise.
    waits_for : str
        The first thing that it needs and that is not there.
    cause : str
        Why it failed, is made again, or is tried again.
    attempts : int
        How often it was tried, as far as is known; of what is done that is mostly not looked up.
    job_id : str
        The element of a job array that makes it, or did last; empty on one machine.
    exit : str
        Exit code and signal of the last attempt that failed, ``1:0``.
    log : str
        What that attempt printed.
    refusal : str
        Why a tool refused to make it; then none of its files are there, and what needs it is made
        without.
    """

    product: str
    unit: str
    title: str
    run: int | None
    subrun: int | None
    state: State
    files: tuple[str, ...]
    is_outdated: bool = False
    size: int | None = None
    made: str = ""
    waits_for: str = ""
    cause: str = ""
    attempts: int = 0
    job_id: str = ""
    exit: str = ""
    log: str = ""
    refusal: str = ""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far the products of one kind are, of a run or of the night.

    Parameters
    ----------
    product : str
        Kind.
    is_of_subruns : bool
        Whether there is one for each subrun.
    total : int
        How many are wanted, as far as is known.
    states : dict of State to int
        How many of them are in each state.
    files : dict of str to int
        How many of each kind of file are there, by their name among the outputs of the product;
        the name is empty where there is but one, or they are named by themselves.
    size : int or None
        Bytes of all of them; None if nobody asked for it.
    seconds, cpu_seconds : float or None
        How long one takes and its CPU time: medians over a few of them; None if none is done.
    job_id : str
        The last element known to have made one.
    attempts : int
        Most attempts known for one of them.
    refused : int
        How many of those that count as done a tool refused to make.
    """

    product: str
    is_of_subruns: bool
    total: int
    states: dict[State, int]
    files: dict[str, int]
    size: int | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    job_id: str = ""
    attempts: int = 0
    refused: int = 0

    @property
    def done(self) -> int:
        """How many are there, or done without."""
        return self.states.get(State.DONE, 0)


@dataclasses.dataclass(frozen=True)
class Subrun:
    """One subrun, as the run summary counts them; state over its own products."""

    number: int
    state: State


@dataclasses.dataclass(frozen=True)
class RunStatus:
    """One run.

    Parameters
    ----------
    run : int
        Run number.
    night : str
        The night it was taken in: of a calibration run that is borrowed, an earlier one.
    type, observed_type : str
        What it is taken for, and what the run summary says.
    source : str
        What it was taken on; empty if that is not known.
    treatment : str
        What becomes of it, in words.
    state : State
        Over all its products, and what these lack.
    exit : str
        Of the last attempt that failed; ``0:0`` if all is done; else empty.
    subruns : tuple of Subrun
        All that were taken.
    progress : tuple of Progress
        Its products, kind by kind.
    """

    run: int
    night: str
    type: str
    observed_type: str
    source: str
    treatment: str
    state: State
    exit: str
    subruns: tuple[Subrun, ...]
    progress: tuple[Progress, ...]

    @property
    def n_wanted(self) -> int:
        """How many subruns are not left out."""
        return sum(subrun.state is not State.DISCARDED for subrun in self.subruns)

    def of(self, product: str) -> Progress | None:
        """Return the progress of one kind of product; None if the run has none, or not yet."""
        return next((part for part in self.progress if part.product == product), None)


@dataclasses.dataclass(frozen=True)
class Work:
    """A command that is at work; host and since are empty if it could not say who it is."""

    title: str
    host: str = ""
    pid: int | None = None
    since: str = ""


@dataclasses.dataclass(frozen=True)
class Missing:
    """Something that only the outside can supply, with what to do; *run* if it is of one run."""

    name: str
    run: int | None
    hint: str


@dataclasses.dataclass(frozen=True)
class NightStatus:
    """A night.

    Parameters
    ----------
    date, telescope, prod_id : str
        Which night.
    asked : str
        When this was found out (UTC, ISO 8601).
    standing : Standing
        How it stands as a whole.
    conclusion : str
        Whether it is closed, in words.
    is_known, is_closed, is_accepted : bool
        Whether there is a run summary; whether the night is closed; whether it is to be closed with
        what there is.
    closes_from : str
        When it may be closed, if it is too early for that (UTC, ISO 8601); else empty.
    drs4_run, pedcalib_run : int or None
        Runs that it is calibrated with.
    runs : tuple of RunStatus
        Its runs, and those that are borrowed.
    products : tuple of Product
        All that can be named by now, what a product needs before it.
    progress : tuple of Progress
        The same counted, kind by kind.
    choices, decisions : tuple
        What was chosen, and what the operators decided and holds.
    missing, problems, notes : tuple
        What only the outside can supply; what cannot be planned; what is not known.
    fallbacks : tuple of str
        What runs get instead of what their data do not allow, a line each.
    unknown_runs : tuple of int
        Runs of a type that nobody knows.
    at_work : tuple of Work
        Commands that are at work on it.
    next_steps : tuple of str
        What to do.
    """

    date: str
    telescope: str
    prod_id: str
    asked: str
    standing: Standing
    conclusion: str
    is_known: bool
    is_closed: bool
    is_accepted: bool
    closes_from: str
    drs4_run: int | None
    pedcalib_run: int | None
    runs: tuple[RunStatus, ...]
    products: tuple[Product, ...]
    progress: tuple[Progress, ...]
    choices: tuple[NamedChoice, ...]
    decisions: tuple[Decision, ...]
    missing: tuple[Missing, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    fallbacks: tuple[str, ...]
    unknown_runs: tuple[int, ...]
    at_work: tuple[Work, ...]
    next_steps: tuple[str, ...]

    def of_run(self, run: int) -> RunStatus | None:
        """Return a run by its number, None if the night has no such run."""
        return next((row for row in self.runs if row.run == run), None)

    def in_state(self, *states: State) -> tuple[Product, ...]:
        """Return the products in any of some states."""
        return tuple(product for product in self.products if product.state in states)
