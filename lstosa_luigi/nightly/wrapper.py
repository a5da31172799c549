"""One tick of ``lstosa nightly``: starts what is due, waits for it, tells what is new."""

from __future__ import annotations

__all__ = ["LOOK_S", "Wrapper"]

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence

from lstosa_luigi.config import Settings
from lstosa_luigi.errors import ExitCode, LstosaError
from lstosa_luigi.execution.lock import Held, RootLock
from lstosa_luigi.hours import Timer, utc_now
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.nightly.command import NightCommand
from lstosa_luigi.nightly.observing import is_observing
from lstosa_luigi.nightly.publishing import publish_nights
from lstosa_luigi.nightly.scheduler import Scheduler, configured
from lstosa_luigi.nightly.state import Verdict, read_state, verdict_of
from lstosa_luigi.notify.memory import Troubles
from lstosa_luigi.notify.telling import Teller, look_after, tell_obstacle
from lstosa_luigi.status.facts import Queue

POLL_S = 0.2
LOOK_S = 600.0
"""How often nights are looked at, for what is to be told, while commands are at work."""


@dataclasses.dataclass
class Wrapper:
    """Looks after some nights, the most urgent first.

    Parameters
    ----------
    roots : sequence of NightlyClose
        The nights.
    settings : Settings
        Configuration.
    say : callable
        Prints what a person is to read.
    tell : callable
        Prints what goes on, for whoever looks on.
    is_asked : bool
        Whether a person asked for these nights: what failed is then tried again at once.
    now : callable
        The clock.
    """

    roots: Sequence[NightlyClose]
    settings: Settings
    say: Callable[[str], None]
    tell: Callable[[str], None]
    is_asked: bool = False
    now: Timer = utc_now

    def __post_init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._queue = Queue()
        troubles = Troubles(self.roots[0].layout.troubles())
        self._teller = Teller(self.settings.notify, troubles, self.say)

    def run(self) -> int:
        """Bring the nights on as far as they go; return the worst of their exit codes."""
        first = self.roots[0]
        name = f"Nightly_{first.telescope}_{first.prod_id}"
        lock = RootLock(first.layout.lock(name), f"lstosa nightly of {first.telescope}")
        try:
            lock.acquire()
        except Held as held:
            self.tell(str(held))
            self._look()  # whoever holds it may hang
            self._publish()
            return int(ExitCode.ALREADY_RUNNING)
        except OSError as error:
            raise LstosaError(f"{lock.path} cannot be locked: {error.strerror}") from error
        try:
            self._work(self._open_nights())
            self._look()
        finally:
            lock.release()
        self._publish()  # without the lock: the next tick need not wait for it
        return max(self._codes.values(), default=int(ExitCode.OK))

    def _look(self, *roots: NightlyClose) -> None:
        """Tell what is new of some nights, or all; no defect of that may end what is at work."""
        try:
            look_after(roots or self.roots, self._teller, self.now(), self._queue)
        except Exception as error:
            text = f"it is not known what is new of the nights ({type(error).__name__}: {error})"
            self._teller.warn("news", text, "Look at them with lstosa status.")
        else:
            self._teller.troubles.end("news")

    def _publish(self) -> None:
        """Publish what changed; no defect of that may change how the nights stand."""
        try:
            publish_nights(self.roots, self.settings, self._teller, self.now())
        except Exception as error:
            text = f"nothing can be published ({type(error).__name__}: {error})"
            self._teller.warn("publishing", text, "Try it by hand with lstosa publish.")
        else:
            self._teller.troubles.end("publishing")

    def _open_nights(self) -> list[NightlyClose]:
        """Return the nights to start, and say what becomes of the others."""
        found = []
        for root in self.roots:
            last = read_state(root.layout)
            retry_hours = 0 if self.is_asked else self.settings.nightly.retry_hours
            try:
                verdict = verdict_of(root, last, self.now(), retry_hours)
            except LstosaError as error:  # it is told when nights are looked after
                self._note(root, int(error.exit_code), str(error))
                continue
            if verdict is Verdict.START:
                found.append(root)
                continue
            code = ExitCode.OK
            if verdict is Verdict.AT_WORK:
                code = ExitCode.ALREADY_RUNNING
            elif verdict is Verdict.LATER and last is not None and last.exit_code is not None:
                code = ExitCode(last.exit_code)
            self._note(root, int(code), verdict.value)
        return found

    def _note(self, root: NightlyClose, code: int, text: str) -> None:
        self._codes[root.task_id] = code
        self.tell(f"Night {root.date} ({root.prod_id}): {text}")

    def _work(self, waiting: list[NightlyClose]) -> None:
        scheduler = configured()
        at_work: list[NightCommand] = []
        looked = time.monotonic()
        try:
            while waiting or at_work:
                if waiting and len(at_work) < self.settings.nightly.at_once:
                    if not self._may_start(waiting, scheduler):
                        waiting = []
                        continue
                    at_work += self._start(waiting.pop(0))
                ended = [command for command in at_work if command.poll() is not None]
                for command in ended:
                    at_work.remove(command)
                    self._end(command)
                if not ended and at_work:
                    time.sleep(POLL_S)
                if time.monotonic() - looked > LOOK_S:
                    looked = time.monotonic()
                    self._look()
        finally:
            for command in at_work:
                command.terminate()
                self._end(command)

    def _may_start(self, waiting: Sequence[NightlyClose], scheduler: Scheduler) -> bool:
        """Whether nights may be started now; if not, note why for each that waits."""
        options = self.settings.nightly
        observing = is_observing(options, self.now())
        if observing is not None:
            for root in waiting:
                self._note(root, int(ExitCode.NOT_RUN), f"open, but {observing.reason}")
            if observing.problem:
                tell_obstacle(waiting[0], self._teller, observing.problem, "observing_command")
            return False
        problem = scheduler.problem()
        if problem and options.wait_for_luigid:
            self.tell(f"waiting for luigid ({problem})")
            problem = scheduler.wait(options.wait_for_luigid)
        if problem:
            for root in waiting:
                self._note(root, int(ExitCode.UNHANDLED), f"open, but luigid is away ({problem})")
            tell_obstacle(waiting[0], self._teller, scheduler.advice(problem), "luigid")
        return not problem

    def _start(self, root: NightlyClose) -> list[NightCommand]:
        try:
            command = NightCommand(root, self.now(), self.settings.nightly.keep_logs)
        except OSError as error:
            text = f"The night of {root.date} cannot be started: {error}"
            self._note(root, int(ExitCode.UNHANDLED), text)
            tell_obstacle(root, self._teller, text, "start")
            return []
        self.tell(f"Night {root.date} ({root.prod_id}): started, log: {command.state.log}")
        return [command]

    def _end(self, command: NightCommand) -> None:
        with contextlib.suppress(OSError):  # then it counts as killed
            command.end(self.now())
        code = command.poll()
        self._note(command.root, ExitCode.UNHANDLED if code is None else code, f"ended with {code}")
        self._look(command.root)
