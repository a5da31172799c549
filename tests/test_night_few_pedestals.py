"""A run of too few interleaved events: refused by the tool itself, and what the night does then."""

import json
import re
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight
from tests.operators import decide, make, plan, printed

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (4, "DATA", 2), (5, "DATA", 1))
DL1 = "DL1/20240302/v0.12.3"
REASON = "only 20 interleaved pedestals per subrun (2 subruns; 100 are needed)"
COMMON = "DL1/datacheck_files/20240302"


def night_of(make_night, few: dict[str, int], cuts: dict[str, int] | None = None, **fallback: str):
    options = {"fallback": fallback}
    if "catB" in fallback:
        options["lstchain"] = {"apply_catB_calibration": "True"}
    night = make_night(runs=RUNS, options=options)
    night.control(few=few, cuts=cuts or {})
    return night


def choice(planned: dict, name: str, run: int) -> dict:
    (found,) = [c for c in planned["choices"] if (c["name"], c["run"]) == (name, run)]
    return found


def cleaned_with(night: FakeNight, run: int) -> set[str]:
    calls = [
        " ".join(call) for call in night.calls("lstchain_dl1ab") if f"Run{run:05d}" in str(call)
    ]
    return {re.search(r"--config=(\S+)", call)[1] for call in calls}


# --- no fallback -----------------------------------------------------------------------------


def test_without_fallback_the_night_stays_open_and_the_reason_is_the_tools_own(make_night) -> None:
    night = night_of(make_night, {"4": 20})
    result = night.luigi()
    assert result.returncode == ExitCode.TASK_FAILED
    assert f"FAILED  Tailcuts Run00004: {REASON}\n" in result.stdout
    record = json.loads((night.analysis / "records/Run00004_Tailcuts.json").read_text())
    assert (record["state"], record["cause"], record["is_permanent"]) == ("failed", REASON, True)
    assert (night.base / DL1 / "tailcut84/dl1_LST-1.Run00005.h5").is_file(), "others go on"
    assert not list(night.base.rglob("refused")), "nothing is decided"
    assert night.lstosa("show", "--date", night.date).returncode == ExitCode.NOT_RUN


# --- fallbacks -------------------------------------------------------------------------------


def test_standard_cleaning_closes_the_night_and_says_so(make_night) -> None:
    night = night_of(make_night, {"4": 20}, {"3": 10, "5": 10}, tailcuts="standard")
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert f"Tailcuts Run00004: refused: {REASON}" in printed(result.stdout)
    said = (
        "run 00004: standard cleaning and no NSB counted, because its tailcuts could not be "
        f"found: {REASON}"
    )
    assert f"  fallback: {said}" in result.stdout
    assert json.loads(night.flag.read_text())["fallbacks"] == [said]
    assert cleaned_with(night, 4) == {
        str(next(night.environment.rglob("lstchain_standard_config.json")))
    }
    assert (night.base / DL1 / "tailcut84/dl1_LST-1.Run00004.h5").is_file()
    assert (night.base / DL1 / "tailcut1005/dl1_LST-1.Run00003.h5").is_file()
    assert list(night.base.glob("DL3/**/tailcut84/**/dl3_LST-1.Run00004.fits.gz"))
    cleaning = choice(plan(night), "cleaning", 4)
    assert cleaning["value"]["dl1_prod"] == "tailcut84"
    assert cleaning["value"]["fallback"] == "standard"
    assert f"run 00004: {cleaning['reason']}" == said
    assert night.lstosa("show", "--date", night.date).returncode == 0
    night.flag.unlink()
    night.forget_calls()
    assert make(night) == [], "a refusal is not asked for again"


def test_previous_takes_the_tailcuts_of_the_nearest_run_before_that_has_them(make_night) -> None:
    night = night_of(make_night, {"4": 20, "5": 30}, {"3": 12}, tailcuts="previous")
    make(night)
    config = str(night.base / "auxiliary/TailCuts/dl1ab_Run00003.json")
    assert cleaned_with(night, 4) == cleaned_with(night, 5) == {config}
    cleaning = choice(plan(night), "cleaning", 5)
    assert cleaning["value"]["dl1_prod"] == "tailcut1206"
    assert cleaning["reason"].startswith("cleaned like run 00003 before it, because")


