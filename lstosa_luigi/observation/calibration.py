"""Which calibration belongs to the data of a night."""

from __future__ import annotations

__all__ = ["choose_run", "choose_systematics", "choose_time_calibration"]

import re
from collections.abc import Iterable
from pathlib import Path

from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.runs import RunSummary


def choose_run(summary: RunSummary, run_type: str, night: str) -> Choice[int]:
    """Choose the last run of a type (``DRS4`` or ``PEDCALIB``), as lstosa does."""
    candidates = tuple(run.number for run in summary.of_type(run_type))
    if not candidates:
        return Choice(None, f"no {run_type} run on {night}")
    return Choice(candidates[-1], f"last {run_type} run of {night}", candidates)


def choose_time_calibration(files: Iterable[Path], calibration_run: int) -> Choice[Path]:
    """Choose the newest time calibration of a run not after the PEDCALIB run.

    Parameters
    ----------
    files : iterable of Path
        ``.../<date>/pro/time_calibration.RunRRRRR.0000.h5``.
    calibration_run : int
        Number of the PEDCALIB run.
    """
    by_run = sorted((_run_number(file), str(file), file) for file in files)
    candidates = tuple(file for _, _, file in by_run)
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


def _run_number(file: Path) -> int:
    match = re.search(r"\.Run(\d{5})\.", file.name)
    if match is None:
        raise ValueError(f"{file} does not name a run")
    return int(match.group(1))
