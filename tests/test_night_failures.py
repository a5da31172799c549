"""One product that cannot be made: one clear text, and all that does not need it is made."""

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.fakes.night import FakeNight

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (4, "DATA", 3))
TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))


def truncate(night: FakeNight, run: int, subrun: int) -> bytes:
    """Cut the raw file of a subrun, and return what it was."""
    raw = night.r0(run, subrun)
    content = raw.read_bytes()
    raw.write_bytes(content[: len(content) - 100])
    return content


def made_of(night: FakeNight, run: int) -> set[str]:
    """Return the kinds of products of a run, from DL1b on, that there are."""
    files = {
        "DL1B": f"DL1/*/*/tailcut84/dl1_LST-1.Run{run:05d}.0000.h5",
        "MergedDL1": f"DL1/*/*/tailcut84/dl1_LST-1.Run{run:05d}.h5",
        "RunDatacheck": f"DL1/*/*/tailcut84/datacheck/datacheck_dl1_LST-1.Run{run:05d}.pdf",
        "MergedMuons": f"DL1/*/*/muons/muons_LST-1.Run{run:05d}.fits",
        "DL2": f"DL2/*/*/tailcut84/*/dl2_LST-1.Run{run:05d}.h5",
        "DL3": f"DL3/*/*/tailcut84/*/std_cuts/*/dl3_LST-1.Run{run:05d}.fits.gz",
    }
    return {kind for kind, pattern in files.items() if list(night.base.glob(pattern))}


def rpc(port: int, name: str, **parameters: Any) -> Any:
    """Ask luigid, as its visualiser does."""
    data = urllib.parse.urlencode({"data": json.dumps(parameters)})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{name}?{data}") as answer:
        return json.load(answer)["response"]


@pytest.mark.luigid
def test_a_truncated_raw_file_fails_its_subrun_and_nothing_else(make_night, luigid: int) -> None:
    night = make_night(runs=RUNS, options={"closing": {"keep_dl1a": "true"}})
    content = truncate(night, 4, 1)
    raw = night.r0(4, 1)
    result = night.luigi(port=luigid)
    assert result.returncode == 30, result.stdout

    # one clear text: run, subrun, file, cause, log
    (line,) = [line for line in result.stdout.splitlines() if "FAILED" in line]
    assert f"DL1A Run00004.0001: raw file {raw}: truncated" in line
    assert "copy it again" in line
    assert f"log: {night.analysis / 'log/Run00004.0001_DL1A.log'}" in result.stdout
    assert "Night 2024-03-02 (v0.12.3) is not closed." in result.stdout
    assert "Traceback" not in result.stdout

    # all that does not need it is made
    dl3 = night.base / "DL3/20240302/v0.12.3/tailcut84/nsb_tuning_0.14/std_cuts/Crab"
    assert (dl3 / "dl3_LST-1.Run00003.fits.gz").is_file()
    assert (night.base / "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00003.fits").is_file()
    subruns = {path.name[-7:-3] for path in night.analysis.glob("dl1_LST-1.Run00004.*.h5")}
    assert subruns == {"0000", "0002"}
    assert not night.flag.exists()
    assert night.leftovers() == []

    # luigid shows the text at this subrun, and its mates of the batch as done
    failed = rpc(luigid, "task_list", status="FAILED", upstream_status="")
    (task_id,) = failed
    assert failed[task_id]["name"] == "DL1A"
    assert failed[task_id]["params"]["subrun"] == "1"
    text = rpc(luigid, "fetch_error", task_id=task_id)["error"]
    assert "DL1A Run00004.0001" in text
    assert str(raw) in text
    done = rpc(luigid, "task_list", status="DONE", upstream_status="")
    mates = {
        task["params"]["subrun"]
        for task in done.values()
        if task["name"] == "DL1A" and task["params"]["run_id"] == "4"
    }
    assert {"0", "2"} <= mates

    # after the repair the same command makes just what lacked, and closes
    raw.write_bytes(content)
    before = night.whole_products()
    night.forget_calls()
    result = night.luigi(port=luigid)
    assert result.returncode == 0, result.stdout
    after = night.whole_products()
    assert {name: after[name] for name in before} == before
    assert len(night.calls("lstchain_data_r0_to_dl1")) == 1
    assert not any("Run00003" in " ".join(c) for c in night.calls("lstchain_create_dl3_file"))
    assert night.flag.is_file()


ALL = {"DL1B", "MergedDL1", "RunDatacheck", "MergedMuons", "DL2", "DL3"}


@pytest.mark.parametrize(
    ("tool", "lacking"),
    [
        ("merge_muon", {"MergedMuons"}),
        ("mc_trainpipe", {"DL2", "DL3"}),
        ("create_irf", {"DL3"}),
        ("merge_hdf5", {"MergedDL1", "DL2", "DL3"}),
        (r"check_dl1.*datacheck_dl1_", {"RunDatacheck"}),
        (r"dl1_to_dl2.*Run00003", {"DL2", "DL3"}),
    ],
)
def test_a_product_that_fails_stops_only_what_is_made_of_it(
    make_night, tool: str, lacking: set[str]
) -> None:
    night = make_night(runs=TINY)
    night.control(fail=[tool])
    result = night.luigi()
    assert result.returncode == 30, result.stdout
    assert made_of(night, 3) == ALL - lacking
    pages = list(night.base.rglob("DL1_datacheck_20240302.html"))
    assert bool(pages) == ("RunDatacheck" not in lacking)
    assert len([line for line in result.stdout.splitlines() if "FAILED" in line]) == 1
    assert not night.flag.exists()


