"""The source that each run was taken on, as the run catalogue lists it."""

from __future__ import annotations

__all__ = ["Source", "read_run_catalog"]

import dataclasses
import math
from pathlib import Path

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.tables import read_table

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
        If the table is damaged, lacks a column, has a run with two sources or one nowhere.
    """
    sources: dict[int, Source] = {}
    for row in read_table(path, "run catalogue", COLUMNS):
        run = int(row["run_id"])
        name = str(row["source_name"]).strip()
        source = Source(name, float(row["source_ra"]), float(row["source_dec"]))
        if not (math.isfinite(source.ra_deg) and abs(source.dec_deg) <= 90):
            raise InputError(
                f"{path}: run {run:05d} is of {name} at source_ra {source.ra_deg}, source_dec "
                f"{source.dec_deg}, which is no place on the sky. Correct the run catalogue."
            )
        if sources.setdefault(run, source) != source:
            raise InputError(
                f"{path}: run {run:05d} is listed with two sources, {sources[run].name} and "
                f"{name}. Correct the run catalogue."
            )
    return sources
