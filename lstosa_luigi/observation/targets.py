"""What the telescope tracked, as the Target log of the drive has it, and which run it is of."""

from __future__ import annotations

__all__ = ["RunTime", "Track", "choose_target", "read_run_times", "read_target_log", "utc"]

import dataclasses
import datetime
import math
from collections.abc import Iterable
from pathlib import Path

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.catalog import Source
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.tables import read_table

SUBRUN_SECONDS = 10
"""What a subrun takes, about; so long is a run of which only the start is known."""

START_TOKENS = 4
"""Words of a line that begins a track, before the name (ctapipe_io_lst.pointing)."""


@dataclasses.dataclass(frozen=True)
class Track:
    """One target, tracked without interruption.

    Parameters
    ----------
    start, end : float
        Unix seconds (UTC); the end is infinite if the log does not say it.
    target : Source
        Its name, empty if nobody gave one, and where the telescope pointed (ICRS, degrees).
    """

    start: float
    end: float
    target: Source


@dataclasses.dataclass(frozen=True)
class RunTime:
    """When a run was taken.

    Parameters
    ----------
    start, end : float
        Unix seconds (UTC).
    """

    start: float
    end: float

    def __str__(self) -> str:
        """Return ``21:04:10 to 21:24:10 UTC``."""
        return f"{utc(self.start)} to {utc(self.end)} UTC"


def utc(unix: float) -> str:
    """Return a time of day, from Unix seconds."""
    return f"{datetime.datetime.fromtimestamp(unix, datetime.timezone.utc):%H:%M:%S}"


def read_target_log(path: Path) -> tuple[Track, ...]:
    """Read ``Target_log_YYYYMMDD.txt``, as ctapipe_io_lst does (``PointingSource``).

    Its lines are ``<unix> TrackStart <ra> <dec> <name>``, in degrees, and ``<unix> TrackEnd``. A
    track without an end ends a second before the next one. Unlike there, names may have spaces.

    Raises
    ------
    InputError
        If a line that begins or ends a track cannot be understood.
    """
    tracks: list[Track] = []
    is_tracking = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) < 2 or words[1] not in ("TrackStart", "TrackEnd"):
            continue
        try:
            time = float(words[0])
            if words[1] == "TrackEnd":
                if is_tracking:
                    tracks[-1] = dataclasses.replace(tracks[-1], end=time)
                is_tracking = False
                continue
            target = Source(" ".join(words[START_TOKENS:]), float(words[2]), float(words[3]))
            if not (math.isfinite(target.ra_deg) and abs(target.dec_deg) <= 90):
                raise ValueError("no place on the sky")
        except (ValueError, IndexError) as error:
            raise InputError(
                f"{path}: line {number} cannot be understood ({line.strip()}). Correct the log, or "
                "write the run catalogue by hand."
            ) from error
        if is_tracking:
            tracks[-1] = dataclasses.replace(tracks[-1], end=time - 1)
        tracks.append(Track(time, math.inf, target))
        is_tracking = True
    return tuple(tracks)


def choose_target(tracks: Iterable[Track], time: RunTime) -> Choice[Source]:
    """Choose the target that was tracked during a run: the only one, or none.

    Parameters
    ----------
    tracks : iterable of Track
        The Target log of the night.
    time : RunTime
        When the run was taken.
    """
    during = [track for track in tracks if track.start < time.end and track.end > time.start]
    candidates = tuple(dict.fromkeys(track.target for track in during))
    if not candidates:
        return Choice(None, f"no target was tracked from {time}")
    if len(candidates) > 1:
        found = ", ".join(f"{_words(track.target)} from {utc(track.start)}" for track in during)
        reason = f"{len(candidates)} targets were tracked from {time}: {found}"
        return Choice(None, reason, candidates)
    if not candidates[0].name:
        return Choice(None, f"the target tracked from {time} has no name", candidates)
    return Choice(candidates[0], f"tracked from {time}", candidates)


def _words(target: Source) -> str:
    return f"{target.name or 'one without a name'} ({target.ra_deg:g}, {target.dec_deg:g})"


def read_run_times(path: Path) -> dict[int, RunTime]:
    """Return when each run of a run summary was taken, as far as it says so.

    It has ``run_start``, in nanoseconds of TAI since 1970; -1 for data of the format R1
    (``lstchain_create_run_summary``). The end is not in it: a run is taken to last ten seconds a
    subrun, but no longer than until the next one starts.

    Raises
    ------
    InputError
        If the table is damaged.
    """
    rows = read_table(path, "run summary", ("run_id", "n_subruns"))
    if not rows or "run_start" not in rows[0].colnames:
        return {}
    starts = {int(row["run_id"]): _unix(int(row["run_start"])) for row in rows}
    known = sorted(start for start in starts.values() if start is not None)
    times = {}
    for row in rows:
        start = starts[int(row["run_id"])]
        if start is None:
            continue
        following = next((other for other in known if other > start), math.inf)
        end = min(start + SUBRUN_SECONDS * int(row["n_subruns"]), following)
        times[int(row["run_id"])] = RunTime(start, end)
    return times


def _unix(tai_ns: int) -> float | None:
    """Return Unix seconds (UTC) of nanoseconds of TAI; None for what is no time."""
    if tai_ns <= 0:
        return None
    from astropy.time import Time

    return float(Time(tai_ns / 1e9, format="unix_tai").utc.unix)
