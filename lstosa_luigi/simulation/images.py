"""Images in photo-electrons: showers, muon rings, flat field. The toy physics of data and MC.

One shower model makes the events of the night and the Monte Carlo, so what is learnt from the one
holds for the other. Needs numpy only. Positions are in metres in the camera, for a telescope whose
image scale is `METRES_PER_DEGREE`; times are in ns after the start of the readout window.
"""

from __future__ import annotations

__all__ = [
    "ENERGY_RANGE",
    "METRES_PER_DEGREE",
    "TRIGGER_CHARGE",
    "Image",
    "Particle",
    "Pixels",
    "Shower",
    "draw_energy",
    "draw_shower",
    "flatfield_image",
    "muon_image",
    "shower_image",
]

import dataclasses
import enum

import numpy as np

FOCAL_LENGTH = 29.30565
"""Effective focal length in m (lstchain's LST optics); what directions are reconstructed with."""

METRES_PER_DEGREE = FOCAL_LENGTH * np.tan(np.deg2rad(1.0))

MAX_IMPACT = 200.0
"""Metres; showers farther away leave no light here."""

PULSE_TIME = 18.0
"""ns; where the event builder's trigger puts a pulse in the 40 samples."""

PHOTOELECTRONS_PER_TEV = 3000.0
"""Light of a gamma within the light pool; about 100 p.e. at 30 GeV, as LST-1's threshold asks."""

LIGHT_POOL_RADIUS = 120.0
"""Metres, of the Cherenkov light on the ground at 2200 m."""

ENERGY_RANGE = (0.05, 20.0)
"""TeV, of all showers in data and Monte Carlo."""

TRIGGER_CHARGE = 80.0
"""Photo-electrons a shower must give to be recorded."""


class Particle(enum.IntEnum):
    """The primary particle, numbered as in CORSIKA and lstchain's ``mc_type``."""

    GAMMA = 0
    ELECTRON = 1
    PROTON = 101


@dataclasses.dataclass(frozen=True)
class Pixels:
    """Positions of pixel centres in the camera, shape (n_pixels,) in m, and area of one in m2."""

    x: np.ndarray
    y: np.ndarray
    area: float


@dataclasses.dataclass(frozen=True)
class Image:
    """Photo-electrons and mean arrival times in ns, shape (n_pixels,) each."""

    charge: np.ndarray
    time: np.ndarray


@dataclasses.dataclass(frozen=True)
class Shower:
    """A shower: energy in TeV, arrival direction in m in the camera, core in m and radian."""

    particle: Particle
    energy: float
    source_x: float
    source_y: float
    impact: float
    core_angle: float


def draw_energy(rng: np.random.Generator, index: float, low: float, high: float) -> float:
    """Draw an energy in TeV between ``low`` and ``high`` of a power law ``E**index``."""
    g = index + 1
    share = rng.uniform()
    return float((low**g + share * (high**g - low**g)) ** (1 / g))


def draw_shower(
    rng: np.random.Generator, particle: Particle, energy: float, source: tuple[float, float]
) -> Shower:
    """Draw where a shower falls: uniform over the disc of `MAX_IMPACT`.

    Parameters
    ----------
    rng
        Source of random numbers.
    particle, energy
        What comes, and its energy in TeV.
    source
        Arrival direction (x, y) in m in the camera.
    """
    impact = MAX_IMPACT * float(np.sqrt(rng.uniform(0.0025, 1.0)))
    angle = float(rng.uniform(0, 2 * np.pi))
    return Shower(particle, energy, source[0], source[1], impact, angle)


