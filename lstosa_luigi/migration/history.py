"""What lstosa noted of its attempts: its history files, live or packed away by ``organize``.

A line an attempt, separated by spaces: ``run[.subrun] program prod_id YYYY-MM-DD HH:MM input config
return_code``, time in UTC (lstosa 0.11.10, ``osa/report.py``). Those of gain selection are others:
``YYYY-MM-DD HH:MM:SS | run.subrun gain_selection 0|1`` in local time.
"""

from __future__ import annotations

__all__ = [
    "Histories",
    "HistoryLine",
    "last_attempt",
    "parse_gain_selection",
    "parse_history",
    "programs_of",
    "read_histories",
]

import contextlib
import dataclasses
import datetime
import re
import shlex
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lstosa_luigi import config
from lstosa_luigi.errors import InputError
from lstosa_luigi.migration.places import LstosaPlaces

DRS4, CHARGE, DL1A, DL1AB, CHECK = STEPS = (
    "drs4_baseline",
    "charge_calibration",
    "r0_to_dl1",
    "dl1ab",
    "check_dl1",
)
"""Steps that lstosa keeps a history of, by their keys in ``[lstchain]``; each follows another."""

GAIN_SELECTION = "gain_selection"
BEFORE = {CHARGE: (DRS4,), DL1AB: (DL1A,), CHECK: (DL1A, DL1AB)}
"""Steps that, once begun again, make lstosa do a step again as well (``osa/job.py``)."""

OF_CLEANING = (DL1AB, CHECK)
"""Steps of which the production in the line is the directory of the cleaning."""

LSTCAM = {
    "lstcam_calib_onsite_create_drs4_pedestal_file": DRS4,
    "lstcam_calib_onsite_create_calibration_file": CHARGE,
}


@dataclasses.dataclass(frozen=True)
class HistoryLine:
    """One line of a history.

    Parameters
    ----------
    step : str
        One of :data:`STEPS`, or ``gain_selection``.
    prod : str
        Production; of DL1b and its datacheck the directory of the cleaning.
    when : str
        End, UTC, ISO 8601; empty if the line does not say.
    exit_code : int
        0 if the program said that all was well.
    program : str
        What was called.
    """

    step: str
    prod: str
    when: str
    exit_code: int
    program: str


@dataclasses.dataclass(frozen=True)
class Histories:
    """All histories of a night.

    Parameters
    ----------
    attempts : dict of (int, int or None) to tuple of HistoryLine
        By run and subrun; without a subrun those of the calibration.
    files : dict of (int, int or None) to Path
        Where they stand.
    gain_selection : dict of (int, int) to tuple of HistoryLine
        Those of gain selection; none of a subrun that is not done yet.
    malformed : tuple of str
        Lines that cannot be read, with their files.
    """

    attempts: Mapping[tuple[int, int | None], tuple[HistoryLine, ...]]
    files: Mapping[tuple[int, int | None], Path]
    gain_selection: Mapping[tuple[int, int], tuple[HistoryLine, ...]]
    malformed: tuple[str, ...] = ()

    def of(self, run: int, subrun: int | None) -> tuple[HistoryLine, ...]:
        """Return the attempts of a subrun, or of the calibration of a run."""
        return self.attempts.get((run, subrun), ())


def programs_of(options: config.lstchain) -> dict[str, str]:
    """Return which step each program is, by its name: as configured, as lstosa ships it."""
    defaults: dict[str, Any] = {key: p._default for key, p in config.lstchain.get_params()}
    programs = {str(defaults[step]): step for step in STEPS} | LSTCAM
    for step in STEPS:
        words = shlex.split(str(getattr(options, step)))
        programs.update({Path(word).name: step for word in words[:1]})
    return programs


def parse_history(text: str, programs: Mapping[str, str]) -> tuple[list[HistoryLine], list[str]]:
    """Return the attempts that a history tells of, and the lines that cannot be read.

    As lstosa, which reads the second, the third and the last word; programs that are no step of a
    product are passed over.
    """
    attempts, malformed = [], []
    for line in filter(str.strip, text.splitlines()):
        words = line.split()
        try:
            program, prod, code = words[1], words[2], int(words[-1])
        except (IndexError, ValueError):
            malformed.append(line)
            continue
        step = programs.get(Path(program).name)
        if step is not None:
            attempts.append(HistoryLine(step, prod, _utc(words[3:]), code, program))
    return attempts, malformed


FORMS = ((2, "%Y-%m-%d %H:%M"), (6, "%a %b %d %H:%M:%S UTC %Y"))
"""How lstosa writes a time, and wrote it in 2021: in how many words."""


def _utc(words: list[str]) -> str:
    """Return the time that words begin with; nothing if they do not."""
    for number, form in FORMS:
        with contextlib.suppress(ValueError):
            when = datetime.datetime.strptime(" ".join(words[:number]), form)
            return when.replace(tzinfo=datetime.timezone.utc).isoformat()
    return ""


def parse_gain_selection(text: str) -> list[HistoryLine]:
    """Return the attempts of a history of gain selection: lstosa reads its last character."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return [
        HistoryLine(GAIN_SELECTION, "", "", int(words[-1]), GAIN_SELECTION)
        for words in lines
        if words[-1].isdecimal()
    ]


def last_attempt(attempts: Iterable[HistoryLine], step: str, prod: str = "") -> HistoryLine | None:
    """Return the last attempt at a step that counts; None if there is none.

    One that is followed by an attempt at what the step is made of does not count: lstosa would do
    the step again.

    Parameters
    ----------
    attempts : iterable of HistoryLine
        A history, in order.
    step : str
        The step.
    prod : str
        Directory of the cleaning, for steps of one.
    """
    last = None
    for attempt in attempts:
        if attempt.step in OF_CLEANING and attempt.prod != prod:
            continue
        if attempt.step == step:
            last = attempt
        elif attempt.step in BEFORE.get(step, ()):
            last = None
    return last


def read_histories(places: LstosaPlaces, programs: Mapping[str, str]) -> Histories:
    """Read all histories of a night, those in archives before those beside them.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    attempts: dict[tuple[int, int | None], tuple[HistoryLine, ...]] = {}
    files: dict[tuple[int, int | None], Path] = {}
    malformed: list[str] = []
    for name, where, text in _texts(places):
        unit = places.unit_of_history(name)
        if unit is None:
            continue
        found, bad = parse_history(text, programs)
        attempts[unit] = (*attempts.get(unit, ()), *found)
        files[unit] = where
        malformed += [f"{where}: {line}" for line in bad]
    selected = {
        unit: tuple(parse_gain_selection(_read(file)))
        for unit, file in places.gain_selection_histories()
    }
    return Histories(attempts, files, selected, tuple(malformed))


def _texts(places: LstosaPlaces) -> Iterator[tuple[str, Path, str]]:
    """Yield name, place and text of each history."""
    for archive in places.history_archives():
        try:
            with tarfile.open(archive) as packed:
                for member in packed.getmembers():
                    file = packed.extractfile(member)
                    if file is not None:
                        text = file.read().decode(errors="replace")
                        yield re.sub(r".*/", "", member.name), archive, text
        except (OSError, EOFError, tarfile.TarError) as error:
            raise InputError(f"{archive}: cannot be read ({error}). Move it away.") from error
    for path in places.histories():
        yield path.name, path, _read(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
