"""``lstosa nightly``: for cron: start the last night, and those that are still open."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import sys
from collections.abc import Sequence

from lstosa_luigi import config
from lstosa_luigi.cli.night import reject
from lstosa_luigi.execution.signals import exit_code_of, raise_at_end
from lstosa_luigi.hours import last_evening, nights_until, utc_now
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.nightly.wrapper import Wrapper
from lstosa_luigi.products.base import NightParameter


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        "--date",
        metavar="YYYY-MM-DD",
        help="only this night, even if it failed just now; default: the last one, then "
        "[nightly] days_back before it",
    )
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="say what is done, as on a terminal; else only what needs a person is printed",
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Bring the nights on; the exit code is the worst of theirs."""
    reject(rest)
    settings = config.load(options.prod_id)
    if options.date:
        dates = [NightParameter().parse(options.date)]
    else:
        # the last first: people wait for it, and an old one that hangs must not keep it
        dates = nights_until(last_evening(utc_now()), settings.nightly.days_back)
    roots = [
        NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
        for date in dates
    ]
    is_looked_at = options.verbose or sys.stdout.isatty()
    wrapper = Wrapper(
        roots,
        settings,
        say=_print,
        tell=_print if is_looked_at else _ignore,
        is_asked=bool(options.date),
    )
    undo = raise_at_end()
    try:
        return wrapper.run()
    except KeyboardInterrupt as interrupt:
        return exit_code_of(interrupt)
    finally:
        undo()


def _print(text: str) -> None:
    print(text, flush=True)


def _ignore(_text: str) -> None:
    pass
