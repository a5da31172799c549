"""Commands that are killed, told to end or interrupted: nothing half-made, nothing made in vain."""

import dataclasses
import os
import pty
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.fakes.night import FakeNight
from tests.waiting import wait_until

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
KILLS = 20
KEEP = {"closing": {"keep_dl1a": "true"}}
"""So that what is made is there to the end; killed while DL1a is replaced: test_night_closing."""
SEED = 20240302


@dataclasses.dataclass
class Undisturbed:
    """A night that was left alone, and how many seconds commands of it take."""

    night: FakeNight
    whole: float
    nothing_to_do: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    night = FakeNight(tmp_path_factory.mktemp("undisturbed") / "night", runs=TINY, options=KEEP)
    times = [time.monotonic()]
    for _ in range(2):
        result = night.luigi()
        assert result.returncode == 0, result.stdout
        times.append(time.monotonic())
    return Undisturbed(night, times[1] - times[0], times[2] - times[1])


def is_at_work(night: FakeNight, tool: str) -> bool:
    return any(tool in line and "job.py" not in line for line in night.processes())


def assert_made_as_if_undisturbed(night: FakeNight, undisturbed: FakeNight) -> None:
    assert night.products() == undisturbed.products()
    assert night.links() == undisturbed.links()
    assert night.leftovers() == []
    assert night.processes() == []


def reopen(night: FakeNight) -> int:
    """Remove the flag and what is made from DL1b on; return how many products that were."""
    gone = [name for name in night.whole_products() if name.startswith(("DL1/", "DL2/", "DL3/"))]
    for path in (*(night.base / name for name in gone), night.flag):
        path.unlink()
    return len(gone)


def kill_at_random(night: FakeNight, undisturbed: Undisturbed) -> int:
    """Kill the command at so many random moments; return how often a product was removed."""
    moments = random.Random(SEED)
    at_most = 2 * (undisturbed.whole - undisturbed.nothing_to_do) / KILLS
    kills = removed = 0
    while kills < KILLS:
        before = night.whole_products()
        process = night.start()
        time.sleep(undisturbed.nothing_to_do + moments.uniform(0, at_most))
        process.kill()
        output, _ = process.communicate()
        wait_until(lambda: not night.processes())
        after = night.whole_products()
        assert {name: after.get(name) for name in before} == before, "nothing is made twice"
        if process.returncode == -signal.SIGKILL:
            kills += 1
        else:  # it was done before it was killed
            assert process.returncode == 0, output
            removed += reopen(night)
    return removed


@pytest.mark.timeout(600)
def test_a_night_killed_twenty_times_is_made_as_if_nothing_had_been(
    make_night, undisturbed: Undisturbed
) -> None:
    night = make_night(runs=TINY, options=KEEP)
    removed = kill_at_random(night, undisturbed)
    before = night.whole_products()
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    after = night.whole_products()
    assert {name: after[name] for name in before} == before
    assert_made_as_if_undisturbed(night, undisturbed.night)
    # a command that had ended when it was killed may not have been put into place
    again = sum(times - 1 for times in night.made().values())
    assert again <= removed + 2 * KILLS


@pytest.mark.luigid
def test_killed_beside_a_real_luigid_the_same_command_goes_on_at_once(
    make_night, undisturbed: Undisturbed, luigid: int
) -> None:
    night = make_night(runs=TINY, options=KEEP)
    tools = ("onsite_create_calibration", "lstchain_data_r0_to_dl1", "lstchain_dl1_to_dl2")
    for tool in tools:
        night.control(hang=[tool])
        process = night.start(port=luigid)
        wait_until(lambda tool=tool: is_at_work(night, tool))
        process.kill()
        process.communicate()
    night.control()
    before = night.whole_products()
    result = night.luigi(port=luigid)
    assert result.returncode == 0, result.stdout
    after = night.whole_products()
    assert {name: after[name] for name in before} == before
    assert_made_as_if_undisturbed(night, undisturbed.night)
    # the command in the other slot may have ended but not have been put into place
    assert sum(times - 1 for times in night.made().values()) <= len(tools)


def job_of(night: FakeNight, product: str) -> int:
    """Return the process id of the job that makes a product, by the name of its folder."""
    (folder,) = (night.analysis / ".scratch").glob(f"{product}.*")
    return int(folder.name.split("@")[2])


def test_a_job_that_is_killed_fails_alone_and_takes_all_its_processes_along(make_night) -> None:
    night = make_night(runs=TINY)
    night.control(hang=[r"Run00003\.0001\.fits\.fz"])
    process = night.start("CloseRun", "--run-id", "3")
    wait_until(lambda: any("sleep 300" in line for line in night.processes()))
    wait_until(lambda: (night.analysis / "dl1_LST-1.Run00003.0000.h5").exists())
    os.kill(job_of(night, "Run00003.0001_DL1A"), signal.SIGKILL)
    output, _ = process.communicate(timeout=150)
    assert process.returncode == 30, output
    assert "FAILED  DL1A Run00003.0001: the job was killed by SIGKILL" in output
    assert "Traceback" not in output
    assert night.processes() == []
    assert night.leftovers() == []
    night.control()
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert set(night.made().values()) == {1}


@pytest.mark.parametrize(
    ("number", "word", "code"),
    [
        (signal.SIGTERM, "Told to end", 143),
        (signal.SIGINT, "Interrupted", 130),
        (signal.SIGHUP, "Told to end", 129),
    ],
)
def test_told_to_end_it_ends_all_commands_and_says_so(
    make_night, number: int, word: str, code: int
) -> None:
    night = make_night(runs=TINY)
    night.control(hang=["lstchain_data_r0_to_dl1"])
    process = night.start()
    wait_until(lambda: is_at_work(night, "sleep 300"))
    process.send_signal(number)
    output, _ = process.communicate(timeout=150)
    assert process.returncode == code, output
    assert f"{word}: all commands are ended" in output
    assert "Traceback" not in output
    assert night.processes() == []
    assert night.leftovers() == []
    assert not list(night.analysis.glob("dl1_*"))


def test_ctrl_c_in_a_terminal_leaves_nothing_running(make_night) -> None:
    night = make_night(runs=TINY)
    night.control(hang=["lstchain_data_r0_to_dl1"])
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        night.command(),
        env=night.variables(),
        cwd=night.root,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(0),
    )
    os.close(theirs)
    wait_until(lambda: is_at_work(night, "sleep 300"))
    os.write(ours, b"\x03")
    output = read_to_end(ours)
    assert process.wait(60) == 130, output
    assert "Interrupted: all commands are ended" in output
    assert "Traceback" not in output
    assert night.processes() == []
    assert night.leftovers() == []


def _take_terminal(descriptor: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def read_to_end(descriptor: int) -> str:
    text = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # how a terminal ends
            part = b""
        if not part:
            os.close(descriptor)
            return text.decode()
        text += part


def test_what_a_killed_command_left_is_swept_away_but_not_what_belongs_to_others(
    make_night,
) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)))
    scratch = night.analysis / ".scratch"
    dead = scratch / f"Run00009_DL2.1@{os.uname().nodename}@999999999@1"
    elsewhere = scratch / "Run00009_DL3.1@another-host@1@1"
    aside = night.analysis / f"records/.x.json@{os.uname().nodename}@999999999@1"
    for path in (dead / "half.h5", elsewhere / "half.h5", aside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    assert night.luigi("CalibrateNight").returncode == 0
    assert not dead.exists()
    assert not Path(aside).exists()
    assert (elsewhere / "half.h5").exists()
