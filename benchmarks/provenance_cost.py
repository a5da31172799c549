"""What does provenance cost, as a share of the time that a product takes? The target is 1 %.

Measured are

* what tracing costs a job: jobs that copy a small file, with one configuration, are started as the
  local backend does, in turn with and without tracing; the CPU time of each with all its children;
* the rate of hashing a file that lies in memory, with and without the instructions for SHA-256
  (AMD's CPUs have them since 2017, Intel's for servers since 2021);
* times and files of DL1A and DL1B, by their records: the real graph makes them with the real
  lstchain of a simulated subrun of each number of EVENTS given, by default 3,000 and 15,000; with
  ``3000 50000`` nothing is extrapolated, in a quarter of an hour. Two of 100 are pedestals, two
  flat fields.

Computed of these is the cost of provenance: of tracing a job, and of hashing at that rate all files
of which the record has a hash (outputs, small inputs; they are in the page cache, having just been
written). Its shares are that of the elapsed seconds, which contain it, and that of the CPU time of
the command, which a job with one core takes as well. Other work on the machine lessens both.
What raw files add with ``[provenance] hash_raw`` is told as a share of that CPU time.

The lines "line" are extrapolated to the 50,000 events of a real subrun, by the smallest and the
largest that were measured: what does not grow, such as the start-up of tools, counts once.
Simulated events stand for real ones; raw files are packed otherwise than those of LST-1.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from lstosa_luigi.execution.environment import own_software  # noqa: E402
from lstosa_luigi.execution.local import PROGRAM  # noqa: E402
from lstosa_luigi.execution.record import read_record  # noqa: E402
from lstosa_luigi.execution.spec import SCRATCH, Job, Output  # noqa: E402

DATE, EVENTS, REAL_EVENTS = "2024-03-02", (3_000, 15_000), 50_000
JOBS, LARGE_BYTES = 400, 500_000_000
RATE = """
import sys, timeit, time
from lstosa_luigi.execution.trace import hash_of
print(min(timeit.repeat(lambda: hash_of(sys.argv[1]), timer=time.process_time, number=1)))
"""
CPUS = {"this CPU": {}, "this CPU without SHA": {"OPENSSL_ia32cap": ":~0x20000000"}}
HEAD = "product       events  seconds    CPU s  MB hashed  provenance s  of time   of CPU   raw MB"


class Cost(NamedTuple):
    """What a product took and read and made."""

    events: float
    seconds: float
    cpu_seconds: float
    hashed: float
    raw: float


def main() -> int:
    sizes = sorted(int(word) for word in sys.argv[1:]) or EVENTS
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        tracing = cost_of_tracing(Path(folder))
        rates = rates_of_hashing(Path(folder) / "large")
        nights = [night(Path(folder) / str(events), events) for events in sizes]
    for title, rate in rates.items():
        print(f"\n{title}: {rate / 1e6:.0f} MB/s\n{HEAD}   of CPU")
        for product in nights[0]:
            costs = [made[product] for made in nights]
            for cost in costs:
                show(product, cost, tracing, rate)
            if len(costs) > 1:
                small, large = costs[0], costs[-1]
                far = (REAL_EVENTS - small.events) / (large.events - small.events)
                line = (a + far * (b - a) for a, b in zip(small, large, strict=True))
                show(f"{product} line", Cost(*line), tracing, rate)
    return 0


def show(name: str, cost: Cost, tracing: float, rate: float) -> None:
    provenance = tracing + cost.hashed / rate
    shares = provenance / cost.seconds, provenance / cost.cpu_seconds
    numbers = f"{cost.events:7,.0f} {cost.seconds:8.2f} {cost.cpu_seconds:8.2f}"
    numbers += f" {cost.hashed / 1e6:10.1f} {provenance:13.4f} {shares[0]:8.2%} {shares[1]:8.2%}"
    if cost.raw:
        numbers += f" {cost.raw / 1e6:8.1f} {cost.raw / rate / cost.cpu_seconds:8.2%}"
    print(f"{name:12} {numbers}", flush=True)


def cost_of_tracing(folder: Path) -> float:
    config = folder / "config.json"
    config.write_text(json.dumps(list(range(1500))))
    cpu: dict[bool, list[float]] = {False: [], True: []}
    for number in range(JOBS):
        is_traced = number % 2 == 1
        cpu[is_traced].append(cpu_of(trivial_job(folder, config, number), is_traced))
    without, traced = (statistics.median(times) for times in cpu.values())
    more = 1000 * (traced - without)
    print(f"CPU time of a job: {1000 * without:.1f} ms; traced: {more:.1f} ms more", flush=True)
    return traced - without


def trivial_job(folder: Path, config: Path, number: int) -> Job:
    return Job(
        name=(name := f"job{number}"),
        title=name,
        argv=("/bin/cp", str(config), f"{SCRATCH}/made.txt"),
        outputs=(Output(str(folder / f"made/{name}.txt"), "made.txt"),),
        log=str(folder / f"{name}.log"),
        record=str(folder / f"{name}.json"),
        scratch=str(folder / "scratch"),
        inputs=(str(config),),
        software=own_software(),
        configs=str(folder / "configs"),
        versions=str(folder / "software"),
    )


def cpu_of(job: Job, is_traced: bool) -> float:
    """Run a job as the local backend does; return the CPU time of it and its command."""
    job = job if is_traced else job._replace(configs="", versions="")
    command = [sys.executable, str(PROGRAM), str(os.getpid())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(job.to_json()).encode())
    process.stdin.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    record = read_record(Path(job.record))
    if process.returncode or record is None or bool(record.hashes and record.agent) != is_traced:
        sys.exit(f"{job.title} ended with {process.returncode}, or not traced as it should be")
    return used.ru_utime + used.ru_stime


def rates_of_hashing(path: Path) -> dict[str, float]:
    """Return how many bytes are hashed in a second of CPU time."""
    path.write_bytes(os.urandom(LARGE_BYTES))
    command, rates = [sys.executable, "-c", RATE, str(path)], {}
    for title, more in CPUS.items():
        took = subprocess.check_output(command, env=os.environ | more, cwd=REPOSITORY)
        rates[title] = LARGE_BYTES / float(took)
    return rates


def night(base: Path, events: int) -> dict[str, Cost]:
    base.mkdir()
    tools = os.environ.get("LSTOSA_TOOLS_ENVIRONMENT", str(REPOSITORY / ".venv-lstchain"))
    tools += "\napply_standard_dl1b_config = true\ndl1_prod_id = tailcut84"  # none to look for
    config = (REPOSITORY / "config/luigi.cfg").read_text().replace("demo", str(base))
    (base / "luigi.cfg").write_text(config.replace(".venv-lstchain", tools))
    few = events // 50
    counts = f"--events {events - 2 * few - 8} --pedestals {few} --flatfields {few} --muons 8"
    run(base, f"lstosa simulate-night --base {base} --no-mc --data-runs 1 --subruns 1 {counts}")
    run(base, "luigi --module lstosa_luigi DL1B --run-id 3 --subrun 0 --dl1-prod tailcut84")
    costs = {}
    for product in ("DL1A", "DL1B"):
        (path,) = base.glob(f"running_analysis/*/*/records/Run00003.0000_{product}.json")
        if (record := read_record(path)) is None:
            sys.exit(f"{path} cannot be read")
        files = {**record.read, **record.files}
        hashed = sum(files[path][0] for path in record.hashes)
        raw = sum(size for path, (size, _) in files.items() if path.endswith(".fits.fz"))
        costs[product] = Cost(events, record.seconds, record.cpu_seconds, hashed, raw)
    return costs


def run(base: Path, command: str) -> None:
    program, *words = command.split()
    words += ["--local-scheduler"] if program == "luigi" else ["--no-progress"]
    command = str(Path(sys.executable).with_name(program))
    variables = {**os.environ, "LUIGI_CONFIG_PATH": str(base / "luigi.cfg")}
    subprocess.run([command, *words, "--date", DATE], env=variables, check=True)


if __name__ == "__main__":
    sys.exit(main())
