"""Filter wheels of the calibration box that a PEDCALIB run is analysed for, and what they name."""

from __future__ import annotations

__all__ = ["charge_calibration_of", "filters_of"]

import functools
import json
import os
from pathlib import Path

from lstosa_luigi.config import Settings
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation.calibration import STANDARD_FILTERS, choose_filters
from lstosa_luigi.observation.choice import Choice, Forced
from lstosa_luigi.observation.decisions import What
from lstosa_luigi.observation.night import decisions_of
from lstosa_luigi.observation.runs import DatedRun


def filters_of(
    layout: Layout, settings: Settings, run: DatedRun, failed_with: str = ""
) -> Choice[str]:
    """Return the filter wheels that a PEDCALIB run is analysed for.

    They are those of the run's own night: what was decided there, what the database says, if it is
    configured, or what is configured.

    Parameters
    ----------
    layout : Layout
        Of any night of the production.
    settings : Settings
        Its configuration.
    run : DatedRun
        The PEDCALIB run.
    failed_with : str
        Filters that the last attempt failed with; empty if none did.
    """
    own = layout.of(run.date)
    decision = decisions_of(own).forced(What.FILTERS)
    forced = None if decision is None else Forced(decision.value, decision.source)
    told = _told(own.filter_wheels(run.number)) if settings.database.caco_db else None
    return choose_filters(settings.lstchain.filters, failed_with, forced, told)


def charge_calibration_of(
    layout: Layout, settings: Settings, run: DatedRun, failed_with: str = ""
) -> Path:
    """Return the charge calibration of a PEDCALIB run; if there is none, where it is made.

    One for other filters is taken, unless somebody decided about them.
    """
    own = layout.of(run.date)
    choice = filters_of(layout, settings, run, failed_with)
    assert choice.value is not None
    decided = [d for d in decisions_of(own).all if d.what is What.FILTERS]
    # also once that was undone: or what was made by it would be found and stay
    only: tuple[str, ...] = (choice.value,) if decided else ()
    if only and decisions_of(own).forced(What.FILTERS) is None:
        only = (choice.value, STANDARD_FILTERS)  # which may be those of the second try
    return own.find_charge_calibration(run.number, choice.value, only)


def _told(path: Path) -> Choice[str]:
    """Return what the database said; nothing while it was not asked."""
    try:
        state = os.stat(path)  # noqa: PTH116 - asked for every subrun
    except OSError:
        return Choice(None, "the CaCo database is asked first")
    return _read(path, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _read(path: Path, _state: int) -> Choice[str]:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return Choice(str(note["filters"]) or None, str(note["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Choice(None, f"{path} cannot be read: remove it to have the database asked again")
