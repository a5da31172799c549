"""What a job read and made, down to the bytes."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi.execution import payload, trace
from lstosa_luigi.execution.record import read_record, read_records, write_record
from lstosa_luigi.execution.trace import keep_software
from tests.execution.test_record import RECORD

SOFTWARE = {"lstchain": "0.12.3", "ctapipe": "0.19.3"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def traced_job(make_job, tmp_path):
    """A function that makes a job that keeps what it was made with."""

    def make(command="cat config.json > out.txt", **fields):
        config = tmp_path / "config.json"
        config.write_text('{"cleaning": 8}')
        fields = {"inputs": (str(config),), **fields}
        job = make_job(command.replace("config.json", str(config)), **fields)
        return job._replace(
            configs=str(tmp_path / "night/configs"),
            versions=str(tmp_path / "night/software"),
            software=SOFTWARE,
            choices=("a: b",),
        )

    return make


def test_record_tells_inputs_outputs_configuration_and_software(traced_job, tmp_path):
    job = traced_job()
    record = payload.run(job)
    assert read_record(Path(job.record)) == record
    (config,) = job.inputs
    status = Path(config).stat()
    (output,) = record.outputs
    digest = sha256(b'{"cleaning": 8}')
    assert record.read == {config: (status.st_size, status.st_mtime_ns)}
    assert record.hashes == {config: digest, output: digest}
    assert record.configs == {config: digest}
    assert (tmp_path / f"night/configs/{digest}.json").read_text() == '{"cleaning": 8}'
    software = tmp_path / f"night/software/{record.software}.json"
    assert json.loads(software.read_text()) == SOFTWARE
    assert sha256(software.read_bytes()) == record.software
    assert record.agent == trace.user() != ""
    assert record.choices == ("a: b",)


def test_what_is_kept_is_kept_once(traced_job, tmp_path):
    payload.run(traced_job())
    kept = [*tmp_path.glob("night/*/*")]
    times = [path.stat().st_mtime_ns for path in kept]
    second = traced_job()
    Path(second.outputs[0].path).unlink()
    payload.run(second)
    assert [*tmp_path.glob("night/*/*")] == kept
    assert [path.stat().st_mtime_ns for path in kept] == times


def test_failed_attempt_tells_what_it_read(traced_job):
    job = traced_job("exit 1")
    record = payload.run(job)
    assert record.state == "failed"
    assert list(record.read) == list(job.inputs)
    assert list(record.hashes) == list(job.inputs)
    assert read_record(Path(job.record)).software


def test_what_other_jobs_made_is_not_read_again(traced_job, tmp_path, monkeypatch):
    monkeypatch.setattr(trace, "SMALL_BYTES", 10)
    large = tmp_path / "dl1.h5"
    large.write_bytes(b"0" * 11)
    record = payload.run(traced_job("echo > out.txt", inputs=(str(large),)))
    assert list(record.read) == [str(large)]
    assert str(large) not in record.hashes


def test_configuration_that_cannot_be_kept_costs_no_product(traced_job, tmp_path):
    (tmp_path / "night").write_text("no directory")
    record = payload.run(traced_job())
    assert record.state == "done"


def test_configuration_is_kept_byte_by_byte(traced_job, tmp_path):
    job = traced_job("true > out.txt")
    Path(job.inputs[0]).write_bytes(b'{"a":\r\n 1}\r\n')
    record = payload.run(job)
    (digest,) = record.configs.values()
    assert sha256((tmp_path / f"night/configs/{digest}.json").read_bytes()) == digest


@pytest.mark.parametrize("suffix", [".yaml", ".cfg"])
def test_configurations_of_other_kinds_are_kept_too(traced_job, tmp_path, suffix):
    config = tmp_path / f"config{suffix}"
    config.write_text("cleaning: 8")
    record = payload.run(traced_job("true > out.txt", inputs=(str(config),)))
    (digest,) = record.configs.values()
    assert (tmp_path / f"night/configs/{digest}{suffix}").read_text() == "cleaning: 8"


def test_input_that_the_command_changes_is_told_as_it_was_read(traced_job, tmp_path):
    job = traced_job("echo '{}' > config.json; true > out.txt")
    record = payload.run(job)
    (config,) = job.inputs
    assert record.hashes[config] == sha256(b'{"cleaning": 8}')
    assert record.read[config][0] == len(b'{"cleaning": 8}')


def test_same_software_has_the_same_name_whatever_the_order(tmp_path):
    backwards = dict(reversed(SOFTWARE.items()))
    assert keep_software(tmp_path, SOFTWARE) == keep_software(tmp_path, backwards)


def test_of_many_at_once_no_record_is_lost_or_torn(tmp_path):
    """400 records of 8 processes; jobs on Slurm write theirs in the same way."""
    script = """
import sys
from pathlib import Path
from lstosa_luigi.execution.record import Record, write_record
from lstosa_luigi.execution.trace import keep_software
folder = Path(sys.argv[1])
for n in range(int(sys.argv[2]), int(sys.argv[2]) + 50):
    name = keep_software(folder / "software", {"lstchain": "0.12.3"})
    write_record(folder / f"records/{n}.json", Record(
        name=str(n), title="t", state="done", start="", end="", seconds=0, cpu_seconds=0,
        peak_memory_kb=0, host="", attempt=1, argv=(), inputs=(), outputs=(), exit_code=0,
        signal=None, cause="", log="", software=name, hashes={"x" * 200: "y" * 64}))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(50 * n)])
        for n in range(8)
    ]
    assert [process.wait(120) for process in started] == [0] * 8
    names = {path.name for path in (tmp_path / "records").iterdir()}
    assert names == {f"{n}.json" for n in range(400)}
    records = [read_record(tmp_path / "records" / name) for name in names]
    assert None not in records
    (software,) = {record.software for record in records}
    assert [path.stem for path in (tmp_path / "software").iterdir()] == [software]


@pytest.mark.parametrize("is_first", [True, False])
def test_killed_at_any_line_it_leaves_none_the_old_or_a_whole_record(tmp_path, is_first):
    script = """
import os, signal, sys
from pathlib import Path
from lstosa_luigi.execution import record
value = record.read_record(Path(sys.argv[1]))
left = int(sys.argv[3])
def trace(frame, event, _):
    global left
    if not frame.f_code.co_filename.endswith(("execution/files.py", "execution/record.py")):
        return None
    left -= event == "line"
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace
sys.settrace(trace)
record.write_record(Path(sys.argv[2]), value._replace(argv=("x" * 100_000,), attempt=3))
"""
    job, written = tmp_path / "one.json", tmp_path / "records/a.json"
    write_record(job, RECORD)
    seen = []
    for line in range(100):
        shutil.rmtree(written.parent, ignore_errors=True)
        if not is_first:
            write_record(written, RECORD)
        words = [sys.executable, "-c", script, str(job), str(written), str(line)]
        ended = subprocess.run(words, check=False).returncode
        found = dict(read_records(written.parent))
        assert set(found) <= {"a"}
        assert None not in found.values()
        seen.append(found["a"].attempt if found else 0)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert len(seen) > 10, "it was killed at each line"
    assert seen == sorted(seen)
    assert set(seen) == {0 if is_first else RECORD.attempt, 3}
