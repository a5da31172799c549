"""How long do ``lstosa why`` and ``impact`` take at 1,000 nights, and how does that grow?

Generates records of nights of three runs of ten subruns, and asks in new processes: the first time
(all records are read into the index), when nothing changed, and after one night more. The times of
questions should hardly grow with the nights; caches of the disk are warm.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SIZES = (10, 100, 1000)
RUNS, SUBRUNS = 3, 10
REPETITIONS = 3


def records(night: str) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield title, inputs and outputs of each product of a night."""
    yield "Drs4Pedestal Run00001", (f"/R0/{night}/1",), (f"/cal/{night}/drs4.h5",)
    for run in range(2, RUNS + 2):
        dl1b = tuple(f"/DL1/{night}/dl1_{run}.{n:04d}.h5" for n in range(SUBRUNS))
        for n in range(SUBRUNS):
            dl1a, unit = f"/ra/{night}/dl1_{run}.{n:04d}.h5", f"Run{run:05d}.{n:04d}"
            raw = tuple(f"/R0/{night}/{run}.{n:04d}.{stream}" for stream in range(4))
            inputs = (*raw, f"/cal/{night}/drs4.h5", f"/drive/{night}.txt", "/cal/time.h5")
            yield f"DL1A {unit}", inputs, (dl1a,)
            yield f"DL1B {unit}", (dl1a,), (dl1b[n],)
        dl1, dl2 = f"/DL1/{night}/dl1_{run}.h5", f"/DL2/{night}/dl2_{run}.h5"
        yield f"MergedDL1 Run{run:05d}", dl1b, (dl1,)
        yield f"DL2 Run{run:05d}", (dl1, "/models/reg_energy.sav"), (dl2,)


def write_night(base: Path, number: int) -> None:
    """Write the records of a night."""
    night = f"{2020 + number // 336}{number // 28 % 12 + 1:02d}{number % 28 + 1:02d}"
    folder = base / "running_analysis" / night / "v0.12.3/records"
    folder.mkdir(parents=True)
    for title, inputs, outputs in records(night):
        data = {
            "title": title, "state": "done", "start": "2020-01-01T00:00:00+00:00",
            "end": "2020-01-01T00:01:00+00:00", "argv": ["/env/bin/tool"],
            "inputs": inputs, "outputs": outputs,
        }  # fmt: skip
        product, unit = title.split()
        (folder / f"{unit}_{product}.json").write_text(json.dumps(data))


def seconds(base: Path, *words: str) -> float:
    """Return how long a command takes."""
    variables = {**os.environ, "LUIGI_CONFIG_PATH": str(base / "luigi.cfg")}
    began = time.perf_counter()
    command = [str(Path(sys.executable).with_name("lstosa")), *words]
    subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    found: list[dict[str, float]] = []
    for nights in sizes:
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            (base / "luigi.cfg").write_text(f"[paths]\nbase = {base}\n")
            for number in range(nights):
                write_night(base, number)
            time.sleep(2.1)  # until the times of the directories tell of all changes
            why, impact = ("why", "/DL2/20200101/dl2_3.h5"), ("impact", "/cal/20200101/drs4.h5")
            took = {"first": seconds(base, *why)}
            seconds(base, *why)
            for name, words in (("why", why), ("impact", impact)):
                took[name] = min(seconds(base, *words) for _ in range(REPETITIONS))
            write_night(base, nights)
            took["one night more"] = seconds(base, *why)
            size = (base / "OSA/provenance.sqlite").stat().st_size
        found.append(took)
        parts = ", ".join(f"{name} {value:.2f} s" for name, value in took.items())
        print(f"{nights:>5} nights: {parts}; index {size / 1e6:.1f} MB", flush=True)
    for before, now, a, b in zip(sizes, sizes[1:], found, found[1:], strict=False):
        ratios = ", ".join(f"{name} {b[name] / a[name]:.1f}" for name in a)
        print(f"{now / before:.0f} times the nights, times as long: {ratios}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
