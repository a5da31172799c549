"""Every text of Slurm that is read is read here: pure functions from text to values.

Texts and their traps were recorded on Slurm 22.05; what newer versions write
differently is noted where it matters. Ids of array elements are taken from
``ARRAY_INDEX``, never from raw job ids, which interleave with those of other jobs.
"""

from __future__ import annotations

__all__ = [
    "PENDING",
    "QUEUE_FORMAT",
    "Accounting",
    "ElementId",
    "QueueRow",
    "Refusal",
    "accounting_rows",
    "array_limit",
    "job_id",
    "kind_of_refusal",
    "partition_seconds",
    "queue_rows",
    "seconds_of",
]

import dataclasses
import enum
import re
from collections.abc import Iterator

QUEUE_FORMAT = "%i|%T|%r|%j"
"""Of squeue: element, state, reason, name; the name last, for it may hold anything."""

ACCOUNTING_FORMAT = "JobID,State,ExitCode,ElapsedRaw,MaxRSS,NodeList,JobName"
"""Of sacct: likewise."""

PENDING = "PENDING"


@dataclasses.dataclass(frozen=True, order=True)
class ElementId:
    """An element of a job array, as Slurm writes it: ``1234_5``."""

    array: int
    index: int

    def __str__(self) -> str:
        return f"{self.array}_{self.index}"


@dataclasses.dataclass(frozen=True)
class QueueRow:
    """An element that is not over, as ``squeue -r`` lists it."""

    element: ElementId
    state: str
    reason: str
    name: str


def queue_rows(text: str) -> list[QueueRow]:
    """Return the array elements of a listing of ``squeue -h -r -o QUEUE_FORMAT``.

    Jobs that are no arrays are left out: they are not ours.
    """
    rows = []
    for line in text.splitlines():
        fields = line.strip().split("|", 3)
        match = re.fullmatch(r"(\d+)_(\d+)", fields[0])
        if match and len(fields) == 4:
            element = ElementId(int(match[1]), int(match[2]))
            # squeue puts reasons of several words and "(null)" there, never a bar
            rows.append(QueueRow(element, fields[1], fields[2], fields[3]))
    return rows


@dataclasses.dataclass(frozen=True)
class Accounting:
    """What ``sacct`` tells of an element.

    Parameters
    ----------
    state : str
        First word of the state: ``CANCELLED by 0`` is ``CANCELLED``.
    by : str
        Who cancelled it, as a number of a user; empty if nobody did.
    exit_code, signal : int
        As far as they can be trusted: sacct keeps only seven bits of an exit code.
    seconds : int
        Elapsed time.
    memory_kb : int
        Largest resident size of its steps in kB, 0 if unknown.
    node : str
        Where it ran.
    """

    state: str
    by: str = ""
    exit_code: int = 0
    signal: int = 0
    seconds: int = 0
    memory_kb: int = 0
    node: str = ""


def accounting_rows(text: str) -> dict[ElementId, Accounting]:
    """Return what ``sacct -n -P -o ACCOUNTING_FORMAT`` tells of array elements.

    Steps (``.batch``, ``.extern``, ``.0``) only contribute their memory. Elements that were
    never started stand together in one row, ``6_[2-9%2]``.
    """
    rows: dict[ElementId, Accounting] = {}
    memory: dict[ElementId, int] = {}
    for line in text.splitlines():
        fields = line.split("|", 6)
        if len(fields) < 7:
            continue
        job, dot, _step = fields[0].partition(".")
        for element in _elements(job):
            memory[element] = max(memory.get(element, 0), kilobytes_of(fields[4]))
            if not dot:
                rows[element] = _accounting(fields)
    return {
        element: dataclasses.replace(row, memory_kb=memory[element])
        for element, row in rows.items()
    }


def _accounting(fields: list[str]) -> Accounting:
    state, _, by = fields[1].partition(" by ")
    code, _, number = fields[2].partition(":")
    return Accounting(
        state=state.strip(),
        by=by,
        exit_code=int(code) if code.isdigit() else 0,
        signal=int(number) if number.isdigit() else 0,
        seconds=int(fields[3]) if fields[3].isdigit() else 0,
        node="" if fields[5] == "None assigned" else fields[5],
    )


