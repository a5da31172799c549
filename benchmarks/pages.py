"""How long do the pages of nights of 300 and 3,000 subruns take, how large are they, is it linear?

Writes the pages of generated nights in new processes; other sizes are given on the command line,
as 30000. Then index and catalogue of 10, 100 and 1,000 nights of 40 runs from what lies beside
their pages. The ratio of times should be no more than that of subruns, or of nights.
"""

import dataclasses
import datetime
import statistics
import sys
import tempfile
import time
from pathlib import Path

from _nights import REPETITIONS, generate, measure

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.layout import PageLayout
from lstosa_luigi.pages.build import write_index
from lstosa_luigi.pages.entries import Entry, RunEntry, dump_entry
from tests.fakes import made
from tests.fakes.night import FakeNight

SIZES = (300, 3000)
NIGHTS = (10, 100, 1000)
RUNS = 40


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or list(SIZES)
    with tempfile.TemporaryDirectory() as folder:
        times = [measure_night(Path(folder) / str(size), size) for size in sizes]
        print_ratios("subruns", sizes, times)
        times = [measure_index(Path(folder) / f"index{number}", number) for number in NIGHTS]
        print_ratios("nights", list(NIGHTS), times)
    return 0


def measure_night(root: Path, size: int) -> tuple[float, float]:
    """Return wall and CPU time of the pages of a night."""
    night = generate(root, size)
    times = [measure(night, ExitCode.OK, "pages") for _ in range(REPETITIONS)]
    wall, cpu = (statistics.median(part) for part in zip(*times, strict=True))
    (page,) = night.base.rglob("osa_status_*.html")
    kilobytes = page.stat().st_size / 1000
    print(
        f"{size:>6} subruns: {wall:.2f} s, {cpu:.2f} s CPU, page of {kilobytes:.0f} kB", flush=True
    )
    return wall, cpu


def measure_index(root: Path, number: int) -> tuple[float, float]:
    """Return wall and CPU time of index and catalogue of so many nights."""
    night = FakeNight(root, runs=())
    layout, pages = made.use(night).layout, PageLayout(night.base / "OSA/Pages")
    for i in range(number):
        date = datetime.date(2020, 1, 1) + datetime.timedelta(i)
        path = pages.entry(dataclasses.replace(layout, date=date))
        path.parent.mkdir(parents=True)
        path.write_text(dump_entry(entry_of(date, i)))
    times = []
    for _ in range(REPETITIONS):
        began, before = time.monotonic(), time.process_time()
        write_index(layout, pages)
        times.append((time.monotonic() - began, time.process_time() - before))
    wall, cpu = (statistics.median(part) for part in zip(*times, strict=True))
    index, catalog = (path.stat().st_size / 1000 for path in (pages.index(), pages.catalog()))
    print(
        f"{number:>6} nights: {wall:.2f} s, {cpu:.2f} s CPU, index of {index:.0f} kB, catalogue of "
        f"{catalog:.0f} kB",
        flush=True,
    )
    return wall, cpu


def entry_of(date: datetime.date, number: int) -> Entry:
    """Return a closed night of 40 runs."""
    runs = tuple(
        RunEntry(
            RUNS * number + i, "Mrk 421", 166.114, 38.209, f"{date}T21:00:00", 19.6, "", 100, "done"
        )
        for i in range(RUNS)
    )
    now = f"{date}T09:00:00+00:00"
    return Entry(str(date), "LST1", "v0.12.3", "closed", "Closed", now, 9, 9, 0, 10**9, runs)


def print_ratios(what: str, sizes: list[int], times: list[tuple[float, float]]) -> None:
    for i in range(1, len(sizes)):
        wall, cpu = (now / before for now, before in zip(times[i], times[i - 1], strict=True))
        more = sizes[i] / sizes[i - 1]
        print(f"{more:.0f} times the {what}: {wall:.1f} times the wall, {cpu:.1f} CPU")


if __name__ == "__main__":
    sys.exit(main())
