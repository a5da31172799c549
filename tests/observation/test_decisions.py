"""Operators' decisions: what they mean, which are refused, and the file that they are kept in."""

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lstosa_luigi.errors import InputError, UsageError
from lstosa_luigi.observation.decisions import NONE, Decision, Decisions, Undone, What
from lstosa_luigi.observation.decisions_file import dump_decisions, parse_decisions
from lstosa_luigi.observation.runs import Run, RunSummary
from tests.observation.tables import RUNS

SUMMARY = RunSummary(tuple(Run(number, kind, subruns) for number, subruns, kind in RUNS))
WHEN = "2020-01-18T08:12:00+00:00"
LATER = "2020-01-18T09:30:00+00:00"
BACK = Undone("mara", LATER, "the file was repaired")


def decision(what, run=None, subrun=None, value="", why="bad", when=WHEN):
    return Decision(0, what, "mara", when, why, run, subrun, value)


def decided(*decisions):
    found = NONE
    for one in decisions:
        found = found.decide(one, SUMMARY)
    return found


def types(decisions):
    return {run.number: run.type for run in decisions.apply(SUMMARY).runs}


# --- what they mean --------------------------------------------------------------------------


def test_without_decisions_the_night_is_as_it_was_observed():
    assert NONE.apply(SUMMARY) == SUMMARY


def test_discarded_subrun_is_left_out_of_its_run_and_nothing_else_changes():
    seen = decided(decision(What.DISCARD, 1807, 10)).apply(SUMMARY)
    assert seen.run(1807).subruns == tuple(range(10))
    assert [run for run in seen.runs if run.number != 1807] == [
        run for run in SUMMARY.runs if run.number != 1807
    ]


def test_discarded_run_is_of_no_type_that_is_processed():
    seen = decided(decision(What.DISCARD, 1809)).apply(SUMMARY)
    assert [run.number for run in seen.of_type("PEDCALIB")] == [1805, 1806]
    assert seen.unknown == ()


def test_run_has_the_type_that_was_decided_last():
    found = decided(
        decision(What.SET_TYPE, 1805, value="ERROR"), decision(What.SET_TYPE, 1805, value="CONF")
    )
    assert types(found)[1805] == "CONF"
    assert types(found.undo(2, BACK))[1805] == "ERROR"
    assert types(found.undo(2, BACK).undo(1, BACK))[1805] == "PEDCALIB"


def test_vetoed_run_stays_what_it_is():
    found = decided(decision(What.VETO, 1808))
    assert types(found)[1808] == "DATA"
    assert found.veto(1808).number == 1
    assert found.veto(1807) is None


def test_choice_for_a_run_wins_over_one_for_the_night():
    found = decided(
        decision(What.RF_MODEL, value="one"),
        decision(What.RF_MODEL, 1808, value="two"),
        decision(What.RF_MODEL, value="three"),
    )
    assert found.forced(What.RF_MODEL, 1808).value == "two"
    assert found.forced(What.RF_MODEL, 1807).value == "three"
    assert found.forced(What.TAILCUTS, 1807) is None


def test_acceptance_is_void_after_any_other_decision_until_that_is_undone():
    accepted = decided(decision(What.ACCEPT_INCOMPLETE))
    assert accepted.acceptance.number == 1
    changed = accepted.decide(decision(What.VETO, 1808, when=LATER), SUMMARY)
    assert changed.acceptance is None
    assert changed.undo(2, BACK).acceptance.number == 1


def test_acceptance_is_void_when_an_earlier_decision_is_undone_after_it():
    found = decided(decision(What.VETO, 1808), decision(What.ACCEPT_INCOMPLETE))
    assert found.acceptance.number == 2
    assert found.undo(1, BACK).acceptance is None


def test_changed_is_what_was_made_or_undone_since_and_what_is_in_another_order():
    found = decided(
        decision(What.VETO, 1808),
        decision(What.RF_MODEL, value="a"),
        decision(What.RF_MODEL, value="b"),
    )
    texts = ["veto run 01808", "rf-model the night a", "rf-model the night b"]
    assert found.changed_since(texts) == []
    assert [d.number for d in found.changed_since(texts[:2])] == [3]
    undone = found.undo(2, BACK)
    assert [d.number for d in undone.changed_since(texts)] == [2]
    again = undone.decide(decision(What.RF_MODEL, value="a"), SUMMARY)
    assert {d.number for d in again.changed_since(texts)} == {1, 2, 3, 4}


