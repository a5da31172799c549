"""Nights of stand-ins that ``lstosa nightly`` takes for the last ones."""

import datetime
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lstosa_luigi.hours import last_evening, utc_now
from tests.fakes.night import FakeNight

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))


def last_night(back: int = 0) -> str:
    """Return the last night, or one so many before it."""
    return str(last_evening(utc_now()) - datetime.timedelta(days=back))


class Ticks:
    """A night of stand-ins, and ticks of ``lstosa nightly`` for it; of which none is left."""

    def __init__(self, night: FakeNight) -> None:
        self.night = night
        self._started: list[subprocess.Popen[str]] = []

    def tick(self, *words: str, code: int = 0, **variables: str) -> list[str]:
        """Run one to its end, see how it ends, and return the lines it prints."""
        process = self.start(*words, **variables)
        output, errors = process.communicate(timeout=200)
        assert (process.returncode, errors) == (code, ""), output + errors
        return output.splitlines()

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("lstosa")), "nightly", *words],
            env={**self.night.variables(), **variables},
            cwd=self.night.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def pids(self, word: str) -> list[int]:
        """Return the processes of this night whose command line has a word."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                about = (process / "environ").read_bytes()
            except OSError:
                continue
            if word in line and str(self.night.root).encode() in about:
                found.append(int(process.name))
        return found

    def is_hanging(self) -> bool:
        return bool(self.pids("sleep 300"))

    def logs(self) -> list[Path]:
        return sorted(self.night.analysis.glob("log/NightlyClose_*Z.log"))

    def state(self) -> dict:
        (file,) = (self.night.base / "OSA/Nightly").glob(f"*_{self.night.flat}_*.json")
        return json.loads(file.read_text())

    def forget_retries(self) -> None:
        """Let the last command have ended long ago."""
        (file,) = (self.night.base / "OSA/Nightly").glob(f"*_{self.night.flat}_*.json")
        file.write_text(json.dumps({**self.state(), "ended": "2020-01-01T00:00:00+00:00"}))

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()
        for pid in (*self.pids("luigi"), *self.pids("sleep 300")):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.fixture
def ticks(make_night) -> Iterator[Callable[..., Ticks]]:
    """Return a function that makes a night; keywords as of FakeNight; no luigid unless a port."""
    made: list[Ticks] = []

    def make(port: int = 0, **options) -> Ticks:
        sections = options.pop("options", {})
        core = {"scheduler_port": str(port)} if port else {"local_scheduler": "true"}
        # whatever the hour is at which the tests run
        notify = {"closed_by": "", "missing_from": "", **sections.pop("notify", {})}
        closing = {"not_before": "", **sections.pop("closing", {})}
        options = {"runs": TINY, "date": last_night(), **options}
        sections = {"core": core, "notify": notify, "closing": closing, **sections}
        night = make_night(options=sections, **options)
        made.append(Ticks(night))
        return made[-1]

    yield make
    for one in made:
        one.end()
