"""Schedule, images and camera response: what needs numpy only."""

import dataclasses
import itertools
from collections import Counter

import numpy as np
import pytest

from lstosa_luigi.simulation.camera import (
    BASELINE_OFFSET,
    N_PIXELS,
    CalibratedResponse,
    CameraResponse,
    PulseShapes,
)
from lstosa_luigi.simulation.images import (
    METRES_PER_DEGREE,
    TRIGGER_CHARGE,
    Image,
    Particle,
    Pixels,
    draw_energy,
    draw_shower,
    flatfield_image,
    muon_image,
    shower_image,
)
from lstosa_luigi.simulation.options import parse
from lstosa_luigi.simulation.schedule import run_length, schedule_subrun

DEFAULT = parse(["--base", "data", "--date", "2024-03-02"])
TINY = parse(["--base", "data", "--date", "2024-03-02", "--tiny"])


@pytest.fixture(scope="module")
def pixels():
    """A square camera of the size of LSTCam."""
    side = np.arange(-21, 22) * 0.05
    x, y = np.meshgrid(side, side)
    return Pixels(x.ravel(), y.ravel(), 0.05**2)


@pytest.fixture(scope="module")
def pulses():
    time = np.linspace(-10, 25, 1401)
    pulse = np.exp(-0.5 * (time / 1.2) ** 2)
    pulse /= pulse.sum() * (time[1] - time[0])
    return PulseShapes(time, np.array([pulse, pulse]), 1.0)


class TestSchedule:
    def test_lstchain_takes_the_first_500_events_of_the_run_for_data(self):
        labels = schedule_subrun(DEFAULT, 3, 0).labels
        assert Counter(labels[:500])["pedestal"] < 50
        assert len(labels) >= 500

    @pytest.mark.parametrize("subrun", [0, 1])
    def test_every_subrun_has_the_events_that_were_asked_for(self, subrun):
        counts = Counter(schedule_subrun(DEFAULT, 3, subrun).labels)
        assert counts["pedestal"] == DEFAULT.pedestals
        assert counts["flatfield"] == DEFAULT.flatfields
        assert counts["muon"] == DEFAULT.muons
        assert counts["shower"] >= DEFAULT.events

    @pytest.mark.parametrize("subrun", [0, 1])
    def test_a_run_with_few_pedestals_has_less_than_tailcuts_need_and_leaves_others_alone(
        self, subrun
    ):
        options = dataclasses.replace(DEFAULT, few_pedestals=(3,))
        counts = Counter(schedule_subrun(options, 3, subrun).labels)
        assert 0 < counts["pedestal"] < 100
        assert counts["flatfield"] == DEFAULT.flatfields
        other = schedule_subrun(options, 4, subrun)
        assert other.labels == schedule_subrun(DEFAULT, 4, subrun).labels
        assert list(other.times) == list(schedule_subrun(DEFAULT, 4, subrun).times)

    def test_only_the_first_subrun_gets_more_showers(self):
        assert Counter(schedule_subrun(DEFAULT, 3, 1).labels)["shower"] == DEFAULT.events

    def test_tiny_subruns_get_no_more_showers(self):
        assert Counter(schedule_subrun(TINY, 3, 0).labels)["shower"] == TINY.events

    def test_event_numbers_go_on_over_the_subruns(self):
        options = dataclasses.replace(DEFAULT, subruns=3)
        parts = [schedule_subrun(options, 3, s) for s in range(3)]
        assert parts[0].first_event == 1
        for earlier, later in itertools.pairwise(parts):
            assert later.first_event == earlier.first_event + len(earlier.labels)
            assert later.times[0] > earlier.times[-1] + 1
        assert run_length(options) > parts[-1].times[-1]

    def test_events_come_at_random_and_less_than_ten_milliseconds_apart(self):
        gaps = np.diff(schedule_subrun(DEFAULT, 3, 0).times)
        assert gaps.min() >= 7e-6
        assert np.mean(gaps < 0.01) > 0.99
        assert np.mean(gaps) == pytest.approx(1e-3, rel=0.2)
        assert np.std(gaps) == pytest.approx(1e-3, rel=0.3)

    def test_same_seed_same_events_other_seed_others(self):
        again = schedule_subrun(DEFAULT, 3, 1)
        assert again.labels == schedule_subrun(DEFAULT, 3, 1).labels
        other = schedule_subrun(dataclasses.replace(DEFAULT, seed=2), 3, 1)
        assert again.labels != other.labels


def showers(pixels, particle, number, seed=1):
    rng = np.random.default_rng(seed)
    images = []
    while len(images) < number:
        shower = draw_shower(rng, particle, draw_energy(rng, -2.0, 0.3, 5.0), (0.2, -0.1))
        image = shower_image(rng, pixels, shower)
        if image is not None:
            images.append((shower, image))
    return images


def moments(pixels, image):
    """Centre, length, width, and angle of the axis of an image."""
    weight = image.charge / image.charge.sum()
    centre = np.array([weight @ pixels.x, weight @ pixels.y])
    offsets = np.array([pixels.x, pixels.y]) - centre[:, None]
    values, vectors = np.linalg.eigh((offsets * weight) @ offsets.T)
    return centre, np.sqrt(values[1]), np.sqrt(values[0]), vectors[:, 1]


