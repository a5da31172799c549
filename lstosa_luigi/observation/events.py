"""When runs were taken: of the events of merged DL1, as lstosa's ``update_source_catalog``."""

from __future__ import annotations

__all__ = ["Taken", "taken"]

import dataclasses
import datetime
import math
from pathlib import Path

EVENTS = "/dl1/event/telescope/parameters/LST_LSTCam"
TIME = "dragon_time"
"""Seconds since 1970 (UTC) of each event, in the order in which they were taken."""


@dataclasses.dataclass(frozen=True)
class Taken:
    """When a run began (UTC, ISO 8601), and how many minutes lie between its first and last event.

    *of* tells the file that this was read of, as it was then.
    """

    start: str
    minutes: float
    of: str


def taken(file: Path, known: Taken | None = None) -> Taken | None:
    """Return when the events of a file were taken; None if it does not say.

    Parameters
    ----------
    file : Path
        Merged DL1 of a run.
    known : Taken, optional
        What was read before: it holds as long as the file is the same.
    """
    try:
        state = file.stat()
    except OSError:
        return None
    of = f"{state.st_size} {state.st_mtime_ns}"
    if known is not None and known.of == of:
        return known
    import tables as hdf5

    try:
        with hdf5.open_file(str(file)) as opened:
            times = opened.get_node(EVENTS).cols._f_col(TIME)  # only two of them are read
            first, last = float(times[0]), float(times[-1])
    except (hdf5.HDF5ExtError, hdf5.NodeError, OSError, LookupError, AttributeError):
        return None  # no such table or column, no events, or damaged: whoever needs it says so
    if not (math.isfinite(first) and math.isfinite(last)):
        return None
    when = datetime.datetime.fromtimestamp(first, datetime.timezone.utc)
    return Taken(f"{when:%Y-%m-%dT%H:%M:%S}", round((last - first) / 60, 2), of)