def test_previous_of_the_first_run_is_nothing_and_the_plan_says_what_to_do(make_night) -> None:
    night = night_of(make_night, {"3": 20}, tailcuts="previous")
    result = night.luigi()
    assert result.returncode in (ExitCode.TASK_FAILED, ExitCode.SCHEDULING_ERROR)
    assert "no run before run 00003 has tailcuts that it could get, because" in result.stdout
    assert "lstosa decide --date 2024-03-02 --run 3 --tailcuts FILE" in result.stdout
    planned = night.lstosa("plan", "--date", night.date)
    assert planned.returncode == ExitCode.SCHEDULING_ERROR
    assert "NOT PLANNED  RunProducts Run00003: Run 00003 cannot be cleaned" in planned.stdout
    assert (night.base / DL1 / "tailcut84/dl1_LST-1.Run00004.h5").is_file(), "others go on"


def test_without_cat_b_a_run_goes_on_with_cat_a_and_says_so(make_night) -> None:
    night = night_of(make_night, {"4": 20}, tailcuts="standard", catB="without")
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    reason = "not enough calibration events in the run (collected: 50 flat fields and 20"
    assert f"run 00004: no Cat-B, because it could not be made: {reason}" in result.stdout
    calls = {
        run: str([c for c in night.calls("lstchain_dl1ab") if run in str(c)])
        for run in ("Run00003", "Run00004")
    }
    assert "--catB-calibration-file=" in calls["Run00003"]
    assert "--catB-calibration-file=" not in calls["Run00004"]
    assert choice(plan(night), "Cat-B", 4)["value"] is None


def test_a_failure_that_is_no_verdict_triggers_no_fallback(make_night) -> None:
    night = make_night(runs=RUNS, options={"fallback": {"tailcuts": "standard"}})
    night.control(fail=["find_tailcuts.*--run=4"], message="OSError: [Errno 28] No space left")
    result = night.luigi()
    assert result.returncode == ExitCode.TASK_FAILED
    assert "FAILED  Tailcuts Run00004" in result.stdout
    assert not list(night.base.rglob("refused/*"))
    night.control()
    assert "Tailcuts Run00004" in make(night)
    assert json.loads(night.flag.read_text())["fallbacks"] == []


# --- what becomes known later ----------------------------------------------------------------


def found_later(night: FakeNight, run: int, picture: int) -> None:
    """Put tailcuts of a run where lstchain puts them."""
    directory = night.base / "auxiliary/TailCuts"
    cuts = {"picture_thresh": picture, "boundary_thresh": picture // 2}
    text = json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts})
    (directory / f"dl1ab_Run{run:05d}.json").write_text(text)
    log = directory / f"log_find_tailcuts_Run{run:05d}.log"
    log.write_text("Additional NSB rate (over dark MC): 0.1300 p.e./ns\n")


def products_of(night: FakeNight, run: int) -> list[str]:
    return [name for name in night.products() if f"Run{run:05d}" in name and "tailcut" in name]


@pytest.mark.parametrize(("picture", "place"), [(8, "tailcut84"), (10, "tailcut1005")])
def test_tailcuts_that_appear_later_count_and_nothing_is_mixed(make_night, picture, place) -> None:
    night = night_of(make_night, {"4": 20}, tailcuts="standard")
    make(night)
    found_later(night, 4, picture)
    shown = night.lstosa("show", "--date", night.date)
    assert shown.returncode == ExitCode.NOT_RUN
    assert f"run 00004 is cleaned as {place} by now, not as tailcut84 (standard)" in shown.stdout
    again = make(night)
    assert {"DL1B Run00004.0000", "DL1B Run00004.0001", "MergedDL1 Run00004"} <= set(again)
    assert {"LongtermDatacheck 20240302", "DL3 Run00004"} <= set(again)
    assert not [title for title in again if "Run00003" in title or "Run00005" in title]
    config = str(night.base / "auxiliary/TailCuts/dl1ab_Run00004.json")
    record = json.loads((night.analysis / "records/Run00004.0001_DL1B.json").read_text())
    assert config in record["inputs"]
    assert make(night) == []


