"""``lstosa disk``: what nights take on the disk, by level, and what could be given back."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import json
import shutil
from collections.abc import Sequence

from lstosa_luigi import config
from lstosa_luigi.cli.night import add_nights, chosen_nights, reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.console import human_size
from lstosa_luigi.housekeeping.archiving import loose_files
from lstosa_luigi.housekeeping.cleaning import KINDS, plan_of
from lstosa_luigi.housekeeping.room import LEVELS, Room, room_of
from lstosa_luigi.night import NightlyClose

SCHEMA_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_nights(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print a row for each night, and their sum."""
    reject(rest)
    rooms: list[Room] = []
    back: dict[str, int] = dict.fromkeys((*KINDS, "archive"), 0)
    for root in chosen_nights(options):
        rooms.append(room_of(root.layout))
        for kind, size in _back(root).items():
            back[kind] += size
    base = config.load().directories.base
    disk = shutil.disk_usage(base)
    if options.json:
        values = {
            "schema_version": SCHEMA_VERSION,
            "nights": [
                {"date": r.date, "prod_id": r.prod_id, "files": r.files, "sizes": r.sizes}
                for r in rooms
            ],
            "given_back_by": back,
            "disk": {"path": str(base), "size": disk.total, "free": disk.free},
        }
        print(json.dumps(values, indent=1))
        return ExitCode.OK
    _print_table(rooms)
    for kind, size in back.items():
        if size:
            command = "lstosa archive" if kind == "archive" else f"lstosa clean {kind}"
            about = "at most " if kind == "archive" else ""
            print(f"{command} would give back {about}{human_size(size)}")
    print(f"{base}: {human_size(disk.free)} of {human_size(disk.total)} are free")
    return ExitCode.OK


def _back(root: NightlyClose) -> dict[str, int]:
    """Return how many bytes each way of tidying up would give back."""
    found = {kind: sum(removal.size for removal in plan_of(root, kind)) for kind in KINDS}
    if root.complete():
        found["archive"] = sum(one.size for one in loose_files(root.layout))
    return found


def _print_table(rooms: Sequence[Room]) -> None:
    used = [level for level in LEVELS if any(room.sizes[level] for room in rooms)]
    table = [("night", "production", "files", *used, "total")]
    table += [
        (
            room.date,
            room.prod_id,
            str(room.files),
            *(human_size(room.sizes[level]) for level in used),
            human_size(room.size),
        )
        for room in rooms
    ]
    if len(rooms) > 1:
        sums = (human_size(sum(room.sizes[level] for room in rooms)) for level in used)
        files = str(sum(room.files for room in rooms))
        table.append(("all", "", files, *sums, human_size(sum(room.size for room in rooms))))
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for night, production, *numbers in table:
        names = (f"{night:{widths[0]}}", f"{production:{widths[1]}}")
        texts = (f"{word:>{width}}" for word, width in zip(numbers, widths[2:], strict=True))
        print("  ".join((*names, *texts)).rstrip())
