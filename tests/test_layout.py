"""Every file lies where lstosa puts it: the tables of its directories, as relative paths."""

import datetime
from pathlib import Path

import pytest

from lstosa_luigi.layout import PageLayout, telescope_prefix
from tests.configuration import layout_below, load

DL2 = "tailcut84/nsb_tuning_0.14"
STD = f"DL3/20200117/v0.1.0/{DL2}/std_cuts"
CAT_A = "monitoring/PixelCalibration/Cat-A"
MC = "20240918_v0.10.12_allsky_nsb_tuning_0.14"
LONGTERM = "DL1/datacheck_files/night_wise"

# fmt: off
PLACES = {
    # inputs and monitoring
    "R0/20200117/LST-1.1.Run01807.0003.fits.fz": lambda at: at.r0_file(1807, 3),
    "R0/20200117/LST-1.4.Run01807.0003.fits.fz": lambda at: at.r0_file(1807, 3, stream=4),
    "monitoring/RunSummary/RunSummary_20200117.ecsv": lambda at: at.run_summary(),
    "monitoring/RunCatalog/RunCatalog_20200117.ecsv": lambda at: at.run_catalog(),
    "monitoring/DrivePositioning/DrivePosition_log_20200117.txt": lambda at: at.drive_log(),
    "monitoring/DrivePositioning/Target_log_20200117.txt": lambda at: at.target_log(),
    "monitoring/DrivePositioning/BendingModelCorrection_log_20200117.txt":
        lambda at: at.bending_log(),
    "OSA/Catalog/merged_RunSummary.ecsv": lambda at: at.merged_run_summary(),
    "OSA/Catalog/nights/merged_RunSummary_20200117.ecsv": lambda at: at.pointed_run_summary(),
    "OSA/Filters/20200117/filters_LST-1.Run01809.json": lambda at: at.filter_wheels(1809),
    "auxiliary/PedestalFinder/20200117/pedestal_ids_Run01807.0003.h5":
        lambda at: at.pedestal_ids(1807, 3),
    "auxiliary/TailCuts/dl1ab_Run01807.json": lambda at: at.tailcuts_config(1807),
    "auxiliary/TailCuts/log_find_tailcuts_Run01807.log": lambda at: at.tailcuts_log(1807),
    f"models/AllSky/{MC}/dec_2276": lambda at: at.model(f"{MC}/dec_2276"),
    "R0G/log/20200117/r0_to_r0g_01807.0003.log": lambda at: at.gain_selection_log(1807, 3),
    "OSA/InputState/20200117/input_state_LST-1.Run01807.json": lambda at: at.input_state(1807),
    # calibration
    f"{CAT_A}/drs4_baseline/20200117/v0.12.3/drs4_pedestal.Run01804.0000.h5":
        lambda at: at.drs4_baseline(1804),
    f"{CAT_A}/drs4_baseline/20200117/v0.12.3/log/drs4_pedestal.Run01804.0000.pdf":
        lambda at: at.drs4_plot(1804),
    f"{CAT_A}/calibration/20200117/v0.12.3/calibration_filters_52.Run01809.0000.h5":
        lambda at: at.charge_calibration(1809, "52"),
    f"{CAT_A}/calibration/20200117/v0.12.3/log/calibration_filters_52.Run01809.0000.pdf":
        lambda at: at.charge_calibration_plot(1809, "52"),
    f"{CAT_A}/calibration/20200117/v0.12.3/log/calibration_filters_52.Run01809.0000.log":
        lambda at: at.charge_calibration_log(1809, "52"),
    "monitoring/PixelCalibration/Cat-B/calibration/20200117/v0.12.3/"
    "cat_B_calibration_filters_52.Run01807.h5": lambda at: at.cat_b_calibration(1807, "52"),
    "monitoring/PixelCalibration/Cat-B/calibration/20200117/v0.12.3/log/"
    "cat_B_calibration_filters_52.Run01807.pdf": lambda at: at.cat_b_plot(1807, "52"),
    "monitoring/PixelCalibration/Cat-B/calibration/20200117/v0.12.3/log/"
    "cat_B_calibration_filters_52.Run01807.log": lambda at: at.cat_b_log(1807, "52"),
    # running analysis
    "running_analysis/20200117/v0.1.0": lambda at: at.analysis(),
    "running_analysis/20200117/v0.1.0/set_aside": lambda at: at.set_aside(),
    "OSA/Closer/20200117/v0.1.0/Reopened.json": lambda at: at.reopened(),
    "running_analysis/20200117/v0.1.0/dl1_LST-1.Run01807.0003.h5": lambda at: at.dl1a(1807, 3),
    "running_analysis/20200117/v0.1.0/log/Run01807.0003_DL1A.log":
        lambda at: at.log("Run01807.0003_DL1A"),
    "running_analysis/20200117/v0.1.0/records/Run01807.0003_DL1A.json":
        lambda at: at.record("Run01807.0003_DL1A"),
    "running_analysis/20200117/v0.1.0/.scratch": lambda at: at.scratch(),
    # DL1
    "DL1/20200117/v0.1.0": lambda at: at.dl1_night(),
    "DL1/20200117/v0.1.0/muons": lambda at: at.muons_dir(),
    "DL1/20200117/v0.1.0/muons/muons_LST-1.Run01807.0003.fits": lambda at: at.muons(1807, 3),
    "DL1/20200117/v0.1.0/muons/muons_LST-1.Run01807.fits": lambda at: at.muons(1807, None),
    "DL1/20200117/v0.1.0/interleaved/interleaved_LST-1.Run01807.0003.h5":
        lambda at: at.interleaved(1807, 3),
    "DL1/20200117/v0.1.0/tailcut84": lambda at: at.dl1b_dir("tailcut84"),
    "DL1/20200117/v0.1.0/tailcut84/dl1_LST-1.Run01807.0003.h5":
        lambda at: at.dl1b(1807, 3, "tailcut84"),
    "DL1/20200117/v0.1.0/tailcut84/dl1_LST-1.Run01807.h5":
        lambda at: at.dl1b(1807, None, "tailcut84"),
    "DL1/20200117/v0.1.0/tailcut84/datacheck": lambda at: at.datacheck_dir("tailcut84"),
    "DL1/20200117/v0.1.0/tailcut84/datacheck/datacheck_dl1_LST-1.Run01807.0003.h5":
        lambda at: at.datacheck(1807, 3, "tailcut84"),
    "DL1/20200117/v0.1.0/tailcut84/datacheck/datacheck_dl1_LST-1.Run01807.h5":
        lambda at: at.datacheck(1807, None, "tailcut84"),
    "DL1/20200117/v0.1.0/tailcut84/datacheck/datacheck_dl1_LST-1.Run01807.pdf":
        lambda at: at.datacheck_plot(1807, "tailcut84"),
    "DL1/datacheck_files/20200117": lambda at: at.common_datacheck_dir(),
    f"{LONGTERM}/v0.1.0/20200117/DL1_datacheck_20200117.h5": lambda at: at.longterm(),
    f"{LONGTERM}/v0.1.0/20200117/DL1_datacheck_20200117.html": lambda at: at.longterm(".html"),
    f"{LONGTERM}/v0.1.0/20200117/DL1_datacheck_20200117.log": lambda at: at.longterm(".log"),
    # DL2 and DL3
    f"DL2/20200117/v0.1.0/{DL2}/dl2_LST-1.Run01807.h5": lambda at: at.dl2(1807, DL2),
    STD: lambda at: at.dl3_dir(DL2),
    f"{STD}/irf.fits.gz": lambda at: at.irf(DL2),
    f"{STD}/irf_dec_2276.fits.gz": lambda at: at.irf(DL2, "dec_2276"),
    f"{STD}/Crab": lambda at: at.dl3_source_dir(DL2, "Crab"),
    f"{STD}/Crab/dl3_LST-1.Run01807.fits.gz": lambda at: at.dl3(1807, DL2, "Crab"),
    f"{STD}/Crab/hdu-index.fits.gz": lambda at: at.dl3_index(DL2, "Crab")[0],
    f"{STD}/Crab/obs-index.fits.gz": lambda at: at.dl3_index(DL2, "Crab")[1],
    # housekeeping
    "OSA/Closer/20200117/v0.1.0/NightFinished.txt": lambda at: at.night_finished(),
    "OSA/Decisions/Decisions_LST-1_20200117.yaml": lambda at: at.decisions(),
    "OSA/locks/NightlyClose_1.lock": lambda at: at.lock("NightlyClose_1"),
    "OSA/cache": lambda at: at.cache(),
}
# fmt: on


