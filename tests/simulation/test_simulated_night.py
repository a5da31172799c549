"""A night as lstchain reads it: written and read back in the real lstchain environment."""

import hashlib
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import lstosa_luigi.simulation.options

PROGRAM = Path(lstosa_luigi.simulation.options.__file__).with_name("__main__.py")
DAY = "20240302"

pytestmark = pytest.mark.lstchain


@pytest.fixture(scope="module")
def run_tool(tools_environment):
    """Run the lstchain environment's python and return the ended process."""

    def run(*arguments):
        return subprocess.run(
            [tools_environment / "bin/python", "-W", "ignore", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": "", "OPENBLAS_NUM_THREADS": "1"},
        )

    return run


@pytest.fixture(scope="module")
def simulate(run_tool):
    """Simulate a tiny night below a directory."""

    def simulate(base, *arguments):
        return run_tool(PROGRAM, "--base", base, "--date", "2024-03-02", "--tiny", *arguments)

    return simulate


@pytest.fixture(scope="module")
def base(simulate, tmp_path_factory):
    base = tmp_path_factory.mktemp("night")
    done = simulate(base, "--mc-events", "20")
    assert done.returncode == 0, done.stderr
    assert "Night of 2024-03-02 ready: 3 runs on Crab" in done.stdout
    assert "DATA run 00003.0001: 20 events" in done.stdout
    return base


def read(run_tool, base):
    """Return what lstchain sees of a night."""
    done = run_tool(Path(__file__).with_name("read_night.py"), base, DAY)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def facts(run_tool, base):
    return read(run_tool, base)


@pytest.fixture(scope="module")
def truth(base):
    return Table.read(base / f"simulation/events_{DAY}.ecsv")


def digests(base, pattern):
    """Return a digest of the bytes of files."""
    files = sorted(base.glob(pattern))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def compare_raw(run_tool, *bases):
    """Return for every night the digests of what its raw files hold, by file."""
    done = run_tool(Path(__file__).with_name("digest_raw.py"), *bases)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_tree_has_the_names_that_lstchain_and_lstosa_look_for(base):
    names = {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}
    mc = "mc/DL1/AllSky/20240918_v0.10.12_allsky_nsb_tuning_0.14"
    prefix = "dl1_20240918_v0.10.12_allsky_nsb_tuning_0.14_dec_2276"
    assert {
        *(
            f"R0/{DAY}/LST-1.{stream}.Run{run}.fits.fz"
            for stream in (1, 2, 3, 4)
            for run in ("00001.0000", "00002.0000", "00003.0000", "00003.0001")
        ),
        f"monitoring/DrivePositioning/DrivePosition_log_{DAY}.txt",
        f"monitoring/DrivePositioning/BendingModelCorrection_log_{DAY}.txt",
        f"monitoring/DrivePositioning/Target_log_{DAY}.txt",
        f"monitoring/RunCatalog/RunCatalog_{DAY}.ecsv",
        "config/lstchain_config.json",
        "config/dl3_config.json",
        f"{mc}/TrainingDataset/dec_2276/GammaDiffuse/{prefix}_GammaDiffuse_merged.h5",
        f"{mc}/TrainingDataset/dec_2276/Protons/{prefix}_Protons_merged.h5",
        f"{mc}/TestingDataset/dec_2276/Gamma/{prefix}_Gamma_merged.h5",
        f"{mc}/TestingDataset/dec_2276/Protons/{prefix}_Protons_merged.h5",
        f"{mc}/TestingDataset/dec_2276/Electrons/{prefix}_Electrons_merged.h5",
    } <= names
    assert not [name for name in names if "part" in name]


def test_lstchain_finds_the_standing_calibration(facts):
    assert facts["time_calibration"] == "time_calibration.Run00000.0000.h5"
    assert facts["systematics"] == "ffactor_systematics_20240101.h5"


def test_run_catalogue_names_the_source_of_data_runs(base):
    table = Table.read(base / f"monitoring/RunCatalog/RunCatalog_{DAY}.ecsv")
    assert [tuple(row) for row in table] == [(3, "Crab", 83.633, 22.0145)]
    assert table["run_id"].dtype == np.int32


def test_drs4_run_holds_mono_triggers_of_both_gains(facts):
    run = facts["runs"]["00001.0000"]
    assert Counter(run["type"]) == {"SUBARRAY": 20}
    assert set(run["gains"]) == {2}


def test_pedcalib_run_holds_pairs_of_flat_field_and_pedestal(facts):
    run = facts["runs"]["00002.0000"]
    assert run["type"] == ["FLATFIELD", "SKY_PEDESTAL"] * 10
    charge = np.array(run["charge"])
    assert charge[::2].mean() == pytest.approx(75 * 86, rel=0.1)
    assert charge[1::2].mean() == pytest.approx(0, abs=300)


@pytest.mark.parametrize("subrun", ["00003.0000", "00003.0001"])
def test_data_subrun_is_gain_selected_but_for_interleaved_events(facts, subrun):
    run = facts["runs"][subrun]
    assert Counter(run["type"]) == {"SUBARRAY": 12, "FLATFIELD": 4, "SKY_PEDESTAL": 4}
    gains = dict(zip(run["type"], run["gains"], strict=True))
    assert gains == {"SUBARRAY": 1, "FLATFIELD": 2, "SKY_PEDESTAL": 2}


def test_event_ids_and_times_go_on_over_subruns(facts):
    runs = [facts["runs"][f"00003.000{subrun}"] for subrun in (0, 1)]
    assert runs[0]["id"] + runs[1]["id"] == list(range(1, 41))
    times = np.array(runs[0]["time"] + runs[1]["time"])
    assert (np.diff(times) > 0).all()
    assert (np.diff(runs[0]["time"]) < 0.01).mean() > 0.9


def test_truth_names_every_event_of_the_data_runs(facts, truth):
    assert list(truth["event"]) == list(range(1, 41))
    kinds = Counter(truth["kind"])
    assert kinds["pedestal"] == 8
    assert kinds["muon"] == 4
    assert kinds["gamma"] + kinds["proton"] == 20


def test_gammas_come_from_the_source_as_lstchain_reconstructs_it(facts, truth):
    source = np.array(facts["runs"]["00003.0000"]["source"])
    offset = np.rad2deg(np.arctan(np.hypot(*source.T) / 29.30565))
    assert offset == pytest.approx(0.4, abs=0.002)
    rows = truth[(truth["subrun"] == 0) & (truth["kind"] == "gamma")]
    assert len(rows) > 0
    for row in rows:
        expected = source[row["event"] - 1]
        assert [row["source_x"], row["source_y"]] == pytest.approx(expected, abs=1e-3)


def test_monte_carlo_is_what_lstchain_takes_it_for(facts):
    mc = facts["mc"]
    assert {name: sample["kind"] for name, sample in mc.items()} == {
        "TrainingDataset/dec_2276/GammaDiffuse": "diffuse",
        "TrainingDataset/dec_2276/Protons": "diffuse",
        "TestingDataset/dec_2276/Gamma": "ring_wobble",
        "TestingDataset/dec_2276/Protons": "diffuse",
        "TestingDataset/dec_2276/Electrons": "diffuse",
    }
    assert [s["mc_type"] for s in mc.values()] == [[1], [0], [101], [0], [101]]
    assert [s["events"] for s in mc.values()] == [5, 20, 5, 20, 20]
    assert all(sample["finite"] for sample in mc.values())
    assert mc["TestingDataset/dec_2276/Gamma"]["offset"] == pytest.approx(0.4, abs=0.002)
    gamma = mc["TrainingDataset/dec_2276/GammaDiffuse"]["width"]
    assert mc["TrainingDataset/dec_2276/Protons"]["width"] > gamma


def test_same_command_again_changes_nothing(simulate, base):
    before = digests(base, f"R0/{DAY}/*")
    again = simulate(base, "--mc-events", "20")
    assert again.returncode == 0
    assert "already there" in again.stdout
    assert digests(base, f"R0/{DAY}/*") == before


def test_other_options_are_refused_in_one_line(simulate, base):
    before = digests(base, f"R0/{DAY}/*")
    refused = simulate(base, "--mc-events", "20", "--seed", "2")
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()
    assert "seed 1 -> 2" in line
    assert "--overwrite" in line
    assert digests(base, f"R0/{DAY}/*") == before


def test_same_options_make_the_same_data_elsewhere(simulate, run_tool, base, tmp_path):
    assert simulate(tmp_path).returncode == 0
    here, there = compare_raw(run_tool, base, tmp_path)
    assert len(here) == 16
    assert there == here
    for pattern in ("monitoring/*/*_2024*", "config/*", "simulation/events*"):
        here = digests(base, pattern)
        assert here
        assert digests(tmp_path, pattern) == here


def test_other_seed_makes_other_data(simulate, run_tool, base, tmp_path):
    arguments = ["--seed", "2", "--no-drs4-run", "--no-pedcalib-run", "--subruns", "1"]
    assert simulate(tmp_path, *arguments).returncode == 0
    here, there = compare_raw(run_tool, base, tmp_path)
    assert len(there) == 4
    assert not set(here.values()) & set(there.values())


def test_data_that_no_simulation_made_are_left_alone(simulate, tmp_path):
    real = tmp_path / f"R0/{DAY}/LST-1.1.Run17000.0000.fits.fz"
    real.parent.mkdir(parents=True)
    real.write_text("precious")
    refused = simulate(tmp_path, "--overwrite")
    assert refused.returncode == 1
    assert "data that no simulation has made" in refused.stderr
    assert real.read_text() == "precious"


@pytest.mark.parametrize(
    ("option", "gains"),
    [
        ("--two-gain", {"SUBARRAY": 2, "FLATFIELD": 2, "SKY_PEDESTAL": 2}),
        ("--evb-calibrated", {"SUBARRAY": 1, "FLATFIELD": 1, "SKY_PEDESTAL": 1}),
    ],
)
def test_other_states_of_raw_data(simulate, run_tool, tmp_path, option, gains):
    arguments = ["--no-drs4-run", "--no-pedcalib-run", "--subruns", "1", option]
    assert simulate(tmp_path, *arguments).returncode == 0
    runs = read(run_tool, tmp_path)["runs"]
    assert list(runs) == ["00003.0000"]
    run = runs["00003.0000"]
    assert dict(zip(run["type"], run["gains"], strict=True)) == gains
    flash = np.array(run["charge"])[np.array(run["type"]) == "FLATFIELD"]
    if option == "--evb-calibrated":
        assert flash.mean() == pytest.approx(75 / 0.9375, rel=0.1)
