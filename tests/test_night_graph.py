"""A fresh night, one command: every product is made once and lies where lstosa puts it."""

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.night import FakeNight

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
CUTS = "DL1/20240302/v0.12.3/tailcut84"
CAT_A = "monitoring/PixelCalibration/Cat-A"
CHECKS = "DL1/datacheck_files"
NIGHT_WISE = f"{CHECKS}/night_wise"
WORK = "running_analysis/20240302/v0.12.3"
DL3 = "DL3/20240302/v0.12.3/tailcut84/nsb_tuning_0.14/std_cuts"

FILES = (
    "monitoring/RunSummary/RunSummary_20240302.ecsv",
    f"{CAT_A}/drs4_baseline/20240302/v0.12.3/drs4_pedestal.Run00001.0000.h5",
    f"{CAT_A}/calibration/20240302/v0.12.3/calibration_filters_52.Run00002.0000.h5",
    f"{CAT_A}/calibration/20240302/v0.12.3/log/calibration_filters_52.Run00002.0000.pdf",
    "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00004.0002.fits",
    "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00004.fits",
    "DL1/20240302/v0.12.3/interleaved/interleaved_LST-1.Run00004.0002.h5",
    "auxiliary/TailCuts/dl1ab_Run00003.json",
    "auxiliary/TailCuts/log_find_tailcuts_Run00003.log",
    f"{CUTS}/dl1_LST-1.Run00003.0001.h5",
    f"{CUTS}/dl1_LST-1.Run00003.h5",
    f"{CUTS}/datacheck/datacheck_dl1_LST-1.Run00003.0001.h5",
    f"{CUTS}/datacheck/datacheck_dl1_LST-1.Run00003.h5",
    f"{CUTS}/datacheck/datacheck_dl1_LST-1.Run00003.pdf",
    "DL2/20240302/v0.12.3/tailcut84/nsb_tuning_0.14/dl2_LST-1.Run00003.h5",
    f"{DL3}/irf_dec_2276.fits.gz",
    f"{DL3}/Crab/dl3_LST-1.Run00003.fits.gz",
    f"{DL3}/Crab/hdu-index.fits.gz",
    f"{DL3}/Crab/obs-index.fits.gz",
    f"{DL3}/Mrk 421/dl3_LST-1.Run00004.fits.gz",
    f"{DL3}/Mrk 421/obs-index.fits.gz",
    f"{NIGHT_WISE}/v0.12.3/20240302/DL1_datacheck_20240302.h5",
    f"{NIGHT_WISE}/v0.12.3/20240302/DL1_datacheck_20240302.html",
    f"{NIGHT_WISE}/v0.12.3/20240302/DL1_datacheck_20240302.log",
    "OSA/Closer/20240302/v0.12.3/NightFinished.txt",
    f"{WORK}/log/Run00003.0001_DL1A.log",
    f"{WORK}/records/Run00003.0001_DL1A.json",
)

LINKS = {
    f"{WORK}/muons_LST-1.Run00003.0000.fits": (
        "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00003.0000.fits"
    ),
    f"{WORK}/interleaved/interleaved_LST-1.Run00003.0000.h5": (
        "DL1/20240302/v0.12.3/interleaved/interleaved_LST-1.Run00003.0000.h5"
    ),
    # the DL1a file until the night is closed
    f"{WORK}/dl1_LST-1.Run00004.0002.h5": f"{CUTS}/dl1_LST-1.Run00004.0002.h5",
    f"{WORK}/tailcut84/dl1_LST-1.Run00003.0000.h5": f"{CUTS}/dl1_LST-1.Run00003.0000.h5",
    f"{CHECKS}/20240302/datacheck_dl1_LST-1.Run00003.0000.h5": (
        f"{CUTS}/datacheck/datacheck_dl1_LST-1.Run00003.0000.h5"
    ),
    f"{CHECKS}/20240302/datacheck_dl1_LST-1.Run00003.pdf": (
        f"{CUTS}/datacheck/datacheck_dl1_LST-1.Run00003.pdf"
    ),
    f"{CHECKS}/20240302/muons/muons_LST-1.Run00003.0000.fits": (
        "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00003.0000.fits"
    ),
    f"{CAT_A}/drs4_baseline/20240302/pro": f"{CAT_A}/drs4_baseline/20240302/v0.12.3",
    f"{CAT_A}/calibration/20240302/pro": f"{CAT_A}/calibration/20240302/v0.12.3",
    f"{NIGHT_WISE}/DL1_datacheck_20240302.h5": (
        f"{NIGHT_WISE}/v0.12.3/20240302/DL1_datacheck_20240302.h5"
    ),
    f"{NIGHT_WISE}/DL1_datacheck_20240302.html": (
        f"{NIGHT_WISE}/v0.12.3/20240302/DL1_datacheck_20240302.html"
    ),
    f"{DL3}/irf.fits.gz": f"{DL3}/irf_dec_2276.fits.gz",
}