def test_subrun_that_an_edited_run_summary_lacks_may_be_discarded_all_the_same():
    edited = RunSummary(
        tuple(
            dataclasses.replace(run, n_subruns=10) if run.number == 1807 else run
            for run in SUMMARY.runs
        )
    )
    assert decided(decision(What.DISCARD, 1807, 10)).apply(edited) == edited


def test_run_of_which_an_edited_run_summary_leaves_only_discarded_subruns_is_discarded():
    edited = RunSummary((Run(1807, "DATA", 1),))
    assert decided(decision(What.DISCARD, 1807, 0)).apply(edited).of_type("DATA") == ()


def test_decision_about_a_run_that_the_run_summary_lost_names_file_and_remedy():
    lost = RunSummary(tuple(run for run in SUMMARY.runs if run.number != 1808))
    with pytest.raises(InputError) as error:
        decided(decision(What.VETO, 1808)).apply(lost, "D.yaml")
    assert str(error.value) == (
        "D.yaml: decision 1 (veto) is about run 01808, which is not in the run summary. Undo it: "
        "lstosa decide --date ... --undo 1"
    )


# --- which are refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (
            decision(What.DISCARD, 1810),
            "Run 01810 is not in the run summary; the night has 01803, 01804, 01805, 01806, 01807, "
            "01808, 01809.",
        ),
        (
            decision(What.DISCARD, 1808, 9),
            "Run 01808 has no subrun 0009: its subruns are 0000 to 0008.",
        ),
        (
            decision(What.DISCARD, 1809, 0),
            "Run 01809 is no DATA run but PEDCALIB. To have it used for nothing, discard it: "
            "--discard 1809",
        ),
        (
            decision(What.VETO, 1804),
            "Run 01804 is no DATA run but DRS4. To have it used for nothing, discard it: "
            "--discard 1804",
        ),
        (
            decision(What.SET_TYPE, 1807, value="data"),
            "data is no type of a run; there are DATA, DRS4, PEDCALIB, CONF, EDATA, ERROR, "
            "ERRPEDCALIB.",
        ),
        (
            decision(What.DRS4, value="1805"),
            "Run 01805 is no DRS4 run but PEDCALIB. If it is one all the same, say so first: "
            "--set-type 1805 DRS4",
        ),
        (
            decision(What.PEDCALIB, value="9999"),
            "Run 09999 is not in the run summary; the night has 01803, 01804, 01805, 01806, 01807, "
            "01808, 01809.",
        ),
    ],
)
def test_decision_that_cannot_be_meant_is_refused(refused, message):
    with pytest.raises(UsageError) as error:
        NONE.decide(refused, SUMMARY)
    assert str(error.value) == message


def test_what_is_decided_already_is_refused_with_who_did():
    found = decided(decision(What.VETO, 1808, why="clouds"))
    with pytest.raises(UsageError, match="decided already: decision 1 of mara: clouds"):
        found.decide(decision(What.VETO, 1808), SUMMARY)
    again = found.undo(1, BACK).decide(decision(What.VETO, 1808), SUMMARY)
    assert again.veto(1808).number == 2


def test_last_subrun_that_is_left_of_a_run_is_not_discarded():
    found = NONE
    for subrun in range(8):
        found = found.decide(decision(What.DISCARD, 1808, subrun), SUMMARY)
    with pytest.raises(UsageError, match="Discard the run: --discard 1808"):
        found.decide(decision(What.DISCARD, 1808, 8), SUMMARY)


@pytest.mark.parametrize(
    "taken", [decision(What.DISCARD, 1804), decision(What.SET_TYPE, 1804, value="ERROR")]
)
def test_run_that_the_night_has_to_be_calibrated_with_is_not_taken_away(taken):
    found = decided(decision(What.DRS4, value="1804"))
    with pytest.raises(UsageError, match="Undo that first: --undo 1"):
        found.decide(taken, SUMMARY)


