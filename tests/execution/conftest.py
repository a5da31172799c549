"""Jobs of real, small commands."""

import os
import select
from pathlib import Path

import pytest

from lstosa_luigi.execution.spec import Job, Output

PATIENCE_S = 30


@pytest.fixture
def make_job(tmp_path):
    """Return a function that makes a job of a shell script; it leaves ``out.txt``."""

    def make(script, name="Run01807.0003_DL1A", outputs=None, **fields):
        final = Output(str(tmp_path / f"final/{name}.txt"), "out.txt")
        places = {
            "log": tmp_path / f"log/{name}.log",
            "record": tmp_path / f"records/{name}.json",
            "scratch": tmp_path / ".scratch",
        }
        return Job(
            name=name,
            title=name.replace("_", " "),
            argv=("/bin/sh", "-c", script),
            outputs=(final,) if outputs is None else tuple(outputs),
            **{key: str(place) for key, place in places.items()},
            **fields,
        )

    return make


class Gate:
    """A named pipe: commands tell through it that they are there, or wait until it is opened."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._pipe = os.open(path, os.O_RDWR)

    def __str__(self) -> str:
        return str(self.path)

    def hear(self) -> list[str]:
        """Return the words that a command wrote into the pipe."""
        ready, _, _ = select.select([self._pipe], [], [], PATIENCE_S)
        assert ready, f"nothing came through {self.path.name}"
        return os.read(self._pipe, 4096).decode().split()

    def open(self) -> None:
        """Let the command go on that reads a line."""
        os.write(self._pipe, b"go\n")

    def close(self) -> None:
        os.close(self._pipe)


@pytest.fixture
def make_gate(tmp_path):
    gates = []

    def make(name="gate"):
        gates.append(Gate(tmp_path / name))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


def ends(pid: int) -> bool:
    """Whether a process is gone, or goes within the patience of a test."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], PATIENCE_S)[0])
    finally:
        os.close(process)
