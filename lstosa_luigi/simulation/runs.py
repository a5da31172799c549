"""Recipes of runs: what the events of a DRS4, PEDCALIB or DATA run show, and how they are written.

Every subrun is made from its own seed, so subruns may be made in any order and at once.
"""

from __future__ import annotations

__all__ = [
    "Truth",
    "source_in_camera",
    "write_data_subrun",
    "write_drs4_run",
    "write_pedcalib_run",
]

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

from lstosa_luigi.simulation.camera import (
    N_MODULES,
    CalibratedResponse,
    CameraResponse,
    lst_pixels,
    lst_pulses,
)
from lstosa_luigi.simulation.images import (
    ENERGY_RANGE,
    FOCAL_LENGTH,
    METRES_PER_DEGREE,
    Image,
    Particle,
    Pixels,
    draw_energy,
    draw_shower,
    flatfield_image,
    muon_image,
    shower_image,
)
from lstosa_luigi.simulation.options import NightOptions
from lstosa_luigi.simulation.raw import (
    DRS4_PER_MODULE,
    EventKind,
    RawEvent,
    RunHeader,
    write_subrun,
)
from lstosa_luigi.simulation.schedule import schedule_subrun
from lstosa_luigi.simulation.sky import PlannedRun, Source, altaz

GAMMA_SHARE = 0.3
"""Part of the showers that come from the source. In real data it is below one in a thousand."""

GAMMA_INDEX, PROTON_INDEX = -2.5, -2.7
"""Spectral indices of the Crab Nebula above 100 GeV and of cosmic rays."""

FIELD_RADIUS = 3.0
"""Degrees; hadrons come from anywhere in this disc around the pointing."""

DRS4_STRIDE = 29
"""First cells advance by the 29 samples that lstchain uses of 40, so that 285 events see all 4096
capacitors twice (the first time there is no time of a last readout)."""


@dataclasses.dataclass(frozen=True)
class Truth:
    """What an event of a DATA run is: kind, energy in TeV and arrival direction in m (or nan)."""

    run: int
    subrun: int
    event: int
    kind: str
    energy: float = np.nan
    source_x: float = np.nan
    source_y: float = np.nan


def write_drs4_run(directory: Path, options: NightOptions, run: PlannedRun) -> int:
    """Write random triggers with closed shutter and return their number."""
    rng = np.random.default_rng([options.seed, run.number])
    camera = CameraResponse(lst_pulses(), options.seed)
    dark = _dark(lst_pixels())

    def events() -> Iterator[RawEvent]:
        for i in range(options.drs4_events):
            waveform = camera.digitise(rng, dark, nsb_rate=0.0)
            yield RawEvent(i + 1, EventKind.SHOWER, i / 100, waveform, i * DRS4_STRIDE % 4096)

    header = RunHeader(run.number, run.start, False)
    return write_subrun(directory, header, 0, events(), options.drs4_events)


