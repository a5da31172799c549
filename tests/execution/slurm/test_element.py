"""The program of an element: products one after the other, each with record and log of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi.execution.record import read_record
from lstosa_luigi.execution.slurm.arrays import PACKAGES, PROGRAM
from lstosa_luigi.execution.slurm.manifest import Manifest, write_manifest
from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.spec import Output
from tests.execution.slurm.cluster import make_job

NAME = "lstosa-LST1-20200117-v0.1.0-DL1B-Run01807-0a1b2c3d"


@pytest.fixture
def execute(tmp_path):
    """Return a function that runs the element of some jobs as Slurm would: its stdout is a log."""

    def run(*jobs):
        arrays = Path(jobs[0].arrays)
        resources = Resources(6144, 4500, cpus=2).to_json()
        manifest = Manifest(NAME, "DL1B Run01807", 1.0, resources, {3: [*jobs]}, {})
        path = write_manifest(arrays, manifest)
        log = Path(jobs[0].log).with_name("Run01807_DL1B_1234_3.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        variables = {"SLURM_ARRAY_JOB_ID": "1234", "SLURM_ARRAY_TASK_ID": "3"}
        with log.open("ab") as file:
            ended = subprocess.run(
                [sys.executable, "-I", "-S", str(PROGRAM), str(path), PACKAGES],
                env={"PATH": os.environ["PATH"], **variables},
                stdout=file,
                stderr=file,
                check=False,
                timeout=60,
            )
        return ended.returncode

    return run


def job_of(root, script, product="DL1B", **fields):
    """A product that is a text, which needs no check."""
    final = root / f"v0.1.0/final/Run01807.0003_{product}.txt"
    outputs = (Output(str(final), "out.txt"),)
    argv = ("/bin/sh", "-c", script)
    return make_job(root, 3, product, argv=argv, outputs=outputs, **fields)


def record_of(job):
    return read_record(Path(job.record))


def test_products_of_an_element_are_made_one_after_the_other(execute, tmp_path):
    dl1b = job_of(tmp_path, "echo events > out.txt")
    check = job_of(tmp_path, f"cat {dl1b.outputs[0].path} > out.txt", "DL1Check")
    assert execute(dl1b, check) == 0
    assert Path(check.outputs[0].path).read_text() == "events\n"
    records = [record_of(job) for job in (dl1b, check)]
    assert [record.state for record in records] == ["done", "done"]
    assert [record.job_id for record in records] == ["1234_3", "1234_3"]
    assert [(record.mem_mb, record.cpus) for record in records] == [(6144, 2)] * 2


def test_each_product_has_a_log_named_after_product_and_element(execute, tmp_path):
    dl1b = job_of(tmp_path, "echo one; echo events > out.txt")
    check = job_of(tmp_path, "echo two; echo events > out.txt", "DL1Check")
    execute(dl1b, check)
    logs = {path.name: path.read_text() for path in Path(dl1b.log).parent.iterdir()}
    assert sorted(logs) == ["Run01807.0003_DL1B_1234_3.log", "Run01807.0003_DL1Check_1234_3.log"]
    assert "\none\n" in logs["Run01807.0003_DL1B_1234_3.log"]
    assert "\ntwo\n" in logs["Run01807.0003_DL1Check_1234_3.log"]
    assert record_of(dl1b).log.endswith("/log/Run01807.0003_DL1B_1234_3.log")


def test_what_follows_a_failure_is_not_made(execute, tmp_path):
    dl1b = job_of(tmp_path, "echo 'ValueError: bad'; exit 3")
    check = job_of(tmp_path, "echo events > out.txt", "DL1Check")
    assert execute(dl1b, check) == 1
    assert record_of(dl1b).cause == "exit code 3: ValueError: bad"
    assert record_of(check) is None
    # what Slurm itself writes goes into the same file as what the product printed
    log = Path(record_of(dl1b).log).read_text()
    assert log.endswith("ValueError: bad\nDL1B Run01807.0003: exit code 3: ValueError: bad\n")


def test_product_that_is_there_is_not_made_again_but_what_follows_is(execute, tmp_path):
    dl1b = job_of(tmp_path, "echo again > out.txt")
    final = Path(dl1b.outputs[0].path)
    final.parent.mkdir(parents=True)
    final.write_text("before")
    check = job_of(tmp_path, "echo events > out.txt", "DL1Check")
    assert execute(dl1b, check) == 0
    assert final.read_text() == "before"
    assert record_of(dl1b) is None
    assert record_of(check).state == "done"


def test_scratch_of_an_element_carries_attempt_and_element(execute, tmp_path):
    dl1b = job_of(tmp_path, "basename $(pwd) > out.txt")
    assert execute(dl1b) == 0
    folder = Path(dl1b.outputs[0].path).read_text()
    assert folder.startswith("Run01807.0003_DL1B.1.1234_3@")
    assert not Path(dl1b.scratch).exists()


def test_failure_that_would_come_again_is_marked(execute, tmp_path):
    missing = job_of(tmp_path, "echo events > out.txt", inputs=("/no/such",))
    assert execute(missing) == 1
    record = record_of(missing)
    assert (record.is_permanent, record.cause) == (True, "input /no/such is missing")
    assert execute(job_of(tmp_path, "exit 7")) == 1
    assert not record_of(missing).is_permanent


def test_modules_beside_the_program_hide_none_of_the_library(execute, tmp_path):
    # the folder of the program holds a client.py, a parse.py, a report.py ...
    dl1b = job_of(tmp_path, "env > out.txt")
    assert execute(dl1b) == 0
    assert "SLURM_ARRAY_TASK_ID=3" in Path(dl1b.outputs[0].path).read_text()
