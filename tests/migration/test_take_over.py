"""A night that lstosa began is taken over and closed; what counts is not made again."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lstosa_luigi.cli import VERBS
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.record import read_record
from lstosa_luigi.migration.take_over import SOURCE
from tests.fakes.night import DATE, FakeNight
from tests.migration.lstosa_tree import (
    DL1P,
    as_begun,
    as_closed,
    copied,
    dl1,
    write_history,
)
from tests.operators import decide, plan, titles, with_summary

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A closed night; tests take copies."""
    options = {"lstchain": {"apply_catB_calibration": "true"}}
    night = FakeNight(tmp_path_factory.mktemp("lstosa") / "night", options=options)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return night


@pytest.fixture
def begun(processed: FakeNight, tmp_path: Path) -> FakeNight:
    """A night of which lstosa made all subruns, each well."""
    night = copied(processed, tmp_path / "lst night")
    as_begun(night)
    return night


def take_over(night: FakeNight, *words: str) -> list[str]:
    answer = night.lstosa("take-over", "--date", night.date, *words)
    assert (answer.returncode, answer.stderr) == (ExitCode.OK, "")
    return answer.stdout.splitlines()


def called(night: FakeNight) -> dict[str, list[str]]:
    """Return the names of what each tool was given, or made, by the name of the tool."""
    found: dict[str, list[str]] = {}
    for name, *argv in night.calls():
        files = [Path(w.partition("=")[2]).name for w in argv if w.startswith("--input-file=")]
        found.setdefault(name, []).append(",".join(files))
    return {name: sorted(files) for name, files in found.items()}


def real_files(night: FakeNight) -> set[int]:
    return {p.stat().st_ino for p in night.everything() if p.is_file() and not p.is_symlink()}


def products(night: FakeNight) -> list[Path]:
    skip = ("OSA", "running_analysis/20240302/v0.12.3/records")
    return [
        path
        for path in night.everything()
        if not path.is_dir() and not str(path.relative_to(night.base)).startswith(skip)
    ]


def half(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:100])
    return path


# --- a night that is not closed ------------------------------------------------------------


def test_a_night_is_taken_over_and_closed_without_making_again_what_is_there(
    begun: FakeNight,
) -> None:
    before = sorted(begun.everything())
    shown = take_over(begun)
    assert "Nothing is done yet: add --apply." in shown
    assert [" ".join(line.split()) for line in shown if "taken over" in line] == [
        "taken over 1 Drs4Pedestal",
        "taken over 1 ChargeCalibration",
        "taken over 5 DL1A, 10 files to their final places",
        "taken over 2 Tailcuts",
        "taken over 2 CatBCalibration",
        "taken over 5 DL1B, 5 files to their final places",
        "taken over 5 DL1Check, 5 files to their final places",
    ]
    assert sorted(begun.everything()) == before
    inodes = real_files(begun)
    take_over(begun, "--apply")
    assert inodes <= real_files(begun), "nothing is lost, nothing copied"
    muons = dl1(begun) / "muons/muons_LST-1.Run00003.0001.fits"
    assert muons.is_file()
    assert (begun.analysis / muons.name).resolve() == muons.resolve()
    record = read_record(begun.analysis / "records/Run00003.0001_DL1A.json")
    assert record is not None
    assert (record.state, record.source, record.end) == (
        "done",
        SOURCE,
        "2024-03-03T08:00:00+00:00",
    )
    assert (record.product, record.date, record.run, record.subrun) == ("DL1A", DATE, 3, 1)
    result = begun.luigi()
    assert result.returncode == 0, result.stdout
    assert begun.flag.is_file()
    words = ("--date", DATE, "--run", "3", "--subrun", "1", "--product", "DL1A")
    assert SOURCE in begun.lstosa("why", *words).stdout
    told = begun.lstosa("reproduce", *words)
    assert f"DL1A Run00003.0001 was {SOURCE}: no record tells the command" in told.stderr
    made = called(begun)
    for tool in (
        "onsite_create_drs4_pedestal_file",
        "onsite_create_calibration_file",
        "lstchain_data_r0_to_dl1",
        "lstchain_find_tailcuts",
        "onsite_create_cat_B_calibration_file",
        "lstchain_dl1ab",
    ):
        assert tool not in made
    assert len(made["lstchain_check_dl1"]) == 2, "the datachecks of the runs only"
    assert len(made["lstchain_merge_hdf5_files"]) == 2
    if "verify" in VERBS:  # of another branch
        said = begun.lstosa("verify", "--date", begun.date).stdout
        kinds = {line.split()[0] for line in said.splitlines() if line.split()[0].isupper()}
        assert kinds == {"FOREIGN"}, said  # the history files of lstosa


