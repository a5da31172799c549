"""How the last command for a night went, and whether another one is to be started: rules."""

from __future__ import annotations

__all__ = ["LastCommand", "Verdict", "is_due", "read_state", "verdict_of", "write_state"]

import dataclasses
import datetime
import enum
import json

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.execution.lock import holder_of
from lstosa_luigi.layout import Layout
from lstosa_luigi.night import NightlyClose

FAILURES = range(ExitCode.TASK_FAILED, ExitCode.UNHANDLED + 1)
"""Exit codes of commands that would most likely end the same when given again at once."""


@dataclasses.dataclass(frozen=True)
class LastCommand:
    """A command for a night; it has no end yet if it is at work, or was killed.

    Parameters
    ----------
    began : str
        When (UTC, ISO 8601).
    log : str
        What it printed.
    ended : str
        When; empty if it has not.
    exit_code : int or None
        How.
    """

    began: str
    log: str
    ended: str = ""
    exit_code: int | None = None


def read_state(layout: Layout) -> LastCommand | None:
    """Return how the last command went; None if there was none, or nobody knows."""
    try:
        known = json.loads(layout.nightly_state().read_text(encoding="utf-8"))
        last = LastCommand(**known)
        if last.ended:
            datetime.datetime.fromisoformat(last.ended)
    except (OSError, ValueError, TypeError):
        return None
    return last


def write_state(layout: Layout, last: LastCommand) -> None:
    """Keep how a command went."""
    write_whole(layout.nightly_state(), json.dumps(vars(last), indent=1) + "\n")


class Verdict(enum.Enum):
    """What becomes of a night; the text is for people."""

    CLOSED = "closed"
    UNOBSERVED = "no raw data: nothing was observed, or nothing has arrived yet"
    AT_WORK = "being worked on"
    LATER = "failed, and is tried again later"
    START = "open"


def verdict_of(
    root: NightlyClose, last: LastCommand | None, now: datetime.datetime, retry_hours: float
) -> Verdict:
    """Say what becomes of a night.

    Parameters
    ----------
    root : NightlyClose
        The night.
    last : LastCommand or None
        The last command for it.
    now : datetime
        What time it is.
    retry_hours : float
        Hours until what failed is tried again.

    Raises
    ------
    LstosaError
        If a table that the whole night rests on is damaged.
    """
    layout = root.layout
    if root.complete():
        return Verdict.CLOSED
    if not layout.has_anything():
        return Verdict.UNOBSERVED
    if holder_of(layout.lock(root.task_id)) is not None:
        return Verdict.AT_WORK
    if last is not None and not is_due(last, now, retry_hours, _decided(layout)):
        return Verdict.LATER
    return Verdict.START


def is_due(
    last: LastCommand, now: datetime.datetime, retry_hours: float, decided: float | None
) -> bool:
    """Whether a night may be tried again: pure.

    Parameters
    ----------
    last : LastCommand
        The last command for it.
    now : datetime
        What time it is.
    retry_hours : float
        Hours until what failed is tried again.
    decided : float or None
        When the operators last decided something about it, in seconds since the epoch.
    """
    if not last.ended or last.exit_code not in FAILURES:
        return True  # killed, waiting for data, not run: nothing is made twice
    ended = datetime.datetime.fromisoformat(last.ended)
    if decided is not None and decided >= ended.timestamp():
        return True
    passed = (now - ended).total_seconds()
    # an end that is still to come was written before the clock was put back
    return not 0 <= passed < 3600 * retry_hours


def _decided(layout: Layout) -> float | None:
    try:
        return layout.decisions().stat().st_mtime
    except OSError:
        return None
