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
from collections.abc import Sequence
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
"""Lines of what rsync says that are told."""


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
    def send(self, packages: Sequence[Package], staging: Path) -> None:
        """Bring files to their places, each whole or not at all, in their order.

        Parameters
        ----------
        packages : sequence of Package
            The files.
        staging : Path
            An empty directory that may be filled.

        Raises
        ------
        TargetError
            If not all of them are there afterwards.
        """


class Directory(Target):
    """A directory of this host, which may be that of another one mounted here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Path(name).expanduser()

    def send(self, packages: Sequence[Package], staging: Path) -> None:
        """Copy each file beside its place, then rename it."""
        if not self.root.is_dir():  # made here it might fill the disk below a mount point
            raise TargetError(f"{self.root} is not there: mount it, or make it")
        for directory in sorted({self.root / package.to.parent for package in packages}):
            files.sweep(directory)
        for package in packages:
            to = self.root / package.to
            try:
                self._copy(package.file, to)
            except OSError as error:
                raise TargetError(f"{to} could not be written: {os_error(error)}") from error

    def _copy(self, file: Path, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        aside = to.with_name(f".{files.scratch_name(to.name)}")
        try:
            files.copy(file, aside)
            files.place(aside, to)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


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
        shell = f"{self.ssh} -o BatchMode=yes -o ConnectTimeout={CONNECT_S}"
        options = ["--recursive", "--copy-links", "--times", "--omit-dir-times"]
        options += ["--chmod=D755,F644", f"--rsh={shell}"]
        return ["rsync", *options, "--", f"{staging}/", f"{self.name.rstrip('/')}/"]

    def send(self, packages: Sequence[Package], staging: Path) -> None:
        """Lay the files out as they are to lie there, and have rsync bring them."""
        for package in packages:
            at = staging / package.to
            at.parent.mkdir(parents=True, exist_ok=True)
            at.symlink_to(os.path.realpath(package.file))
        code, printed = self._run(self.command(staging))
        if code != 0:
            said = [line for line in printed.splitlines() if line.strip()][:LINES]
            text = "; ".join(said) or f"rsync ended with {code}"
            raise TargetError(f"{self.name}: {text}")

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


def target_of(options: publish) -> Target | None:
    """Return the target that is configured; None if nothing is published."""
    name = options.target.strip()
    if not name:
        return None
    if REMOTE.fullmatch(name):
        return Server(name, shlex.join(shlex.split(options.ssh)), options.timeout)
    return Directory(name)