CALLS = {
    "lstchain_create_run_summary": 1,
    "onsite_create_drs4_pedestal_file": 1,
    "onsite_create_calibration_file": 1,
    "lstchain_data_r0_to_dl1": 5,
    "lstchain_find_tailcuts": 2,
    "lstchain_dl1ab": 5,
    "lstchain_check_dl1": 5 + 2,
    "lstchain_merge_hdf5_files": 2,
    "lstchain_merge_muon_files": 2,
    "lstchain_merge_run_summaries": 1,
    "lstchain_longterm_dl1_check": 1,
    "lstchain_cherenkov_transparency": 1,
    "lstchain_mc_trainpipe": 1,
    "lstchain_dl1_to_dl2": 2 + 1,
    "lstchain_create_irf_files": 1,
    "lstchain_create_dl3_file": 2,
    "lstchain_create_dl3_index_files": 2,
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeNight, str]:
    """A night of two sources that one command closed, and what the command printed."""
    night = FakeNight(tmp_path_factory.mktemp("closed") / "night", sources={4: "Mrk 421"})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return night, result.stdout


def counts(night: FakeNight) -> dict[str, int]:
    return dict(collections.Counter(call[0] for call in night.calls()))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_where_lstosa_puts_it(closed: tuple[FakeNight, str], name: str) -> None:
    path = closed[0].base / name
    assert path.is_file()
    assert not path.is_symlink()


@pytest.mark.parametrize("link", LINKS)
def test_every_link_that_others_expect_leads_to_its_product(
    closed: tuple[FakeNight, str], link: str
) -> None:
    base = closed[0].base
    assert (base / link).is_symlink()
    assert (base / link).resolve() == (base / LINKS[link]).resolve()
    assert (base / link).exists()


def test_no_link_is_absolute_or_leads_nowhere(closed: tuple[FakeNight, str]) -> None:
    night, _ = closed
    for name, target in night.links().items():
        assert not target.startswith("/"), name
        assert (night.base / name).exists(), name


def test_every_tool_is_called_exactly_once_a_product(closed: tuple[FakeNight, str]) -> None:
    night, _ = closed
    assert counts(night) == CALLS
    assert set(night.made().values()) == {1}


def test_every_product_has_one_line_with_time_and_size(closed: tuple[FakeNight, str]) -> None:
    output = closed[1]
    lines = [line for line in output.splitlines() if " s " in line and "B  " in line]
    assert len(lines) == sum(CALLS.values())
    assert len([line for line in lines if line.endswith("DL1A Run00004.0002")]) == 1
    assert len(output.splitlines()) == len(lines) + 1, "no other line but the last"
    assert "Night 2024-03-02 (v0.12.3) is closed since" in output
    assert "2 runs, 5 subruns" in output


def test_the_flag_says_what_was_closed_when_and_by_whom(closed: tuple[FakeNight, str]) -> None:
    flag = json.loads(closed[0].flag.read_text())
    assert (flag["date"], flag["telescope"], flag["prod_id"]) == ("2024-03-02", "LST1", "v0.12.3")
    assert (flag["runs"], flag["subruns"], flag["lstchain"]) == (2, 5, "0.12.3")


def test_a_source_with_a_space_in_its_name_reaches_lstchain_as_one_word(
    closed: tuple[FakeNight, str],
) -> None:
    (call,) = [
        call for call in closed[0].calls("lstchain_create_dl3_file") if "Run00004" in str(call)
    ]
    assert "--source-name=Mrk 421" in call
    indexed = [call[1:] for call in closed[0].calls("lstchain_create_dl3_index_files")]
    assert all(word.startswith("--") for words in indexed for word in words)
    index = closed[0].analysis / "log/tailcut84_nsb_tuning_0.14_Mrk 421_DL3Index.log"
    assert "attempt 1" in index.read_text()


