"""Which raw files of a night there are, read from a directory once as long as it does not change.

A night has tens of thousands of them, and each subrun asks.
"""

from __future__ import annotations

__all__ = ["Streams", "find_streams"]

import functools
import os
import time
from collections.abc import Mapping
from pathlib import Path

from lstosa_luigi.layout import Layout

Streams = Mapping[int, Mapping[int, frozenset[int]]]
"""Run number to subrun number to the streams that are there."""

STEADY_NS = 2_000_000_000
"""Age from which a directory's time tells every change: file systems count in steps."""


def find_streams(layout: Layout, root: Path) -> Streams:
    """Return the raw files of the night below a root; none if it has no such directory."""
    directory = root / layout.flat_date
    try:
        changed = directory.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if time.time_ns() - changed < STEADY_NS:
        return _list(layout, directory)
    return _list_once(layout, directory, changed)


@functools.lru_cache(maxsize=16)
def _list_once(layout: Layout, directory: Path, _changed: int) -> Streams:
    return _list(layout, directory)


def _list(layout: Layout, directory: Path) -> Streams:
    found: dict[int, dict[int, frozenset[int]]] = {}
    for name in os.listdir(directory):  # noqa: PTH208 - a Path for each takes longer than the rest
        parsed = layout.parse_r0_name(name)
        if parsed is not None:
            stream, run, subrun = parsed
            of_run = found.setdefault(run, {})
            of_run[subrun] = of_run.get(subrun, frozenset()) | {stream}
    return found
