"""The camera's response: photo-electrons in, digitised waveforms out, and charges back again.

A toy of LSTCam with the real geometry and pulse shapes of ctapipe_io_lst. Nothing here knows files.
"""

from __future__ import annotations

__all__ = [
    "BASELINE_OFFSET",
    "N_GAINS",
    "N_MODULES",
    "N_PIXELS",
    "N_SAMPLES",
    "CalibratedResponse",
    "CameraResponse",
    "PulseShapes",
    "lst_pixels",
    "lst_pulses",
]

import dataclasses
import warnings

import numpy as np

from lstosa_luigi.simulation.images import Image, Pixels

N_GAINS = 2
N_PIXELS = 1855
N_MODULES = 265
N_SAMPLES = 40

BASELINE_OFFSET = 400
"""ADC counts the event builder adds after it has subtracted the baseline."""

GAIN = (86.0, 5.0)
"""ADC counts in the summed samples for one p.e., high and low gain (ctapipe_io_lst's tests)."""

GAIN_SPREAD = 0.05
"""Relative spread of the gain over the pixels."""

BASELINE_SPREAD = 4.0
"""ADC counts left after the event builder's baseline; the DRS4 run finds them back."""

ELECTRONIC_NOISE = (5.0, 1.5)
"""Standard deviation of a sample in ADC counts, high and low gain."""

EXCESS_NOISE2 = 1.222
"""Squared excess noise factor of the photomultipliers (lstchain's standard configuration)."""

NSB_RATE = 0.39
"""Night-sky background in p.e./ns and pixel, such that lstchain_find_tailcuts asks for cleaning
8/4 and 0.14 p.e./ns on top of its dark Monte Carlo: the level of the simulated training data."""

LEAD_SAMPLES = 32
"""Samples before the readout window whose background still leaves a tail in it."""

CALIBRATION_WINDOW = (5, 12)
"""Shift and width of the window that charges are calibrated in (lstchain, onsite calibration)."""


@dataclasses.dataclass(frozen=True)
class PulseShapes:
    """Single-p.e. pulses of both gains.

    Attributes
    ----------
    time
        ns relative to the peak of the high gain, shape (n_points,).
    shape
        Pulses per sample of unit area, shape (2, n_points).
    sample_width
        ns from one sample of the camera to the next.
    """

    time: np.ndarray
    shape: np.ndarray
    sample_width: float

    def at(self, gain: int, time: np.ndarray) -> np.ndarray:
        """Return the pulse of a gain at times in ns relative to its peak, in 1/sample."""
        return np.asarray(np.interp(time, self.time, self.shape[gain], left=0.0, right=0.0))

    def samples(self, gain: int, peak: np.ndarray) -> np.ndarray:
        """Return pulses in the readout window, shape (n, N_SAMPLES).

        Parameters
        ----------
        gain
            0 for high, 1 for low.
        peak
            Peak times in ns after the start of the window, shape (n,).
        """
        time = np.arange(N_SAMPLES) * self.sample_width - np.asarray(peak)[:, None]
        return self.at(gain, time)

    def calibration_fraction(self) -> float:
        """Return the part of a high-gain pulse that falls into the calibration window."""
        shift, width = CALIBRATION_WINDOW
        phase = np.linspace(-0.5, 0.5, 21)[:, None]
        samples = np.arange(width) - shift + phase
        return float(self.at(0, samples * self.sample_width).sum(axis=1).mean())


def lst_pixels() -> Pixels:
    """Return the pixels of LSTCam."""
    from ctapipe_io_lst import load_camera_geometry

    geometry = load_camera_geometry()
    return Pixels(
        geometry.pix_x.to_value("m"),
        geometry.pix_y.to_value("m"),
        float(geometry.pix_area[0].to_value("m2")),
    )


def lst_pulses() -> PulseShapes:
    """Return the pulse shapes of LSTCam."""
    from ctapipe_io_lst import read_pulse_shapes

    with warnings.catch_warnings():
        # ctapipe's provenance misses reference metadata in ctapipe_io_lst's own table.
        warnings.simplefilter("ignore")
        sample_width, step, shape = read_pulse_shapes()
    step, sample_width = step.to_value("ns"), sample_width.to_value("ns")
    unit_area = shape / shape.sum(axis=1, keepdims=True) / step * sample_width
    time = (np.arange(shape.shape[1]) - shape[0].argmax()) * step
    return PulseShapes(time, unit_area, sample_width)


