"""Nights unlike the others, with the real tools: the plan says how, and then they close."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.operators import decide, plan, printed, titles
from tests.real.conftest import FLAT as LENDER
from tests.real.conftest import PROD, Copy, MadeNight, copy_of, modified
from tests.real.special import CAT_A, CAT_B, IMAGES, PARAMETERS, RECONSTRUCTED, Special, simulate
from tests.real.tables import differences, read_ecsv, read_hdf5

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(3600)]

FORESTS = "20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276"

SAMPLES = 8
"""That are summed for the charge of a pixel (lstchain's standard config, LocalPeakWindowSum)."""


def prepare_borrowing(night: Copy) -> None:
    """No DRS4 run; Cat-B is asked for; the last subrun of a run is bad."""
    night.set(
        "lstchain",
        apply_catB_calibration="true",
        catB_calibration="onsite_create_cat_B_calibration_file --statistics=50",
    )
    simulate(night, "--first-run", "11", "--no-drs4-run")
    decide(night, "--discard", "14.1")
    cuts = night.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    decide(night, "--tailcuts", str(cuts), "--run", "14")


NIGHTS = {"2024-03-03": prepare_borrowing}
"""By their dates, near enough to the made night for its calibration and random forests."""


@pytest.fixture(scope="module")
def nights(
    made_night: MadeNight, tools_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Special]]:
    """Plan each night, then close all at once: one alone often waits for its longest command."""
    found = {}
    for date, prepare in NIGHTS.items():
        root = tmp_path_factory.mktemp(date)
        night = copy_of(made_night, tools_environment, root, date)
        prepare(night)
        found[date] = Special(night, plan(night, "--commands"))
    running = {
        date: special.night.start("NightlyClose", special.night.root / "printed.txt")
        for date, special in found.items()
    }
    try:
        for date, process in running.items():
            code = process.wait()
            said = (found[date].night.root / "printed.txt").read_text()
            found[date] = dataclasses.replace(found[date], code=code, printed=said)
        yield found
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


@pytest.fixture(params=NIGHTS)
def any_night(nights: dict[str, Special], request: pytest.FixtureRequest) -> Special:
    return nights[request.param]


@pytest.fixture
def borrowing(nights: dict[str, Special]) -> Special:
    return nights["2024-03-03"]


# --- any of them -----------------------------------------------------------------------------


def test_the_night_closes_as_planned(any_night: Special) -> None:
    planned, made = any_night.planned, printed(any_night.printed)
    assert any_night.code == 0, any_night.printed
    assert any_night.flag["lacking"] == []
    assert (planned["problems"], planned["missing"]) == ([], [])
    assert titles(planned, "again", "blocked", "left") == []
    assert len(set(made)) == len(made)
    assert set(titles(planned, "make")) <= set(made)
    assert not set(titles(planned, "there")) & set(made)
    # the lender, the simulated events and the random forests serve as they are
    assert not [t for t in made if t.startswith(("Drs4Pedestal", "RandomForests", "TestingDL2"))]
    assert list(any_night.base.rglob(".scratch")) == []


def test_each_product_is_made_by_the_command_that_was_planned(any_night: Special) -> None:
    planned = {
        item["title"]: item["command"]
        for item in any_night.planned["products"]
        if item["state"] == "make"
    }
    records = any_night.records()
    assert {title: records[title]["argv"] for title in planned} == planned


def test_events_of_each_run_reach_dl3(any_night: Special) -> None:
    assert any_night.runs
    for run in any_night.runs:
        merged = read_hdf5(any_night.dl1b(f"Run{run:05d}"))[PARAMETERS]
        reconstructed = read_hdf5(any_night.dl2(run))[RECONSTRUCTED]
        assert set(reconstructed["obs_id"]) == {run}
        assert set(reconstructed["event_id"]) <= set(merged["event_id"])
        events = any_night.dl3(f"dl3_LST-1.Run{run:05d}")["EVENT_ID"]
        assert 0 < len(events) < len(reconstructed["event_id"])
        assert set(events) <= set(reconstructed["event_id"])
    assert list(any_night.dl3("obs-index")["OBS_ID"]) == any_night.runs


