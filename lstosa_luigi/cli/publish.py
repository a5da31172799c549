"""``lstosa publish``: bring what changed of a night to the web server or directory."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import sys
from collections.abc import Iterator, Sequence

from lstosa_luigi import config
from lstosa_luigi.cli.night import nights_of, reject
from lstosa_luigi.errors import ConfigError, ExitCode
from lstosa_luigi.hours import utc_now
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--date",
        metavar="YYYY-MM-DD",
        action="append",
        help="the night; can be given several times",
    )
    which.add_argument("--all", action="store_true", help="each night that anything was made of")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument(
        "--prod-id", default="", help="production; default: as configured; with --all: all"
    )
    parser.add_argument(
        "--anew", action="store_true", help="send all of it, also what was sent before"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be sent, and send nothing"
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Send what changed, and print what that was."""
    from lstosa_luigi.publishing.publisher import Publisher

    reject(rest)
    settings = config.load(options.prod_id)
    publisher = Publisher(settings)
    if publisher.target is None:
        raise ConfigError(
            "[publish] target is not set: name a directory, or a server as user@host:directory"
        )
    layouts = [root.layout for root in _chosen(options)]
    if not layouts:
        print("Nothing was made yet of any night.")
        return ExitCode.OK
    found = publisher.publish(layouts, utc_now(), is_dry=options.dry_run, is_anew=options.anew)
    word = "would be sent" if options.dry_run else "sent"
    for name, outcome in found.items():
        for item in outcome.sent:
            print(f"{word}: {item.to}")
        print(f"{name}: {len(outcome.sent)} {word}, {outcome.unchanged} unchanged")
    unreadable = [text for outcome in found.values() for text in outcome.unreadable]
    for text in unreadable:
        print(f"lstosa publish: not sent: {text}", file=sys.stderr)
    return ExitCode.TASK_FAILED if unreadable else ExitCode.OK


def _chosen(options: argparse.Namespace) -> Iterator[NightlyClose]:
    if options.all:
        yield from nights_of(options.telescope, options.prod_id)
        return
    for text in options.date:
        date = NightParameter().parse(text)
        yield NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
