"""All attempts to make the products of a night, each once: of records and of Slurm's accounting.

A record tells of its own attempt and of those before. An attempt that Slurm killed stands among the
attempts that failed there (:mod:`lstosa_luigi.execution.slurm.journal`); those that wrote a record
as well stand in both, and are known by the element of their job array.
"""

from __future__ import annotations

__all__ = ["CountedAttempt", "CountedProduct", "Found", "class_of", "find_attempts"]

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from lstosa_luigi.accounting.causes import CANCELLED, LOST, group_of
from lstosa_luigi.execution.record import Earlier, Record
from lstosa_luigi.execution.slurm import journal

OVER = ("done", "refused")


@dataclasses.dataclass(frozen=True, slots=True)
class CountedAttempt:
    """One attempt.

    Parameters
    ----------
    state : str
        As in a record; ``failed`` of one that was killed.
    start, end : str
        UTC, ISO 8601; of one that left no record the end is when that was noticed, and the start
        is empty.
    seconds : float
        Elapsed time.
    cpu_seconds : float or None
        CPU time; None if nobody knows: the job was killed before it could write.
    memory_kb : int
        Largest resident size; 0 if unknown.
    mem_mb : float
        Memory that was asked for; 0 where nothing is asked for.
    cause : str
        Group of what it failed for; empty if it did not.
    source : str
        Who made it, if it was not this package; nothing is known of its costs then.
    """

    state: str
    start: str
    end: str
    seconds: float
    cpu_seconds: float | None
    memory_kb: int
    mem_mb: float
    cause: str = ""
    source: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether it left no product."""
        return self.state not in OVER


@dataclasses.dataclass(frozen=True, slots=True)
class CountedProduct:
    """The attempts to make one product.

    Parameters
    ----------
    name : str
        As in file names.
    product : str
        Its class.
    attempts : tuple of CountedAttempt
        Oldest first; at least one.
    unknown : int
        Attempts of which nothing is known but that they were: before records kept them, or too
        long ago.
    """

    name: str
    product: str
    attempts: tuple[CountedAttempt, ...]
    unknown: int = 0


@dataclasses.dataclass(frozen=True)
class Found:
    """All that is known of a night; *damaged* names products whose records cannot be read."""

    products: tuple[CountedProduct, ...]
    damaged: tuple[str, ...]


def class_of(name: str) -> str:
    """Return the class of a product by its name: ``DL1A`` of ``Run00003.0001_DL1A``."""
    return name.rpartition("_")[2]


def find_attempts(
    records: Iterable[tuple[str, Record | None]], on_slurm: Sequence[journal.Attempt]
) -> Found:
    """Return all attempts of a night by product.

    Parameters
    ----------
    records : iterable of (str, Record or None)
        By the names of products; None for one that cannot be read.
    on_slurm : sequence of Attempt
        The attempts that failed on Slurm.
    """
    killed: dict[str, dict[str, journal.Attempt]] = collections.defaultdict(dict)
    for failed in on_slurm:  # two clients may have noticed the same end
        if _has_begun(failed):
            killed[failed.job][failed.element] = failed
    elements = {failed.element for failed in on_slurm}
    used: dict[str, float] = collections.defaultdict(float)
    found: dict[str, tuple[list[CountedAttempt], int]] = {}
    damaged = []
    for name, record in records:
        if record is None:
            damaged.append(name)
            continue
        history = record.history()
        for past in history:
            if past.job_id in elements:
                used[past.job_id] += past.seconds
        left = killed.pop(name, {})
        attempts = list(_recorded(history, left))
        found[name] = attempts, _unknown(record.attempt, history, len(left))
        if left:
            killed[name] = left
    for name, left in sorted(killed.items()):
        attempts = found.setdefault(name, ([], 0))[0]
        for element, failed in left.items():
            # products that one element makes share its time
            rest = max(failed.seconds - used[element], 0.0)
            used[element] += rest
            attempts.append(_killed(failed, rest))
    products = (
        CountedProduct(name, class_of(name), tuple(sorted(attempts, key=_end)), unknown)
        for name, (attempts, unknown) in sorted(found.items())
    )
    return Found(tuple(products), tuple(damaged))


def _has_begun(failed: journal.Attempt) -> bool:
    """Whether it came to an attempt: not of what was cancelled while it waited in the queue."""
    return bool(failed.seconds or failed.node or failed.cause == LOST)


def _recorded(
    history: Sequence[Earlier], on_slurm: dict[str, journal.Attempt]
) -> Iterator[CountedAttempt]:
    """Yield the attempts that have a record, and take what Slurm tells of them off *on_slurm*."""
    last = {past.job_id: place for place, past in enumerate(history)}  # one may have been requeued
    for place, past in enumerate(history):
        failed = on_slurm.pop(past.job_id, None) if last[past.job_id] == place else None
        cause, memory_kb = "", past.peak_memory_kb
        if past.state not in OVER:
            cause = group_of(past.cause, failed.cause if failed is not None else "")
            memory_kb = max(memory_kb, failed.memory_kb if failed is not None else 0)
        yield CountedAttempt(
            state=past.state,
            start=past.start,
            end=past.end,
            seconds=past.seconds,
            cpu_seconds=past.cpu_seconds,
            memory_kb=memory_kb,
            mem_mb=past.mem_mb,
            cause=cause,
            source=past.source,
        )


def _unknown(number: int, history: Sequence[Earlier], on_slurm: int) -> int:
    """Return how many attempts were counted, but are told of neither here nor by Slurm."""
    by_others = max((past.attempt for past in history if past.source), default=0)
    ours = sum(not past.source for past in history)
    return max(number - by_others - ours - on_slurm, 0)


def _killed(failed: journal.Attempt, seconds: float) -> CountedAttempt:
    return CountedAttempt(
        state="cancelled" if failed.cause == CANCELLED else "failed",
        start="",
        end=failed.ended,
        seconds=seconds,
        cpu_seconds=None,
        memory_kb=failed.memory_kb,
        mem_mb=failed.resources.get("mem_mb", 0),
        cause=group_of(failed.text, failed.cause),
    )


def _end(attempt: CountedAttempt) -> str:
    return attempt.end
