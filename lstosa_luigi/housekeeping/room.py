"""How much room a night takes on the disk, by level: its directories are gone through once."""

from __future__ import annotations

__all__ = ["LEVELS", "Room", "room_of", "size_of"]

import collections
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from lstosa_luigi.layout import Layout

LEVELS = (
    "DL1a",
    "interleaved",
    "muons",
    "DL1b",
    "datacheck",
    "DL2",
    "DL3",
    "logs",
    "scratch",
    "set aside",
    "other",
)
"""What room is told apart by; raw data, calibration and models belong to no production."""


@dataclasses.dataclass(frozen=True)
class Room:
    """What a night of a production takes.

    Parameters
    ----------
    date, prod_id : str
        Which night.
    sizes : dict of str to int
        Bytes by level; links count as nothing.
    files : int
        How many files that are.
    """

    date: str
    prod_id: str
    sizes: dict[str, int]
    files: int

    @property
    def size(self) -> int:
        """All of it, in bytes."""
        return sum(self.sizes.values())


def room_of(layout: Layout) -> Room:
    """Return what a night takes."""
    sizes = collections.Counter(dict.fromkeys(LEVELS, 0))
    files = 0
    for root in layout.product_roots():
        for path, size in _files(str(root)):
            sizes[_level(layout, Path(path))] += size
            files += 1
    return Room(str(layout.date), layout.prod_id, dict(sizes), files)


def size_of(path: Path) -> int:
    """Return how many bytes a file, or all in a directory, takes; a link counts as nothing."""
    if path.is_dir() and not path.is_symlink():
        return sum(size for _, size in _files(str(path)))
    try:
        return 0 if path.is_symlink() else path.stat().st_size
    except OSError:  # gone since
        return 0


def _files(directory: str) -> Iterator[tuple[str, int]]:
    """Yield the files below a directory with their sizes."""
    try:
        entries = os.scandir(directory)
    except OSError:
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.is_file(follow_symlinks=False):
                try:
                    yield entry.path, entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # gone since
                    continue


def _level(layout: Layout, path: Path) -> str:
    """Return the level that a file counts to."""
    logs = (
        *layout.archived_directories(),
        layout.archive(),
        layout.refusal("").parent,
        layout.kept_config("").parent,
        layout.kept_software("").parent,
    )
    places = (
        ("scratch", (layout.scratch(),)),
        ("set aside", (layout.set_aside(),)),
        ("logs", logs),
        ("interleaved", (layout.interleaved(0, 0).parent,)),
        ("muons", (layout.muons_dir(),)),
        ("datacheck", (layout.longterm().parent, layout.longterm_draft().parent)),
    )
    for level, roots in places:
        if any(path == root or path.is_relative_to(root) for root in roots):
            return level
    if path.is_relative_to(layout.analysis()):
        is_dl1a = path.parent == layout.analysis() and path.name.startswith("dl1_")
        return "DL1a" if is_dl1a else "other"
    if path.is_relative_to(layout.dl1_night()):
        is_datacheck = path.parent == layout.datacheck_dir(path.parent.parent.name)
        return "datacheck" if is_datacheck else "DL1b"
    return "DL2" if path.is_relative_to(layout.directories.dl2_dir) else "DL3"
