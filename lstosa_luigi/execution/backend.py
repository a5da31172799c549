"""What the worker asks of a backend, and what it gets back."""

from __future__ import annotations

__all__ = ["Backend", "Note", "Outcome"]

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from lstosa_luigi.execution.spec import Job


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    key : str
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
    title : str
        The job's, in an operator's words.
    """

    key: str
    done: bool
    cause: str = ""
    detail: str = ""
    log: str = ""
    began: float = 0.0
    seconds: float = 0.0
    size: int = 0
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Note:
    """News of a job that goes on, or of the backend itself.

    Parameters
    ----------
    key : str
        The job's; empty if it is about none in particular.
    text : str
        One line.
    is_quiet : bool
        Whether it is only for the visualiser.
    """

    key: str
    text: str
    is_quiet: bool = False


class Backend(Protocol):
    """Runs jobs somewhere. All methods return at once."""

    takes_followers: bool
    """Whether jobs may be given with others that go along with them."""

    def submit(self, jobs: Iterable[Job], followers: Mapping[str, Sequence[Job]] = ...) -> None:
        """Take jobs over.

        Parameters
        ----------
        jobs : iterable of Job
            What to do.
        followers : mapping of str to sequence of Job
            Key of a job to jobs that may be done right after it in the same place. Each has an
            outcome of its own, but for failures while nobody has submitted it for itself.
        """

    def poll(self) -> list[Outcome]:
        """Return the jobs that ended since the last call."""

    def notes(self) -> list[Note]:
        """Return the news since the last call."""

    def running(self) -> list[str]:
        """Return what is at work, in words."""

    def cancel(self) -> str:
        """End all jobs, or leave them alone if they can be taken up again; say which."""