def write_pedcalib_run(directory: Path, options: NightOptions, run: PlannedRun) -> int:
    """Write flat fields and pedestals in turn and return their number.

    The first cells of the flat fields step through the 128 bins of 8 capacitors that the DRS4
    time calibration has.
    """
    rng = np.random.default_rng([options.seed, run.number])
    camera = CameraResponse(lst_pulses(), options.seed)
    pixels = lst_pixels()

    def events() -> Iterator[RawEvent]:
        for i in range(options.calibration_pairs):
            flash = camera.digitise(rng, flatfield_image(rng, pixels))
            cell = i * 8 % 1024 + 1024 * (i // 128 % 4)
            yield RawEvent(2 * i + 1, EventKind.FLATFIELD, 2 * i / 100, flash, cell)
            dark = camera.digitise(rng, _dark(pixels))
            time = (2 * i + 1) / 100
            yield RawEvent(2 * i + 2, EventKind.PEDESTAL, time, dark, _random_cells(rng))

    header = RunHeader(run.number, run.start, False)
    return write_subrun(directory, header, 0, events(), 2 * options.calibration_pairs)


def write_data_subrun(
    directory: Path, options: NightOptions, source: Source, run: PlannedRun, subrun: int
) -> list[Truth]:
    """Write one subrun of a DATA run and return what its events are."""
    rng = np.random.default_rng([options.seed, run.number, subrun])
    calibrated = options.evb_calibrated
    camera = (CalibratedResponse if calibrated else CameraResponse)(lst_pulses(), options.seed)
    header = RunHeader(
        run.number,
        run.start,
        gain_selected=not options.two_gain,
        calibrated=calibrated,
        waveform_offset=camera.waveform_offset,
        waveform_scale=camera.waveform_scale,
    )
    pixels = lst_pixels()
    schedule = schedule_subrun(options, run.number, subrun)
    positions = source_in_camera(source, run, run.start + schedule.times)
    truth: list[Truth] = []

    def events() -> Iterator[RawEvent]:
        for i, label in enumerate(schedule.labels):
            number = schedule.first_event + i
            event = Truth(run.number, subrun, number, label)
            kind = EventKind.SHOWER
            if label == "pedestal":
                kind, image = EventKind.PEDESTAL, _dark(pixels)
            elif label == "flatfield":
                kind, image = EventKind.FLATFIELD, flatfield_image(rng, pixels)
            elif label == "muon":
                image = muon_image(rng, pixels)
            else:
                event, image = _shower(rng, pixels, event, positions[i])
            truth.append(event)
            waveform = camera.digitise(rng, image)
            yield RawEvent(number, kind, schedule.times[i], waveform, _random_cells(rng))

    write_subrun(directory, header, subrun, events(), len(schedule.times))
    return truth


def source_in_camera(source: Source, run: PlannedRun, unix: np.ndarray) -> np.ndarray:
    """Return where the source is in the camera, in m, shape (n, 2).

    The transformation is lstchain's, which the reconstruction inverts.

    Parameters
    ----------
    source
        What is observed.
    run
        Its pointing counts.
    unix
        Times of the events in Unix seconds, shape (n,).
    """
    from lstchain.reco.utils import radec_to_camera

    altitude, azimuth = altaz(run.ra, run.dec, unix)
    position = radec_to_camera(
        SkyCoord(source.ra * u.deg, source.dec * u.deg),
        Time(unix, format="unix"),
        altitude * u.deg,
        azimuth * u.deg,
        FOCAL_LENGTH * u.m,
    )
    return np.column_stack([position.x.to_value(u.m), position.y.to_value(u.m)])


def _shower(
    rng: np.random.Generator, pixels: Pixels, event: Truth, source: np.ndarray
) -> tuple[Truth, Image]:
    """Return a shower that triggers: a gamma from the source or a proton from anywhere."""
    gamma = rng.uniform() < GAMMA_SHARE
    particle = Particle.GAMMA if gamma else Particle.PROTON
    index = GAMMA_INDEX if gamma else PROTON_INDEX
    while True:
        energy = draw_energy(rng, index, *ENERGY_RANGE)
        x, y = source if gamma else _anywhere(rng)
        shower = draw_shower(rng, particle, energy, (float(x), float(y)))
        image = shower_image(rng, pixels, shower)
        if image is not None:
            name = particle.name.lower()
            event = dataclasses.replace(event, kind=name, energy=energy, source_x=x, source_y=y)
            return event, image


def _anywhere(rng: np.random.Generator) -> tuple[float, float]:
    radius = FIELD_RADIUS * METRES_PER_DEGREE * np.sqrt(rng.uniform())
    angle = rng.uniform(0, 2 * np.pi)
    return float(radius * np.cos(angle)), float(radius * np.sin(angle))


def _dark(pixels: Pixels) -> Image:
    return Image(np.zeros(pixels.x.shape), np.zeros(pixels.x.shape))


def _random_cells(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 4096, N_MODULES * DRS4_PER_MODULE)
