"""What of a night may be removed, why, and why not: a plan to look at, then done as planned."""

from __future__ import annotations

__all__ = ["KINDS", "Removal", "apply", "plan_of"]

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lstosa_luigi.execution import files
from lstosa_luigi.housekeeping.room import size_of
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.reconstruction import are_interleaved_needed

SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Removal:
    """Something that may be removed, or is kept.

    Parameters
    ----------
    what : str
        What it is, in an operator's words.
    reason : str
        Why it may go, or why it is kept.
    paths : tuple of Path
        Files and directories; none if it is kept.
    size : int
        Bytes that they take.
    run : int or None
        The run whose interleaved events they are.
    """

    what: str
    reason: str
    paths: tuple[Path, ...] = ()
    size: int = 0
    run: int | None = None


def _interleaved(root: NightlyClose) -> Iterator[Removal]:
    """Yield the interleaved events of runs of a closed night whose source needs none kept.

    As lstosa's clean-up, which keeps Crab, and runs that no catalogue lists.
    """
    layout, settings = root.layout, root.settings
    if not root.complete():
        yield Removal("interleaved events", "kept: the night is not closed")
        return
    night = root.known_night()
    kept = [word.strip().lower() for word in settings.housekeeping.keep_interleaved_of.split(",")]
    for run in night.data_runs:
        what = f"interleaved events of run {run.number:05d}"
        found = [layout.interleaved(run.number, subrun) for subrun in run.subruns]
        found = [file for file in found if os.path.lexists(file)]
        source = night.sources.get(run.number)
        if not found:
            continue
        if source is None:
            yield Removal(what, "kept: its source is not known")
        elif any(word and word in source.name.lower() for word in kept):
            yield Removal(what, f"kept: {source.name} ([housekeeping] keep_interleaved_of)")
        elif are_interleaved_needed(layout, settings, run.number):
            yield Removal(what, "kept: its Cat-B calibration is to be made of them")
        else:
            links = [layout.interleaved_link(run.number, subrun) for subrun in run.subruns]
            links = [link for link in links if link.is_symlink()]
            size = sum(file.lstat().st_size for file in found)
            yield Removal(what, source.name, (*links, *found), size, run.number)


def _scratch(root: NightlyClose) -> Iterator[Removal]:
    """Yield what processes left that are gone; of another host nobody knows that."""
    layout = root.layout
    places = (layout.scratch(), layout.r0g_scratch(), *layout.written_aside(), layout.analysis())
    for place in dict.fromkeys(places):
        try:
            names = os.listdir(place)  # noqa: PTH208 - names are all that is wanted
        except OSError:
            continue
        for left in sorted(files.find_leftovers(names)):
            path = place / left.name
            what = f"scratch {path}"
            if left.host != os.uname().nodename:
                yield Removal(what, f"kept: of host {left.host}, where it may still be at work")
            else:
                yield Removal(what, "its process is gone", (path,), size_of(path))


def _set_aside(root: NightlyClose) -> Iterator[Removal]:
    """Yield what ``lstosa verify --remake`` moved away."""
    place = root.layout.set_aside()
    for folder in sorted(place.glob("*")):
        what = f"set aside {folder.name}"
        if root.complete():
            yield Removal(what, "the night is closed without it", (folder,), size_of(folder))
        else:
            yield Removal(what, "kept: the night is not closed")


KINDS: dict[str, Callable[[NightlyClose], Iterator[Removal]]] = {
    "interleaved": _interleaved,
    "scratch": _scratch,
    "set-aside": _set_aside,
}


def plan_of(root: NightlyClose, kind: str) -> list[Removal]:
    """Return what of a night may be removed, and what is kept and why.

    Parameters
    ----------
    root : NightlyClose
        The night.
    kind : str
        One of ``KINDS``.
    """
    return list(KINDS[kind](root))


def apply(root: NightlyClose, plan: list[Removal], who: str, when: str) -> int:
    """Remove what a plan names, and say who did so and when; return how many bytes that gave back.

    Of interleaved events a note is kept first, so that nobody misses them; a process that is
    killed leaves some of them, and the next finds them.
    """
    size = 0
    for removal in plan:
        if removal.run is not None:
            _note(root, removal, who, when)
        for path in removal.paths:
            if path.is_dir() and not path.is_symlink():
                if path.parent == root.layout.set_aside():
                    files.remove_tree(path)
                else:  # kills what is still at work there, as every command does
                    files.sweep(path.parent)
            else:
                path.unlink(missing_ok=True)
        size += removal.size
    with contextlib.suppress(OSError):
        root.layout.set_aside().rmdir()
    return size


def _note(root: NightlyClose, removal: Removal, who: str, when: str) -> None:
    assert removal.run is not None
    values = {
        "schema_version": SCHEMA_VERSION,
        "run": removal.run,
        "who": who,
        "when": when,
        "why": removal.reason,
        "files": [path.name for path in removal.paths if not path.is_symlink()],
        "size": removal.size,
    }
    text = json.dumps(values, indent=1) + "\n"
    files.write_whole(root.layout.interleaved_removed(removal.run), text)
