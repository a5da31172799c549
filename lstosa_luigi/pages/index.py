"""The calendar of all nights, and the runs of all of them, from what is kept beside each page."""

from __future__ import annotations

__all__ = ["Month", "Place", "calendar_of", "catalog_rows"]

import calendar
import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path

from lstosa_luigi.pages.entries import Entry, RunEntry

Place = tuple[Entry, Path]
"""A night, and its page."""


@dataclasses.dataclass(frozen=True)
class Month:
    """A month with the nights that are known of it.

    Parameters
    ----------
    name : str
        ``March 2024``.
    key : str
        ``2024-03``.
    weeks : tuple of tuple of (int, tuple of Place)
        Days from Monday to Sunday, 0 of another month, each with its nights.
    """

    name: str
    key: str
    weeks: tuple[tuple[tuple[int, tuple[Place, ...]], ...], ...]


def calendar_of(places: Sequence[Place]) -> list[tuple[int, list[Month]]]:
    """Return the years, newest first, with the months of which there is any night, likewise."""
    nights: dict[datetime.date, list[Place]] = {}
    for entry, page in places:
        nights.setdefault(datetime.date.fromisoformat(entry.date), []).append((entry, page))
    years: dict[int, list[Month]] = {}
    for year, month in sorted({(date.year, date.month) for date in nights}, reverse=True):
        weeks = tuple(
            tuple(
                (day, tuple(nights.get(datetime.date(year, month, day), ())) if day else ())
                for day in week
            )
            for week in calendar.Calendar().monthdayscalendar(year, month)
        )
        name = f"{calendar.month_name[month]} {year}"
        years.setdefault(year, []).append(Month(name, f"{year}-{month:02d}", weeks))
    return list(years.items())


def catalog_rows(places: Sequence[Place]) -> list[tuple[RunEntry, Entry, Path]]:
    """Return the DATA runs of all nights, newest first; of several productions each."""
    found = [(run, entry, page) for entry, page in places for run in entry.runs]
    return sorted(found, key=lambda row: (row[1].date, row[0].run, row[1].prod_id), reverse=True)
