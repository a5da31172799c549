"""``lstosa why`` and ``lstosa impact``: from a file to what it comes from, and to what follows."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight
from tests.operators import make, printed

CALIBRATION = "calibration_filters_52.Run00002.0000.h5"


def ask(night: FakeNight, *words: str) -> dict:
    answer = night.lstosa(*words, "--json")
    assert answer.returncode == ExitCode.OK, answer.stdout + answer.stderr
    return json.loads(answer.stdout)


def titles(data: dict) -> set[str]:
    return {one["title"] for one in data.get("products", data.get("executions"))}


def test_a_file_of_dl3_is_followed_to_the_raw_data(closed: FakeNight) -> None:
    data = ask(closed, "why", "dl3_LST-1.Run00003.fits.gz")
    assert data["made_by"] == "DL3 Run00003"
    assert data["state"] == ""
    kinds = {one["kind"] for one in data["given"]}
    assert kinds >= {"raw data", "drive log", "time calibration", "systematics"}
    raw = {Path(one["path"]).name for one in data["given"] if one["kind"] == "raw data"}
    assert {re.search(r"Run\d+", name)[0] for name in raw} == {"Run00001", "Run00002", "Run00003"}
    assert {"Tailcuts Run00003", "ChargeCalibration Run00002"} < titles(data)
    assert not [title for title in titles(data) if "Run00004" in title]
    dl1a = next(one for one in data["executions"] if one["title"] == "DL1A Run00003.0001")
    roles = {one["role"]: Path(one["path"]).name for one in dl1a["inputs"]}
    assert roles["pointing-file"] == "DrivePosition_log_20240302.txt"
    assert roles["calibration-file"] == CALIBRATION
    assert dl1a["argv"][0].endswith("/lstchain_data_r0_to_dl1")


def test_the_tree_shows_each_step_once_and_many_alike_as_one(closed: FakeNight) -> None:
    name = "dl2_LST-1.Run00004.h5"
    lines = closed.lstosa("why", name).stdout.splitlines()
    assert lines[0].startswith(str(closed.base / "DL2"))
    assert "<- DL2 Run00004, " in lines[0]
    assert lines[1].startswith("|  command: ")
    assert "lstchain_dl1_to_dl2" in lines[1]
    made = re.findall(r"<- (\w+ [\w.]+), ", "\n".join(lines))
    assert len(made) == len(set(made)) > 8
    assert any(re.search("<- DL1B Run00004.0000.*and 2 more like it", line) for line in lines)
    full = closed.lstosa("why", name, "--full").stdout
    assert "DL1B Run00004.0002" in full
    assert "more like it" not in full
    assert full.count("command: ") > len(made)


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (
            ("--run", "4", "--subrun", "1", "--product", "DL1B"),
            "tailcut84/dl1_LST-1.Run00004.0001.h5",
        ),
        (("--run", "3", "--product", "dl2"), "nsb_tuning_0.14/dl2_LST-1.Run00003.h5"),
        (("--product", "LongtermDatacheck"), None),
    ],
)
def test_a_product_is_as_good_as_a_file(closed: FakeNight, words, file: str | None) -> None:
    data = ask(closed, "why", "--date", closed.date, *words)
    assert file is None or data["file"].endswith(file)
    assert data["made_by"]


def test_a_name_that_several_files_have_is_asked_back(closed: FakeNight) -> None:
    answer = closed.lstosa("why", "dl1_LST-1.Run00003.0000.h5")
    assert answer.returncode == ExitCode.UNHANDLED
    paths = [line.strip() for line in answer.stderr.splitlines()[1:]]
    assert len(paths) == 2
    assert all(Path(path).exists() for path in paths)
    assert ask(closed, "why", paths[0])["file"] == paths[0]


def test_an_unknown_file_is_said_to_be(closed: FakeNight) -> None:
    answer = closed.lstosa("why", "dl3_LST-1.Run99999.fits.gz")
    assert answer.returncode == ExitCode.TASK_FAILED
    assert "No record tells of dl3_LST-1.Run99999.fits.gz" in answer.stderr
    assert closed.lstosa("impact").returncode == ExitCode.UNHANDLED


def test_a_file_that_was_given_has_an_impact_but_no_maker(closed: FakeNight) -> None:
    answer = closed.lstosa("why", closed.drive_log.name)
    assert "It was given" in answer.stdout
    found = titles(ask(closed, "impact", str(closed.drive_log)))
    assert {"DL1A Run00003.0000", "DL3 Run00004"} < found
    assert not {"Drs4Pedestal Run00001", "ChargeCalibration Run00002"} & found


def test_the_list_of_runs_comes_from_the_directory_of_the_raw_data(closed: FakeNight) -> None:
    raw = str(closed.base / "R0/20240302")
    data = ask(closed, "why", "RunSummary_20240302.ecsv")
    assert data["given"] == [{"path": raw, "kind": "raw data of the night"}]
    assert (
        "`- 20240302  [raw data of the night]"
        in closed.lstosa("why", "RunSummary_20240302.ecsv").stdout
    )
    of_all = ask(closed, "impact", raw)["products"]
    of_one = ask(closed, "impact", "LST-1.1.Run00004.0000.fits.fz")["products"]
    assert {"RunSummary", "DL3"} <= {one["product"] for one in of_all}
    assert {one["run"] for one in of_one} == {4, None}, "a raw file concerns its run alone"
    assert "RunSummary" not in {one["product"] for one in of_one}


def test_a_file_that_changed_since_is_said_to_have(closed: FakeNight) -> None:
    path = next(closed.base.glob("DL2/*/*/*/*/dl2_LST-1.Run00003.h5"))
    whole, status = path.read_bytes(), path.stat()
    path.write_bytes(whole + b"x")
    size = status.st_size
    assert f"has {size + 1} bytes, but had {size} when" in closed.lstosa("why", str(path)).stdout
    path.write_bytes(whole)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "Note" not in closed.lstosa("why", str(path)).stdout


def test_a_damaged_record_is_named_and_the_rest_is_answered(closed: FakeNight) -> None:
    record = closed.analysis / "records/Run00003_MergedDL1.json"
    text = record.read_text()
    aside = record.with_suffix(".whole")
    record.rename(aside)
    record.write_text(text[:100])
    answer = closed.lstosa("why", "dl3_LST-1.Run00003.fits.gz")
    assert answer.returncode == ExitCode.OK
    assert f"WARNING  what {record} told of is left out: JSONDecodeError" in answer.stderr
    assert "DL2 Run00003" in answer.stdout
    assert "DL1B Run00003" not in answer.stdout
    aside.rename(record)
    again = closed.lstosa("why", "dl3_LST-1.Run00003.fits.gz")
    assert (again.stderr, "DL1B Run00003" in again.stdout) == ("", True)


@pytest.mark.parametrize("what", ["made", "given"])
def test_the_commands_of_an_impact_remake_just_that(closed: FakeNight, what: str) -> None:
    name = CALIBRATION if what == "made" else "DrivePosition_log_20240302.txt"
    data = ask(closed, "impact", name)
    answer = closed.lstosa("impact", name)
    count = len(data["products"])
    assert f"\n{count} products derive from {data['file']}." in answer.stdout
    shown = re.findall(r"^  ((?:mv|lstosa|luigi) .*)$", answer.stdout, re.M)
    assert shown == data["commands"]
    output = ""
    for line in shown:
        line += " --local-scheduler" if line.startswith("luigi") else ""
        done = subprocess.run(
            line, shell=True, env=closed.variables(), cwd=closed.root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (ExitCode.OK, ExitCode.MISSING_DATA), line + done.stdout
        output += done.stdout
    assert set(printed(output)) == titles(data) | ({data["made_by"]} - {None})
    for left in closed.base.rglob("*.wrong"):
        left.unlink()
    assert make(closed) == []
    assert shlex.split(shown[0])[0] in ("mv", "lstosa")
