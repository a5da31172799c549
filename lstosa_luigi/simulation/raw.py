"""Raw data files: one subrun as four zfits streams of R1v1 events, as from the event builder.

The layout is the one of ctapipe_io_lst's own test files (``tests/test_cta_r1.py``); what the
numbers of the trigger patterns mean is told there.
"""

from __future__ import annotations

__all__ = ["N_STREAMS", "EventKind", "RawEvent", "RunHeader", "stream_path", "write_subrun"]

import dataclasses
import enum
import math
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import protozfits
from astropy.time import Time
from ctapipe_io_lst.anyarray_dtypes import (
    CDTS_AFTER_37201_DTYPE,
    DRAGON_COUNTERS_DTYPE,
    TIB_DTYPE,
)
from ctapipe_io_lst.constants import TriggerBits
from ctapipe_io_lst.evb_preprocessing import EVBPreprocessingFlag as Done
from protozfits.anyarray import numpy_to_any_array
from protozfits.R1v1_debug_pb2 import DebugCameraConfiguration, DebugEvent
from protozfits.R1v1_pb2 import CameraConfiguration, Event, TelescopeDataStream

from lstosa_luigi.simulation.camera import BASELINE_OFFSET, N_MODULES, N_PIXELS, N_SAMPLES

N_STREAMS = 4
"""The event builder deals the events to four files."""

DRS4_PER_MODULE = 8

GAIN_THRESHOLD = 3500
"""ADC counts above the offset at which the event builder keeps the low gain."""

CLOCK_HZ = 133e6
"""Local clock of the front-end modules."""

UCTS_ADDRESS = np.frombuffer(socket.inet_pton(socket.AF_INET, "10.0.100.123"), np.uint32)[0]
"""Any address but zero: zero means that no UCTS data came."""

BOTH_GAINS, HIGH_GAIN, LOW_GAIN = 0b1100, 0b0100, 0b1000
"""Bits of the pixel status that say which gain is stored."""

BASIC = Done.BASELINE_SUBTRACTION | Done.DELTA_T_CORRECTION | Done.SPIKE_REMOVAL
"""What the event builder has done to every event. The time-lapse correction is among it because
the simulated cells have no memory of their last readout."""


ROWS_PER_TILE = 20
MIN_TILES = 200
"""A file with more tiles than its catalogue has room for is written, but cannot be read."""


class EventKind(enum.IntEnum):
    """What triggered an event; the numbers are ctapipe's ``EventType``."""

    FLATFIELD = 0
    PEDESTAL = 2
    SHOWER = 32


TRIGGER = {
    EventKind.FLATFIELD: TriggerBits.CALIBRATION,
    EventKind.PEDESTAL: TriggerBits.PEDESTAL,
    EventKind.SHOWER: TriggerBits.MONO,
}


@dataclasses.dataclass(frozen=True)
class RunHeader:
    """What all events of a run share.

    Attributes
    ----------
    number
        Run number.
    start
        Start of the run in Unix seconds (UTC).
    gain_selected
        The event builder kept one gain of the showers.
    calibrated
        It calibrated to p.e.; then interleaved events have one gain, too.
    waveform_offset, waveform_scale
        The reader takes ``stored / scale - offset``.
    """

    number: int
    start: float
    gain_selected: bool
    calibrated: bool = False
    waveform_offset: float = float(BASELINE_OFFSET)
    waveform_scale: float = 1.0

    def done(self, kind: EventKind) -> Done:
        """Return what the event builder has done to events of a kind."""
        done = BASIC
        if self.calibrated:
            done |= Done.PEDESTAL_SUBTRACTION | Done.PE_CALIBRATION
        if self.one_gain(kind):
            done |= Done.GAIN_SELECTION
        return done

    def one_gain(self, kind: EventKind) -> bool:
        """Return whether events of a kind have one gain only."""
        return self.calibrated or (self.gain_selected and kind is EventKind.SHOWER)


@dataclasses.dataclass(frozen=True)
class RawEvent:
    """One event of a run.

    Attributes
    ----------
    number
        Counts from 1 through all subruns of a run.
    kind
        What triggered it.
    time
        Seconds since the start of the run.
    waveform
        uint16, shape (2, N_PIXELS, N_SAMPLES).
    first_cell
        First capacitor of the readout: of all DRS4 chips, or shape (N_MODULES * 8,).
    """

    number: int
    kind: EventKind
    time: float
    waveform: np.ndarray
    first_cell: int | np.ndarray


def stream_path(directory: Path, stream: int, run: int, subrun: int) -> Path:
    """Return the file of a stream (1 to 4) of a subrun."""
    return directory / f"LST-1.{stream}.Run{run:05d}.{subrun:04d}.fits.fz"


def write_subrun(
    directory: Path, header: RunHeader, subrun: int, events: Iterable[RawEvent], n_events: int
) -> int:
    """Write the four streams of a subrun and return the number of events.

    The files get their names when all four are whole. *n_events* is how many events there are at
    most: room for their catalogue is made before the first is written.
    """
    final = [stream_path(directory, s, header.number, subrun) for s in range(1, N_STREAMS + 1)]
    partial = [path.with_name(f".{path.name}.part") for path in final]
    written = 0
    with ExitStack() as stack:
        n_tiles = max(MIN_TILES, math.ceil(n_events / N_STREAMS / ROWS_PER_TILE) + 1)
        streams = [stack.enter_context(_open_stream(path, header, n_tiles)) for path in partial]
        for event in events:
            streams[(event.number - 1) % N_STREAMS].write_message(_event(header, event))
            written += 1
    for source, target in zip(partial, final, strict=True):
        source.replace(target)
    return written


