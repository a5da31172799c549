"""What a job read and made, down to the bytes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lstosa_luigi.execution import payload, trace
from lstosa_luigi.execution.record import read_record, write_record
from lstosa_luigi.execution.trace import RawHashes, hash_of, keep_software
from tests.execution.test_record import RECORD
from tests.fakes.night import fits

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


def hashed(read, before):
    hashes = RawHashes(read, before)
    hashes.start()
    return hashes.wait()


def test_configuration_is_kept_byte_by_byte(traced_job, tmp_path):
    job = traced_job("true > out.txt")
    Path(job.inputs[0]).write_bytes(b'{"a":\r\n 1}\r\n')
    record = payload.run(job)
    (digest,) = record.configs.values()
    assert sha256((tmp_path / f"night/configs/{digest}.json").read_bytes()) == digest


def test_input_that_the_command_changes_is_told_as_it_was_read(traced_job, tmp_path):
    job = traced_job("echo '{}' > config.json; true > out.txt")
    record = payload.run(job)
    (config,) = job.inputs
    assert record.hashes[config] == sha256(b'{"cleaning": 8}')
    assert record.read[config][0] == len(b'{"cleaning": 8}')


def test_raw_files_of_a_job_are_hashed_if_that_is_wanted(traced_job, tmp_path):
    raw = tmp_path / "LST-1.1.Run00003.0000.fits.fz"
    raw.write_bytes(fits(5))
    for is_wanted in (False, True):
        job = traced_job("echo > out.txt", inputs=(str(raw),))._replace(hash_raw=is_wanted)
        Path(job.outputs[0].path).unlink(missing_ok=True)
        trace_limit, trace.SMALL_BYTES = trace.SMALL_BYTES, 0
        try:
            record = payload.run(job)
        finally:
            trace.SMALL_BYTES = trace_limit
        assert record.state == "done", record.cause
        assert (str(raw) in record.hashes) == is_wanted


def test_raw_files_are_hashed_once_while_the_command_reads_them(tmp_path):
    raw = tmp_path / "LST-1.1.Run00003.0000.fits.fz"
    raw.write_bytes(b"raw" * 1000)
    read = {str(raw): (3000, 1), "drive.txt": (1, 1)}
    assert hashed(read, None) == {str(raw): sha256(b"raw" * 1000)}
    raw.write_bytes(b"other" * 600)

    before = RECORD._replace(hashes={str(raw): "known"}, read=read)
    assert hashed(read, before) == {str(raw): "known"}
    before = before._replace(read={str(raw): (3000, 2)})
    assert hashed(read, before) == {str(raw): hash_of(raw)}


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


def test_killed_while_it_writes_it_leaves_none_or_a_whole_one(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from lstosa_luigi.execution import record
value = record.read_record(Path(sys.argv[1]))
while True:
    record.write_record(Path(sys.argv[2]), value._replace(argv=("x" * 100_000,)))
"""
    job = tmp_path / "one.json"
    write_record(job, RECORD)
    for n in range(5):
        written = tmp_path / "records/a.json"
        process = subprocess.Popen([sys.executable, "-c", script, str(job), str(written)])
        deadline = time.monotonic() + 60
        while not written.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.013 * n)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert read_record(written) is not None