def test_nothing_but_products_logs_and_records_is_left(closed: tuple[FakeNight, str]) -> None:
    night, _ = closed
    assert night.leftovers() == []
    assert night.processes() == []


def test_the_tree_of_the_graph_can_be_printed(closed: tuple[FakeNight, str]) -> None:
    night, _ = closed
    tree = subprocess.run(
        [
            str(Path(sys.executable).with_name("luigi-deps-tree")),
            *("--module", "lstosa_luigi", "NightlyClose", "--date", night.date),
        ],
        env=night.variables(),
        cwd=night.root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for word in ("NightlyClose", "WholeRun", "ChargeCalibration", "RunProducts", "COMPLETE"):
        assert word in tree


@pytest.mark.luigid
def test_a_real_luigid_gives_the_same_night(make_night, luigid: int) -> None:
    night = make_night(runs=TINY)
    result = night.luigi(port=luigid)
    assert result.returncode == 0, result.stdout
    assert set(night.made().values()) == {1}
    assert night.leftovers() == []


def test_catb_calibration_is_made_and_used_when_asked_for(make_night) -> None:
    night = make_night(runs=TINY, options={"lstchain": {"apply_catB_calibration": "true"}})
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert counts(night)["onsite_create_cat_B_calibration_file"] == 1
    folder = night.base / "monitoring/PixelCalibration/Cat-B/calibration/20240302"
    assert (folder / "v0.12.3/cat_B_calibration_filters_52.Run00003.h5").is_file()
    for suffix in (".log", ".pdf"):
        assert (folder / f"v0.12.3/log/cat_B_calibration_filters_52.Run00003{suffix}").is_file()
    assert (folder / "pro").resolve() == (folder / "v0.12.3").resolve()
    (call,) = night.calls("lstchain_dl1ab")
    assert any("cat_B_calibration_filters_52.Run00003.h5" in word for word in call)


def test_pedestals_that_were_found_are_given_to_the_subrun_they_are_of(make_night) -> None:
    night = make_night(runs=(*TINY[:2], (3, "DATA", 2)))
    ids = night.base / "auxiliary/PedestalFinder/20240302/pedestal_ids_Run00003.0001.h5"
    ids.parent.mkdir(parents=True)
    ids.write_bytes(b"event numbers")
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    first, second = sorted(night.calls("lstchain_data_r0_to_dl1"), key=lambda call: call[1])
    assert not [word for word in first if "pedestal-ids" in word]
    assert f"--pedestal-ids-path={ids}" in second
    record = json.loads((night.analysis / "records/Run00003.0001_DL1A.json").read_text())
    assert str(ids) in record["inputs"]


def test_the_standard_cleaning_needs_no_search_and_no_images_need_no_datacheck(make_night) -> None:
    night = make_night(runs=TINY)
    config = night.root / "standard.json"
    config.write_text(
        '{"tailcuts_clean_with_pedestal_threshold": {"picture_thresh": 8, "boundary_thresh": 4}}'
    )
    night.write_config(
        lstchain={
            "apply_standard_dl1b_config": "true",
            "dl1b_config": str(config),
            "dl1_prod_id": "standard84",
            "store_image_dl1ab": "false",
        }
    )
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    (call,) = night.calls("lstchain_dl1ab")
    assert any(str(config) in word for word in call)
    assert "--no-image" in " ".join(call)
    assert (night.base / "DL1/20240302/v0.12.3/standard84/dl1_LST-1.Run00003.h5").is_file()
    done = counts(night)
    assert "lstchain_check_dl1" not in done
    assert "lstchain_longterm_dl1_check" not in done


def test_the_standard_cleaning_is_that_of_lstchain_if_none_is_given(make_night) -> None:
    night = make_night(runs=TINY, options={"lstchain": {"apply_standard_dl1b_config": "true"}})
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    (packaged,) = night.environment.rglob("lstchain_standard_config.json")
    (call,) = night.calls("lstchain_dl1ab")
    assert f"--config={packaged}" in call
    assert night.calls("lstchain_find_tailcuts") == []
    assert (night.base / f"{CUTS}/dl1_LST-1.Run00003.h5").is_file()


def test_a_given_irf_and_given_models_need_no_simulation(make_night) -> None:
    night = make_night(runs=TINY)
    forests = night.base / "models/AllSky/20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276"
    forests.mkdir(parents=True)
    for name in ("reg_energy", "reg_disp_norm", "cls_disp_sign", "cls_gh"):
        (forests / f"{name}.sav").write_bytes(b"forest")
    (night.base / "mc").rename(night.root / "mc")
    irf = night.root / "irf.fits.gz"
    irf.write_bytes((night.environment / "templates/template.fits.gz").read_bytes())
    night.write_config(mc={"irf_file": str(irf)})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    done = counts(night)
    assert "lstchain_mc_trainpipe" not in done
    assert "lstchain_create_irf_files" not in done
    (call,) = night.calls("lstchain_create_dl3_file")
    assert "--irf-file-pattern=irf.fits.gz" in call


def test_a_night_without_data_is_closed_with_its_calibration(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)))
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert "0 runs, 0 subruns" in result.stdout
    assert sorted(counts(night)) == [
        "lstchain_create_run_summary",
        "lstchain_merge_run_summaries",
        "onsite_create_calibration_file",
        "onsite_create_drs4_pedestal_file",
    ]


