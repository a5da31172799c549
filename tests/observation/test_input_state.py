"""How a run was recorded: what is set, what its first events tell, what lies in R0G."""

import json

import pytest

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.input_state import (
    FirstEvents,
    InputState,
    choose_input_state,
    parse_first_events,
)


def first(one_gain: int = 0, calibrated: int = 0, looked_at: str = "showers") -> FirstEvents:
    return FirstEvents(looked_at, 10, one_gain, calibrated)


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (first(), "legacy_raw", "the first 10 showers of run 00003 hold both gains"),
        (first(10), "gain_selected", "the first 10 showers of run 00003 hold one gain"),
        (
            first(10, looked_at="events"),
            "gain_selected",
            "the first 10 events of run 00003 hold one gain",
        ),
        (
            first(4),
            "gain_selected",
            "the first 10 showers of run 00003 hold one gain in 4 cases: the event builder "
            "selects, not in all",
        ),
        (
            first(10, 10),
            "catA_calibrated",
            "the first 10 showers of run 00003 are calibrated to p.e. by the event builder",
        ),
        (
            first(0, 10),
            "catA_calibrated",
            "the first 10 showers of run 00003 are calibrated to p.e. by the event builder",
        ),
        (first(10, 9), "gain_selected", "the first 10 showers of run 00003 hold one gain"),
    ],
)
def test_first_events_tell_the_state(seen: FirstEvents, state: str, reason: str) -> None:
    choice = choose_input_state("auto", 3, seen)
    assert (choice.value, choice.reason) == (InputState(state), reason)
    assert choice.candidates == tuple(InputState)


@pytest.mark.parametrize("state", list(InputState))
def test_what_is_set_holds_whatever_the_data_tell(state: InputState) -> None:
    choice = choose_input_state(state.value, 3, first(10, 10), "/R0G/20240302")
    assert (choice.value, choice.reason) == (state, "[production] input_state")


def test_a_run_that_lies_in_r0g_is_selected_unless_its_events_were_looked_at() -> None:
    choice = choose_input_state("auto", 3, selected_in="/R0G/20240302")
    assert choice.value is InputState.GAIN_SELECTED
    assert choice.reason == "/R0G/20240302 holds the whole run"
    assert choose_input_state("auto", 3, first(), "/R0G").value is InputState.LEGACY_RAW


@pytest.mark.parametrize(
    ("bits", "state", "reason"),
    [
        (0b1111, "gain_selected", "the event builder selected the gain of run 00003"),
        (0b110_1111, "catA_calibrated", "the event builder calibrated run 00003 to p.e."),
        (0b110_1110, "catA_calibrated", "the event builder calibrated run 00003 to p.e."),
    ],
)
def test_run_summary_tells_what_the_event_builder_did(bits: int, state: str, reason: str) -> None:
    choice = choose_input_state("auto", 3, preprocessing=bits)
    assert choice.value is InputState(state)
    assert choice.reason.startswith(reason)
    assert choose_input_state("legacy_raw", 3, preprocessing=bits).value is InputState.LEGACY_RAW
    assert choose_input_state("auto", 3, first(), preprocessing=bits).value is InputState.LEGACY_RAW


def test_what_the_event_builder_did_not_do_says_nothing() -> None:
    """lstchain's R0G has what the event builder said of its R0."""
    assert choose_input_state("auto", 3, preprocessing=0b1110).value is None


def test_what_is_not_known_says_why() -> None:
    choice = choose_input_state("auto", 3)
    assert choice.value is None
    assert choice.reason == "not known yet: the first events of run 00003 will tell"
    missing = choose_input_state("auto", 3, missing="/R0 or /R0G")
    assert missing.reason == "not known: no raw data of run 00003 in /R0 or /R0G"


def test_only_calibrated_data_are_not_to_be_calibrated() -> None:
    assert [state.value for state in InputState if state.is_to_be_calibrated] == [
        "legacy_raw",
        "gain_selected",
    ]


GOOD = {"looked_at": "showers", "events": 10, "gains": {"1": 4, "2": 6}, "calibrated": 0}


def test_what_the_program_writes_is_read() -> None:
    assert parse_first_events(json.dumps(GOOD), "x.json") == first(4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({**GOOD, "events": 0}),
        json.dumps({**GOOD, "gains": {"1": 4}}),
        json.dumps({**GOOD, "gains": {"3": 10}}),
        json.dumps({**GOOD, "gains": [1]}),
        json.dumps({**GOOD, "calibrated": "no"}),
    ],
)
def test_anything_else_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.json: does not say how a run was recorded"):
        parse_first_events(text, "x.json")