def _open_stream(path: Path, header: RunHeader, n_tiles: int) -> protozfits.ProtobufZOFits:
    # zstd on 16 MB blocks: many times as fast to write as the event builder's own setting.
    stream = protozfits.ProtobufZOFits(
        n_tiles=n_tiles,
        rows_per_tile=ROWS_PER_TILE,
        compression_block_size_kb=16 * 1024,
        default_compression="zstd1",
    )
    stream.open(str(path))
    stream.move_to_new_table("DataStream")
    stream.write_message(
        TelescopeDataStream(
            tel_id=1,
            sb_id=header.number,
            obs_id=header.number,
            waveform_offset=header.waveform_offset,
            waveform_scale=header.waveform_scale,
        )
    )
    stream.move_to_new_table("CameraConfiguration")
    stream.write_message(_camera_configuration(header))
    stream.move_to_new_table("Events")
    return stream


def _camera_configuration(header: RunHeader) -> CameraConfiguration:
    """Return the configuration; the event builder puts the actions into ``ttype_pattern``."""
    patterns = (
        (TriggerBits.MONO, EventKind.SHOWER),
        (TriggerBits.CALIBRATION, EventKind.FLATFIELD),
        (TriggerBits.CALIBRATION | TriggerBits.MONO, EventKind.FLATFIELD),
        (TriggerBits.PEDESTAL, EventKind.PEDESTAL),
    )
    trigger = np.zeros(15, np.uint16)
    action = np.zeros(16, np.uint16)
    action[0] = header.done(EventKind.SHOWER)  # of triggers that are not listed
    for i, (bits, kind) in enumerate(patterns):
        trigger[i] = bits
        action[i + 1] = header.done(kind)
    return CameraConfiguration(
        tel_id=1,
        local_run_id=header.number,
        config_time_s=header.start,
        camera_config_id=1,
        num_modules=N_MODULES,
        num_pixels=N_PIXELS,
        num_channels=2,
        data_model_version="1.0",
        num_samples_nominal=N_SAMPLES,
        pixel_id_map=numpy_to_any_array(np.arange(N_PIXELS, dtype=np.uint16)),
        module_id_map=numpy_to_any_array(np.arange(N_MODULES, dtype=np.uint16)),
        debug=DebugCameraConfiguration(
            cs_serial="simulated",
            evb_version="simulated",
            cdhs_version="simulated",
            tdp_type=numpy_to_any_array(trigger),
            tdp_action=numpy_to_any_array(np.zeros(16, np.uint16)),
            ttype_pattern=numpy_to_any_array(action),
        ),
    )


def _event(header: RunHeader, event: RawEvent) -> Event:
    """Return the message of one event."""
    nanoseconds = round(Time(header.start, format="unix").unix_tai * 1e9)
    seconds, nanoseconds = divmod(nanoseconds + round(event.time * 1e9), 1_000_000_000)
    waveform, status = _select_gain(event.waveform, header.one_gain(event.kind))
    clock = np.full(N_MODULES, 10_000_000 + int(CLOCK_HZ * event.time), np.uint64)
    first_cell = np.broadcast_to(
        np.asarray(event.first_cell, np.uint16), (N_MODULES * DRS4_PER_MODULE,)
    )
    return Event(
        event_id=event.number,
        tel_id=1,
        local_run_id=header.number,
        event_type=int(event.kind),
        event_time_s=seconds,
        event_time_qns=nanoseconds * 4,
        num_channels=1 if header.one_gain(event.kind) else 2,
        num_samples=N_SAMPLES,
        num_pixels=N_PIXELS,
        num_modules=N_MODULES,
        waveform=numpy_to_any_array(np.ascontiguousarray(waveform).ravel()),
        pixel_status=numpy_to_any_array(status),
        first_cell_id=numpy_to_any_array(first_cell.copy()),
        module_hires_local_clock_counter=numpy_to_any_array(clock),
        calibration_monitoring_id=0,
        debug=_debug(header, event, seconds * 1_000_000_000 + nanoseconds, clock),
    )


def _select_gain(waveform: np.ndarray, one_gain: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the stored waveforms and the pixel status that says what they are."""
    if not one_gain:
        return waveform, np.full(N_PIXELS, BOTH_GAINS, np.uint8)
    saturated = waveform[0].max(axis=1) > GAIN_THRESHOLD + BASELINE_OFFSET
    status = np.where(saturated, LOW_GAIN, HIGH_GAIN).astype(np.uint8)
    return np.where(saturated[:, None], waveform[1], waveform[0]), status


def _debug(header: RunHeader, event: RawEvent, timestamp: int, clock: np.ndarray) -> DebugEvent:
    """Return the LST-specific part: trigger and time stamps of UCTS, TIB and the modules."""
    trigger = int(TRIGGER[event.kind])
    counters = np.zeros(N_MODULES, DRAGON_COUNTERS_DTYPE)
    counters["event_counter"] = counters["trigger_counter"] = event.number
    counters["local_clock_counter"] = clock
    cdts = np.zeros(1, CDTS_AFTER_37201_DTYPE)
    cdts["timestamp"] = timestamp
    cdts["address"] = UCTS_ADDRESS
    cdts["event_counter"] = event.number
    cdts["trigger_type"] = trigger
    cdts["num_in_bunch"] = event.number % 10
    tib = np.zeros(1, TIB_DTYPE)
    tib["event_counter"] = event.number
    tib["masked_trigger"] = trigger
    return DebugEvent(
        module_status=numpy_to_any_array(np.ones(N_MODULES, np.uint8)),
        extdevices_presence=0b011,  # TIB and UCTS
        cdts_data=numpy_to_any_array(cdts.view(np.uint8)),
        tib_data=numpy_to_any_array(tib.view(np.uint8)),
        counters=numpy_to_any_array(counters.view(np.uint8)),
        tdp_action=int(header.done(event.kind)),
    )
