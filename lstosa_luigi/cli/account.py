"""``lstosa account``: show what nights cost, how long they took, and what was lost by failures."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from lstosa_luigi import config
from lstosa_luigi.accounting import plot, table
from lstosa_luigi.accounting.data import as_data
from lstosa_luigi.accounting.reading import read_account
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, UsageError
from lstosa_luigi.execution.environment import find_tools
from lstosa_luigi.layout import Layout
from lstosa_luigi.products.base import NightParameter


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        "--date", action="append", default=[], metavar="YYYY-MM-DD", help="a night; may be repeated"
    )
    parser.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="the first of nights")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM-DD", help="the last of them")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="only this production; default: all")
    parser.add_argument("--json", action="store_true", help="all of it as JSON")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw it as well: a .png, .pdf or .svg"
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print what the nights cost, and draw it if that is asked for."""
    reject(rest)
    dates = _dates(options)
    if options.plot is not None:
        plot.format_of(options.plot)
    settings = config.load(options.prod_id)
    account = read_account(settings.directories, dates, options.telescope, options.prod_id)
    data = as_data(account)
    print(json.dumps(data) if options.json else table.text(account), flush=True)
    if options.plot is not None:
        layout = Layout(settings.directories, options.telescope, options.prod_id, "", dates[0])
        plot.draw(data, options.plot, find_tools(settings.lstchain), layout.cache())
    return ExitCode.OK


def _dates(options: argparse.Namespace) -> list[datetime.date]:
    """Return the nights that are asked for, in ascending order, each once.

    Raises
    ------
    UsageError
        If there are none, or it is not clear which.
    """
    parse = NightParameter().parse
    span = (options.first, options.last)
    if options.date and span == (None, None):
        return sorted({parse(date) for date in options.date})
    if options.date or None in span:
        raise UsageError("give nights by --date, once or more, or by --from and --to")
    first, last = parse(options.first), parse(options.last)
    if last < first:
        raise UsageError(f"--from {first} is later than --to {last}")
    days = range((last - first).days + 1)
    return [first + datetime.timedelta(days=day) for day in days]
