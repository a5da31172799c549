"""A night of three runs, of which one fails: page, table, JSON, exit code and flag say the same."""

import json
import re
from pathlib import Path

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.status.table import HEAD
from tests.fakes.night import FakeNight
from tests.pages.markup import Page, read

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), *((n, "DATA", 1) for n in (3, 4, 5)))


def pages_of(night: FakeNight) -> tuple[Page, Page, dict]:
    """Return the page of the night and the index as they lie there, and what is beside."""
    (page,) = night.base.rglob("osa_status_*.html")
    index = night.base / "OSA/Pages/index.html"
    return read(page), read(index), json.loads(page.with_suffix(".json").read_text())


def check_all_say_one_thing(night: FakeNight, code: int, standing: str, states: dict) -> dict:
    """Compare all that is said of a night; *states* by run as in the column State."""
    printed = night.lstosa("status", "--date", night.date)
    told = night.lstosa("status", "--date", night.date, "--json")
    assert (printed.stderr, told.stderr) == ("", "")
    data = json.loads(told.stdout)
    page, index, beside = pages_of(night)
    lines = printed.stdout.splitlines()
    # exit code and standing
    assert (printed.returncode, told.returncode, data["exit_code"]) == (code, code, code)
    assert (data["standing"], beside["standing"]) == (standing, standing)
    assert beside["headline"] == lines[1]
    assert lines[1] in page.words
    assert data["conclusion"] in " ".join(lines)
    assert data["conclusion"] in page.words
    # flag
    assert night.flag.exists() == data["is_closed"] == (standing == "closed")
    # rows
    rows = [line.split() for line in lines if line.startswith("LST1 ")]
    assert page.table("The calibration of the night")[1:] == rows
    found = {row[HEAD.index("Run")]: row[HEAD.index("State")] for row in rows}
    assert found == states
    words = {"done": "COMPLETED", "failed": "FAILED"}
    of_json = {f"{run['run']:05d}": words[run["state"]] for run in data["runs"]}
    assert of_json == {"00001": "COMPLETED", **states}
    listed = {row[0]: row[4] for row in page.table("All runs")[1:]}
    assert listed == {f"{run['run']:05d}": run["state"] for run in data["runs"]}
    # counts
    counts = {row[0]: row[2] for row in page.table("How many of each kind")[1:]}
    assert counts == {
        part["product"]: f"{part['done']}/{part['total']}" for part in data["progress"]
    }
    bars = dict(re.findall(r"^(\S+) +[#.]{20} +(\d+/\d+)", printed.stdout, re.M))
    assert bars == counts
    failed = [product["title"] for product in data["products"] if product["state"] == "failed"]
    assert beside["failed"] == len(failed)
    for title in failed:
        assert f"FAILED {title}" in page.words
        assert f"FAILED  {title}" in printed.stdout
    # index
    (row,) = index.table("All nights")[1:]
    done, total = (sum(part[key] for part in data["progress"]) for key in ("done", "total"))
    assert row[3] == standing
    assert row[6:8] == [f"{done}/{total}", str(len(failed))]
    for step in data["next_steps"]:
        assert step in page.words
        assert step in printed.stdout
    return data


def test_night_of_three_runs_of_which_one_fails(make_night) -> None:
    night = make_night(runs=RUNS, options={"pages": {"enabled": "true"}})
    night.control(fail=["lstchain_data_r0_to_dl1 .*Run00004"], message="ValueError: told to fail")
    states = {f"{run:05d}": "COMPLETED" for run in (2, 3, 4, 5)}
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    data = check_all_say_one_thing(night, 30, "failed", {**states, "00004": "FAILED"})
    (failed,) = [p for p in data["products"] if p["state"] == "failed"]
    assert failed["title"] == "DL1A Run00004.0000"
    assert failed["cause"] == "exit code 1: ValueError: told to fail"
    assert (failed["exit"], failed["run"]) == ("1:0", 4)
    assert "told to fail" in Path(failed["log"]).read_text()
    page, _, _ = pages_of(night)
    assert "exit code 1: ValueError: told to fail 1 attempt, exit 1:0" in page.words
    assert night.lstosa("show", "--date", night.date).returncode == ExitCode.NOT_RUN

    night.control()
    assert night.luigi().returncode == ExitCode.OK
    data = check_all_say_one_thing(night, 0, "closed", states)
    assert {p["state"] for p in data["products"]} == {"done"}
    assert night.lstosa("show", "--date", night.date).returncode == ExitCode.OK
