"""Toy Monte Carlo at DL1: gammas, protons and electrons to train on and to make IRFs from.

The showers and the camera are those of the data; the image parameters are computed by lstchain's
own functions and stored in its layout.
"""

from __future__ import annotations

__all__ = ["PRODUCTION", "McSample", "mc_samples", "write_sample"]

import dataclasses
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pandas as pd
from ctapipe.containers import ArrayEventContainer, SimulationConfigContainer
from ctapipe.image.extractor import extract_around_peak
from ctapipe_io_lst import LSTEventSource
from lstchain.io import global_metadata, standard_config, write_mcheader, write_metadata
from lstchain.io.io import dl1_params_lstcam_key, write_dataframe
from lstchain.io.lstcontainers import DL1ParametersContainer
from lstchain.reco.disp import disp, miss
from lstchain.reco.r0_to_dl1 import get_dl1
from lstchain.reco.utils import camera_to_altaz

from lstosa_luigi.simulation.auxiliary import atomic
from lstosa_luigi.simulation.camera import CameraResponse, lst_pixels, lst_pulses
from lstosa_luigi.simulation.images import (
    ENERGY_RANGE,
    FOCAL_LENGTH,
    MAX_IMPACT,
    METRES_PER_DEGREE,
    Image,
    Particle,
    Shower,
    draw_energy,
    draw_shower,
    shower_image,
)

PRODUCTION = "20240918_v0.10.12_allsky_nsb_tuning_0.14"
"""The name of LST's production whose night-sky background the simulated camera has."""

SPECTRAL_INDEX = -2.0
"""Of all particles, as in LST's productions."""

R1_SAMPLES = slice(3, 39)
"""Of the 40 samples, those that ctapipe_io_lst keeps."""

NOISE_FRAMES = 60
"""Camera frames of background from which pixels without signal are filled."""

MIN_PIXELS = 5
"""Of a cleaned image that is kept."""

MAGNETIC_FIELD = {
    "prod_site_B_total": 38.7 * u.uT,
    "prod_site_B_declination": np.deg2rad(-4.84) * u.rad,
    "prod_site_B_inclination": np.deg2rad(36.5) * u.rad,
}
"""At La Palma, as in LST's productions."""

DATA_ONLY = frozenset(
    {
        "calibration_id",
        "dragon_time",
        "hadroness",
        "tib_time",
        "ucts_jump",
        "ucts_time",
        "ucts_trigger_type",
    }
)
"""Columns that lstchain leaves out of Monte Carlo files."""


@dataclasses.dataclass(frozen=True)
class McSample:
    """One file of Monte Carlo.

    Attributes
    ----------
    path
        Relative to the base directory.
    particle
        What is simulated.
    events
        Number of events to keep.
    viewcone
        Least and largest angle between pointing and shower in degrees.
    number
        Run number, and part of the seed.
    """

    path: Path
    particle: Particle
    events: int
    viewcone: tuple[float, float]
    number: int


