"""``lstosa notify``: tell people what is new of a night; ``lstosa nightly`` does so by itself."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
from collections.abc import Sequence

from lstosa_luigi import config
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.hours import utc_now
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.notify.memory import Memory, Troubles
from lstosa_luigi.notify.telling import Teller, found_events, look_after
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.status.facts import Queue


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be told, and tell nobody"
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Tell what was not told yet."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
    chosen = config.load(options.prod_id).notify
    teller = Teller(chosen, Troubles(root.layout.troubles()), print)
    queue = Queue()
    if not options.dry_run:
        is_told = look_after([root], teller, utc_now(), queue)
        return ExitCode.OK if is_told else ExitCode.NOT_RUN
    events = found_events(root, chosen, utc_now(), queue)
    news = teller.news(events, Memory(root.layout.told()))
    for item in news:
        print(f"Would be told ({', '.join(item.ways)}): {item.event.subject}\n")
        print(item.event.message)
    if not news:
        print(f"Nothing is new of the night of {date}.")
    return ExitCode.OK
