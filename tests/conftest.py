"""What all tests share: a night of stand-ins, a luigid, and the environment of the real tools."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.fakes.night import FakeNight

# a shell that starts the tests in the background, or nohup, has them ignore what tests send, and
# what they start would ignore it as well
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        is_interrupt = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)

REQUIRE_REAL = os.environ.get("LSTOSA_REQUIRE_REAL") == "1"

ONE_BY_ONE = ("tests/real/", "tests/slurm/")
"""Where tests lie that need the whole machine; they take longest."""


def unavailable(reason: str) -> None:
    """Skip a test that needs what this machine lacks; in CI that is a failure."""
    if REQUIRE_REAL:
        pytest.fail(f"{reason}, and LSTOSA_REQUIRE_REAL is set", pytrace=False)
    pytest.skip(reason)


class Groups(LoadScopeScheduling):
    """Which tests are run by the same process.

    A file is run by one, for the sake of its fixtures. So are all tests with a real Slurm or the
    real lstchain: each fills the machine, clusters of one host share the names of their cgroups,
    and copies of the real night share its locks.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ONE_BY_ONE[0] if file.startswith(ONE_BY_ONE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Let ``-n 2`` run tests by :class:`Groups`."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(ONE_BY_ONE))


@pytest.fixture(scope="session")
def tools_environment() -> Path:
    """Directory of an environment with the real lstchain."""
    name = os.environ.get("LSTOSA_TOOLS_ENVIRONMENT", "")
    if not name or not (Path(name) / "bin" / "lstchain_data_r0_to_dl1").exists():
        unavailable("LSTOSA_TOOLS_ENVIRONMENT names no environment with lstchain")
    return Path(name)


@pytest.fixture
def make_night(tmp_path: Path) -> Callable[..., FakeNight]:
    """Return a function that makes a night of stand-ins; keywords as of :class:`FakeNight`."""
    made = 0

    def make(**options: Any) -> FakeNight:
        nonlocal made
        made += 1
        return FakeNight(tmp_path / f"night{made}", **options)

    return make


@pytest.fixture
def fake_night(make_night: Callable[..., FakeNight]) -> FakeNight:
    """Return a night of one DRS4, one PEDCALIB and two DATA runs of 2 and 3 subruns."""
    return make_night()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start_luigid(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a real luigid that keeps its state in a folder, and wait until it answers."""
    folder.mkdir(exist_ok=True)
    (folder / "luigi.cfg").write_text(
        "[scheduler]\nstable_done_cooldown_secs = 0\n"
        "retry_delay = 600\nworker_disconnect_delay = 5\n"
    )
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("luigid")),
                "--address=127.0.0.1",
                f"--port={port}",
                f"--state-path={folder / 'state.pickle'}",
            ],
            env={**os.environ, "LUIGI_CONFIG_PATH": str(folder / "luigi.cfg")},
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + 100
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "luigid does not answer"
            time.sleep(0.05)


@pytest.fixture
def luigid(tmp_path: Path) -> Iterator[int]:
    """Start a real luigid and return its port."""
    port = free_port()
    process = start_luigid(tmp_path / "luigid", port)
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that a test can fill and make read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "lstosa-test", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        unavailable("a small file system can only be mounted by root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def night_on_small_disk(small_disk: Path, make_night: Callable[..., FakeNight]) -> FakeNight:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1)))
    shutil.move(night.base, small_disk / "base")
    night.base.symlink_to(small_disk / "base")
    night.write_config(paths={"base": str(night.base)})
    return night


def fill(disk: Path, leave: int) -> Path:
    """Fill a file system but for so many bytes."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    ballast.write_bytes(b"\0" * max(room.f_bavail * room.f_frsize - leave, 0))
    return ballast