def _elements(job: str) -> Iterator[ElementId]:
    """Yield the elements that a row is about: ``6_4``, or ``6_[2-4,7%2]``."""
    array, _, indices = job.partition("_")
    if not array.isdigit() or not indices:
        return
    for part in indices.strip("[]").partition("%")[0].split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part)  # 4, 2-9, or 2-18:2
        if match is not None:
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
            yield from (ElementId(int(array), i) for i in range(first, last + 1, step))


class Refusal(enum.Enum):
    """What it means that sbatch did not take a job."""

    LIMIT = "limit"
    """There are as many jobs as are allowed: fewer at a time, or later."""
    AWAY = "away"
    """Slurm cannot be reached and did not take the job: later."""
    UNCERTAIN = "uncertain"
    """Nobody answered in time: the job may have been taken."""
    NEVER = "never"
    """The request itself is wrong: it must be changed."""


_REFUSALS = (
    (
        # what comes with every violation of a limit names submissions, whichever limit it is
        r"(QOS|Assoc)Max(?!Submit)\w*|Requested time limit is invalid",
        Refusal.NEVER,
    ),
    (
        r"MaxSubmitJob|job submit limit|MaxJobCount|sleeping and retrying|queue full|"
        r"Resource temporarily unavailable",
        Refusal.LIMIT,
    ),
    (
        r"timed out|receive failure|Transport endpoint|Zero Bytes|reset by peer",
        Refusal.UNCERTAIN,
    ),
    (
        r"Unable to contact slurm controller|connect failure|Connection refused|Munge|"
        r"authentication error|Required partition not available|in standby|"
        r"Slurm temporarily unable|Resolve|not responding|Rate limit exceeded|"
        r"submissions disabled",
        Refusal.AWAY,
    ),
)


def kind_of_refusal(text: str) -> Refusal:
    """Tell what the error text of a client command means."""
    for pattern, kind in _REFUSALS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    return Refusal.NEVER


def job_id(text: str) -> int | None:
    """Return the id that ``sbatch --parsable`` printed: ``1234`` or ``1234;cluster``."""
    match = re.match(r"\s*(\d+)\s*(;|$)", text)
    return int(match[1]) if match else None


def array_limit(text: str) -> int:
    """Return MaxArraySize of ``scontrol show config``: indices must be below it.

    1001 is Slurm's default (slurm.conf, MaxArraySize).
    """
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 1001


def partition_seconds(text: str) -> dict[str, float]:
    """Return the longest time in seconds of each partition of ``scontrol show partition -o``."""
    found = {}
    for line in text.splitlines():
        name = re.search(r"\bPartitionName=(\S+)", line)
        longest = re.search(r"\bMaxTime=(\S+)", line)
        if name and longest:
            found[name[1]] = seconds_of(longest[1])
    return found


def seconds_of(text: str) -> float:
    """Return a time of Slurm in seconds: ``90`` minutes, ``5:30``, ``1:15:00``, ``2-12:00``.

    Raises
    ------
    ValueError
        If it is none of these, nor ``UNLIMITED``.
    """
    if text.upper() in ("UNLIMITED", "INFINITE"):
        return float("inf")
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time; write minutes, H:M:S or D-H:M:S")
    days, *rest = match.groups()
    numbers = [int(part) for part in rest if part is not None]
    # with days the first is hours; else one number is minutes, two are minutes and seconds
    units = (3600, 60, 1) if days or len(numbers) == 3 else (60, 1)
    return int(days or 0) * 86400 + sum(n * unit for n, unit in zip(numbers, units, strict=False))


def kilobytes_of(text: str) -> int:
    """Return a size as sacct writes it (``1234K``, ``1.5M``) in kB; 0 if there is none."""
    match = re.fullmatch(r"([\d.]+)([KMGT]?)", text.strip())
    if match is None:
        return 0
    exponent = " KMGT".index(match[2] or " ") - 1
    return round(float(match[1]) * 1024.0**exponent)
