"""What became of an element that is over without its product: the evidence, and what it shows."""

from __future__ import annotations

__all__ = ["Evidence", "attempt_of", "gather", "outcome_of", "verdict"]

import dataclasses
import datetime
from pathlib import Path

from lstosa_luigi.execution.backend import Outcome
from lstosa_luigi.execution.causes import last_lines
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.execution.slurm.journal import Attempt
from lstosa_luigi.execution.slurm.member import Member
from lstosa_luigi.execution.slurm.options import Options
from lstosa_luigi.execution.slurm.parse import Accounting, ElementId
from lstosa_luigi.execution.slurm.policy import Cause, Decision, End, end_of

DETAIL_LINES = 8
LAG_S = 15.0
"""How far accounting may lag behind the queue before a job's own record is believed (seen: 6 s)."""


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of an execution.

    Parameters
    ----------
    row : Accounting or None
        What accounting has.
    record : Record or None
        What the job itself wrote, if it came to that.
    printed : str
        End of its log.
    """

    row: Accounting | None = None
    record: Record | None = None
    printed: str = ""

    @property
    def seconds(self) -> float:
        """Elapsed time, 0 if unknown."""
        if self.row is not None:
            return float(self.row.seconds)
        return self.record.seconds if self.record is not None else 0.0

    @property
    def memory_kb(self) -> int:
        """Largest resident size, 0 if unknown."""
        of_job = self.record.peak_memory_kb if self.record is not None else 0
        return max(self.row.memory_kb if self.row is not None else 0, of_job)

    @property
    def exit(self) -> str:
        """How the command ended, rather than how the job did: ``1:0``."""
        record, row = self.record, self.row
        if record is not None and (record.exit_code is not None or record.signal is not None):
            return f"{record.exit_code or 0}:{record.signal or 0}"
        return f"{row.exit_code}:{row.signal}" if row is not None else ""


def gather(member: Member, rows: dict[ElementId, Accounting] | None) -> Evidence:
    """Return what is known of the last execution of a job.

    Parameters
    ----------
    member : Member
        The job, whose element is known.
    rows : dict or None
        What accounting has of elements; None if it does not answer.
    """
    assert member.element is not None
    record = read_record(Path(member.job.record))
    if record is not None and record.job_id != str(member.element):
        record = None  # it is of an attempt before
    row = None if rows is None else rows.get(member.element)
    return Evidence(row, record, last_lines(Path(member.log())))


def verdict(
    evidence: Evidence, waited: float, options: Options, accounting_answers: bool
) -> End | None:
    """Return how an execution ended; None if that is not certain yet.

    Parameters
    ----------
    evidence : Evidence
        What is known.
    waited : float
        Seconds since the element was missed in the queue.
    options : Options
        The configuration.
    accounting_answers : bool
        Whether more may be learnt by waiting for nothing else.
    """
    grace = options.common.grace
    end = end_of(evidence.row, evidence.record, evidence.printed)
    record = evidence.record
    is_certain = evidence.row is not None or (record is not None and record.is_permanent)
    if not is_certain and waited < min(LAG_S, grace):
        return None
    if evidence.row is not None and evidence.row.state == "COMPLETED" and waited < grace:
        return None  # its files may take a while to be seen from here
    if end is None and accounting_answers and waited >= grace:
        text = "vanished: neither the queue nor accounting knows what became of it"
        return End(Cause.LOST, text)
    return end


def attempt_of(
    member: Member, end: End, decision: Decision, evidence: Evidence, now: float
) -> Attempt:
    """Return the line of the journal."""
    when = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    return Attempt(
        job=member.job.name,
        title=member.job.title,
        element=str(member.element or ""),
        ended=when.isoformat(timespec="seconds"),
        cause=end.cause.value,
        text=end.text,
        decision=decision.text,
        state=evidence.row.state if evidence.row is not None else "",
        exit=evidence.exit,
        seconds=evidence.seconds,
        memory_kb=evidence.memory_kb,
        node=end.node,
        resources=member.resources.to_json(),
        again=None if decision.again is None else decision.again.to_json(),
    )


def outcome_of(member: Member, cause: str, evidence: Evidence, now: float) -> Outcome:
    """Return what the worker is told of a job that failed for good."""
    over = now if member.gone_since is None else member.gone_since
    log = member.log()
    return Outcome(
        member.job.key,
        False,
        cause,
        last_lines(Path(log), DETAIL_LINES),
        log,
        over - evidence.seconds,
        evidence.seconds,
        title=member.job.title,
    )
