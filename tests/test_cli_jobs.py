"""``lstosa jobs`` and ``lstosa cancel``, with stand-ins for Slurm's commands."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from lstosa_luigi.cli import main
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.record import write_record
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.journal import Attempt
from lstosa_luigi.execution.slurm.manifest import Manifest, write_manifest
from lstosa_luigi.execution.slurm.options import Resources
from tests.configuration import configure
from tests.execution.slurm.cluster import make_job, make_record
from tests.fakes.night import FakeNight

NAME = "lstosa-LST1-20240302-v0.12.3-DL1A-Run00003-0a1b2c3d"
OTHER = "lstosa-LST1-20240303-v0.12.3-DL1A-Run00005-0a1b2c3d"
RESOURCES = Resources(6144, 4500).to_json()
QUEUE = f"""\
100_0|RUNNING|None|{NAME}
100_1|PENDING|Resources|{NAME}
101_0|RUNNING|None|{OTHER}
102_0|RUNNING|None|somebody's|own
103|RUNNING|None|{NAME}
"""


def job_of(night, subrun, prod_id="v0.12.3"):
    return make_job(night.analysis.parent, subrun, run="Run00003", prod_id=prod_id)


def write_array(night, name=NAME, prod_id="v0.12.3"):
    jobs = {n: [job_of(night, n, prod_id)] for n in range(2)}
    manifest = Manifest(name, "DL1A Run00003", 1.0, RESOURCES, jobs, {})
    write_manifest(Path(jobs[0][0].arrays), manifest)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A night of stand-ins of which nothing is made."""
    return FakeNight(tmp_path_factory.mktemp("jobs") / "night", runs=((3, "DATA", 2),))


