"""Hours of the day and the night that an instant belongs to, all in UTC: pure.

No function here asks what time it is, and none takes a local time: a change of
daylight-saving time, or the time zone of a host, changes nothing.
"""

from __future__ import annotations

__all__ = [
    "EVENING",
    "Span",
    "Timer",
    "last_evening",
    "moment_after",
    "nights_until",
    "parse_span",
    "parse_time",
    "utc_now",
]

import dataclasses
import datetime
import re
from collections.abc import Callable

EVENING = datetime.time(18, 0)
"""When a new night begins (UTC): over LST-1 the Sun never sets earlier."""

Timer = Callable[[], datetime.datetime]
"""Says what time it is, with its time zone."""


def utc_now() -> datetime.datetime:
    """Return what time it is."""
    return datetime.datetime.now(datetime.timezone.utc)


def in_utc(instant: datetime.datetime) -> datetime.datetime:
    """Return an instant in UTC.

    Raises
    ------
    ValueError
        If it names no time zone: it could be any.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} names no time zone")
    return instant.astimezone(datetime.timezone.utc)


def last_evening(now: datetime.datetime) -> datetime.date:
    """Return the night that was begun last: the date of its evening.

    lstosa takes yesterday, in local time, at any hour; in the small hours that is the same.
    """
    since = datetime.timedelta(hours=EVENING.hour, minutes=EVENING.minute)
    return (in_utc(now) - since).date()


def nights_until(last: datetime.date, days_back: int) -> list[datetime.date]:
    """Return a night and so many before it, the last first."""
    return [last - datetime.timedelta(days=back) for back in range(days_back + 1)]


def moment_after(night: datetime.date, time: datetime.time) -> datetime.datetime:
    """Return that time of the day after the evening of a night."""
    day = night + datetime.timedelta(days=1)
    return datetime.datetime.combine(day, time, datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Span:
    """Hours of every day; it goes over midnight if it ends before it begins."""

    begin: datetime.time
    end: datetime.time

    def __contains__(self, instant: datetime.datetime) -> bool:
        """Whether an instant lies in it; its end does not."""
        time = in_utc(instant).time()
        if self.begin <= self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def parse_time(text: str) -> datetime.time | None:
    """Read a time of the day (UTC); None of an empty text.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not text.strip():
        return None
    match = re.fullmatch(r"(\d{1,2}):(\d\d)", text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError("write a time in UTC, as 08:00, or nothing")
    return datetime.time(int(match[1]), int(match[2]))


def parse_span(text: str) -> Span | None:
    """Read hours of the day (UTC); None of an empty text.

    Raises
    ------
    ValueError
        If they cannot be read, or are none at all.
    """
    if not text.strip():
        return None
    first, _, last = text.partition("-")
    try:
        begin, end = parse_time(first), parse_time(last)
    except ValueError:
        begin = end = None
    if begin is None or end is None or begin == end:
        raise ValueError("write two times in UTC, as 19:00-08:00, or nothing")
    return Span(begin, end)
