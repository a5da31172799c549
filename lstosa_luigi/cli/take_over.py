"""``lstosa take-over``: go on with a night that the old lstosa began, from where it stands."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import collections
import datetime
from collections.abc import Iterator, Sequence

from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, UsageError
from lstosa_luigi.migration.places import ASIDE, LstosaPlaces
from lstosa_luigi.migration.take_over import Judgement, TakeOver, apply, find_take_over
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument(
        "--apply", action="store_true", help="do it; without, it is only shown what would be done"
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Show what would be taken over, or take it over."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
    if not options.apply:
        print("\n".join(_lines(root, find_take_over(root), is_done=False)))
        return ExitCode.OK
    places = LstosaPlaces(root.layout)
    if places.autocloser_lock().exists():
        raise UsageError(
            f"{places.autocloser_lock()} is there: the autocloser of lstosa is at work on the "
            "night, or was killed. Stop the cron jobs of lstosa, see that none of its jobs is in "
            "the queue, and remove the file."
        )
    lock = root.lock()
    lock.acquire()
    try:
        found = find_take_over(root)
        for judgement in found.judgements:
            apply(judgement, found.is_closed)
    finally:
        lock.release()
    print("\n".join(_lines(root, found, is_done=True)))
    return ExitCode.OK


def _lines(root: NightlyClose, found: TakeOver, is_done: bool) -> Iterator[str]:
    name = f"Night {root.date} ({root.prod_id})"
    counting = [judgement for judgement in found.judgements if judgement.counts]
    others = [judgement for judgement in found.judgements if not judgement.counts]
    yield from _counted(counting)
    for judgement in others:
        yield f"{'to be made again':<18} {_reason(judgement)}"
    yield from (f"note: {note}" for note in found.notes)
    if not found.judgements:
        yield f"{name}: there is nothing to take over. {_elsewhere(root)}".rstrip()
        return
    if found.is_closed:
        yield f"{name} is closed: no file is moved, only records are written of what counts."
        if others:
            yield (
                "To have the rest made again, remove "
                f"{root.output().path} and give the command again."
            )
    elif others:
        yield f"What does not count {'was' if is_done else 'is'} moved into {ASIDE}/ beside it."
    if not is_done:
        yield "Nothing is done yet: add --apply."
    elif not found.is_closed:
        yield f"Go on with: luigi --module lstosa_luigi NightlyClose --date {root.date}"


def _counted(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Yield a line for each kind of product that counts."""
    numbers = collections.Counter(judgement.candidate.family for judgement in judgements)
    moved: collections.Counter[str] = collections.Counter()
    for judgement in judgements:
        moved[judgement.candidate.family] += len(judgement.to_move)
    for family, number in numbers.items():
        files = f", {moved[family]} files to their final places" if moved[family] else ""
        yield f"{'taken over':<18} {number} {family}{files}"


def _reason(judgement: Judgement) -> str:
    last, text = judgement.last, f"{judgement.candidate.title}: {judgement.why}"
    if last is None or not last.exit_code:
        return text
    when = f", last {last.when[:16].replace('T', ' ')} UTC" if last.when else ""
    attempts = "1 attempt" if judgement.attempts == 1 else f"{judgement.attempts} attempts"
    return f"{text} ({attempts}{when})"


def _elsewhere(root: NightlyClose) -> str:
    """Say which other productions the night has, since lstosa may have named its own otherwise."""
    others = [p for p in LstosaPlaces(root.layout).productions() if p != root.prod_id]
    if not others:
        return ""
    return f"It also has {', '.join(others)}: name one with --prod-id, or in [production] prod_id."
