"""How raw data with both gains become R0G: by which tool, with which options, or only copied."""

from __future__ import annotations

__all__ = [
    "LST_DVR",
    "R0_TO_R0G",
    "choose_heuristic",
    "choose_tool",
    "choose_treatment",
    "is_used",
]

import datetime
from collections.abc import Collection
from typing import Any

from lstosa_luigi.config import AUTO
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.runs import Reference
from lstosa_luigi.periods import Rule

LST_DVR = "lst_dvr"
R0_TO_R0G = "lstchain_r0_to_r0g"
TOOLS = (R0_TO_R0G, LST_DVR)

FIRST_R0_TO_R0G = datetime.date(2023, 12, 5)
"""First night that is selected by lstchain, as in lstosa: it reads what EVB6 writes only."""

SELECTED, COPIED = "selected", "copied"

CLOCKS = ("UCTS", "TIB")
"""Sources of the reference time that lst_dvr can work with, as in lstosa."""


def choose_tool(configured: str, date: datetime.date) -> Choice[str]:
    """Choose the program that selects the gain, by the night, as lstosa does.

    Parameters
    ----------
    configured : str
        ``[lstchain] gain_selection_tool``.
    date : datetime.date
        The night.
    """
    if configured != AUTO:
        return Choice(configured, "[lstchain] gain_selection_tool", TOOLS)
    if date < FIRST_R0_TO_R0G:
        return Choice(LST_DVR, f"the night is before {FIRST_R0_TO_R0G}", TOOLS)
    return Choice(R0_TO_R0G, f"the night is not before {FIRST_R0_TO_R0G}", TOOLS)


def choose_treatment(
    tool: str, streams: Collection[Any], n_streams: int, reference: Reference | None
) -> Choice[str]:
    """Choose whether a subrun is selected or only copied, as lstosa does.

    Parameters
    ----------
    tool : str
        Program that would select.
    streams : collection
        Streams of the subrun that are there.
    n_streams : int
        How many there should be.
    reference : Reference or None
        Reference time of the run, by the run summary.
    """
    both = (SELECTED, COPIED)
    if len(streams) != n_streams:
        return Choice(COPIED, f"it has {len(streams)} of {n_streams} streams", both)
    if tool == LST_DVR and (reference is None or reference.source not in CLOCKS):
        source = "none" if reference is None else reference.source
        reason = f"the reference time of the run is of {source}, not of {' or '.join(CLOCKS)}"
        return Choice(COPIED, reason, both)
    return Choice(SELECTED, f"by {tool}", both)


def choose_heuristic(
    rules: Collection[Rule], default: bool, date: datetime.date, run: int
) -> Choice[bool]:
    """Choose whether flat-field events are also found by their charge: the last rule that fits.

    Parameters
    ----------
    rules : collection of Rule
        ``[lstchain] ff_heuristic_gain_selection``.
    default : bool
        ``[lstchain] use_ff_heuristic_gain_selection``, for what no rule is about.
    date : datetime.date
        The night.
    run : int
        Run number.
    """
    both = (True, False)
    for rule in reversed(tuple(rules)):
        if rule.is_about(date, run):
            return Choice(rule.value, f"[lstchain] ff_heuristic_gain_selection: {rule}", both)
    return Choice(default, "[lstchain] use_ff_heuristic_gain_selection", both)


def is_used(value: bool) -> str:
    """Return a switch in words."""
    return "on" if value else "off"