@pytest.fixture
def layout(monkeypatch, tmp_path):
    return layout_below(monkeypatch, tmp_path)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(("place", "asked"), PLACES.items(), ids=PLACES)
def test_file_lies_where_lstosa_puts_it(layout, tmp_path, place, asked):
    assert asked(layout).relative_to(tmp_path).as_posix() == place


@pytest.mark.parametrize(
    ("run", "subrun", "name"),
    [
        (1, 0, "dl1_LST-1.Run00001.0000.h5"),
        (1968, 11, "dl1_LST-1.Run01968.0011.h5"),
        (19681, 1, "dl1_LST-1.Run19681.0001.h5"),
        (19681, 1234, "dl1_LST-1.Run19681.1234.h5"),
    ],
)
def test_runs_have_five_digits_and_subruns_four(layout, run, subrun, name):
    assert layout.dl1a(run, subrun).name == name


@pytest.mark.parametrize(("telescope", "prefix"), [("LST1", "LST-1"), ("LST4", "LST-4")])
def test_telescope_has_a_hyphen_in_file_names(monkeypatch, tmp_path, telescope, prefix):
    layout = layout_below(monkeypatch, tmp_path, telescope=telescope)
    assert telescope_prefix(telescope) == layout.prefix == prefix
    assert layout.r0_file(1, 0).name == f"{prefix}.1.Run00001.0000.fits.fz"
    assert layout.dl2(1, DL2).name == f"dl2_{prefix}.Run00001.h5"


