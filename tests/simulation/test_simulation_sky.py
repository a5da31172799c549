"""The source of the night, run times and the pointing."""

import datetime as dt

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, SkyCoord, get_sun
from astropy.time import Time

from lstosa_luigi.simulation import sky


@pytest.fixture(autouse=True, scope="module")
def _offline():
    from astropy.utils import iers

    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        yield


def test_crab_is_observed_early_in_march():
    plan = sky.plan_night(dt.date(2024, 3, 2))
    assert plan.source.name == "Crab"
    assert [run.kind for run in plan.runs] == ["DRS4", "PEDCALIB", "DATA", "DATA"]
    assert [run.number for run in plan.runs] == [1, 2, 3, 4]
    start = dt.datetime.fromtimestamp(plan.runs[0].start, dt.timezone.utc)
    assert start.date() == dt.date(2024, 3, 2)
    assert 20 <= start.hour < 22


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_has_a_source_in_the_dark_and_high_in_the_sky(month):
    plan = sky.plan_night(dt.date(2025, month, 15))
    unix = np.array([run.start for run in plan.runs] + [plan.end])
    altitude, _ = sky.altaz(plan.source.ra, plan.source.dec, unix)
    assert (altitude > 40).all()
    frame = AltAz(obstime=Time(unix, format="unix"), location=sky.LOCATION)
    assert (get_sun(frame.obstime).transform_to(frame).alt.deg < -15).all()
    noon = dt.datetime(2025, month, 15, 12, tzinfo=dt.timezone.utc).timestamp()
    assert ((unix > noon) & (unix < noon + 86_400)).all()


def test_data_runs_point_beside_the_source_on_both_sides():
    plan = sky.plan_night(dt.date(2024, 3, 2))
    source = SkyCoord(plan.source.ra * u.deg, plan.source.dec * u.deg)
    first, second = (SkyCoord(r.ra * u.deg, r.dec * u.deg) for r in plan.data_runs)
    assert first.separation(source).deg == pytest.approx(0.4)
    assert second.separation(source).deg == pytest.approx(0.4)
    assert first.separation(second).deg == pytest.approx(0.8, abs=1e-3)


def test_runs_that_are_left_out_keep_their_numbers_free():
    plan = sky.plan_night(dt.date(2024, 3, 2), first_run=100, drs4_run=False, pedcalib_run=False)
    assert [run.number for run in plan.runs] == [102, 103]


def test_long_runs_do_not_overlap():
    plan = sky.plan_night(dt.date(2024, 3, 2), run_length=1000)
    first, second = plan.data_runs
    assert second.start >= first.start + 1000
    assert plan.end >= second.start + 1000


def test_night_too_short_for_the_runs_says_what_to_do():
    with pytest.raises(sky.NoSourceError, match="ask for fewer --data-runs"):
        sky.plan_night(dt.date(2024, 6, 20), data_runs=60)
