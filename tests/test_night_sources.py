"""Sources of runs and the runs of all nights: made where they are not there, and never guessed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.fakes.mongo import MongoServer, add_observation, add_run, mongo_server
from tests.fakes.night import FakeNight
from tests.operators import decide, plan, printed

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (4, "DATA", 1))
START = 1709409600
"""2024-03-02 20:00:00 UTC, when the first run starts; each other one 100 s later."""
LEAP = 37
"""Seconds that TAI was ahead of UTC."""
COLUMN = "# - {name: run_type, datatype: string}\n"
TRACKS = (
    f"{START - 200} TrackStart 83.633 22.0145 Crab Nebula\n{START + 250} TrackEnd \n"
    f"{START + 260} TrackStart 166.11 38.21 Mrk 421\n{START + 900} TrackEnd \n"
)
MONITORING = "monitoring"


def without_catalog(night: FakeNight, tracks: str = "") -> FakeNight:
    """Take the run catalogue away, say when runs start, and what was tracked."""
    catalog_of(night).unlink(missing_ok=True)
    table = night.r0(1, 0).parent / "runs.ecsv"
    text = table.read_text().replace(COLUMN, COLUMN + "# - {name: run_start, datatype: int64}\n")
    text = text.replace(",run_type,", ",run_type,run_start,")
    for run, kind, subruns in night.runs:
        row = f"{run},{subruns},{kind}"
        start = (START + LEAP + 100 * (run - 1)) * 10**9
        text = text.replace(f"\n{row},", f"\n{row},{start},")
    table.write_text(text)
    if tracks:
        night.drive_log.with_name(f"Target_log_{night.flat}.txt").write_text(tracks)
    return night


def catalog_of(night: FakeNight) -> Path:
    return night.base / f"monitoring/RunCatalog/RunCatalog_{night.flat}.ecsv"


def rows(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")][1:]


@pytest.fixture
def server() -> Iterator[MongoServer]:
    with mongo_server() as server:
        yield server


def test_night_without_catalogue_is_closed_with_the_sources_of_the_target_log(make_night) -> None:
    night = without_catalog(make_night(runs=RUNS), TRACKS)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    made = printed(result.stdout)
    assert made.count("RunCatalog 20240302") == 1
    assert rows(catalog_of(night)) == ["3,Crab Nebula,83.633,22.0145", "4,Mrk 421,166.11,38.21"]
    for run, source in ((3, "Crab Nebula"), (4, "Mrk 421")):
        (dl3,) = night.base.rglob(f"dl3_LST-1.Run0000{run}.fits.gz")
        assert dl3.parent.name == source
        assert (dl3.parent / "obs-index.fits.gz").is_file()
        (call,) = [
            c for c in night.calls("lstchain_create_dl3_file") if f"--source-name={source}" in c
        ]
        assert any(word.startswith("--source-ra=") for word in call)
    assert {row["run"]: row["source"] for row in plan(night)["runs"]}[4] == "Mrk 421"
    assert (night.analysis / "records/20240302_RunCatalog.json").is_file()
    log = (night.analysis / "log/20240302_RunCatalog.log").read_text()
    assert "Run 00004: Mrk 421 (166.11, 38.21): no telescope-control database is " in log


def test_night_without_catalogue_is_closed_with_the_sources_of_the_database(
    make_night, server: MongoServer
) -> None:
    night = without_catalog(make_night(runs=RUNS), TRACKS)
    night.write_config(database={"tcu_db": server.address, "timeout": "60"})
    add_run(server.client, 3, START + 200, START + 240)
    add_observation(
        server.client, START, START + 250, name="M 87", source_ra=187.7, source_dec=12.4
    )
    result = night.luigi("RunCatalog")
    assert result.returncode == 0, result.stdout
    # the database knows of one run only, the log of the other
    assert rows(catalog_of(night)) == ["3,M 87,187.7,12.4", "4,Mrk 421,166.11,38.21"]


def test_catalogue_that_is_there_is_never_written_again(make_night) -> None:
    night = make_night(runs=RUNS)
    text = catalog_of(night).read_text()
    without_catalog(night, TRACKS)
    catalog_of(night).write_text(text)
    result = night.luigi("DL2Night")
    assert result.returncode == 0, result.stdout
    assert not [title for title in printed(result.stdout) if title.startswith("RunCatalog")]
    assert catalog_of(night).read_text() == text


def test_run_with_two_targets_is_left_out_with_the_reason_and_stops_no_other(make_night) -> None:
    tracks = TRACKS.replace(f"{START + 250} ", f"{START + 303} ")
    tracks = tracks.replace(f"{START + 260} ", f"{START + 305} ")
    night = without_catalog(make_night(runs=RUNS), tracks)
    result = night.luigi()
    assert result.returncode == 20, result.stdout
    assert rows(catalog_of(night)) == ["3,Crab Nebula,83.633,22.0145"]
    (line,) = [ln for ln in result.stdout.splitlines() if ln.startswith("MISSING")]
    assert f"The source of run 00004 is not known: {catalog_of(night)} was made without" in line
    assert "2 targets were tracked from 20:05:00 to 20:05:10 UTC: Crab Nebula (83.633" in line
    assert "or remove the file to have it made again" in line
    assert list(night.base.rglob("dl3_LST-1.Run00003.fits.gz"))
    decide(night, "--veto", "4")
    assert night.luigi().returncode == 0


def test_nothing_to_make_a_catalogue_of(make_night) -> None:
    night = without_catalog(make_night(runs=RUNS[:3]))
    result = night.luigi()
    assert result.returncode == 20, result.stdout
    (line,) = [ln for ln in result.stdout.splitlines() if ln.startswith("MISSING")]
    assert f"{catalog_of(night)} is not there, " in line
    assert "Target_log_20240302.txt neither, and no telescope-control database is conf" in line


def test_database_that_does_not_answer_and_no_log_leave_no_catalogue_behind(make_night) -> None:
    night = without_catalog(make_night(runs=RUNS[:3]))
    address = f"127.0.0.1:{free_port()}"
    night.write_config(database={"tcu_db": address, "timeout": "0.5"})
    result = night.luigi("DL2Night")
    assert result.returncode == 30, result.stdout
    (line,) = [ln for ln in result.stdout.splitlines() if "FAILED" in ln]
    assert "RunCatalog 20240302" in line
    assert f"the source of no run is known: telescope-control database {address} does not" in line
    assert "there is no Target log" in line
    assert not catalog_of(night).exists()


# --- the runs of all nights ------------------------------------------------------------------


def test_runs_of_all_nights_are_in_one_table_whichever_night_ends_first(make_night) -> None:
    night = make_night(runs=RUNS[:2])
    other = night.add_night("2024-03-01", ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    table = night.base / "OSA/Catalog/merged_RunSummary.ecsv"
    at_work = [night.start("MergedRunSummary"), other.start("MergedRunSummary")]
    assert [process.wait(300) for process in at_work] == [0, 0]
    kinds = [("2024-03-01", "11"), ("2024-03-01", "12"), ("2024-03-02", "1"), ("2024-03-02", "2")]
    assert [tuple(row.split()[:2]) for row in rows(table)] == kinds
    text = table.read_text()
    assert night.luigi("MergedRunSummary").returncode == 0
    assert table.read_text() == text
    assert len(night.calls("lstchain_merge_run_summaries")) == 2
    # who removes it gets it back whole, of what was made of each night
    table.unlink()
    assert other.luigi("MergedRunSummary").returncode == 0
    assert table.read_text() == text
    assert night.leftovers() == []


def test_damaged_table_of_all_nights_is_named_and_all_else_is_made(make_night) -> None:
    night = make_night(runs=RUNS[:3])
    table = night.base / "OSA/Catalog/merged_RunSummary.ecsv"
    table.parent.mkdir(parents=True)
    table.write_text("cut")
    result = night.luigi()
    assert result.returncode == 30, result.stdout
    assert f"{table}: cannot be read as the runs of all nights" in result.stdout
    assert "Traceback" not in result.stdout
    assert table.read_text() == "cut"
    assert list(night.base.rglob("obs-index.fits.gz"))
    table.unlink()
    assert night.luigi().returncode == 0
    assert len(rows(table)) == 3


# --- runs that are not what they seem --------------------------------------------------------


def test_run_of_two_nights_is_processed_where_its_raw_data_lie(make_night) -> None:
    night = make_night(runs=RUNS)
    before = night.add_night("2024-03-01", ((4, "DATA", 1), (11, "DRS4", 1), (12, "PEDCALIB", 1)))
    for night_of in (night, before):
        assert night_of.luigi("RunSummary").returncode == 0
    for stream in (1, 2, 3, 4):
        night.r0(4, 0, stream).unlink()
    words = "processed in the night of 2024-03-01, where its raw data lie"
    assert {row["run"]: row["treatment"] for row in plan(night)["runs"]}[4] == words
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert f"left out: run 00004 is {words}" in result.stdout
    assert "1 run, 1 subrun" in result.stdout
    refused = night.luigi("CloseRun", "--run-id", "4")
    assert "Run 00004 has no raw data in the night of 2024-03-02: it is processed" in refused.stdout
    shutil.copy(night.drive_log, before.drive_log)
    assert "DL1A Run00004.0000" in [item["title"] for item in plan(before)["products"]]


@pytest.mark.parametrize(("run", "kind"), [(1, "DRS4"), (2, "PEDCALIB")])
def test_dl1_of_a_calibration_run_is_refused(make_night, run: int, kind: str) -> None:
    night = make_night(runs=RUNS[:3])
    assert night.luigi("RunSummary").returncode == 0
    result = night.luigi("DL1A", "--run-id", str(run), "--subrun", "0")
    assert result.returncode == 35, result.stdout
    (line,) = [ln for ln in result.stdout.splitlines() if ln.startswith("NOT PLANNED")]
    assert f"Run 0000{run} is no DATA run but {kind}: no DL1 is made of it." in line
    assert "Traceback" not in result.stdout
    assert night.calls("onsite_create_drs4_pedestal_file") == []