@pytest.mark.parametrize(
    ("source", "directory"),
    [
        ("Crab", "Crab"),
        ("Mrk 421", "Mrk 421"),
        ("1ES 1959+650", "1ES 1959+650"),
        ("GRB/2024 (alert)", "GRB_2024 (alert)"),
        ("..", "_"),
        (".../etc", "__etc"),
    ],
)
def test_directory_of_a_source_has_its_name_and_is_one_directory(layout, source, directory):
    assert layout.dl3(1807, DL2, source).parent.relative_to(layout.dl3_dir(DL2)) == Path(directory)


def test_subrun_is_written_by_the_event_builder_in_four_streams(layout):
    assert [path.name for path in layout.r0_streams(1807, 3)] == [
        f"LST-1.{stream}.Run01807.0003.fits.fz" for stream in (1, 2, 3, 4)
    ]


def test_each_run_is_read_as_it_was_taken_or_where_that_is_gone_from_r0g(layout, tmp_path):
    selected = touch(tmp_path / "R0G/20200117/LST-1.1.Run01807.0000.fits.fz")
    assert layout.r0_root() == layout.r0_root(1807) == tmp_path / "R0G"
    assert layout.r0_streams(1807, 0)[0] == selected
    touch(tmp_path / "R0/20200117/LST-1.1.Run01808.0000.fits.fz")
    assert layout.r0_root() == layout.r0_root(1808) == tmp_path / "R0"
    assert layout.r0_root(1807) == tmp_path / "R0G", "another run changes nothing"
    raw = touch(tmp_path / "R0/20200117/LST-1.1.Run01807.0000.fits.fz")
    assert layout.r0_root(1807) == tmp_path / "R0"
    assert layout.r0_streams(1807, 0)[3].parent == raw.parent


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("LST-1.1.Run01807.0003.fits.fz", (1, 1807, 3)),
        ("LST-1.4.Run12345.0103.fits.fz", (4, 12345, 103)),
        ("LST-2.1.Run01807.0003.fits.fz", None),
        ("LST-1.1.Run1807.0003.fits.fz", None),
        (".LST-1.1.Run01807.0003.fits.fz.part", None),
        ("r0_to_r0g_01807.0003.log", None),
    ],
)
def test_name_of_a_raw_file_is_matched_as_a_whole(layout, name, parsed):
    assert layout.parse_r0_name(name) == parsed


def test_gain_selected_data_of_another_night_do_not_count(layout, tmp_path):
    touch(tmp_path / "R0G/20200118/LST-1.1.Run01810.0000.fits.fz")
    assert layout.r0_root() == tmp_path / "R0"


def test_another_night_of_the_same_production(layout, tmp_path):
    other = layout.of(datetime.date(2022, 9, 3))
    assert other.dl1_night() == tmp_path / "DL1/20220903/v0.1.0"
    assert layout.flat_date == "20200117"


def test_time_calibrations_of_all_nights_are_found_by_their_pro_link(layout, tmp_path):
    root = tmp_path / CAT_A / "drs4_time_sampling_from_FF"
    found = [
        touch(root / "20191124/pro/time_calibration.Run01625.0000.h5"),
        touch(root / "20210321/pro/time_calibration.Run04211.0000.h5"),
    ]
    touch(root / "20210321/v0.7.0/time_calibration.Run04211.0000.h5")
    touch(root / "20210321/pro/time_calibration.Run04211.0000.h5.bak")
    assert layout.time_calibrations() == found


