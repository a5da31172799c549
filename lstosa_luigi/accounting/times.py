"""When the observation ended, and when the night reached each level (all UTC)."""

from __future__ import annotations

__all__ = ["LEVELS", "levels_of", "observation_of", "parse"]

import contextlib
import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from lstosa_luigi.accounting.attempts import OVER, CountedProduct
from lstosa_luigi.accounting.model import Level, Observation
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation.events import taken
from lstosa_luigi.observation.runs import Run, read_run_summary

LEVELS = {
    "DL1": ("DL1A", "DL1B", "MergedDL1"),
    "datacheck": ("DL1Check", "RunDatacheck", "LongtermDatacheck", "CherenkovTransparency"),
    "DL2": ("DL2",),
    "DL3": ("DL3", "DL3Index"),
}
"""Classes of products of each level."""
CLOSED = "closed"

TAI_UTC_S = 37
"""Atomic time is ahead of UTC by that since 2017 (IERS Bulletin C); LST-1 is younger."""
NOON = datetime.time(12)


def observation_of(layout: Layout, merged: dict[str, Path]) -> Observation:
    """Return when the observation of a night ended: the last run of its run summary.

    The first of these that lies between the noons before and after the night: when the last raw
    file of that run was written; the last event in the merged DL1 of the last run that has one;
    when the last run began, as the run summary of older data tells.

    Parameters
    ----------
    layout : Layout
        The night.
    merged : dict of int to Path
        Merged DL1 by what it is of: ``Run00004``.
    """
    try:
        if not layout.run_summary().exists():
            return Observation(None, "there is no run summary")
        runs = read_run_summary(layout.run_summary()).runs
    except (LstosaError, OSError) as error:
        return Observation(None, f"the run summary cannot be used: {error}")
    if not runs:
        return Observation(None, "the run summary lists no run")
    for end, how in _ends(layout, runs, merged):
        if _is_of_night(layout.date, end):
            return Observation(end, how)
    return Observation(
        None,
        f"neither files nor events of run {runs[-1].number:05d} tell, nor does the run summary",
    )


def _ends(
    layout: Layout, runs: tuple[Run, ...], merged: dict[str, Path]
) -> Iterator[tuple[datetime.datetime, str]]:
    last = runs[-1]
    root = layout.raw_roots()[0]  # gain selection writes the others later
    times = []
    for raw in layout.r0_streams(last.number, max(last.n_subruns - 1, 0), root):
        with contextlib.suppress(OSError):
            times.append(raw.stat().st_mtime)
    if times:
        yield _utc(max(times)), f"when the last raw file of run {last.number:05d} was written"
    for run in reversed(runs):
        file = merged.get(f"Run{run.number:05d}")
        if file is not None:
            found = taken(file)
            if found is not None:
                began = datetime.datetime.fromisoformat(found.start)
                began = began.replace(tzinfo=datetime.timezone.utc)
                end = began + datetime.timedelta(minutes=found.minutes)
                yield end, f"the last event of run {run.number:05d} at DL1"
            break
    if last.reference is not None and last.reference.time > 0:
        began = _utc(last.reference.time / 1e9 - TAI_UTC_S)
        yield began, f"when run {last.number:05d} began: its end is not known"


def _is_of_night(date: datetime.date, instant: datetime.datetime) -> bool:
    """Whether an instant is of a night; a file that was copied may be younger."""
    noon = datetime.datetime.combine(date, NOON, datetime.timezone.utc)
    return noon <= instant < noon + datetime.timedelta(days=1)


def _utc(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)


def levels_of(layout: Layout, products: Iterable[CountedProduct]) -> tuple[Level, ...]:
    """Return when the last product of each level was there, and when the night was closed.

    What lstosa made counts with the time that is known of it.
    """
    last: dict[str, str] = {}
    for product in products:
        for attempt in product.attempts:
            if attempt.state in OVER:
                last[product.product] = max(last.get(product.product, ""), attempt.end)
    found = [
        Level(level, parse(max((last.get(kind, "") for kind in kinds), default="")))
        for level, kinds in LEVELS.items()
    ]
    return (*found, Level(CLOSED, _closed(layout)))


def _closed(layout: Layout) -> datetime.datetime | None:
    """Return when the flag was written, by what it says, else by its time (as lstosa's)."""
    flag = layout.night_finished()
    try:
        text = flag.read_text(encoding="utf-8")
        written = _utc(flag.stat().st_mtime)
    except (OSError, ValueError):
        return None
    try:
        return parse(json.loads(text)["closed"]) or written
    except (ValueError, TypeError, KeyError):
        return written


def parse(text: str) -> datetime.datetime | None:
    """Return an instant as records have it; None of what is none."""
    try:
        instant = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
