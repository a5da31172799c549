"""One command at a time for one root task, and who holds it."""

from __future__ import annotations

__all__ = ["Held", "RootLock", "holder_of"]

import contextlib
import datetime
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import IO, Any

from lstosa_luigi.errors import ExitCode, LstosaError

PATIENCE_S = 1.0
"""How long the holder may take from having the lock to saying who it is."""
GLANCE_S = 0.05
"""How long somebody may hold the lock who only looks whether it is held."""


class Held(LstosaError):
    """Another process holds the lock; the text says which."""

    exit_code = ExitCode.ALREADY_RUNNING


class RootLock:
    """A lock that the kernel gives back when its holder dies, however it dies.

    Parameters
    ----------
    path : Path
        File to lock; it also says who holds the lock. It is left behind, empty.
    title : str
        What is locked, in an operator's words.
    """

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        self.title = title
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        Held
            If another process has it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+", encoding="utf-8")
        is_ours = _lock(file, fcntl.LOCK_EX)
        if not is_ours:
            time.sleep(GLANCE_S)
            is_ours = _lock(file, fcntl.LOCK_EX)
        if not is_ours:
            holder = _holder(file)
            file.close()
            raise Held(f"{self.title} is being worked on by {holder}.")
        since = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        who = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": since})
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), who.encode())
        self._file = file

    def release(self) -> None:
        """Give the lock back, if this process has it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.truncate(0)
            self._file.close()
            self._file = None


def holder_of(path: Path) -> dict[str, Any] | None:
    """Return who holds a lock, as ``host``, ``pid`` and ``since``; None if nobody does.

    Nothing is written, and whoever wants the lock in this moment gets it. It is empty for a holder
    that could not say who it is.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if _lock(file, fcntl.LOCK_SH):
                return None
            text = file.read()
    except OSError:  # it is not there, or cannot be looked at: nothing is claimed
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        file.seek(0)
        try:
            who = json.loads(file.read())
            return f"process {who['pid']} on {who['host']} since {who['since']}"
        except (ValueError, KeyError, TypeError):
            if time.monotonic() > deadline:
                return "another process that has just begun"
            time.sleep(0.05)
