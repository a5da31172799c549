"""Times of a night, in UTC."""

from __future__ import annotations

__all__ = ["closing_time"]

import datetime


def closing_time(date: datetime.date, not_before: str) -> datetime.datetime | None:
    """Return from when on a night may be closed.

    Parameters
    ----------
    date : datetime.date
        The night: the date of its evening.
    not_before : str
        Time of the morning after, ``HH:MM`` in UTC; empty for any time. lstosa's closer: 08:00.

    Returns
    -------
    datetime.datetime or None
        In UTC; None if at any time.
    """
    if not not_before:
        return None
    time = datetime.datetime.strptime(not_before, "%H:%M").time()
    morning = date + datetime.timedelta(days=1)
    return datetime.datetime.combine(morning, time, datetime.timezone.utc)
