"""What runs inside a job: one command, in a scratch folder, whose files appear whole or not at all.

Only the standard library is imported here, so that a job starts in
milliseconds. Any number of copies of the same job may run at once: each works
in its own folder and the last to finish replaces files by equal ones.
"""

from __future__ import annotations

__all__ = ["Failed", "die_with_parent", "run"]

import contextlib
import ctypes
import datetime
import errno
import functools
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from lstosa_luigi.execution import checks, files
from lstosa_luigi.execution.causes import last_lines, os_error, why
from lstosa_luigi.execution.record import Record, read_record, write_record
from lstosa_luigi.execution.spec import SCRATCH, Job, Output

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
_LIBC = ctypes.CDLL(None)
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Somebody who sends one of these wants the job to end."""
ROOM_BYTES = 500_000
"""A disk with less room than that is full."""


class Failed(Exception):
    """The product could not be made; the text says why."""

    def __init__(self, cause: str, exit_code: int | None = None, signal_number: int | None = None):
        super().__init__(cause)
        self.exit_code = exit_code
        self.signal_number = signal_number


class Cancelled(BaseException):
    """Somebody wants the job to end."""


def run(job: Job) -> Record | None:
    """Make a product, unless it is there already.

    Returns
    -------
    Record or None
        How it went, also written to ``job.record``; None if there was nothing to do.
    """
    if _is_there(job):
        _make_links(job)
        return None
    attempt = _attempt(job)
    start, clock = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    state, cause = "done", ""
    exit_code: int | None = 0
    signal_number: int | None = None
    with _signals_as_exceptions():
        try:
            _make(job, attempt)
        except Failed as failure:
            state, cause = "failed", str(failure)
            exit_code, signal_number = failure.exit_code, failure.signal_number
        except OSError as error:
            state, cause, exit_code = "failed", os_error(error), None
        except Cancelled:
            if not _is_there(job):  # else it was only tidying up
                state, cause, exit_code = "cancelled", "cancelled before it was done", None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    record = Record(
        name=job.name,
        title=job.title,
        state=state,
        start=start.isoformat(timespec="seconds"),
        end=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        cpu_seconds=round(used.ru_utime + used.ru_stime, 3),
        peak_memory_kb=used.ru_maxrss,
        host=socket.gethostname(),
        attempt=attempt,
        argv=job.argv,
        inputs=(*job.inputs, *job.staged.values(), *job.copied.values()),
        outputs=tuple(output.path for output in job.outputs),
        exit_code=exit_code,
        signal=signal_number,
        cause=cause,
        log=job.log,
    )
    # a full disk must not hide the cause of the failure
    with contextlib.suppress(OSError, Cancelled), _signals_as_exceptions():
        write_record(Path(job.record), record)
    return record


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent is gone, however it went."""
    _LIBC.prctl(PR_SET_PDEATHSIG, number)


def _begin(parent: int) -> None:
    """Do not outlive *parent*, not even if it went before it could be watched."""
    die_with_parent()
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def _is_there(job: Job) -> bool:
    return all(Path(output.path).exists() for output in job.outputs if output.required)


def _attempt(job: Job) -> int:
    before = read_record(Path(job.record))
    return 1 if before is None else before.attempt + 1


def _make(job: Job, attempt: int) -> None:
    _check_inputs(job)
    root = Path(job.scratch)
    scratch = root / files.scratch_name(f"{job.name}.{attempt}")
    scratch.mkdir(parents=True)
    try:
        for name, file in job.staged.items():
            _room_for(scratch / name).symlink_to(file)
        for name, file in job.copied.items():
            shutil.copyfile(file, _room_for(scratch / name))
        _execute(job, scratch, attempt)
        made = {output.path: _find(output, scratch, job) for output in job.outputs}
        _put_in_place(made, job)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            root.rmdir()


