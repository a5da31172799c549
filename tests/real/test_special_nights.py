"""Nights unlike the others, with the real tools: the plan says how, and then they close."""

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.operators import decide, plan, printed, titles
from tests.real.conftest import FLAT as LENDER
from tests.real.conftest import PROD, Copy, MadeNight, copy_of, modified
from tests.real.special import (
    CAT_A,
    CAT_B,
    IMAGES,
    PARAMETERS,
    RECONSTRUCTED,
    SHOWER,
    Special,
    gains,
    look,
    simulate,
)
from tests.real.tables import differences, read_ecsv, read_hdf5

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(3600)]

FORESTS = "20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276"

SAMPLES = 8
"""That are summed for the charge of a pixel (lstchain's standard config, LocalPeakWindowSum)."""


FEW = "only 20 interleaved pedestals per subrun (one subrun; 100 are needed)"
FEW_FOR_CATB = (
    "not enough calibration events in the run (collected: 50 flat fields and 20 pedestals)"
)
"""In the words of the tools."""

CATB = "onsite_create_cat_B_calibration_file --statistics=50"


def prepare_borrowing(night: Copy) -> None:
    """No DRS4 run; Cat-B; the last subrun of a run is bad, and the other has few pedestals."""
    night.set("lstchain", apply_catB_calibration="true", catB_calibration=CATB)
    night.set("fallback", tailcuts="previous", catB="without")
    simulate(night, "--first-run", "11", "--no-drs4-run", "--few-pedestals", "14")
    decide(night, "--discard", "14.1")


def prepare_two_gain(night: Copy) -> None:
    """Both gains, calibrated as an operator decided; the standard cleaning."""
    night.set("lstchain", apply_standard_dl1b_config="true", merge_dl1_datacheck="false")
    runs = ("--first-run", "21", "--no-drs4-run", "--data-runs", "1", "--subruns", "1")
    simulate(night, *runs, "--two-gain", "--pedestals", "40")
    look(night, 23)
    decide(night, "--pedcalib", "2")


def prepare_calibrated(night: Copy) -> None:
    """Calibrated by the event builder, as is taken, with the Cat-A of the night that was made."""
    table, cat_a = night.root / "periods.txt", night.base / CAT_A
    table.write_text("20240302 (r1) 20240302 (r2) 20240101 (r0) since 20240302 (r1)\n")
    night.set(
        "lstchain",
        apply_standard_dl1b_config="true",
        merge_dl1_datacheck="false",
        apply_catB_calibration="true",
        catB_calibration=CATB,
    )
    night.set(
        "calibration",
        max_days_back="0",
        table_catB=str(table),
        evb_calibration=f"{cat_a}/calibration/{{date}}/pro/*Run{{run}}*.h5",
        evb_systematics=f"{cat_a}/ffactor_systematics/{{date}}/pro/*.h5",
    )
    runs = ("--first-run", "31", "--no-drs4-run", "--no-pedcalib-run", "--data-runs", "1")
    simulate(night, *runs, "--subruns", "1", "--evb-calibrated")


NIGHTS: dict[str, Callable[[Copy], None]] = {
    "2024-03-03": prepare_borrowing,
    "2024-03-04": prepare_two_gain,
    "2024-03-05": prepare_calibrated,
}
"""By their dates, near enough to the made night for its calibration and random forests."""


@pytest.fixture(scope="module")
def nights(
    made_night: MadeNight, tools_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Special]]:
    """Plan and close all nights at once: one alone often waits for its longest command."""
    copies = {
        date: copy_of(made_night, tools_environment, tmp_path_factory.mktemp(date), date)
        for date in NIGHTS
    }
    with ThreadPoolExecutor() as pool:
        found = dict(zip(copies, pool.map(_planned, copies.values()), strict=True))
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


def _planned(night: Copy) -> Special:
    NIGHTS[night.date](night)
    return Special(night, plan(night, "--commands"))


@pytest.fixture(params=NIGHTS)
def any_night(nights: dict[str, Special], request: pytest.FixtureRequest) -> Special:
    return nights[request.param]


@pytest.fixture
def borrowing(nights: dict[str, Special]) -> Special:
    return nights["2024-03-03"]


@pytest.fixture
def two_gain(nights: dict[str, Special]) -> Special:
    return nights["2024-03-04"]


@pytest.fixture
def calibrated(nights: dict[str, Special]) -> Special:
    return nights["2024-03-05"]


# --- any of them -----------------------------------------------------------------------------


def test_the_night_closes_as_planned(any_night: Special) -> None:
    planned = any_night.planned
    made = [title.partition(": refused: ")[0] for title in printed(any_night.printed)]
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


