"""``lstosa reopen``: open a closed night again; the next NightlyClose makes what lacks."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
from collections.abc import Sequence

from lstosa_luigi.cli.night import reject, signature
from lstosa_luigi.errors import ExitCode, UsageError
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.night import decisions_of
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.reopening import reopen


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument("--why", default="", help="the reason; needed")
    parser.add_argument("--who", default="", help="who does it; default: the login name")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Take the flag away, and say what is to be known before the night is closed again."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    if not options.why.strip():
        raise UsageError("say why: --why TEXT. It is kept beside the flag.")
    who, now = signature(options.who)
    root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
    lock = root.lock()
    lock.acquire()
    try:
        was_closed = reopen(root.layout, who, now, options.why.strip())
    finally:
        lock.release()
    name = f"Night {date} ({root.prod_id})"
    if not was_closed:
        raise UsageError(f"{name} is not closed: there is no {root.layout.night_finished()}.")
    print(f"{name} is open again. What the flag said: {root.layout.reopened()}")
    warn_of_acceptance(root)
    return ExitCode.OK


def warn_of_acceptance(root: NightlyClose) -> None:
    """Say so if the next command would close the night as it is."""
    acceptance = decisions_of(root.layout).acceptance
    if acceptance is not None:
        print(
            f"It is still accepted as incomplete ({acceptance.source}), so the next NightlyClose "
            f"closes it as it is. To have made what lacks: lstosa decide --date {root.date} "
            f"--undo {acceptance.number} --why ..."
        )
