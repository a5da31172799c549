"""Which calibration belongs to a night, and why."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstosa_luigi.observation.calibration import (
    choose_run,
    choose_systematics,
    choose_time_calibration,
)
from lstosa_luigi.observation.runs import Run, RunSummary
from tests.observation.tables import RUNS

SUMMARY = RunSummary(tuple(Run(number, kind, subruns) for number, subruns, kind in RUNS))


def time_calibration(date, run):
    return Path(f"/m/drs4_time_sampling_from_FF/{date}/pro/time_calibration.Run{run:05d}.0000.h5")


def systematics(date):
    return Path(f"/m/ffactor_systematics/{date}/pro/ffactor_systematics_{date}.h5")


TIME = [
    time_calibration("20191124", 1625),
    time_calibration("20210321", 4211),
    time_calibration("20210902", 5979),
]
SYSTEMATICS = [systematics("20200725"), systematics("20201110")]


@pytest.mark.parametrize(
    ("kind", "chosen", "candidates"),
    [("DRS4", 1804, (1803, 1804)), ("PEDCALIB", 1809, (1805, 1806, 1809))],
)
def test_last_run_of_its_type_is_chosen(kind, chosen, candidates):
    choice = choose_run(SUMMARY, kind, "2020-01-17")
    assert choice.value == chosen
    assert choice.candidates == candidates
    assert choice.reason == f"last {kind} run of 2020-01-17"


def test_night_without_a_run_of_the_type_has_no_choice():
    choice = choose_run(RunSummary((Run(9379, "DATA", 21),)), "PEDCALIB", "2022-09-23")
    assert choice.value is None
    assert choice.reason == "no PEDCALIB run on 2022-09-23"


def test_failed_calibration_run_is_not_chosen():
    summary = RunSummary((Run(9258, "PEDCALIB", 5), Run(9327, "ERRPEDCALIB", 3)))
    assert choose_run(summary, "PEDCALIB", "2022-09-22").value == 9258


@pytest.mark.parametrize(
    ("run", "chosen"),
    [(1809, 1625), (1625, 1625), (4210, 1625), (4211, 4211), (5000, 4211), (19681, 5979)],
)
def test_newest_time_calibration_not_after_the_run_is_chosen(run, chosen):
    choice = choose_time_calibration(TIME, run)
    assert f".Run{chosen:05d}." in choice.value.name
    assert choice.reason == f"last time calibration not after run {run:05d}"
    assert choice.candidates == tuple(TIME)


@pytest.mark.parametrize("files", [TIME, []])
def test_run_before_all_time_calibrations_has_none(files):
    choice = choose_time_calibration(files, 1624)
    assert choice.value is None
    assert choice.reason == "no time calibration of run 01624 or before"


def test_time_calibration_is_chosen_by_run_and_not_by_the_date_of_its_directory():
    redone = time_calibration("20230101", 1625)
    assert choose_time_calibration([redone, TIME[1]], 5000).value == TIME[1]
    assert choose_time_calibration([TIME[0], redone], 5000).value == redone


@pytest.mark.parametrize(
    ("night", "chosen", "reason"),
    [
        ("20200117", "20200725", "earliest there is; none before 20200117"),
        ("20200725", "20200725", "latest not after 20200725"),
        ("20201109", "20200725", "latest not after 20201109"),
        ("20201110", "20201110", "latest not after 20201110"),
        ("20240302", "20201110", "latest not after 20240302"),
    ],
)
def test_latest_systematics_not_after_the_night_are_chosen_else_the_earliest(night, chosen, reason):
    choice = choose_systematics(SYSTEMATICS, night)
    assert choice.value == systematics(chosen)
    assert choice.reason == reason


def test_without_any_systematics_there_is_no_choice():
    choice = choose_systematics([], "20200117")
    assert choice.value is None
    assert choice.reason == "no F-factor systematics of any date"


@given(st.permutations(TIME), st.integers(1, 99999))
def test_choice_of_the_time_calibration_does_not_depend_on_the_order(files, run):
    assert choose_time_calibration(files, run) == choose_time_calibration(TIME, run)


@given(st.permutations(SYSTEMATICS), st.dates().map(lambda date: f"{date:%Y%m%d}"))
def test_choice_of_the_systematics_does_not_depend_on_the_order(files, night):
    assert choose_systematics(files, night) == choose_systematics(SYSTEMATICS, night)
