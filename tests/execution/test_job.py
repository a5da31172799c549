"""The program that a job is: a job on its standard input, an exit code at its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi.execution import job as program
from lstosa_luigi.execution.record import read_record
from tests.execution.conftest import ends

HEAVY = ("luigi", "lstosa_luigi.products", "numpy", "astropy", "tables", "pandas", "tqdm")


def start(job, *arguments, options=()):
    process = subprocess.Popen(
        [sys.executable, *options, program.__file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdin.write(json.dumps(job.to_json()))
    process.stdin.close()
    process.stdin = None
    return process


def run(job, *arguments, options=()):
    process = start(job, *arguments, options=options)
    out, errors = process.communicate(timeout=60)
    return process.returncode, out, errors


def test_job_ends_with_0_when_its_product_is_there(make_job):
    job = make_job("echo events > out.txt")
    assert run(job) == (0, "", "")
    assert Path(job.outputs[0].path).read_text() == "events\n"
    first = Path(job.record).read_text()
    assert run(job) == (0, "", "")  # nothing to do
    assert Path(job.record).read_text() == first


def test_failed_job_ends_with_1_and_says_why(make_job):
    code, out, errors = run(make_job("exit 3"))
    assert (code, errors) == (1, "")
    assert json.loads(out) == {"cause": "exit code 3", "was_executed": True, "may_pass": True}


def test_job_without_its_input_says_that_nothing_was_executed(make_job):
    code, out, _ = run(make_job("exit 3", inputs=("/no/such",)))
    assert code == 1
    told = {"cause": "input /no/such is missing", "was_executed": False, "may_pass": False}
    assert json.loads(out) == told


def test_cancelled_job_ends_with_143_and_leaves_nothing(make_job, make_gate):
    gate = make_gate()
    job = make_job(f"echo half > out.txt; /bin/sleep 600 & echo $$ $! > {gate}; wait")
    process = start(job)
    pids = gate.hear()
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert read_record(Path(job.record)).state == "cancelled"
    assert not Path(job.scratch).exists()
    assert not Path(job.outputs[0].path).exists()
    assert all(ends(int(pid)) for pid in pids)


def test_command_does_not_outlive_a_job_that_is_killed(make_job, make_gate):
    gate = make_gate()
    process = start(make_job(f"echo $$ > {gate}; exec /bin/sleep 600"))
    (pid,) = gate.hear()
    process.kill()
    process.communicate(timeout=30)
    assert ends(int(pid))


def test_job_does_not_outlive_who_started_it(make_job, make_gate):
    gate = make_gate()
    job = make_job(f"echo $PPID $$ > {gate}; exec /bin/sleep 600")
    file = Path(job.record).with_name("job.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(job.to_json()))
    script = f'"$0" "$1" $$ < {file} & wait'
    starter = subprocess.Popen(["/bin/sh", "-c", script, sys.executable, program.__file__])
    pids = [int(pid) for pid in gate.hear()]
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    assert all(ends(pid) for pid in pids)
    assert not Path(job.outputs[0].path).exists()


def test_job_whose_starter_is_gone_already_does_not_begin(make_job):
    job = make_job("echo events > out.txt")
    assert run(job, "1")[0] == 143
    assert not Path(job.outputs[0].path).exists()


def test_job_loads_nothing_but_the_standard_library(make_job):
    code, _, imported = run(make_job("echo events > out.txt"), options=("-X", "importtime"))
    modules = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    assert code == 0
    assert "lstosa_luigi.execution.payload" in modules
    assert not [name for name in modules if name.startswith(HEAVY)]


@pytest.mark.parametrize("text", ["", "{}", "{"])
def test_text_that_is_no_job_is_a_defect_and_no_success(text):
    answer = subprocess.run(
        [sys.executable, program.__file__], input=text, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "Traceback" in answer.stderr