def test_run_that_the_night_has_to_be_calibrated_with_may_be_of_an_earlier_night():
    earlier = [RunSummary((Run(1700, "DRS4", 1), Run(1701, "DATA", 1)))]
    found = NONE.decide(decision(What.DRS4, value="1700"), SUMMARY, earlier)
    assert found.forced(What.DRS4).value == "1700"
    for run, message in ((1701, "is no DRS4 run but DATA"), (1702, "is not in the run summary")):
        with pytest.raises(UsageError, match=f"Run 0{run} {message}"):
            NONE.decide(decision(What.DRS4, value=str(run)), SUMMARY, earlier)
    with pytest.raises(UsageError, match=r"Run 01700 is not in the run summary"):
        NONE.decide(decision(What.DISCARD, 1700), SUMMARY, earlier)


def test_what_matters_to_a_night_that_borrows_is_what_is_about_calibration():
    found = decided(
        decision(What.DISCARD, 1808),
        decision(What.DISCARD, 1805),
        decision(What.SET_TYPE, 1807, value="DRS4"),
        decision(What.DRS4, value="1803"),
        decision(What.ACCEPT_INCOMPLETE),
    )
    lent = found.undo(2, BACK).about_calibration(SUMMARY, "2020-01-17")
    assert [one.text for one in lent] == [
        "discard run 01805 of 2020-01-17",
        "set-type run 01807 of 2020-01-17 DRS4",
        "drs4 the night of 2020-01-17 1803",
    ]
    assert [one.number for one in Decisions(tuple(lent)).active] == [3, 4]


def test_nothing_is_decided_about_a_discarded_run():
    found = decided(decision(What.DISCARD, 1808))
    with pytest.raises(UsageError, match="Run 01808 is discarded already"):
        found.decide(decision(What.VETO, 1808), SUMMARY)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (3, "There is no decision 3; those that hold: 2."),
        (1, f"Decision 1 was undone by mara on {LATER}; those that hold: 2."),
    ],
)
def test_only_what_holds_can_be_undone(number, message):
    found = decided(decision(What.VETO, 1807), decision(What.VETO, 1808)).undo(1, BACK)
    with pytest.raises(UsageError) as error:
        found.undo(number, BACK)
    assert str(error.value) == message


# --- undone is as if it had never been -------------------------------------------------------

DATA_RUNS = {1807: 11, 1808: 9}
ONE = st.one_of(
    st.sampled_from([run for run, _, _ in RUNS]).map(lambda run: decision(What.DISCARD, run)),
    st.tuples(st.sampled_from(sorted(DATA_RUNS)), st.integers(0, 8)).map(
        lambda pair: decision(What.DISCARD, *pair)
    ),
    st.tuples(
        st.sampled_from([run for run, _, _ in RUNS]),
        st.sampled_from(["DATA", "DRS4", "PEDCALIB", "ERROR", "EDATA"]),
    ).map(lambda pair: decision(What.SET_TYPE, pair[0], value=pair[1])),
    st.sampled_from(sorted(DATA_RUNS)).map(lambda run: decision(What.VETO, run)),
    st.sampled_from(["1803", "1804"]).map(lambda run: decision(What.DRS4, value=run)),
    st.sampled_from(["1805", "1809"]).map(lambda run: decision(What.PEDCALIB, value=run)),
    st.tuples(st.sampled_from([None, 1807]), st.sampled_from(["a", "b"])).map(
        lambda pair: decision(What.RF_MODEL, pair[0], value=pair[1])
    ),
    st.just(decision(What.ACCEPT_INCOMPLETE)),
)


def as_many_as_are_taken(decisions):
    found = NONE
    for one in decisions:
        try:
            found = found.decide(one, SUMMARY)
        except UsageError:
            continue
    return found


def everything(decisions):
    """What a plan rests on: runs, vetoes, forced choices, acceptance."""
    return (
        decisions.apply(SUMMARY),
        [decisions.veto(run) for run in DATA_RUNS],
        [decisions.forced(what, run) for what in What for run in (None, *DATA_RUNS)],
        decisions.acceptance,
    )


@given(st.lists(ONE, max_size=6), ONE)
def test_decision_undone_leaves_everything_as_before(before, one):
    found = as_many_as_are_taken(before)
    try:
        more = found.decide(one, SUMMARY)
    except UsageError:
        return
    undone = more.undo(more.all[-1].number, BACK)
    assert everything(undone) == everything(found)
    assert len(undone.all) == len(found.all) + 1, "what was undone stays on record"