class TestShowers:
    def test_gammas_point_to_where_they_come_from(self, pixels):
        misses = []
        for shower, image in showers(pixels, Particle.GAMMA, 100):
            centre, _, _, axis = moments(pixels, image)
            dx, dy = np.array([shower.source_x, shower.source_y]) - centre
            misses.append(abs(dx * axis[1] - dy * axis[0]))
        assert np.median(misses) < 0.1 * METRES_PER_DEGREE

    def test_protons_are_wider_and_point_worse(self, pixels):
        gammas = [moments(pixels, i)[2] for _, i in showers(pixels, Particle.GAMMA, 100)]
        protons = [moments(pixels, i)[2] for _, i in showers(pixels, Particle.PROTON, 100)]
        assert np.median(protons) > 1.5 * np.median(gammas)

    def test_light_grows_with_energy(self, pixels):
        rng = np.random.default_rng(1)
        shower = draw_shower(rng, Particle.GAMMA, 0.2, (0.0, 0.0))
        near = dataclasses.replace(shower, impact=80.0)
        faint = shower_image(rng, pixels, near)
        bright = shower_image(rng, pixels, dataclasses.replace(near, energy=2.0))
        assert bright.charge.sum() > 5 * faint.charge.sum()

    def test_faint_showers_are_not_recorded(self, pixels):
        rng = np.random.default_rng(1)
        shower = draw_shower(rng, Particle.GAMMA, 0.005, (0.0, 0.0))
        assert shower_image(rng, pixels, shower) is None

    def test_recorded_showers_are_above_threshold(self, pixels):
        charges = [i.charge.sum() for _, i in showers(pixels, Particle.PROTON, 50)]
        assert min(charges) >= TRIGGER_CHARGE

    def test_energies_follow_the_power_law(self):
        rng = np.random.default_rng(1)
        energies = np.array([draw_energy(rng, -2.0, 0.05, 20.0) for _ in range(5000)])
        assert energies.min() >= 0.05
        assert energies.max() <= 20.0
        assert np.mean(energies > 0.1) == pytest.approx((10 - 0.05) / (20 - 0.05), abs=0.03)


def test_muon_is_a_ring_of_about_one_degree(pixels):
    image = muon_image(np.random.default_rng(1), pixels)
    radius = np.hypot(pixels.x, pixels.y)[image.charge > 10] / METRES_PER_DEGREE
    assert radius.min() > 0.7
    assert radius.max() < 1.6
    assert np.count_nonzero(image.charge > 10) >= 50  # lstchain looks only at such images


def test_flatfield_fills_every_pixel_alike(pixels):
    image = flatfield_image(np.random.default_rng(1), pixels)
    assert image.charge.mean() == pytest.approx(75, rel=0.02)
    assert image.charge.std() == pytest.approx(np.sqrt(75), rel=0.1)


class TestCamera:
    def image(self, charge):
        return Image(np.full(N_PIXELS, float(charge)), np.full(N_PIXELS, 18.0))

    def test_charge_comes_out_as_adc_counts_of_both_gains(self, pulses):
        camera = CameraResponse(pulses, seed=1)
        raw = camera.digitise(np.random.default_rng(1), self.image(50), nsb_rate=0.0)
        assert raw.dtype == np.uint16
        assert raw.shape == (2, N_PIXELS, 40)
        signal = raw.astype(float) - BASELINE_OFFSET - camera.baseline[:, :, None]
        assert signal[0].sum(axis=1).mean() == pytest.approx(50 * 86, rel=0.02)
        assert signal[1].sum(axis=1).mean() == pytest.approx(50 * 5, rel=0.02)

    def test_high_gain_saturates_and_low_gain_does_not(self, pulses):
        camera = CameraResponse(pulses, seed=1)
        raw = camera.digitise(np.random.default_rng(1), self.image(500))
        assert raw[0].max() == 4095
        assert raw[1].max() < 4095

    def test_background_widens_the_baseline_and_does_not_move_it(self, pulses):
        camera = CameraResponse(pulses, seed=1)
        dark = self.image(0)
        quiet = camera.digitise(np.random.default_rng(1), dark, nsb_rate=0.0)
        noisy = camera.digitise(np.random.default_rng(1), dark, nsb_rate=0.4)
        assert noisy[0].std() > 2 * quiet[0].std()
        assert noisy[0].mean() == pytest.approx(quiet[0].mean(), abs=1.0)

    def test_event_builder_may_calibrate_to_photoelectrons(self, pulses):
        camera = CalibratedResponse(pulses, seed=1)
        raw = camera.digitise(np.random.default_rng(1), self.image(50))
        charge = (raw / camera.waveform_scale - camera.waveform_offset).sum(axis=2)
        expected = 50 / pulses.calibration_fraction()
        assert charge.mean() == pytest.approx(expected, rel=0.02)

    def test_same_seed_same_counts(self, pulses):
        first, second = (
            CameraResponse(pulses, 1).digitise(np.random.default_rng(5), self.image(3))
            for _ in range(2)
        )
        np.testing.assert_array_equal(first, second)