def test_once_more_there_is_nothing_to_do(begun: FakeNight) -> None:
    take_over(begun, "--apply")
    before = {path: path.lstat().st_mtime_ns for path in begun.everything() if path.is_file()}
    assert "there is nothing to take over" in take_over(begun, "--apply")[0]
    after = {path: path.lstat().st_mtime_ns for path in begun.everything() if path.is_file()}
    assert {path: time for path, time in after.items() if path.suffix != ".lock"} == {
        path: time for path, time in before.items() if path.suffix != ".lock"
    }


def test_what_failed_or_is_not_whole_is_moved_aside_and_made_again(begun: FakeNight) -> None:
    work = begun.analysis
    # DL1a was made once more after DL1b, and failed
    good = (("r0_to_dl1", 0), ("dl1ab", 0), ("check_dl1", 0))
    write_history(begun, "00003.0001", *good, ("r0_to_dl1", 1), ("r0_to_dl1", 1))
    half(work / "dl1_LST-1.Run00003.0001.h5")
    # DL1b failed, and of the next one the tool was killed: it left no line
    write_history(begun, "00004.0001", ("r0_to_dl1", 0), ("dl1ab", 1))
    half(work / DL1P / "dl1_LST-1.Run00004.0001.h5")
    (work / DL1P / "datacheck_dl1_LST-1.Run00004.0001.h5").unlink()
    write_history(begun, "00004.0002", ("r0_to_dl1", 0))
    (work / DL1P / "datacheck_dl1_LST-1.Run00004.0002.h5").unlink()
    # all is well with lstosa, but not with the disk
    half(work / "interleaved/interleaved_LST-1.Run00004.0000.h5")
    inodes = real_files(begun)
    shown = take_over(begun, "--apply")
    again = {line[18:].strip() for line in shown if line.startswith("to be made again")}
    assert (
        "DL1A Run00003.0001: failed with exit code 1 (3 attempts, last 2024-03-03 08:04 UTC)"
        in again
    )
    assert (
        "DL1B Run00004.0001: failed with exit code 1 (1 attempt, last 2024-03-03 08:01 UTC)"
        in again
    )
    kinds = sorted(line.split(":")[0] for line in again)
    assert kinds == [
        "DL1A Run00003.0001",
        "DL1A Run00004.0000",
        "DL1B Run00003.0001",
        "DL1B Run00004.0001",
        "DL1B Run00004.0002",
        "DL1Check Run00003.0001",
    ]
    assert inodes <= real_files(begun)
    assert (work / "not_taken_over/dl1_LST-1.Run00003.0001.h5").is_file()
    status = begun.lstosa("status", "--date", begun.date, "--failed").stdout
    assert "with lstosa: failed with exit code 1" in status
    result = begun.luigi()
    assert result.returncode == 0, result.stdout
    made = called(begun)
    raw = "LST-1.1.Run{}.fits.fz".format
    assert made["lstchain_data_r0_to_dl1"] == [raw("00003.0001"), raw("00004.0000")]
    assert made["lstchain_dl1ab"] == [
        f"dl1_LST-1.Run{unit}.h5" for unit in ("00003.0001", "00004.0001", "00004.0002")
    ]
    assert "lstchain_find_tailcuts" not in made
    record = read_record(work / "records/Run00003.0001_DL1A.json")
    assert record is not None
    assert (record.state, record.source, record.attempt) == ("done", "", 4)


