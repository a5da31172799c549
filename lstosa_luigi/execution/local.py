"""The local backend: jobs as child processes, so many at a time."""

from __future__ import annotations

__all__ = ["LocalBackend"]

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
    """

    takes_followers = False  # here a job costs no waiting in a queue

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._waiting: list[tuple[int, int, Job]] = []
        self._submitted = itertools.count()
        self._children: list[_Child] = []
        self._ended: list[Outcome] = []

    def submit(self, jobs: Iterable[Job], _followers: Mapping[str, Sequence[Job]] = {}) -> None:
        """Take jobs over; they start as slots become free: by priority, then first come first."""
        for job in jobs:
            heapq.heappush(self._waiting, (-job.priority, next(self._submitted), job))
        self._fill()

    def poll(self) -> list[Outcome]:
        """Return the jobs that ended since the last call, and start as many."""
        left = []
        for child in self._children:
            if child.process.poll() is None:
                left.append(child)
            else:
                self._ended.append(_outcome(child))
        self._children = left
        self._fill()
        ended, self._ended = self._ended, []
        return ended

    def notes(self) -> list[Note]:
        """Return no news: what happens here is seen at once."""
        return []

    def running(self) -> list[str]:
        """Return the titles of the jobs at work."""
        return [child.job.title for child in self._children]

    def cancel(self) -> str:
        """End all jobs: each ends its command and removes its scratch folder."""
        self._waiting.clear()
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


def _outcome(child: _Child) -> Outcome:
    job, seconds = child.job, time.monotonic() - child.clock
    assert child.process.stdout is not None
    with child.process.stdout as stdout:
        said = stdout.read()
    if child.process.returncode == 0:
        size = sum(
            Path(output.path).stat().st_size for output in job.outputs if Path(output.path).exists()
        )
        return Outcome(job.key, True, log=job.log, began=child.began, seconds=seconds, size=size)
    cause, was_executed = _why(child, said)
    # of a command that was not even started the log only tells about attempts before
    detail = last_lines(Path(job.log), DETAIL_LINES) if was_executed else ""
    return Outcome(job.key, False, cause, detail, job.log, child.began, seconds)


def _why(child: _Child, said: bytes) -> tuple[str, bool]:
    """Return why a job failed, and whether its command was executed."""
    code = child.process.returncode
    if code < 0:
        sweep(Path(child.job.scratch))  # a killed job could not clean up
        return f"the job was killed by {signal.Signals(-code).name}", True
    try:
        told = json.loads(said)
        return told["cause"], told["was_executed"]
    except ValueError:  # it is a defect, and the log has the traceback
        return f"the job itself ended with exit code {code}", True
