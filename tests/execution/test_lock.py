"""One command at a time: the second is told who holds the night; death gives it back."""

import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution import lock
from lstosa_luigi.execution.lock import Held, RootLock

HOLDER = """
import sys, time
from pathlib import Path
from lstosa_luigi.execution.lock import RootLock
held = RootLock(Path(sys.argv[1]), "the night")
held.acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def root_lock(tmp_path):
    held = RootLock(tmp_path / "OSA/locks/NightlyClose.lock", "NightlyClose 2020-01-17")
    yield held
    held.release()


@pytest.fixture
def holder(root_lock):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root_lock.path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_second_command_is_told_who_holds_the_night_since_when(root_lock, holder):
    with pytest.raises(Held) as error:
        root_lock.acquire()
    assert error.value.exit_code == ExitCode.ALREADY_RUNNING
    assert re.fullmatch(
        rf"NightlyClose 2020-01-17 is being worked on by process {holder.pid} on "
        rf"{re.escape(socket.gethostname())} since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.",
        str(error.value),
    )


def test_death_of_the_holder_frees_the_lock(root_lock, holder):
    holder.kill()
    holder.wait()
    root_lock.acquire()
    assert json.loads(root_lock.path.read_text())["pid"] == os.getpid()


def test_lock_that_was_given_back_can_be_taken(root_lock):
    root_lock.acquire()
    root_lock.release()
    assert root_lock.path.read_text() == ""
    other = RootLock(root_lock.path, "again")
    other.acquire()
    other.release()


def test_lock_may_be_given_back_twice_and_without_having_it(root_lock):
    root_lock.acquire()
    RootLock(root_lock.path, "other").release()
    assert root_lock.path.read_text() != ""
    root_lock.release()
    root_lock.release()


def test_locks_of_two_roots_do_not_meet(root_lock, tmp_path):
    root_lock.acquire()
    other = RootLock(tmp_path / "OSA/locks/CloseRun.lock", "CloseRun")
    other.acquire()
    other.release()


def test_holder_that_could_not_say_who_it_is_holds_all_the_same(root_lock, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_S", 0)
    root_lock.acquire()
    root_lock.path.write_text("")
    with pytest.raises(Held, match="worked on by another process that has just begun"):
        RootLock(root_lock.path, "The night").acquire()


def test_who_only_looks_writes_nothing_and_is_told_who_holds_the_lock(root_lock, holder):
    before = root_lock.path.read_bytes(), root_lock.path.stat().st_mtime_ns
    said = lock.holder_of(root_lock.path)
    assert (said["host"], said["pid"]) == (socket.gethostname(), holder.pid)
    assert (root_lock.path.read_bytes(), root_lock.path.stat().st_mtime_ns) == before
    holder.kill()
    holder.wait()
    assert lock.holder_of(root_lock.path) is None  # though the file still names it
    assert lock.holder_of(root_lock.path.with_name("another")) is None


def test_who_only_looks_keeps_nobody_out(root_lock):
    root_lock.path.parent.mkdir(parents=True)
    root_lock.path.touch()
    with root_lock.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(lock.GLANCE_S / 2, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        root_lock.acquire()
    assert lock.holder_of(root_lock.path)["pid"] == os.getpid()
