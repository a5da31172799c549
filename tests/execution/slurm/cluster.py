"""A cluster in memory, a clock that stands still, and jobs of a night for them."""

import collections
import dataclasses
import os
import re
import shlex
import time
from pathlib import Path

from lstosa_luigi.execution.record import Record, write_record
from lstosa_luigi.execution.slurm.backend import SlurmBackend
from lstosa_luigi.execution.slurm.client import Away, Limits, Refused
from lstosa_luigi.execution.slurm.manifest import element_log, read_manifest
from lstosa_luigi.execution.slurm.parse import Accounting, ElementId, QueueRow, Refusal
from lstosa_luigi.execution.spec import Job, Output

GROUP = "LST1-20200117-v0.1.0"


class Clock:
    """Seconds since the epoch, which only pass if they are told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def make_job(
    root: Path,
    subrun: int = 0,
    product: str = "DL1A",
    run: str = "Run01807",
    prod_id: str = "v0.1.0",
    **fields,
) -> Job:
    """Return the job of one product of a subrun, all its places below *root*."""
    name = f"{run}.{subrun:04d}_{product}"
    night = root / prod_id
    values = {
        "name": name,
        "title": f"{product} {run}.{subrun:04d}",
        "argv": ("lstchain", "--output={scratch}"),
        "outputs": (Output(str(night / "final" / f"{name}.h5"), "out.h5"),),
        "log": str(night / "log" / f"{name}.log"),
        "record": str(night / "records" / f"{name}.json"),
        "scratch": str(night / ".scratch"),
        "arrays": str(night / "arrays"),
        "product": product,
        "unit": run,
        "number": subrun,
        "group": f"LST1-20200117-{prod_id}",
    }
    return Job(**{**values, **fields})


def make_record(job: Job, element: object = "", state: str = "done", **fields) -> Record:
    """Return a record as the payload writes it."""
    values = {
        "name": job.name,
        "title": job.title,
        "state": state,
        "start": "2020-01-18T08:00:00+00:00",
        "end": "2020-01-18T08:01:40+00:00",
        "seconds": 100.0,
        "cpu_seconds": 80.0,
        "peak_memory_kb": 2_097_152,
        "host": "cp15",
        "attempt": 1,
        "argv": job.argv,
        "inputs": (),
        "outputs": tuple(output.path for output in job.outputs),
        "exit_code": 0 if state == "done" else 1,
        "signal": None,
        "cause": "" if state == "done" else "exit code 1",
        "log": job.log,
        "job_id": str(element),
        "mem_mb": 6144,
        "cpus": 1,
    }
    return Record(**{**values, **fields})


def make_product(job: Job, element: object = "") -> None:
    """Leave what a job leaves that went well."""
    for output in job.outputs:
        Path(output.path).parent.mkdir(parents=True, exist_ok=True)
        Path(output.path).write_text("events")
    write_record(Path(job.record), make_record(job, element, log=element_log(job, element)))


@dataclasses.dataclass
class FakeArray:
    """An array that was submitted: what its script and its manifest say, and its live elements."""

    number: int
    name: str
    script: str
    live: dict[int, QueueRow]
    visible_from: float = 0.0

    @property
    def manifest(self):
        last = self.script.strip().splitlines()[-1]
        return read_manifest(Path(shlex.split(last)[-2]))

    def option(self, key: str) -> str:
        found = re.search(rf"^#SBATCH --{key}=(.*)$", self.script, re.MULTILINE)
        return found[1] if found else ""

    def element(self, index: int) -> ElementId:
        return ElementId(self.number, index)


class FakeSlurm:
    """A cluster with the methods of the client; tests say what becomes of its jobs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: collections.Counter[str] = collections.Counter()
        self.arrays: list[FakeArray] = []
        self.rows: dict[ElementId, Accounting] = {}
        self.is_away = False
        self.accounting_is_away = False
        self.most = 10**9
        """Elements that may be there at a time."""
        self.answers: list[object] = []
        """What the next calls of sbatch do: "lost" or "taken" without an answer, or a Refused."""
        self.seconds_of_sbatch = 0.0
        self.lag = 0.0
        """Seconds until the queue shows what sbatch did not answer for."""
        self.cancelled: list[object] = []
        self.size = 1001
        self.seconds = {"short": 21600.0, "long": 604800.0}

    # --- what the client calls ---------------------------------------------------------------

    def submit(self, script: str, name: str) -> int:
        self.calls["sbatch"] += 1
        self.clock.now += self.seconds_of_sbatch
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if self.is_away:
            text = "error: Batch job submission failed: Unable to contact slurm controller"
            raise Refused(Refusal.AWAY, text)
        if answer == "lost":
            raise Refused(Refusal.UNCERTAIN, "Socket timed out on send/recv operation")
        indices = indices_of(FakeArray(0, name, script, {}).option("array"))
        assert max(indices) < self.size
        if sum(len(array.live) for array in self.arrays) + len(indices) > self.most:
            raise Refused(Refusal.LIMIT, "error: QOSMaxSubmitJobPerUserLimit")
        array = FakeArray(100 + len(self.arrays), name, script, {})
        for index in indices:
            row = QueueRow(array.element(index), "PENDING", "Resources", name)
            array.live[index] = row
        self.arrays.append(array)
        if answer == "taken":
            array.visible_from = self.clock() + self.lag
            raise Refused(Refusal.UNCERTAIN, "Socket timed out on send/recv operation")
        return array.number

    def queue(self) -> list[QueueRow]:
        self.calls["squeue"] += 1
        self._answer()
        shown = [array for array in self.arrays if array.visible_from <= self.clock()]
        return [row for array in shown for row in array.live.values()]

    def accounting(self, elements):
        self.calls["sacct"] += 1
        if self.accounting_is_away:
            raise Away("Problem talking to the database: Connection refused")
        return {element: self.rows[element] for element in elements if element in self.rows}

    def cancel(self, ids) -> None:
        self.calls["scancel"] += 1
        self._answer()
        for word in map(str, ids):
            self.cancelled.append(word)
            number, _, index = word.partition("_")
            array = self.arrays[int(number) - 100]
            for i in [int(index)] if index else list(array.live):
                self.end(array.element(i), "CANCELLED", by="0")

    def cancel_named(self, name: str) -> None:
        self.calls["scancel"] += 1
        self._answer()
        self.cancelled.append(name)
        for array in self.arrays:
            if array.name == name and array.visible_from <= self.clock():
                array.live.clear()

    def limits(self) -> Limits:
        self.calls["scontrol"] += 1
        self._answer()
        return Limits(self.size, self.seconds)

    def _answer(self) -> None:
        if self.is_away:
            raise Away("slurm_load_jobs error: Unable to contact slurm controller")

    # --- what tests do -----------------------------------------------------------------------

    @property
    def live(self) -> list[ElementId]:
        return [row.element for array in self.arrays for row in array.live.values()]

    def jobs_of(self, element: ElementId) -> list[Job]:
        return self.arrays[element.array - 100].manifest.elements[element.index]

    def submitted(self) -> collections.Counter[str]:
        """How often each product was given to the cluster."""
        return collections.Counter(
            job.title
            for array in self.arrays
            for jobs in array.manifest.elements.values()
            for job in jobs
        )

    def set_state(self, element: ElementId, state: str, reason: str = "None") -> None:
        live = self.arrays[element.array - 100].live
        live[element.index] = dataclasses.replace(live[element.index], state=state, reason=reason)

    def run(self, element: ElementId) -> None:
        self.set_state(element, "RUNNING")

    def end(self, element: ElementId, state: str, **row) -> None:
        """Let an element leave the queue; accounting knows why."""
        self.arrays[element.array - 100].live.pop(element.index, None)
        self.rows[element] = Accounting(state, **{"seconds": 7, "node": "cp15", **row})

    def vanish(self, element: ElementId) -> None:
        """Let an element leave the queue; nobody knows why."""
        self.arrays[element.array - 100].live.pop(element.index, None)

    def succeed(self, element: ElementId) -> None:
        """Let an element make all its products and leave the queue."""
        for job in self.jobs_of(element):
            make_product(job, element)
        self.end(element, "COMPLETED")

    def fail(
        self, element: ElementId, state: str = "FAILED", printed: str = "", record=None, **row
    ) -> None:
        """Let the first job of an element fail."""
        job = self.jobs_of(element)[0]
        if printed:
            write_log(job, element, printed)
        if record is not None:
            write_record(Path(job.record), record)
        self.end(element, state, **{"exit_code": 1, **row})


