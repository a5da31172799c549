"""Large files that no job made are hashed once, beside a command, for all who read them."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lstosa_luigi.execution import hashes, payload
from lstosa_luigi.execution.hashes import HashStore, wanted
from tests.fakes.night import fits

CONTENT = b"forest" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@pytest.fixture
def forest(tmp_path: Path) -> Path:
    path = tmp_path / "models/reg_energy.sav"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Which files were read to their end."""
    found = []

    def hash_of(path, of=hashes.hash_of):
        found.append(str(path))
        return of(path)

    monkeypatch.setattr(hashes, "hash_of", hash_of)
    return found


@pytest.fixture
def reading_job(make_job, tmp_path, monkeypatch):
    """A function that makes a job which reads files that count as large from 10 bytes on."""
    monkeypatch.setattr(hashes, "SMALL_BYTES", 10)
    monkeypatch.setattr("lstosa_luigi.execution.trace.SMALL_BYTES", 10)

    def make(*inputs, command="echo > out.txt", name="Run01807.0003_DL1A", **fields):
        job = make_job(command, name=name, inputs=tuple(map(str, inputs)))
        return job._replace(
            configs=str(tmp_path / "configs"), hash_store=str(tmp_path / "hashes"), **fields
        )

    return make


def test_large_inputs_that_no_job_made_are_wanted_and_raw_files_by_option():
    large, small = (hashes.SMALL_BYTES + 1, 1), (10, 1)
    read = {
        "/models/reg.sav": large,
        "/models/small.sav": small,
        "/DL1/20240302/dl1.h5": large,
        "/DL10/dl1.h5": large,
        "/R0/LST-1.1.Run00003.0000.fits.fz": small,
    }
    assert list(wanted(read, ["/DL1"], raw=False)) == ["/models/reg.sav", "/DL10/dl1.h5"]
    assert len(wanted(read, ["/DL1"], raw=True)) == 3


def test_one_job_makes_the_hash_for_all(reading_job, forest, hashed):
    for n in range(3):
        record = payload.run(reading_job(forest, name=f"job_{n}"))
        assert record.hashes[str(forest)] == DIGEST
    assert hashed == [str(forest)]


def test_file_that_changed_is_hashed_again(reading_job, forest, hashed):
    payload.run(reading_job(forest, name="a"))
    forest.write_bytes(CONTENT[::-1])
    record = payload.run(reading_job(forest, name="b"))
    assert record.hashes[str(forest)] == hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert hashed == [str(forest)] * 2


def test_raw_files_are_hashed_if_that_is_wanted(reading_job, tmp_path, hashed):
    raw = tmp_path / "LST-1.1.Run00003.0000.fits.fz"
    raw.write_bytes(fits(5))
    record = payload.run(reading_job(raw, name="a"))
    assert record.state == "done", record.cause
    assert str(raw) not in record.hashes
    for name in ("b", "c"):
        record = payload.run(reading_job(raw, name=name, hash_raw=True))
        assert record.hashes[str(raw)] == hashlib.sha256(raw.read_bytes()).hexdigest()
    assert hashed == [str(raw)]
    (kept,) = (path for path in (tmp_path / "hashes").rglob("*") if path.is_file())
    assert kept.name == "Run00003", "one file for all raw files of a run"


def test_attempt_that_fails_keeps_the_hash(reading_job, forest, tmp_path):
    job = reading_job(forest, command=f"sleep 0.5; exit 1 # {tmp_path}")
    record = payload.run(job)
    assert record.state == "failed"
    assert record.hashes[str(forest)] == DIGEST


def test_hash_that_cannot_be_kept_is_made_all_the_same(reading_job, forest, tmp_path):
    (tmp_path / "hashes").write_text("no directory")
    record = payload.run(reading_job(forest))
    assert record.state == "done"
    assert record.hashes[str(forest)] == DIGEST


def test_hash_that_takes_for_ever_costs_no_product(reading_job, forest, monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(hashes, "hash_of", lambda _path: never.wait(60))
    monkeypatch.setattr(hashes, "PATIENCE_S", 0.1)
    record = payload.run(reading_job(forest))
    never.set()
    assert record.state == "done"
    assert str(forest) not in record.hashes


def test_file_that_changes_while_it_is_read_has_no_hash(forest, tmp_path):
    size, time = state(forest)
    assert HashStore(tmp_path / "hashes").hash(str(forest), (size, time - 1)) == ""
    assert not HashStore(tmp_path / "hashes").known(str(forest), (size, time))


def test_torn_line_is_no_hash_and_takes_none_along(forest, tmp_path):
    store = HashStore(tmp_path / "hashes")
    place = store.place(str(forest))
    place.parent.mkdir(parents=True)
    size, time = state(forest)
    place.write_text(f"{size} {time} {DIGEST[:20]} reg_energy.s")
    assert store.known(str(forest), (size, time)) == ""
    assert store.hash(str(forest), (size, time)) == DIGEST
    assert store.known(str(forest), (size, time)) == DIGEST


def test_files_of_one_name_in_two_directories_are_two(forest, tmp_path):
    other = tmp_path / "others/reg_energy.sav"
    other.parent.mkdir()
    other.write_bytes(CONTENT[::-1])
    os.utime(other, ns=(0, forest.stat().st_mtime_ns))
    store = HashStore(tmp_path / "hashes")
    assert store.hash(str(forest), state(forest)) == DIGEST
    assert store.hash(str(other), state(other)) != DIGEST


def test_of_many_processes_at_once_one_reads_the_file(tmp_path):
    large = tmp_path / "large.h5"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    script = """
import sys
from pathlib import Path
from lstosa_luigi.execution import hashes
count = 0
def hash_of(path, of=hashes.hash_of):
    global count
    count += 1
    return of(path)
hashes.hash_of = hash_of
status = Path(sys.argv[1]).stat()
found = hashes.HashStore(Path(sys.argv[2])).hash(sys.argv[1], (status.st_size, status.st_mtime_ns))
print(count, found)
"""
    words = [sys.executable, "-c", script, str(large), str(tmp_path / "hashes")]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    told = [process.communicate(timeout=60)[0].split() for process in started]
    assert sum(int(count) for count, _ in told) == 1
    assert len({digest for _, digest in told}) == 1