# --- without DRS4 run, with Cat-B, a bad last subrun, and too few pedestals in a run ----------


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
    assert [d["what"] for d in planned["decisions"]] == ["discard"]
    made = titles(planned, "make")
    assert {
        *("ChargeCalibration Run00012", "Tailcuts Run00013", "Tailcuts Run00014"),
        *("DL1A Run00013.0000", "DL1A Run00013.0001", "DL1A Run00014.0000"),
        *("CatBCalibration Run00013", "CatBCalibration Run00014"),
        *("MergedMuons Run00013", "MergedMuons Run00014"),
    } <= set(made)
    assert not [title for title in made if title.startswith("DL1B")]
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


@pytest.mark.parametrize("run", [13, 14])
def test_the_cleaning_of_a_run_is_not_known_before(borrowing: Special, run: int) -> None:
    cleaning = borrowing.choice("cleaning", run)
    assert cleaning["value"] is None
    assert cleaning["reason"] == f"the tailcuts of run {run:05d} are not found yet"
    assert borrowing.choice("Cat-B", run)["reason"] == "not made yet"
    forests = borrowing.choice("random forests", run)
    assert (forests["value"], forests["reason"]) == (
        None,
        f"chosen after the cleaning; {cleaning['reason']}",
    )
    said = "DL1B to DL3 of 00013, 00014, and what is made of several runs, are named once"
    assert any(note.startswith(said) for note in borrowing.planned["notes"])


def test_a_run_of_few_pedestals_is_cleaned_like_the_one_before_it_and_all_say_so(
    borrowing: Special,
) -> None:
    after = dataclasses.replace(borrowing, planned=plan(borrowing.night))
    assert after.choice("cleaning", 13)["reason"] == "found for run 00013"
    cleaning, cat_b = after.choice("cleaning", 14), after.choice("Cat-B", 14)
    config = borrowing.base / "auxiliary/TailCuts/dl1ab_Run00013.json"
    assert (cleaning["value"]["fallback"], cleaning["value"]["config"]) == ("previous", str(config))
    assert cleaning["reason"] == (
        f"cleaned like run 00013 before it, because its tailcuts could not be found: {FEW}"
    )
    assert (cat_b["value"], cat_b["reason"]) == (
        None,
        f"no Cat-B, because it could not be made: {FEW_FOR_CATB}",
    )
    forests = after.choice("random forests", 14)
    assert (forests["value"], forests["candidates"]) == (FORESTS, [FORESTS])
    fallbacks = [f"run 00014: {reason}" for reason in (cleaning["reason"], cat_b["reason"])]
    assert borrowing.flag["fallbacks"] == fallbacks
    for line in fallbacks:
        assert f"  fallback: {line}\n" in borrowing.printed
        assert f"  fallback: {line}" in after.planned["conclusion"].splitlines()
    refused = [title for title in printed(borrowing.printed) if ": refused: " in title]
    assert refused == [
        f"CatBCalibration Run00014: refused: {FEW_FOR_CATB}",
        f"Tailcuts Run00014: refused: {FEW}",
    ]
    argv = borrowing.records()["DL1B Run00014.0000"]["argv"]
    assert f"--config={config}" in argv
    assert not [word for word in argv if word.startswith("--catB")]
    before, cleaned = (
        read_hdf5(file("Run00014.0000")) for file in (borrowing.dl1a, borrowing.dl1b)
    )
    assert np.array_equal(before[IMAGES]["image"], cleaned[IMAGES]["image"])


@pytest.mark.parametrize("subrun", ["Run00013.0000", "Run00013.0001"])
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


# --- both gains ------------------------------------------------------------------------------


def test_the_plan_of_a_two_gain_night_selects_the_gain(two_gain: Special) -> None:
    assert two_gain.choice("input state", 23) == {
        "name": "input state",
        "run": 23,
        "value": "legacy_raw",
        "reason": "the first 10 showers of run 00023 hold both gains",
        "candidates": ["legacy_raw", "gain_selected", "catA_calibrated"],
    }
    selection = two_gain.choice("gain selection", 23)
    assert selection["value"] == "lstchain_r0_to_r0g"
    assert selection["reason"] == "the night is not before 2023-12-05"
    assert two_gain.choice("flat-field heuristic", 23)["value"] == "off"
    pedcalib = two_gain.choice("PEDCALIB run")
    assert pedcalib["value"] == {"date": "2024-03-02", "number": 2}
    assert pedcalib["reason"].startswith("forced by decision 1 of ")
    assert two_gain.choice("cleaning", 23)["reason"] == "the standard DL1b config is asked for"
    assert two_gain.choice("random forests", 23)["value"] == FORESTS
    made = set(titles(two_gain.planned, "make"))
    assert {
        *("GainSelection Run00023.0000", "RawCopy Run00022", "DL1A Run00023.0000"),
        *("DL1Check Run00023.0000", "DL2 Run00023", "DL3 Run00023"),
    } <= made
    assert two_gain.planned["notes"] == []
    assert not [title for title in made if title.startswith(("ChargeCal", "Drs4", "Tailcuts"))]


