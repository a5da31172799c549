"""What the worker asks of a backend, and what it gets back."""

from __future__ import annotations

__all__ = ["Backend", "Outcome"]

import dataclasses
from collections.abc import Iterable
from typing import Protocol

from lstosa_luigi.execution.spec import Job


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    name : str
        The job's.
    done : bool
        Whether its product is there.
    cause : str
        Why not, in one line.
    detail : str
        Last lines of the log of a failed job.
    log : str
        The log.
    began : float
        Seconds since the epoch.
    seconds : float
        Elapsed time; 0 if there was nothing to do.
    size : int
        Bytes of the product.
    """

    name: str
    done: bool
    cause: str = ""
    detail: str = ""
    log: str = ""
    began: float = 0.0
    seconds: float = 0.0
    size: int = 0


class Backend(Protocol):
    """Runs jobs somewhere. All methods return at once."""

    def submit(self, jobs: Iterable[Job]) -> None:
        """Take jobs over."""

    def poll(self) -> list[Outcome]:
        """Return the jobs that ended since the last call."""

    def running(self) -> list[str]:
        """Return the titles of the jobs at work."""

    def cancel(self) -> None:
        """End all jobs, and leave nothing half-made."""
