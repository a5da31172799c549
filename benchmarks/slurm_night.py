"""How long does a night take on Slurm, against the same jobs as a chain written by hand?

The same products, each a pause of some seconds, are made on one throw-away cluster by

* ``sbatch --array`` with ``--dependency=aftercorr``, all at once: what Slurm itself costs;
* the package's graph, one product a job;
* the package's graph with DL1B and Check of a subrun in one job.

Printed are the ratios of the makespans to that of the chain, how often Slurm's commands
were called, and what client and luigid used. All nodes and daemons share this machine: where its
CPUs are busy with starting jobs, the ratio tells what a start costs.

    python benchmarks/slurm_night.py [--runs 10] [--subruns 50] [--pause 2] [--products 3]
"""

import argparse
import collections
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.conftest import free_port  # noqa: E402
from tests.slurm.cluster import Cluster, wait_until  # noqa: E402

CLIENTS = ("sbatch", "squeue", "sacct", "scancel", "scontrol")
CONFIG = """
[execution]
backend = slurm
directory = {folder}/jobs
[slurm]
poll_interval = {poll}
mem = 20MB
time = 10
[core]
log_level = ERROR
"""
AFTER = {"DL1B": "DL1A", "Check": "DL1B", "Muons": "DL1A", "DL2": "DL1B"}
MERGED = {"MergedDL1": "DL1B", "MergedMuons": "DL1A", "RunCheck": "Check"}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--subruns", type=int, default=50)
    parser.add_argument("--pause", default="2", help="seconds that each product takes")
    parser.add_argument("--products", type=int, default=3, choices=(3, 5), help="of a subrun")
    parser.add_argument("--poll", default="2", help="[slurm] poll_interval in seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        root.chmod(0o755)  # the daemons have users of their own
        with Cluster(root / "slurm") as cluster:
            os.environ.update(cluster.environment)
            floor = by_hand(root / "hand", options)
            print(f"by hand:   {floor:6.1f} s", flush=True)
            for clustered in (False, True):
                by_graph(root / f"graph{clustered:d}", options, clustered, floor)
                cluster.cancel_all()
    return 0


def by_hand(folder: Path, options: argparse.Namespace) -> float:
    """Submit the chain and return the seconds until its last product is there."""
    (folder / "made").mkdir(parents=True)
    script = folder / "piece.sh"
    script.write_text(f'#!/bin/sh\nsleep {options.pause}\n: > "$1$SLURM_ARRAY_TASK_ID"\n')
    began = time.monotonic()
    products = ["DL1A", *list(AFTER)[: options.products - 1]]
    ends = []
    for run in range(options.runs):
        ids: dict[str, str] = {}
        for product in products:
            after = f"--dependency=aftercorr:{ids[AFTER[product]]}" if product in AFTER else ""
            array = f"--array=0-{options.subruns - 1}"
            ids[product] = submit(script, f"{folder}/made/{product}.{run}.", array, after)
        for merged, of in MERGED.items():
            made = f"{folder}/made/{merged}.{run}"
            ends.append(submit(script, made, f"--dependency=afterok:{ids[of]}"))
        ends += [ids[product] for product in products[3:]]
    submit(script, f"{folder}/finished", f"--dependency=afterok:{':'.join(ends)}")
    wait_until((folder / "finished").exists, 3600)
    return time.monotonic() - began


def submit(script: Path, made: str, *options: str) -> str:
    words = ["sbatch", "--parsable", "--mem=20", "--output=/dev/null", *filter(None, options)]
    answer = subprocess.run([*words, str(script), made], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def by_graph(folder: Path, options: argparse.Namespace, clustered: bool, floor: float) -> None:
    """Run the graph beside a luigid, and print how it went."""
    folder.mkdir()
    (folder / "luigi.cfg").write_text(CONFIG.format(folder=folder, poll=options.poll))
    port = free_port()
    variables = {
        **os.environ,
        "PATH": f"{counting_clients(folder)}:{os.environ['PATH']}",
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'benchmarks'}",
        "LUIGI_CONFIG_PATH": str(folder / "luigi.cfg"),
    }
    if clustered:
        variables["CHAIN_CLUSTERED"] = "1"
    program = Path(sys.executable)
    luigid = subprocess.Popen(
        [str(program.with_name("luigid")), "--address=127.0.0.1", f"--port={port}"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(3)
        words = [str(program.with_name("luigi")), "--module", "_chain", "chain.Night"]
        for key in ("runs", "subruns", "pause", "products"):
            words += [f"--{key}", str(getattr(options, key))]
        words += ["--folder", str(folder), "--scheduler-host", "127.0.0.1"]
        words += ["--scheduler-port", str(port)]
        seconds, used = measured(words, variables, folder)
        scheduler = luigid_used(luigid.pid)
        again, _ = measured(words, variables, folder)
    finally:
        luigid.kill()
        luigid.wait()
    calls = collections.Counter((folder / "calls").read_text().split())
    what = "clustered" if clustered else "graph"
    print(f"{what + ':':10} {seconds:6.1f} s, {seconds / floor:.2f} x by hand", flush=True)
    print("           " + ", ".join(f"{calls[name]} {name}" for name in CLIENTS[:3]))
    print(f"           client {used.ru_utime + used.ru_stime:.0f} s CPU, {scheduler}")
    print(
        f"           client at most {used.ru_maxrss / 1024:.0f} MB; rerun {again:.2f} s", flush=True
    )


def counting_clients(folder: Path) -> Path:
    """Return a directory of stand-ins that count the calls of Slurm's commands."""
    commands = folder / "bin"
    commands.mkdir()
    (folder / "calls").touch()
    for name in CLIENTS:
        path = commands / name
        path.write_text(
            f'#!/bin/sh\necho {name} >> {folder}/calls\nexec {shutil.which(name)} "$@"\n'
        )
        path.chmod(0o755)
    return commands


def measured(
    words: list[str], variables: dict[str, str], folder: Path
) -> tuple[float, resource.struct_rusage]:
    """Run a command and return its seconds and what it used."""
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, env=variables, cwd=folder, stdout=log, stderr=log)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(words)} ended with {status}: {(folder / 'log').read_text()}")
    return time.monotonic() - began, used


def luigid_used(pid: int) -> str:
    """Say what luigid used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return f"luigid {seconds:.0f} s CPU, {int(peak.split()[1]) / 1024:.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