def test_systematics_of_all_nights_are_found_by_their_pro_link(layout, tmp_path):
    root = tmp_path / CAT_A / "ffactor_systematics"
    found = touch(root / "20200725/pro/ffactor_systematics_20200725.h5")
    touch(root / "20200725/v0.7.0/ffactor_systematics_20200725.h5")
    assert layout.systematics() == [found]


CHARGE = f"{CAT_A}/calibration/20200117"
DRS4 = f"{CAT_A}/drs4_baseline/20200117"


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([], "v0.12.3"),
        (["v0.12.1"], "v0.12.1"),
        (["v0.12.1", "v0.12.3"], "v0.12.3"),
        (["v0.12.4", "v0.12.3"], "v0.12.3"),  # what is at work does not change under its feet
        (["v0.12.9", "v0.12.10"], "v0.12.10"),
        (["v0.12"], "v0.12"),
        (["v0.12.4.dev3+g1a2b"], "v0.12.4.dev3+g1a2b"),
        (["v0.1.3", "v0.11.3", "v0.120.1", "v1.12.3", "old"], "v0.12.3"),
    ],
)
def test_calibration_of_a_version_alike_is_used_else_made(layout, tmp_path, there, found):
    for version in there:
        touch(tmp_path / DRS4 / version / "drs4_pedestal.Run01804.0000.h5")
        touch(tmp_path / CHARGE / version / "calibration_filters_52.Run01809.0000.h5")
    assert layout.find_drs4_baseline(1804).parent == tmp_path / DRS4 / found
    assert layout.find_charge_calibration(1809, "52").parent == tmp_path / CHARGE / found


def test_calibration_of_another_run_or_behind_the_pro_link_does_not_count(layout, tmp_path):
    touch(tmp_path / DRS4 / "v0.11.0/drs4_pedestal.Run01804.0000.h5")
    touch(tmp_path / DRS4 / "v0.12.1/drs4_pedestal.Run01803.0000.h5")
    (tmp_path / DRS4 / "pro").symlink_to("v0.11.0")
    assert layout.find_drs4_baseline(1804) == layout.drs4_baseline(1804)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["v0.12.3/calibration_filters_52", "v0.12.3/calibration_filters_20"], 0),
        (["v0.12.3/calibration_filters_20"], 0),
        (["v0.12.4/calibration_filters_52", "v0.12.3/calibration_filters_20"], 1),
    ],
)
def test_calibration_for_other_filters_is_better_than_none(layout, tmp_path, there, found):
    files = [touch(tmp_path / CHARGE / f"{name}.Run01809.0000.h5") for name in there]
    assert layout.find_charge_calibration(1809, "52") == files[found]


@pytest.mark.parametrize(
    ("only", "found"),
    [((), "v0.12.4/calibration_filters_20"), (("20",), "v0.12.4/calibration_filters_20")],
)
def test_calibration_for_filters_that_were_decided_is_taken_alone(layout, tmp_path, only, found):
    touch(tmp_path / CHARGE / "v0.12.4/calibration_filters_20.Run01809.0000.h5")
    wanted = tmp_path / CHARGE / f"{found}.Run01809.0000.h5"
    assert layout.find_charge_calibration(1809, "43", only) == wanted
    made = layout.charge_calibration(1809, "43")
    assert layout.find_charge_calibration(1809, "43", ("43",)) == made
    assert layout.find_charge_calibration(1809, "43", ("52",)) == made
    touch(made)
    assert layout.find_charge_calibration(1809, "43", only) == made


def test_longterm_datacheck_is_linked_outside_of_the_production(layout, tmp_path):
    root = tmp_path / LONGTERM
    assert layout.longterm_links() == {
        root / f"DL1_datacheck_20200117{suffix}":
            root / f"v0.1.0/20200117/DL1_datacheck_20200117{suffix}"
        for suffix in (".h5", ".html", ".log")
    }  # fmt: skip


def test_draft_of_the_longterm_datacheck_is_not_where_people_look(layout, tmp_path):
    assert layout.longterm_draft().is_relative_to(layout.analysis())
    assert layout.longterm_draft().name == layout.longterm().name


