"""How long does ``lstosa status`` take for 300, 3,000 and 30,000 subruns, and is it linear?

Generates nights of 100 subruns a run, with the files and records of all products but those of one
subrun of each run, which failed; then shows each of them in new processes. The target is 2 s for
3,000 subruns, and the ratio of times no more than that of subruns; on a machine that is busy with
other things the CPU times tell. Caches of the disk are warm: the files have just been written.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from lstosa_luigi.status.facts import Queue, gather, is_made  # noqa: E402
from lstosa_luigi.status.model import Standing  # noqa: E402
from lstosa_luigi.status.series import Series, find_graph  # noqa: E402
from tests.fakes import made  # noqa: E402
from tests.fakes.night import FakeNight, fits  # noqa: E402

SIZES = (300, 3000, 30000)
SUBRUNS = 100
REPETITIONS = 3
VIEWS = {"table": (), "--json": ("--json",)}


class GeneratedNight(FakeNight):
    """A night of which there is but one raw file of each run."""

    def write_raw_data(self) -> None:
        for run, _, _ in self.runs:
            path = self.r0(run, 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(fits(5))


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    used: dict[str, list[tuple[float, float]]] = {view: [] for view in VIEWS}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            night = generate(Path(folder) / str(size), size)
            for view, words in VIEWS.items():
                times = [show(night, *words) for _ in range(REPETITIONS)]
                wall, cpu = (statistics.median(part) for part in zip(*times, strict=True))
                used[view].append((wall, cpu))
                print(f"{size:>6} subruns, {view:>6}: {wall:.2f} s, {cpu:.2f} s CPU", flush=True)
    for view, times in used.items():
        for i in range(1, len(sizes)):
            wall, cpu = (now / before for now, before in zip(times[i], times[i - 1], strict=True))
            more = sizes[i] / sizes[i - 1]
            print(f"{view}: {more:.0f} times the subruns: {wall:.1f} times the wall, {cpu:.1f} CPU")
    return 0


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


def show(night: GeneratedNight, *words: str) -> tuple[float, float]:
    """Return wall and CPU time in seconds of one look at a night by a new process."""
    lstosa = str(Path(sys.executable).with_name("lstosa"))
    before, began = cpu_of_children(), time.monotonic()
    done = subprocess.run(
        [lstosa, "status", "--date", night.date, *words],
        env={**night.variables(), "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != Standing.FAILED:
        sys.exit(f"lstosa status ended with {done.returncode}")
    return time.monotonic() - began, cpu_of_children() - before


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