class CameraResponse:
    """Pixels with a gain, a baseline, electronic noise and night-sky background.

    Parameters
    ----------
    pulses
        Pulse shapes.
    seed
        Decides the gains and baselines of the pixels.
    """

    waveform_offset = float(BASELINE_OFFSET)
    waveform_scale = 1.0

    def __init__(self, pulses: PulseShapes, seed: int) -> None:
        self.pulses = pulses
        rng = np.random.default_rng(seed)
        spread = rng.normal(1, GAIN_SPREAD, N_PIXELS)
        self.gain = np.array(GAIN)[:, None] * spread
        self.baseline = np.round(rng.normal(0, BASELINE_SPREAD, (N_GAINS, N_PIXELS)))
        arrival = np.arange(-LEAD_SAMPLES, N_SAMPLES) * pulses.sample_width
        kernel = [pulses.samples(gain, arrival) for gain in range(N_GAINS)]
        self._kernel = np.array(kernel, np.float32)
        self._n_arrivals = len(arrival)

    def photoelectrons(
        self, rng: np.random.Generator, image: Image, nsb_rate: float = NSB_RATE
    ) -> np.ndarray:
        """Return noise-free waveforms in p.e. per sample, shape (2, N_PIXELS, N_SAMPLES).

        The coupling takes the mean of the background away, as in the real camera.

        Parameters
        ----------
        rng
            Source of random numbers.
        image
            Signal in p.e. and its arrival times.
        nsb_rate
            Background in p.e./ns and pixel.
        """
        waveform = self._background(rng, nsb_rate, len(image.charge))
        lit = np.flatnonzero(image.charge)
        if lit.size:
            charge = image.charge[lit]
            charge = charge + np.sqrt((EXCESS_NOISE2 - 1) * charge) * rng.normal(size=lit.size)
            for gain in range(N_GAINS):
                pulse = self.pulses.samples(gain, image.time[lit])
                waveform[gain, lit] += charge[:, None] * pulse
        return waveform

    def digitise(
        self, rng: np.random.Generator, image: Image, nsb_rate: float = NSB_RATE
    ) -> np.ndarray:
        """Return raw waveforms, uint16 ADC counts, shape (2, N_PIXELS, N_SAMPLES).

        Parameters
        ----------
        rng, image, nsb_rate
            As of `photoelectrons`.
        """
        waveform = self.photoelectrons(rng, image, nsb_rate) * self.gain[:, :, None]
        waveform += BASELINE_OFFSET + self.baseline[:, :, None]
        noise = rng.standard_normal(waveform.shape, dtype=np.float32)
        waveform += noise * np.array(ELECTRONIC_NOISE, np.float32)[:, None, None]
        return np.clip(np.round(waveform), 0, 4095).astype(np.uint16)

    def charges(self, rng: np.random.Generator, image: Image) -> np.ndarray:
        """Return calibrated high-gain waveforms, shape (n, N_SAMPLES), as r1 of lstchain.

        The image may have any number of pixels: Monte Carlo asks for the lit ones only.

        Parameters
        ----------
        rng
            Source of random numbers.
        image
            Signal in p.e. and its arrival times, shape (n,).
        """
        waveform = self.photoelectrons(rng, image)[0]
        noise = rng.standard_normal(waveform.shape, dtype=np.float32)
        waveform += noise * np.float32(ELECTRONIC_NOISE[0] / GAIN[0])
        return np.asarray(waveform / np.float32(self.pulses.calibration_fraction()))

    def _background(self, rng: np.random.Generator, nsb_rate: float, n_pixels: int) -> np.ndarray:
        """Return waveforms of background alone, p.e. per sample, without their mean."""
        shape = (n_pixels, self._n_arrivals)
        if nsb_rate <= 0:
            return np.zeros((N_GAINS, n_pixels, N_SAMPLES), np.float32)
        mean = nsb_rate * self.pulses.sample_width
        number = int(rng.poisson(mean * n_pixels * self._n_arrivals))
        where = rng.integers(0, n_pixels * self._n_arrivals, number)
        spread = np.sqrt(EXCESS_NOISE2 - 1)
        charge = 1 + spread * rng.standard_normal(number, dtype=np.float32)
        arrived = np.bincount(where, charge, n_pixels * self._n_arrivals).reshape(shape) - mean
        return np.asarray(np.matmul(arrived.astype(np.float32), self._kernel))


class CalibratedResponse(CameraResponse):
    """A camera whose event builder calibrates to p.e. and stores ``(p.e. + offset) * scale``."""

    waveform_offset = 5.0
    waveform_scale = 20.0

    def digitise(
        self, rng: np.random.Generator, image: Image, nsb_rate: float = NSB_RATE
    ) -> np.ndarray:
        """Return scaled calibrated waveforms, uint16, shape (2, N_PIXELS, N_SAMPLES)."""
        waveform = self.photoelectrons(rng, image, nsb_rate)
        noise = rng.standard_normal(waveform.shape, dtype=np.float32)
        waveform += noise * np.float32(ELECTRONIC_NOISE[0] / GAIN[0])
        waveform /= np.float32(self.pulses.calibration_fraction())
        stored = (waveform + self.waveform_offset) * self.waveform_scale
        return np.clip(np.round(stored), 0, 65_535).astype(np.uint16)