def test_the_closed_night_is_left_alone(any_night: Special) -> None:
    after = plan(any_night.night)
    assert after["is_settled"]
    assert f"Night {any_night.night.date} ({PROD}) is closed since " in after["conclusion"]
    assert {item["state"] for item in after["products"]} == {"there"}
    assert {item["title"] for item in after["products"]} >= set(titles(any_night.planned, "make"))
    before = modified(any_night.base)
    again = any_night.night.luigi("NightlyClose")
    assert (again.returncode, printed(again.stdout)) == (0, [])
    changed = {name for name, when in modified(any_night.base).items() if before.get(name) != when}
    assert not [name for name in changed if not name.startswith("OSA/")]


# --- a night without DRS4 run, with Cat-B, and with a bad last subrun ------------------------


def test_the_plan_says_from_which_night_the_baseline_is_and_why(borrowing: Special) -> None:
    drs4 = {"date": "2024-03-02", "number": 1}
    assert borrowing.choice("DRS4 run") == {
        "name": "DRS4 run",
        "run": None,
        "value": drs4,
        "reason": "last DRS4 run of 2024-03-02, the nearest earlier night that has one; "
        "2024-03-03 has none",
        "candidates": [drs4],
    }
    pedcalib = borrowing.choice("PEDCALIB run")
    assert pedcalib["value"] == {"date": "2024-03-03", "number": 12}
    assert pedcalib["reason"] == "last PEDCALIB run of 2024-03-03"
    assert borrowing.choice("time calibration")["value"].endswith("calibration.Run00000.0000.h5")
    assert "Drs4Pedestal Run00001" in titles(borrowing.planned, "there")


def test_data_are_calibrated_with_the_borrowed_baseline(borrowing: Special) -> None:
    name = f"{LENDER}/{PROD}/drs4_pedestal.Run00001.0000.h5"
    baseline = str(borrowing.base / CAT_A / "drs4_baseline" / name)
    there = (borrowing.base / CAT_A / "drs4_baseline").glob("*/v*/*.h5")
    assert [str(path) for path in there] == [baseline]
    calibration = (
        borrowing.base
        / CAT_A
        / f"calibration/{borrowing.flat}/calibration_filters_52.Run00012.0000.h5"
    )
    assert calibration.is_file()
    records = borrowing.records()
    for subrun in ("Run00013.0000", "Run00013.0001", "Run00014.0000"):
        argv = records[f"DL1A {subrun}"]["argv"]
        assert f"--pedestal-file={baseline}" in argv
        assert f"--calibration-file={calibration}" in argv
    # what the tool says itself
    log = Path(records["ChargeCalibration Run00012"]["log"]).read_text(errors="replace")
    assert f"--> Pedestal file: {baseline}\n" in log


def test_the_plan_names_what_is_to_be_made_and_nothing_of_a_discarded_subrun(
    borrowing: Special,
) -> None:
    planned = borrowing.planned
    runs = [
        (run["run"], run["type"], run["n_subruns"], run["discarded"], run["treatment"])
        for run in planned["runs"]
    ]
    assert runs == [
        (12, "PEDCALIB", 1, [], "calibrates the night"),
        (13, "DATA", 2, [], "processed"),
        (14, "DATA", 2, [1], "processed"),
    ]
    decided = [(d["what"], d["run"], d.get("subrun")) for d in planned["decisions"]]
    assert decided == [("discard", 14, 1), ("tailcuts", 14, None)]
    made = titles(planned, "make")
    assert {
        *("ChargeCalibration Run00012", "Tailcuts Run00013"),
        *("DL1A Run00013.0000", "DL1A Run00013.0001", "DL1A Run00014.0000"),
        *("CatBCalibration Run00013", "CatBCalibration Run00014"),
        *("DL1B Run00014.0000", "MergedDL1 Run00014", "RunDatacheck Run00014"),
        *("MergedMuons Run00013", "MergedMuons Run00014", "DL2 Run00014", "DL3 Run00014"),
    } <= set(made)
    assert not [title for title in made if "Run00014.0001" in title]