def shower_image(rng: np.random.Generator, pixels: Pixels, shower: Shower) -> Image | None:
    """Return the image of a shower, or None if it is too faint for the trigger.

    Gammas and electrons give one ellipse that points to the arrival direction, longer on the far
    side, with a time gradient that grows with the impact parameter. Protons give less light, a
    wider and less well directed ellipse and a few clumps beside it.

    Parameters
    ----------
    rng
        Source of random numbers.
    pixels
        The camera.
    shower
        What is seen.
    """
    hadronic = shower.particle is Particle.PROTON
    beyond = max(shower.impact - LIGHT_POOL_RADIUS, 0.0)
    light = PHOTOELECTRONS_PER_TEV * shower.energy**1.05 * np.exp(-beyond / 50.0)
    light *= rng.lognormal(0, 0.12)
    if hadronic:
        light *= 0.35 * rng.lognormal(0, 0.3)
    if light < TRIGGER_CHARGE:
        return None

    distance = 0.3 + shower.impact / 140 + 0.06 * np.log10(shower.energy / 0.1)
    distance = max(distance + rng.normal(0, 0.04), 0.05) * METRES_PER_DEGREE
    width = 0.045 * rng.lognormal(0, 0.12)
    length = 0.06 * (1.2 + shower.impact / 110) * rng.lognormal(0, 0.12)
    orientation = shower.core_angle + rng.normal(0, 0.04)
    clumps = 0
    if hadronic:
        width *= rng.lognormal(0.6, 0.3)
        length *= rng.lognormal(0.3, 0.3)
        orientation += rng.normal(0, 0.35)
        clumps = int(rng.poisson(1.5))

    x = shower.source_x + distance * np.cos(shower.core_angle)
    y = shower.source_y + distance * np.sin(shower.core_angle)
    along, across = _rotate(pixels, x, y, orientation)
    density = _ellipse(along, across, length, width)
    for _ in range(clumps):
        share = rng.uniform(0.05, 0.3)
        shift = rng.normal(0, [1.6 * length, 2.5 * width])
        clump = _ellipse(along - shift[0], across - shift[1], 0.5 * length, 0.7 * width)
        density = (1 - share) * density + share * clump
    gradient = 6.0 * (shower.impact / 60 - 0.8)
    time = PULSE_TIME + np.clip(gradient * along, -10, 14)
    if hadronic:
        time = time + rng.normal(0, 1.0)
    charge = rng.poisson(light * density * pixels.area).astype(float)
    return Image(charge, time) if charge.sum() >= TRIGGER_CHARGE else None


def muon_image(
    rng: np.random.Generator, pixels: Pixels, radius: float = 1.1, peak: float = 30.0
) -> Image:
    """Return a full ring of a muon through the mirror.

    Parameters
    ----------
    rng
        Source of random numbers.
    pixels
        The camera.
    radius
        Of the ring in degrees; 1.2 is the most that muons give at 2200 m.
    peak
        Photo-electrons of a pixel on the ring; with 30 lstchain's muon analysis finds them all.
    """
    centre = rng.normal(0, 0.1, 2)
    distance = np.hypot(pixels.x - centre[0], pixels.y - centre[1])
    ring = rng.normal(radius, 0.03) * METRES_PER_DEGREE
    mean = peak * np.exp(-0.5 * ((distance - ring) / 0.025) ** 2)
    return Image(rng.poisson(mean).astype(float), np.full(pixels.x.shape, PULSE_TIME))


def flatfield_image(rng: np.random.Generator, pixels: Pixels, mean: float = 75.0) -> Image:
    """Return a flash of the calibration box: ``mean`` p.e. in every pixel (75 with filters 52)."""
    shape = pixels.x.shape
    time = PULSE_TIME + rng.normal(0, 0.5) + rng.normal(0, 0.3, shape)
    return Image(rng.poisson(mean, shape).astype(float), time)


def _rotate(pixels: Pixels, x: float, y: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels' coordinates along and across an axis through (x, y)."""
    dx, dy = pixels.x - x, pixels.y - y
    cos, sin = np.cos(angle), np.sin(angle)
    return dx * cos + dy * sin, dy * cos - dx * sin


def _ellipse(along: np.ndarray, across: np.ndarray, length: float, width: float) -> np.ndarray:
    """Return a density in 1/m2, Gaussian across and with a longer tail forwards than backwards."""
    sigma = np.where(along > 0, 1.35 * length, 0.65 * length)
    exponent = -0.5 * ((along / sigma) ** 2 + (across / width) ** 2)
    return np.asarray(np.exp(exponent) / (2 * np.pi * length * width))