def test_what_was_interrupted_is_done_by_the_same_command_again(begun: FakeNight) -> None:
    half(begun.analysis / "dl1_LST-1.Run00003.0001.h5")
    script = f"""
import datetime
from lstosa_luigi import NightlyClose
from lstosa_luigi.migration import take_over

root = NightlyClose(date=datetime.date.fromisoformat("{begun.date}"))
found = take_over.find_take_over(root)
write = take_over.write_record
def stop(path, record):
    if path.stem in ("Run00003.0001_DL1A", "Run00004.0001_DL1B"):  # moved, but not yet recorded
        raise KeyboardInterrupt
    write(path, record)
take_over.write_record = stop
for judgement in found.judgements:
    try:
        take_over.apply(judgement)
    except KeyboardInterrupt:
        print(judgement.candidate.name)
        if judgement.candidate.family == "DL1B":
            break
"""
    inodes = real_files(begun)
    assert begun.python(script).stdout.split() == ["Run00003.0001_DL1A", "Run00004.0001_DL1B"]
    take_over(begun, "--apply")
    assert inodes <= real_files(begun)
    assert "there is nothing to take over" in take_over(begun)[0]
    made = titles(plan(begun), "there")
    assert len([title for title in made if title.startswith("DL1A ")]) == 4
    assert len([title for title in made if title.startswith("DL1B ")]) == 5


def test_a_calibration_that_failed_is_made_again(begun: FakeNight) -> None:
    write_history(begun, "00002", ("drs4_baseline", 0), ("charge_calibration", 2))
    shown = take_over(begun)
    assert [line for line in shown if "ChargeCalibration Run00002: failed with exit code 2" in line]
    assert [line for line in shown if line.split()[:4] == ["taken", "over", "1", "Drs4Pedestal"]]


def test_a_decision_after_the_take_over_has_what_lstosa_made_made_again(
    begun: FakeNight,
) -> None:
    """What lstosa made something of is not known, so nobody can say that it is the same."""
    take_over(begun, "--apply")
    decide(begun, "--time-calibration", "1")
    again = titles(plan(begun), "again")
    assert [title for title in again if title.startswith("DL1A")] == [
        f"DL1A Run{unit}"
        for unit in ("00003.0000", "00003.0001", "00004.0000", "00004.0001", "00004.0002")
    ]


def test_without_any_history_the_files_tell(begun: FakeNight) -> None:
    for path in begun.analysis.glob("*.history"):
        path.unlink()
    half(begun.analysis / "dl1_LST-1.Run00003.0001.h5")
    again = [line for line in take_over(begun) if line.startswith("to be made again")]
    assert len(again) == 1
    assert "DL1A Run00003.0001" in again[0]


def test_while_the_autocloser_is_at_work_nothing_is_moved(begun: FakeNight) -> None:
    (begun.analysis / "cron.lock").touch()
    before = sorted(begun.everything())
    answer = begun.lstosa("take-over", "--date", begun.date, "--apply")
    assert answer.returncode == ExitCode.UNHANDLED
    assert "cron.lock is there" in answer.stderr
    assert sorted(begun.everything()) == before


def test_another_production_is_named(begun: FakeNight) -> None:
    begun.analysis.rename(begun.analysis.with_name("v0.12"))
    for path in (dl1(begun), begun.base / "auxiliary", begun.base / "monitoring/PixelCalibration"):
        if path.exists():
            path.rename(path.with_name("elsewhere"))
    shown = take_over(begun)
    assert shown == [
        "Night 2024-03-02 (v0.12.3): there is nothing to take over. It also has v0.12: name one "
        "with --prod-id, or in [production] prod_id."
    ]


def test_a_file_that_is_in_both_places_counts_once_and_none_is_lost(begun: FakeNight) -> None:
    """The closer of lstosa moves nothing to where there is a file already."""
    final = dl1(begun) / "muons/muons_LST-1.Run00003.0000.fits"
    final.parent.mkdir(parents=True)
    working = begun.analysis / final.name
    final.write_bytes(working.read_bytes())
    inodes, kept = real_files(begun), final.stat().st_ino
    take_over(begun, "--apply")
    assert inodes <= real_files(begun)
    assert final.stat().st_ino == working.stat().st_ino == kept
    assert (begun.analysis / "not_taken_over" / final.name).is_file()