def test_nothing_is_made_of_a_discarded_subrun(borrowing: Special) -> None:
    assert (borrowing.flag["runs"], borrowing.flag["subruns"]) == (2, 3)
    (left_out,) = borrowing.flag["left_out"]
    assert left_out.startswith("subrun 00014.0001 is discarded (decision 1 of ")
    left = [path.relative_to(borrowing.base) for path in borrowing.base.rglob("*Run00014.0001*")]
    assert {path.parts[0] for path in left} == {"R0"}
    (truth,) = read_ecsv(borrowing.base / f"simulation/events_{borrowing.night.flat}.ecsv").values()
    bad = set(truth["event"][(truth["run"] == 14) & (truth["subrun"] == 1)])
    assert bad
    for run, subruns in ((13, (0, 1)), (14, (0,))):
        merged = read_hdf5(borrowing.dl1b(f"Run{run:05d}"))[PARAMETERS]["event_id"]
        parts = [read_hdf5(borrowing.dl1b(f"Run{run:05d}.{n:04d}"))[PARAMETERS] for n in subruns]
        assert list(merged) == [event for part in parts for event in part["event_id"]]
        assert bool(bad & set(merged)) is (run == 13)


def test_the_datacheck_of_a_run_of_one_subrun_is_that_of_the_subrun(borrowing: Special) -> None:
    folder = borrowing.base / f"DL1/{borrowing.flat}/tailcut84/datacheck"
    name = "datacheck_dl1_LST-1.Run00014"
    found, n_tables, _ = differences(folder / f"{name}.h5", folder / f"{name}.0000.h5")
    assert (found, n_tables > 0) == ([], True)
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    page = borrowing.base / f"DL1/datacheck_files/night_wise/{PROD}/{borrowing.night.flat}"
    longterm = read_hdf5(page / f"DL1_datacheck_{borrowing.night.flat}.h5")
    assert list(longterm["/runsummary/table"]["runnumber"]) == [13, 14]


def test_the_plan_says_how_runs_are_cleaned_and_reconstructed(borrowing: Special) -> None:
    assert borrowing.choice("cleaning", 13)["value"] is None
    assert borrowing.choice("cleaning", 13)["reason"] == (
        "the tailcuts of run 00013 are not found yet"
    )
    cleaning = borrowing.choice("cleaning", 14)
    assert cleaning["value"]["dl1_prod"] == "tailcut84"
    assert cleaning["reason"].startswith("forced by decision 2 of ")
    forests = borrowing.choice("random forests", 14)
    assert (forests["value"], forests["candidates"]) == (FORESTS, [FORESTS])
    assert "picture threshold 8 ask for level 0.14" in forests["reason"]


@pytest.mark.parametrize("subrun", ["Run00013.0000", "Run00013.0001", "Run00014.0000"])
def test_images_are_recalibrated_by_catb(borrowing: Special, subrun: str) -> None:
    run = subrun.partition(".")[0]
    folder = borrowing.base / CAT_B / f"calibration/{borrowing.night.flat}"
    catb = folder / PROD / f"cat_B_calibration_filters_52.{run}.h5"
    assert (folder / "pro").readlink() == Path(PROD)
    for file in (f"{catb.stem}.log", f"{catb.stem}.pdf"):
        assert (folder / PROD / "log" / file).stat().st_size > 0
    assert f"--catB-calibration-file={catb}" in borrowing.records()[f"DL1B {subrun}"]["argv"]
    before, after = read_hdf5(borrowing.dl1a(subrun)), read_hdf5(borrowing.dl1b(subrun))
    assert len([name for name in after if "catB" in name]) == 3
    calibration = read_hdf5(catb)["/tel_1/calibration"]
    used = after[PARAMETERS]["calibration_id"][:, None]
    gain = before[IMAGES]["selected_gain_channel"]
    pixels = np.arange(gain.shape[1])
    pedestal, to_pe, is_bad = (
        calibration[column][used, gain, pixels]
        for column in ("pedestal_per_sample", "dc_to_pe", "unusable_pixels")
    )
    expected = np.where(is_bad, 0, (before[IMAGES]["image"] - SAMPLES * pedestal) * to_pe)
    assert np.allclose(after[IMAGES]["image"], expected, rtol=1e-4, atol=1e-3)
    assert not np.allclose(after[IMAGES]["image"], before[IMAGES]["image"], rtol=0.01, atol=0.1)
