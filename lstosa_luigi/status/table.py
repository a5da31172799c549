"""The status of a night as operators read it: the table of lstosa, and what is to be done.

The 19 columns are those of lstosa's sequencer, with its meanings (lstosa, ``report.py`` and
``job.py``), but counted exactly: a percentage is of the subruns that the run summary lists, less
those that were discarded, and of files by their whole name.
"""

from __future__ import annotations

__all__ = ["HEAD", "RIGHT", "attempts_of", "rows", "state_of_word", "text", "value_in_words"]

import enum
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi.execution.console import human_size
from lstosa_luigi.observation.runs import DATA, DISCARDED, PEDCALIB
from lstosa_luigi.status.groups import failed_alike, undone_alike
from lstosa_luigi.status.model import NightStatus, Product, Progress, RunStatus, State, worst
from lstosa_luigi.status.verdict import headline

HEAD = (
    *("Tel", "Seq", "Parent", "Type", "Run", "Subruns", "Source", "Action", "Tries", "JobID"),
    *("State", "CPU_time", "Exit", "DL1%", "MUONS%", "CAT-B", "DL1AB%", "DATACHECK%", "DL2%"),
)
RIGHT = frozenset(
    {"Seq", "Run", "Subruns", "Tries", "DL1%", "MUONS%", "DL1AB%", "DATACHECK%", "DL2%"}
)
"""Columns of numbers."""

OF_SUBRUNS = (("DL1A", "dl1a"), ("DL1A", "muons"), ("DL1B", ""), ("DL1Check", ""))
"""Product and file that the columns DL1%, MUONS%, DL1AB% and DATACHECK% count."""

NONE = "None"
"""What lstosa shows where there is nothing to show."""

WORDS = {
    State.DONE: "COMPLETED",
    State.FAILED: "FAILED",
    State.RUNNING: "RUNNING",
    State.QUEUED: "PENDING",
}
"""States in Slurm's words, which the column State has; others in ours."""

COLOURS = {
    State.FAILED: "31",
    State.RUNNING: "36",
    State.QUEUED: "36",
    State.READY: "33",
    State.WAITING: "33",
    State.LEFT: "33",
    State.DONE: "32",
}
MANY = 5
"""Products that failed for the same cause and are named one by one; of more, the first few."""
BAR = 20


def rows(status: NightStatus) -> list[tuple[str, ...]]:
    """Return the rows of lstosa's table: the calibration of the night, then each run of data."""
    found: list[tuple[str, ...]] = []
    for run, others in _sequences(status):
        parent = NONE if run.type == PEDCALIB or status.pedcalib_run is None else "1"
        found.append(_row(status, run, others, len(found) + 1, parent))
    return found


def _sequences(status: NightStatus) -> Iterator[tuple[RunStatus, tuple[RunStatus, ...]]]:
    """Yield runs, the PEDCALIB run with the DRS4 run that lstosa has in the same sequence."""
    pedcalib = None if status.pedcalib_run is None else status.of_run(status.pedcalib_run)
    drs4 = None if status.drs4_run is None else status.of_run(status.drs4_run)
    if pedcalib is not None:
        yield pedcalib, () if drs4 is None else (drs4,)
    for run in status.runs:
        was_data = run.type == DISCARDED and run.observed_type == DATA
        if run.type == DATA or was_data or run.run in status.unknown_runs:
            yield run, ()


def _row(
    status: NightStatus, run: RunStatus, others: tuple[RunStatus, ...], number: int, parent: str
) -> tuple[str, ...]:
    state = worst([run.state, *(other.state for other in others)]) or run.state
    parts = [part for one in (*others, run) for part in one.progress]
    attempts = max((part.attempts for part in parts), default=0)
    jobs = [part.job_id for part in parts if part.job_id]
    exits = [one.exit for one in (run, *others) if one.exit]
    failed = [text for text in exits if text != "0:0"]
    is_data = run.type == DATA and run.state not in (State.VETOED, State.DISCARDED)
    dl1, muons, dl1ab, datacheck = (
        str(_percent(run, product, file)) if is_data else NONE for product, file in OF_SUBRUNS
    )
    dl2 = run.of("DL2")
    return (
        status.telescope,
        str(number),
        parent,
        run.observed_type if run.type == DISCARDED else run.type,
        f"{run.run:05d}",
        str(run.n_wanted),
        run.source or NONE,
        _action(status, run, state),
        str(attempts),
        jobs[-1] if jobs else NONE,
        WORDS.get(state, state.value.upper()),
        _cpu_time(run, parts),
        failed[-1] if failed else "0:0" if state is State.DONE else NONE,
        dl1,
        muons,
        _cat_b(run) if is_data else NONE,
        dl1ab,
        datacheck,
        ("100" if dl2 is not None and dl2.done else "0") if is_data else NONE,
    )


