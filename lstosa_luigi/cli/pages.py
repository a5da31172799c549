"""``lstosa pages``: write the pages of a night, or of all nights, and the index of them."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
import re
from collections.abc import Iterator, Sequence

from lstosa_luigi import config
from lstosa_luigi.cli.night import reject
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
    problem = write_all(list(_nights(settings, options)), print)
    print(places_of(settings).index())
    return ExitCode.OK if problem is None else int(problem.exit_code)


def _nights(settings: config.Settings, options: argparse.Namespace) -> Iterator[NightlyClose]:
    """Yield the productions of all nights, as the running analysis has them."""
    for night in sorted(settings.directories.analysis_dir.glob("*")):
        if not re.fullmatch(r"\d{8}", night.name):
            continue
        try:
            date = datetime.datetime.strptime(night.name, "%Y%m%d").date()
        except ValueError:
            continue
        for production in sorted(night.iterdir()):
            if production.is_dir() and options.prod_id in ("", production.name):
                yield NightlyClose(date=date, telescope=options.telescope, prod_id=production.name)
