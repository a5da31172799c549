"""Status and closing of lstosa have known defects: the decision table of its closer, as tests.

Numbers are sections of reference/lstosa.md (2.9 autocloser, 2.10 closer, 5 provenance, 6 Slurm,
8 complaints) and lstosa-measured.md (A.1, A.3, A.4). Tests without a file are in this one; that
each of them is there, a test looks after.

==================  ==================================================  ===========================
where               defect of lstosa                                    tests that ours is free of it
==================  ==================================================  ===========================
2.8                 first history file of each run is never looked at   test_2_8_the_first_subrun_of_each_run_counts_as_well
                                                                        status/test_table.py::test_first_history_file_of_each_run_never_looked_at
2.8                 history files are not compared with the subruns     test_2_8_subruns_are_counted_by_the_run_summary_not_by_what_is_there
                                                                        status/test_table.py::test_number_of_files_not_compared_with_the_number_of_subruns
2.9                 all([]) is true: a failed look closes the night     test_2_9_nothing_known_is_not_everything_done
                                                                        test_2_9_a_night_that_cannot_be_looked_at_is_not_ready
                                                                        status/test_table.py::test_all_of_an_empty_list_is_true
                                                                        status/test_table.py::test_failed_look_at_the_night_taken_for_ready
2.9                 the hour is not looked at if a date is given        test_2_9_the_hour_counts_for_a_date_that_is_given_too
2.10                -y goes on whatever the sequences are              test_2_10_without_a_reason_nothing_is_closed_that_is_not_whole
2.10                a flag that was deleted is never written again      test_2_10_after_deleting_just_the_flag_the_night_is_closed_again
2.10                a longterm file skips moving, merging and DL2       test_2_10_a_night_wise_datacheck_that_is_there_hides_nothing_that_lacks
2.10                longterm links before the file is there             test_2_10_links_to_the_night_wise_datacheck_are_made_after_it_and_before_the_flag
2.10                exit code 0 whatever the jobs did                   test_2_10_the_exit_code_tells_what_became_of_the_products
2.10                DL1a is replaced though its DL1b is not there       test_night_closing.py::test_a_subrun_without_dl1b_keeps_its_dl1a_when_the_night_is_accepted
2.10                the word tailcut is hard-coded                      test_2_10_a_directory_of_dl1b_need_not_be_called_tailcut
2.10                --seq closes every path that contains the number    test_night_closing.py::test_a_run_is_closed_by_itself_and_no_run_whose_number_contains_its_own
5 defects to avoid  hash of the path, not of what is in the file        test_cli_verify.py::test_a_product_cut_short_and_what_was_made_of_it_are_made_again
5 defects to avoid  config on record is the default, not the run's own  test_5_the_record_names_the_config_that_the_run_was_cleaned_with
5 defects to avoid  return codes and retries are not recorded           status/test_status.py::test_failed_product_has_cause_attempts_exit_and_log
6 weakness 1        jobs are known by run number only                   test_6_1_another_production_of_the_night_stands_by_itself
6 weaknesses 2, 3   jobs since midnight, of any night, hold it up       test_6_3_a_failure_of_another_night_keeps_no_night_open
                                                                        status/test_table.py::test_jobs_of_other_nights_hold_the_night_up
6 weakness 4        no lock: complete nights are submitted again        test_night_closing.py::test_of_two_commands_that_close_at_once_one_does
6 weakness 6        a killed process leaves cron.lock for ever          test_6_6_a_command_that_was_killed_leaves_no_lock
6 weakness 7        a source name with a space shifts the columns       test_6_7_a_source_name_with_a_space_is_closed_as_any
                                                                        status/test_table.py::test_source_name_with_a_space_drops_the_run
6 weakness 8, A.3   fixed waits of 20 minutes and more                  test_a_3_no_fixed_wait_lies_between_the_last_product_and_the_flag
6 weakness 10       a stage that was skipped ends with 0                status/test_table.py::test_skipped_stage_counts_as_success
6 weakness 11       one run that lacks something stops all              test_6_11_what_one_run_lacks_stops_no_other_and_is_told
6 weakness 12       run 1968 counts 19681 as well                       status/test_table.py::test_run_numbers_that_are_part_of_each_other_counted_together
                                                                        test_cli_verify.py::test_run_numbers_that_are_part_of_each_other_are_told_apart
6 weakness 12       half-written files count, nothing is verified       test_6_12_a_tool_that_ends_with_0_and_half_a_file_keeps_the_night_open
                                                                        test_night_closing.py::test_a_product_that_was_cut_short_since_keeps_the_night_open
6 weakness 13       a subrun without 4 streams can never be closed      test_6_13_a_subrun_that_lacks_a_stream_can_be_left_out
6 weakness 15       flags with several scopes                           test_6_1_another_production_of_the_night_stands_by_itself
6 weakness 20       local and UTC times are mixed                       test_6_20_the_morning_is_counted_in_utc_whatever_the_clock_on_the_wall
                                                                        test_7_2_observation_is_over_as_lstosa_has_it
8.2 #1193           one bad subrun leaves a half-written merged file    test_8_2_a_merge_that_fails_leaves_nothing_and_blocks_no_other_run
8.2 #1197           subruns are discarded without a trace               test_8_2_a_closed_night_stays_on_record_as_what_was_decided
                                                                        status/test_status.py::test_what_operators_left_out_is_neither_failed_nor_lacking
8.2 #702, #869      tools that fail end with 0                          test_6_12_a_tool_that_ends_with_0_and_half_a_file_keeps_the_night_open
8.2 #775            wrong run types                                     status/test_status.py::test_run_of_unknown_type_waits_for_a_person
8.2 #1396           a run in several tailcut directories                test_verification.py::test_files_of_an_earlier_cleaning_are_named_as_such
8.3                 an empty run catalogue is not noticed               status/test_table.py::test_empty_run_catalogue_unnoticed
8.3                 completion is read off history, not off products    status/test_table.py::test_state_of_the_last_job_instead_of_the_product
8.4 req. 13         no way to open a night again                        test_night_closing.py::test_a_night_is_opened_again_with_a_reason_that_stays
8.4 req. 13         files are taken for products unverified             test_cli_verify.py::test_damage_within_a_file_is_found_by_a_deep_look
8.4 req. 17         archiving destroys what resuming needs              test_reopening.py::test_what_the_flag_said_is_kept
A.1                 a run number that occurs in the path: closer ends   test_a_1_a_run_number_that_occurs_in_the_path_is_no_trouble
A.1                 Cat-B that is off is waited for                     status/test_table.py::test_cat_b_that_is_not_asked_for_holds_the_night_up
A.3                 the closer holds cron.lock while it sleeps          test_night_closing.py::test_of_two_commands_that_close_at_once_one_does
A.4                 a cancelled task "did not finish yet" for ever      status/test_table.py::test_cancelled_task_that_did_not_finish_yet_for_ever
A.4                 a rerun submits what is done again                  test_a_4_a_rerun_makes_what_lacks_and_nothing_else
A.4                 state of the last job decides: deadlock             test_a_4_an_attempt_that_was_cancelled_counts_not_if_the_product_is_there
                                                                        status/test_table.py::test_state_of_the_last_job_instead_of_the_product
A.4                 closed already: said, but only by some commands     test_a_4_closed_already_it_says_so_and_submits_nothing
A.4                 DATACHECK% is 150 after closing                     status/test_table.py::test_datacheck_150_percent_after_closing
A.4                 muons of PEDCALIB are merged, and always fail       test_a_4_muons_of_a_calibration_run_are_not_asked_for
                                                                        status/test_table.py::test_muons_of_the_pedcalib_run_merged_and_failed_every_night
A.4                 job logs called 4294967294                          test_a_4_logs_are_called_by_run_and_product
==================  ==================================================  ===========================
"""

