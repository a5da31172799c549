"""``lstosa pages``: write the pages of a night, or of all nights, and the index of them."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
from collections.abc import Sequence

from lstosa_luigi import config
from lstosa_luigi.cli.night import nights_of, reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--date", metavar="YYYY-MM-DD", help="the night")
    which.add_argument("--all", action="store_true", help="each night that anything was made of")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument(
        "--prod-id", default="", help="production; default: as configured; with --all: all"
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Write the pages, and print where they lie."""
    from lstosa_luigi.pages.build import places_of, write_all, write_night

    reject(rest)
    if options.date is not None:
        date: datetime.date = NightParameter().parse(options.date)
        root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
        print(write_night(root))
        return ExitCode.OK
    settings = config.load()
    problem = write_all(list(nights_of(options.telescope, options.prod_id)), print)
    print(places_of(settings).index())
    return ExitCode.OK if problem is None else int(problem.exit_code)
