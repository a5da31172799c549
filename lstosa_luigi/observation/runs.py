"""The runs of a night, as the run summary of lstchain lists them."""

from __future__ import annotations

__all__ = [
    "DATA",
    "DISCARDED",
    "DRS4",
    "IGNORED_TYPES",
    "PEDCALIB",
    "TYPES",
    "DatedRun",
    "Reference",
    "Run",
    "RunSummary",
    "read_run_summary",
]

import collections
import dataclasses
import datetime
from pathlib import Path
from typing import Any

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.tables import read_table

DRS4 = "DRS4"
PEDCALIB = "PEDCALIB"
DATA = "DATA"
DISCARDED = "DISCARDED"
"""Type of a run that the operators decided to leave out, whatever the run summary says of it."""
IGNORED_TYPES = frozenset({"ERROR", "CONF", "ERRPEDCALIB", "EDATA", DISCARDED})
"""Types that are not processed; ``EDATA`` is the operators' mark for data to leave out."""
TYPES = (DATA, DRS4, PEDCALIB, *sorted(IGNORED_TYPES - {DISCARDED}))
"""Types that a run summary may give a run."""

COLUMNS = ("run_id", "n_subruns", "run_type")
PREPROCESSING = "evb_preprocessing"
"""Column that lstchain writes since 0.11 (lstchain_create_run_summary: of mono triggers)."""
REFERENCE = (
    "dragon_reference_time",
    "dragon_reference_counter",
    "dragon_reference_module_index",
    "dragon_reference_source",
)
"""Columns that lst_dvr needs of; run summaries of others than lstchain may lack them."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the clock of the front-end modules is compared with, in data of before 2023.

    Parameters
    ----------
    time : int
        Nanoseconds since 1970 (TAI).
    counter : int
        What the module counted then.
    module_index : int
        Which module.
    source : str
        Where the time is from: ``UCTS``, ``TIB``, ``RUN_START``, or ``NONE``.
    """

    time: int
    counter: int
    module_index: int
    source: str


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of the night.

    Parameters
    ----------
    number : int
        Run number.
    type : str
        What kind of run it is.
    n_subruns : int
        Subruns that were taken.
    discarded : tuple of int
        Those of them that are left out.
    reference : Reference or None
        Its reference time; None if the run summary has none.
    preprocessing : int
        What the event builder says that it does with showers, as bits; 0 if it does not say.
    """

    number: int
    type: str
    n_subruns: int
    discarded: tuple[int, ...] = ()
    reference: Reference | None = None
    preprocessing: int = 0

    @property
    def subruns(self) -> tuple[int, ...]:
        """Numbers of the subruns to process; they count from 0."""
        return tuple(n for n in range(self.n_subruns) if n not in self.discarded)


@dataclasses.dataclass(frozen=True, order=True)
class DatedRun:
    """A run and the night it was taken in, which is where its products lie."""

    date: datetime.date
    number: int

    def __str__(self) -> str:
        """Return ``01804 of 2020-01-17``."""
        return f"{self.number:05d} of {self.date}"


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """The runs of a night in ascending order."""

    runs: tuple[Run, ...]

    def of_type(self, run_type: str) -> tuple[Run, ...]:
        """Return the runs of one type."""
        return tuple(run for run in self.runs if run.type == run_type)

    @property
    def unknown(self) -> tuple[Run, ...]:
        """Runs whose type nobody knows how to treat."""
        known = {DRS4, PEDCALIB, DATA} | IGNORED_TYPES
        return tuple(run for run in self.runs if run.type not in known)

    def run(self, number: int) -> Run:
        """Return the run of this number.

        Raises
        ------
        InputError
            If the night has no such run.
        """
        for run in self.runs:
            if run.number == number:
                return run
        numbers = ", ".join(f"{run.number:05d}" for run in self.runs) or "none"
        raise InputError(f"Run {number:05d} is not in the run summary; the night has {numbers}.")


def read_run_summary(path: Path) -> RunSummary:
    """Read a run summary of lstchain.

    Raises
    ------
    InputError
        If the table is damaged, lacks a column, lists a run twice or without subruns.
    """
    rows = read_table(
        path, "run summary", COLUMNS, "Remove it to have it made again from the raw data."
    )
    runs = sorted(
        (
            Run(
                int(row["run_id"]),
                str(row["run_type"]).strip(),
                int(row["n_subruns"]),
                reference=_reference(row),
                preprocessing=_preprocessing(row),
            )
            for row in rows
        ),
        key=lambda run: run.number,
    )
    twice = [n for n, times in collections.Counter(run.number for run in runs).items() if times > 1]
    if twice:
        raise InputError(
            f"{path}: run {twice[0]:05d} is listed more than once. Correct the run summary."
        )
    for run in runs:
        if run.n_subruns < 1 and run.type not in IGNORED_TYPES:
            raise InputError(
                f"{path}: run {run.number:05d} has {run.n_subruns} subruns. Correct n_subruns, or "
                "write EDATA as its run_type to leave the run out."
            )
    return RunSummary(tuple(runs))


def _preprocessing(row: Any) -> int:
    try:
        return int(row[PREPROCESSING]) if PREPROCESSING in row.colnames else 0
    except (TypeError, ValueError):  # an empty cell
        return 0


def _reference(row: Any) -> Reference | None:
    if any(column not in row.colnames for column in REFERENCE):
        return None
    time, counter, module, source = (row[column] for column in REFERENCE)
    try:
        return Reference(int(time), int(counter), int(module), str(source).strip().upper())
    except (TypeError, ValueError):  # an empty cell
        return None