def _room_for(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _check_inputs(job: Job) -> None:
    for name in (*job.inputs, *job.staged.values(), *job.copied.values()):
        path = Path(name)
        if not path.exists():
            raise Failed(f"input {path} is missing")
        if path.name.endswith(".fits.fz"):
            try:
                checks.check_raw(path)
            except checks.Damaged as damage:
                raise Failed(f"raw file {damage}; copy it again") from damage


def _execute(job: Job, scratch: Path, attempt: int) -> None:
    argv = [word.replace(SCRATCH, str(scratch)) for word in job.argv]
    log = Path(job.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        file.write(f"=== {job.title}, attempt {attempt}, {began}\n{' '.join(argv)}\n".encode())
        file.flush()
        before = file.tell()
        # between its start and the wait for it nobody would know which command to end
        with _HeldSignals() as held:
            try:
                child = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=scratch,
                    env={**os.environ, **job.environment},
                    start_new_session=True,
                    preexec_fn=functools.partial(_begin, os.getpid()),
                )
            except OSError as error:
                raise Failed(f"{argv[0]} cannot be started ({error.strerror})") from error
            try:
                held.release()
                code = child.wait()
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
    if code != 0:
        printed = last_lines(log, since=before)
        if shutil.disk_usage(scratch).free < ROOM_BYTES:  # then the log cannot tell either
            printed += os.strerror(errno.ENOSPC)
        exit_code, signal_number = (code, None) if code > 0 else (None, -code)
        raise Failed(why(exit_code, signal_number, printed, job.inputs), exit_code, signal_number)


def _find(output: Output, scratch: Path, job: Job) -> Path | None:
    """Return the file that the command left, checked; None if it need not be there."""
    found = sorted(scratch.glob(output.made))
    if not found:
        if not output.required:
            return None
        raise Failed(f"the command ended without error but left no {output.made}", exit_code=0)
    if len(found) > 1:
        raise Failed(f"the command left {len(found)} files {output.made}, not one", exit_code=0)
    try:
        checks.check(found[0], output.tables, output.min_rows)
    except checks.Damaged as damage:
        cause = str(damage).replace(f"{scratch}/", "")
        raise Failed(
            f"the command ended without error but its output is bad: {cause}", exit_code=0
        ) from damage
    return found[0]


def _put_in_place(made: dict[str, Path | None], job: Job) -> None:
    """Give all files their final names, the links before the last of them.

    Once the last is there the product counts as made: nobody would come back for its links.
    """
    *others, (last, final) = [
        (product, Path(final)) for final, product in made.items() if product is not None
    ]
    for product, path in others:
        files.place(product, path)
    _make_links(job, coming=final)
    files.place(last, final)


def _make_links(job: Job, coming: Path | None = None) -> None:
    for at, target in job.links.items():
        is_coming = coming is not None and Path(target) in (coming, *coming.parents)
        if is_coming or Path(target).exists():
            files.link(Path(at), Path(target))


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Let SIGTERM, SIGINT and SIGHUP end the job by :class:`Cancelled`, so that it cleans up."""

    def cancel(_number: int, _frame: FrameType | None) -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise Cancelled

    before = [signal.signal(number, cancel) for number in ENDING]
    try:
        yield
    finally:
        for number, handler in zip(ENDING, before, strict=True):
            signal.signal(number, handler)


class _HeldSignals:
    """Signals that end the job wait until they are released, then take effect.

    They are noted, not blocked: a blocked one would go to another thread of the process.
    """

    def __enter__(self) -> _HeldSignals:
        self._arrived: list[int] = []
        self._before = {number: signal.signal(number, self._note) for number in ENDING}
        return self

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._arrived.append(number)

    def release(self) -> None:
        """Let the handlers have what arrived, and all that comes."""
        before, self._before = self._before, {}
        for number, handler in before.items():
            signal.signal(number, handler)
        arrived, self._arrived = self._arrived, []
        for held in arrived:
            signal.raise_signal(held)
