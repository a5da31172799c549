"""What became of the jobs of a night, from records, journal and queue."""

import dataclasses
from pathlib import Path

import pytest

from lstosa_luigi.execution.record import Earlier, write_record
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.journal import Attempt
from lstosa_luigi.execution.slurm.manifest import Manifest, write_manifest
from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.slurm.parse import ElementId, QueueRow
from lstosa_luigi.execution.slurm.report import Execution, executions, live_elements
from tests.execution.slurm.cluster import make_job, make_record

NAME = "lstosa-LST1-20200117-v0.1.0-DL1A-Run01807-0a1b2c3d"
RESOURCES = Resources(6144, 4500).to_json()


def attempt_of(job, element, **fields):
    values = {
        "job": job.name,
        "title": job.title,
        "element": element,
        "ended": "2020-01-18T07:00:00+00:00",
        "cause": "out of memory",
        "text": "out of memory",
        "decision": "again with 9216 MB, try 2 of 3",
        "state": "OUT_OF_MEMORY",
        "exit": "0:9",
        "seconds": 61.0,
        "memory_kb": 6291456,
        "node": "cp16",
        "resources": RESOURCES,
        "again": {**RESOURCES, "mem_mb": 9216},
    }
    return Attempt(**{**values, **fields})


def row(index, state="RUNNING", reason="None", name=NAME, array=100):
    return QueueRow(ElementId(array, index), state, reason, name)


@pytest.fixture
def arrays(tmp_path):
    """The directory of manifests of a night with one array of three subruns."""
    elements = {n: [make_job(tmp_path, n), make_job(tmp_path, n, "DL1B")] for n in range(3)}
    arrays = Path(elements[0][0].arrays)
    write_manifest(arrays, Manifest(NAME, "DL1A Run01807", 1.0, RESOURCES, elements, {}))
    return arrays


@pytest.fixture
def records(arrays):
    return arrays.with_name("records")


def test_night_of_which_nothing_is_known_has_no_executions(tmp_path):
    assert executions(tmp_path / "arrays", tmp_path / "records", [row(0)]) == []
    assert live_elements(tmp_path / "arrays", [row(0)]) == {}


def test_product_that_was_made_is_told_by_its_record(arrays, records, tmp_path):
    job = make_job(tmp_path, 1)
    write_record(Path(job.record), make_record(job, "100_1", mem_mb=4096, cpus=2))
    assert executions(arrays, records, []) == [
        Execution(
            title="DL1A Run01807.0001",
            job_id="100_1",
            state="done",
            exit="0:0",
            seconds=100,
            memory_mb=2048,
            mem_mb=4096,
            cpu=0.4,  # 80 s of 100 s on two CPUs
            host="cp15",
            when="2020-01-18T08:01:40+00:00",
        )
    ]


@pytest.mark.parametrize(
    ("fields", "state", "exit_", "text"),
    [
        ({"exit_code": 2, "cause": "exit code 2"}, "failed", "2:0", "exit code 2"),
        ({"exit_code": None, "signal": 9, "cause": "killed"}, "failed", "0:9", "killed"),
        ({"exit_code": None, "cause": "input /a is missing"}, "failed", "", "input /a is missing"),
        (
            {"state": "cancelled", "exit_code": None, "cause": "cancelled before it was done"},
            "cancelled",
            "",
            "cancelled before it was done",
        ),
    ],
)
def test_failure_on_this_machine_is_told_by_its_record(
    arrays, records, tmp_path, fields, state, exit_, text
):
    job = make_job(tmp_path, 1)
    record = make_record(job, **{"state": "failed", "mem_mb": 0, "cpus": 0, **fields})
    write_record(Path(job.record), record)
    (found,) = executions(arrays, records, [])
    assert (found.state, found.exit, found.text, found.job_id) == (state, exit_, text, "")
    assert (found.mem_mb, found.cpu) == (0, 0.8)


def test_record_of_no_time_at_all_has_no_efficiency(arrays, records, tmp_path):
    job = make_job(tmp_path, 1)
    write_record(Path(job.record), make_record(job, seconds=0.0))
    assert executions(arrays, records, [])[0].cpu == 0


