"""Which calibration belongs to the data of a night."""

from __future__ import annotations

__all__ = [
    "LastNights",
    "choose_filters",
    "choose_run",
    "choose_systematics",
    "choose_time_calibration",
    "find_run",
]

import datetime
import re
from collections.abc import Iterable
from pathlib import Path

from lstosa_luigi.observation.choice import Choice, Forced
from lstosa_luigi.observation.runs import DatedRun, RunSummary

LastNights = Iterable[tuple[datetime.date, RunSummary | None]]
"""A night and those before it, the latest first; None for one that has no run summary."""

STANDARD_FILTERS = "52"
"""Filter wheels of nearly all calibration runs; what lstosa takes if it knows no others."""


def choose_run(
    nights: LastNights, run_type: str, forced: Forced[DatedRun] | None = None
) -> Choice[DatedRun]:
    """Choose the last run of a type (``DRS4`` or ``PEDCALIB``), as lstosa does.

    It is the one of the largest number, also if it was taken after the data. If the night has
    none, it is the last of the nearest earlier night that has one (lstosa goes back four nights,
    but for a slip that lets it go on for ever).

    Parameters
    ----------
    nights : iterable of (date, RunSummary or None)
        The night, then those before it, nearest first, as far as is to be searched; read no
        further than needed.
    run_type : str
        ``DRS4`` or ``PEDCALIB``.
    forced : Forced, optional
        The run that somebody decided on.
    """
    night: datetime.date | None = None
    searched, unlisted = [], []
    for date, summary in nights:
        night = night or date
        searched.append(date)
        if summary is None:
            unlisted.append(date)
            continue
        numbers = sorted(run.number for run in summary.of_type(run_type))
        candidates = tuple(DatedRun(date, number) for number in numbers)
        if not candidates:
            continue
        if forced is not None:
            return forced.choice(candidates)
        reason = f"last {run_type} run of {date}"
        if date != night:
            reason += f", the nearest earlier night that has one; {night} has none"
        return Choice(candidates[-1], reason, candidates)
    if forced is not None:
        return forced.choice()
    return Choice(None, f"no {run_type} run {_words(searched, unlisted)}")


def find_run(nights: LastNights, number: int) -> Choice[DatedRun]:
    """Find the night that a run was taken in, by the run summaries, the nearest night first.

    One that no run summary lists is taken for a run of the night itself, as by lstosa.

    Parameters
    ----------
    nights : iterable of (date, RunSummary or None)
        The night, then those before it; at least the night itself.
    number : int
        Run number.
    """
    listed = list(nights)
    found = tuple(
        DatedRun(date, number)
        for date, summary in listed
        if summary is not None and any(run.number == number for run in summary.runs)
    )
    night = listed[0][0]
    if not found:
        return Choice(
            DatedRun(night, number),
            f"run {number:05d} is in no run summary of {listed[-1][0]} to {night}, so it is taken "
            f"for one of {night}",
        )
    dates = " and ".join(str(run.date) for run in found)
    more = ", of which the latest is taken" if len(found) > 1 else ""
    return Choice(found[0], f"listed in the run summary of {dates}{more}", found)


def choose_time_calibration(
    files: Iterable[Path], calibration_run: int, forced: Forced[Path] | None = None
) -> Choice[Path]:
    """Choose the newest time calibration of a run not after the PEDCALIB run.

    So do lstosa and ``lstchain.onsite.find_time_calibration_file``.

    Parameters
    ----------
    files : iterable of Path
        ``.../<date>/pro/time_calibration.RunRRRRR.0000.h5``.
    calibration_run : int
        Number of the PEDCALIB run.
    forced : Forced, optional
        The file that somebody decided on.
    """
    by_run = sorted((_run_number(file), str(file), file) for file in files)
    candidates = tuple(file for _, _, file in by_run)
    if forced is not None:
        return forced.choice(candidates)
    usable = [file for run, _, file in by_run if run <= calibration_run]
    if not usable:
        return Choice(
            None, f"no time calibration of run {calibration_run:05d} or before", candidates
        )
    return Choice(
        usable[-1], f"last time calibration not after run {calibration_run:05d}", candidates
    )


def choose_systematics(files: Iterable[Path], flat_date: str) -> Choice[Path]:
    """Choose the F-factor systematics of the latest date not after the night, else the earliest.

    So do lstosa and ``lstchain.onsite.find_systematics_correction_file``.

    Parameters
    ----------
    files : iterable of Path
        ``.../<date>/pro/ffactor_systematics_<date>.h5``.
    flat_date : str
        The night as ``YYYYMMDD``.
    """
    by_date = sorted((file.stem[-8:], str(file), file) for file in files)
    candidates = tuple(file for _, _, file in by_date)
    if not candidates:
        return Choice(None, "no F-factor systematics of any date")
    usable = [file for date, _, file in by_date if date <= flat_date]
    if not usable:
        return Choice(candidates[0], f"earliest there is; none before {flat_date}", candidates)
    return Choice(usable[-1], f"latest not after {flat_date}", candidates)


def choose_filters(
    configured: str,
    failed_with: str = "",
    forced: Forced[str] | None = None,
    told: Choice[str] | None = None,
) -> Choice[str]:
    """Choose the filter wheels that a PEDCALIB run is analysed for.

    As in lstosa, after a charge calibration that failed with other filters the standard ones are
    tried.

    Parameters
    ----------
    configured : str
        ``[lstchain] filters``.
    failed_with : str
        Filters that the last attempt failed with; empty if none did.
    forced : Forced, optional
        What somebody decided on; never given up for the standard filters.
    told : Choice of str, optional
        What the camera-control database says; it comes before what is configured.
    """
    filters, reason = configured, "[lstchain] filters"
    if told is not None and told.value is not None:
        filters, reason = told.value, told.reason
    elif told is not None:
        reason += f"; {told.reason}"
    candidates = tuple(dict.fromkeys((filters, configured, STANDARD_FILTERS)))
    if forced is not None:
        return forced.choice(candidates)
    if failed_with and failed_with == filters != STANDARD_FILTERS:
        return Choice(
            STANDARD_FILTERS, f"second try: it failed with filters {failed_with}", candidates
        )
    return Choice(filters, reason, candidates)


def _run_number(file: Path) -> int:
    match = re.search(r"\.Run(\d{5})\.", file.name)
    if match is None:
        raise ValueError(f"{file} does not name a run")
    return int(match.group(1))


def _words(searched: list[datetime.date], unlisted: list[datetime.date]) -> str:
    """Say which nights were searched: ``on 2024-03-02, nor on the 4 nights before``."""
    night, *before = searched
    words = f"on {night}"
    if before:
        words += f", nor on the {_counted(len(before))} before, back to {before[-1]}"
    if unlisted:
        words += f" (no run summary of {', '.join(str(date) for date in unlisted)})"
    return words


def _counted(nights: int) -> str:
    return "night" if nights == 1 else f"{nights} nights"
