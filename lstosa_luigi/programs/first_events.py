"""Say what the first events of a raw file hold: how many gains, and whether they are calibrated.

``python first_events.py --output-file=JSON R0 ...``: the first file that tells is enough. Reads as
``ctapipe_io_lst`` does, but with protozfits alone: ctapipe takes seconds to import.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOOKED_AT = 200
"""Events that are looked at most."""
ENOUGH = 10
"""Showers that are enough: an event builder treats all alike."""

SHOWERS = (32, 255)
"""SUBARRAY and UNKNOWN (ctapipe.containers.EventType): what gain selection is made of."""
PE_CALIBRATION = 1 << 6
"""Of ``tdp_action`` (ctapipe_io_lst.evb_preprocessing.EVBPreprocessingFlag)."""
HIGH_GAIN, LOW_GAIN = 0b0100, 0b1000
"""Of ``pixel_status`` (ctapipe_io_lst.constants.PixelStatus)."""


class Unreadable(Exception):
    """Nothing can be said about the file; the text says why."""


def main() -> int:
    """Write what was found; exit code 1 if nothing can be said."""
    parser = argparse.ArgumentParser(description="Say what the first events of a raw file hold.")
    parser.add_argument("--output-file", type=Path, required=True, help="JSON")
    parser.add_argument("files", type=Path, nargs="+", metavar="R0", help="raw data of one run")
    options = parser.parse_args()
    for file in options.files:
        try:
            found = look(file)
        except Unreadable as error:
            print(f"Cannot tell how {file} was recorded: {error}", file=sys.stderr)
            continue
        options.output_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 0
    return 1


def look(path: Path) -> dict[str, Any]:
    """Return how many of the first showers have which number of gains, and are calibrated.

    Of a file that begins with other events than showers, these tell.
    """
    import protozfits

    try:
        with protozfits.File(str(path), pure_protobuf=True) as file:
            if not hasattr(file, "Events"):
                raise Unreadable("it has no table Events")
            is_r1 = hasattr(file, "CameraConfiguration")
            read = _of_r1 if is_r1 else _of_protor1
            events = list(read(file.Events, protozfits.any_array_to_numpy))
            data_format = str(file.Events.header["PBFHEAD"])
    except Unreadable:
        raise
    except Exception as error:  # whatever protozfits makes of a file that it does not know
        raise Unreadable(f"protozfits cannot read it ({type(error).__name__}: {error})") from error
    if not events:
        raise Unreadable(f"none of its first {LOOKED_AT} events is a good one")
    showers = [event for event in events if event[0]]
    told = showers or events
    return {
        "file": str(path),
        "data_format": data_format,
        "looked_at": "showers" if showers else "events",
        "events": len(told),
        "gains": {str(n): count for n, count in sorted(Counter(e[1] for e in told).items())},
        "calibrated": sum(event[2] for event in told),
    }


def _of_r1(table: Any, _array: Any) -> Iterator[tuple[bool, int, bool]]:
    """Yield of each event whether it is a shower, its gains, whether it is calibrated."""
    showers = 0
    for index in range(min(len(table), LOOKED_AT)):
        event = table[index]
        if event.event_id == 0:  # corrupted (lstchain_r0_to_r0g)
            continue
        is_shower = event.event_type in SHOWERS
        yield is_shower, int(event.num_channels), bool(event.debug.tdp_action & PE_CALIBRATION)
        showers += is_shower
        if showers == ENOUGH:
            return


def _of_protor1(table: Any, array: Any) -> Iterator[tuple[bool, int, bool]]:
    """Yield the same of events of before 2023, of which the status of the pixels tells the gains.

    They do not say what triggered them, and the event builder did not calibrate then.
    """
    for index in range(min(len(table), ENOUGH)):
        status = array(table[index].pixel_status)
        if not status.any():  # every pixel is broken
            continue
        is_selected = bool((((status & HIGH_GAIN) > 0) != ((status & LOW_GAIN) > 0)).any())
        yield True, 1 if is_selected else 2, False


if __name__ == "__main__":
    sys.exit(main())
