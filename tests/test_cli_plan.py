"""``lstosa plan``: what would be made and why, without making anything."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "ERROR", 3), (5, "PEDCALIB", 1))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night of which only the run summary is made, and two lines of models to choose from."""
    night = FakeNight(tmp_path_factory.mktemp("plan") / "night", runs=RUNS)
    assert night.luigi("RunSummary").returncode == 0
    return night


def tree(night: FakeNight) -> dict[str, tuple]:
    """Return everything below the root, with content and times."""
    found: dict[str, tuple] = {}
    for folder, folders, files in os.walk(night.root):
        for name in (*folders, *files):
            path = Path(folder) / name
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (content, path.lstat().st_mtime_ns)
    return found


def plan(night: FakeNight, *words: str, code: int = ExitCode.OK) -> str:
    answer = night.lstosa("plan", "--date", night.date, *words)
    assert (answer.returncode, answer.stderr) == (code, "")
    return answer.stdout


def as_data(night: FakeNight, *words: str, code: int = ExitCode.OK) -> dict:
    return json.loads(plan(night, "--json", *words, code=code))


def states(planned: dict) -> dict[str, str]:
    return {item["title"]: item["state"] for item in planned["products"]}


@pytest.mark.parametrize("words", [(), ("--json",), ("--commands",), ("--json", "--commands")])
def test_nothing_is_written_and_no_directory_made(night: FakeNight, words: tuple) -> None:
    before = tree(night)
    plan(night, *words)
    assert tree(night) == before


def test_nothing_is_written_while_even_the_run_summary_lacks(make_night) -> None:
    night = make_night()
    before = tree(night)
    text = plan(night, "--commands")
    assert tree(night) == before
    assert "RunSummary 20240302: " in text
    assert f"{night.run_summary} is not there yet: which runs there are" in text
    data = as_data(night)
    assert (data["is_known"], data["runs"], data["choices"]) == (False, [], [])
    assert states(data) == {"RunSummary 20240302": "make"}


def test_runs_are_listed_with_what_becomes_of_them(night: FakeNight) -> None:
    lines = plan(night).splitlines()
    table = [re.split(r"  +", line) for line in lines if re.match(r"\d{5} ", line)]
    assert table == [
        ["00001", "DRS4", "1", "-", "calibrates the night"],
        ["00002", "PEDCALIB", "1", "-", "not used"],
        ["00003", "DATA", "2", "Crab", "processed"],
        ["00004", "ERROR", "3", "-", "left alone"],
        ["00005", "PEDCALIB", "1", "-", "calibrates the night"],
    ]


def test_every_choice_has_value_reason_and_candidates(night: FakeNight) -> None:
    data = as_data(night)
    assert data["schema_version"] == 1
    assert {key for choice in data["choices"] for key in choice} == {
        "name",
        "run",
        "value",
        "reason",
        "candidates",
    }
    choices = {(choice["name"], choice["run"]): choice for choice in data["choices"]}
    pedcalib = choices["PEDCALIB run", None]
    assert pedcalib["value"] == {"date": "2024-03-02", "number": 5}
    assert [run["number"] for run in pedcalib["candidates"]] == [2, 5]
    assert pedcalib["reason"] == "last PEDCALIB run of 2024-03-02"
    assert choices["time calibration", None]["value"].endswith("Run00001.0000.h5")
    assert choices["cleaning", 3]["value"] is None
    assert choices["cleaning", 3]["reason"] == "the tailcuts of run 00003 are not found yet"


def test_catb_is_planned_though_the_cleaning_is_not_found(make_night) -> None:
    night = make_night(runs=RUNS[:3], options={"lstchain": {"apply_catB_calibration": "true"}})
    assert night.luigi("RunSummary").returncode == 0
    assert states(as_data(night))["CatBCalibration Run00003"] == "make"
    night.control(fail=["lstchain_find_tailcuts"])
    assert night.luigi("DL2Night").returncode == ExitCode.TASK_FAILED
    assert states(as_data(night))["CatBCalibration Run00003"] == "there"


def test_commands_are_those_that_are_executed(make_night) -> None:
    night = make_night(runs=RUNS[:3])
    assert night.luigi("RunSummary").returncode == 0
    promised = {
        item["title"]: item["command"]
        for item in as_data(night, "--commands")["products"]
        if item["state"] == "make"
    }
    assert {"DL1A Run00003.0001", "Tailcuts Run00003", "ChargeCalibration Run00002"} <= set(
        promised
    )
    line = f"DL1A Run00003.0001: {shlex.join(promised['DL1A Run00003.0001'])}"
    assert line in plan(night, "--commands").splitlines()
    assert night.luigi().returncode == 0
    records = [json.loads(file.read_text()) for file in night.analysis.glob("records/*.json")]
    executed = {record["title"]: record["argv"] for record in records}
    assert {title: executed[title] for title in promised} == promised
    after = as_data(night, "--commands")
    assert set(states(after).values()) == {"there"}
    assert set(after["products"][0]) >= {"product", "unit", "state", "reason", "files", "command"}
    assert "The night is closed: nothing would be made." in plan(night)


def test_what_only_the_outside_can_supply_blocks_what_needs_it_and_nothing_else(
    make_night,
) -> None:
    night = make_night(runs=RUNS[:3])
    assert night.luigi("RunSummary").returncode == 0
    night.drive_log.unlink()
    data = as_data(night, code=ExitCode.MISSING_DATA)
    found = states(data)
    assert found["ChargeCalibration Run00002"] == "make"
    assert found["DL1A Run00003.0000"] == found["Tailcuts Run00003"] == "blocked"
    (missing,) = data["missing"]
    assert missing.startswith("No drive log of 2024-03-02: ")
    assert f"MISSING  {missing}" in plan(night, code=ExitCode.MISSING_DATA)


def test_a_part_that_cannot_be_planned_hides_no_other(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (4, "DATA", 1)))
    assert night.luigi().returncode == 0
    night.flag.unlink()
    config = night.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    config.write_text("{")
    data = as_data(night, code=ExitCode.SCHEDULING_ERROR)
    assert f"RunProducts Run00003: {config}: not a cleaning configuration" in "".join(
        data["problems"]
    )
    assert states(data)["DL3 Run00004"] == "there"


def test_a_removed_product_of_a_closed_night_is_left_until_the_night_is_opened(make_night) -> None:
    night = make_night(runs=RUNS[:3])
    assert night.luigi().returncode == 0
    next(night.base.rglob("dl3_LST-1.Run00003.fits.gz")).unlink()
    assert states(as_data(night))["DL3 Run00003"] == "left"
    night.flag.unlink()
    assert states(as_data(night))["DL3 Run00003"] == "make"
    assert plan(night).splitlines()[-1] == "1 product would be made, as far as is known."
