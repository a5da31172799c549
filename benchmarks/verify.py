"""How long do closing a night and verifying it take, with 300, 3,000 and 30,000 subruns?

The nights are generated: the graph is walked, and each product that it names gets small files and
a record, as if a job had made them. Then ``NightlyClose`` closes the night, ``lstosa verify`` looks
at it, and ``verify --remake`` opens it for a subrun of DL1b; once that is there as if made again,
it is closed once more. Printed is the CPU time of each command from a cold start, also for each
subrun: that must not grow.

    python benchmarks/verify.py [--subruns 300 3000 30000] [--of-run 150]
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _nights import REPOSITORY, GeneratedNight

from lstosa_luigi import NightlyClose
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.graph import walk
from lstosa_luigi.products.base import NightProduct
from lstosa_luigi.products.catalog import PointedRunSummary
from tests.fakes import made

CALIBRATION = ((1, "DRS4", 1), (2, "PEDCALIB", 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--subruns", type=int, nargs="+", default=[300, 3000, 30000])
    parser.add_argument("--of-run", type=int, default=150, help="subruns of a run")
    parser.add_argument("--generate", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        return generate(datetime.date.fromisoformat(options.generate))
    print(f"{'subruns':>8}  {'command':16}  {'CPU s':>7}  {'wall s':>7}  {'ms CPU/subrun':>13}")
    for subruns in options.subruns:
        with tempfile.TemporaryDirectory(prefix="verify-") as folder:
            measure(Path(folder) / "night", subruns, options.of_run)
    return 0


def measure(root: Path, subruns: int, of_run: int) -> None:
    night = make_night(root, subruns, of_run)
    one = night.base / f"DL1/{night.flat}/v0.12.3/tailcut84/dl1_LST-1.Run00003.0001.h5"
    verify = ["lstosa", "verify", "--date", night.date]
    for name, command, code in (
        ("NightlyClose", night.command(), 0),
        ("verify", verify, 0),
        ("verify --remake", [*verify, "--remake"], 0),
        ("NightlyClose open", None, 0),
        ("closed already", night.command(), 0),
    ):
        if name == "verify --remake":
            one.write_bytes(b"")
        if command is None:  # what was set aside is put back as if it had been made again
            generated(night)
            command = night.command()
        cpu, wall = run(night, command, code)
        print(
            f"{subruns:8}  {name:16}  {cpu:7.2f}  {wall:7.2f}  {1000 * cpu / subruns:13.3f}",
            flush=True,
        )


def make_night(root: Path, subruns: int, of_run: int) -> GeneratedNight:
    """Return a night of which everything is made, and nothing closed."""
    runs = [
        (3 + i, "DATA", min(of_run, subruns - i * of_run)) for i in range(-(-subruns // of_run))
    ]
    night = GeneratedNight(root, runs=(*CALIBRATION, *runs))
    made.write_summary(night)
    generated(night)
    result = night.luigi("MergedRunSummary")  # its table is read: no job need be pretended
    if result.returncode:
        raise SystemExit(result.stdout[-3000:])
    return night


def generated(night: GeneratedNight) -> None:
    """Make everything, in a process that reads the configuration of the night."""
    words = [sys.executable, __file__, "--generate", night.date]
    variables = {**night.variables(), "PYTHONPATH": str(REPOSITORY)}
    subprocess.run(words, env=variables, cwd=night.root, check=True)


def generate(date: datetime.date) -> int:
    """Write files and a record for each product of the graph, until nothing more is named."""
    root = NightlyClose(date=date)
    while True:
        lacking = [
            step.task
            for step in walk(root.wanted())
            if isinstance(step.task, NightProduct)
            and not isinstance(step.task, PointedRunSummary)
            and (not step.task.complete() or not step.task.record.exists())
        ]
        if not lacking:
            return 0
        for task in lacking:
            pretend(task)


def pretend(task: NightProduct) -> None:
    """Write what a job would have left."""
    made.put(task)
    made.put_record(task)
    try:
        links = task.job().links
    except LstosaError:  # of raw data there are not all
        links = {}
    for at, to in links.items():
        if Path(to).exists() and not os.path.lexists(at):
            Path(at).parent.mkdir(parents=True, exist_ok=True)
            Path(at).symlink_to(to)


def run(night: GeneratedNight, words: list[str], code: int) -> tuple[float, float]:
    """Run a command to its end; return CPU seconds and wall seconds."""
    program = shutil.which(words[0], path=night.variables()["PATH"]) or words[0]
    variables = {**night.variables(), "PYTHONPATH": str(REPOSITORY)}
    began = time.monotonic()
    with (night.root / "printed").open("w") as printed:
        process = subprocess.Popen(
            [program, *words[1:]], env=variables, cwd=night.root, stdout=printed, stderr=printed
        )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if os.waitstatus_to_exitcode(status) != code:
        raise SystemExit((night.root / "printed").read_text()[-3000:])
    return used.ru_utime + used.ru_stime, wall


if __name__ == "__main__":
    sys.exit(main())
