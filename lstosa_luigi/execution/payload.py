"""What runs inside a job: one command, in a scratch folder, whose files appear whole or not at all.

Only the lighter parts of the standard library are imported here, and what is
needed seldom where it is needed, so that a job starts in milliseconds. Any
number of copies of the same job may run at once: each works in its own folder
and the last to finish replaces files by equal ones.
"""

from __future__ import annotations

__all__ = ["HERE", "Failed", "Place", "die_with_parent", "run"]

import contextlib
import errno
import fcntl
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from lstosa_luigi.execution import checks, files
from lstosa_luigi.execution.record import Record, read_record, write_record
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.refusals import Refusal

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Somebody who sends one of these wants the job to end."""
ROOM_BYTES = 500_000
"""A disk with less room than that is full."""


class Place(NamedTuple):
    """Where a job is executed, and with what.

    Parameters
    ----------
    job_id : str
        What the backend calls the execution, if it has a name for it.
    mem_mb, cpus : int
        What was asked for; 0 where nothing is asked for.
    """

    job_id: str = ""
    mem_mb: int = 0
    cpus: int = 0


HERE = Place()


class Failed(Exception):
    """The product could not be made; the text says why."""

    def __init__(
        self,
        cause: str,
        exit_code: int | None = None,
        signal_number: int | None = None,
        is_permanent: bool = False,
    ):
        super().__init__(cause)
        self.exit_code = exit_code
        self.signal_number = signal_number
        self.is_permanent = is_permanent


class Refused(Exception):
    """The tool's verdict: the data do not allow the product; the text says why."""

    def __init__(self, reason: str, exit_code: int):
        super().__init__(reason)
        self.exit_code = exit_code


class Usage:
    """What one command and its children used."""

    cpu_seconds = 0.0
    peak_memory_kb = 0


class Traced:
    """What a job read and made, as far as it got."""

    read: Mapping[str, tuple[int, int]] = {}
    hashes: Mapping[str, str] = {}
    configs: Mapping[str, str] = {}
    made: Mapping[str, str] = {}


class Cancelled(BaseException):
    """Somebody wants the job to end."""


def run(job: Job, place: Place = HERE) -> Record | None:
    """Make a product, unless it is there already.

    Parameters
    ----------
    job : Job
        What to do.
    place : Place
        Where it is done.

    Returns
    -------
    Record or None
        How it went, also written to ``job.record``; None if there was nothing to do.
    """
    if job.is_made():
        _make_links(job)
        return None
    attempt = _attempt(job)
    start, clock = _utc_now(), time.monotonic()
    state, cause = "done", ""
    exit_code: int | None = 0
    signal_number: int | None = None
    is_permanent = False
    used, traced = Usage(), Traced()
    with _signals_as_exceptions():
        try:
            _make(job, attempt, place.job_id, used, traced)
        except Refused as refused:
            state, cause, exit_code = "refused", str(refused), refused.exit_code
        except Failed as failure:
            state, cause = "failed", str(failure)
            exit_code, signal_number = failure.exit_code, failure.signal_number
            is_permanent = failure.is_permanent
        except OSError as error:
            from lstosa_luigi.execution.causes import os_error

            state, cause, exit_code = "failed", os_error(error), None
        except Cancelled:
            if not job.is_made():  # else it was only tidying up
                state, cause, exit_code = "cancelled", "cancelled before it was done", None
    record = Record(
        name=job.name,
        title=job.title,
        state=state,
        start=start,
        end=_utc_now(),
        seconds=round(time.monotonic() - clock, 3),
        cpu_seconds=round(used.cpu_seconds, 3),
        peak_memory_kb=used.peak_memory_kb,
        host=os.uname().nodename,
        attempt=attempt,
        argv=job.argv,
        inputs=_inputs(job),
        outputs=tuple(output.path for output in job.outputs),
        exit_code=exit_code,
        signal=signal_number,
        cause=cause,
        log=job.log,
        job_id=place.job_id,
        mem_mb=place.mem_mb,
        cpus=place.cpus,
        is_permanent=is_permanent,
        decided=job.decided,
        files=_measure(output.path for output in job.outputs) if state == "done" else {},
        product=job.product,
        read=traced.read,
        hashes=traced.hashes,
        configs=traced.configs,
        choices=job.choices,
        staged=job.staged,
        copied=job.copied,
        made=traced.made,
        resource_class=job.resource_class,
        subrun=job.number if job.about else None,  # all else the jobs of an array share
        **job.about,
    )
    if not record.is_over and job.is_made():
        return record  # another copy of the job made it: its record is the one of the product
    # read only now: another copy may have ended since this one began
    before = read_record(Path(job.record))
    record = record._replace(earlier=() if before is None else before.history())
    # a full disk must not hide the cause of the failure
    with contextlib.suppress(OSError, Cancelled), _signals_as_exceptions():
        record = _with_origin(record, job)
        write_record(Path(job.record), record)
    return record


