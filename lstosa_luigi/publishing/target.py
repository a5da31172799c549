"""Where results are published: a directory, or a server that rsync reaches over ssh."""

from __future__ import annotations

__all__ = ["Directory", "Package", "Server", "Target", "TargetError", "target_of"]

import abc
import contextlib
import dataclasses
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lstosa_luigi.errors import ExitCode, LstosaError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.sections import publish

REMOTE = re.compile(r"(?:[^/:@\s]+@)?[^/:@\s]+:(?P<path>[^:].*)")
"""``[user@]host:directory``, as for ssh and rsync."""
CONNECT_S = 20
"""Seconds to wait for a connection; of the whole transfer the limit is configured."""
LINES = 3
"""Lines of what rsync says that are told: the last ones, since servers greet before."""
PARTIAL = (23, 24)
"""Exit codes of rsync if some files could not be transferred, or vanished."""
CHUNK_BYTES = 1 << 20


class TargetError(LstosaError):
    """The target cannot be reached or written to."""

    exit_code = ExitCode.TASK_FAILED


@dataclasses.dataclass(frozen=True)
class Package:
    """A file on its way: where it lies, whole, and its place below the target."""

    file: Path
    to: PurePosixPath


class Target(abc.ABC):
    """Where results are published."""

    name: str

    @abc.abstractmethod
    def send(self, packages: Sequence[Package], staging: Path) -> dict[Package, str]:
        """Bring files to their places, each whole or not at all, in their order.

        Parameters
        ----------
        packages : sequence of Package
            The files.
        staging : Path
            An empty directory that may be filled.

        Returns
        -------
        dict of Package to str
            Those that could not be read, each with why; all others are there.

        Raises
        ------
        TargetError
            If the target cannot be reached or written to.
        """


class Directory(Target):
    """A directory of this host, which may be that of another one mounted here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Path(name).expanduser()

    def send(self, packages: Sequence[Package], staging: Path) -> dict[Package, str]:
        """Copy each file beside its place, then rename it."""
        if not self.root.is_dir():  # made here it might fill the disk below a mount point
            raise TargetError(f"{self.root} is not there: mount it, or make it")
        for directory in sorted({self.root / package.to.parent for package in packages}):
            files.sweep(directory)
        unread = {}
        for package in packages:
            to = self.root / package.to
            try:
                self._make_directories(to.parent)
                _copy(package.file, to)
            except _Unreadable as error:
                unread[package] = str(error)
            except OSError as error:
                raise TargetError(f"{to} could not be written: {os_error(error)}") from error
        return unread

    def _make_directories(self, directory: Path) -> None:
        """Make directories that all may read, whatever the umask."""
        if directory.is_dir():
            return
        self._make_directories(directory.parent)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)


class _Unreadable(Exception):
    """A file cannot be read; the text says why."""


def _copy(file: Path, to: Path) -> None:
    """Copy a file beside its place, then rename it: for all to read, whatever the umask."""
    aside = to.with_name(f".{files.scratch_name(to.name)}")
    try:
        with aside.open("wb") as written:
            for chunk in _chunks(file):
                written.write(chunk)
        aside.chmod(0o644)
        files.place(aside, to)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def _chunks(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as read:
            while chunk := read.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise _Unreadable(os_error(error)) from error


class Server(Target):
    """A directory of a server that is reached by ssh, without a password.

    Parameters
    ----------
    name : str
        ``[user@]host:directory``.
    ssh : str
        The ssh to use, with its options.
    timeout : float
        Seconds that a transfer may take.
    """

    def __init__(self, name: str, ssh: str, timeout: float) -> None:
        self.name = name
        self.ssh = ssh
        self.timeout = timeout

    def command(self, staging: Path) -> list[str]:
        """Return the command that sends what lies in a directory.

        rsync gives a file its name when it is whole. Nobody is there to type a password.
        """
        shell = f"{self.ssh} -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout={CONNECT_S}"
        options = ["--recursive", "--copy-links", "--times", "--omit-dir-times"]
        options += ["--chmod=D755,F644", f"--rsh={shell}"]
        return ["rsync", *options, "--", f"{staging}/", f"{self.name.rstrip('/')}/"]

    def send(self, packages: Sequence[Package], staging: Path) -> dict[Package, str]:
        """Lay the files out as they are to lie there, and have rsync bring them."""
        places = {staging / package.to: package for package in packages}
        for at, package in places.items():
            at.parent.mkdir(parents=True, exist_ok=True)
            at.symlink_to(os.path.realpath(package.file))
        unread: dict[Package, str] = {}
        while True:
            code, printed = self._run(self.command(staging))
            said = [line for line in printed.splitlines() if line.strip()]
            bad = _named(said, places) if code in PARTIAL else {}
            if not bad:
                break
            for at, line in bad.items():  # all others are brought without them
                at.unlink()
                unread[places.pop(at)] = line
        if code != 0:
            text = "; ".join(said[-LINES:]) or f"rsync ended with {code}"
            raise TargetError(f"{self.name}: {text}")
        return unread

    def _run(self, words: Sequence[str]) -> tuple[int, str]:
        """Run rsync to its end, with its ssh; return its exit code, and what it complained of."""
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise TargetError(f"rsync cannot be started: {os_error(error)}") from error
        with process:
            try:
                _, printed = process.communicate(timeout=self.timeout)
            except BaseException as error:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                text = f"was not done within {self.timeout:g} s ([publish] timeout)"
                raise TargetError(f"{self.name}: {text}") from error
        return process.returncode, printed


def _named(said: Iterable[str], places: Mapping[Path, Package]) -> dict[Path, str]:
    """Return the files on their way that complaints of rsync name, with these."""
    found = {}
    for line in said:
        for quoted in re.findall(r'"([^"]+)"', line):
            if Path(quoted) in places:
                found[Path(quoted)] = line
    return found


def target_of(options: publish) -> Target | None:
    """Return the target that is configured; None if nothing is published."""
    name = options.target.strip()
    if not name:
        return None
    if REMOTE.fullmatch(name):
        return Server(name, shlex.join(shlex.split(options.ssh)), options.timeout)
    return Directory(name)