def test_forced_tailcuts_count_before_any_fallback(make_night) -> None:
    night = night_of(make_night, {"4": 20}, tailcuts="standard")
    make(night)
    config = night.root / "dl1ab_Run00099.json"
    cuts = {"picture_thresh": 14, "boundary_thresh": 7}
    config.write_text(json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts}))
    decide(night, "--tailcuts", str(config), "--run", "4")
    assert "DL1B Run00004.0001" in make(night)
    assert (night.base / DL1 / "tailcut1407/dl1_LST-1.Run00004.h5").is_file()
    assert json.loads(night.flag.read_text())["fallbacks"] == []


# --- another cleaning ------------------------------------------------------------------------


def links_to(night: FakeNight, run: int, place: str) -> list[str]:
    return [
        at
        for at, to in night.links().items()
        if f"Run{run:05d}" in at and f"/{place}/" in f"/{to}/"
    ]


def test_a_run_that_is_cleaned_anew_is_not_mixed_with_what_it_was_before(make_night) -> None:
    night = make_night(runs=RUNS)
    make(night)
    before = night.whole_products()
    tailcuts = night.base / "auxiliary/TailCuts"
    (tailcuts / "dl1ab_Run00004.json").unlink()
    (tailcuts / "log_find_tailcuts_Run00004.log").unlink()
    night.control(cuts={"4": 10})
    night.flag.unlink()
    again = make(night)
    for title in (
        "Tailcuts Run00004",
        "DL1B Run00004.0001",
        "MergedDL1 Run00004",
        "RunDatacheck Run00004",
        "LongtermDatacheck 20240302",
        "CherenkovTransparency 20240302",
        "DL2 Run00004",
        "DL3 Run00004",
        "DL3Index tailcut84_nsb_tuning_0.14_Crab",
        "DL3Index tailcut1005_nsb_tuning_0.14_Crab",
    ):
        assert title in again
    assert not [title for title in again if "Run00003" in title or "Run00005" in title]
    after = night.whole_products()
    old = {name for name in before if "tailcut84" in name and "Run00004" in name}
    assert old
    assert {before[name] == after.get(name) for name in old} == {True}, "nothing old is deleted"
    assert links_to(night, 4, "tailcut84") == []
    # DL1a, DL1b and datachecks of 2, table, plot
    assert len(links_to(night, 4, "tailcut1005")) == 8
    record = json.loads((night.analysis / "records/20240302_LongtermDatacheck.json").read_text())
    assert {Path(n).parts[-3] for n in record["inputs"] if "Run00004" in n} == {"tailcut1005"}
    name = "tailcut84_nsb_tuning_0.14_Crab_DL3Index"
    record = json.loads((night.analysis / f"records/{name}.json").read_text())
    assert [Path(n).name[13:18] for n in record["inputs"]] == ["00003", "00005"]
    cleaning = choice(plan(night), "cleaning", 4)
    assert cleaning["value"]["dl1_prod"] == "tailcut1005"
    assert cleaning["reason"] == (
        "found for run 00004; what there is of it in tailcut84, tailcut84/nsb_tuning_0.14 does "
        "not count"
    )
    shown = night.lstosa("show", "--date", night.date)
    assert "run 00004: what there is of it in tailcut84, tailcut84/nsb_tuning_0.14 does" in (
        shown.stdout
    )
    assert make(night) == []

    # and back: nothing of DL1b is to be made, so no job renews the links
    found_later(night, 4, 8)
    shown = night.lstosa("show", "--date", night.date)
    assert "run 00004 is cleaned as tailcut84 by now, not as tailcut1005" in shown.stdout
    back = make(night)
    assert "LongtermDatacheck 20240302" in back
    assert not [title for title in back if title.startswith("DL1B")]
    assert len(links_to(night, 4, "tailcut84")) >= 4
    assert [at for at in links_to(night, 4, "tailcut1005") if at.startswith(COMMON)] == []
    assert make(night) == []