def _percent(run: RunStatus, product: str, file: str) -> int:
    """Return how many of the subruns have a file, cut to a whole number of percent."""
    part = run.of(product)
    if part is None or not run.n_wanted:
        return 0
    return 100 * part.files.get(file, 0) // run.n_wanted


def _action(status: NightStatus, run: RunStatus, state: State) -> str:
    if run.state is State.VETOED:
        return "Veto"
    if run.state is State.DISCARDED:
        return "Discard"
    if status.is_closed:
        return "Closed"
    return "Check" if state is State.FAILED else NONE


def _cat_b(run: RunStatus) -> str:
    part = run.of("CatBCalibration")
    if part is None:
        return NONE
    if part.done:
        return "REFUSED" if part.refused else "CLOSED"
    state = worst(part.states) or State.WAITING
    return WORDS.get(state, state.value.upper())


def _cpu_time(run: RunStatus, parts: Iterable[Progress]) -> str:
    """Return the CPU time of a subrun, all its products together, or of a calibration."""
    single = run.type != DATA
    kept = [part for part in parts if single or part.is_of_subruns]
    seconds = [part.cpu_seconds for part in kept if part.cpu_seconds is not None]
    if not seconds:
        return NONE
    minutes, rest = divmod(round(sum(seconds)), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


# --- the whole page ------------------------------------------------------------------------


def text(
    status: NightStatus,
    run: int | None = None,
    only_failed: bool = False,
    with_colours: bool = False,
) -> str:
    """Return the page.

    Parameters
    ----------
    status : NightStatus
        The night.
    run : int, optional
        Only this run, with each of its products that is not there.
    only_failed : bool
        Only what failed.
    with_colours : bool
        Whether the terminal shows colours.
    """
    if only_failed:
        failed = [p for p in status.in_state(State.FAILED) if run in (None, p.run)]
        parts = iter([_failures(failed) or ["Nothing failed."]])
    else:
        parts = _parts(status) if run is None else _run_parts(status, run)
    page = "\n\n".join("\n".join(part) for part in parts if part)
    return page if with_colours else _ANSI.sub("", page)


def _parts(status: NightStatus) -> Iterator[list[str]]:
    yield [
        f"{status.telescope}, night of {status.date}, {status.prod_id}, at {status.asked}",
        _coloured(headline(status), STANDINGS[status.standing.name]),
        status.conclusion,
    ]
    if status.is_known:
        yield _table(rows(status))
    yield _progress(status)
    yield _failures(status.in_state(State.FAILED))
    yield [f"MISSING  {hint}" for hint in dict.fromkeys(t.hint for t in status.missing)]
    yield [f"NOT PLANNED  {problem.rstrip('.')}." for problem in status.problems]
    if not status.is_closed:  # else the conclusion tells
        yield [f"FALLBACK  {line}" for line in status.fallbacks]
    yield _decisions(status)
    yield _choices(status, None)
    yield [f"{note[0].upper()}{note[1:]}." for note in status.notes]
    if status.next_steps:
        yield ["What to do:", *(f"  {step}" for step in status.next_steps)]


STANDINGS = {"CLOSED": "32", "GOING_ON": "36", "WAITING": "33", "FAILED": "31"}


def _run_parts(status: NightStatus, number: int) -> Iterator[list[str]]:
    yield [f"Run {number:05d} of {status.date}, {status.prod_id}, at {status.asked}"]
    yield _table([row for row in rows(status) if row[HEAD.index("Run")] == f"{number:05d}"])
    run = status.of_run(number)
    if run is None:
        return
    left_out = [f"{s.number:04d}" for s in run.subruns if s.state is State.DISCARDED]
    yield [
        f"{run.treatment}; {run.n_wanted} of {len(run.subruns)} subruns are wanted"
        + (f", discarded: {', '.join(left_out)}" if left_out else "")
    ]
    yield [_bar(part) for part in run.progress]
    undone = [p for p in status.products if p.run == number and p.state is not State.DONE]
    yield _failures([p for p in undone if p.state is State.FAILED])
    yield [*_grouped([p for p in undone if p.state is not State.FAILED])]
    refused = [p for p in status.products if p.run == number and p.refusal]
    yield [f"refused   {product.title}: {product.refusal}" for product in refused]
    yield _choices(status, number)


def _grouped(products: Sequence[Product]) -> Iterator[str]:
    """Name what is not there; what stands alike in one line."""
    for group in undone_alike(products):
        why = f": {group.reason}" if group.reason else ""
        yield f"{_coloured(f'{group.state.value:<8}', COLOURS[group.state])} {group.title}{why}"


def _progress(status: NightStatus) -> list[str]:
    return [_bar(part) for part in status.progress]


def _bar(part: Progress) -> str:
    """Return how far one kind of product is: a bar, done of total, and the states of the rest."""
    filled = BAR * part.done // part.total if part.total else 0
    others = [
        _coloured(f"{part.states[state]} {state.value}", COLOURS.get(state, "0"))
        for state in State
        if state in part.states and state is not State.DONE
    ]
    others += [f"{part.refused} refused"] if part.refused else []
    size = f"{human_size(part.size):>9}  " if part.size is not None else ""
    counts = f"{part.done}/{part.total}"
    bar = "#" * filled + "." * (BAR - filled)
    return f"{part.product:<21}  {bar}  {counts:>11}  {size}{', '.join(others)}".rstrip()


def _failures(failed: Sequence[Product]) -> list[str]:
    """Name what failed, each with cause, attempts and log; of many with one cause the first."""
    lines = []
    for group in failed_alike(failed):
        found, cause = group.members, group.reason
        shown = found if len(found) <= MANY else found[:1]
        for product in shown:
            known = f"{cause} ({attempts_of(product)})" if product.attempts else cause
            line = f"{_coloured('FAILED', COLOURS[State.FAILED])}  {product.title}: {known}"
            lines.append(f"{line}  {product.log}".rstrip())
        if len(found) > len(shown):
            units = ", ".join(product.unit for product in found[1:MANY])
            more = len(found) - MANY
            lines.append(f"        and {units} and {more} more, for the same cause")
    return lines


def attempts_of(product: Product) -> str:
    """Return how often a product was tried, in words."""
    return "1 attempt" if product.attempts == 1 else f"{product.attempts} attempts"


def _decisions(status: NightStatus) -> list[str]:
    return [f"decision {d.number}  {d.text}: {d.why} ({d.who}, {d.when})" for d in status.decisions]


def _choices(status: NightStatus, run: int | None) -> list[str]:
    """Name what was chosen for the night, or for one run."""
    return [
        f"{named.name}: {value_in_words(named.choice.value)} ({named.choice.reason})"
        for named in status.choices
        if named.run == run
    ]


def value_in_words(value: Any) -> str:
    """Return what was chosen, in words."""
    if value is None:
        return "none"
    if isinstance(value, enum.Enum):
        return str(value.value)
    named = getattr(value, "dl1_prod", None)
    return str(named) if named else value.name if isinstance(value, Path) else str(value)


def _table(found: list[tuple[str, ...]]) -> list[str]:
    lines = [HEAD, *found]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return [
        "  ".join(
            _cell(word, widths[i], HEAD[i]) if line is not HEAD else _padded(word, widths[i], word)
            for i, word in enumerate(line)
        ).rstrip()
        for line in lines
    ]


def _padded(word: str, width: int, column: str) -> str:
    return f"{word:>{width}}" if column in RIGHT else f"{word:<{width}}"


def _cell(word: str, width: int, column: str) -> str:
    padded = _padded(word, width, column)
    if column != "State":
        return padded
    state = state_of_word(word)
    return _coloured(padded, COLOURS.get(state, "0"))


def state_of_word(word: str) -> State:
    """Return the state that a word of the column State stands for."""
    return next((s for s in State if WORDS.get(s, s.value.upper()) == word), State.DONE)


def _coloured(words: str, colour: str) -> str:
    return f"\x1b[{colour}m{words}\x1b[0m"


_ANSI = re.compile(r"\x1b\[\d+m")