def test_attempt_that_was_killed_is_told_by_the_journal(arrays, records, tmp_path):
    journal.append(arrays, [attempt_of(make_job(tmp_path, 1), "100_1")])
    assert executions(arrays, records, []) == [
        Execution(
            title="DL1A Run01807.0001",
            job_id="100_1",
            state="out of memory",
            exit="0:9",
            seconds=61,
            memory_mb=6144,
            mem_mb=6144,
            host="cp16",
            when="2020-01-18T07:00:00+00:00",
            text="out of memory; again with 9216 MB, try 2 of 3",
        )
    ]


def test_attempt_that_also_wrote_a_record_is_told_once(arrays, records, tmp_path):
    job = make_job(tmp_path, 1)
    journal.append(arrays, [attempt_of(job, "100_1")])
    write_record(Path(job.record), make_record(job, "100_1", "failed", cause="killed by SIGKILL"))
    assert [found.state for found in executions(arrays, records, [])] == ["out of memory"]


def test_all_attempts_of_a_product_are_told_in_order(arrays, records, tmp_path):
    job = make_job(tmp_path, 1)
    again = attempt_of(job, "101_1", ended="2020-01-18T07:30:00+00:00")
    journal.append(arrays, [again, attempt_of(job, "100_1")])
    write_record(Path(job.record), make_record(job, "102_1"))
    found = executions(arrays, records, [row(2, array=103)])
    assert [execution.job_id for execution in found] == ["100_1", "101_1", "102_1", "103_2"]
    assert [execution.state for execution in found] == [
        *("out of memory", "out of memory", "done", "running"),
    ]


def test_attempts_before_the_last_are_told_by_its_record(arrays, records, tmp_path):
    job = make_job(tmp_path, 1)
    first = make_record(job, state="failed", exit_code=1, cause="no drive log", end="2020-01-18T06")
    last = make_record(job, attempt=2, end="2020-01-18T07")
    kept = {name: getattr(first, name) for name in Earlier._fields}
    write_record(Path(job.record), last._replace(earlier=(Earlier(**kept),)))
    found = executions(arrays, records, [])
    assert [(e.title, e.state, e.exit, e.text, e.when) for e in found] == [
        (job.title, "failed", "1:0", "no drive log", "2020-01-18T06"),
        (job.title, "done", "0:0", "", "2020-01-18T07"),
    ]


def test_live_jobs_are_told_by_the_queue_and_their_manifest(arrays, records):
    queue = [
        row(2, "PENDING", "Resources"),
        row(0),
        row(1, "PENDING", "(null)"),
        row(5, name="somebody else's"),
        QueueRow(ElementId(7, 0), "RUNNING", "None", "lstosa-of-another-night"),
    ]
    assert executions(arrays, records, queue) == [
        Execution("DL1A Run01807.0000", "100_0", "running", mem_mb=6144),
        Execution("DL1A Run01807.0001", "100_1", "pending", mem_mb=6144),
        Execution("DL1A Run01807.0002", "100_2", "pending", mem_mb=6144, when="Resources"),
    ]
    assert sorted(map(str, live_elements(arrays, queue))) == ["100_0", "100_1", "100_2"]


def test_element_that_the_manifest_does_not_know_is_passed_over(arrays, records):
    assert executions(arrays, records, [row(9)]) == []


def test_what_is_no_record_is_passed_over(arrays, records, tmp_path):
    job = make_job(tmp_path, 1)
    write_record(Path(job.record), make_record(job))
    (records / "half.json").write_text('{"name": "Run0')
    (records / "of_somebody.txt").touch()
    assert len(executions(arrays, records, [])) == 1


def test_execution_can_be_shown_as_json(arrays, records, tmp_path):
    journal.append(arrays, [attempt_of(make_job(tmp_path, 1), "100_1")])
    (found,) = executions(arrays, records, [])
    assert dataclasses.asdict(found)["text"] == found.text
