"""How far the gain selection of each run is: the page of lstosa's ``gainsel_webmaker``. Pure."""

from __future__ import annotations

__all__ = ["GainSelectionRow", "gain_selection_rows"]

import dataclasses
from typing import Any

from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.input_state import InputState
from lstosa_luigi.status.model import NightStatus, Progress, RunStatus, State
from lstosa_luigi.status.table import value_in_words
from lstosa_luigi.status.verdict import UNDER_WAY

SELECTED, COPIED = "GainSelection", "RawCopy"
"""Products that bring raw data into the tree of those with one gain."""


@dataclasses.dataclass(frozen=True)
class GainSelectionRow:
    """A run; the words of *status* are lstosa's, but for ``NOT NEEDED`` and ``NOT KNOWN``.

    Parameters
    ----------
    run : RunStatus
        The run.
    pending, success, failed : int
        Subruns.
    percent : str
        How many of them succeeded, cut to a whole number; empty where nothing is selected.
    status : str
        One word over all of them.
    state : State
        The same as a state.
    why : str
        How the raw data were recorded and what is done with them, with the reason.
    """

    run: RunStatus
    pending: int
    success: int
    failed: int
    percent: str
    status: str
    state: State
    why: str


def gain_selection_rows(status: NightStatus) -> list[GainSelectionRow]:
    """Return a row for each run of the night itself."""
    return [_row(status, run) for run in status.runs if run.night == status.date]


def _row(status: NightStatus, run: RunStatus) -> GainSelectionRow:
    part = run.of(SELECTED) or run.of(COPIED)
    if part is None:
        word, state = _without(status, run)
        return GainSelectionRow(run, 0, 0, 0, "", word, state, _why(status, run, part))
    failed = part.states.get(State.FAILED, 0)
    pending = part.total - part.done - failed
    word, state = _word(part, pending, failed)
    percent = str(100 * part.done // part.total) if part.total else ""
    why = _why(status, run, part)
    return GainSelectionRow(run, pending, part.done, failed, percent, word, state, why)


def _word(part: Progress, pending: int, failed: int) -> tuple[str, State]:
    """Return lstosa's word; it calls what is queued and nothing else pending."""
    if failed:
        return "FAILED", State.FAILED
    if not pending:
        return "COMPLETED", State.DONE
    if part.done or part.states.get(State.RUNNING):
        return "RUNNING", State.RUNNING
    if any(part.states.get(state) for state in UNDER_WAY):
        return "PENDING", State.QUEUED
    if part.states.get(State.LEFT):
        return "LEFT", State.LEFT
    return "NOT STARTED", State.READY


def _without(status: NightStatus, run: RunStatus) -> tuple[str, State]:
    """Return the word for a run of which nothing is selected."""
    if run.state in (State.VETOED, State.DISCARDED):
        return run.state.value.upper(), run.state
    found = _choice(status, run.run, "input state")
    if found is not None and found.value is None:
        return "NOT KNOWN", State.WAITING
    return "NOT NEEDED", State.UNUSED


def _why(status: NightStatus, run: RunStatus, part: Progress | None) -> str:
    found = _choice(status, run.run, "input state")
    if found is None:
        return "copied as it was taken" if part is not None else run.treatment
    if found.value is None:
        return found.reason
    parts = [f"{value_in_words(found.value)} ({found.reason})"]
    for name in ("gain selection", "flat-field heuristic"):
        more = _choice(status, run.run, name)
        if more is not None:
            parts.append(f"{name}: {value_in_words(more.value)} ({more.reason})")
    if part is None and found.value is InputState.LEGACY_RAW:
        parts.append("all that is made of the selected data is there, so they may be removed")
    return "; ".join(parts)


def _choice(status: NightStatus, run: int, name: str) -> Choice[Any] | None:
    return next((n.choice for n in status.choices if n.run == run and n.name == name), None)
