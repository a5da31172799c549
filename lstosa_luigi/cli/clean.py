"""``lstosa clean``: remove what is needed no more; without --apply only say what that is."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
from collections.abc import Sequence

from lstosa_luigi.cli.night import add_nights, chosen_nights, reject, signature
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.console import human_size
from lstosa_luigi.execution.lock import Held
from lstosa_luigi.housekeeping.cleaning import KINDS, apply, plan_of
from lstosa_luigi.night import NightlyClose


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("what", choices=sorted(KINDS), help="what to remove")
    add_nights(parser)
    parser.add_argument("--apply", action="store_true", help="do it; else only what it would do")
    parser.add_argument("--who", default="", help="who does it; default: the login name")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print the plan, or do as it says."""
    reject(rest)
    who, when = signature(options.who)
    code, total = ExitCode.OK, 0
    for root in chosen_nights(options):
        try:
            total += _clean(root, options.what, (who, when) if options.apply else None)
        except Held as held:
            print(held)
            code = ExitCode.ALREADY_RUNNING
    if not total:
        print("Nothing is to be removed.")
    else:
        word = "given back" if options.apply else "would be given back: --apply"
        print(f"{human_size(total)} {word}")
    return code


def _clean(root: NightlyClose, what: str, by: tuple[str, str] | None) -> int:
    """Print what is removed of a night, and do it if somebody does; return its bytes."""
    lock = root.lock()
    if by is not None:
        lock.acquire()
    try:
        plan = plan_of(root, what)
        for removal in plan:
            size = f"{human_size(removal.size):>9}" if removal.paths else " " * 9
            print(f"{root.date} ({root.prod_id})  {size}  {removal.what}: {removal.reason}")
        if by is None:
            return sum(removal.size for removal in plan)
        return apply(root, plan, *by)
    finally:
        lock.release()
