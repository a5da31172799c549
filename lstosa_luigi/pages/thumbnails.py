"""Small pictures of the pages of PDF files, made once by poppler and kept.

Without poppler's ``pdftoppm``, or of a file that it cannot read, there are none: whoever wants to
see the plots opens the file.
"""

from __future__ import annotations

__all__ = ["Picture", "Pictures", "Plot", "draw"]

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from lstosa_luigi.execution import files

PAGES = 4
"""Pages of a file of which there are pictures."""
PIXELS = 300
"""Longer side of a picture."""
ONE_FILE_S = 30.0
"""How long one file may take; it is not tried again before it changes."""
ALL_FILES_S = 60.0
"""How long all of them may take; what is left is drawn the next time."""
END = b"IEND\xaeB`\x82"
"""How a whole PNG file ends."""
NONE = ".none"
"""Suffix of the note that of a file no pictures can be made."""


@dataclasses.dataclass(frozen=True)
class Plot:
    """A PDF file, and the page on which its plots begin, counted from 1."""

    file: Path
    first: int = 1


@dataclasses.dataclass(frozen=True, order=True)
class Picture:
    """A picture of a page, counted from 1; width and height in pixels."""

    page: int
    file: Path
    width: int
    height: int


Pictures = dict[Path, list[Picture]]
"""The pictures of each PDF file of which there are any."""


def draw(plots: Iterable[Plot], folder: Path) -> Pictures:
    """Return pictures of PDF files, made anew only of those that changed.

    They are made one file at a time, by one process that reads all pages wanted.

    Parameters
    ----------
    plots : iterable of Plot
        The files.
    folder : Path
        Where the pictures are kept; others in it are removed.
    """
    program = shutil.which("pdftoppm")
    deadline = time.monotonic() + ALL_FILES_S
    files.sweep(folder)
    keys = {plot: key for plot in plots if (key := _key(plot)) is not None}
    there = _there(folder)
    for plot, key in keys.items():
        if key not in there and program is not None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # what cannot be drawn is linked to all the same
                _draw(program, plot, folder, key)
    there = _there(folder)
    for key in there.keys() - set(keys.values()):
        for path in there[key]:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    found = {}
    for plot, key in keys.items():
        paths = [path for path in there.get(key, ()) if path.suffix != NONE]
        pictures = [picture for path in paths if (picture := _picture(path)) is not None]
        if pictures:
            found[plot.file] = sorted(pictures)
    return found


def _picture(path: Path) -> Picture | None:
    """Return what the head of a PNG file tells; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            width, height = struct.unpack(">16x2I", file.read(24))
    except (OSError, struct.error):
        return None
    return Picture(_page(path), path, width, height)


def _key(plot: Plot) -> str | None:
    """Return what changes when the file does; None if it is not there."""
    try:
        state = plot.file.stat()
    except OSError:
        return None
    told = f"{plot.file} {state.st_size} {state.st_mtime_ns} {plot.first} {PAGES} {PIXELS}"
    return f"{plot.file.stem}_{hashlib.sha256(os.fsencode(told)).hexdigest()[:12]}"


def _there(folder: Path) -> dict[str, list[Path]]:
    """Return what is kept, by key."""
    found: dict[str, list[Path]] = {}
    try:
        paths = list(folder.iterdir())
    except OSError:
        return found
    for path in paths:
        if path.suffix == NONE:
            found.setdefault(path.stem, []).append(path)
        elif re.fullmatch(r".+-\d+\.png", path.name):
            found.setdefault(path.stem.rpartition("-")[0], []).append(path)
    return found


def _page(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _draw(program: str, plot: Plot, folder: Path, key: str) -> None:
    """Make the pictures of one file; they get their names when all are whole."""
    aside = folder / files.scratch_name(f".{key}")
    aside.mkdir(parents=True, exist_ok=True)
    last = plot.first + PAGES - 1
    pages = ["-f", str(plot.first), "-l", str(last), "-scale-to", str(PIXELS)]
    try:
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run(
                [program, "-png", *pages, str(plot.file), str(aside / "p")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=ONE_FILE_S,
                check=True,
            )
        made = list(aside.glob("p-*.png"))
        if not all(path.read_bytes().endswith(END) for path in made):
            return  # the disk is full: to be tried again
        for path in made:
            path.replace(folder / f"{key}-{_page(path)}.png")
        if not made:
            (folder / f"{key}{NONE}").write_text("no pictures can be made of this file\n")
    finally:
        files.remove_tree(aside)