def test_gain_selection_leaves_one_gain_of_showers_and_both_of_the_others(
    two_gain: Special,
) -> None:
    raw, selected = (two_gain.base / f"{root}/{two_gain.night.flat}" for root in ("R0", "R0G"))
    names = sorted(path.name for path in raw.iterdir())
    assert sorted(path.name for path in selected.glob("*.fits.fz")) == names
    data = [name for name in names if "Run00023" in name]
    assert (len(names), len(data)) == (8, 4)
    before, after = (
        gains(two_gain.night, [root / name for name in data]) for root in (raw, selected)
    )
    assert {n_gains for _, n_gains in before.values()} == {2}
    assert {event: kind for event, (kind, _) in before.items()} == {
        event: kind for event, (kind, _) in after.items()
    }
    assert {(kind == SHOWER, n_gains) for kind, n_gains in after.values()} == {
        (True, 1),
        (False, 2),
    }
    for name in set(names) - set(data):
        assert (selected / name).samefile(raw / name)


def test_dl1_is_made_of_the_selected_data(two_gain: Special) -> None:
    selected = two_gain.base / f"R0G/{two_gain.night.flat}/LST-1.1.Run00023.0000.fits.fz"
    argv = two_gain.records()["DL1A Run00023.0000"]["argv"]
    assert f"--input-file={selected}" in argv
    calibration = two_gain.base / CAT_A / f"calibration/{LENDER}/{PROD}"
    assert f"--calibration-file={calibration}/calibration_filters_52.Run00002.0000.h5" in argv
    dl1a = read_hdf5(two_gain.dl1a("Run00023.0000"))
    assert set(dl1a[PARAMETERS]["event_id"]) <= {
        int(event) for event in gains(two_gain.night, [selected, *_others(selected)])
    }
    # the low gain is of bright pixels only
    low = dl1a[IMAGES]["selected_gain_channel"] == 1
    assert 0 < np.count_nonzero(low) < 0.1 * low.size


def _others(stream: Path) -> list[Path]:
    return [stream.with_name(stream.name.replace("-1.1.", f"-1.{n}.")) for n in (2, 3, 4)]


# --- calibrated by the event builder ---------------------------------------------------------


def test_the_plan_of_a_calibrated_night_wants_no_calibration(calibrated: Special) -> None:
    state = calibrated.choice("input state", 33)
    assert state["value"] == "catA_calibrated"
    assert state["reason"] == ("the event builder calibrated run 00033 to p.e., by the run summary")
    names = {choice["name"] for choice in calibrated.planned["choices"]}
    assert names == {"input state", "cleaning", "Cat-B", "random forests"}
    assert calibrated.choice("Cat-B", 33)["reason"] == "not made yet"
    assert calibrated.planned["notes"] == []
    products = {item["product"] for item in calibrated.planned["products"]}
    assert {"DL1A", "CatBCalibration", "DL1B", "DL2", "DL3", "DL3Index"} <= products
    assert not products & {
        *("Drs4Pedestal", "ChargeCalibration", "TimeCalibration", "CalibrationRun"),
        *("GainSelection", "RawCopy", "RunInputState", "Tailcuts"),
    }


def test_calibrated_data_are_not_calibrated_again(calibrated: Special) -> None:
    argv = calibrated.records()["DL1A Run00033.0000"]["argv"]
    assert not [word for word in argv if "calibration" in word or "--pedestal-file" in word]
    assert not [word for word in argv if "systematic" in word]
    assert list((calibrated.base / CAT_A).glob(f"*/{calibrated.night.flat}")) == []


def test_catb_starts_from_what_the_event_builder_used(calibrated: Special) -> None:
    records, cat_a = calibrated.records(), calibrated.base / CAT_A
    argv = records["CatBCalibration Run00033"]["argv"]
    used = cat_a / f"calibration/{LENDER}/pro/calibration_filters_52.Run00002.0000.h5"
    (systematics,) = cat_a.glob("ffactor_systematics/20240101/pro/*.h5")
    assert f"--cat_A_calibration_file={used}" in argv
    assert f"--systematics_file={systematics}" in argv
    log = Path(records["CatBCalibration Run00033"]["log"]).read_text(errors="replace")
    assert f"--> Cat-A calibration file: {used}\n" in log
    folder = calibrated.base / CAT_B / f"calibration/{calibrated.flat}"
    catb = folder / "cat_B_calibration_filters_52.Run00033.h5"
    argv = records["DL1B Run00033.0000"]["argv"]
    assert f"--catB-calibration-file={catb}" in argv
    assert read_hdf5(catb)["/tel_1/calibration"]
