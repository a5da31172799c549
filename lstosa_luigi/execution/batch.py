"""What stands where Luigi expects the process of a task, but only looks at the backend."""

from __future__ import annotations

__all__ = ["Batch", "Owner", "title_of"]

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import luigi
from luigi.task_status import DONE, FAILED, PENDING

from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.backend import Outcome
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.execution.console import Console
from lstosa_luigi.execution.spec import Job
from lstosa_luigi.execution.task import SlurmTask


class Owner(Protocol):
    """The worker, as its batches see it."""

    console: Console

    def take_apart(self, task: SlurmTask) -> Any:
        """Let the members of a task report for themselves; return the task's own reporter."""

    def wants(self, task: luigi.Task) -> bool:
        """Whether a task may go along with another one."""

    def submit(self, batch: Batch, jobs: list[Job], followers: Mapping[str, Sequence[Job]]) -> None:
        """Give jobs to the backend and remember whose they are."""

    def failure_of(self, member: SlurmTask) -> Outcome | None:
        """Return how a task failed under this command, None if it did not."""

    def failed(self, member: SlurmTask, outcome: Outcome) -> None:
        """Remember and say that a member of a batch failed."""

    def poll(self) -> None:
        """Hand the outcomes of ended jobs to their batches."""

    def cancel(self) -> None:
        """End all jobs."""

    def report(self, member: SlurmTask, status: str, text: str, log: str) -> None:
        """Tell the scheduler how a member of a batch ended, and where its log is."""

    def point_to(self, task: SlurmTask, log: str) -> None:
        """Remember where the log of a task is, for when Luigi reports it."""

    def plan_again(self, member: SlurmTask) -> None:
        """Tell the scheduler what a member of a merged task needs by now."""

    def finish(self, task: SlurmTask, status: str, text: str, needs: Sequence[luigi.Task]) -> None:
        """Tell Luigi that a task ended, or what it needs before it can be run."""


class Batch:
    """The jobs of one task: of all its members if luigid merged several, else of itself."""

    # what Luigi asks of a process
    use_multiprocessing = False
    timeout_time = None
    worker_timeout = None
    exitcode = 0

    def __init__(self, worker: Owner, task: SlurmTask) -> None:
        self.worker = worker
        self.task = task
        self.open: dict[str, SlurmTask] = {}
        self.failures: list[tuple[SlurmTask, Outcome]] = []
        self.total = 0
        self.needs: list[luigi.Task] = []
        self.finished = False
        self.status_reporter: Any = None

    def run(self) -> None:
        """Give the jobs of all members that lack their product to the backend."""
        self.status_reporter = self.worker.take_apart(self.task)
        jobs: list[Job] = []
        followers: dict[str, list[Job]] = {}
        members = self.task.members()
        self.total = len(members)
        for member in members:
            known = self.worker.failure_of(member)
            if known is not None and not member.complete():
                self._fail(member, known)
                continue
            try:
                job = self._job_of(member)
            except (LstosaError, OSError) as error:
                cause = os_error(error) if isinstance(error, OSError) else str(error)
                self._fail(member, Outcome(member.task_id, False, cause, began=time.time()))
                continue
            if job is not None:
                self.open[job.key] = member
                jobs.append(job)
                followers[job.key] = self._followers_of(member)
        self.worker.submit(self, jobs, followers)
        self._close_if_over()

    def _job_of(self, member: SlurmTask) -> Job | None:
        """Return what is to be executed for a member, None if nothing is, or not yet."""
        if member.complete():
            self._report(member, DONE)
            return None
        lacking = [need for need in member.deps() if not need.complete()]
        if lacking:  # more became known since it was planned
            self._postpone(member, lacking)
            return None
        return member.job()

    def _followers_of(self, member: SlurmTask) -> list[Job]:
        """Return the jobs of planned tasks that lack nothing but this member."""
        jobs = []
        for task in member.followers():
            if not self.worker.wants(task) or task.complete():
                continue
            try:
                if all(need == member or need.complete() for need in task.deps()):
                    jobs.append(task.job())
            except LstosaError:  # said when its own turn comes
                continue
        return jobs

    def tell(self, text: str) -> None:
        """Show news of one of the jobs in the visualiser."""
        self.status_reporter.update_status_message(text)

    def is_alive(self) -> bool:
        """Let the worker look at the backend, and say whether anything is open here."""
        self.worker.poll()
        return not self.finished

    def take(self, outcome: Outcome) -> None:
        """Take the outcome of one of the members' jobs."""
        member = self.open.pop(outcome.key)
        if outcome.done and member.complete():
            self.worker.console.product(member.remarked_title(), outcome)
            # what needs it may start while the batch goes on
            self._report(member, DONE, log=outcome.log)
        else:
            self._fail(member, outcome)
        if self.total > 1 and self.open:
            done = self.total - len(self.open)
            self.status_reporter.update_status_message(f"{done} of {self.total} ended")
            self.status_reporter.update_progress_percentage(int(100 * done / self.total))
        self._close_if_over()

    def terminate(self) -> None:
        """Cancel: the backend ends all jobs of this worker together."""
        self.worker.cancel()

    def _postpone(self, member: SlurmTask, lacking: list[luigi.Task]) -> None:
        if member.task_id == self.task.task_id:
            self.needs = lacking
        else:
            self.worker.plan_again(member)

    def _fail(self, member: SlurmTask, outcome: Outcome) -> None:
        self.worker.failed(member, outcome)
        # reported at the end only: luigid ties the members of a batch together until then
        self.failures.append((member, outcome))

    def _close_if_over(self) -> None:
        if self.open or self.finished:
            return
        self.finished = True
        texts = []
        for member, outcome in self.failures:
            text = f"{title_of(member)}: {outcome.cause}"
            texts.append("\n".join(filter(None, (text, outcome.detail, outcome.log))))
            self._report(member, FAILED, texts[-1], outcome.log)
        single = self.failures and self.failures[0][0].task_id == self.task.task_id
        status = FAILED if single else PENDING if self.needs else DONE
        self.worker.finish(self.task, status, "\n\n".join(texts), self.needs)

    def _report(self, member: SlurmTask, status: str, text: str = "", log: str = "") -> None:
        if member.task_id != self.task.task_id:
            self.worker.report(member, status, text, log)
        else:  # Luigi itself reports a task that is no batch
            self.worker.point_to(member, log)


def title_of(task: luigi.Task) -> str:
    """Return a task in an operator's words."""
    return str(getattr(task, "title", task.task_id))
