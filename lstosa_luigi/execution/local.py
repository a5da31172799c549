"""The local backend: jobs as child processes, so many at a time."""

from __future__ import annotations

__all__ = ["LocalBackend"]

import collections
import dataclasses
import heapq
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lstosa_luigi.execution.backend import Note, Outcome
from lstosa_luigi.execution.causes import last_lines, os_error
from lstosa_luigi.execution.files import sweep
from lstosa_luigi.execution.spec import Job

PROGRAM = Path(__file__).with_name("job.py")
DETAIL_LINES = 8
PATIENCE_S = 10.0
"""How long a job may take to clean up once it is told to end."""


@dataclasses.dataclass
class _Child:
    job: Job
    process: subprocess.Popen[bytes]
    began: float
    clock: float


class LocalBackend:
    """Runs jobs on this machine.

    Parameters
    ----------
    slots : int
        How many at a time.
    max_tries : int
        How often a job is tried that fails for a cause that may pass by itself.
    delay : float
        Seconds between two tries.
    """

    takes_followers = False  # here a job costs no waiting in a queue

    def __init__(self, slots: int, max_tries: int = 1, delay: float = 0.0) -> None:
        self._slots = slots
        self._max_tries = max_tries
        self._delay = delay
        self._waiting: list[tuple[int, int, Job]] = []
        self._submitted = itertools.count()
        self._children: list[_Child] = []
        self._tries: collections.Counter[str] = collections.Counter()
        self._later: list[tuple[float, Job]] = []
        self._notes: list[Note] = []
        self._ended: list[Outcome] = []

    def submit(self, jobs: Iterable[Job], _followers: Mapping[str, Sequence[Job]] = {}) -> None:
        """Take jobs over; they start as slots become free: by priority, then first come first."""
        for job in jobs:
            self._tries.pop(job.key, None)
            self._queue(job)
        self._fill()

    def _queue(self, job: Job) -> None:
        heapq.heappush(self._waiting, (-job.priority, next(self._submitted), job))

    def poll(self) -> list[Outcome]:
        """Return the jobs that ended since the last call, and start as many."""
        left = []
        for child in self._children:
            if child.process.poll() is None:
                left.append(child)
            else:
                self._conclude(child)
        self._children = left
        self._fill()
        ended, self._ended = self._ended, []
        return ended

    def _conclude(self, child: _Child) -> None:
        outcome, may_pass = _outcome(child)
        self._tries[child.job.key] += 1
        tries = self._tries[child.job.key]
        if outcome.done or not may_pass or tries >= self._max_tries:
            self._ended.append(outcome)
            return
        number = f"try {tries + 1} of {self._max_tries}"
        text = f"{child.job.title}: {outcome.cause}; again in {self._delay:.0f} s, {number}"
        self._notes.append(Note(child.job.key, text))
        self._later.append((time.monotonic() + self._delay, child.job))

    def notes(self) -> list[Note]:
        """Return which jobs are tried again, since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def running(self) -> list[str]:
        """Return the titles of the jobs at work."""
        return [child.job.title for child in self._children]

    def cancel(self) -> str:
        """End all jobs: each ends its command and removes its scratch folder."""
        self._waiting.clear()
        self._later.clear()
        for child in self._children:
            child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        for child in self._children:
            try:
                child.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()
        return "all commands are ended, nothing is half-made"

    def _fill(self) -> None:
        now = time.monotonic()
        for _, job in (later for later in self._later if later[0] <= now):
            self._queue(job)
        self._later = [later for later in self._later if later[0] > now]
        while self._waiting and len(self._children) < self._slots:
            job = heapq.heappop(self._waiting)[2]
            try:
                self._children.append(_start(job))
            except OSError as error:
                cause = f"cannot be started: {os_error(error)}"
                outcome = Outcome(job.key, False, cause, log=job.log, began=time.time())
                self._ended.append(outcome)


def _start(job: Job) -> _Child:
    log = Path(job.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Ctrl-C in the terminal is for the worker, which then cancels in order
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(job.to_json()).encode())
        process.stdin.close()
    except BrokenPipeError:  # it died already; its exit code will tell
        pass
    return _Child(job, process, time.time(), time.monotonic())


def _outcome(child: _Child) -> tuple[Outcome, bool]:
    """Return how a job ended, and whether a failure may pass by itself."""
    job, seconds = child.job, time.monotonic() - child.clock
    assert child.process.stdout is not None
    with child.process.stdout as stdout:
        said = stdout.read()
    if child.process.returncode == 0:
        size = sum(
            Path(output.path).stat().st_size for output in job.outputs if Path(output.path).exists()
        )
        done = Outcome(job.key, True, log=job.log, began=child.began, seconds=seconds, size=size)
        return done, False
    cause, was_executed, may_pass = _why(child, said)
    # of a command that was not even started the log only tells about attempts before
    detail = last_lines(Path(job.log), DETAIL_LINES) if was_executed else ""
    return Outcome(job.key, False, cause, detail, job.log, child.began, seconds), may_pass


def _why(child: _Child, said: bytes) -> tuple[str, bool, bool]:
    """Return why a job failed, whether its command was executed, and whether that may pass."""
    code = child.process.returncode
    if code < 0:
        sweep(Path(child.job.scratch))  # a killed job could not clean up
        return f"the job was killed by {signal.Signals(-code).name}", True, True
    try:
        told = json.loads(said)
        return told["cause"], told["was_executed"], told["may_pass"]
    except ValueError:  # it is a defect, and the log has the traceback
        return f"the job itself ended with exit code {code}", True, False
