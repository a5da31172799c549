"""How long does ``lstosa account`` take for 300, 3,000 and 30,000 subruns, and is it linear?

Generates nights of 100 subruns a run, with the records of all products, those of one subrun of each
run having failed; then accounts for each of them in new processes. Every record is read, so the
ratio of times should be no more than that of subruns; on a machine that is busy with other things
the CPU times tell. Caches of the disk are warm: the files have just been written.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from _nights import REPETITIONS, generate, measure

from lstosa_luigi.errors import ExitCode

SIZES = (300, 3000, 30000)


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    used: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            night = generate(Path(folder) / str(size), size)
            records = sum(1 for _ in (night.analysis / "records").iterdir())
            times = [measure(night, ExitCode.OK, "account") for _ in range(REPETITIONS)]
            wall, cpu = (statistics.median(part) for part in zip(*times, strict=True))
            used.append((wall, cpu))
            text = f"{size:>6} subruns, {records:>6} records: {wall:.2f} s, {cpu:.2f} s CPU"
            print(text, flush=True)
    for i in range(1, len(sizes)):
        wall, cpu = (now / before for now, before in zip(used[i], used[i - 1], strict=True))
        more = sizes[i] / sizes[i - 1]
        print(f"{more:.0f} times the subruns: {wall:.1f} times the wall, {cpu:.1f} CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
