"""``lstosa status``: show how a night stands, and what is to be done."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Sequence

from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import UsageError
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.status import table
from lstosa_luigi.status.assembly import read_status
from lstosa_luigi.status.data import as_data
from lstosa_luigi.status.facts import Queue
from lstosa_luigi.status.model import NightStatus

REDRAWN_S = 5.0
CLEAR = "\x1b[H\x1b[2J\x1b[3J"
"""Moves to the top of a terminal and empties it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument("--run", type=int, metavar="N", help="only this run, with what it lacks")
    parser.add_argument("--failed", action="store_true", help="only what failed, and why")
    parser.add_argument(
        "--watch", action="store_true", help="show it again and again, until the night is closed"
    )
    parser.add_argument("--json", action="store_true", help="all of it as JSON, with volumes")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print the status; the exit code is how the night stands."""
    reject(rest)
    if options.json and (options.run is not None or options.failed or options.watch):
        raise UsageError("--json gives all there is: not together with --run, --failed or --watch")
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
    queue = Queue()
    while True:
        status = read_status(root, queue, volumes=options.json)
        _show(status, options)
        if not options.watch or status.is_closed:
            return int(status.standing)
        time.sleep(REDRAWN_S)


def _show(status: NightStatus, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(as_data(status)))
        return
    if options.run is not None and status.is_known and status.of_run(options.run) is None:
        numbers = ", ".join(f"{run.run:05d}" for run in status.runs) or "none"
        raise UsageError(f"Run {options.run:05d} is not of {status.date}; the night has {numbers}.")
    is_terminal = sys.stdout.isatty()
    with_colours = (
        is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
    page = table.text(status, options.run, options.failed, with_colours)
    if options.watch:
        page = f"{CLEAR}{page}" if is_terminal else f"{page}\n"
    print(page, flush=True)
