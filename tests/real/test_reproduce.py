"""``lstosa reproduce`` on the real night: DL2 made again from raw data is equal in every table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.real.conftest import REPOSITORY, MadeNight
from tests.real.tables import differences

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(1800)]

WITHOUT_TABLES = {".log", ".pdf"}


def reproduce(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lstosa")), "reproduce", *words],
        cwd=REPOSITORY,
        env={**os.environ, "LUIGI_CONFIG_PATH": "config/luigi.cfg"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dl2_made_again_from_raw_data_is_equal_in_every_table(
    made_night: MadeNight, tmp_path: Path
) -> None:
    place = tmp_path / "again"
    answer = reproduce("dl2_LST-1.Run00003.h5", "--run", "--json", "--directory", str(place))
    assert answer.returncode == ExitCode.OK, answer.stdout + answer.stderr
    told = json.loads(answer.stdout)
    kinds = [step["title"].partition(" ")[0] for step in told["steps"]]
    assert sorted(kinds) == sorted(
        ["RunSummary", "Drs4Pedestal", "ChargeCalibration", "Tailcuts", "MergedDL1", "DL2"]
        + ["DL1A", "DL1B"] * 2
    )
    for step in told["steps"]:
        for file in step["files"]:
            if Path(file["path"]).suffix not in WITHOUT_TABLES and not _is_link(file["path"]):
                assert file["is_equal"], file
    # and as our own comparison sees it
    found, n_tables, n_rows = differences(Path(told["file"]), Path(told["again"]))
    assert found == []
    assert (n_tables, n_rows > 250) == (5, True)


def _is_link(path: str) -> bool:
    """Whether it is DL1a of a closed run, for which a link to DL1b stands."""
    return Path(path).is_symlink()
