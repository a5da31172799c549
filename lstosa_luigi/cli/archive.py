"""``lstosa archive``: put logs and records of closed nights into one file a night."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
from collections.abc import Sequence

from lstosa_luigi.archives import read_text
from lstosa_luigi.cli.night import add_nights, chosen_nights, reject
from lstosa_luigi.errors import ExitCode, UsageError
from lstosa_luigi.execution.console import human_size
from lstosa_luigi.execution.lock import Held, holder_of
from lstosa_luigi.housekeeping.archiving import Loose, archive, loose_files
from lstosa_luigi.night import NightlyClose


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_nights(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="do it; else only what it would do")
    what.add_argument("--show", metavar="NAME", help="print an archived log, as Run00003.0001_DL1A")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print what would be archived, or archive it."""
    reject(rest)
    if options.date is None:
        if options.show:
            raise UsageError("--show needs --date: the night that the log is of")
        return _several(options)
    (root,) = chosen_nights(options)
    if options.show:
        return _show(root, options.show)
    if not root.complete():
        raise UsageError(
            f"Night {root.date} ({root.prod_id}) is not closed: what is needed is not archived."
        )
    _archive(root, options.apply)
    return ExitCode.OK


def _several(options: argparse.Namespace) -> int:
    code = ExitCode.OK
    for root in chosen_nights(options):
        if not root.complete():
            print(f"{root.date} ({root.prod_id}): not closed, left as it is")
            continue
        try:
            _archive(root, options.apply)
        except Held as held:
            print(held)
            code = ExitCode.ALREADY_RUNNING
    return code


def _archive(root: NightlyClose, is_applied: bool) -> None:
    name = f"{root.date} ({root.prod_id})"
    if not is_applied:
        found = loose_files(root.layout)
        if holder_of(root.layout.lock(root.task_id)) is not None:
            print(f"{name}: being worked on, would be left as it is")
        elif found:
            print(
                f"{name}: {_counted(found)} would go into {root.layout.archive()}; do it: --apply"
            )
        else:
            print(f"{name}: nothing to archive")
        return
    lock = root.lock()
    lock.acquire()
    try:
        found = loose_files(root.layout)
        if found:
            archive(root.layout, found)
    finally:
        lock.release()
    if not found:
        print(f"{name}: nothing to archive")
        return
    place = root.layout.archive()
    print(f"{name}: {_counted(found)} now in {place}, which has {human_size(place.stat().st_size)}")


def _counted(found: Sequence[Loose]) -> str:
    size = human_size(sum(one.size for one in found))
    return f"{len(found)} {'file' if len(found) == 1 else 'files'}, {size},"


def _show(root: NightlyClose, name: str) -> int:
    """Print a log, wherever it is."""
    try:
        print(read_text(root.layout.log(name)), end="")
    except FileNotFoundError as error:
        raise UsageError(
            f"No log {name} of {root.date} ({root.prod_id}), archived or not. Logs are called by "
            "product, as Run00003.0001_DL1A; lstosa status --json has their names."
        ) from error
    except OSError as error:
        raise UsageError(f"The log {name} cannot be read: {error}") from error
    return ExitCode.OK
