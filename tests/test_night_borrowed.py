"""A night without a calibration run borrows one, whose products lie in its own night."""

import collections
import shutil

import pytest

from tests.fakes.night import FakeNight
from tests.observation.tables import summary_text

CAT_A = "monitoring/PixelCalibration/Cat-A"
DRS4 = f"{CAT_A}/drs4_baseline"
CHARGE = f"{CAT_A}/calibration"
BEFORE = "2024-03-01"
RUNS_BEFORE = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
NO_DRS4 = ((12, "PEDCALIB", 1), (13, "DATA", 2))
NO_PEDCALIB = ((11, "DRS4", 1), (13, "DATA", 2))
DATA_ONLY = ((13, "DATA", 2),)


def calibration_files(night: FakeNight) -> list[str]:
    """Return the baselines and charge calibrations that there are, by date, version and name."""
    found = [
        path for kind in (DRS4, CHARGE) for path in sorted((night.base / kind).glob("*/v*/*.h5"))
    ]
    return ["/".join(path.parts[-3:]) for path in found]


def given_to_dl1a(night: FakeNight, option: str) -> set[str]:
    calls = night.calls("lstchain_data_r0_to_dl1")
    return {
        word.partition("=")[2].removeprefix(f"{night.base}/")
        for call in calls
        for word in call
        if word.startswith(f"--{option}=")
    }


def counts(night: FakeNight) -> collections.Counter[str]:
    return collections.Counter(call[0] for call in night.calls())


def test_night_without_drs4_run_borrows_that_of_the_night_before(make_night) -> None:
    night = make_night(runs=NO_DRS4)
    before = night.add_night(BEFORE, RUNS_BEFORE)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert night.flag.exists()
    assert calibration_files(night) == [
        "20240301/v0.12.3/drs4_pedestal.Run00001.0000.h5",
        "20240302/v0.12.3/calibration_filters_52.Run00012.0000.h5",
    ]
    baseline = f"{DRS4}/20240301/v0.12.3/drs4_pedestal.Run00001.0000.h5"
    assert given_to_dl1a(night, "pedestal-file") == {baseline}
    (call,) = night.calls("onsite_create_calibration_file")
    assert call[1:5] == ["-p", "00001", "-r", "00012"]
    assert (night.base / DRS4 / "20240301/pro").resolve().name == "v0.12.3"
    # what is made of the other night lies in its place, and nothing more of it is made
    assert before.run_summary.exists()
    assert (before.analysis / "records/Run00001_Drs4Pedestal.json").exists()
    assert sorted(path.name for path in (before.analysis / "records").iterdir()) == [
        "20240301_RunSummary.json",
        "Run00001_Drs4Pedestal.json",
    ]
    assert set(night.made().values()) == {1}
    assert night.leftovers() == []


def test_night_without_any_calibration_run_gets_that_which_the_night_before_has(make_night) -> None:
    night = make_night(runs=DATA_ONLY)
    before = night.add_night(BEFORE, RUNS_BEFORE)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    made = [
        "20240301/v0.12.3/drs4_pedestal.Run00001.0000.h5",
        "20240301/v0.12.3/calibration_filters_52.Run00002.0000.h5",
    ]
    assert calibration_files(night) == made
    assert given_to_dl1a(night, "calibration-file") == {f"{CHARGE}/{made[1]}"}
    night.forget_calls()
    assert before.luigi("CalibrateNight").returncode == 0
    assert not counts(night), "the night before finds its own calibration"


def test_borrowed_pedcalib_run_is_calibrated_with_the_baseline_of_its_own_night(make_night) -> None:
    night = make_night(runs=NO_PEDCALIB)
    night.add_night(BEFORE, RUNS_BEFORE)
    result = night.luigi("CloseRun", "--run-id", "13")
    assert result.returncode == 0, result.stdout
    (call,) = night.calls("onsite_create_calibration_file")
    assert call[1:5] == ["-p", "00001", "-r", "00002"]
    assert given_to_dl1a(night, "pedestal-file") == {
        f"{DRS4}/20240302/v0.12.3/drs4_pedestal.Run00011.0000.h5"
    }
    assert given_to_dl1a(night, "calibration-file") == {
        f"{CHARGE}/20240301/v0.12.3/calibration_filters_52.Run00002.0000.h5"
    }


def test_what_another_version_alike_made_is_used_though_its_raw_data_are_gone(make_night) -> None:
    night = make_night(runs=DATA_ONLY)
    before = night.add_night(BEFORE, RUNS_BEFORE)
    before.run_summary.parent.mkdir(parents=True, exist_ok=True)
    before.run_summary.write_text(
        summary_text([(run, subruns, kind) for run, kind, subruns in RUNS_BEFORE])
    )
    shutil.rmtree(before.r0(1, 0).parent)
    there = [
        f"{DRS4}/20240301/v0.12.1/drs4_pedestal.Run00001.0000.h5",
        f"{CHARGE}/20240301/v0.12.1/calibration_filters_20.Run00002.0000.h5",
    ]
    for name in there:
        (night.base / name).parent.mkdir(parents=True)
        shutil.copyfile(night.environment / "templates/template.h5", night.base / name)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert given_to_dl1a(night, "pedestal-file") == {there[0]}
    assert given_to_dl1a(night, "calibration-file") == {there[1]}
    assert not {name for name in counts(night) if name.startswith("onsite")}


