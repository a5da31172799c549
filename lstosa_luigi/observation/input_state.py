"""How the raw data of a run were recorded, and so what is still to be done with them.

The event builder may leave the data as they are, or select a gain, or calibrate them as well. In a
night in which that is changed, runs differ.
"""

from __future__ import annotations

__all__ = [
    "FirstEvents",
    "InputState",
    "choose_input_state",
    "first_events_files",
    "input_root",
    "input_state_of",
    "parse_first_events",
]

import dataclasses
import enum
import functools
import json
from pathlib import Path

from lstosa_luigi.config import AUTO, Settings
from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.night import Night
from lstosa_luigi.observation.raw_files import find_streams
from lstosa_luigi.observation.tables import FileState, state_of


class InputState(str, enum.Enum):
    """How raw data were recorded; the names are those of lstosa."""

    LEGACY_RAW = "legacy_raw"
    """Both gains: we select one, and calibrate."""
    GAIN_SELECTED = "gain_selected"
    """One gain: we calibrate."""
    CATA_CALIBRATED = "catA_calibrated"
    """In p.e.: nothing is to be done."""

    @property
    def is_to_be_calibrated(self) -> bool:
        """Whether DL1a is made with the calibration of the night."""
        return self is not InputState.CATA_CALIBRATED


CANDIDATES = tuple(InputState)

GAIN_SELECTION, PE_CALIBRATION = 1 << 0, 1 << 6
"""Of what an event builder may do (ctapipe_io_lst.evb_preprocessing.EVBPreprocessingFlag)."""

FILES = 5
"""Files of a run that are tried, if need be."""


@dataclasses.dataclass(frozen=True)
class FirstEvents:
    """What the first events of a run hold (lstosa_luigi.programs.first_events).

    Parameters
    ----------
    looked_at : str
        ``showers``, or ``events`` if no shower was among them.
    n_events : int
        How many.
    one_gain : int
        How many of them have one gain only.
    calibrated : int
        How many of them are in p.e.
    """

    looked_at: str
    n_events: int
    one_gain: int
    calibrated: int


def parse_first_events(text: str, where: str) -> FirstEvents:
    """Read what the program wrote.

    Raises
    ------
    InputError
        If it is something else.
    """
    try:
        data = json.loads(text)
        gains = {int(number): int(count) for number, count in data["gains"].items()}
        first = FirstEvents(
            str(data["looked_at"]), int(data["events"]), gains.get(1, 0), int(data["calibrated"])
        )
        if first.n_events < 1 or sum(gains.values()) != first.n_events or gains.keys() - {1, 2}:
            raise ValueError(f"{first.n_events} events with gains {gains}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where}: does not say how a run was recorded ({error!r}). Remove it to have it made "
            "again from the raw data."
        ) from error
    return first


def choose_input_state(
    configured: str,
    run: int,
    first: FirstEvents | None = None,
    selected_in: str = "",
    missing: str = "",
    preprocessing: int = 0,
) -> Choice[InputState]:
    """Choose the input state of a run.

    Parameters
    ----------
    configured : str
        ``[production] input_state``; what is set there holds, whatever the data tell.
    run : int
        Run number.
    first : FirstEvents, optional
        What the first events of the run hold; None if nobody has looked.
    selected_in : str
        Directory of gain-selected data that holds the whole run; empty if there is none.
    missing : str
        Where no raw data of the run are; empty if there are some.
    preprocessing : int
        What the event builder did by the run summary (:class:`~lstosa_luigi.observation.runs.Run`).
        What it did not do says nothing: R0G keeps what its R0 said.
    """
    if configured != AUTO:
        return Choice(InputState(configured), "[production] input_state", CANDIDATES)
    if first is not None:
        state, what = _tell(first)
        reason = f"the first {first.n_events} {first.looked_at} of run {run:05d} {what}"
        return Choice(state, reason, CANDIDATES)
    if preprocessing & PE_CALIBRATION:
        reason = f"the event builder calibrated run {run:05d} to p.e., by the run summary"
        return Choice(InputState.CATA_CALIBRATED, reason, CANDIDATES)
    if preprocessing & GAIN_SELECTION:
        reason = f"the event builder selected the gain of run {run:05d}, by the run summary"
        return Choice(InputState.GAIN_SELECTED, reason, CANDIDATES)
    if selected_in:
        reason = f"{selected_in} holds the whole run"
        return Choice(InputState.GAIN_SELECTED, reason, CANDIDATES)
    if missing:
        return Choice(None, f"not known: no raw data of run {run:05d} in {missing}", CANDIDATES)
    return Choice(None, f"not known yet: the first events of run {run:05d} will tell", CANDIDATES)


