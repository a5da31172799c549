"""Causes of failures in groups, so that hundreds of messages become a few lines: pure."""

from __future__ import annotations

__all__ = ["CANCELLED", "LOST", "MEMORY", "TIME", "group_of"]

import re

MEMORY, TIME, LOST, CANCELLED = "out of memory", "out of time", "lost", "cancelled"
"""What Slurm says, as :class:`lstosa_luigi.execution.slurm.policy.Cause` has it."""

GROUPS = (
    (MEMORY, r"not enough memory|out of memory"),
    (TIME, r"out of time"),
    (LOST, r"lost\b"),
    (CANCELLED, r"cancelled"),
    ("disk full", r"the disk is full"),
    ("drive log too short", r"the drive log does not cover"),
    (
        "input missing or damaged",
        r"a raw file is damaged|raw file |input .+ is (missing|a link)|a file is missing|"
        r".+ does not tell how it was recorded",
    ),
    (
        "tools or configuration",
        r"the environment of the tools|the data have one gain only|lstchain_r0_to_r0g reads|"
        r"the filter wheels are not known|it would wait for ever|could not be started|"
        r"\S+ cannot be started",
    ),
    (
        "too few events",
        r"not enough|only .+ (pedestals|pixels)|the pedestal charges|the data ran out",
    ),
    ("no whole product", r"the (command|job) ended without error"),
    ("file system", r"(/|writing).*: "),
)
"""A group, and what its causes begin with (lstosa_luigi.execution.causes, .payload, .policy)."""

_COMPILED = tuple((group, re.compile(pattern)) for group, pattern in GROUPS)
_EXIT = re.compile(r"(exit code \d+)(?:: ([\w.]*(?:Error|Exception|Exit)\b))?")
LONGEST = 40
"""Characters of a cause that is of no group."""


def group_of(cause: str, by_slurm: str = "") -> str:
    """Return the group of a cause.

    Parameters
    ----------
    cause : str
        Why an attempt failed, in one line.
    by_slurm : str
        What Slurm's accounting had shown, as in the attempts that failed there; it knows better
        than a job that was killed.
    """
    if by_slurm in (MEMORY, TIME, LOST, CANCELLED):
        return by_slurm
    for group, pattern in _COMPILED:
        if pattern.match(cause):
            return group
    ended = _EXIT.match(cause)
    if ended is not None:
        kind = ended[2]
        return f"{ended[1]} ({kind.rpartition('.')[2]})" if kind else ended[1]
    return cause.partition(":")[0][:LONGEST].strip() or "not known"
