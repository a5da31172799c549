"""What goes through the real Slurm of the tests, and what Slurm knows of it afterwards."""

import collections
import dataclasses
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.fakes.night import FakeNight
from tests.slurm.cluster import Cluster, wait_until

Runs = tuple[tuple[int, str, int], ...]
TINY: Runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
SLURM = {
    "execution": {"backend": "slurm"},
    "slurm": {"poll_interval": "0.5", "grace": "6"},
    "retries": {"delay": "0.5"},
}
CLASSES = ["calibration", "data", "tailcuts", "merge", "datacheck", "models", "dl2", "irf", "dl3"]
SMALL = {f"slurm.{name}": {"mem": "100MB"} for name in CLASSES}
_number = itertools.count()


def options(more: dict[str, dict[str, str]] | None = None) -> dict[str, dict[str, str]]:
    """Return the configuration of a night on the cluster, with *more* on top."""
    # by their names jobs of one test are told from those of others
    merged: dict[str, dict[str, str]] = {"slurm": {"prefix": f"test{next(_number)}"}}
    for sections in (SLURM, SMALL, more or {}):
        for section, keys in sections.items():
            merged.setdefault(section, {}).update(keys)
    return merged


@dataclasses.dataclass
class Pieces:
    """A folder for the tasks of :mod:`tests.slurm.pieces`: many short jobs and one root."""

    root: Path
    script: str = 'echo $1 > "$2"'
    more: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        self.options = options({**self.more})
        self.write_script(self.script)
        text = "".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
            for section, keys in self.options.items()
        )
        directory = self.root / "jobs"
        text = text.replace("[execution]\n", f"[execution]\ndirectory = {directory}\n")
        (self.root / "luigi.cfg").write_text(text)

    def write_script(self, script: str) -> None:
        """Say what makes a piece: ``$1`` is its number, ``$2`` the file to leave."""
        (self.root / "piece.sh").write_text(f"cd {self.root}\n{script}\n")

    def start(self, count: int, port: int = 0) -> subprocess.Popen[str]:
        """Start the root task."""
        scheduler = ["--scheduler-port", str(port)] if port else ["--local-scheduler"]
        words = ["--module", "tests.slurm.pieces", "Whole", "--folder", str(self.root)]
        program = str(Path(sys.executable).with_name("luigi"))
        return subprocess.Popen(
            [program, *words, "--count", str(count), *scheduler],
            env={
                **os.environ,
                "LUIGI_CONFIG_PATH": str(self.root / "luigi.cfg"),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, count: int, port: int = 0, timeout: float = 120) -> tuple[int, str]:
        """Run the root task to its end and return exit code and output."""
        process = self.start(count, port)
        output, _ = process.communicate(timeout=timeout)
        return process.returncode, output

    def made(self) -> list[str]:
        """Return the names of all products."""
        return sorted(path.name for path in (self.root / "made").glob("[ps]*"))


Submitter = FakeNight | Pieces


def submitted(slurm: Cluster, night: Submitter) -> collections.Counter[str]:
    """Return how often each element was submitted: job name without its digest, and index."""
    return collections.Counter(name for name, _ in _rows(slurm, night))


def elements_of(slurm: Cluster, night: Submitter, product: str) -> list[str]:
    """Return the states of all elements of a product, in the order of their ids."""
    return [state for name, state in _rows(slurm, night) if f"-{product}-" in name]


def is_submitted(slurm: Cluster, night: Submitter) -> bool:
    """Whether the queue has jobs of a test."""
    return bool(_names(slurm, f"{night.options['slurm']['prefix']}-"))


def is_running(slurm: Cluster, night: Submitter, product: str) -> bool:
    """Whether a product is being made."""
    names = _names(slurm, f"{night.options['slurm']['prefix']}-", "-t", "R")
    return any(f"-{product}-" in name for name in names)


def _names(slurm: Cluster, start: str, *options: str) -> list[str]:
    names = slurm.client("squeue", "-h", "-a", "-o", "%j", *options).splitlines()
    return [name for name in names if name.startswith(start)]


def _rows(slurm: Cluster, night: Submitter) -> list[tuple[str, str]]:
    """Ask accounting, once all is over and it has caught up."""
    prefix = night.options["slurm"]["prefix"]
    # without -D: what Slurm itself puts back into the queue was submitted once
    options = ("-X", "-n", "-P", "-S", "now-2hours", "-o", "JobID,State,JobName")

    def ask() -> list[list[str]]:
        lines = slurm.client("sacct", *options).splitlines()
        return [row for row in (line.split("|", 2) for line in lines) if row[2].startswith(prefix)]

    wait_until(lambda: not _names(slurm, f"{prefix}-"), 60, "the end of the test's jobs")
    # the controller forgets jobs after a minute; accounting hears of them after some seconds
    listed = slurm.client("squeue", "-h", "-a", "-r", "-t", "all", "-o", "%i %j").splitlines()
    named = (line.partition(" ") for line in listed)
    over = {job for job, _, name in named if name.startswith(f"{prefix}-")}
    wait_until(lambda: over <= {row[0] for row in ask()}, 60, "accounting")
    wait_until(lambda: not any(re.match("RUN|PEND", row[1]) for row in ask()), 60, "accounting")
    return [
        (re.sub(r"-[0-9a-f]{8}$", "", name) + "_" + job.partition("_")[2], state)
        for job, state, name in ask()
        if name.startswith(f"{prefix}-")
    ]
