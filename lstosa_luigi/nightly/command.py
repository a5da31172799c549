"""The command that works on one night, started as a person would, and its log."""

from __future__ import annotations

__all__ = ["NightCommand", "command_of"]

import contextlib
import datetime
import os
import shlex
import subprocess
import sys
from pathlib import Path

from lstosa_luigi.execution.environment import SERVICE
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.nightly.state import LastCommand, write_state


def command_of(root: NightlyClose) -> list[str]:
    """Return what a person would give for the same: with the same exit code, in words of its own.

    A process for each night, so that none can take the others along.
    """
    luigi = str(Path(sys.executable).with_name("luigi"))
    words = [luigi, "--module", "lstosa_luigi", root.task_family, "--date", str(root.date)]
    return [*words, "--telescope", str(root.telescope), "--prod-id", str(root.prod_id)]


class NightCommand:
    """A command at work on a night.

    Parameters
    ----------
    root : NightlyClose
        The night.
    now : datetime
        What time it is.
    keep_logs : int
        How many logs are kept of the night, this one included.
    """

    def __init__(self, root: NightlyClose, now: datetime.datetime, keep_logs: int) -> None:
        self.root = root
        words, log = command_of(root), root.layout.nightly_log(now)
        log.parent.mkdir(parents=True, exist_ok=True)
        self.state = LastCommand(now.isoformat(timespec="seconds"), str(log))
        write_state(root.layout, self.state)
        with log.open("ab") as file:
            file.write(f"$ {shlex.join(words)}\n".encode())
            file.flush()
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches it once, by terminate()
                env={**os.environ, "PYTHONUNBUFFERED": "1", SERVICE: "lstosa nightly"},
            )
        for old in root.layout.nightly_logs()[:-keep_logs]:
            with contextlib.suppress(OSError):
                old.unlink()

    def poll(self) -> int | None:
        """Return its exit code, as a shell shows it; None while it works."""
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code

    def end(self, now: datetime.datetime) -> LastCommand:
        """Keep how it ended."""
        ended = now.isoformat(timespec="seconds")
        self.state = LastCommand(self.state.began, self.state.log, ended, self.poll())
        write_state(self.root.layout, self.state)
        return self.state

    def terminate(self) -> None:
        """Tell it to end, and wait until it has."""
        if self.poll() is None:
            self._process.terminate()
        self._process.wait()
