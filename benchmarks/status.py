"""How long does ``lstosa status`` take for 300, 3,000 and 30,000 subruns, and is it linear?

Generates nights of 100 subruns a run, with the files and records of all products but those of one
subrun of each run, which failed; then shows each of them in new processes. The target is 2 s for
3,000 subruns, and the ratio of times no more than that of subruns; on a machine that is busy with
other things the CPU times tell. Caches of the disk are warm: the files have just been written.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from _nights import REPETITIONS, generate, measure

from lstosa_luigi.status.model import Standing

SIZES = (300, 3000, 30000)
VIEWS = {"table": (), "--json": ("--json",)}


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    used: dict[str, list[tuple[float, float]]] = {view: [] for view in VIEWS}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            night = generate(Path(folder) / str(size), size)
            for view, words in VIEWS.items():
                times = [
                    measure(night, Standing.FAILED, "status", *words) for _ in range(REPETITIONS)
                ]
                wall, cpu = (statistics.median(part) for part in zip(*times, strict=True))
                used[view].append((wall, cpu))
                print(f"{size:>6} subruns, {view:>6}: {wall:.2f} s, {cpu:.2f} s CPU", flush=True)
    for view, times in used.items():
        for i in range(1, len(sizes)):
            wall, cpu = (now / before for now, before in zip(times[i], times[i - 1], strict=True))
            more = sizes[i] / sizes[i - 1]
            print(f"{view}: {more:.0f} times the subruns: {wall:.1f} times the wall, {cpu:.1f} CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
