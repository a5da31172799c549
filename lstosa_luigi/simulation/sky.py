"""Where the telescope looks, and when: the source of the night, run times and pointing.

Needs astropy only. Coordinates are ICRS in degrees, times are Unix seconds (UTC).
"""

from __future__ import annotations

__all__ = [
    "CATALOGUE",
    "WOBBLE_OFFSET",
    "NightPlan",
    "NoSourceError",
    "PlannedRun",
    "Source",
    "altaz",
    "plan_night",
    "stay_offline",
]

import dataclasses
import datetime as dt

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from astropy.utils import iers

LOCATION = EarthLocation.from_geodetic(
    lon=-17.89149701 * u.deg, lat=28.76152611 * u.deg, height=2199 * u.m
)
"""LST-1 (ctapipe_io_lst.constants.LST1_LOCATION, to within a metre of height)."""

WOBBLE_OFFSET = 0.4
"""Angle between source and pointing in degrees, the usual one of LST-1."""

MAX_ZENITH = 50.0
"""Degrees; beyond, lstchain's standard analysis is another one."""

SUN_BELOW = -16.0
"""Altitude of the Sun in degrees at which the telescope starts."""

CALIBRATION_SPACING = 300.0
"""Seconds from the DRS4 run to PEDCALIB and on to the first DATA run."""

DATA_SPACING = 600.0
"""Seconds from one DATA run to the next unless they last longer (real ones last 20 minutes)."""

SLEW_TIME = 180.0
"""Seconds between the end of a DATA run and the start of the next, at least."""


class NoSourceError(Exception):
    """No source of the catalogue can be observed long enough in the night."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A point source: ICRS coordinates in degrees and the Monte Carlo line of its declination."""

    name: str
    ra: float
    dec: float
    declination_line: str


CATALOGUE = (
    Source("Crab", 83.633, 22.0145, "dec_2276"),
    Source("Mrk421", 166.1138, 38.2088, "dec_3476"),
    Source("Mrk501", 253.4676, 39.7602, "dec_3476"),
    Source("BLLac", 330.6804, 42.2778, "dec_4822"),
)
"""In order of preference; positions from SIMBAD, lines of LST's AllSky production."""


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run: type (DRS4, PEDCALIB, DATA), start in Unix seconds, pointing in degrees (ICRS)."""

    number: int
    kind: str
    start: float
    ra: float
    dec: float


@dataclasses.dataclass(frozen=True)
class NightPlan:
    """The source of a night, its runs in order of time, and the Unix time when all is over."""

    date: dt.date
    source: Source
    runs: tuple[PlannedRun, ...]
    end: float

    @property
    def data_runs(self) -> tuple[PlannedRun, ...]:
        """The runs on the source."""
        return tuple(run for run in self.runs if run.kind == "DATA")


def stay_offline() -> None:
    """Keep astropy from asking the network for the Earth's rotation; its own tables do."""
    iers.conf.auto_download = False
    iers.conf.iers_degraded_accuracy = "ignore"


def altaz(ra: float, dec: float, unix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return altitude and azimuth of a direction as LST-1 sees it.

    Parameters
    ----------
    ra, dec
        Direction in degrees (ICRS).
    unix
        Times in Unix seconds, shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        Altitude and azimuth in degrees, shape (n,) each.
    """
    frame = AltAz(obstime=Time(unix, format="unix"), location=LOCATION)
    here = SkyCoord(ra * u.deg, dec * u.deg).transform_to(frame)
    return here.alt.deg, here.az.deg


def plan_night(
    date: dt.date,
    first_run: int = 1,
    data_runs: int = 2,
    drs4_run: bool = True,
    pedcalib_run: bool = True,
    run_length: float = 0.0,
) -> NightPlan:
    """Choose the source of a night and the times and pointings of its runs.

    The first source of the catalogue is taken that stays below 50 degrees from the zenith in the
    dark for as long as the runs last, as early in the night as it can be.

    Parameters
    ----------
    date
        Evening of the night.
    first_run
        Number of the DRS4 run, whether it is written or not; PEDCALIB is the next.
    data_runs
        Number of DATA runs.
    drs4_run, pedcalib_run
        Whether the run is part of the night.
    run_length
        Seconds that a DATA run lasts.

    Raises
    ------
    NoSourceError
        If no source can be observed for long enough.
    """
    spacing = max(DATA_SPACING, run_length + SLEW_TIME)
    length = 2 * CALIBRATION_SPACING + max(data_runs, 1) * spacing
    source, begin = _first_window(date, length)
    runs = []
    if drs4_run:
        runs.append(PlannedRun(first_run, "DRS4", begin, *_wobble(source, 0)))
    if pedcalib_run:
        start = begin + CALIBRATION_SPACING
        runs.append(PlannedRun(first_run + 1, "PEDCALIB", start, *_wobble(source, 0)))
    for i in range(data_runs):
        start = begin + 2 * CALIBRATION_SPACING + i * spacing
        runs.append(PlannedRun(first_run + 2 + i, "DATA", start, *_wobble(source, i)))
    return NightPlan(date, source, tuple(runs), begin + length)


def _wobble(source: Source, index: int) -> tuple[float, float]:
    """Return the pointing of a run: east and west of the source in turn."""
    angle = (90 if index % 2 == 0 else 270) * u.deg
    centre = SkyCoord(source.ra * u.deg, source.dec * u.deg)
    pointing = centre.directional_offset_by(angle, WOBBLE_OFFSET * u.deg)
    return float(pointing.ra.deg), float(pointing.dec.deg)


def _first_window(date: dt.date, length: float) -> tuple[Source, float]:
    """Return the source of the night and the Unix time at which it is first well placed."""
    noon = dt.datetime.combine(date, dt.time(12), tzinfo=dt.timezone.utc).timestamp()
    unix = noon + np.arange(0, 86_400, 300.0)
    times = Time(unix, format="unix")
    sun = get_sun(times).transform_to(AltAz(obstime=times, location=LOCATION)).alt.deg
    steps = int(np.ceil(length / 300.0)) + 1
    for source in CATALOGUE:
        altitude, _ = altaz(source.ra, source.dec, unix)
        good = (sun < SUN_BELOW) & (altitude > 90 - MAX_ZENITH)
        run_of_good = np.convolve(good, np.ones(steps, int), mode="valid")
        found = np.flatnonzero(run_of_good == steps)
        if found.size:
            return source, float(unix[found[0]])
    names = ", ".join(source.name for source in CATALOGUE)
    raise NoSourceError(
        f"{date}: none of {names} is within {MAX_ZENITH:.0f} degrees of the zenith in the dark "
        f"for {length / 60:.0f} minutes; ask for fewer --data-runs"
    )
