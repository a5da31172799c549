"""The source that each run was taken on, as the run catalogue lists it."""

from __future__ import annotations

__all__ = ["Source", "read_run_catalog"]

import dataclasses
from pathlib import Path

from lstosa_luigi.errors import InputError

COLUMNS = ("run_id", "source_name", "source_ra", "source_dec")


@dataclasses.dataclass(frozen=True)
class Source:
    """What a run was taken on.

    Parameters
    ----------
    name : str
        May hold spaces.
    ra_deg, dec_deg : float
        Coordinates (ICRS) in degrees.
    """

    name: str
    ra_deg: float
    dec_deg: float


def read_run_catalog(path: Path) -> dict[int, Source]:
    """Return the source of each run of the catalogue.

    Raises
    ------
    InputError
        If the table is damaged or lacks a column.
    """
    from astropy.table import Table

    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a run catalogue ({error}).") from error
    missing = [column for column in COLUMNS if column not in table.colnames]
    if missing:
        raise InputError(f"{path}: the run catalogue has no column {', '.join(missing)}.")
    if table[list(COLUMNS)].has_masked_values:
        raise InputError(f"{path}: a run has an empty cell among {', '.join(COLUMNS)}. Fill it in.")
    return {
        int(row["run_id"]): Source(
            str(row["source_name"]).strip(), float(row["source_ra"]), float(row["source_dec"])
        )
        for row in table
    }
