"""By which tool and with which options gain selection is done, by night and run."""

import datetime

import pytest

from lstosa_luigi.observation.gain_selection import (
    choose_heuristic,
    choose_tool,
    choose_treatment,
)
from lstosa_luigi.observation.runs import Reference
from lstosa_luigi.periods import parse_rules

OLD, NEW = datetime.date(2023, 12, 4), datetime.date(2023, 12, 5)


@pytest.mark.parametrize(
    ("configured", "date", "tool"),
    [
        ("auto", OLD, "lst_dvr"),
        ("auto", NEW, "lstchain_r0_to_r0g"),
        ("lst_dvr", NEW, "lst_dvr"),
        ("lstchain_r0_to_r0g", OLD, "lstchain_r0_to_r0g"),
    ],
)
def test_tool_is_that_of_the_night_unless_one_is_set(configured, date, tool) -> None:
    assert choose_tool(configured, date).value == tool


@pytest.mark.parametrize(
    ("tool", "streams", "source", "treatment", "reason"),
    [
        ("lstchain_r0_to_r0g", 4, None, "selected", "by lstchain_r0_to_r0g"),
        ("lstchain_r0_to_r0g", 3, "UCTS", "copied", "it has 3 of 4 streams"),
        ("lst_dvr", 4, "UCTS", "selected", "by lst_dvr"),
        ("lst_dvr", 4, "TIB", "selected", "by lst_dvr"),
        ("lst_dvr", 4, "RUN_START", "copied", "the reference time of the run is of RUN_START, not"),
        ("lst_dvr", 4, None, "copied", "the reference time of the run is of none, not of UCTS"),
    ],
)
def test_what_cannot_be_selected_is_copied(tool, streams, source, treatment, reason) -> None:
    reference = None if source is None else Reference(1, 2, 3, source)
    choice = choose_treatment(tool, range(streams), 4, reference)
    assert choice.value == treatment
    assert choice.reason.startswith(reason)


RULES = "on 2024-02-01..2024-02-29, off 16200,\n on 16300..16310, off ..100, on 2025-01-01.., on 7"


@pytest.mark.parametrize(
    ("date", "run", "is_on", "rule"),
    [
        ("2024-02-01", 16000, True, "on 2024-02-01..2024-02-29"),
        ("2024-02-29", 16000, True, "on 2024-02-01..2024-02-29"),
        ("2024-03-01", 16000, False, ""),
        ("2024-02-15", 16200, False, "off 16200"),
        ("2024-04-01", 16310, True, "on 16300..16310"),
        ("2024-04-01", 16311, False, ""),
        ("2024-02-15", 100, False, "off ..100"),
        ("2025-01-01", 20000, True, "on 2025-01-01.."),
        ("2025-01-01", 100, True, "on 2025-01-01.."),
        ("2024-04-01", 7, True, "on 7"),
    ],
)
def test_the_last_rule_that_fits_holds(date, run, is_on, rule) -> None:
    choice = choose_heuristic(parse_rules(RULES), False, datetime.date.fromisoformat(date), run)
    assert choice.value is is_on
    key = f"ff_heuristic_gain_selection: {rule}" if rule else "use_ff_heuristic_gain_selection"
    assert choice.reason == f"[lstchain] {key}"


def test_without_rules_the_switch_holds() -> None:
    assert choose_heuristic(parse_rules(""), True, NEW, 1).value is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("maybe 3", "'maybe 3' is no rule; write on or off, then a run"),
        ("on", "'on' is no rule"),
        ("on 3 4", "'on 3 4' is no rule"),
        ("on ..", "'on ..' names no run and no night"),
        ("on 2024-13-01", "'2024-13-01' is neither a run nor a night"),
        ("on 3..2024-01-01", "goes from a run to a night, or the other way"),
        ("on 9..3", "'on 9..3' ends before it begins"),
        ("on 1, off x", "'off x': 'x' is neither a run nor a night"),
    ],
)
def test_a_rule_that_cannot_be_read_is_told_with_the_syntax(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        parse_rules(text)
