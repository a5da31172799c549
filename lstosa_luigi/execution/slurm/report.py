"""What became of the jobs of a night: those in the queue, those that ended, those that failed."""

from __future__ import annotations

__all__ = ["Execution", "executions", "live_elements"]

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from lstosa_luigi.execution.record import Earlier, Record, read_records
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.manifest import SUFFIX, read_manifest
from lstosa_luigi.execution.slurm.parse import ElementId, QueueRow


@dataclasses.dataclass(frozen=True)
class Execution:
    """One attempt to make a product.

    Parameters
    ----------
    title : str
        The product, in an operator's words.
    job_id : str
        ``1234_5``; empty if it was made on this machine.
    state : str
        ``done``, ``failed``, ``cancelled``; for a live job what the queue says.
    exit : str
        Exit code and signal of the command, ``1:0``; empty if it is not over.
    seconds : float
        Elapsed time.
    memory_mb, mem_mb : float
        Largest resident size, and what had been asked for; 0 if unknown.
    cpu : float
        CPU time over elapsed time times CPUs; 0 if unknown.
    host : str
        Where.
    when : str
        Its end, or the reason for which it waits.
    text : str
        Why it failed, and what followed.
    """

    title: str
    job_id: str
    state: str
    exit: str = ""
    seconds: float = 0.0
    memory_mb: float = 0.0
    mem_mb: float = 0.0
    cpu: float = 0.0
    host: str = ""
    when: str = ""
    text: str = ""


def live_elements(arrays: Path, queue: Iterable[QueueRow]) -> dict[ElementId, QueueRow]:
    """Return what is in the queue of the arrays whose manifests are in a directory."""
    try:
        names = {entry.name for entry in os.scandir(arrays)}
    except OSError:
        return {}
    return {row.element: row for row in queue if f"{row.name}{SUFFIX}" in names}


def executions(arrays: Path, records: Path, queue: Iterable[QueueRow]) -> list[Execution]:
    """Return all attempts of a night: past ones by their end, then the live ones.

    Parameters
    ----------
    arrays, records : Path
        Directories of manifests and of records.
    queue : iterable of QueueRow
        What is in the queue.
    """
    past = [_of_attempt(attempt) for attempt in journal.read(arrays)]
    told = {(execution.title, execution.job_id) for execution in past}
    for _, record in read_records(records):
        if record is None:
            continue
        attempts: list[Earlier | Record] = [*record.earlier, record]
        for one in attempts:
            if not one.job_id or (record.title, one.job_id) not in told:
                past.append(_of_record(record.title, one))
    past.sort(key=lambda execution: execution.when)
    return past + _live(arrays, live_elements(arrays, queue))


def _of_record(title: str, record: Record | Earlier) -> Execution:
    is_over = record.exit_code is not None or record.signal is not None
    return Execution(
        title=title,
        job_id=record.job_id,
        state=record.state,
        exit=f"{record.exit_code or 0}:{record.signal or 0}" if is_over else "",
        seconds=record.seconds,
        memory_mb=record.peak_memory_kb / 1024,
        mem_mb=record.mem_mb,
        cpu=record.cpu_seconds / (record.seconds * max(record.cpus, 1)) if record.seconds else 0.0,
        host=record.host,
        when=record.end,
        text=record.cause,
    )


def _of_attempt(attempt: journal.Attempt) -> Execution:
    return Execution(
        title=attempt.title,
        job_id=attempt.element,
        state=attempt.cause,
        exit=attempt.exit,
        seconds=attempt.seconds,
        memory_mb=attempt.memory_kb / 1024,
        mem_mb=attempt.resources["mem_mb"],
        host=attempt.node,
        when=attempt.ended,
        text=f"{attempt.text}; {attempt.decision}",
    )


def _live(arrays: Path, rows: dict[ElementId, QueueRow]) -> list[Execution]:
    found = []
    for name in sorted({row.name for row in rows.values()}):
        manifest = read_manifest(arrays / f"{name}{SUFFIX}")
        for element, row in sorted(rows.items()):
            if row.name == name and element.index in manifest.elements:
                job = manifest.elements[element.index][0]
                state, reason = row.state.lower(), row.reason
                asked = manifest.resources["mem_mb"]
                why = "" if reason in ("None", "(null)") else reason
                found.append(Execution(job.title, str(element), state, mem_mb=asked, when=why))
    return found