@pytest.mark.parametrize(
    ("task", "made"),
    [("DL2Night", {"DL1B", "MergedDL1"}), ("NightlyClose", ALL - {"DL2", "DL3"})],
)
def test_random_forests_that_cannot_be_trained_are_tried_once_for_all_runs(
    make_night, task: str, made: set[str]
) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 2)))
    night.control(fail=["mc_trainpipe"])
    result = night.luigi(task)
    assert result.returncode == 30, result.stdout
    assert [made_of(night, run) for run in (3, 4)] == [made, made]
    assert len(night.calls("lstchain_mc_trainpipe")) == 1


def test_what_is_made_of_several_runs_does_not_wait_for_what_it_does_not_need(
    make_night,
) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 1)), sources={4: "Mrk 421"})
    night.control(fail=["create_dl3_file.*Run00004"])
    result = night.luigi()
    assert result.returncode == 30, result.stdout
    assert list(night.base.rglob("DL1_datacheck_20240302.html"))
    assert list(night.base.rglob("night_wise/v0.12.3/20240302/DL1_datacheck_20240302.h5"))
    assert [path.parent.name for path in night.base.rglob("obs-index.fits.gz")] == ["Crab"]
    assert not night.flag.exists()
    night.control()
    night.forget_calls()
    assert night.luigi().returncode == 0
    assert sorted(call[0] for call in night.calls()) == [
        "lstchain_create_dl3_file",
        "lstchain_create_dl3_index_files",
    ]


def test_a_run_that_cannot_be_cleaned_keeps_its_muons_and_stops_no_other_run(make_night) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 1)), sources={4: "Mrk 421"})
    night.control(fail=["find_tailcuts.*Run00004_Tailcuts"])
    result = night.luigi()
    assert result.returncode == 30, result.stdout
    assert made_of(night, 3) == ALL
    assert made_of(night, 4) == {"MergedMuons"}
    assert [path.parent.name for path in night.base.rglob("obs-index.fits.gz")] == ["Crab"]


@pytest.mark.parametrize(
    ("control", "cause"),
    [
        (
            {"fail": ["dl1ab"], "message": "line one\nValueError: the pixels are upside down"},
            "exit code 1: ValueError: the pixels are upside down",
        ),
        ({"damage": ["dl1ab"]}, "the command ended without error but its output is bad: "),
        ({"omit": ["dl1ab"]}, "the command ended without error but left no dl1_LST-1.Run00003"),
    ],
    ids=["fails with half a file", "ends well with half a file", "ends well without a file"],
)
def test_what_a_tool_leaves_is_never_taken_for_a_product_unless_it_is_one(
    make_night, control: dict[str, Any], cause: str
) -> None:
    night = make_night(runs=TINY)
    night.control(**control)
    result = night.luigi("CloseRun", "--run-id", "3")
    assert result.returncode == 30, result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "FAILED" in line]
    assert f"DL1B Run00003.0000: {cause}" in line
    assert str(night.analysis / ".scratch") not in line, "a name that is gone helps nobody"
    assert not list((night.base / "DL1").rglob("dl1_*"))
    assert night.leftovers() == []
    assert "Traceback" not in result.stdout
    night.control()
    night.forget_calls()
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert "lstchain_data_r0_to_dl1" not in {call[0] for call in night.calls()}


def test_the_last_lines_of_the_log_stand_in_the_error(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)))
    printed = [f"line {number}" for number in range(1, 21)]
    night.control(fail=["onsite_create_calibration_file"], message="\n".join(printed))
    result = night.luigi("CalibrateNight")
    assert result.returncode == 30
    assert "    | line 20" in result.stdout
    assert "    | line 14" in result.stdout
    assert "| line 2\n" not in result.stdout, "the last lines only"
    log = night.analysis / "log/Run00002_ChargeCalibration.log"
    assert f"log: {log}" in result.stdout
    assert "line 1\nline 2\n" in log.read_text(), "the log has them all"


def test_a_failure_is_on_record_and_the_next_attempt_counts_on(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)))
    night.control(fail=["onsite_create_drs4"], message="MemoryError: no")
    assert night.luigi("CalibrateNight").returncode == 30
    record = night.analysis / "records/Run00001_Drs4Pedestal.json"
    first = json.loads(record.read_text())
    assert (first["state"], first["attempt"], first["exit_code"]) == ("failed", 1, 1)
    assert first["cause"] == "not enough memory"
    night.control()
    assert night.luigi("CalibrateNight").returncode == 0
    second = json.loads(record.read_text())
    assert (second["state"], second["attempt"], second["cause"]) == ("done", 2, "")
