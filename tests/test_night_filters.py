"""Filter wheels of the calibration box: from the database, as configured, or as decided."""

from lstosa_luigi.errors import ExitCode
from tests.conftest import free_port
from tests.fakes.mongo import add_wheels, mongo_server
from tests.fakes.night import FakeNight
from tests.operators import decide, plan, titles, with_summary

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))


def choice_of(night: FakeNight) -> dict:
    (choice,) = [choice for choice in plan(night)["choices"] if choice["name"] == "filters"]
    return choice


def filters_given(night: FakeNight) -> list[str]:
    calls = night.calls("onsite_create_calibration_file")
    return [word for call in calls for word in call if word.startswith("--filters")]


def test_decided_filters_are_in_every_name_and_command_and_undoing_brings_the_others_back(
    make_night,
) -> None:
    options = {"lstchain": {"apply_catB_calibration": "true"}}
    night = with_summary(make_night(runs=RUNS, options=options))
    assert choice_of(night)["reason"] == "[lstchain] filters"
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert filters_given(night) == ["--filters=52"]
    decide(night, "--filters", "43")
    choice = choice_of(night)
    assert choice["value"] == "43"
    assert choice["reason"].startswith("forced by decision 1 of ")
    again = titles(plan(night), "again", "make")
    assert {"ChargeCalibration Run00002", "DL1A Run00003.0000"} <= set(again)
    assert "Drs4Pedestal Run00001" not in again
    night.forget_calls()
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert filters_given(night) == ["--filters=43"]
    (dl1a,) = night.calls("lstchain_data_r0_to_dl1")
    assert any("calibration_filters_43.Run00002" in word for word in dl1a)
    (cat_b,) = night.calls("onsite_create_cat_B_calibration_file")
    assert "--filters=43" in cat_b
    (dl1b,) = night.calls("lstchain_dl1ab")
    assert any("cat_B_calibration_filters_43.Run00003" in word for word in dl1b)
    undo = ("decide", "--date", night.date, "--undo", "1", "--why", "52 after all")
    assert night.lstosa(*undo).returncode == ExitCode.OK
    night.forget_calls()
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert filters_given(night) == []  # those are still there
    (dl1a,) = night.calls("lstchain_data_r0_to_dl1")
    assert any("calibration_filters_52.Run00002" in word for word in dl1a)


def test_filters_of_the_database_are_asked_for_once_and_taken(make_night) -> None:
    night = make_night(runs=RUNS)
    with mongo_server() as server:
        night.write_config(database={"caco_db": server.address, "timeout": "60"})
        wheels = {"CBOX_WheelPosition1": 4, "CBOX_WheelPosition2": 3}
        add_wheels(server.client, 2, "2024-03-02T20:00:00", **wheels)
        assert with_summary(night) is night
        assert choice_of(night)["reason"] == "[lstchain] filters; the CaCo database is asked first"
        assert server.asked == []
        result = night.luigi("CalibrateNight")
        assert result.returncode == 0, result.stdout
        assert server.asked.count("find") == 1
        assert filters_given(night) == ["--filters=43"]
        assert choice_of(night)["value"] == "43"
        assert choice_of(night)["reason"].startswith(f"CaCo database {server.address}: CBOX")
        assert server.asked.count("find") == 1


def test_database_that_does_not_answer_is_waited_for_once_and_done_without(make_night) -> None:
    night = make_night(runs=RUNS)
    address = f"127.0.0.1:{free_port()}"
    night.write_config(database={"caco_db": address, "timeout": "0.5"})
    result = night.luigi("CalibrateNight")
    assert result.returncode == 0, result.stdout
    assert filters_given(night) == ["--filters=52"]
    reason = f"[lstchain] filters; CaCo database {address} does not answer"
    assert choice_of(night)["reason"].startswith(reason)


def test_filters_are_decided_in_the_night_that_the_calibration_run_is_of(make_night) -> None:
    night = with_summary(make_night(runs=RUNS[2:]))
    before = with_summary(night.add_night("2024-03-01", ((1, "DRS4", 1), (2, "PEDCALIB", 1))))
    answer = night.lstosa("decide", "--date", night.date, "--filters", "43", "--why", "x")
    assert answer.returncode == ExitCode.UNHANDLED
    assert "The night is calibrated with run 00002 of 2024-03-01: " in answer.stderr
    decide(before, "--filters", "43")
    assert choice_of(night)["value"] == "43"


def test_filters_that_are_none_are_refused(make_night) -> None:
    night = with_summary(make_night(runs=RUNS))
    answer = night.lstosa("decide", "--date", night.date, "--filters", "5", "--why", "x")
    assert answer.returncode == ExitCode.UNHANDLED
    assert "--filters 5: write the two wheels, a digit each, as 52" in answer.stderr
