"""Which events a subrun of a DATA run holds, and when they come. Needs numpy only."""

from __future__ import annotations

__all__ = ["SubrunSchedule", "run_length", "schedule_subrun"]

import dataclasses

import numpy as np

from lstosa_luigi.simulation.options import NightOptions

EVENT_RATE = 1000.0
"""Hz; lstchain_create_dl3_file takes events 10 ms apart for a stop of the data taking."""

DEAD_TIME = 7e-6
"""Seconds of LST-1's readout after every event."""

SUBRUN_SPACING = 10.0
"""Seconds from one subrun to the next, about as long as real ones last."""

TYPE_GUESS_EVENTS = 500
TYPE_GUESS_PEDESTALS = 45
"""lstchain_create_run_summary takes a run for PEDCALIB if of its first 500 events 50 or more are
pedestals, which real DATA runs are far from."""


@dataclasses.dataclass(frozen=True)
class SubrunSchedule:
    """Events of a subrun: first event number, times in s since the run's start, what they are."""

    first_event: int
    times: np.ndarray
    labels: tuple[str, ...]


def schedule_subrun(options: NightOptions, run: int, subrun: int) -> SubrunSchedule:
    """Return what happens when in a subrun of a DATA run.

    The first subrun gets more showers where its pedestals would make lstchain take the run for
    another type (`TYPE_GUESS_PEDESTALS`); they come before most of the pedestals.
    """
    rng = np.random.default_rng([options.seed, run, subrun, 1])
    n_pedestals = options.pedestals_of(run)
    counts = [_count(options, n_pedestals, s) for s in range(subrun + 1)]
    not_showers = n_pedestals + options.flatfields + options.muons
    others = ["shower"] * (counts[subrun] - not_showers)
    others += ["flatfield"] * options.flatfields + ["muon"] * options.muons
    pedestals = ["pedestal"] * n_pedestals
    if subrun == 0 and n_pedestals > TYPE_GUESS_PEDESTALS:
        early = TYPE_GUESS_EVENTS - TYPE_GUESS_PEDESTALS
        rng.shuffle(others)
        begin = others[:early] + pedestals[:TYPE_GUESS_PEDESTALS]
        rest = others[early:] + pedestals[TYPE_GUESS_PEDESTALS:]
        rng.shuffle(begin)
        rng.shuffle(rest)
        labels = begin + rest
    else:
        labels = others + pedestals
        rng.shuffle(labels)
    gaps = DEAD_TIME + rng.exponential(1 / EVENT_RATE, len(labels))
    times = subrun * _spacing(options) + np.cumsum(gaps)
    return SubrunSchedule(1 + sum(counts[:-1]), times, tuple(labels))


def run_length(options: NightOptions) -> float:
    """Return how many seconds a DATA run lasts."""
    return options.subruns * _spacing(options)


def _spacing(options: NightOptions) -> float:
    """Return the seconds from one subrun to the next: no subrun outlasts half of it or so."""
    return max(SUBRUN_SPACING, 2 * _count(options, options.pedestals, 0) / EVENT_RATE)


def _count(options: NightOptions, pedestals: int, subrun: int) -> int:
    """Return the number of events of a subrun that has so many pedestals."""
    count = options.events + pedestals + options.flatfields + options.muons
    if subrun == 0 and pedestals > TYPE_GUESS_PEDESTALS:
        least = TYPE_GUESS_EVENTS - TYPE_GUESS_PEDESTALS + pedestals
        return max(count, least)
    return count
