"""Nights whose products are put into place by hand: in any state, with any number of subruns."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from luigi.configuration import LuigiConfigParser
from luigi.task import flatten
from luigi.task_register import Register

from lstosa_luigi import config
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.record import Record
from lstosa_luigi.execution.task import is_there
from lstosa_luigi.graph import walk
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter, NightProduct
from lstosa_luigi.products.catalog import RunCatalog
from lstosa_luigi.products.gain_selection import RunInputState
from lstosa_luigi.refusals import Refusal
from tests.fakes.night import ECSV, PREPROCESSING, FakeNight

CUTS = {"tailcuts_clean_with_pedestal_threshold": {"picture_thresh": 8, "boundary_thresh": 4}}
BOTH_GAINS = {"looked_at": "showers", "events": 10, "gains": {"2": 10}, "calibrated": 0}
NOTHING = "(?!)"
"""A pattern that nothing matches."""


def use(night: FakeNight) -> NightlyClose:
    """Let this process be configured as the commands of a night are; return its root task."""
    parser = LuigiConfigParser()
    parser.read(night.root / "luigi.cfg")
    LuigiConfigParser._instance = parser
    config.forget()
    Register.clear_instance_cache()  # tasks remember where their night lies
    return NightlyClose(date=NightParameter().parse(night.date))


def write_summary(night: FakeNight) -> None:
    """Write the run summary, of which nothing needs to be read off raw files."""
    night.run_summary.parent.mkdir(parents=True, exist_ok=True)
    columns = (
        "run_id, datatype: int64",
        "n_subruns, datatype: int64",
        "run_type, datatype: string",
        "evb_preprocessing, datatype: int64",
    )
    night.run_summary.write_text(
        ECSV.format(
            columns="".join(f"# - {{name: {column}}}\n" for column in columns),
            head="run_id,n_subruns,run_type,evb_preprocessing",
            rows="".join(
                f"{run},{subruns},{kind},{PREPROCESSING.get(night.state(run, kind), 0)}\n"
                for run, kind, subruns in night.runs
            ),
        )
    )


def record_of(task: NightProduct, **fields: object) -> Record:
    """Return the record of an attempt that went well, but for what is said otherwise."""
    try:
        job = task.job()
        inputs = (*job.inputs, *job.staged.values(), *job.copied.values())
        argv, decided = job.argv, job.decided
        outputs = tuple(output.path for output in job.outputs)
    except LstosaError:
        inputs, argv, decided, outputs = (), (), (), ()
    values: dict = {
        "name": task.record_name,
        "title": task.title,
        "state": "done",
        "start": "2024-03-03T08:00:00+00:00",
        "end": "2024-03-03T08:01:00+00:00",
        "seconds": 60.0,
        "cpu_seconds": 30.0,
        "peak_memory_kb": 1000,
        "host": "here",
        "attempt": 1,
        "argv": argv,
        "inputs": inputs,
        "outputs": outputs,
        "exit_code": 0,
        "signal": None,
        "cause": "",
        "log": str(task.layout.log(task.record_name)),
        "decided": decided,
        "files": _measured(outputs) if fields.get("state", "done") == "done" else {},
    }
    return Record(**{**values, **fields})


def _measured(paths: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Return size and time of files that are there, as a job does."""
    found = {path: Path(path).stat() for path in paths if Path(path).exists()}
    return {path: (status.st_size, status.st_mtime_ns) for path, status in found.items()}


def put_record(task: NightProduct, **fields: object) -> Path:
    """Write a record."""
    path = task.layout.record(task.record_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record_of(task, **fields)._asdict()))
    return path


def put(task: NightProduct) -> None:
    """Put the files of a product into place."""
    for target in flatten(task.output()):
        path = Path(target.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(_text(task, path))


def _text(task: NightProduct, path: Path) -> str:
    """Return what a file holds as far as the graph of a night is named after it."""
    if path.name.startswith("dl1ab_Run"):
        return json.dumps(CUTS)
    if isinstance(task, RunInputState):  # only looked for where the run summary does not tell
        return json.dumps(BOTH_GAINS)
    if isinstance(task, RunCatalog):
        runs = task.known_night().summary.of_type("DATA")
        return ECSV.format(
            columns="# - {name: run_id, datatype: int32}\n"
            "# - {name: source_name, datatype: string}\n"
            "# - {name: source_ra, datatype: float64}\n"
            "# - {name: source_dec, datatype: float64}\n",
            head="run_id,source_name,source_ra,source_dec",
            rows="".join(f"{run.number},Crab,83.633,22.0145\n" for run in runs),
        )
    return "Additional NSB rate (over dark MC): 0.1400 p.e./ns\n"


def refuse(root: NightlyClose, title: str, reason: str = "too few pedestals") -> None:
    """Keep the verdict of a tool that a product cannot be made."""
    task = find(root, title)
    path = task.layout.refusal(task.record_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    when = "2024-03-03T08:01:00+00:00"
    path.write_text(Refusal(title, reason, when, str(task.layout.log(task.record_name))).text())
    put_record(task, state="refused", cause=reason, exit_code=1)


def products(root: NightlyClose) -> Iterator[NightProduct]:
    """Yield all products that can be named by now."""
    return (s.task for s in walk(root.wanted()) if isinstance(s.task, NightProduct))


def find(root: NightlyClose, title: str) -> NightProduct:
    """Return a product by its title."""
    (found,) = [task for task in products(root) if task.title == title]
    return found


def fill(root: NightlyClose, but: str = NOTHING) -> None:
    """Put products and their records into place: all but those whose titles match a pattern, and
    what needs them.
    """
    while True:
        made, lacking = 0, set()
        for step in walk(root.wanted()):
            task = step.task
            if is_there(task):
                continue
            needs = any(need.task_id in lacking for need in step.needs)
            title = getattr(task, "title", task.task_family)
            if needs or not isinstance(task, NightProduct) or re.fullmatch(but, title):
                lacking.add(task.task_id)
                continue
            put(task)
            put_record(task)
            made += 1
        if not made:
            return


def fail(
    root: NightlyClose, title: str, cause: str = "exit code 1: told to fail", **fields
) -> None:
    """Write the record of an attempt that failed."""
    put_record(find(root, title), **{"state": "failed", "exit_code": 1, "cause": cause, **fields})


def close(root: NightlyClose) -> None:
    """Write the flag, as the root task does in the end."""
    root._close()