def write_log(job: Job, element: ElementId, text: str) -> None:
    log = Path(element_log(job, element))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)


def indices_of(text: str) -> list[int]:
    """Take apart what --array was given."""
    indices: list[int] = []
    for part in text.partition("%")[0].split(","):
        first, _, last = part.partition("-")
        indices += range(int(first), int(last or first) + 1)
    return indices


class Client:
    """A backend and its clock: what a worker would do, with the outcomes and notes it got."""

    def __init__(self, slurm: FakeSlurm, options) -> None:
        self.slurm, self.clock, self.options = slurm, slurm.clock, options
        self.backend = SlurmBackend(slurm, options, slurm.clock)  # type: ignore[arg-type]
        self.outcomes: dict[str, object] = {}
        self.notes: list[str] = []
        """All that a person at the terminal sees."""
        self.quiet: list[str] = []

    def submit(self, *jobs: Job, **followers) -> None:
        self.backend.submit(jobs, followers.get("followers", {}))

    def poll(self, seconds: float | None = None) -> list[str]:
        """Let time pass, by default until the next look at the queue; return what ended."""
        self.clock.now += self.options.common.poll_interval if seconds is None else seconds
        ended = self.backend.poll()
        for outcome in ended:
            name = Path(outcome.key).stem
            assert name not in self.outcomes, f"{name} ended twice"
            self.outcomes[name] = outcome
        for note in self.backend.notes():
            (self.quiet if note.is_quiet else self.notes).append(note.text)
        return [outcome.title for outcome in ended]

    def start(self, *jobs: Job, **followers) -> list[ElementId]:
        """Submit jobs and let the first look at the queue be over; return their elements."""
        before = set(self.slurm.live)
        self.submit(*jobs, **followers)
        self.poll()
        return [element for element in self.slurm.live if element not in before]

    def only(self):
        """Return the one outcome there is."""
        assert len(self.outcomes) == 1, self.outcomes
        return next(iter(self.outcomes.values()))

    def again(self) -> "Client":
        """Return the client that somebody starts after this one was killed."""
        return Client(self.slurm, self.options)


def write_scratch(job: Job, element: object) -> Path:
    """Leave what a job leaves that was killed while it worked."""
    folder = Path(job.scratch) / f"{job.name}.1.{element}@cp15@{os.getpid()}@1"
    folder.mkdir(parents=True)
    (folder / "out.h5").write_text("half")
    return folder
