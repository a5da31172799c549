"""The real tools with what they are given: bad raw files, a short drive log, no network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import tables

from tests.conftest import unavailable
from tests.real.conftest import FLAT, PROD, Copy, MadeNight
from tests.real.tables import differences

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(1200)]

NIGHT = f"{FLAT}/{PROD}"
DL1A = f"running_analysis/{NIGHT}/dl1_LST-1.Run00004.0000.h5"
SUBRUN = ("--run-id", "4", "--subrun", "0")
PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"


def rows(path: Path) -> int:
    with tables.open_file(str(path)) as file:
        return len(file.get_node(PARAMETERS))


def rewrite(path: Path, content: bytes) -> None:
    """Give a file other content, though its first copy is a hard link to it."""
    path.unlink()
    path.write_bytes(content)


# --- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "size", "cause"),
    [
        (2, 0, "empty"),
        (2, 2880, "empty"),
        (1, 0, "empty"),
        (3, -10_000, "truncated, its last table is not complete"),
    ],
)
def test_bad_raw_file_is_named_before_the_tool_is_started(
    night_copy: Copy, stream: int, size: int, cause: str
) -> None:
    (night_copy.base / DL1A).unlink()
    raw = night_copy.base / f"R0/{FLAT}/LST-1.{stream}.Run00004.0000.fits.fz"
    rewrite(raw, raw.read_bytes()[:size])
    done = night_copy.luigi("DL1A", *SUBRUN)
    assert done.returncode == 30
    assert f"FAILED  DL1A Run00004.0000: raw file {raw}: {cause}; copy it again" in done.stdout
    assert not (night_copy.base / DL1A).exists()


@pytest.mark.parametrize(
    ("stream", "size", "code"),
    [
        pytest.param(2, 0, 0, id="an empty stream is no error to lstchain"),
        pytest.param(1, -10_000, 1, id="of a truncated one it leaves half a product"),
    ],
)
def test_what_lstchain_makes_of_a_bad_raw_file_is_no_product(
    made_night: MadeNight, night_copy: Copy, stream: int, size: int, code: int
) -> None:
    """Why raw files are looked into before; to be undone should lstchain refuse them itself."""
    raw = night_copy.base / f"R0/{FLAT}/LST-1.{stream}.Run00004.0000.fits.fz"
    rewrite(raw, raw.read_bytes()[:size])
    made = night_copy.root / "made"
    log = (made_night.base / f"running_analysis/{NIGHT}/log/Run00004.0000_DL1A.log").read_text()
    line = next(ln for ln in log.splitlines() if "lstchain_data_r0_to_dl1 --input-file=" in ln)
    given = {"--input-file": raw.with_name(f"LST-1.1.{raw.name[8:]}"), "--output-dir": made}
    command = [word for word in line.split() if word.partition("=")[0] not in given]
    command += [f"{option}={path}" for option, path in given.items()]
    done = subprocess.run(command, capture_output=True, check=False, env=night_copy.offline())
    assert done.returncode == code, done.stderr[-2000:]
    whole = rows(made_night.base / DL1A)
    assert (made / Path(DL1A).name).exists()
    if code == 0:
        assert 0 < rows(made / Path(DL1A).name) < whole


def test_drive_log_that_ends_too_early_is_named_with_its_times(night_copy: Copy) -> None:
    (night_copy.base / DL1A).unlink()
    log = night_copy.base / f"monitoring/DrivePositioning/DrivePosition_log_{FLAT}.txt"
    lines = log.read_text().splitlines(keepends=True)
    rewrite(log, "".join(lines[:100]).encode())
    done = night_copy.luigi("DL1A", *SUBRUN)
    assert done.returncode == 30
    assert (
        "FAILED  DL1A Run00004.0000: the drive log does not cover the times of the events of run "
        f"00004 ({log} goes from 2024-03-02 20:20:00 to 2024-03-02 20:23:18 UTC): complete it, "
        "or write EDATA for the run in the run summary to leave it out"
    ) in done.stdout
    assert not (night_copy.base / DL1A).exists()


# --- network -------------------------------------------------------------------------------


def test_a_tool_needs_no_network(made_night: MadeNight, night_copy: Copy) -> None:
    """In a name space without any; of all tools the datacheck tried it most."""
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None or subprocess.run([unshare, "-n", "true"]).returncode:
        unavailable("only root can take the network away from a command")
    check = f"DL1/{NIGHT}/tailcut84/datacheck/datacheck_dl1_LST-1.Run00003.0000.h5"
    (night_copy.base / check).unlink()
    tools = night_copy.environment / "bin"
    prefix = f"{unshare} -n /usr/bin/env PATH={tools}:{os.environ['PATH']}"
    night_copy.set("lstchain", environment="", command_prefix=prefix)
    done = night_copy.luigi(
        "DL1Check", *("--run-id", "3", "--subrun", "0", "--dl1-prod", "tailcut84")
    )
    assert done.returncode == 0, done.stdout
    log = night_copy.base / f"running_analysis/{NIGHT}/log/Run00003.0000_DL1Check.log"
    assert not [word for word in ("URLError", "urlopen", "resolution") if word in log.read_text()]
    assert differences(night_copy.base / check, made_night.base / check)[0] == []