@given(st.lists(ONE, max_size=6), st.sampled_from(sorted(DATA_RUNS)), st.integers(0, 8))
def test_discarding_a_subrun_changes_no_other_run(before, run, subrun):
    found = as_many_as_are_taken(before)
    try:
        more = found.decide(decision(What.DISCARD, run, subrun), SUMMARY)
    except UsageError:
        return
    others = [r for r in found.apply(SUMMARY).runs if r.number != run]
    assert [r for r in more.apply(SUMMARY).runs if r.number != run] == others


@given(st.lists(ONE, max_size=6), st.text(max_size=30), st.booleans())
@example([decision(What.VETO, 1808)], "next\x85line", False)
def test_file_gives_back_what_was_written(before, why, is_undone):
    found = as_many_as_are_taken([dataclasses.replace(one, why=why) for one in before])
    if is_undone and found.active:
        found = found.undo(found.active[0].number, BACK)
    assert parse_decisions(dump_decisions(found, "2020-01-17"), "D.yaml") == found


# --- the file --------------------------------------------------------------------------------


def test_file_is_easy_to_read():
    found = decided(
        decision(What.DISCARD, 1807, 10, why="last subrun without pedestals"),
        decision(What.DRS4, value="1803", why="1804 saw light: twice"),
    ).undo(2, BACK)
    assert dump_decisions(found, "2020-01-17") == (
        "# Operators' decisions about the night of 2020-01-17 (times are UTC).\n"
        "# Listed, made and undone with: lstosa decide --date 2020-01-17\n"
        "schema_version: 1\n"
        "decisions:\n"
        "- number: 1\n"
        "  what: discard\n"
        "  run: 1807\n"
        "  subrun: 10\n"
        "  why: last subrun without pedestals\n"
        "  who: mara\n"
        "  when: '2020-01-18T08:12:00+00:00'\n"
        "- number: 2\n"
        "  what: drs4\n"
        "  value: '1803'\n"
        "  why: '1804 saw light: twice'\n"
        "  who: mara\n"
        "  when: '2020-01-18T08:12:00+00:00'\n"
        "  undone:\n"
        "    who: mara\n"
        "    when: '2020-01-18T09:30:00+00:00'\n"
        "    why: the file was repaired\n"
    )


def test_file_written_by_hand_may_have_times_and_values_without_quotes():
    text = (
        "schema_version: 1\ndecisions:\n"
        "- {number: 1, what: drs4, value: 1803, who: mara, why: light, when: 2020-01-18 08:12:00}\n"
    )
    assert parse_decisions(text, "D.yaml") == Decisions(
        (Decision(1, What.DRS4, "mara", WHEN, "light", value="1803"),)
    )


ENTRY = "- {number: 1, what: veto, run: 1808, who: mara, why: clouds, when: 2020-01-18}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("decisions: [", "cannot be read as operators' decisions (no YAML in line 1)"),
        ("", "no list 'decisions' in it"),
        ("decisions: []", "schema_version is None; only 1 is known"),
        ("schema_version: 9\ndecisions: []", "schema_version is 9; only 1 is known"),
        ("schema_version: 1\ndecisions: [5]", "entry 1 is no decision"),
        (f"schema_version: 1\ndecisions:\n{ENTRY}".replace("who: mara, ", ""), "has no who"),
        (
            f"schema_version: 1\ndecisions:\n{ENTRY}".replace("veto", "vote"),
            "entry 1 is no decision ('vote' is not a valid What)",
        ),
        (
            f"schema_version: 1\ndecisions:\n{ENTRY}".replace("1808", "one"),
            "entry 1 is no decision ('one' is no whole number)",
        ),
        (
            f"schema_version: 1\ndecisions:\n{ENTRY}".replace("clouds", "clouds, runs: 3"),
            "entry 1 is no decision (",
        ),
        (f"schema_version: 1\ndecisions:\n{ENTRY}{ENTRY}", "not numbered in ascending order"),
    ],
)
def test_damaged_file_is_named_with_what_is_wrong(text, message):
    with pytest.raises(InputError) as error:
        parse_decisions(text, "/osa/D.yaml")
    assert str(error.value).startswith("/osa/D.yaml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