def test_simulated_events_are_found_in_the_tree_of_the_simulation(layout, tmp_path):
    folder = tmp_path / f"mc/DL1/AllSky/{MC}/TestingDataset/dec_2276/Gamma"
    assert layout.mc_dl1(f"{MC}/dec_2276", "TestingDataset", "Gamma") is None
    assert layout.mc_dl2(f"{MC}/dec_2276", "Gamma") is None
    dl1 = touch(folder / "dl1_gammas_merged.h5")
    assert layout.mc_dl1(f"{MC}/dec_2276", "TestingDataset", "Gamma") == dl1
    assert layout.mc_dl2(f"{MC}/dec_2276", "Gamma") == (
        tmp_path / f"mc/DL2/AllSky/{MC}/TestingDataset/dec_2276/Gamma/dl2_gammas_merged.h5"
    )


def test_directory_that_is_set_moves_what_lies_below_it(monkeypatch, tmp_path):
    moved = load(monkeypatch, tmp_path, paths={"dl1_dir": str(tmp_path / "elsewhere")})
    assert moved.directories.longterm_dir == tmp_path / "elsewhere/datacheck_files/night_wise"
    assert moved.directories.dl2_dir == tmp_path / "DL2"


RUNS = {1807: 11, 1968: 2}
NIGHT_DL1 = "DL1/20200117/v0.1.0"


@pytest.mark.parametrize(
    ("path", "is_product"),
    [
        ("running_analysis/20200117/v0.1.0/dl1_LST-1.Run01807.0010.h5", True),
        ("running_analysis/20200117/v0.1.0/dl1_LST-1.Run01807.0011.h5", False),
        ("running_analysis/20200117/v0.1.0/dl1_LST-1.Run01807.h5", False),
        ("running_analysis/20200117/v0.1.0/dl1_LST-1.Run1807.0010.h5", False),
        ("running_analysis/20200117/v0.1.0/dl1_LST-1.Run01807.0010.h5.bak", False),
        ("running_analysis/20200117/v0.1.0/dl1_LST-1.Run19681.0000.h5", False),
        (f"{NIGHT_DL1}/muons/muons_LST-1.Run01968.fits", True),
        (f"{NIGHT_DL1}/muons/muons_LST-1.Run01968.h5", False),
        (f"{NIGHT_DL1}/interleaved/interleaved_LST-1.Run01968.0001.h5", True),
        (f"{NIGHT_DL1}/interleaved/muons_LST-1.Run01968.0001.fits", False),
        (f"{NIGHT_DL1}/tailcut84/dl1_LST-1.Run01968.h5", True),
        (f"{NIGHT_DL1}/tailcut84/dl1_LST-2.Run01968.h5", False),
        (f"{NIGHT_DL1}/tailcut1005/dl1_LST-1.Run01968.h5", False),
        (f"{NIGHT_DL1}/tailcut84/datacheck/datacheck_dl1_LST-1.Run01968.pdf", True),
        (f"{NIGHT_DL1}/tailcut84/datacheck/datacheck_dl1_LST-1.Run01968.0001.pdf", False),
    ],
)
def test_a_file_is_a_product_only_by_its_exact_name_and_place(layout, tmp_path, path, is_product):
    assert layout.is_product(tmp_path / path, RUNS, {"tailcut84"}) is is_product


def test_cleanings_are_known_by_what_lies_in_their_directories(layout, tmp_path):
    paths = ("muons/a.fits", "interleaved/a.h5", "tailcut84/a.h5", "tailcut1005/datacheck/a.h5")
    found = layout.cleanings_of(f"{tmp_path}/{NIGHT_DL1}/{path}" for path in paths)
    assert found == {"tailcut84", "tailcut1005"}


def test_pages_lie_below_the_housekeeping_with_the_names_of_lstosa(monkeypatch, tmp_path) -> None:
    layout = layout_below(monkeypatch, tmp_path)
    pages = PageLayout.of(layout.directories)
    night = "20200117/v0.1.0"
    found = {
        "index.html": pages.index(),
        "LST_source_catalog.html": pages.catalog(),
        f"{night}/osa_status_LST-1_20200117.html": pages.night(layout),
        f"{night}/osa_status_LST-1_20200117.json": pages.entry(layout),
        f"{night}/osa_gainsel_status_LST-1_20200117.html": pages.gain_selection(layout),
        f"{night}/thumbnails_LST-1": pages.thumbnails(layout),
    }
    assert {name: tmp_path / "OSA/Pages" / name for name in found} == found
    assert PageLayout.of(layout.directories, "/web").index() == Path("/web/index.html")
    entry = pages.entry(layout)
    entry.parent.mkdir(parents=True)
    entry.write_text("{}")
    entry.with_name("rows.json").write_text("[]")
    assert pages.entries() == [entry]
