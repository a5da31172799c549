"""The Luigi worker that polls batches of jobs instead of forking a process for each.

All use of Luigi's private API is in this module: see :func:`install`.
"""

from __future__ import annotations

__all__ = ["JobWorker", "WorkerFactory", "install"]

import contextlib
import errno
import json
import logging
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, cast, runtime_checkable

import luigi
import luigi.interface
import luigi.rpc
import luigi.worker
from luigi.cmdline_parser import CmdlineParser
from luigi.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

from lstosa_luigi import config
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.backend import Backend, Outcome
from lstosa_luigi.execution.backends import make_backend
from lstosa_luigi.execution.batch import Batch, title_of
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.execution.console import Console
from lstosa_luigi.execution.lock import Held, RootLock
from lstosa_luigi.execution.signals import exit_code_of, name_of, raise_at_end
from lstosa_luigi.execution.spec import Job
from lstosa_luigi.execution.task import SlurmTask, is_there

logger = logging.getLogger("luigi-interface")

BATCHES = 1000
"""Batches in flight: each is an object that is looked at, not a process."""

SECONDS_BETWEEN_QUESTIONS = 2.0
"""How often luigid is asked whether others still make what this worker waits for."""

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""Errors that are no defect of the program."""


@runtime_checkable
class Root(Protocol):
    """What a task offers that wants to be worked on by one command at a time."""

    task_id: str

    def lock(self) -> RootLock:
        """Return the lock of the task."""

    def tidy(self) -> None:
        """Remove what dead commands left behind."""

    def conclusion(self) -> str:
        """Say how things stand at the end."""


class JobWorker(luigi.worker.Worker):
    """A worker for one root task: jobs go to a backend, everything else runs in this process."""

    def __init__(
        self,
        backend: Backend,
        console: Console,
        at_end: Callable[[Any], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backend = backend
        self.console = console
        self._at_end = at_end
        self._batches: dict[str, Batch] = {}
        self._locks: list[RootLock] = []
        self._roots: list[Any] = []
        self._at_work = False
        self._expected: set[str] = set()
        self._told: dict[str, tuple[str, frozenset[str] | None]] = {}
        self._failures: dict[str, Outcome] = {}
        self._news = True
        self._no_work: Any = None
        self._asked_for_work = 0.0
        self._asked_for_others = 0.0
        self._elsewhere = True
        self._last_look = False
        self._farewell = ""
        self._urls: dict[str, str | None] = {}

    # --- Luigi's interface -----------------------------------------------------------------

    def add(self, task: luigi.Task, multiprocess: bool = False, processes: int = 0) -> bool:
        """Add a task; a root task is locked first, and what dead commands left is removed."""
        if not self._at_work:
            self._roots.append(task)
            if isinstance(task, Root):
                lock = task.lock()
                try:
                    lock.acquire()
                except Held as held:
                    self.console.say(str(held))
                    raise luigi.interface.PidLockAlreadyTakenExit from held
                self._locks.append(lock)
                task.tidy()
        return bool(super().add(task, multiprocess, processes))

    def run(self) -> bool:
        """Work until nothing is left that this worker could do or wait for."""
        self._at_work = True
        try:
            succeeded = bool(super().run())
            self._settle()
        except luigi.rpc.RPCError as error:
            self.console.say(
                f"luigid does not answer any more ({error.sub_exception}). Start it again with: "
                "lstosa luigid, then give the same command again."
            )
            return False
        finally:
            self.console.close()
        self._conclude()
        return succeeded

    def __enter__(self) -> JobWorker:
        self._undo_signals = raise_at_end()
        return cast(JobWorker, super().__enter__())

    def __exit__(self, *exception: Any) -> Literal[False]:
        interrupt = exception[1] if isinstance(exception[1], KeyboardInterrupt) else None
        try:
            self.cancel()
            if interrupt is not None:
                self.console.say(f"{name_of(interrupt)}: {self._farewell}.")
            super().__exit__(*exception)
        finally:
            self.console.close()
            for lock in self._locks:
                lock.release()
            try:
                self._publish()
            finally:
                self._undo_signals()
        if interrupt is not None and CmdlineParser.get_instance() is not None:
            raise SystemExit(exit_code_of(interrupt)) from None
        return False

    def _publish(self) -> None:
        """Let the root tasks that were worked on be shown as they stand now that nobody does."""
        if self._at_end is None or not self._locks:
            return
        for root in self._roots:
            try:
                self._at_end(root)
            except KeyboardInterrupt:
                self.console.say("WARNING  Interrupted while pages were written: see lstosa pages.")
                return
            except Exception as error:  # whatever it is, it has nothing to do with the work
                name = "" if isinstance(error, LstosaError) else f"{type(error).__name__}: "
                self.console.say(f"WARNING  {name}{error}")

    def _log_complete_error(self, task: luigi.Task, tb: str) -> None:
        self._say_unscheduled(task, tb)

    def _log_dependency_error(self, task: luigi.Task, tb: str) -> None:
        self._say_unscheduled(task, tb)

    def _say_unscheduled(self, task: luigi.Task, tb: str) -> None:
        """Say why a task cannot be planned; a traceback only for what is a defect."""
        last = tb.strip().splitlines()[-1]
        name, _, text = last.partition(": ")
        known = name.startswith(LstosaError.__module__) or name in ("OSError", "PermissionError")
        self.console.say(f"NOT PLANNED  {title_of(task)}: {text if known else tb}")

    def _create_task_process(self, task: luigi.Task) -> Any:
        if isinstance(task, SlurmTask):
            return Batch(self, task)
        process = super()._create_task_process(task)
        # what is not a job is over in no time: a process for it would cost more
        process.use_multiprocessing = False
        # an entry task asks for all that it needs each time it runs, and may need more than before
        process.check_unfulfilled_deps = False
        return process

    def _add(self, task: luigi.Task, is_complete: Any) -> Iterator[luigi.Task]:
        """Plan a task, but for one that failed here or stands planned as it is.

        What becomes known later may need it as well: luigid would have it made once more,
        and asking it about each task each time would take long.
        """
        if not self._stands(task, is_complete):
            yield from super()._add(task, is_complete)

    def _stands(self, task: luigi.Task, is_complete: Any) -> bool:
        """Whether luigid knows all there is to tell of a task."""
        status, deps = self._told.get(task.task_id, ("", None))
        if is_complete is True:
            return status == DONE
        if is_complete is not False:  # what went wrong when the task was asked
            return False
        if status == PENDING and isinstance(task, SlurmTask):
            return deps is not None and deps == _needs_of(task)
        return status == FAILED

    def _add_task(self, *args: Any, **kwargs: Any) -> None:
        self._news = True
        deps = kwargs.get("deps")
        deps = kwargs.get("new_deps") if deps is None else deps
        needs = None if deps is None else frozenset(deps)
        self._told[kwargs["task_id"]] = (kwargs["status"], needs)
        task = self._scheduled_tasks.get(kwargs["task_id"])
        if kwargs["status"] == PENDING and isinstance(task, SlurmTask):
            self._expected.add(task.task_id)
        if kwargs["task_id"] in self._urls:
            kwargs["tracking_url"] = self._urls[kwargs["task_id"]]
        super()._add_task(*args, **kwargs)

    def _get_work(self) -> Any:
        """Ask luigid only if something may have changed: it looks at every task each time."""
        waited = time.monotonic() - self._asked_for_work
        if self._no_work and not self._news and waited < SECONDS_BETWEEN_QUESTIONS:
            return self._no_work
        self._asked_for_work = time.monotonic()
        self._news = False
        response = super()._get_work()
        self._no_work = response if response.task_id is None else None
        if response.task_id is not None:
            self._last_look = False
        return response

    def _keep_alive(self, get_work_response: Any) -> bool:
        """Stay as long as another worker makes something that this one waits for."""
        if all(is_there(root) for root in self._roots):
            return False
        if time.monotonic() - self._asked_for_others > SECONDS_BETWEEN_QUESTIONS:
            self._asked_for_others = time.monotonic()
            self._elsewhere = self._ask_what_others_do()
            if self._elsewhere:
                self._last_look = False
            elif not self._last_look:
                # they may have ended just before the question: there may be work by now
                self._last_look = self._news = self._elsewhere = True
                self._asked_for_others = 0.0
        return self._elsewhere

    # --- jobs ------------------------------------------------------------------------------

    def take_apart(self, task: SlurmTask) -> Any:
        """Let the members of a task report for themselves, which Luigi would do all at once."""
        self._batch_running_tasks.pop(task.task_id, None)
        return luigi.worker.TaskStatusReporter(self._scheduler, task.task_id, self._id, None)

    def wants(self, task: luigi.Task) -> bool:
        """Whether a task may go along with another one: it is planned, and takes part here."""
        return self.backend.takes_followers and task.task_id in self._scheduled_tasks

    def submit(self, batch: Batch, jobs: list[Job], followers: Mapping[str, Sequence[Job]]) -> None:
        """Give jobs to the backend and remember whose they are."""
        self._batches.update({job.key: batch for job in jobs})
        self.backend.submit(jobs, followers)
        self.console.expect(len(self._expected))

    def failure_of(self, member: SlurmTask) -> Outcome | None:
        """Return how a task ended here if it failed: this command does not try it once more.

        luigid may offer it again all the same: after its own ``retry_delay``, or when another
        command planned it to try it for itself.
        """
        return self._failures.get(member.task_id)

    def failed(self, member: SlurmTask, outcome: Outcome) -> None:
        """Remember and say that a member of a batch failed."""
        if member.task_id not in self._failures:
            self.console.product(title_of(member), outcome)
        self._failures[member.task_id] = outcome

    def poll(self) -> None:
        """Hand the outcomes of ended jobs to their batches, and say what is new."""
        for outcome in self.backend.poll():
            batch = self._batches.pop(outcome.key, None)
            if batch is not None:
                batch.take(outcome)
            elif outcome.done:  # it went along with another job, before its own turn came
                self.console.product(outcome.title, outcome)
        for note in self.backend.notes():
            if not note.is_quiet:
                self.console.say(note.text)
            if note.key in self._batches:
                self._batches[note.key].tell(note.text)
        self.console.at_work(self.backend.running())

    def cancel(self) -> None:
        """End all jobs, or leave them, as the backend does."""
        self._farewell = self.backend.cancel()

    def report(self, member: SlurmTask, status: str, text: str, log: str) -> None:
        """Tell luigid how a member of a batch ended, and where its log is."""
        self._add_task_history.append((member, status, True))
        self._told[member.task_id] = (status, None)
        self._news = True
        self.run_succeeded &= status == DONE
        self._scheduler.add_task(
            worker=self._id,
            task_id=member.task_id,
            status=status,
            expl=json.dumps(text),
            runnable=None,
            tracking_url=_url_of(log),
            params=member.to_str_params(),
            family=member.task_family,
            module=member.task_module,
            resources=member.process_resources(),
            retry_policy_dict=luigi.worker._get_retry_policy_dict(member),
        )

    def point_to(self, task: SlurmTask, log: str) -> None:
        """Remember where the log of a task is, for when Luigi reports it."""
        self._urls[task.task_id] = _url_of(log)

    def plan_again(self, member: SlurmTask) -> None:
        """Take a member out of its batch, and plan it with what it needs by now."""
        self._scheduler.add_task(worker=self._id, task_id=member.task_id, status=FAILED)
        self._plan_anew(member)

    def _plan_anew(self, task: luigi.Task) -> None:
        """Plan a task as if nothing had been told of it."""
        self._told.pop(task.task_id, None)
        super().add(task)

    def finish(self, task: SlurmTask, status: str, text: str, needs: Sequence[luigi.Task]) -> None:
        """Tell Luigi that a task ended, or what it needs before it can be run."""
        new = [(need.task_module, need.task_family, need.to_str_params()) for need in needs]
        self._task_result_queue.put((task.task_id, status, text, [], new))

    # --- other workers ---------------------------------------------------------------------

    def _ask_what_others_do(self) -> bool:
        """Whether others make something of ours; what they failed is taken over."""
        if self._is_ours_at_work():
            return True
        lost = self._lost_by_luigid()
        if lost:
            self.console.say(f"{lost}: it is told again.")
            self._told = {key: told for key, told in self._told.items() if told[0] == FAILED}
            for root in self._roots:
                super().add(root)
            return True
        failed_here = {task_id for task_id, (status, _) in self._told.items() if status == FAILED}
        # for some seconds luigid takes for done what was removed just after it was made
        again = [*self._lacking(DONE), *(self._lacking(FAILED).keys() - failed_here)]
        for task_id in again:
            self._plan_anew(self._scheduled_tasks[task_id])
        # what others finished between two questions is found out by asking for work once more
        return self._notice_what_others_finished() or self._learn_from_others() or bool(again)

    def _is_ours_at_work(self) -> bool:
        """Whether luigid knows of something of ours that is being made, by this worker or another.

        Asked first is for the batches, which are few; their members are thousands.
        """
        running = self._scheduler.task_list(RUNNING, "", limit=False)
        if any(self._id == task["worker_running"] for task in running.values()):
            return True
        return bool(self._mine(RUNNING) or self._mine(BATCH_RUNNING))

    def _lost_by_luigid(self) -> str:
        """Say whether luigid would give this worker nothing to do any more, and why.

        It lost its state, and knows of none of the root tasks; or it heard nothing for
        ``worker_disconnect_delay`` (the machine slept, or could not be reached) and took this
        worker from all its tasks, which it does not undo when the worker is heard of again.
        """
        roots = {root.task_id for root in self._roots if not is_there(root)}
        states = (PENDING, FAILED, DONE, DISABLED, UNKNOWN)
        if roots and not any(roots & self._mine(status).keys() for status in states):
            return "luigid has forgotten the night"
        pending = self._scheduler.task_list(PENDING, "", limit=False)
        planned = {key for key, (status, _) in self._told.items() if status == PENDING}
        for task_id in planned & pending.keys():
            task = self._scheduled_tasks.get(task_id)
            if isinstance(task, SlurmTask) and self._id not in pending[task_id]["workers"]:
                return "luigid took this command for dead and the night from it"
        return ""

    def _lacking(self, status: str) -> dict[str, luigi.Task]:
        """Return tasks of this worker that luigid has in a state, but whose products lack."""
        return {task_id: task for task_id, task in self._mine(status).items() if not is_there(task)}

    def _mine(self, status: str) -> dict[str, luigi.Task]:
        """Return tasks of this worker that luigid has in a state, whoever works on them."""
        # without limit: what luigid is set to show to people is none of our business
        known = self._scheduler.task_list(status, "", limit=False)
        ids = self._scheduled_tasks.keys() & known.keys()
        tasks = {task_id: self._scheduled_tasks[task_id] for task_id in ids}
        return {task_id: task for task_id, task in tasks.items() if not _is_merged(task)}

    def _notice_what_others_finished(self) -> bool:
        """Tell luigid of products that are there, should it have missed them."""
        history = {task.task_id: status for task, status, _ in self._add_task_history}
        noticed = False
        for task_id, status in history.items():
            task = self._scheduled_tasks.get(task_id)
            if status == PENDING and task is not None and is_there(task):
                self._add_task_history.append((task, DONE, True))
                noticed = True
                super().add(task)
        return noticed

    def _learn_from_others(self) -> bool:
        """Plan what needs more by now than was told: others may be making that."""
        grown = []
        for task_id, task in self._mine(PENDING).items():
            _, told = self._told.get(task_id, ("", None))
            needs = _needs_of(task)
            if None not in (told, needs) and told != needs:
                grown.append(task)
        for task in grown:
            self._plan_anew(task)
        return bool(grown)

    def _settle(self) -> None:
        """Correct the history for the exit code: what others made is made."""
        last = {task.task_id: (task, status) for task, status, _ in self._add_task_history}
        for task, status in last.values():
            if status == PENDING and is_there(task):
                self._add_task_history.append((task, DONE, True))
        for response in self._get_work_response_history:
            response["running_tasks"] = []

    def _conclude(self) -> None:
        hints: dict[str, None] = {}
        for task in self._scheduled_tasks.values():
            if luigi.worker._is_external(task) and hasattr(task, "hint") and not is_there(task):
                hints[task.hint()] = None
        for hint in hints:
            self.console.say(f"MISSING  {hint}")
        for root in self._roots:
            if isinstance(root, Root):
                with contextlib.suppress(LstosaError):  # it was said why nothing could be planned
                    self.console.say(root.conclusion())


def _url_of(log: str) -> str | None:
    """Return what the visualiser links to."""
    return f"file://{log}" if log else None


def _needs_of(task: luigi.Task) -> frozenset[str] | None:
    """Return the ids of what a task needs by now; None if what says so cannot be read."""
    try:
        return frozenset(need.task_id for need in task.deps())
    except (LstosaError, OSError):
        return None


def _is_merged(task: luigi.Task) -> bool:
    """Whether luigid made the task of several, which speak for themselves."""
    return isinstance(task, SlurmTask) and len(task.members()) > 1


class WorkerFactory(luigi.interface._WorkerSchedulerFactory):
    """Makes Luigi's command line and ``luigi.build`` use :class:`JobWorker`."""

    at_end: Callable[[Any], None] | None = None
    """Called with each root task when the work on it has ended, however it did."""

    def create_remote_scheduler(self, url: str) -> Any:
        """Return the client of a luigid, having seen that one answers.

        Raises
        ------
        LstosaError
            If none does.
        """
        address = urllib.parse.urlsplit(url)
        try:
            socket.create_connection((address.hostname, address.port or 80), timeout=10).close()
        except OSError as error:
            raise LstosaError(
                f"No luigid answers at {url} ({error.strerror or error}). Start one with: lstosa "
                "luigid, or work without one: --local-scheduler"
            ) from error
        return super().create_remote_scheduler(url)

    def create_worker(
        self, scheduler: Any, worker_processes: int, assistant: bool = False
    ) -> luigi.worker.Worker:
        """Return a worker whose id is its root task, so that a new one gets its tasks back."""
        parser = CmdlineParser.get_instance()
        root = parser.get_task_obj() if parser is not None else None
        if config.is_for_nights() or hasattr(root, "settings"):
            config.load()
        backend, wait_interval = make_backend()
        return JobWorker(
            backend,
            Console(),
            at_end=type(self).at_end,
            scheduler=scheduler,
            # only what is locked may take over what another process of the same name had in hand
            worker_id=root.task_id if isinstance(root, Root) else None,
            worker_processes=BATCHES,
            assistant=assistant,
            wait_interval=wait_interval,
            wait_jitter=0.0,
        )


def _one_line_for_people(record: logging.LogRecord) -> bool:
    """Show the text of our own errors, and of those of the disk, instead of a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    text = ""
    if isinstance(error, (LstosaError, luigi.parameter.ParameterException)):
        text = str(error)
    elif isinstance(error, OSError) and error.errno in OF_THE_DISK:
        text = os_error(error)
    if text:
        record.msg, record.args, record.exc_info, record.exc_text = text, (), None, None
    return True


def install(at_end: Callable[[Any], None] | None = None) -> None:
    """Make plain ``luigi --module lstosa_luigi`` and ``luigi.build`` use this worker.

    ``luigi`` imports the module before it looks its factory up, and reads its
    exit codes from the configuration after that.

    Parameters
    ----------
    at_end : callable, optional
        Called with each root task when the work on it has ended, however it did. What it raises is
        said in a line and changes nothing.
    """
    config.set_luigi_defaults()
    logger.addFilter(_one_line_for_people)
    WorkerFactory.at_end = None if at_end is None else staticmethod(at_end)
    luigi.interface._WorkerSchedulerFactory = WorkerFactory  # type: ignore[misc]
