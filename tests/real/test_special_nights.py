"""Nights unlike the others, with the real tools: the plan says how, and then they close."""

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.operators import decide, plan, printed, titles
from tests.real.conftest import FLAT as LENDER
from tests.real.conftest import PROD, Copy, MadeNight, copy_of, modified
from tests.real.tables import differences, read_ecsv, read_fits, read_hdf5

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(3600)]

CAT_A = "monitoring/PixelCalibration/Cat-A"
CAT_B = "monitoring/PixelCalibration/Cat-B"
PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"
IMAGES = "/dl1/event/telescope/image/LST_LSTCam"
RECONSTRUCTED = "/dl2/event/telescope/parameters/LST_LSTCam"

FORESTS = "20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276"


@dataclasses.dataclass(frozen=True)
class Special:
    """A night that was planned, then closed."""

    night: Copy
    planned: dict[str, Any]
    done: subprocess.CompletedProcess[str]

    @property
    def base(self) -> Path:
        return self.night.base

    @property
    def flat(self) -> str:
        return f"{self.night.flat}/{PROD}"

    def choice(self, name: str, run: int | None = None) -> dict[str, Any]:
        (found,) = [c for c in self.planned["choices"] if (c["name"], c["run"]) == (name, run)]
        return found

    def record(self, name: str) -> dict[str, Any]:
        file = self.base / f"running_analysis/{self.flat}/records/{name}.json"
        return json.loads(file.read_text())

    def records(self) -> list[dict[str, Any]]:
        folder = self.base / f"running_analysis/{self.flat}/records"
        return [json.loads(file.read_text()) for file in folder.glob("*.json")]

    def dl1a(self, name: str) -> Path:
        return self.base / f"running_analysis/{self.flat}/dl1_LST-1.{name}.h5"

    def dl1b(self, name: str) -> Path:
        return self.base / f"DL1/{self.flat}/tailcut84/dl1_LST-1.{name}.h5"


def simulate(night: Copy, *options: str) -> None:
    words = ("--base", str(night.base), "--date", night.date, "--no-mc", "--no-progress")
    done = night.lstosa("simulate-night", *words, *options)
    assert done.returncode == 0, done.stdout + done.stderr


def close(night: Copy) -> Special:
    """Plan a night whose runs are listed, then have it closed."""
    planned = plan(night, "--commands")
    return Special(night, planned, night.luigi("NightlyClose"))


# --- a night without DRS4 run; Cat-B is asked for; a run's last subrun is bad ----------------