# ruff: noqa: E501 - the table has a line for each test

import datetime
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.hours import moment_after, parse_time
from tests.fakes.night import FakeNight
from tests.operators import decide, make, plan, printed, titles
from tests.waiting import wait_until

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
    wait_until(lambda: any("sleep 300" in line for line in closed.processes()))
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


HERE = Path(__file__).parent


def test_each_test_of_the_table_is_there_and_each_test_is_in_the_table() -> None:
    named = re.findall(r"(?:(\S+)::)?(test_\w+)$", __doc__ or "", re.M)
    for file, name in named:
        text = (HERE / file if file else Path(__file__)).read_text()
        assert f"\ndef {name}(" in text, (file, name)
    own = re.findall(r"^def (test_\d\w+|test_a_\d\w+)\(", Path(__file__).read_text(), re.M)
    assert set(own) == {name for file, name in named if not file}


def status(night: FakeNight) -> tuple[int, dict]:
    answer = night.lstosa("status", "--date", night.date, "--json")
    assert answer.stderr == ""
    return answer.returncode, json.loads(answer.stdout)


@pytest.mark.parametrize("text", ["run_id,n_sub", ""])
def test_2_9_a_night_that_cannot_be_looked_at_is_not_ready(closed: FakeNight, text: str) -> None:
    """There the closer is launched with -y when the simulated sequencer ends with an error."""
    whole = closed.run_summary.read_text()
    closed.flag.unlink()
    closed.run_summary.write_text(text)
    for words in (("status",), ("verify",)):
        answer = closed.lstosa(*words, "--date", closed.date)
        assert answer.returncode == ExitCode.TASK_FAILED
        assert str(closed.run_summary) in answer.stderr
    assert closed.luigi().returncode not in (0, ExitCode.MISSING_DATA)
    assert not closed.flag.exists()
    closed.run_summary.write_text(whole)
    assert make(closed) == []


