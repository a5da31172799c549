"""Write small raw files of one kind each; run with the Python of the tools: write_raw.py DIR."""

import sys
from pathlib import Path

import numpy as np
import protozfits
from protozfits.anyarray import numpy_to_any_array as array
from protozfits.ProtoR1_pb2 import CameraConfiguration as OldConfiguration
from protozfits.ProtoR1_pb2 import CameraEvent
from protozfits.R1v1_debug_pb2 import DebugEvent
from protozfits.R1v1_pb2 import CameraConfiguration, Event, TelescopeDataStream

SHOWER, PEDESTAL = 32, 2
BOTH, HIGH, LOW = 0b1100, 0b0100, 0b1000


def write(path: Path, tables: dict[str, list]) -> None:
    out = protozfits.FlatProtobufZOFits(
        n_tiles=10, rows_per_tile=5, compression_block_size_kb=1024, default_compression="raw"
    )
    out.open(str(path))
    for name, messages in tables.items():
        out.move_to_new_table(name)
        for message in messages:
            out.write_message(message)
    out.close()


def r1(kinds: list[tuple[int, int, int]]) -> dict[str, list]:
    """Return tables of events of these types, numbers of gains and actions of the event builder."""
    events = [
        Event(
            event_id=number,
            event_type=kind,
            num_channels=gains,
            waveform=array(np.zeros(gains * 40, np.uint16)),
            debug=DebugEvent(tdp_action=action),
        )
        for number, (kind, gains, action) in enumerate(kinds)
    ]
    configuration = CameraConfiguration(tel_id=1, num_pixels=1, num_samples_nominal=40)
    return {
        "DataStream": [TelescopeDataStream(tel_id=1)],
        "CameraConfiguration": [configuration],
        "Events": events,
    }


def old(*status: int) -> dict[str, list]:
    """Return tables as of before 2023, of events with such a status of two pixels."""
    events = [
        CameraEvent(event_id=n + 1, pixel_status=array(np.array([one, 0], np.uint8)))
        for n, one in enumerate(status)
    ]
    return {"CameraConfig": [OldConfiguration(telescope_id=1)], "Events": events}


FILES = {
    # the first event of each has the number 0, as a corrupted one
    "two": r1([(SHOWER, 1, 64), *[(PEDESTAL, 2, 0)] * 3, *[(SHOWER, 2, 0)] * 20]),
    "one": r1([(SHOWER, 2, 0), *[(PEDESTAL, 2, 0)] * 3, *[(SHOWER, 1, 1)] * 4]),
    "calibrated": r1([(SHOWER, 2, 0), *[(SHOWER, 1, 65)] * 4]),
    "pedestals": r1([(SHOWER, 1, 0), *[(PEDESTAL, 2, 0)] * 4]),
    "corrupted": r1([(SHOWER, 1, 0)]),
    "old_two": old(BOTH, BOTH, 0),
    "old_one": old(HIGH, LOW),
}

if __name__ == "__main__":
    for name, tables in FILES.items():
        write(Path(sys.argv[1]) / f"{name}.fits.fz", tables)