def test_catb_takes_the_borrowed_calibration(make_night) -> None:
    night = make_night(
        runs=((13, "DATA", 1),), options={"lstchain": {"apply_catB_calibration": "true"}}
    )
    night.add_night(BEFORE, RUNS_BEFORE)
    result = night.luigi("CloseRun", "--run-id", "13")
    assert result.returncode == 0, result.stdout
    (call,) = night.calls("onsite_create_cat_B_calibration_file")
    assert "--catA_calibration_run=2" in call
    assert (
        night.base / "monitoring/PixelCalibration/Cat-B/calibration/20240302/v0.12.3"
        "/cat_B_calibration_filters_52.Run00013.h5"
    ).is_file()


def test_if_no_night_has_a_run_those_that_were_searched_are_named(make_night) -> None:
    night = make_night(runs=NO_DRS4)
    night.add_night("2024-02-26", RUNS_BEFORE)  # a day too early
    night.add_night("2024-02-29", ((5, "PEDCALIB", 1),))
    result = night.luigi()
    assert result.returncode == 20
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("MISSING")]
    assert line == (
        f"MISSING  No DRS4 run on 2024-03-02 ({night.run_summary}), nor on the 4 nights before, "
        "back to 2024-02-27 (no run summary of 2024-03-01, 2024-02-28, 2024-02-27): the data "
        "cannot be calibrated. Correct the type of a run there, or set [calibration] max_days_back "
        "to look further back."
    )
    night.write_config(calibration={"max_days_back": "5"})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert "20240226/v0.12.3/drs4_pedestal.Run00001.0000.h5" in calibration_files(night)


def test_damaged_run_summary_of_an_earlier_night_is_named(make_night) -> None:
    night = make_night(runs=NO_DRS4)
    before = night.add_night(BEFORE, RUNS_BEFORE)
    before.run_summary.parent.mkdir(parents=True, exist_ok=True)
    before.run_summary.write_text(summary_text([(1, 1, "DRS4")])[:-2])
    result = night.luigi()
    assert result.returncode == 30
    assert f"{before.run_summary}: cannot be read as a run summary" in result.stdout
    assert "Traceback" not in result.stdout
    before.run_summary.unlink()
    assert night.luigi().returncode == 0


def test_damaged_run_catalogue_stops_neither_its_own_calibration_nor_nights_that_borrow(
    make_night,
) -> None:
    night = make_night(runs=DATA_ONLY)
    before = night.add_night(BEFORE, RUNS_BEFORE)
    catalog = night.base / "monitoring/RunCatalog/RunCatalog_20240301.ecsv"
    catalog.write_text("cut")
    result = before.luigi("CalibrateNight")
    assert result.returncode == 0, result.stdout
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    result = before.luigi()
    assert result.returncode == 35
    assert f"{catalog}: cannot be read as a run catalogue" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(("filters", "second"), [("20", "52"), ("52", "52")])
def test_after_a_failure_with_other_filters_the_standard_ones_are_tried(
    make_night, filters: str, second: str
) -> None:
    night = make_night(options={"lstchain": {"filters": filters}})
    night.control(fail=["onsite_create_calibration_file"])
    assert night.luigi("CalibrateNight").returncode == 30
    night.control()
    result = night.luigi("CloseRun", "--run-id", "3")
    assert result.returncode == 0, result.stdout
    tried = [call[-1] for call in night.calls("onsite_create_calibration_file")]
    assert tried == [f"--filters={filters}", f"--filters={second}"]
    assert given_to_dl1a(night, "calibration-file") == {
        f"{CHARGE}/20240302/v0.12.3/calibration_filters_{second}.Run00002.0000.h5"
    }


def test_baseline_that_was_removed_is_made_again_for_the_data(fake_night: FakeNight) -> None:
    assert fake_night.luigi("CalibrateNight").returncode == 0
    baseline = fake_night.base / DRS4 / "20240302/v0.12.3/drs4_pedestal.Run00001.0000.h5"
    baseline.unlink()
    result = fake_night.luigi("CloseRun", "--run-id", "3")
    assert result.returncode == 0, result.stdout
    assert baseline.is_file()
    assert len(fake_night.calls("onsite_create_calibration_file")) == 1


def test_run_that_the_night_before_lists_as_well_is_one_of_the_night(make_night) -> None:
    night = make_night(runs=((11, "DRS4", 1), (12, "PEDCALIB", 1), (13, "DATA", 1)))
    before = night.add_night(BEFORE, RUNS_BEFORE)
    rows = [(run, subruns, kind) for run, kind, subruns in (*RUNS_BEFORE, *night.runs)]
    before.run_summary.parent.mkdir(parents=True, exist_ok=True)
    before.run_summary.write_text(summary_text(rows))
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert not list(night.base.glob("*/20240301/v0.12.3"))
