"""Several commands at a time: one works on a night, and what two of them need is made once."""

import datetime
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import luigi.rpc
import pytest

from tests.conftest import free_port, start_luigid
from tests.fakes.night import FakeNight
from tests.test_night_kill import is_at_work
from tests.waiting import wait_until

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
TWO = (*TINY, (4, "DATA", 1))


def end(process: subprocess.Popen) -> tuple[int, str]:
    output, _ = process.communicate(timeout=250)
    return process.returncode, output


def command_of(scheduler: luigi.rpc.RemoteScheduler, root: str) -> dict[str, Any]:
    """What luigid knows of the command for a root task; nothing if it does not count on it."""
    workers = scheduler.worker_list()  # by being asked, as by its page, luigid looks who is there
    return next((worker for worker in workers if worker["name"].startswith(root)), {})


def only_waits(scheduler: luigi.rpc.RemoteScheduler, root: str) -> bool:
    """Whether a command has made what it can, here the random forests, and waits for the rest."""
    forests = scheduler.task_list("DONE", "", search="RandomForests")
    command = command_of(scheduler, root)
    return bool(forests) and command.get("num_pending", 0) > 0 and command["num_running"] == 0


@pytest.mark.parametrize("with_luigid", [False, pytest.param(True, marks=pytest.mark.luigid)])
def test_of_two_identical_commands_one_works_and_the_other_says_who(
    make_night, request: pytest.FixtureRequest, with_luigid: bool
) -> None:
    port = request.getfixturevalue("luigid") if with_luigid else 0
    night = make_night(runs=TINY)
    night.control(delay=0.2)
    both = [night.start("CalibrateNight", port=port) for _ in range(2)]
    ends = {process.pid: (*end(process), time.monotonic()) for process in both}
    (winner,) = [pid for pid, (code, _, _) in ends.items() if code == 0]
    (loser,) = [pid for pid in ends if pid != winner]
    code, output, _ = ends[loser]
    assert code == 10, output
    (line,) = output.splitlines()
    match = re.fullmatch(
        r"CalibrateNight 2024-03-02 \(v0\.12\.3\) is being worked on by process (\d+) on (\S+) "
        r"since (\S+)\.",
        line,
    )
    assert match is not None, line
    assert int(match[1]) == winner
    assert match[2] == socket.gethostname()
    since = datetime.datetime.fromisoformat(match[3])
    assert abs((datetime.datetime.now(datetime.timezone.utc) - since).total_seconds()) < 300
    assert set(night.made().values()) == {1}


def test_a_second_command_learns_at_once_that_it_is_not_needed(make_night) -> None:
    night = make_night(runs=TINY)
    night.control(hang=["onsite_create_drs4"])
    first = night.start()
    wait_until(lambda: is_at_work(night, "sleep 300"))
    second = night.luigi(timeout=100)
    assert second.returncode == 10
    assert f"by process {first.pid} on" in second.stdout
    assert first.poll() is None
    first.terminate()
    assert end(first)[0] == 143
    night.control()
    assert night.luigi("CalibrateNight").returncode == 0, "the lock went with its holder"


