"""The attempts that failed on Slurm: one line each, kept with the manifests of the night.

Attempts that succeeded have a record each; of a job that was killed nothing else would tell.
"""

from __future__ import annotations

__all__ = ["Attempt", "append", "read"]

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

NAME = "attempts.jsonl"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One attempt that left no product.

    Parameters
    ----------
    job, title : str
        Name and title of the job.
    element : str
        ``1234_5``.
    ended : str
        When it was noticed: UTC, ISO 8601.
    cause : str
        One of the values of :class:`~lstosa_luigi.execution.slurm.policy.Cause`.
    text : str
        Why, in one line.
    decision : str
        What follows, in one line.
    state, exit : str
        As accounting has them, empty if it does not.
    seconds : float
        Elapsed time.
    memory_kb : int
        Largest resident size.
    node : str
        Where.
    resources : dict
        What it had asked for.
    again : dict or None
        What the next try asks for; None if there is none.
    """

    job: str
    title: str
    element: str
    ended: str
    cause: str
    text: str
    decision: str
    state: str
    exit: str
    seconds: float
    memory_kb: int
    node: str
    resources: dict[str, Any]
    again: dict[str, Any] | None


def append(directory: Path, attempts: list[Attempt]) -> None:
    """Add attempts, all in one write, so that two clients do not mix their lines."""
    lines = "".join(json.dumps(dataclasses.asdict(attempt)) + "\n" for attempt in attempts)
    directory.mkdir(parents=True, exist_ok=True)
    file = os.open(directory / NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(file).st_size
        is_cut = size > 0 and os.pread(file, 1, size - 1) != b"\n"  # a full disk did that
        os.write(file, (("\n" if is_cut else "") + lines).encode())
    finally:
        os.close(file)


def read(directory: Path) -> list[Attempt]:
    """Return all attempts, in the order in which they were noticed; half a line is passed over."""
    try:
        lines = (directory / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    attempts = []
    for line in lines:
        try:
            attempts.append(Attempt(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return attempts