def test_gain_selection_is_judged_by_its_own_history(
    make_night: Callable[..., FakeNight],
) -> None:
    night = make_night(runs=TINY, states={3: "legacy_raw"})
    assert night.luigi("GainSelection", "--run-id", "3", "--subrun", "0").returncode == 0
    shutil.copyfile(night.r0(3, 1), night.r0g(3, 1))
    for name in ("records", "log"):
        shutil.rmtree(night.analysis / name)
    logs = night.base / "R0G/log" / night.flat
    for subrun, code in ((0, 0), (1, 1)):
        line = f"2024-03-03 08:00:00 | 00003.{subrun:04d} gain_selection {code}\n"
        (logs / f"gain_selection_00003.{subrun:04d}.history").write_text(line)
    shown = [" ".join(line.split()) for line in take_over(night, "--apply")]
    assert "taken over 1 GainSelection" in shown
    assert (
        "to be made again GainSelection Run00003.0001: failed with exit code 1 (1 attempt)" in shown
    )
    assert not night.r0g(3, 1).exists()
    assert (night.r0g(3, 1).parent / "not_taken_over" / night.r0g(3, 1).name).is_file()
    assert night.r0g(3, 0).is_file()


def test_raw_data_of_which_there_is_no_other_copy_stay_where_they_are(
    make_night: Callable[..., FakeNight],
) -> None:
    night = with_summary(make_night(runs=TINY))
    (night.base / "R0").rename(night.base / "R0G")
    half(night.r0g(3, 1))
    before = sorted((night.base / "R0G").rglob("*"))
    assert len(before) > 16
    assert "there is nothing to take over" in take_over(night, "--apply")[0]
    assert sorted((night.base / "R0G").rglob("*")) == before


# --- a night that lstosa closed ------------------------------------------------------------


def test_a_night_that_lstosa_closed_gets_its_records_and_no_file_moves(
    processed: FakeNight, tmp_path: Path
) -> None:
    night = copied(processed, tmp_path / "night")
    as_closed(night)
    before = {p: (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in products(night)}
    shown = take_over(night, "--apply")
    assert not [line for line in shown if "again" in line], shown
    after = {p: (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in products(night)}
    assert {path: after[path] for path in before} == before
    records = {path.stem for path in (night.analysis / "records").iterdir()}
    assert {"Run00003.0000_DL1A", "Run00004_DL2", f"{night.flat}_LongtermDatacheck"} <= records
    result = night.luigi()
    assert (result.returncode, night.calls()) == (0, [])
    assert "is closed" in result.stdout
    night.flag.unlink()
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert set(called(night)) <= {
        "lstchain_create_irf_files",
        "lstchain_create_dl3_file",
        "lstchain_create_dl3_index_files",
        "lstchain_merge_run_summaries",
    }


def test_what_was_put_together_without_a_subrun_does_not_count(
    processed: FakeNight, tmp_path: Path
) -> None:
    """The closer was told to go on although a subrun had failed, and did not get to its end."""
    night = copied(processed, tmp_path / "night")
    as_closed(night)
    night.flag.unlink()
    (archive,) = night.analysis.glob("all_history_*.tar.gz")
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            (night.analysis / member.name).write_bytes(packed.extractfile(member).read())
    archive.unlink()
    write_history(night, "00004.0001", ("r0_to_dl1", 0), ("dl1ab", 1))
    again = [
        line[18:].partition(":")[0].strip()
        for line in take_over(night, "--apply")
        if line.startswith("to be made again")
    ]
    assert sorted(again) == [
        "CherenkovTransparency 20240302",
        "DL1B Run00004.0001",
        "DL1Check Run00004.0001",
        "DL2 Run00004",
        "LongtermDatacheck 20240302",
        "MergedDL1 Run00004",
        "RunDatacheck Run00004",
    ]
    planned = plan(night)
    made = titles(planned, "make")
    assert set(again) <= set(made)
    # a link to the DL1b that does not count stood for its DL1a
    assert "DL1A Run00004.0001" in made
    assert not [title for title in made if "Run00003" in title and "DL3" not in title]