@pytest.fixture
def night(made, tmp_path, monkeypatch):
    """The same night with a queue, in which two of its subruns are."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "queue").write_text(QUEUE)
    for command, body in (
        ("squeue", f"cat {tmp_path}/queue"),
        ("scancel", f'echo "$*" >> {tmp_path}/cancelled'),
    ):
        (tmp_path / command).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / command).chmod(0o755)
    shutil.rmtree(made.analysis.parent, ignore_errors=True)
    write_array(made)
    return made


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def lstosa(night, monkeypatch, capsys):
    """Return a function that runs a verb in this process, which takes no second."""
    configure(monkeypatch, paths={"base": str(night.base)})

    def run(verb, *arguments, date=night.date):
        code = main([verb, "--date", date, *arguments])
        return Answer(code, *capsys.readouterr())

    return run


def cancelled(tmp_path):
    path = tmp_path / "cancelled"
    return path.read_text().splitlines() if path.exists() else []


def columns(line):
    """Return the words of a row, which stand at least two blanks apart."""
    return [word.strip() for word in line.split("  ") if word.strip()]


@pytest.fixture
def past(night):
    """One subrun that was made at its second attempt."""
    job = job_of(night, 0)
    attempt = Attempt(
        *(job.name, job.title, "98_0", "2024-03-03T07:00:00+00:00", "out of memory"),
        *("out of memory", "again with 9216 MB, try 2 of 3", "OUT_OF_MEMORY", "0:9"),
        *(61.0, 6291456, "cp16", RESOURCES, {**RESOURCES, "mem_mb": 9216}),
    )
    journal.append(Path(job.arrays), [attempt])
    record = make_record(job, "99_0", end="2024-03-03T08:00:00+00:00", mem_mb=9216)
    write_record(Path(job.record), record)


def test_jobs_of_a_night_are_listed_with_what_they_cost(night, past):
    answer = night.lstosa("jobs", "--date", night.date)
    assert (answer.returncode, answer.stderr) == (ExitCode.OK, "")
    head, *rows = answer.stdout.splitlines()
    assert columns(head) == [
        *("product", "job", "state", "exit", "elapsed", "memory", "of asked", "CPU"),
        *("where", "when"),
    ]
    title = "DL1A Run00003.0000"
    short = [row.replace("2024-03-03T", "").replace(":00+00:00", "") for row in rows]
    assert [columns(row) for row in short] == [
        [title, "98_0", "out of memory", "0:9", "61.0 s", "6144 MB", "100%", "cp16", "07:00"],
        [title, "99_0", "done", "0:0", "100.0 s", "2048 MB", "22%", "80%", "cp15", "08:00"],
        [title, "100_0", "running"],
        ["DL1A Run00003.0001", "100_1", "pending", "Resources"],
    ]


def test_only_failures_are_listed_with_why(lstosa, past):
    answer = lstosa("jobs", "--failed")
    lines = answer.stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("DL1A Run00003.0000  98_0  out of memory")
    assert lines[2] == "    out of memory; again with 9216 MB, try 2 of 3"


def test_jobs_are_listed_as_json(lstosa, past):
    rows = json.loads(lstosa("jobs", "--json").stdout)
    assert [(row["prod_id"], row["job_id"], row["state"]) for row in rows] == [
        ("v0.12.3", "98_0", "out of memory"),
        ("v0.12.3", "99_0", "done"),
        ("v0.12.3", "100_0", "running"),
        ("v0.12.3", "100_1", "pending"),
    ]


def test_productions_of_a_night_are_listed_together_or_one_by_one(lstosa, night):
    record = make_record(job_of(night, 1, "v9"))
    write_record(Path(job_of(night, 1, "v9").record), record._replace(job_id=""))
    assert len(lstosa("jobs").stdout.splitlines()) == 4
    (row,) = lstosa("jobs", "--prod-id", "v9").stdout.splitlines()[1:]
    assert columns(row)[:3] == ["DL1A Run00003.0001", "here", "done"]


def test_past_jobs_are_listed_while_slurm_is_away(lstosa, past, tmp_path):
    text = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    (tmp_path / "squeue").write_text(f"#!/bin/sh\necho '{text}' >&2; exit 1\n")
    answer = lstosa("jobs")
    assert answer.returncode == ExitCode.OK
    assert answer.stderr == f"Live jobs are not shown: {text}\n"
    assert len(answer.stdout.splitlines()) == 3


def test_night_without_jobs_is_told(lstosa):
    answer = lstosa("jobs", date="2024-03-01")
    assert (answer.returncode, answer.stdout) == (ExitCode.OK, "No jobs of 2024-03-01 are known.\n")


def test_cancel_touches_only_arrays_of_that_night(night, tmp_path):
    answer = night.lstosa("cancel", "--date", night.date)
    assert (answer.returncode, answer.stderr) == (ExitCode.OK, "")
    assert answer.stdout == f"2 jobs of 1 arrays are cancelled.\n  {NAME}\n"
    assert cancelled(tmp_path) == ["-Q 100"]


def test_cancel_touches_only_the_production_that_is_named(lstosa, night, tmp_path):
    name = NAME.replace("v0.12.3", "v9")
    write_array(night, name, "v9")
    (tmp_path / "queue").write_text(f"{QUEUE}104_0|RUNNING|None|{name}\n")
    answer = lstosa("cancel", "--prod-id", "v9")
    assert answer.stdout == f"1 jobs of 1 arrays are cancelled.\n  {name}\n"
    assert cancelled(tmp_path) == ["-Q 104"]


def test_nothing_is_cancelled_where_nothing_is_live(lstosa, tmp_path):
    answer = lstosa("cancel", date="2024-03-01")
    assert (answer.returncode, answer.stdout) == (
        ExitCode.OK,
        "0 jobs of 0 arrays are cancelled.\n",
    )
    assert cancelled(tmp_path) == []


@pytest.mark.parametrize("command", ["squeue", "scancel"])
def test_cancel_says_so_if_slurm_does_not_answer(lstosa, tmp_path, command):
    (tmp_path / command).write_text("#!/bin/sh\necho 'error: connect failure' >&2; exit 1\n")
    answer = lstosa("cancel")
    assert answer.returncode != ExitCode.OK
    assert answer.stdout == ""
    assert answer.stderr == "lstosa cancel: Slurm does not answer: error: connect failure\n"


@pytest.mark.parametrize("verb", ["jobs", "cancel"])
def test_wrong_arguments_are_answered_with_one_line(lstosa, night, verb):
    answer = lstosa(verb, "--prod-id", "v7")
    assert answer.returncode == ExitCode.UNHANDLED
    place = night.analysis.with_name("v7")
    assert answer.stderr == (
        f"lstosa {verb}: {place} is not there: 2024-03-02 has no such production\n"
    )
