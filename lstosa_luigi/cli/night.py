"""What the verbs about the jobs of one night have in common."""

from __future__ import annotations

__all__ = [
    "Places",
    "add_night",
    "add_nights",
    "chosen_nights",
    "nights_of",
    "places_of",
    "reject",
    "signature",
]

import argparse
import dataclasses
import datetime
import getpass
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lstosa_luigi import config
from lstosa_luigi.errors import UsageError
from lstosa_luigi.hours import utc_now
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter


@dataclasses.dataclass(frozen=True)
class Places:
    """Where one production of a night keeps what is known of its jobs."""

    prod_id: str
    arrays: Path
    records: Path


def add_night(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a night."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--prod-id", default="", help="only this production; default: all")


def signature(who: str) -> tuple[str, str]:
    """Return who does something, the login name if it is not said, and when (UTC, ISO 8601).

    Raises
    ------
    UsageError
        If the login has no name.
    """
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    try:
        return who or getpass.getuser(), now
    except (OSError, KeyError) as error:  # a container may know no name
        raise UsageError("say who decides: --who NAME") from error


def reject(rest: Sequence[str]) -> None:
    """Refuse what no option took.

    Raises
    ------
    UsageError
        If there is anything.
    """
    if rest:
        raise UsageError(f"unknown argument {rest[0]}")


def places_of(options: argparse.Namespace) -> list[Places]:
    """Return the productions of the night that had anything to do.

    Raises
    ------
    UsageError
        If the date is none, or the production is not there.
    """
    date: datetime.date = NightParameter().parse(options.date)
    root = config.load().directories.analysis_dir / f"{date:%Y%m%d}"
    found = [
        Places(directory.name, directory / "arrays", directory / "records")
        for directory in sorted(root.glob("*"))
        if directory.is_dir() and options.prod_id in ("", directory.name)
    ]
    if options.prod_id and not found:
        raise UsageError(f"{root / options.prod_id} is not there: {date} has no such production")
    return found


def nights_of(telescope: str, prod_id: str) -> Iterator[NightlyClose]:
    """Yield the productions of all nights, as the running analysis has them.

    Parameters
    ----------
    telescope : str
        For example ``LST1``.
    prod_id : str
        Only this production; empty: all.
    """
    for night in sorted(config.load().directories.analysis_dir.glob("*")):
        if not re.fullmatch(r"\d{8}", night.name):
            continue
        try:
            date = datetime.datetime.strptime(night.name, "%Y%m%d").date()
        except ValueError:
            continue
        for production in sorted(night.iterdir()):
            if production.is_dir() and prod_id in ("", production.name):
                yield NightlyClose(date=date, telescope=telescope, prod_id=production.name)


def add_nights(parser: argparse.ArgumentParser) -> None:
    """Add the options that name one night, or all that are older than some days."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--date", metavar="YYYY-MM-DD", help="the night")
    which.add_argument("--older-than", metavar="DAYS", type=int, help="all nights that are older")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument(
        "--prod-id", default="", help="production; default: as configured, or all with --older-than"
    )


def chosen_nights(options: argparse.Namespace) -> Iterator[NightlyClose]:
    """Yield the nights that :func:`add_nights` had named.

    Raises
    ------
    UsageError
        If it is no date, or no number of days.
    """
    if options.date is not None:
        date = NightParameter().parse(options.date)
        yield NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
        return
    if options.older_than < 0:
        raise UsageError(f"--older-than {options.older_than}: must be 0 or more")
    last = utc_now().date() - datetime.timedelta(days=options.older_than)
    found = nights_of(options.telescope, options.prod_id)
    yield from (root for root in found if root.date < last)
