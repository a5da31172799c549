"""The Slurm backend: jobs become arrays, the queue tells of ends, failures lead to new tries."""

from __future__ import annotations

__all__ = ["SlurmBackend"]

import collections
import dataclasses
import datetime
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from lstosa_luigi.execution.backend import Note, Outcome
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.execution.files import remove_tree
from lstosa_luigi.execution.record import read_record
from lstosa_luigi.execution.slurm import inquest, journal
from lstosa_luigi.execution.slurm.arrays import COMPLETING, Array, Arrays, Element
from lstosa_luigi.execution.slurm.client import Away, Slurm
from lstosa_luigi.execution.slurm.member import Member
from lstosa_luigi.execution.slurm.options import Options, Resources
from lstosa_luigi.execution.slurm.parse import (
    PENDING,
    Accounting,
    ElementId,
    Refusal,
)
from lstosa_luigi.execution.slurm.policy import (
    HELD,
    HOPELESS,
    Cause,
    Decision,
    End,
    Faults,
    decide,
)
from lstosa_luigi.execution.spec import Job


class SlurmBackend:
    """Runs jobs as elements of job arrays.

    Parameters
    ----------
    slurm : Slurm
        The cluster.
    options : Options
        The configuration.
    clock : callable
        Returns seconds since the epoch.
    """

    takes_followers = True

    def __init__(
        self, slurm: Slurm, options: Options, clock: Callable[[], float] = time.time
    ) -> None:
        self._slurm = slurm
        self._options = options
        self._clock = clock
        self._arrays = Arrays(slurm, options, clock)
        self._members: dict[str, Member] = {}
        self._waiting: dict[str, Member] = {}
        self._faults: dict[str, Faults] = {}
        self._grown: dict[str, Resources] = {}
        self._read_journals: set[Path] = set()
        self._looked_at = float("-inf")
        self._is_blocked = False
        self._ended: list[Outcome] = []
        self._notes: list[Note] = []
        self._said: dict[str, str] = {}
        self._summary: list[str] = []

    # --- what the worker asks --------------------------------------------------------------

    def submit(self, jobs: Iterable[Job], followers: Mapping[str, Sequence[Job]] = {}) -> None:
        """Take jobs over; they are submitted at the next :meth:`poll`, with those of their kind."""
        for job in jobs:
            member = self._members.get(job.record)
            if member is not None:  # it went along with another one
                member.leader = None
                continue
            self._prepare(Path(job.arrays))
            member = self._new_member(job)
            member.followers = followers.get(job.key, ())
            for follower in member.followers:
                member.resources = member.resources.enough_for(self._new_member(follower).resources)
            self._members[job.record] = self._waiting[job.record] = member

    def poll(self) -> list[Outcome]:
        """Look at the queue if it is time to, submit what waits, and return what ended."""
        now = self._clock()
        if now - self._looked_at >= self._options.common.poll_interval:
            self._looked_at = now
            try:
                self._arrays.look()
                self._said.pop("squeue", None)
                self._is_blocked = False
                self._observe(now)
            except Away as away:
                self._say_once("squeue", f"Slurm does not answer, waiting for it: {away}")
        if self._waiting and self._arrays.has_looked and not self._is_blocked:
            try:
                self._place(now)
                self._said.pop("scontrol", None)
            except Away as away:
                self._is_blocked = True
                self._say_once("scontrol", f"Slurm does not answer, waiting for it: {away}")
        ended, self._ended = self._ended, []
        return ended

    def notes(self) -> list[Note]:
        """Return what people should know, since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def running(self) -> list[str]:
        """Return how many jobs are in which state."""
        return self._summary

    def cancel(self) -> str:
        """End all jobs, or leave them to the next client, as the configuration says."""
        live = [m.element for m in self._members.values() if m.element is not None]
        if not any(m.array for m in self._members.values()):
            return "no job is left"
        if self._options.common.on_exit == "keep":
            return f"{_jobs(len(live))} on Slurm go on; the same command takes them up again"
        try:
            self._arrays.cancel(live)
            self._arrays.cancel_uncertain()
        except Away as away:
            return f"{_jobs(len(live))} on Slurm could not be cancelled: {away}"
        return f"{_jobs(len(live))} on Slurm are cancelled"

    # --- what the queue shows --------------------------------------------------------------

    def _observe(self, now: float) -> None:
        states: collections.Counter[str] = collections.Counter()
        gone, hopeless = [], []
        for member in list(self._members.values()):
            if member.array is None:
                states["waiting"] += 1
                continue
            row = self._arrays.row(member.array, member.index)
            if row is None or row.state == COMPLETING:
                if member.job.is_made():
                    self._done(member)
                    continue
                if row is not None and self._may_come_back(member, now):
                    member.state = COMPLETING
                elif not self._arrays.is_young(member.array):
                    member.state = "ended"
                    gone.append(member)
            else:
                member.state, member.gone_since = row.state, None
                if row.state != PENDING and self._is_done_early(member):
                    self._done(member)
                    continue
                if row.state == PENDING and row.reason in HOPELESS and member.leader is None:
                    hopeless.append((member, row.reason))
                if row.state == PENDING and row.reason in HELD:
                    text = f"{member.array.name} is held ({row.reason}), until somebody releases it"
                    self._say_once(member.array.name, f"{text}: scontrol release {row.element}")
            states[member.state.lower()] += 1
        if hopeless:
            self._give_up(hopeless, now)
        if gone:
            self._settle(gone, now)
        self._summary = [f"{number} {state}" for state, number in sorted(states.items())]

    def _may_come_back(self, member: Member, now: float) -> bool:
        """Whether what is completing may still go back into the queue, or leave its product.

        On a node that is gone a job may be completing for ever.
        """
        member.gone_since = now if member.gone_since is None else member.gone_since
        return now - member.gone_since < self._options.common.grace

    @staticmethod
    def _is_done_early(member: Member) -> bool:
        """Whether a product is there although its element goes on with others."""
        return bool(member.followers) and member.job.is_made()

    def _done(self, member: Member) -> None:
        job = member.job
        self._members.pop(job.record, None)
        self._waiting.pop(job.record, None)
        record = read_record(Path(job.record))
        ours = record is not None and record.job_id == str(member.element)
        size = sum(_size(output.path) for output in job.outputs)
        if record is not None and ours:
            began = datetime.datetime.fromisoformat(record.start).timestamp()
            outcome = Outcome(job.key, True, "", "", record.log, began, record.seconds, size)
        else:
            outcome = Outcome(job.key, True, log=member.log(), began=self._clock(), size=size)
        self._ended.append(dataclasses.replace(outcome, title=job.title))

    # --- what failed -----------------------------------------------------------------------

    def _give_up(self, hopeless: list[tuple[Member, str]], now: float) -> None:
        self._arrays.cancel([m.element for m, _ in hopeless if m.element is not None])
        for member, reason in hopeless:
            end = End(Cause.PERMANENT, f"it would wait for ever in the queue: {reason}")
            decision = Decision(None, 0, "cancelled: correct [slurm] in the configuration")
            self._conclude(member, end, decision, inquest.Evidence(), now)

    def _settle(self, gone: list[Member], now: float) -> None:
        """Find out why elements are over without their product, and decide what follows."""
        never_there: dict[str, Array] = {}
        for member in gone:
            member.gone_since = now if member.gone_since is None else member.gone_since
            if member.array is not None and member.array.number is None:
                never_there[member.array.name] = member.array
                self._wait_again(member, now)
        for array in never_there.values():
            self._arrays.forget(array)
            self._notes.append(Note("", f"{array.name} was not taken by Slurm: again"))
        known = [m for m in gone if m.element is not None]
        rows: dict[ElementId, Accounting] | None = {}
        if known:
            try:
                rows = self._slurm.accounting([m.element for m in known if m.element is not None])
                self._said.pop("sacct", None)
            except Away as away:
                rows = None
                self._say_once("sacct", f"Accounting does not answer: {away}")
        for member in known:
            self._judge(member, rows, now)

    def _judge(self, member: Member, rows: dict[ElementId, Accounting] | None, now: float) -> None:
        assert member.element is not None
        assert member.gone_since is not None
        if member.job.is_made():
            self._done(member)
            return
        if member.leader is not None and not member.leader.is_made():
            self._members.pop(member.job.record, None)  # its turn never came
            return
        evidence = inquest.gather(member, rows)
        is_answered = rows is not None
        end = inquest.verdict(evidence, now - member.gone_since, self._options, is_answered)
        if end is None:
            return
        faults = _counted(member.faults, end)
        try:
            longest = self._arrays.longest(member.resources.partition)
        except Away:
            return
        decision = decide(end, faults, member.resources, self._options, longest)
        member.faults = faults
        self._conclude(member, end, decision, evidence, now)

    def _conclude(
        self,
        member: Member,
        end: End,
        decision: Decision,
        evidence: inquest.Evidence,
        now: float,
    ) -> None:
        job = member.job
        attempt = inquest.attempt_of(member, end, decision, evidence, now)
        journal.append(Path(job.arrays), [attempt])
        self._sweep(member)
        is_over = decision.again is None  # then the line of the product says so
        text = f"{job.title}: {end.text}; {decision.text}"
        self._notes.append(Note(job.key, text, is_quiet=is_over and member.leader is None))
        self._faults[job.record] = member.faults
        if decision.again is not None and member.leader is None:
            member.resources, member.ended_by = decision.again, end.text
            self._wait_again(member, now + decision.delay)
            return
        self._members.pop(job.record, None)
        if member.leader is None:
            cause = f"{end.text}; {decision.text}"
            self._ended.append(inquest.outcome_of(member, cause, evidence, now))
        elif decision.again is not None:  # it is tried again when its own turn comes
            self._grown[f"{job.arrays}/{job.name}"] = decision.again

    def _wait_again(self, member: Member, when: float) -> None:
        member.array, member.index, member.gone_since = None, -1, None
        member.state, member.not_before = "waiting", when
        if member.leader is not None:
            self._members.pop(member.job.record, None)
            return
        self._waiting[member.job.record] = member

    def _sweep(self, member: Member) -> None:
        """Remove the scratch folders that an element left because it was killed."""
        if member.element is None:
            return
        for folder in Path(member.job.scratch).glob(f"{member.job.name}.*.{member.element}@*"):
            remove_tree(folder)

    # --- new arrays ------------------------------------------------------------------------

    def _prepare(self, directory: Path) -> None:
        """Learn what is known of the jobs of a night: live arrays, and attempts that failed."""
        self._arrays.watch(directory)
        if directory in self._read_journals:
            return
        self._read_journals.add(directory)
        for attempt in journal.read(directory):
            if attempt.again is not None:
                self._grown[f"{directory}/{attempt.job}"] = Resources.from_json(attempt.again)

    def _new_member(self, job: Job) -> Member:
        resources = self._options.resources(job.resource_class, job.product)
        # what was too little for the product before would be too little again
        grown = self._grown.get(f"{job.arrays}/{job.name}")
        if grown is not None:
            resources = dataclasses.replace(
                resources,
                mem_mb=max(resources.mem_mb, grown.mem_mb),
                seconds=max(resources.seconds, grown.seconds),
            )
        return Member(job, resources, faults=self._faults.get(job.record, Faults()))

    def _place(self, now: float) -> None:
        """Attach what waits to the elements that make it already; submit the rest."""
        ready: dict[Path, list[Member]] = {}
        for member in list(self._waiting.values()):
            if member.not_before > now:
                continue
            if member.job.is_made():
                self._done(member)
            else:
                ready.setdefault(Path(member.job.arrays), []).append(member)
        for directory, members in ready.items():
            try:
                with self._arrays.alone(directory) as is_alone:
                    if is_alone and not self._is_blocked:
                        self._place_in_arrays(members)
            except OSError as error:  # of the disk
                for member in members:
                    if member.array is None:
                        self._refuse(member, f"cannot be submitted: {os_error(error)}")

    def _place_in_arrays(self, ready: list[Member]) -> None:
        groups: dict[tuple[object, ...], list[Member]] = {}
        for member in ready:
            found = self._arrays.find(member.job)
            if found is not None:
                member.array, member.index, member.resources = (
                    found.array,
                    found.index,
                    found.resources,
                )
                member.faults = dataclasses.replace(member.faults, own=found.tries)
                member.state = PENDING
                member.leader = None
                del self._waiting[member.job.record]
                text = f"is made by Slurm job {member.element or found.array.name} already"
                self._notes.append(Note(member.job.key, text, is_quiet=True))
                continue
            job = member.job
            unit = job.unit if job.number is not None else ""
            kind = (job.arrays, job.log.rpartition("/")[0], job.product, unit, member.resources)
            groups.setdefault(kind, []).append(member)
        for members in groups.values():
            if self._is_blocked:
                break
            self._submit(members)

    def _submit(self, members: list[Member]) -> None:
        elements = [Element([m.job, *m.followers], m.faults.own) for m in members]
        placed, refusal = self._arrays.submit(elements, members[0].resources)
        rest = iter(members)
        for array, indices in placed:
            mine = [next(rest) for _ in indices]
            for member, index in zip(mine, indices, strict=True):
                self._put(member, array, index)
            text = f"Slurm {array.number}: {len(indices)} submitted"
            if array.number is None:
                text = f"{array.name}: sbatch did not answer; the queue will tell if it was taken"
            self._notes.append(Note(mine[0].job.key, text, is_quiet=array.number is not None))
        if not self._waiting:
            self._said.pop("sbatch", None)
        if refusal is None:
            return
        if refusal.kind is Refusal.NEVER:
            for member in rest:
                before = f", after it was {member.ended_by}" if member.ended_by else ""
                text = f"Slurm refuses the job{before}: {refusal}. Correct [slurm]"
                self._refuse(member, f"{text} in the configuration.")
        else:
            self._is_blocked = True  # until the queue was looked at again
            self._say_once("sbatch", f"Slurm takes no more jobs for now, waiting: {refusal}")

    def _put(self, member: Member, array: Array, index: int) -> None:
        self._waiting.pop(member.job.record, None)
        member.array, member.index, member.state = array, index, PENDING
        for job in member.followers:
            along = Member(job, member.resources, array=array, index=index, leader=member.job)
            self._members.setdefault(job.record, along)

    def _refuse(self, member: Member, cause: str) -> None:
        self._members.pop(member.job.record, None)
        self._waiting.pop(member.job.record, None)
        now, job = self._clock(), member.job
        self._ended.append(Outcome(job.key, False, cause, began=now, title=job.title))

    def _say_once(self, about: str, text: str) -> None:
        if about not in self._said:
            self._said[about] = text
            self._notes.append(Note("", text))


def _counted(faults: Faults, end: End) -> Faults:
    if end.cause is Cause.LOST:
        return dataclasses.replace(faults, losses=faults.losses + 1)
    return dataclasses.replace(faults, own=faults.own + 1)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