def _with_origin(record: Record, job: Job) -> Record:
    """Return a record that says with what the product was made, and for whom."""
    if not job.versions:
        return record
    from lstosa_luigi.execution import trace

    software = trace.keep_software(Path(job.versions), job.software)
    return record._replace(software=software, agent=trace.user())


def _measure(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that is there, to tell later whether it is the same."""
    files = {}
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.stat(path)  # noqa: PTH116 - a job starts and ends in milliseconds
            files[path] = (status.st_size, status.st_mtime_ns)
    return files


def _utc_now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent is gone, however it went."""
    _libc().prctl(PR_SET_PDEATHSIG, number)


@functools.lru_cache(maxsize=1)
def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def _begin(parent: int) -> None:
    """Do not outlive *parent*, not even if it went before it could be watched."""
    die_with_parent()
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def _attempt(job: Job) -> int:
    before = read_record(Path(job.record))
    return 1 if before is None else before.attempt + 1


def _make(job: Job, attempt: int, job_id: str, used: Usage, traced: Traced) -> None:
    _check_inputs(job)
    _trace_inputs(job, traced)
    _warm_up(job)
    root = Path(job.scratch)
    name = f"{job.name}.{attempt}.{job_id}" if job_id else f"{job.name}.{attempt}"
    scratch = root / files.scratch_name(name)
    scratch.mkdir(parents=True)
    try:
        for name, file in job.staged.items():
            _room_for(scratch / name).symlink_to(file)
        for name, file in job.copied.items():
            files.copy(Path(file), _room_for(scratch / name))
        with _large_inputs(job, traced) as hashing:
            try:
                _execute(job, scratch, attempt, used, hashing)
            except Refused as refused:
                refusal = Refusal(job.title, str(refused), _utc_now(), job.log)
                files.write_whole(Path(job.refusal), refusal.text())
                raise
            made = {output.path: _find(output, scratch, job) for output in job.outputs}
            _trace_outputs(job, made, traced)
        _put_in_place(made, job)
    finally:
        files.remove_tree(scratch)
        with contextlib.suppress(OSError):
            root.rmdir()


def _inputs(job: Job) -> tuple[str, ...]:
    return (*job.inputs, *job.staged.values(), *job.copied.values())


@contextlib.contextmanager
def _large_inputs(job: Job, traced: Traced) -> Iterator[Any]:
    """Have large inputs hashed that no job made, while the command reads them; None if none are.

    What is known when the command fails is kept, too.
    """
    hashing = None
    if job.hash_store and job.configs:
        from lstosa_luigi.execution.hashes import Hashing, wanted

        found = wanted(traced.read, job.made_below, job.hash_raw)
        hashing = Hashing(Path(job.hash_store), found) if found else None
    if hashing is None:
        yield None
        return
    try:
        yield hashing
        hashing.wait()
    finally:
        traced.hashes = {**traced.hashes, **hashing.found()}


def _trace_inputs(job: Job, traced: Traced) -> None:
    """Note what is read, before the command does, and hash what no other job made."""
    traced.read = _measure(_inputs(job))
    if not job.configs:
        return
    from lstosa_luigi.execution import trace

    traced.hashes = trace.hash_small(traced.read)
    traced.configs = trace.keep_configs(Path(job.configs), traced.hashes)


def _trace_outputs(job: Job, made: Mapping[str, Path | None], traced: Traced) -> None:
    """Note what was made under which name, and hash it, before it gets its own."""
    traced.made = {o.path: o.made for o in job.outputs if made[o.path] is not None}
    if not job.configs:
        return
    from lstosa_luigi.execution.trace import hash_of

    hashes = {final: hash_of(file) for final, file in made.items() if file is not None}
    traced.hashes = {**traced.hashes, **hashes}


def _room_for(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _check_inputs(job: Job) -> None:
    for name in job.real:
        if os.path.islink(name):  # noqa: PTH114 - as in is_made()
            raise Failed(
                f"input {name} is a link to another product since the run was closed; remove the "
                "link, and what it stands for is made again",
                is_permanent=True,
            )
    for name in _inputs(job):
        path = Path(name)
        if not path.exists():
            raise Failed(f"input {path} is missing", is_permanent=True)
        if path.name.endswith(".fits.fz"):
            try:
                checks.check_raw(path)
            except checks.Damaged as damage:
                raise Failed(f"raw file {damage}; copy it again", is_permanent=True) from damage


def _warm_up(job: Job) -> None:
    """Fill the caches of the tools once, whoever comes first; the others wait for it.

    Numba compiles for 29 s of CPU in a process that finds no cache (lstchain 0.12.3), so thousands
    of jobs that start together would all do so. Numba itself puts whole files into its cache.
    """
    mark = Path(job.is_warm)
    if not job.is_warm or mark.exists():
        return
    mark.parent.mkdir(parents=True, exist_ok=True)
    with mark.with_name(f"{mark.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            subprocess.run(
                job.warm_up,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **job.environment},
                preexec_fn=die_with_parent,
                check=False,  # whoever cannot use the tools will say so
            )
            mark.touch()


def _execute(job: Job, scratch: Path, attempt: int, used: Usage, hashing: Any = None) -> None:
    argv = [word.replace(SCRATCH, str(scratch)) for word in job.argv]
    log = Path(job.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        head = f"=== {job.title}, attempt {attempt}, {_utc_now()}"
        file.write(f"{head}\n{' '.join(argv)}\n".encode())
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
                text = f"{argv[0]} cannot be started ({error.strerror})"
                raise Failed(text, is_permanent=True) from error
            try:
                held.release()
                if hashing is not None:  # no thread may be there while a command is started
                    hashing.start()
                code = _wait(child, used)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
    if code != 0:
        from lstosa_luigi.execution.causes import is_permanent, last_lines, why
        from lstosa_luigi.execution.verdicts import verdict

        printed = last_lines(log, since=before)
        disk = os.statvfs(scratch)
        if disk.f_bavail * disk.f_frsize < ROOM_BYTES:  # then the log cannot tell either
            printed += os.strerror(errno.ENOSPC)
        exit_code, signal_number = (code, None) if code > 0 else (None, -code)
        cause = why(exit_code, signal_number, printed, job.inputs)
        if job.refusal and exit_code == 1 and cause == verdict(printed):
            raise Refused(cause, exit_code)
        raise Failed(cause, exit_code, signal_number, is_permanent(cause))


def _wait(child: subprocess.Popen[bytes], used: Usage) -> int:
    """Wait for a command and note what it used; what others used is not known by child.wait()."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    used.cpu_seconds = usage.ru_utime + usage.ru_stime
    used.peak_memory_kb = usage.ru_maxrss
    return child.returncode


def _find(output: Output, scratch: Path, job: Job) -> Path | None:
    """Return the file that the command left, checked; None if it need not be there."""
    found = sorted(scratch.glob(output.made))
    if not found:
        if not output.required:
            return None
        raise Failed(f"the command ended without error but left no {output.made}", exit_code=0)
    if len(found) > 1:
        raise Failed(f"the command left {len(found)} files {output.made}, not one", exit_code=0)
    if output.is_copy:
        return found[0]
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
