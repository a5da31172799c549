"""What Cat-B starts from where the event builder calibrated: its own Cat-A, by a table of periods.

The table is a text of the site, a line for each calibration that the event builder was given, the
newest first; only lines that say since when it was used count, as
``... 20260512 (r24145) 20260521 (r24229) ... 20260521 (r24229) since 20260521 (r24229)``.
"""

from __future__ import annotations

__all__ = ["CatBStart", "Period", "choose_period", "find_start", "parse_periods"]

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.choice import Choice

DATED_RUN = re.compile(r"(\d{8})\s+\(r(\d+)\)")
SINCE = re.compile(r"since\s+(\d{8})\s+\(r(\d+)\)")
FEWEST = 3
"""Runs that a line has to name (lstosa)."""


@dataclasses.dataclass(frozen=True)
class Period:
    """Since when the event builder calibrates with what.

    Parameters
    ----------
    line : int
        Line of the table, from 1.
    since_date : str
        Night of its first run, ``YYYYMMDD``.
    since_run : int
        Its first run.
    calibration_date : str
        Night of the calibration run, ``YYYYMMDD``.
    calibration_run : int
        The run that the calibration is of.
    systematics_date : str
        Night that the F-factor systematics are of, ``YYYYMMDD``.
    """

    line: int
    since_date: str
    since_run: int
    calibration_date: str
    calibration_run: int
    systematics_date: str


@dataclasses.dataclass(frozen=True)
class CatBStart:
    """Cat-A calibration that Cat-B of a run starts from.

    Parameters
    ----------
    calibration_run : int
        The run that it is of.
    date : str
        Night of that run, ``YYYYMMDD``.
    calibration : Path
        Its file.
    systematics : Path
        F-factor systematics.
    is_of_event_builder : bool
        Whether the event builder used it, and not this production.
    """

    calibration_run: int
    date: str
    calibration: Path
    systematics: Path
    is_of_event_builder: bool = False


def parse_periods(text: str, name: str) -> tuple[Period, ...]:
    """Read a table of periods.

    The calibration is the second run of a line, the F-factor is of the last but one, as in lstosa.

    Parameters
    ----------
    text : str
        The table.
    name : str
        The file, for the message.

    Raises
    ------
    InputError
        If no line says since when a calibration is used.
    """
    periods = []
    for number, line in enumerate(text.splitlines(), 1):
        since, runs = SINCE.search(line), DATED_RUN.findall(line)
        if since is None or len(runs) < FEWEST:
            continue
        date, run = runs[1]
        periods.append(Period(number, since[1], int(since[2]), date, int(run), runs[-2][0]))
    if not periods:
        raise InputError(
            f"{name}: no line names at least {FEWEST} runs and ends as 'since YYYYMMDD (rNNNN)'."
        )
    return tuple(sorted(periods, key=lambda period: period.since_run))


def choose_period(periods: Iterable[Period], run: int) -> Choice[Period]:
    """Choose the latest period that began not after a run, else the earliest, as lstosa does.

    Parameters
    ----------
    periods : iterable of Period
        At least one.
    run : int
        Run number.
    """
    candidates = tuple(sorted(periods, key=lambda period: (period.since_run, -period.line)))
    begun = [period for period in candidates if period.since_run <= run]
    period = begun[-1] if begun else candidates[0]
    said = f"since run {period.since_run:05d} of {period.since_date} (line {period.line})"
    if begun:
        return Choice(period, f"used {said}, the last period not after run {run:05d}", candidates)
    return Choice(period, f"used {said}; no period began before run {run:05d}", candidates)


def find_start(
    table: Path, calibration_pattern: str, systematics_pattern: str, run: int
) -> Choice[CatBStart]:
    """Find the files that Cat-B of a run starts from.

    Parameters
    ----------
    table : Path
        Table of periods.
    calibration_pattern, systematics_pattern : str
        Files by ``{date}`` and ``{run}`` (five digits), with ``*`` for what is not known; of
        several the first is taken, as lstosa does.
    run : int
        Run number.

    Raises
    ------
    InputError
        If the table cannot be read.
    """
    try:
        text = table.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{table}: cannot be read ({error}). See [calibration] table_catB.") from (
            error
        )
    chosen = choose_period(parse_periods(text, str(table)), run)
    period, found = chosen.value, []
    assert period is not None
    number = f"{period.calibration_run:05d}"
    for pattern, date in (
        (calibration_pattern, period.calibration_date),
        (systematics_pattern, period.systematics_date),
    ):
        sought = pattern.format(date=date, run=number)
        root = Path(sought.partition("*")[0]).parent
        files = sorted(root.glob(str(Path(sought).relative_to(root))))
        if not files:
            return Choice(None, f"{chosen.reason}, but there is no {sought}")
        found.append(files[0])
    calibration, systematics = found
    start = CatBStart(
        period.calibration_run, period.calibration_date, calibration, systematics, True
    )
    return Choice(start, f"{chosen.reason} in {table}")
