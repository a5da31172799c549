"""Print as JSON what lstchain sees of a simulated night. Run by the tests in its environment."""

import json
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
import pandas as pd
from astropy.coordinates import SkyCoord
from astropy.utils import iers
from ctapipe_io_lst import LSTEventSource
from lstchain.io.io import check_mc_type, dl1_params_lstcam_key
from lstchain.onsite import find_systematics_correction_file, find_time_calibration_file
from lstchain.reco.utils import radec_to_camera
from traitlets.config import Config

CRAB = SkyCoord(83.633 * u.deg, 22.0145 * u.deg)


def read_subrun(path, drive_log):
    """Return facts of the events of a subrun and where the source was."""
    facts = {
        "id": [],
        "type": [],
        "time": [],
        "gains": [],
        "charge": [],
        "source": [],
    }
    with LSTEventSource(
        path,
        apply_drs4_corrections=False,
        config=Config(
            {
                "LSTEventSource": {
                    "pointing_information": drive_log is not None,
                    "PointingSource": {"drive_report_path": drive_log},
                }
            }
        ),
    ) as source:
        for event in source:
            waveform = event.r1.tel[1].waveform
            facts["id"].append(int(event.index.event_id))
            facts["type"].append(event.trigger.event_type.name)
            facts["time"].append(float(event.trigger.time.unix))
            facts["gains"].append(waveform.shape[0])
            facts["charge"].append(float(np.median(waveform[0].sum(axis=1))))
            if drive_log is not None:
                position = radec_to_camera(
                    CRAB,
                    event.trigger.time,
                    event.pointing.tel[1].altitude,
                    event.pointing.tel[1].azimuth,
                    29.30565 * u.m,
                )
                facts["source"].append([position.x.to_value(u.m), position.y.to_value(u.m)])
    return facts


def read_sample(path):
    """Return facts of a file of Monte Carlo."""
    events = pd.read_hdf(path, key=dl1_params_lstcam_key)
    return {
        "events": len(events),
        "kind": check_mc_type(path),
        "finite": bool(
            np.isfinite(events[["width", "length", "time_gradient", "disp_norm"]]).all(None)
        ),
        "mc_type": sorted({int(value) for value in events["mc_type"]}),
        "width": float(events["width"].median()),
        "offset": float(
            np.rad2deg(np.arctan(np.hypot(events.src_x, events.src_y) / 29.30565)).max()
        ),
    }


def main(base, day):
    """Print the facts of the night of ``day`` below ``base``."""
    iers.conf.auto_download = False
    base = Path(base)
    drive_log = base / f"monitoring/DrivePositioning/DrivePosition_log_{day}.txt"
    first_streams = sorted((base / "R0" / day).glob("LST-1.1.*.fits.fz"))
    data_begin = 3
    facts = {"runs": {}, "mc": {}}
    for path in first_streams:
        run = path.name.removeprefix("LST-1.1.Run").removesuffix(".fits.fz")
        log = drive_log if int(run.split(".")[0]) >= data_begin else None
        facts["runs"][run] = read_subrun(path, log)
    for path in sorted((base / "mc").rglob("*.h5")):
        facts["mc"]["/".join(path.parts[-4:-1])] = read_sample(path)
    facts["time_calibration"] = find_time_calibration_file("pro", 2, base_dir=base).name
    facts["systematics"] = find_systematics_correction_file("pro", day, base_dir=base).name
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