def test_parts_of_a_night_can_be_asked_for_one_after_the_other(make_night) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 1)))
    result = night.luigi("CalibrateNight")
    assert result.returncode == 0, result.stdout
    assert "CalibrateNight 2024-03-02 (v0.12.3): complete." in result.stdout
    assert sum(counts(night).values()) == 3

    result = night.luigi("CloseRun", "--run-id", "3")
    assert result.returncode == 0, result.stdout
    assert "CloseRun Run00003 of 2024-03-02 (v0.12.3): complete." in result.stdout
    assert not any("Run00004" in " ".join(call) for call in night.calls())

    result = night.luigi("DL2Night")
    assert result.returncode == 0, result.stdout
    assert (night.base / "DL2/20240302/v0.12.3/tailcut84/nsb_tuning_0.14").is_dir()
    assert set(night.made().values()) == {1}
    assert not night.flag.exists()


BUILD = """
import collections, datetime, luigi, lstosa_luigi
from lstosa_luigi.execution.batch import Batch

started = collections.Counter()
run = Batch.run
def counted(batch):
    started[batch.task.task_family] += 1
    run(batch)
Batch.run = counted
done = luigi.build(
    [lstosa_luigi.MergedMuons(date=datetime.date(2024, 3, 2), run_id=3)], local_scheduler=True
)
print("DONE" if done else "NOT DONE", started["DL1A"])
"""


def test_many_subruns_are_one_batch_and_yet_each_has_its_own_state(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 24)))
    assert night.luigi("CalibrateNight").returncode == 0
    night.control(fail=["Run00003.0017"])
    script = [sys.executable, "-c", BUILD]
    common = {"env": night.variables(), "cwd": night.root, "capture_output": True, "text": True}
    first = subprocess.run(script, check=True, **common)
    assert first.stdout.split() == ["NOT", "DONE", "1"], "24 subruns, one batch"
    assert "FAILED  DL1A Run00003.0017" in first.stderr
    assert len(list(night.analysis.glob("dl1_LST-1.Run00003.????.h5"))) == 23

    night.control()
    night.forget_calls()
    second = subprocess.run(script, check=True, **common)
    assert second.stdout.split() == ["DONE", "1"], second.stderr
    assert counts(night) == {"lstchain_data_r0_to_dl1": 1, "lstchain_merge_muon_files": 1}


COUNT = """
import datetime, luigi, luigi.scheduler, lstosa_luigi

told = []
add_task = luigi.scheduler.Scheduler.add_task
def counted(scheduler, **given):
    told.append(given["task_id"])
    return add_task(scheduler, **given)
luigi.scheduler.Scheduler.add_task = counted
root = lstosa_luigi.NightlyClose(date=datetime.date(2024, 3, 2))
print(luigi.build([root], local_scheduler=True), len(told), len(set(told)))
"""


def test_luigid_is_told_of_each_product_but_a_few_times(make_night) -> None:
    """When it is planned, when it is made, and for few of them in between."""
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 6), (4, "DATA", 6)))
    result = night.python(COUNT)
    done, calls, tasks = result.stdout.splitlines()[-1].split()
    assert done == "True", result.stdout
    assert int(tasks) > 12 * 3
    assert int(calls) < 3 * int(tasks)


def test_importing_the_package_changes_nothing_in_the_current_directory(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", "import lstosa_luigi"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