def test_2_9_the_hour_counts_for_a_date_that_is_given_too(make_night) -> None:
    """There -d sets the hour to 12, so the check never holds."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    night = make_night(runs=TINY[:2], date=str(today))
    result = night.luigi()
    assert result.returncode == ExitCode.MISSING_DATA
    assert "Observations not over" in result.stdout
    code, data = status(night)
    hour = f"{today + datetime.timedelta(days=1)} 08:00 UTC"
    assert (code, data["closes_from"][:16]) == (20, hour[:16].replace(" ", "T"))
    assert any(hour in step for step in data["next_steps"])


def test_2_10_without_a_reason_nothing_is_closed_that_is_not_whole(make_night) -> None:
    """There -y closes whatever there is; here operators say so, why, and the flag what lacks."""
    night = make_night(runs=TINY)
    night.control(fail=["lstchain_merge_muon_files"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    refused = night.lstosa("decide", "--date", night.date, "--accept-incomplete")
    assert refused.returncode == ExitCode.UNHANDLED
    assert "--why" in refused.stderr
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    assert not night.flag.exists()
    decide(night, "--accept-incomplete")
    assert night.luigi().returncode == 0
    assert json.loads(night.flag.read_text())["lacking"] == ["MergedMuons Run00003"]


def test_2_10_a_directory_of_dl1b_need_not_be_called_tailcut(make_night) -> None:
    """There files elsewhere are not moved."""
    options = {"lstchain": {"apply_standard_dl1b_config": "true", "dl1_prod_id": "cleaned"}}
    night = make_night(runs=TINY, options=options)
    make(night)
    (dl1a, _) = sorted(night.analysis.glob("dl1_LST-1.Run*.h5"))
    assert dl1a.resolve() == night.base / "DL1/20240302/v0.12.3/cleaned" / dl1a.name
    answer = night.lstosa("verify", "--date", night.date)
    assert (answer.returncode, "FOREIGN" in answer.stdout) == (0, False)


def test_5_the_record_names_the_config_that_the_run_was_cleaned_with(closed: FakeNight) -> None:
    record = json.loads((closed.analysis / "records/Run00003.0000_DL1B.json").read_text())
    assert any(name.endswith("dl1ab_Run00003.json") for name in record["inputs"])
    assert json.loads(closed.flag.read_text())["cleaning"] == {"3": "tailcut84"}


def test_6_1_another_production_of_the_night_stands_by_itself(closed: FakeNight) -> None:
    """There jobs are known by run number, and the flag of gain selection by the date."""
    assert status(closed)[0] == 0
    other = closed.lstosa("status", "--date", closed.date, "--prod-id", "v9", "--json")
    assert other.returncode == 20
    assert json.loads(other.stdout)["is_closed"] is False
    done = {p["product"] for p in json.loads(other.stdout)["products"] if p["state"] == "done"}
    assert not done & {"DL1A", "DL1B", "DL2"}


def test_6_7_a_source_name_with_a_space_is_closed_as_any(make_night) -> None:
    night = make_night(runs=TINY, sources={3: "Mrk 421"})
    make(night)
    assert night.flag.exists()
    (event_list,) = night.base.glob("DL3/**/dl3_LST-1.Run00003.fits.gz")
    assert "Mrk" in event_list.parent.name
    answer = night.lstosa("verify", "--date", night.date, "--json")
    assert (answer.returncode, json.loads(answer.stdout)["findings"]) == (0, [])
    code, data = status(night)
    assert (code, [run["source"] for run in data["runs"] if run["run"] == 3]) == (0, ["Mrk 421"])


def test_6_11_what_one_run_lacks_stops_no_other_and_is_told(make_night) -> None:
    """There the list of jobs cannot be built, and nothing is submitted for any run."""
    night = make_night(runs=(*TINY, (4, "DATA", 1)))
    catalog = next(night.base.rglob("RunCatalog_*.ecsv"))
    catalog.write_text(re.sub("(?m)^4,.*\n", "", catalog.read_text()))
    result = night.luigi()
    assert result.returncode == ExitCode.MISSING_DATA
    made = printed(result.stdout)
    assert "DL3 Run00003" in made
    assert "DL3 Run00004" not in made
    assert not night.flag.exists()
    code, data = status(night)
    assert (code, [thing["run"] for thing in data["missing"]]) == (20, [4])


def test_6_12_a_tool_that_ends_with_0_and_half_a_file_keeps_the_night_open(make_night) -> None:
    """There an exit code of 0 is all that is asked for."""
    night = make_night(runs=TINY)
    night.control(damage=["lstchain_dl1_to_dl2"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    assert not list(night.base.glob("DL2/**/dl2_*.h5"))
    assert not night.flag.exists()
    code, data = status(night)
    failed = [p["title"] for p in data["products"] if p["state"] == "failed"]
    assert (code, "DL2 Run00003" in failed) == (30, True)


def test_6_13_a_subrun_that_lacks_a_stream_can_be_left_out(make_night) -> None:
    night = make_night(runs=TINY, states={3: "legacy_raw"})
    night.r0(3, 1, 3).unlink()
    result = night.luigi()
    assert result.returncode not in (0, ExitCode.MISSING_DATA)
    assert "lstosa decide --date 2024-03-02 --discard 3.1" in result.stdout
    assert not night.flag.exists()
    decide(night, "--discard", "3.1")
    make(night)
    flag = json.loads(night.flag.read_text())
    assert (flag["subruns"], len(flag["left_out"])) == (1, 1)
    assert status(night)[0] == 0


def test_8_2_a_merge_that_fails_leaves_nothing_and_blocks_no_other_run(make_night) -> None:
    """There a half-written merged file is left under its final name."""
    night = make_night(runs=(*TINY, (4, "DATA", 1)))
    night.control(fail=["lstchain_merge_hdf5_files .*Run00004"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    assert not (night.base / CUTS / "dl1_LST-1.Run00004.h5").exists()
    assert list(night.base.glob("DL3/**/dl3_LST-1.Run00003.fits.gz"))
    _, data = status(night)
    states = {run["run"]: run["state"] for run in data["runs"]}
    assert (states[3], states[4]) == ("done", "failed")


def test_a_4_a_rerun_makes_what_lacks_and_nothing_else(closed: FakeNight) -> None:
    """There the calibration and both arrays are submitted again, and end after a minute each."""
    (closed.base / CUTS / "datacheck/datacheck_dl1_LST-1.Run00003.0001.h5").unlink()
    closed.flag.unlink()
    assert make(closed) == ["DL1Check Run00003.0001"]


def test_a_4_logs_are_called_by_run_and_product(closed: FakeNight) -> None:
    assert (closed.analysis / "log/Run00002_ChargeCalibration.log").is_file()
    assert not [path for path in (closed.analysis / "log").iterdir() if "42949" in path.name]