@pytest.mark.luigid
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("CalibrateNight",), ("NightlyClose",)),
        (("CloseRun", "--run-id", "3"), ("CloseRun", "--run-id", "4")),
        (("CloseRun", "--run-id", "3"), ("NightlyClose",)),
    ],
    ids=["calibration and night", "two runs", "run and night"],
)
def test_two_commands_make_each_product_once_and_both_end_well(
    make_night, luigid: int, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    night = make_night(runs=TWO)
    both = [night.start(*one, port=luigid), night.start(*other, port=luigid)]
    for code, output in [end(process) for process in both]:
        assert code == 0, output
        assert "Traceback" not in output
    assert set(night.made().values()) == {1}
    assert night.leftovers() == []
    calibrations = night.calls("onsite_create_calibration_file")
    assert len(calibrations) == 1
    if "NightlyClose" in other:
        assert night.flag.is_file()


@pytest.mark.luigid
def test_a_command_waits_for_what_another_found_to_be_needed(make_night, luigid: int) -> None:
    """What follows the cleaning is named by one of the two only, and takes long."""
    night = make_night(runs=TINY)
    night.control(delay={"lstchain_dl1ab": 10, "lstchain_find_tailcuts": 3})
    both = [night.start(port=luigid), night.start("CloseRun", "--run-id", "3", port=luigid)]
    for code, output in [end(process) for process in both]:
        assert code == 0, output
    assert set(night.made().values()) == {1}


@pytest.mark.luigid
def test_if_one_of_two_commands_is_killed_the_other_makes_what_it_had_begun(
    make_night, luigid: int
) -> None:
    night = make_night(runs=TINY)
    night.control(hang=["onsite_create_calibration_file"])
    first = night.start("CalibrateNight", port=luigid)
    wait_until(lambda: is_at_work(night, "sleep 300"))
    second = night.start("NightlyClose", port=luigid)
    scheduler = luigi.rpc.RemoteScheduler(f"http://127.0.0.1:{luigid}")
    wait_until(lambda: only_waits(scheduler, "NightlyClose"))
    night.control()
    first.kill()
    end(first)
    code, output = end(second)
    assert code == 0, output
    assert night.flag.is_file()
    assert set(night.made().values()) == {1}
    assert night.leftovers() == []


@pytest.mark.luigid
def test_a_command_that_luigid_took_for_dead_goes_on(make_night, luigid: int) -> None:
    """A machine that slept, or could not be reached for a while; luigid's patience here is 5 s."""
    night = make_night(runs=TWO)
    night.control(hang=["onsite_create_calibration_file"])
    one = night.start("CalibrateNight", port=luigid)
    wait_until(lambda: is_at_work(night, "sleep 300"))
    other = night.start("CloseRun", "--run-id", "3", port=luigid)
    scheduler = luigi.rpc.RemoteScheduler(f"http://127.0.0.1:{luigid}")
    wait_until(lambda: only_waits(scheduler, "CloseRun"))
    other.send_signal(signal.SIGSTOP)
    wait_until(lambda: not command_of(scheduler, "CloseRun"))
    other.send_signal(signal.SIGCONT)
    night.control()
    one.kill()
    end(one)
    code, output = end(other)
    assert code == 0, output
    assert "luigid took this command for dead" in output
    assert set(night.made().values()) == {1}
    assert night.leftovers() == []


@pytest.mark.luigid
def test_what_one_command_failed_to_make_is_tried_once_by_the_other(
    make_night, luigid: int
) -> None:
    night = make_night(runs=TINY)
    night.control(delay=0.3, fail=["onsite_create_calibration_file"])
    both = [
        night.start("CalibrateNight", port=luigid),
        night.start("CloseRun", "--run-id", "3", port=luigid),
    ]
    for code, output in [end(process) for process in both]:
        assert code == 30, output
        assert "Traceback" not in output
    assert 1 <= len(night.calls("onsite_create_calibration_file")) <= 2
    assert night.leftovers() == []


def test_the_lock_of_a_night_does_not_keep_another_night_waiting(make_night) -> None:
    night, other = make_night(runs=TINY), make_night(runs=TINY[:2])
    night.control(hang=["onsite_create_drs4"])
    first = night.start()
    wait_until(lambda: is_at_work(night, "sleep 300"))
    result = other.luigi("CalibrateNight")
    assert result.returncode == 0, result.stdout
    first.terminate()
    end(first)


def test_processes_of_the_night_are_found_by_its_folder(fake_night: FakeNight) -> None:
    """The measure of these modules, measured."""
    assert fake_night.processes() == []
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, "N": str(fake_night.root)})
    try:
        wait_until(lambda: fake_night.processes() == ["sleep 60 "])
    finally:
        process.kill()
        process.wait()


@pytest.mark.luigid
def test_luigid_that_is_gone_for_good_ends_the_command_in_order(make_night, tmp_path: Path) -> None:
    port = free_port()
    luigid = start_luigid(tmp_path / "luigid", port)
    night = make_night(
        runs=TINY, options={"core": {"rpc-retry-wait": "1", "rpc-retry-attempts": "2"}}
    )
    night.control(delay=2)
    process = night.start(port=port)
    wait_until(lambda: night.processes())
    wait_until(lambda: list(night.analysis.glob(".scratch/*")))
    luigid.kill()
    luigid.wait()
    code, output = end(process)
    assert code == 25, output
    assert "luigid does not answer any more" in output
    assert "Traceback" not in output
    assert night.processes() == []
    assert night.leftovers() == []
    night.control()
    assert night.luigi().returncode == 0