def mc_samples(declination_line: str, events: int) -> tuple[McSample, ...]:
    """Return the files that training and IRFs need.

    Parameters
    ----------
    declination_line
        Directory of the production, as ``dec_2276``.
    events
        Gammas and protons to train on, and gammas to test with; of the rest fewer will do.
    """

    def sample(dataset: str, name: str, *rest: Any) -> McSample:
        file = f"dl1_{PRODUCTION}_{declination_line}_{name}_merged.h5"
        return McSample(mc_directory(declination_line, dataset) / name / file, *rest)

    train, test = "TrainingDataset", "TestingDataset"
    few = max(events // 4, 1)
    return (
        sample(train, "GammaDiffuse", Particle.GAMMA, events, (0.0, 2.5), 1),
        sample(train, "Protons", Particle.PROTON, events, (0.0, 3.0), 2),
        sample(test, "Gamma", Particle.GAMMA, events, (0.399, 0.401), 3),
        sample(test, "Protons", Particle.PROTON, few, (0.0, 3.0), 4),
        sample(test, "Electrons", Particle.ELECTRON, few, (0.0, 2.5), 5),
    )


def mc_directory(declination_line: str, dataset: str = "TrainingDataset") -> Path:
    """Return the directory of a data set, relative to the base directory."""
    return Path("mc/DL1/AllSky") / PRODUCTION / dataset / declination_line


def write_sample(base: Path, sample: McSample, seed: int, altitude: float, azimuth: float) -> int:
    """Write one file of Monte Carlo and return the number of its events.

    Parameters
    ----------
    base
        Directory of the data tree.
    sample
        What to simulate.
    seed
        Of the night.
    altitude, azimuth
        Pointing in radian.
    """
    telescope = _Telescope(seed, sample.number)
    rows: list[dict[str, Any]] = []
    tried = 0
    while len(rows) < sample.events:
        tried += 1
        shower = telescope.draw(sample)
        parameters = telescope.observe(shower)
        if parameters is not None:
            row = _row(parameters, shower, altitude, azimuth)
            rows.append({**row, "obs_id": sample.number, "event_id": tried})
    frame = pd.DataFrame(rows)
    _add_directions(frame, altitude, azimuth)

    meta = global_metadata()
    with atomic(base / sample.path) as partial:
        write_metadata(meta, partial)
        telescope.subarray.to_hdf(partial)
        header = _header(sample, tried, altitude, azimuth)
        write_mcheader(header, partial, obs_id=sample.number, metadata=meta)
        write_dataframe(frame, partial, dl1_params_lstcam_key, config=standard_config, meta=meta)
    return len(frame)


class _Telescope:
    """The telescope of the Monte Carlo: from a shower to lstchain's image parameters."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = np.random.default_rng([seed, 0, number])
        self.pixels = lst_pixels()
        self.camera = CameraResponse(lst_pulses(), seed)
        self.subarray = LSTEventSource.create_subarray(tel_id=1)
        self.factor = standard_config["source_config"]["LSTEventSource"]["LSTR0Corrections"][
            "calib_scale_high_gain"
        ]
        n_pixels = len(self.pixels.x)
        dark = Image(np.zeros(n_pixels), np.zeros(n_pixels))
        frames = [self._extract(dark) for _ in range(NOISE_FRAMES)]
        self.noise_charge = np.concatenate([charge for charge, _ in frames])
        self.noise_time = np.concatenate([time for _, time in frames])

    def draw(self, sample: McSample) -> Shower:
        """Draw a shower of the sample."""
        energy = draw_energy(self.rng, SPECTRAL_INDEX, *ENERGY_RANGE)
        low, high = sample.viewcone
        radius = METRES_PER_DEGREE * np.sqrt(self.rng.uniform(low**2, high**2))
        angle = self.rng.uniform(0, 2 * np.pi)
        source = (float(radius * np.cos(angle)), float(radius * np.sin(angle)))
        return draw_shower(self.rng, sample.particle, energy, source)

    def observe(self, shower: Shower) -> DL1ParametersContainer | None:
        """Return the image parameters of a shower, or None if it is not recorded."""
        image = shower_image(self.rng, self.pixels, shower)
        if image is None:
            return None
        # Pixels without signal need no waveform of their own: they look like one of the library.
        draw = self.rng.integers(0, len(self.noise_charge), len(image.charge))
        charge, time = self.noise_charge[draw], self.noise_time[draw]
        lit = np.flatnonzero(image.charge)
        charge[lit], time[lit] = self._extract(Image(image.charge[lit], image.time[lit]))
        event = ArrayEventContainer()
        event.dl1.tel[1].image = charge
        event.dl1.tel[1].peak_time = time
        parameters = get_dl1(event, self.subarray, 1, custom_config=standard_config)
        measured = parameters.n_pixels >= MIN_PIXELS and np.isfinite(parameters.width.value)
        return parameters if measured else None

    def _extract(self, image: Image) -> tuple[np.ndarray, np.ndarray]:
        """Return charges in p.e. and peak times in ns as lstchain's LocalPeakWindowSum does."""
        waveform = self.camera.charges(self.rng, image)[:, R1_SAMPLES]
        window = standard_config["LocalPeakWindowSum"]
        charge, time = extract_around_peak(
            np.ascontiguousarray(waveform, np.float32),
            waveform.argmax(axis=1),
            window["window_width"],
            window["window_shift"],
            1 / self.camera.pulses.sample_width,
        )
        return charge * np.float32(self.factor), time


def _row(
    parameters: DL1ParametersContainer, shower: Shower, altitude: float, azimuth: float
) -> dict[str, Any]:
    """Return one row of the DL1 table: measured and true parameters, without units."""
    for name, value in {
        "mc_type": int(shower.particle),
        "mc_energy": shower.energy,
        "log_mc_energy": np.log10(shower.energy),
        "mc_core_x": shower.impact * np.cos(shower.core_angle),
        "mc_core_y": shower.impact * np.sin(shower.core_angle),
        "mc_core_distance": shower.impact,
        "mc_h_first_int": 20_000.0,  # m, g/cm2: the showers have no profile
        "mc_x_max": 300.0,
        "mc_alt_tel": altitude,
        "mc_az_tel": azimuth,
        "alt_tel": altitude,
        "az_tel": azimuth,
        "sin_az_tel": np.sin(azimuth),
        "src_x": shower.source_x,
        "src_y": shower.source_y,
        "trigger_type": 32,
        "trigger_time": 0.0,
        "event_type": 32,
    }.items():
        parameters[name] = value
    row = {}
    for name, value in parameters.items():
        if name not in DATA_ONLY and value is not None:
            unit = parameters.fields[name].unit
            if isinstance(value, u.Quantity):
                value = value.value if unit is None else value.to_value(unit)
            row[name] = value
    return row


def _add_directions(frame: pd.DataFrame, altitude: float, azimuth: float) -> None:
    """Add the true directions and the disp parameters that point to them."""
    sky = camera_to_altaz(
        frame["src_x"].to_numpy() * u.m,
        frame["src_y"].to_numpy() * u.m,
        FOCAL_LENGTH * u.m,
        altitude * u.rad,
        azimuth * u.rad,
    )
    frame["mc_alt"] = sky.alt.to_value(u.rad)
    frame["mc_az"] = sky.az.to_value(u.rad)
    columns = (frame[name].to_numpy() for name in ("x", "y", "src_x", "src_y", "psi"))
    dx, dy, norm, angle, sign = disp(*columns)
    frame["disp_dx"], frame["disp_dy"] = dx, dy
    frame["disp_norm"], frame["disp_angle"], frame["disp_sign"] = norm, angle, sign
    frame["disp_miss"] = miss(dx, dy, frame["psi"].to_numpy())


def _header(
    sample: McSample, tried: int, altitude: float, azimuth: float
) -> SimulationConfigContainer:
    """Return the description of the simulation from which effective areas are computed."""
    low, high = ENERGY_RANGE
    header = SimulationConfigContainer(
        run_number=sample.number,
        n_showers=tried,
        shower_reuse=1,
        energy_range_min=low * u.TeV,
        energy_range_max=high * u.TeV,
        spectral_index=SPECTRAL_INDEX,
        min_scatter_range=0 * u.m,
        max_scatter_range=MAX_IMPACT * u.m,
        min_viewcone_radius=sample.viewcone[0] * u.deg,
        max_viewcone_radius=sample.viewcone[1] * u.deg,
        min_alt=altitude * u.rad,
        max_alt=altitude * u.rad,
        min_az=azimuth * u.rad,
        max_az=azimuth * u.rad,
        prod_site_alt=2158 * u.m,
        diffuse=sample.viewcone[0] == 0,
        **MAGNETIC_FIELD,
    )
    # lstchain asserts that all rows are equal, which NaN never is.
    for name, value in header.items():
        if isinstance(value, (float, u.Quantity)) and np.any(np.isnan(value)):
            unit = header.fields[name].unit
            header[name] = 0.0 if unit is None else 0.0 * unit
    return header
