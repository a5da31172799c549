"""What lies beside the raw data: drive logs, run catalogue, calibration that is not remade nightly.

Also the configuration files with which a small night passes the chain.
"""

from __future__ import annotations

__all__ = [
    "atomic",
    "write_configs",
    "write_drive_logs",
    "write_run_catalog",
    "write_standing_calibration",
]

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.table import Table

from lstosa_luigi.simulation.sky import NightPlan, altaz

CALIBRATION_TREE = Path("monitoring/PixelCalibration/Cat-A")

DRIVE_STEP = 2
"""Seconds from one line of the drive log to the next; the true step is shorter."""

DRIVE_MARGIN = 300
"""Seconds that the logs go on before the first and after the last run."""

SLEW_AHEAD = 120
"""Seconds before a run's start at which the telescope tracks its pointing."""

BENDING_CORRECTION = (0.0001, -0.0001)
"""Degrees of azimuth and zenith; the sum of log and correction is the true pointing."""

N_HARMONICS = 16
"""Fourier terms of the DRS4 time calibration (lstchain's TimeCorrectionCalculate)."""

BUFFER_EVENTS = 500
"""Instead of 10,000: buffers of that size cost each r0_to_dl1 11 s and 1.7 GB.

More than a subrun has interleaved pedestals, as in real data: a full buffer adds a row to the
pedestals of a DL1 file but none to its calibration, and lstchain_dl1ab cannot combine the two.
"""

TRAINING = {"gamma_tmp_regressors": 0.5, "gamma_classifier": 0.5}
"""Instead of 0.8 and 0.2 of the gammas: as many as that leaves among a few thousand events would
be outnumbered by the protons, and gammaness be low for all."""

FOREST = {"n_estimators": 30, "max_depth": 20, "n_jobs": 1}
"""Instead of 50 to 100 trees of depth 30: a few thousand toy events need no more, and models of
this size load at once.

One thread instead of all: threads add the trees up in the order in which they happen to end, and
two reconstructions of the same events then differ in the last bit."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write to; it becomes ``path`` when all went well.

    The suffix stays, since some writers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".part-{path.name}")
    partial.unlink(missing_ok=True)
    yield partial
    partial.replace(path)


def write_drive_logs(base: Path, plan: NightPlan) -> list[Path]:
    """Write where the telescope pointed and return the three files.

    Parameters
    ----------
    base
        Directory of the data tree.
    plan
        The night.
    """
    begin = int(plan.runs[0].start) - DRIVE_MARGIN
    end = int(plan.end) + DRIVE_MARGIN
    unix = np.arange(begin, end + 1, DRIVE_STEP)
    changes = np.array([run.start - SLEW_AHEAD for run in plan.runs[1:]])
    which = np.searchsorted(changes, unix, side="right")
    azimuth, zenith = np.empty(len(unix)), np.empty(len(unix))
    for i, run in enumerate(plan.runs):
        now = which == i
        altitude, azimuth[now] = altaz(run.ra, run.dec, unix[now])
        zenith[now] = 90 - altitude
    daz, dzd = BENDING_CORRECTION
    # The reader interpolates between lines, so there must be no jump from 360 to 0.
    azimuth = np.unwrap(azimuth, period=360)
    logged = np.column_stack([azimuth - daz, zenith - dzd])
    drive = [f"{t} {az:.6f} {zd:.6f}" for t, (az, zd) in zip(unix, logged, strict=True)]
    bending = [f"{t} {daz:.6f} {dzd:.6f}" for t in unix]
    edges = [begin, *changes.astype(int), end]
    target = []
    for i, run in enumerate(plan.runs):
        target.append(f"{edges[i]} TrackStart {run.ra:.6f} {run.dec:.6f} {plan.source.name}")
        target.append(f"{edges[i + 1] - 1} TrackEnd")

    directory = base / "monitoring/DrivePositioning"
    written = []
    for name, lines in (
        ("DrivePosition", drive),
        ("BendingModelCorrection", bending),
        ("Target", target),
    ):
        path = directory / f"{name}_log_{plan.date:%Y%m%d}.txt"
        with atomic(path) as partial:
            partial.write_text("".join(f"{line}\n" for line in lines))
        written.append(path)
    return written


def write_run_catalog(base: Path, plan: NightPlan) -> Path:
    """Write which source the DATA runs looked at, as lstosa's run catalogue has it."""
    runs = plan.data_runs
    source = plan.source
    table = Table(
        {
            "run_id": np.array([run.number for run in runs], np.int32),
            "source_name": np.array([source.name] * len(runs), dtype=str),
            "source_ra": np.full(len(runs), source.ra),
            "source_dec": np.full(len(runs), source.dec),
        }
    )
    path = base / f"monitoring/RunCatalog/RunCatalog_{plan.date:%Y%m%d}.ecsv"
    with atomic(path) as partial:
        table.write(partial, format="ascii.ecsv", delimiter=",")
    return path


def write_standing_calibration(base: Path, date: dt.date) -> list[Path]:
    """Write the calibration that a night takes from an earlier day, and return its two files.

    The DRS4 time calibration is flat (Fourier terms all zero, shape (2, 1855, 16)) and the
    systematics of the F-factor are nil (``B_term``, shape (2, 1855)), as the simulated camera is.
    Both date from the first of January and have run number 0, so lstchain's searches find them.
    """
    day = f"{date:%Y}0101"
    harmonics = np.zeros((2, 1855, N_HARMONICS))
    folder = base / CALIBRATION_TREE / "drs4_time_sampling_from_FF" / day / "pro"
    time = folder / "time_calibration.Run00000.0000.h5"
    folder = base / CALIBRATION_TREE / "ffactor_systematics" / day / "pro"
    systematics = folder / f"ffactor_systematics_{day}.h5"
    _write_arrays(time, {"fan": harmonics, "fbn": harmonics})
    _write_arrays(systematics, {"B_term": np.zeros((2, 1855))})
    return [time, systematics]


def write_configs(base: Path) -> list[Path]:
    """Write the configurations for small nights and return them.

    ``lstchain_config.json`` is lstchain's standard one with small buffers and small forests, for
    r0_to_dl1, dl1ab, training and dl1_to_dl2. ``dl3_config.json`` holds cuts for the creation of
    IRFs and DL3 files: loose enough that a few events of a small night survive.
    """
    from lstchain.io.config import get_standard_config

    config = get_standard_config()
    calibration = config["LSTCalibrationCalculator"]
    calibration["PedestalIntegrator"]["sample_size"] = BUFFER_EVENTS
    calibration["FlasherFlatFieldCalculator"]["sample_size"] = BUFFER_EVENTS
    config["n_training_events"].update(TRAINING)
    for key, value in config.items():
        if key.startswith("random_forest_") and key.endswith("_args"):
            value.update(FOREST)
    cuts = {
        "EventSelector": {
            "filters": {
                "intensity": [50, float("inf")],
                "r": [0, 1.2],
                "wl": [0.01, 1],
                "leakage_intensity_width_2": [0, 0.8],
                "event_type": [32, 32],
            }
        },
        "DL3Cuts": {"global_gh_cut": 0.5, "global_theta_cut": 0.2},
    }
    return [
        _write_json(base / "config/lstchain_config.json", config),
        _write_json(base / "config/dl3_config.json", cuts),
    ]


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    with atomic(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic(path) as partial, h5py.File(partial, "w") as file:
        for name, values in arrays.items():
            file[name] = values
