"""What the verbs about the jobs of one night have in common."""

from __future__ import annotations

__all__ = ["Places", "add_night", "places_of", "reject", "signature"]

import argparse
import dataclasses
import datetime
import getpass
from collections.abc import Sequence
from pathlib import Path

from lstosa_luigi import config
from lstosa_luigi.errors import UsageError
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