@pytest.fixture(scope="module")
def borrowing(
    made_night: MadeNight, tools_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Special:
    root = tmp_path_factory.mktemp("borrowing")
    night = copy_of(made_night, tools_environment, root, "2024-03-03")
    night.set(
        "lstchain",
        apply_catB_calibration="true",
        catB_calibration="onsite_create_cat_B_calibration_file --statistics=50",
    )
    simulate(night, "--first-run", "11", "--no-drs4-run")
    before = plan(night)
    assert (before["is_known"], before["problems"], before["missing"]) == (False, [], [])
    assert titles(before, "make") == ["RunSummary 20240303"]
    done = night.luigi("RunSummary")
    assert done.returncode == 0, done.stdout
    decide(night, "--discard", "14.1")
    cuts = night.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    decide(night, "--tailcuts", str(cuts), "--run", "14")
    return close(night)


def test_the_plan_names_the_runs_and_what_was_decided(borrowing: Special) -> None:
    planned = borrowing.planned
    assert (planned["problems"], planned["missing"]) == ([], [])
    assert titles(planned, "again", "blocked", "left") == []
    runs = [
        (run["run"], run["type"], run["n_subruns"], run["discarded"], run["treatment"])
        for run in planned["runs"]
    ]
    assert runs == [
        (12, "PEDCALIB", 1, [], "calibrates the night"),
        (13, "DATA", 2, [], "processed"),
        (14, "DATA", 2, [1], "processed"),
    ]
    decided = [(d["what"], d["run"], d["subrun"]) for d in planned["decisions"]]
    assert decided == [("discard", 14, 1), ("tailcuts", 14, None)]


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


def test_the_plan_names_what_is_to_be_made_and_nothing_of_a_discarded_subrun(
    borrowing: Special,
) -> None:
    made = titles(borrowing.planned, "make")
    assert {
        *("ChargeCalibration Run00012", "Tailcuts Run00013"),
        *("DL1A Run00013.0000", "DL1A Run00013.0001", "DL1A Run00014.0000"),
        *("CatBCalibration Run00013", "CatBCalibration Run00014"),
        *("DL1B Run00014.0000", "MergedDL1 Run00014", "RunDatacheck Run00014"),
        *("MergedMuons Run00013", "MergedMuons Run00014", "DL2 Run00014", "DL3 Run00014"),
    } <= set(made)
    assert not [title for title in made if "Run00014.0001" in title]
    assert not [title for title in made if title.startswith(("RandomForests", "TestingDL2"))]


def test_the_night_closes_as_planned(borrowing: Special) -> None:
    assert borrowing.done.returncode == 0, borrowing.done.stdout
    flag = json.loads(
        (borrowing.base / f"OSA/Closer/{borrowing.flat}/NightFinished.txt").read_text()
    )
    assert (flag["runs"], flag["subruns"], flag["lacking"]) == (2, 3, [])
    (left_out,) = [line for line in flag["left_out"] if "00014.0001" in line]
    assert left_out.startswith("subrun 00014.0001 is discarded (decision 1 of ")
    made = printed(borrowing.done.stdout)
    assert len(set(made)) == len(made)
    assert set(titles(borrowing.planned, "make")) <= set(made)
    assert not set(titles(borrowing.planned, "there")) & set(made)
    assert list(borrowing.base.rglob(".scratch")) == []


def test_each_product_is_made_by_the_command_that_was_planned(borrowing: Special) -> None:
    executed = {record["title"]: record["argv"] for record in borrowing.records()}
    planned = {
        item["title"]: item["command"]
        for item in borrowing.planned["products"]
        if item["state"] == "make"
    }
    assert {title: executed[title] for title in planned} == planned


def test_data_are_calibrated_with_the_borrowed_baseline(borrowing: Special) -> None:
    name = f"{LENDER}/{PROD}/drs4_pedestal.Run00001.0000.h5"
    baseline = str(borrowing.base / CAT_A / "drs4_baseline" / name)
    there = (borrowing.base / CAT_A / "drs4_baseline").glob("*/v*/*.h5")
    assert [str(path) for path in there] == [baseline]
    own = borrowing.base / CAT_A / f"calibration/{borrowing.flat}"
    calibration = own / "calibration_filters_52.Run00012.0000.h5"
    assert calibration.is_file()
    for subrun in ("Run00013.0000", "Run00013.0001", "Run00014.0000"):
        argv = borrowing.record(f"{subrun}_DL1A")["argv"]
        assert f"--pedestal-file={baseline}" in argv
        assert f"--calibration-file={calibration}" in argv
    record = borrowing.record("Run00012_ChargeCalibration")
    assert baseline in record["inputs"]
    # what the tool says itself
    assert f"--> Pedestal file: {baseline}" in Path(record["log"]).read_text(errors="replace")


def test_nothing_is_made_of_a_discarded_subrun(borrowing: Special) -> None:
    left = [path.relative_to(borrowing.base) for path in borrowing.base.rglob("*Run00014.0001*")]
    assert {path.parts[0] for path in left} == {"R0"}
    (truth,) = read_ecsv(borrowing.base / f"simulation/events_{borrowing.night.flat}.ecsv").values()
    bad = set(truth["event"][(truth["run"] == 14) & (truth["subrun"] == 1)])
    (subrun, merged) = (
        read_hdf5(borrowing.dl1b(name))[PARAMETERS] for name in ("Run00014.0000", "Run00014")
    )
    assert len(bad) > 0
    assert not bad & set(merged["event_id"])
    assert list(merged["event_id"]) == list(subrun["event_id"])
    parts = [read_hdf5(borrowing.dl1b(f"Run00013.{n:04d}"))[PARAMETERS] for n in (0, 1)]
    merged = read_hdf5(borrowing.dl1b("Run00013"))[PARAMETERS]
    assert list(merged["event_id"]) == [event for part in parts for event in part["event_id"]]


def test_the_datacheck_of_a_run_of_one_subrun_is_that_of_the_subrun(borrowing: Special) -> None:
    folder = borrowing.base / f"DL1/{borrowing.flat}/tailcut84/datacheck"
    name = "datacheck_dl1_LST-1.Run00014"
    found, n_tables, _ = differences(folder / f"{name}.h5", folder / f"{name}.0000.h5")
    assert (found, n_tables > 0) == ([], True)
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    page = borrowing.base / f"DL1/datacheck_files/night_wise/{PROD}/{borrowing.night.flat}"
    longterm = page / f"DL1_datacheck_{borrowing.night.flat}.h5"
    assert list(read_hdf5(longterm)["/runsummary/table"]["runnumber"]) == [13, 14]


@pytest.mark.parametrize("subrun", ["Run00013.0000", "Run00013.0001", "Run00014.0000"])
def test_images_are_recalibrated_by_catb(borrowing: Special, subrun: str) -> None:
    run = subrun.partition(".")[0]
    folder = borrowing.base / CAT_B / f"calibration/{borrowing.night.flat}"
    catb = folder / PROD / f"cat_B_calibration_filters_52.{run}.h5"
    assert (folder / "pro").readlink() == Path(PROD)
    assert f"--catB-calibration-file={catb}" in borrowing.record(f"{subrun}_DL1B")["argv"]
    calibration = read_hdf5(catb)["/tel_1/calibration"]
    before, after = read_hdf5(borrowing.dl1a(subrun)), read_hdf5(borrowing.dl1b(subrun))
    used = after[PARAMETERS]["calibration_id"]
    gain = before[IMAGES]["selected_gain_channel"]
    pixels = np.arange(gain.shape[1])
    config = json.loads((borrowing.base / "config/lstchain_config.json").read_text())
    width = config["LocalPeakWindowSum"]["window_width"]
    (pedestal, to_pe, is_bad) = (
        calibration[column][used[:, None], gain, pixels]
        for column in ("pedestal_per_sample", "dc_to_pe", "unusable_pixels")
    )
    expected = np.where(is_bad, 0, (before[IMAGES]["image"] - width * pedestal) * to_pe)
    assert np.allclose(after[IMAGES]["image"], expected, rtol=1e-4, atol=1e-3)
    assert not np.allclose(after[IMAGES]["image"], before[IMAGES]["image"], rtol=1e-2, atol=0.1)


@pytest.mark.parametrize("run", [13, 14])
def test_events_of_each_run_reach_dl3(borrowing: Special, run: int) -> None:
    prod = f"{borrowing.flat}/tailcut84/nsb_tuning_0.14"
    dl2 = borrowing.base / f"DL2/{prod}/dl2_LST-1.Run{run:05d}.h5"
    source = borrowing.base / f"DL3/{prod}/std_cuts/Crab"
    merged = read_hdf5(borrowing.dl1b(f"Run{run:05d}"))[PARAMETERS]
    reconstructed = read_hdf5(dl2)[RECONSTRUCTED]
    assert set(reconstructed["obs_id"]) == {run}
    assert set(reconstructed["event_id"]) <= set(merged["event_id"])
    (events,) = [
        table
        for name, table in read_fits(source / f"dl3_LST-1.Run{run:05d}.fits.gz").items()
        if name.endswith(" EVENTS")
    ]
    assert 0 < len(events["EVENT_ID"]) < len(reconstructed["event_id"])
    assert set(events["EVENT_ID"]) <= set(reconstructed["event_id"])
    (index,) = read_fits(source / "obs-index.fits.gz").values()
    assert run in index["OBS_ID"]


def test_a_closed_night_is_left_alone(borrowing: Special) -> None:
    after = plan(borrowing.night)
    assert after["is_settled"]
    assert after["conclusion"].startswith("Night 2024-03-03 (v0.12.3) is closed since ")
    assert {item["state"] for item in after["products"]} == {"there"}
    assert {item["title"] for item in after["products"]} >= set(titles(borrowing.planned, "make"))
    before = modified(borrowing.base)
    again = borrowing.night.luigi("NightlyClose")
    assert (again.returncode, printed(again.stdout)) == (0, [])
    changed = {n for n, when in modified(borrowing.base).items() if before.get(n) != when}
    assert not [name for name in changed if not name.startswith("OSA/")]
