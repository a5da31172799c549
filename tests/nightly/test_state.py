"""Whether a night is tried again: rules, whatever the clock does."""

import datetime

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.nightly.state import LastCommand, is_due

ENDED = "2024-03-31T00:30:00+00:00"
"""Half an hour before the clocks of Madrid are put forward."""


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def due(now: str, code: int | None = 30, ended: str = ENDED, decided: float | None = None) -> bool:
    last = LastCommand("2024-03-30T23:00:00+00:00", "/log", ended, code)
    return is_due(last, at(now), 2, decided)


@pytest.mark.parametrize("code", [ExitCode.MISSING_DATA, ExitCode.NOT_RUN, 10, 130, 137, 143])
def test_what_waits_or_was_ended_is_tried_at_once(code: int) -> None:
    assert due(ENDED, code)


@pytest.mark.parametrize("code", [30, 35, 40])
def test_what_failed_is_tried_after_so_many_hours(code: int) -> None:
    assert not due(ENDED, code)
    assert not due("2024-03-31T02:29:59+00:00", code)
    assert due("2024-03-31T02:30:00+00:00", code)
    # by the clock of Madrid, which jumps by an hour meanwhile
    assert not due("2024-03-31T04:29:59+02:00", code)
    assert due("2024-03-31T04:30:00+02:00", code)


def test_what_was_killed_is_tried_at_once() -> None:
    assert due(ENDED, None, "")


def test_clock_that_was_put_back_keeps_no_night_waiting() -> None:
    assert due("2024-03-31T00:29:59+00:00")
    assert due("2020-01-01T00:00:00+00:00")


def test_decision_has_it_tried_at_once_and_one_from_before_does_not() -> None:
    ended = at(ENDED).timestamp()
    assert due(ENDED, decided=ended + 1)
    assert not due(ENDED, decided=ended - 1)
