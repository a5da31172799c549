"""What operators decide about a night: it closes as decided, and only what depends is made anew."""

import collections
import json
import re
import shutil
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import MODEL, FakeNight
from tests.operators import decide, make, plan, printed, titles, with_summary
from tests.waiting import wait_until

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 3))
TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
CUTS = "DL1/20240302/v0.12.3/tailcut84"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night of two sources that is closed; each test leaves it closed, without decisions."""
    night = FakeNight(tmp_path_factory.mktemp("d") / "night", runs=RUNS, sources={4: "Mrk 421"})
    assert night.luigi().returncode == 0
    return night


# --- decided before anything is made ---------------------------------------------------------


def test_a_discarded_last_subrun_is_neither_needed_nor_missed(make_night) -> None:
    night = with_summary(make_night(runs=RUNS))
    night.control(fail=["Run00004.0002"])
    decide(night, "--discard", "4.2")
    before = plan(night)
    assert "DL1A Run00004.0001" in titles(before, "make")
    assert "DL1A Run00004.0002" not in titles(before, "make")
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert set(titles(before, "make")) <= set(printed(result.stdout))
    assert "2 runs, 4 subruns" in result.stdout
    assert "left out: subrun 00004.0002 is discarded (decision 1 of " in result.stdout
    assert json.loads(night.flag.read_text())["subruns"] == 4
    assert not [call for call in night.calls() if "Run00004.0002" in " ".join(call)]


def test_the_night_closes_without_a_vetoed_run_and_says_so(make_night) -> None:
    night = with_summary(make_night(runs=RUNS))
    decide(night, "--veto", "4")
    before = plan(night)
    assert not [title for title in titles(before, "make") if "Run00004" in title]
    (row,) = [row for row in before["runs"] if row["run"] == 4]
    assert row["treatment"].startswith("vetoed (decision 1 of ")
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert "1 run, 2 subruns" in result.stdout
    assert "left out: run 00004 is vetoed (decision 1 of " in result.stdout
    assert "told so)" in night.lstosa("show", "--date", night.date).stdout
    refused = night.luigi("CloseRun", "--run-id", "4")
    assert refused.returncode == ExitCode.SCHEDULING_ERROR
    assert "Run 00004 is vetoed (decision 1 of " in refused.stdout


def test_a_run_of_unknown_type_closes_the_night_once_its_type_is_decided(make_night) -> None:
    night = with_summary(make_night(runs=(*TINY, (4, "DATTA", 1)), sources={4: "Crab"}))
    answer = night.lstosa("plan", "--date", night.date)
    assert answer.returncode == ExitCode.SCHEDULING_ERROR
    assert "NOT PLANNED  Run 00004 is of the unknown type 'DATTA'" in answer.stdout
    text = night.run_summary.read_text()
    decide(night, "--set-type", "4", "DATA")
    assert "DL1A Run00004.0000" in make(night)
    assert night.run_summary.read_text() == text


def test_an_edited_run_summary_is_honoured_beside_a_decision(make_night) -> None:
    night = with_summary(make_night(runs=RUNS))
    decide(night, "--discard", "4.2")
    text = night.run_summary.read_text()
    night.run_summary.write_text(
        text.replace("4,3,DATA", "4,2,DATA").replace("3,2,DATA", "3,1,DATA")
    )
    assert [title for title in make(night) if title.startswith("DL1A")] == [
        "DL1A Run00003.0000",
        "DL1A Run00004.0000",
        "DL1A Run00004.0001",
    ]


def test_forced_calibration_is_what_the_data_are_calibrated_with(make_night) -> None:
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (5, "DRS4", 1), (6, "PEDCALIB", 1))
    night = with_summary(make_night(runs=runs))
    decide(night, "--drs4", "1")
    decide(night, "--pedcalib", "2")
    decide(night, "--time-calibration", "1")
    choices = {choice["name"]: choice for choice in plan(night)["choices"]}
    assert choices["DRS4 run"]["value"] == {"date": night.date, "number": 1}
    assert [run["number"] for run in choices["DRS4 run"]["candidates"]] == [1, 5]
    assert choices["PEDCALIB run"]["value"]["number"] == 2
    assert choices["PEDCALIB run"]["reason"].startswith("forced by decision 2 of ")
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    (call,) = night.calls("lstchain_data_r0_to_dl1")
    assert any("drs4_pedestal.Run00001" in word for word in call)
    assert any("calibration_filters_52.Run00002" in word for word in call)


def test_forced_cleaning_needs_no_search_for_it(make_night) -> None:
    night = with_summary(make_night(runs=TINY))
    config = night.root / "dl1ab_Run00099.json"
    cuts = {"picture_thresh": 10, "boundary_thresh": 5}
    config.write_text(json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts}))
    decide(night, "--tailcuts", str(config), "--run", "3")
    make(night)
    assert night.calls("lstchain_find_tailcuts") == []
    (call,) = night.calls("lstchain_dl1ab")
    assert f"--config={config}" in call
    assert (night.base / "DL1/20240302/v0.12.3/tailcut1005/dl1_LST-1.Run00003.h5").is_file()


# --- decided when the night is closed already ------------------------------------------------


def test_what_holds_a_subrun_is_made_again_without_it_and_nothing_else(closed: FakeNight) -> None:
    before = closed.whole_products()
    decide(closed, "--discard", "4.1")
    assert closed.lstosa("show", "--date", closed.date).returncode == ExitCode.NOT_RUN
    planned = plan(closed)
    again = titles(planned, "again")
    assert titles(planned, "make") == []
    assert again == [
        "CherenkovTransparency 20240302",
        "DL1A Run00004.0000",  # since closing, links to DL1b are in their places
        "DL1A Run00004.0002",
        "DL1B Run00004.0000",
        "DL1B Run00004.0002",
        "DL1Check Run00004.0000",
        "DL1Check Run00004.0002",
        "DL2 Run00004",
        "DL3 Run00004",
        "DL3Index tailcut84_nsb_tuning_0.14_Mrk 421",
        "LongtermDatacheck 20240302",
        "MergedDL1 Run00004",
        "MergedMuons Run00004",
        "RunDatacheck Run00004",
        "Tailcuts Run00004",
    ]
    assert make(closed) == again
    after = closed.whole_products()
    same = {name for name in before if before[name] == after.get(name)}
    assert {name for name in before if "Run00003" in name} <= same
    record = json.loads((closed.analysis / "records/Run00004_MergedDL1.json").read_text())
    assert [Path(name).name for name in record["inputs"]] == [
        "dl1_LST-1.Run00004.0000.h5",
        "dl1_LST-1.Run00004.0002.h5",
    ]
    assert make(closed) == [], "closed again"
    decide(closed, "--undo", "1")
    of_subrun = {f"{product} Run00004.0001" for product in ("DL1A", "DL1B", "DL1Check")}
    assert set(make(closed)) == {*again, *of_subrun}
    assert make(closed) == []


def test_veto_of_a_closed_night_changes_what_is_made_of_several_runs_only(
    closed: FakeNight,
) -> None:
    decide(closed, "--veto", "4")
    of_several = ["CherenkovTransparency 20240302", "LongtermDatacheck 20240302"]
    assert make(closed) == of_several
    assert (closed.base / CUTS / "dl1_LST-1.Run00004.h5").is_file(), "what was made stays"
    decide(closed, "--unveto", "4")
    assert make(closed) == of_several


def test_an_undone_decision_leaves_the_plan_as_it_was(closed: FakeNight) -> None:
    closed.flag.unlink()
    before = plan(closed, "--commands")
    number = len(
        json.loads(closed.lstosa("decide", "--date", closed.date, "--json").stdout)["decisions"]
    )
    for words in (
        ("--discard", "3.1"),
        ("--discard", "4"),
        ("--set-type", "1", "ERROR"),
        ("--veto", "3"),
        ("--accept-incomplete",),
    ):
        decide(closed, *words)
        number += 1
        answer = closed.lstosa("plan", "--date", closed.date, "--json", "--commands")
        assert json.loads(answer.stdout) != before
        decide(closed, "--undo", str(number))
        assert plan(closed, "--commands") == before
    assert make(closed) == []


def test_another_drs4_run_has_everything_made_again_that_is_calibrated_with_it(make_night) -> None:
    night = make_night(runs=(*TINY, (5, "DRS4", 1)))
    first = collections.Counter(make(night))
    decide(night, "--drs4", "1")
    made = make(night)
    fixed = ("RunSummary", "PointedRunSummary", "RandomForests", "TestingDL2", "IRF")
    assert made == sorted(
        title.replace("Drs4Pedestal Run00005", "Drs4Pedestal Run00001")
        for title in first
        if not title.startswith(fixed)
    )
    assert make(night) == []


def test_other_random_forests_of_the_same_level_have_the_events_made_again(make_night) -> None:
    """Directories of DL2 are named after the level alone."""
    night = make_night(runs=TINY)
    level, line = MODEL.split("/")
    for dataset in ("TrainingDataset", "TestingDataset"):
        root = night.base / "mc/DL1/AllSky" / level / dataset
        shutil.copytree(root / line, root / "dec_4822")
    first = make(night)
    decide(night, "--rf-model", f"{level}/dec_4822", "--run", "3")
    made = make(night)
    assert {"DL2 Run00003", "DL3 Run00003", "DL3Index tailcut84_nsb_tuning_0.14_Crab"} < set(made)
    assert not [title for title in made if title.startswith(("DL1", "Merged", "Longterm"))]
    call = night.calls("lstchain_dl1_to_dl2")[-1]
    assert any(word.endswith("dec_4822") for word in call)
    decide(night, "--undo", "1")
    assert set(make(night)) <= set(first)


@pytest.mark.luigid
def test_a_real_luigid_is_told_what_is_made_again(make_night, luigid: int) -> None:
    night = with_summary(make_night(runs=(*TINY, (4, "DATA", 1))))
    decide(night, "--veto", "4")
    assert night.luigi(port=luigid).returncode == 0
    decide(night, "--unveto", "4")
    night.forget_calls()
    result = night.luigi(port=luigid)
    assert result.returncode == 0, result.stdout
    assert "LongtermDatacheck 20240302" in printed(result.stdout), "named only once 4 is cleaned"
    assert set(night.made().values()) == {1}
    decide(night, "--discard", "4")
    result = night.luigi(port=luigid)
    assert result.returncode == 0, result.stdout
    assert printed(result.stdout) == [
        "CherenkovTransparency 20240302",
        "DL3Index tailcut84_nsb_tuning_0.14_Crab",
        "LongtermDatacheck 20240302",
    ]


def test_what_is_made_of_a_run_that_was_renewed_by_itself_follows_later(make_night) -> None:
    night = make_night(runs=(*TINY[:2], (3, "DATA", 2)))
    make(night)
    decide(night, "--discard", "3.1")
    result = night.luigi("CloseRun", "--run-id", "3")
    assert result.returncode == 0, result.stdout
    assert "MergedDL1 Run00003" in printed(result.stdout)
    assert make(night) == [
        "CherenkovTransparency 20240302",
        "DL3Index tailcut84_nsb_tuning_0.14_Crab",
        "LongtermDatacheck 20240302",
    ]


def test_without_decisions_nothing_is_made_again(make_night) -> None:
    """A product counts as made when its file is there, whatever happened to its inputs since."""
    night = make_night(runs=TINY)
    make(night)
    later = "drs4_time_sampling_from_FF/20240201/pro/time_calibration.Run00002.0000.h5"
    path = night.base / "monitoring/PixelCalibration/Cat-A" / later
    path.parent.mkdir(parents=True)
    path.write_bytes((night.environment / "templates/template.h5").read_bytes())
    night.flag.unlink()
    assert make(night) == []
    decide(night, "--rf-model", "20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276")
    assert make(night) == [], "the decision is about something else"


def test_what_is_decided_while_a_command_is_at_work_holds_for_what_it_has_in_hand(
    make_night,
) -> None:
    night = make_night(runs=RUNS)
    night.control(delay={"lstchain_merge_hdf5_files": 5})
    process = night.start()
    try:
        parts = night.base / CUTS
        wait_until(lambda: len(list(parts.glob("dl1_LST-1.Run00004.????.h5"))) >= 3)
        decide(night, "--discard", "4.1")
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, output
    record = json.loads((night.analysis / "records/Run00004_MergedDL1.json").read_text())
    assert [Path(name).name for name in record["inputs"]] == [
        "dl1_LST-1.Run00004.0000.h5",
        "dl1_LST-1.Run00004.0002.h5",
    ]
    assert record["decided"] == ["discard subrun 00004.0001"]
    assert set(titles(plan(night), "there")) == set(
        titles(plan(night), *["there", "make", "again"])
    )


# --- closed with what there is ---------------------------------------------------------------


def test_an_accepted_night_closes_with_what_there_is_and_says_what_lacks(make_night) -> None:
    night = make_night(runs=RUNS)
    night.control(fail=["Run00004.0001"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    decide(night, "--accept-incomplete")
    night.forget_calls()
    planned = plan(night)
    assert titles(planned, "make", "again") == []
    assert "DL1A Run00004.0001" in titles(planned, "left")
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert night.calls() == []
    assert "accepted as incomplete, without DL1A Run00004.0001, " in result.stdout
    shown = night.lstosa("show", "--date", night.date)
    assert shown.returncode == ExitCode.OK
    assert re.search(r"^DL1A +4/5 ", shown.stdout, re.M), "what lacks is shown all the same"
    night.control()
    decide(night, "--undo", "1")
    assert "DL3 Run00004" in make(night)


def test_another_decision_makes_an_acceptance_void(make_night) -> None:
    night = make_night(runs=RUNS)
    night.control(fail=["Run00004.0001"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    decide(night, "--accept-incomplete")
    assert night.luigi().returncode == 0
    decide(night, "--discard", "4.1")
    assert "MergedDL1 Run00004" in make(night)


# --- messages --------------------------------------------------------------------------------


def test_a_damaged_file_of_decisions_stops_the_night_with_one_line(make_night) -> None:
    night = with_summary(make_night(runs=TINY))
    decide(night, "--discard", "3")
    (file,) = night.base.rglob("Decisions_*.yaml")
    file.write_text(file.read_text()[:-30] + "\n  : [")
    for arguments in (("plan",), ("show",), ("decide",)):
        answer = night.lstosa(*arguments, "--date", night.date)
        assert answer.returncode == ExitCode.TASK_FAILED
        assert answer.stderr.startswith(f"lstosa {arguments[0]}: {file}: ")
        assert answer.stderr.count("\n") == 1
    result = night.luigi()
    assert result.returncode == ExitCode.SCHEDULING_ERROR
    assert f"NOT PLANNED  NightlyClose 2024-03-02 (v0.12.3): {file}: " in result.stdout
