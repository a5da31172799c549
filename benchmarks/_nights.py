"""Nights with the files and records of all products but those that failed, for benchmarks.

Of each run of 100 subruns one failed.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from lstosa_luigi.status.facts import Queue, gather, is_made  # noqa: E402
from lstosa_luigi.status.series import Series, find_graph  # noqa: E402
from tests.fakes import made  # noqa: E402
from tests.fakes.night import FakeNight, fits  # noqa: E402

SUBRUNS = 100
REPETITIONS = 3


class GeneratedNight(FakeNight):
    """A night of which there is but one raw file of each run."""

    def write_raw_data(self) -> None:
        for run, _, _ in self.runs:
            path = self.r0(run, 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(fits(5))


def generate(root: Path, size: int) -> GeneratedNight:
    """Write a night with this many subruns."""
    runs = [(1, "DRS4", 1), (2, "PEDCALIB", 1)]
    runs += [(3 + i, "DATA", SUBRUNS) for i in range(size // SUBRUNS)]
    night = GeneratedNight(root, runs=tuple(runs))
    task = made.use(night)
    made.write_summary(night)
    known = 0
    while True:  # more can be named once the first products are there
        graph = find_graph(task)
        if len(graph.series) == known:
            break
        known = len(graph.series)
        first = {step.task.title: step.task for step in graph.steps if hasattr(step.task, "title")}
        files = gather(task, Queue()).files
        for series in graph.series:
            if not is_made(series, series.members[-1], files):
                write(series, first[series.title])
    return night


def write(series: Series, first) -> None:
    """Write the files and records of a series as they are of its first subrun."""
    made.put(first)
    good, bad = (
        made.put_record(first, **fields).read_text()
        for fields in ({}, {"state": "failed", "exit_code": 1, "cause": "exit code 1"})
    )
    for member in series.members:
        has_failed = series.product == "DL1A" and member == 7
        Path(series.of(series.record, member)).write_text(
            series.of(bad if has_failed else good, member)
        )
        for _, path in series.files:
            if not has_failed and not Path(series.of(path, member)).exists():
                Path(series.of(path, member)).touch()


def measure(night: GeneratedNight, code: int, *words: str) -> tuple[float, float]:
    """Return wall and CPU time in seconds of a verb in a new process that must end with a code."""
    lstosa = str(Path(sys.executable).with_name("lstosa"))
    before, began = cpu_of_children(), time.monotonic()
    done = subprocess.run(
        [lstosa, words[0], "--date", night.date, *words[1:]],
        env={**night.variables(), "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != code:
        sys.exit(f"lstosa {words[0]} ended with {done.returncode}")
    return time.monotonic() - began, cpu_of_children() - before


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
