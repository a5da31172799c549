"""The source that each run was taken on, as the run catalogue lists it."""

from __future__ import annotations

__all__ = ["Source", "dump_run_catalog", "read_left_out", "read_run_catalog"]

import dataclasses
import io
import math
from collections.abc import Mapping
from pathlib import Path

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.tables import read_table

COLUMNS = ("run_id", "source_name", "source_ra", "source_dec")
LEFT_OUT = "left_out"
"""Key of the metadata under which a catalogue that was made here says what it lacks."""


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


def dump_run_catalog(
    sources: Mapping[int, Source], left_out: Mapping[int, str], made_of: str
) -> str:
    """Return a run catalogue as lstosa writes it (ECSV, comma-delimited).

    Parameters
    ----------
    sources : mapping of int to Source
        The source of each run.
    left_out : mapping of int to str
        Runs whose source is not known, with the reason; kept in the metadata.
    made_of : str
        What it was made of; kept there as well.
    """
    import numpy as np
    from astropy.table import Table

    runs = sorted(sources)
    table = Table(
        {
            "run_id": np.array(runs, np.int32),
            "source_name": np.array([sources[run].name for run in runs], str),
            "source_ra": np.array([sources[run].ra_deg for run in runs], float),
            "source_dec": np.array([sources[run].dec_deg for run in runs], float),
        },
        meta={"made_of": made_of, LEFT_OUT: {f"{run:05d}": left_out[run] for run in left_out}},
    )
    text = io.StringIO()
    table.write(text, format="ascii.ecsv", delimiter=",")
    return text.getvalue()


def read_left_out(path: Path) -> dict[int, str]:
    """Return the runs that a catalogue made here lacks, with the reason; nothing of any other."""
    from astropy.table import Table

    try:
        found = dict(Table.read(path.read_text(), format="ascii.ecsv").meta.get(LEFT_OUT) or {})
        return {int(run): str(reason) for run, reason in found.items()}
    except Exception:  # whoever needs its rows will say what is wrong with it
        return {}
