"""lstosa's closing has known defects; each has a test here that ours is free of it.

Named after reference/lstosa.md (sections 2.10, 6 and 8) and lstosa-measured.md (A.1, A.3, A.4).
"""

import datetime
import json
import os
import signal
import time

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.hours import moment_after, parse_time
from tests.fakes.night import FakeNight
from tests.operators import decide, make, plan, printed, titles

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
EIGHT = parse_time("08:00")
CUTS = "DL1/20240302/v0.12.3/tailcut84"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night whose PEDCALIB run is called 2; each test leaves it closed."""
    night = FakeNight(tmp_path_factory.mktemp("defects") / "night", runs=TINY)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return night


def test_2_10_after_deleting_just_the_flag_the_night_is_closed_again(closed: FakeNight) -> None:
    """There it "can never be re-closed", since the directory of the flag exists."""
    closed.flag.unlink()
    assert make(closed) == []
    assert closed.flag.is_file()


def test_2_10_a_night_wise_datacheck_that_is_there_hides_nothing_that_lacks(
    closed: FakeNight,
) -> None:
    """There the closer skips moving, merging and DL2 as soon as that file exists."""
    assert list(closed.base.glob("DL1/datacheck_files/night_wise/v*/*/DL1_datacheck_*.h5"))
    (closed.base / CUTS / "dl1_LST-1.Run00003.h5").unlink()
    closed.flag.unlink()
    assert make(closed) == ["MergedDL1 Run00003"]


def test_2_10_links_to_the_night_wise_datacheck_are_made_after_it_and_before_the_flag(
    closed: FakeNight,
) -> None:
    links = sorted((closed.base / "DL1/datacheck_files/night_wise").glob("DL1_datacheck_*"))
    assert [link.suffix for link in links] == [".h5", ".html", ".log"]
    for link in links:
        assert link.is_symlink()
        assert link.resolve().stat().st_size
        assert link.lstat().st_mtime <= closed.flag.stat().st_mtime


def test_2_9_nothing_known_is_not_everything_done(make_night) -> None:
    """There a simulation that fails leaves no sequences, all([]) is true, and the night closes."""
    night = make_night(runs=TINY)
    for path in night.base.glob("R0/*/*"):
        path.unlink()
    assert night.luigi().returncode == ExitCode.MISSING_DATA
    assert not night.flag.exists()


def test_2_8_the_first_subrun_of_each_run_counts_as_well(closed: FakeNight) -> None:
    """There the first history file of each run is consumed and never looked at."""
    (closed.base / CUTS / "datacheck/datacheck_dl1_LST-1.Run00003.0000.h5").unlink()
    closed.flag.unlink()
    closed.control(fail=["lstchain_check_dl1"])
    assert closed.luigi().returncode == ExitCode.TASK_FAILED
    assert not closed.flag.exists()
    closed.control()
    assert make(closed) == ["DL1Check Run00003.0000"]


def test_2_8_subruns_are_counted_by_the_run_summary_not_by_what_is_there(make_night) -> None:
    """There the number of history files is not compared with the number of subruns."""
    night = make_night(runs=TINY)
    night.control(fail=[r"Run00003\.0001"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    for path in night.analysis.glob("records/Run00003.0001*"):
        path.unlink()
    assert "DL1A Run00003.0001" in titles(plan(night), "make")
    assert not night.flag.exists()


def test_2_10_the_exit_code_tells_what_became_of_the_products(make_night) -> None:
    """There it is 0 whatever the jobs did."""
    night = make_night(runs=TINY)
    night.control(fail=["lstchain_dl1_to_dl2"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    assert not night.flag.exists()


def test_6_3_a_failure_of_another_night_keeps_no_night_open(make_night) -> None:
    """There all jobs of the account since midnight must be COMPLETED."""
    night = make_night(runs=TINY)
    other = night.add_night("2024-03-01", ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    night.control(fail=["Run00011"])
    assert other.luigi().returncode == ExitCode.TASK_FAILED
    assert night.luigi().returncode == 0
    assert night.flag.exists()


def test_6_6_a_command_that_was_killed_leaves_no_lock(closed: FakeNight) -> None:
    """There cron.lock stays for ever."""
    (closed.base / CUTS / "dl1_LST-1.Run00003.h5").unlink()
    closed.flag.unlink()
    closed.control(hang=["lstchain_merge_hdf5_files"])
    process = closed.start()
    deadline = time.monotonic() + 60
    while not any("sleep 300" in line for line in closed.processes()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    closed.control()
    assert make(closed) == ["MergedDL1 Run00003"]


def test_6_20_the_morning_is_counted_in_utc_whatever_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        morning = moment_after(datetime.date(2020, 1, 17), EIGHT)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert morning == datetime.datetime(2020, 1, 18, 8, tzinfo=datetime.timezone.utc)


def test_7_2_observation_is_over_as_lstosa_has_it() -> None:
    def at(*when: int) -> datetime.datetime:
        return datetime.datetime(*when, tzinfo=datetime.timezone.utc)

    morning = moment_after(datetime.date(2020, 1, 17), EIGHT)
    assert at(2020, 1, 21, 12) >= morning
    assert at(2020, 1, 17, 5) < morning


def test_a_1_a_run_number_that_occurs_in_the_path_is_no_trouble(closed: FakeNight) -> None:
    """There the unpadded 2 of the PEDCALIB run matches the date, and the closer ends with 1."""
    assert "2" in closed.flat
    assert json.loads(closed.flag.read_text())["products"]["ChargeCalibration"] == 1


def test_a_3_no_fixed_wait_lies_between_the_last_product_and_the_flag(closed: FakeNight) -> None:
    """There it is 18 minutes, all of it sleep."""
    (closed.base / CUTS / "dl1_LST-1.Run00003.h5").unlink()
    closed.flag.unlink()
    make(closed)
    record = json.loads((closed.analysis / "records/Run00003_MergedDL1.json").read_text())
    flag = json.loads(closed.flag.read_text())
    last, done = (datetime.datetime.fromisoformat(t) for t in (record["end"], flag["closed"]))
    assert datetime.timedelta(0) <= done - last < datetime.timedelta(seconds=60)


def test_a_4_an_attempt_that_was_cancelled_counts_not_if_the_product_is_there(
    closed: FakeNight,
) -> None:
    """There the state of the last job decides, although every product is at 100 %: a deadlock."""
    path = closed.analysis / "records/Run00003_MergedDL1.json"
    text = path.read_text()
    path.write_text(json.dumps({**json.loads(text), "state": "cancelled", "files": {}}))
    closed.flag.unlink()
    assert make(closed) == []
    assert closed.flag.exists()
    path.write_text(text)


def test_a_4_closed_already_it_says_so_and_submits_nothing(closed: FakeNight) -> None:
    closed.forget_calls()
    result = closed.luigi()
    assert (result.returncode, closed.calls(), printed(result.stdout)) == (0, [], [])
    assert "is closed since" in result.stdout


def test_a_4_muons_of_a_calibration_run_are_not_asked_for(closed: FakeNight) -> None:
    """There their merging is always submitted, and always fails."""
    assert not [title for title in titles(plan(closed), "there") if title == "MergedMuons Run00002"]
    assert not list(closed.analysis.glob("records/Run00002_MergedMuons.json"))


def test_8_2_a_closed_night_stays_on_record_as_what_was_decided(make_night) -> None:
    """There the flag holds host and process, and bad runs are edited away."""
    night = make_night(runs=(*TINY, (4, "DATA", 1)))
    assert night.luigi("RunSummary").returncode == 0
    decide(night, "--veto", "4")
    make(night)
    flag = json.loads(night.flag.read_text())
    assert flag["left_out"][0].startswith("run 00004 is vetoed (decision 1 of ")
    assert flag["runs"] == 1
