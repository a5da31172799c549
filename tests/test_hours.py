"""Nights and hours are those of UTC, whatever clock hangs on the wall."""

import datetime
import os
import subprocess
import sys

import pytest

from lstosa_luigi.hours import (
    last_evening,
    moment_after,
    nights_until,
    parse_span,
    parse_time,
    utc_now,
)

MADRID_SPRING = "2024-03-31"  # at 01:00 UTC, 02:00 becomes 03:00
MADRID_AUTUMN = "2024-10-27"  # at 01:00 UTC, 03:00 becomes 02:00


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "evening"),
    [
        ("2024-03-02T17:59:59+00:00", "2024-03-01"),
        ("2024-03-02T18:00:00+00:00", "2024-03-02"),
        ("2024-03-02T23:59:59+00:00", "2024-03-02"),
        ("2024-03-03T00:00:00+00:00", "2024-03-02"),
        ("2024-03-03T07:00:00+00:00", "2024-03-02"),
        ("2024-03-03T13:00:00+00:00", "2024-03-02"),
        ("2024-03-01T03:00:00+00:00", "2024-02-29"),
        ("2025-01-01T03:00:00+00:00", "2024-12-31"),
        # the same instant by a clock of another zone
        ("2024-03-03T00:30:00+01:00", "2024-03-02"),
        ("2024-03-02T19:30:00+02:00", "2024-03-01"),
        (f"{MADRID_SPRING}T00:59:59+00:00", "2024-03-30"),
        (f"{MADRID_SPRING}T01:00:00+00:00", "2024-03-30"),
        (f"{MADRID_AUTUMN}T00:59:59+00:00", "2024-10-26"),
        (f"{MADRID_AUTUMN}T01:00:00+00:00", "2024-10-26"),
    ],
)
def test_a_night_is_the_date_of_its_evening(now: str, evening: str) -> None:
    assert str(last_evening(at(now))) == evening


@pytest.mark.parametrize("day", [MADRID_SPRING, MADRID_AUTUMN, "2024-12-31"])
def test_each_quarter_of_an_hour_belongs_to_one_night_and_none_is_left_out(day: str) -> None:
    start = at(f"{day}T00:00:00+00:00") - datetime.timedelta(days=1)
    instants = [start + datetime.timedelta(minutes=15 * n) for n in range(3 * 96)]
    nights = [last_evening(instant) for instant in instants]
    assert nights == sorted(nights)
    assert {nights.count(night) for night in sorted(set(nights))[1:-1]} == {96}


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="names no time zone"):
        last_evening(datetime.datetime(2024, 3, 2, 18))


@pytest.mark.parametrize("zone", ["Europe/Madrid", "UTC", "Pacific/Auckland"])
def test_zone_of_the_process_changes_nothing(zone: str) -> None:
    script = """
import datetime
from lstosa_luigi.hours import last_evening, parse_span, utc_now
zone = datetime.timezone.utc
for second in (1711846799, 1711846800, 1711850400, 1729990799, 1729990800, 1709401500):
    instant = datetime.datetime.fromtimestamp(second, zone)
    local = datetime.datetime.fromtimestamp(second).astimezone()
    assert last_evening(instant) == last_evening(local)
    print(last_evening(local), local in parse_span("19:00-01:00"))
assert abs(utc_now().timestamp() - datetime.datetime.now().timestamp()) < 5
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "2024-03-30 True",
        "2024-03-30 False",
        "2024-03-30 False",
        "2024-10-26 True",
        "2024-10-26 False",
        "2024-03-01 False",
    ]


def test_nights_go_back_from_the_last_one() -> None:
    nights = nights_until(datetime.date(2024, 3, 1), 2)
    assert [str(night) for night in nights] == ["2024-03-01", "2024-02-29", "2024-02-28"]


def test_time_of_the_day_after_is_in_utc() -> None:
    time = parse_time("14:00")
    assert time is not None
    found = moment_after(datetime.date(2024, 3, 30), time)
    assert found == at("2024-03-31T14:00:00+00:00")


@pytest.mark.parametrize(
    ("span", "hour", "is_in"),
    [
        ("19:00-08:00", "18:59", False),
        ("19:00-08:00", "19:00", True),
        ("19:00-08:00", "00:00", True),
        ("19:00-08:00", "07:59", True),
        ("19:00-08:00", "08:00", False),
        ("0:30-6:00", "00:29", False),
        ("0:30-6:00", "00:30", True),
        ("0:30-6:00", "06:00", False),
    ],
)
def test_span_goes_over_midnight_and_its_end_is_not_in_it(
    span: str, hour: str, is_in: bool
) -> None:
    found = parse_span(span)
    assert found is not None
    assert (at(f"2024-03-02T{hour}:00+00:00") in found) is is_in


@pytest.mark.parametrize("text", ["8", "24:00", "08:60", "8 Uhr", "-1:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a time in UTC, as 08:00, or nothing"):
        parse_time(text)


@pytest.mark.parametrize("text", ["19:00", "19:00-", "19-08", "19:00-19:00", "a-b"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write two times in UTC, as 19:00-08:00, or nothing"):
        parse_span(text)


def test_nothing_is_no_time_and_no_hours() -> None:
    assert (parse_time(" "), parse_span("")) == (None, None)
    assert utc_now().tzinfo is not None