def _tell(first: FirstEvents) -> tuple[InputState, str]:
    """Return the state, and what of the events says so.

    Unless all are calibrated the run needs a calibration: lstchain leaves calibrated events alone.
    """
    if first.calibrated == first.n_events:
        return InputState.CATA_CALIBRATED, "are calibrated to p.e. by the event builder"
    if first.one_gain == 0:
        return InputState.LEGACY_RAW, "hold both gains"
    if first.one_gain == first.n_events:
        return InputState.GAIN_SELECTED, "hold one gain"
    return (
        InputState.GAIN_SELECTED,
        f"hold one gain in {first.one_gain} cases: the event builder selects, not in all",
    )


def input_state_of(night: Night, settings: Settings, run: int) -> Choice[InputState]:
    """Return the input state of a run, by what is known of it by now.

    Raises
    ------
    InputError
        If the file that says so is damaged, or the night has no such run.
    """
    layout, configured = night.layout, settings.input_state
    if configured != AUTO:
        return choose_input_state(configured, run)
    path = layout.input_state(run)
    state = state_of(path)
    if state is not None:
        return choose_input_state(configured, run, _read(path, state))
    preprocessing = night.observed.run(run).preprocessing
    if preprocessing & (PE_CALIBRATION | GAIN_SELECTION):
        return choose_input_state(configured, run, preprocessing=preprocessing)
    if _is_selected(night, run):
        return choose_input_state(configured, run, selected_in=str(layout.r0g_night()))
    if not any(find_streams(layout, root).get(run) for root in layout.raw_roots()):
        nights = " or ".join(str(root / layout.flat_date) for root in layout.raw_roots())
        return choose_input_state(configured, run, missing=nights)
    return choose_input_state(configured, run)


@functools.lru_cache(maxsize=1024)
def _read(path: Path, _state: FileState) -> FirstEvents:
    return parse_first_events(path.read_text(encoding="utf-8"), str(path))


def _is_selected(night: Night, run: int) -> bool:
    """Whether every subrun of a run lies where gain-selected data do."""
    layout = night.layout
    found = find_streams(layout, layout.directories.r0_dir).get(run, {})
    return all(len(found.get(subrun, ())) == layout.n_streams for subrun in night.subruns_of(run))


def input_root(night: Night, state: InputState, run: int) -> Path:
    """Return the root of the tree that DL1a of a run reads.

    It is the same for all subruns of a run and does not change while some of them are being
    selected: what is to be gain-selected is read where that is put. Other data are read where they
    were taken, unless somebody put the whole run, or all there is of it, where selected data lie.
    """
    layout = night.layout
    selected, raw = layout.directories.r0_dir, layout.directories.raw_r0_dir
    if state is InputState.LEGACY_RAW or _is_selected(night, run):
        return selected
    is_only_there = not find_streams(layout, raw).get(run) and find_streams(layout, selected).get(
        run
    )
    return selected if is_only_there else raw


def first_events_files(layout: Layout, run: int) -> list[Path]:
    """Return the files whose first events tell the state of a run, the best first.

    One is enough; others are for runs of which that one is damaged.
    """
    for root in layout.raw_roots():
        found = find_streams(layout, root).get(run, {})
        files = [layout.r0_file(run, subrun, min(found[subrun]), root) for subrun in sorted(found)]
        if files:
            return files[:FILES]
    return []
