"""Which calibration belongs to a night, and why."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstosa_luigi.observation.calibration import (
    choose_filters,
    choose_run,
    choose_systematics,
    choose_time_calibration,
    find_run,
)
from lstosa_luigi.observation.choice import Choice, Forced
from lstosa_luigi.observation.runs import DatedRun, Run, RunSummary
from tests.configuration import NIGHT
from tests.observation.tables import RUNS


def summary(*runs):
    """Return a run summary of numbers and types."""
    return RunSummary(tuple(Run(number, kind, 1) for number, kind in runs))


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
    choice = choose_run([(NIGHT, SUMMARY)], kind)
    assert choice.value == DatedRun(NIGHT, chosen)
    assert choice.candidates == tuple(DatedRun(NIGHT, run) for run in candidates)
    assert choice.reason == f"last {kind} run of 2020-01-17"


def test_drs4_run_after_the_data_is_chosen_all_the_same():
    runs = summary((1804, "DRS4"), (1807, "DATA"), (1808, "DRS4"))
    assert choose_run([(NIGHT, runs)], "DRS4").value == DatedRun(NIGHT, 1808)


def test_night_without_a_run_of_the_type_has_no_choice():
    choice = choose_run([(NIGHT, summary((9379, "DATA")))], "PEDCALIB")
    assert choice.value is None
    assert choice.reason == "no PEDCALIB run on 2020-01-17"


@pytest.mark.parametrize("kind", ["ERRPEDCALIB", "ERROR", "CONF", "EDATA", "DATA", "pedcalib"])
def test_run_of_another_type_is_not_chosen(kind):
    runs = summary((9258, "PEDCALIB"), (9327, kind))
    assert choose_run([(NIGHT, runs)], "PEDCALIB").value.number == 9258


# --- nights before -------------------------------------------------------------------------------

LSTOSA = [
    (date(2022, 9, 23), summary((9379, "DATA"), (9380, "DRS4"), (9381, "DRS4"))),
    (date(2022, 9, 22), summary((9326, "DRS4"), (9327, "ERRPEDCALIB"), (9258, "PEDCALIB"))),
]
"""The pair of nights that lstosa is tested with."""


def before(*nights):
    """Return nights from 2020-01-17 back; None for one without run summary."""
    return [(NIGHT - timedelta(back), runs) for back, runs in enumerate(nights)]


EMPTY = summary((1, "DATA"))


def test_pedcalib_run_of_the_night_before_is_borrowed_as_by_lstosa():
    choice = choose_run(LSTOSA, "PEDCALIB")
    assert choice.value == DatedRun(date(2022, 9, 22), 9258)
    assert str(choice.value) == "09258 of 2022-09-22"
    assert choice.reason == (
        "last PEDCALIB run of 2022-09-22, the nearest earlier night that has one; 2022-09-23 has "
        "none"
    )
    assert choose_run(LSTOSA, "DRS4").value == DatedRun(date(2022, 9, 23), 9381)


def test_nearest_earlier_night_counts_and_of_it_the_last_run():
    nights = before(EMPTY, None, summary((5, "DRS4"), (6, "DRS4")), summary((99, "DRS4")))
    choice = choose_run(nights, "DRS4")
    assert choice.value == DatedRun(date(2020, 1, 15), 6)
    assert [run.number for run in choice.candidates] == [5, 6]


def test_nights_are_read_no_further_than_needed():
    def nights():
        yield from before(EMPTY, summary((5, "DRS4")))
        pytest.fail("a night was read though a nearer one has a run")

    assert choose_run(nights(), "DRS4").value.number == 5


@pytest.mark.parametrize(
    ("nights", "words"),
    [
        ([EMPTY], "on 2020-01-17"),
        ([EMPTY] * 2, "on 2020-01-17, nor on the night before, back to 2020-01-16"),
        ([EMPTY] * 5, "on 2020-01-17, nor on the 4 nights before, back to 2020-01-13"),
        (
            [EMPTY, None, EMPTY, None, EMPTY],
            "on 2020-01-17, nor on the 4 nights before, back to 2020-01-13 (no run summary of "
            "2020-01-16, 2020-01-14)",
        ),
    ],
)
def test_if_nothing_is_found_the_nights_that_were_searched_are_named(nights, words):
    choice = choose_run(before(*nights), "DRS4")
    assert (choice.value, choice.candidates) == (None, ())
    assert choice.reason == f"no DRS4 run {words}"


def test_run_in_the_summaries_of_two_nights_is_one_of_the_later():
    runs = summary((1804, "DRS4"))
    assert choose_run(before(runs, runs), "DRS4").value == DatedRun(NIGHT, 1804)
    choice = find_run(before(EMPTY, runs, runs), 1804)
    assert choice.value == DatedRun(date(2020, 1, 16), 1804)
    assert choice.reason == (
        "listed in the run summary of 2020-01-16 and 2020-01-15, of which the latest is taken"
    )


def test_night_of_a_run_is_found_as_by_lstosa():
    choice = find_run(before(SUMMARY, None), 1808)
    assert choice.value == DatedRun(date(2020, 1, 17), 1808)
    assert choice.reason == "listed in the run summary of 2020-01-17"


def test_run_that_nobody_lists_is_taken_for_one_of_the_night():
    choice = find_run(before(SUMMARY, None, EMPTY), 1200)
    assert choice.value == DatedRun(date(2020, 1, 17), 1200)
    assert choice.reason == (
        "run 01200 is in no run summary of 2020-01-15 to 2020-01-17, so it is taken for one of "
        "2020-01-17"
    )


@given(
    st.lists(
        st.lists(st.sampled_from(["DRS4", "PEDCALIB", "DATA", "EDATA"]), max_size=5),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_choice_of_the_run_does_not_depend_on_the_order_of_the_rows(nights, random):
    listed, mixed = [], []
    for back, kinds in enumerate(nights):
        runs = [Run(100 * (5 - back) + place, kind, 1) for place, kind in enumerate(kinds)]
        listed.append(RunSummary(tuple(runs)))
        random.shuffle(runs)
        mixed.append(RunSummary(tuple(runs)))
    for kind in ("DRS4", "PEDCALIB"):
        choice = choose_run(before(*listed), kind)
        assert choice == choose_run(before(*mixed), kind)
        numbers = [run.number for runs in listed for run in runs.of_type(kind)]
        assert (choice.value.number if choice.value else None) == max(numbers, default=None)


# --- decisions of operators ----------------------------------------------------------------------

BY = "anna, 2020-01-18: clouds"


def test_forced_run_is_taken_and_the_others_are_still_named():
    other = DatedRun(date(2020, 1, 10), 1700)
    choice = choose_run([(NIGHT, SUMMARY)], "DRS4", Forced(other, BY))
    assert choice.value == other
    assert choice.reason == "forced by anna, 2020-01-18: clouds"
    assert [run.number for run in choice.candidates] == [1803, 1804]


def test_forced_run_is_taken_where_no_rule_finds_one():
    other = DatedRun(date(2020, 1, 10), 1700)
    assert choose_run(before(EMPTY, None), "DRS4", Forced(other, BY)).value == other


def test_forced_files_and_filters_are_taken():
    file = Path("/other.h5")
    for choice in (
        choose_time_calibration(TIME, 1, Forced(file, BY)),
        choose_filters("52", forced=Forced(file, BY)),
    ):
        assert choice.value == file
        assert choice.reason == f"forced by {BY}"
        assert choice.candidates


@pytest.mark.parametrize(
    ("configured", "failed_with", "chosen", "reason"),
    [
        ("52", "", "52", "[lstchain] filters"),
        ("52", "52", "52", "[lstchain] filters"),
        ("20", "", "20", "[lstchain] filters"),
        ("20", "20", "52", "second try: it failed with filters 20"),
        ("20", "52", "20", "[lstchain] filters"),
        ("20", "10", "20", "[lstchain] filters"),
    ],
)
def test_after_a_failure_with_other_filters_the_standard_ones_are_tried(
    configured, failed_with, chosen, reason
):
    choice = choose_filters(configured, failed_with)
    assert (choice.value, choice.reason) == (chosen, reason)


def test_filters_that_the_database_tells_come_before_those_that_are_configured():
    told = Choice("43", "CaCo database tcs")
    assert choose_filters("20", told=told) == Choice("43", "CaCo database tcs", ("43", "20", "52"))
    assert choose_filters("20", "43", told=told).value == "52"
    assert choose_filters("20", "20", told=told).value == "43"
    assert choose_filters("20", forced=Forced("12", BY), told=told).value == "12"
    silent = choose_filters("20", told=Choice(None, "CaCo database tcs does not answer"))
    assert silent.value == "20"
    assert silent.reason == "[lstchain] filters; CaCo database tcs does not answer"


def test_forced_filters_are_not_given_up_after_a_failure():
    assert choose_filters("52", "20", Forced("20", BY)).value == "20"


# --- files of other nights -----------------------------------------------------------------------


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
