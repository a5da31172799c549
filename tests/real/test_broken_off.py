"""The real tools killed in the middle: what was whole stays, what was not is made again."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.real.conftest import FLAT, PROD, Copy, MadeNight
from tests.real.tables import differences

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(3600)]

NIGHT = f"{FLAT}/{PROD}"
GONE = (
    f"DL1/{NIGHT}/tailcut84/dl1_LST-1.Run00004.0000.h5",
    f"DL1/{NIGHT}/tailcut84/dl1_LST-1.Run00004.0001.h5",
    f"DL1/{NIGHT}/tailcut84/dl1_LST-1.Run00004.h5",
    f"DL2/{NIGHT}/tailcut84/nsb_tuning_0.14/dl2_LST-1.Run00004.h5",
)
FLAG = f"OSA/Closer/{NIGHT}/NightFinished.txt"


def test_a_night_killed_in_the_middle_is_finished_by_the_same_command(
    made_night: MadeNight, night_copy: Copy
) -> None:
    for name in (*GONE, FLAG):
        (night_copy.base / name).unlink()
    kept = inodes(night_copy.base)
    command = night_copy.command("NightlyClose")
    process = subprocess.Popen(command, env=night_copy.variables(), start_new_session=True)
    scratch = night_copy.base / f"running_analysis/{NIGHT}/.scratch"
    deadline = time.monotonic() + 120
    while not list(scratch.glob("Run00004.0001_DL1B*/dl1_*.h5")):  # half of it is written
        assert process.poll() is None, "the night ended before it could be killed"
        assert time.monotonic() < deadline, "lstchain_dl1ab wrote nothing"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert_dies(night_copy.root)
    done = subprocess.run(command, env=night_copy.variables(), check=False)
    assert done.returncode == 0
    assert not scratch.exists()
    now = inodes(night_copy.base)
    assert {name: now.get(name) for name in kept} == kept
    for name in GONE:
        assert differences(night_copy.base / name, made_night.base / name)[0] == []


def test_the_package_works_in_the_environment_of_the_tools(
    night_copy: Copy, tools_environment: Path
) -> None:
    """``lstosa-luigi[lstchain]``: orchestrator and tools in one environment."""
    summary = night_copy.base / f"monitoring/RunSummary/RunSummary_{FLAT}.ecsv"
    before = summary.read_text()
    summary.unlink()
    config = night_copy.root / "luigi.cfg"
    config.write_text(config.read_text().replace(f"environment = {tools_environment}", ""))
    repository = Path(__file__).parents[2]
    done = subprocess.run(
        [
            str(tools_environment / "bin/luigi"),
            *("--module", "lstosa_luigi", "RunSummary", "--date", "2024-03-02"),
            "--local-scheduler",
        ],
        env={**night_copy.variables(), "PYTHONPATH": str(repository)},
        cwd=night_copy.root,
        check=False,
    )
    assert done.returncode == 0
    assert summary.read_text() == before
    assert sorted(path.name for path in night_copy.root.iterdir()) == ["base", "luigi.cfg"]


def inodes(base: Path) -> dict[str, int]:
    """Return all products there are: a file made again has another inode.

    Documents of provenance are written at each closing.
    """
    roots = ("DL1", "DL2", "DL3", "models", "monitoring", "auxiliary")
    return {
        str(path.relative_to(base)): path.stat().st_ino
        for root in roots
        for path in (base / root).rglob("*")
        if path.is_file() and not path.is_symlink() and "_prov." not in path.name
    }


def assert_dies(root: Path) -> None:
    """Assert that no command of the night outlives the orchestrator by more than some seconds."""
    deadline = time.monotonic() + 20
    while left := alive(root):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def alive(root: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(root) in command and int(process.name) != os.getpid() and "pytest" not in command:
            found.append(command)
    return found
