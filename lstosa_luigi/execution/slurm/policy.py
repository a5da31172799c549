"""Why an element left no product, and what follows: pure functions.

The cause comes from accounting, from the record that the job itself wrote, and from its log, in
this order: a job that was killed for its memory may have written that its command was killed.
"""

from __future__ import annotations

__all__ = ["HELD", "HOPELESS", "Cause", "Decision", "End", "Faults", "decide", "end_of"]

import dataclasses
import enum
import re

from lstosa_luigi.execution.record import Record
from lstosa_luigi.execution.slurm.options import Options, Resources
from lstosa_luigi.execution.slurm.parse import Accounting

HOPELESS = frozenset(
    {
        "PartitionTimeLimit",
        "PartitionConfig",
        "AccountNotAllowed",
        "InvalidAccount",
        "InvalidQOS",
        "QOSNotAllowed",
        "DependencyNeverSatisfied",
        "MaxMemPerLimit",
        "AssocMaxMemPerJob",
        "AssocMaxCpuPerJobLimit",
        "AssocMaxWallDurationPerJobLimit",
        "QOSMaxMemoryPerJob",
        "QOSMaxCpuPerJobLimit",
        "QOSMaxWallDurationPerJobLimit",
        "QOSTimeLimit",
        "AssociationTimeLimit",
    }
)
"""Reasons for which a job would wait for ever (squeue(1), job reason codes).

Not among them: PartitionNodeLimit and BadConstraints, which also come while nodes are down.
"""
HELD = frozenset({"JobHeldUser", "JobHeldAdmin", "launch_failed_requeued_held"})
"""Reasons for which it waits until a person releases it."""

_OF_MEMORY = re.compile(r"oom-kill event|exceeded memory limit|out.of.memory handler", re.I)
_OF_TIME = re.compile(r"DUE TO TIME LIMIT")
_NOT_LAUNCHED = 53
"""Signal number that sacct shows if a job could not be launched (log or chdir unusable)."""


class Cause(enum.Enum):
    """Why an element left no product."""

    MEMORY = "out of memory"
    TIME = "out of time"
    LOST = "lost"
    CANCELLED = "cancelled"
    FAILED = "failed"
    PERMANENT = "failed for good"


@dataclasses.dataclass(frozen=True)
class End:
    """How an element ended.

    Parameters
    ----------
    cause : Cause
        Why.
    text : str
        In one line, for an operator.
    node : str
        Where, if known.
    """

    cause: Cause
    text: str
    node: str = ""


@dataclasses.dataclass(frozen=True)
class Faults:
    """How often a product failed so far.

    Parameters
    ----------
    own : int
        Through its own fault: command, memory, time.
    losses : int
        Through no fault of its own.
    """

    own: int = 0
    losses: int = 0


@dataclasses.dataclass(frozen=True)
class Decision:
    """What follows.

    Parameters
    ----------
    again : Resources or None
        What to ask for at the next try; None if there is none.
    delay : float
        Seconds to wait before it.
    text : str
        In a few words.
    """

    again: Resources | None
    delay: float
    text: str


def end_of(row: Accounting | None, record: Record | None, printed: str) -> End | None:
    """Tell how an element ended that is in the queue no more and left no product.

    Parameters
    ----------
    row : Accounting or None
        What accounting knows; None if it does not know the element.
    record : Record or None
        What this very element wrote, if it came to that.
    printed : str
        End of its log.

    Returns
    -------
    End or None
        None if nothing is known, or accounting lags behind.
    """
    state = "" if row is None else row.state
    node = row.node if row is not None else record.host if record is not None else ""
    if state.startswith("OUT_OF_ME") or _OF_MEMORY.search(printed):
        return End(Cause.MEMORY, "out of memory", node)
    if state == "TIMEOUT" or _OF_TIME.search(printed):
        return End(Cause.TIME, "out of time", node)
    if state in ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REQUEUED", "REVOKED"):
        return End(Cause.LOST, _LOSSES[state].format(node=node or "the node"), node)
    if state == "DEADLINE":
        return End(Cause.PERMANENT, "its deadline passed before it could be done", node)
    if state == "CANCELLED":
        by = f" by user {row.by}" if row is not None and row.by else ""
        return End(Cause.CANCELLED, f"cancelled{by}", node)
    if record is not None and record.state == "failed":
        return End(Cause.PERMANENT if record.is_permanent else Cause.FAILED, record.cause, node)
    if state == "COMPLETED":
        text = "the job ended without error but its product is not there"
        return End(Cause.FAILED, text, node)
    if row is not None and state in ("FAILED", "STOPPED", "LAUNCH_FAILED"):
        return End(Cause.FAILED, _failure(row), node)
    return None


_LOSSES = {
    "NODE_FAIL": "{node} failed",
    "BOOT_FAIL": "{node} did not boot",
    "PREEMPTED": "preempted by another job",
    "REQUEUED": "taken back into the queue",
    "REVOKED": "revoked",
}


def _failure(row: Accounting) -> str:
    if row.signal == _NOT_LAUNCHED:
        return (
            f"could not be started on {row.node or 'its node'}: the log directory is not there or "
            "cannot be written, or its working directory"
        )
    if row.signal:
        return f"killed by signal {row.signal}"
    return f"exit code {row.exit_code}" if row.exit_code else "the job failed"


def decide(
    end: End, faults: Faults, asked: Resources, options: Options, longest: float
) -> Decision:
    """Decide what follows.

    Parameters
    ----------
    end : End
        How the element ended.
    faults : Faults
        How often the product failed, this time included.
    asked : Resources
        What the element had asked for.
    options : Options
        The policy.
    longest : float
        Longest time in seconds that the partition allows.
    """
    policy = options.retries
    if end.cause is Cause.CANCELLED:
        return Decision(None, 0, "not again: give the same command to have it made")
    if end.cause is Cause.PERMANENT:
        return Decision(None, 0, "not again: it would only fail again")
    if end.cause is Cause.LOST:
        if faults.losses > policy.max_losses:
            return Decision(None, 0, f"not again: lost {faults.losses} times")
        exclude = asked.exclude
        if policy.exclude_node and end.node and end.node not in exclude:
            exclude = (*exclude, end.node)
        return Decision(dataclasses.replace(asked, exclude=exclude), 0, "again")
    if faults.own >= policy.max_tries:
        return Decision(None, 0, f"not again: tried {faults.own} times")
    number = f"try {faults.own + 1} of {policy.max_tries}"
    if end.cause is Cause.MEMORY:
        most = options.mem_max_mb
        more = min(int(asked.mem_mb * policy.mem_factor), most)
        if more <= asked.mem_mb:
            return Decision(None, 0, f"not again: it had {asked.mem_mb} MB, the most allowed")
        grown = dataclasses.replace(asked, mem_mb=more)
        return Decision(grown, 0, f"again with {more} MB, {number}")
    if end.cause is Cause.TIME:
        limit = min(options.seconds_max, longest)
        longer = int(min(asked.seconds * policy.time_factor, limit))
        if longer <= asked.seconds:
            return Decision(None, 0, f"not again: it had {asked.seconds} s, the most allowed")
        grown = dataclasses.replace(asked, seconds=longer)
        return Decision(grown, 0, f"again with {longer} s, {number}")
    delay = policy.delay
    return Decision(asked, delay, f"again in {delay:.0f} s, {number}")
