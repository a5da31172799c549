"""A night that lstosa began: what of it counts, and how it becomes ours.

A product counts if lstosa's history ends with exit code 0 for its step and its files are whole by
our own checks. Steps of which lstosa keeps no history, and nights whose history is gone, are judged
by their files alone. What does not count is moved aside, never removed.
"""

from __future__ import annotations

__all__ = ["SOURCE", "Judgement", "TakeOver", "apply", "find_take_over"]

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path

from lstosa_luigi.execution import checks, files
from lstosa_luigi.execution.record import Record, read_record, write_record
from lstosa_luigi.migration import history
from lstosa_luigi.migration.candidates import ANY, Candidate, Need, Piece, candidates_of
from lstosa_luigi.migration.history import Histories, HistoryLine
from lstosa_luigi.migration.places import LstosaPlaces
from lstosa_luigi.night import NightlyClose

SOURCE = "made by lstosa"
"""What the record of a product that was taken over says of who made it."""

OF_SUBRUNS = (history.DL1A, history.DL1AB, history.CHECK)
"""Steps that have a line in the history of each subrun. A calibration that another production had
made has none: lstosa goes on without."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A product of lstosa, and whether it counts.

    Parameters
    ----------
    candidate : Candidate
        The product.
    found : dict of Path to Path
        Where its files are, by their final places; without those that are not there.
    attempts : int
        How often lstosa tried, as far as it is known.
    last : HistoryLine or None
        The last time.
    why : str
        Why it does not count; empty if it does.
    """

    candidate: Candidate
    found: Mapping[Path, Path]
    attempts: int
    last: HistoryLine | None
    why: str

    @property
    def counts(self) -> bool:
        """Whether it need not be made again."""
        return not self.why

    @property
    def to_move(self) -> list[Path]:
        """Files that are not in their final places."""
        return [at for final, at in self.own.items() if at != final]

    @property
    def own(self) -> dict[Path, Path]:
        """Its files, without those that are another product as well."""
        shared = {piece.final for piece in self.candidate.pieces if piece.is_link}
        return {f: at for f, at in self.found.items() if at == f or f not in shared}


@dataclasses.dataclass(frozen=True)
class TakeOver:
    """What there is to take over of a night.

    Parameters
    ----------
    judgements : tuple of Judgement
        Products without a record of ours, what others are made of first.
    notes : tuple of str
        What else somebody should know.
    is_closed : bool
        Whether the flag of the closed night is there: then no file is moved.
    """

    judgements: tuple[Judgement, ...]
    notes: tuple[str, ...]
    is_closed: bool


def find_take_over(root: NightlyClose) -> TakeOver:
    """Find out what there is to take over; nothing is changed.

    Raises
    ------
    InputError
        If the night has no run summary, or a history cannot be read.
    """
    places = LstosaPlaces(root.layout)
    programs = history.programs_of(root.settings.lstchain)
    histories = history.read_histories(places, programs)
    done: set[Need] = set()
    judgements = []
    for candidate in candidates_of(root, places):
        found = {piece.final: at for piece in candidate.pieces if (at := _locate(piece))}
        record = read_record(candidate.layout.record(candidate.name))
        links = {piece.final for piece in candidate.pieces if piece.is_link}
        is_elsewhere = any(at != final and final not in links for final, at in found.items())
        if record is not None and not is_elsewhere:  # ours, or taken over already
            if len(found) == len(candidate.pieces):
                done.add(candidate.key)
            continue
        judgement = _judge(candidate, found, histories, done)
        if judgement is None:
            continue
        if judgement.counts:
            done.add(candidate.key)
        judgements.append(judgement)
    return TakeOver(
        tuple(judgements), tuple(_notes(root, places, histories)), root.output().exists()
    )


def _locate(piece: Piece) -> Path | None:
    """Return where a file is; a link in a working place only leads to where it is."""
    if piece.final.exists():
        return piece.final
    return next((at for at in piece.working if at.is_file() and not at.is_symlink()), None)


def _judge(
    candidate: Candidate, found: Mapping[Path, Path], histories: Histories, done: set[Need]
) -> Judgement | None:
    """Return whether a product counts; None if lstosa did not begin it, or it is gone."""
    attempts = _attempts(candidate, histories)
    last = (
        None
        if attempts is None
        else history.last_attempt(attempts, candidate.step, candidate.cleaning)
    )
    if not found and (last is None or last.exit_code == 0):
        return None
    why = _why_not(candidate, found, attempts, last, done)
    tried = [a for a in attempts or () if a.step == candidate.step]
    return Judgement(candidate, found, len(tried), last, why)


def _attempts(candidate: Candidate, histories: Histories) -> tuple[HistoryLine, ...] | None:
    """Return the history of a product; None if there is none to judge by."""
    if candidate.of is None or not candidate.step:
        return None
    run, subrun = candidate.of
    if candidate.step == history.GAIN_SELECTION and subrun is not None:
        return histories.gain_selection.get((run, subrun))
    found = histories.of(run, subrun)
    if candidate.step in OF_SUBRUNS:
        return found if histories.files else None
    return found or None


def _why_not(
    candidate: Candidate,
    found: Mapping[Path, Path],
    attempts: tuple[HistoryLine, ...] | None,
    last: HistoryLine | None,
    done: set[Need],
) -> str:
    """Say why a product does not count; nothing if it does."""
    if last is not None and last.exit_code != 0:
        return f"failed with exit code {last.exit_code}"
    if attempts is not None and last is None and candidate.step not in _CALIBRATION:
        return "lstosa did not get to its end: its history has no line for it"
    missing = [piece.final for piece in candidate.pieces if piece.final not in found]
    if missing:
        return f"{missing[0]} is not there"
    lacking = next((need for need in candidate.needs if not _is_met(need, done)), None)
    if lacking is not None:
        unit, _, family = lacking[0].rpartition("_")
        return f"made without a whole {family} {unit}"
    for piece in candidate.pieces:
        at = found[piece.final]
        if at.is_symlink():  # DL1a after closing: what it leads to is judged by itself
            continue
        try:
            checks.check(at, piece.tables)
        except checks.Damaged as damage:
            return str(damage)
    return ""


_CALIBRATION = (history.DRS4, history.CHARGE)


def _is_met(need: Need, done: set[Need]) -> bool:
    name, cleaning = need
    if cleaning == ANY:
        return any(name == other for other, _ in done)
    return need in done


def _notes(root: NightlyClose, places: LstosaPlaces, histories: Histories) -> list[str]:
    notes = [
        f"lstosa vetoed run {run:05d}, but processes it all the same. To leave it out: "
        f"lstosa decide --date {root.date} --veto {run} --why ..."
        for run in places.vetoed_runs()
    ]
    return notes + [f"cannot be read, and is passed over: {line}" for line in histories.malformed]


# --- taking over ---------------------------------------------------------------------------


def apply(judgement: Judgement, is_closed: bool = False) -> None:
    """Take a product over, or move it aside if it does not count.

    Each file is renamed at once, and the record is written last: whoever comes after an
    interruption finds the rest to do.

    Parameters
    ----------
    judgement : Judgement
        The product.
    is_closed : bool
        Whether the night is closed: then no file is moved.
    """
    candidate = judgement.candidate
    if not judgement.counts:
        if is_closed:
            return
        for at in judgement.own.values():
            if not at.is_symlink():
                files.place(at, LstosaPlaces.aside(at))
    else:
        for piece in candidate.pieces:
            _put_in_place(piece, judgement.found[piece.final])
        for at, target in candidate.links.items():
            files.link(at, target)
    path = candidate.layout.record(candidate.name)
    before = read_record(path)
    if judgement.counts or before is None or before.source:
        write_record(path, _record(judgement))


def _put_in_place(piece: Piece, at: Path) -> None:
    if at == piece.final:
        for other in piece.working:
            # lstosa moves nothing to where a file is; it stands in the way of the link
            if not piece.is_link and other.is_file() and not other.is_symlink():
                files.place(other, LstosaPlaces.aside(other))
    elif piece.is_link:
        files.link(piece.final, at)
    else:
        files.place(at, piece.final)


def _record(judgement: Judgement) -> Record:
    candidate, last = judgement.candidate, judgement.last
    layout, (run, subrun) = candidate.layout, candidate.of or (None, None)
    cleaning = {"dl1_prod": candidate.cleaning} if candidate.cleaning else {}
    outputs = tuple(piece.final for piece in candidate.pieces)
    when = last.when if last is not None and last.when else _changed(outputs)
    return Record(
        name=candidate.name,
        title=candidate.title,
        state="done" if judgement.counts else "failed",
        start=when,
        end=when,
        seconds=0.0,
        cpu_seconds=0.0,
        peak_memory_kb=0,
        host="",
        attempt=max(judgement.attempts, 1),
        argv=() if last is None else (last.program,),
        inputs=(),  # what it was made of is not known
        outputs=tuple(str(path) for path in outputs),
        exit_code=0 if judgement.counts else (last.exit_code if last is not None else None),
        signal=None,
        cause="" if judgement.counts else f"with lstosa: {judgement.why}",
        log="",
        decided=(),  # lstosa knew of no decision
        source=SOURCE,
        files=_sizes(outputs) if judgement.counts else {},
        product=candidate.family,
        telescope=layout.telescope,
        date=str(layout.date),
        run=run,
        subrun=subrun,
        prod_ids={"prod_id": layout.prod_id, **cleaning},
    )


def _sizes(outputs: tuple[Path, ...]) -> dict[str, tuple[int, int]]:
    """Return size and time of files; of links, which stand for other products, none."""
    stats = {str(path): path.stat() for path in outputs if not path.is_symlink()}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def _changed(outputs: tuple[Path, ...]) -> str:
    times = [path.stat().st_mtime for path in outputs if path.exists()]
    when = max(times, default=datetime.datetime.now(datetime.timezone.utc).timestamp())
    return datetime.datetime.fromtimestamp(when, datetime.timezone.utc).isoformat(
        timespec="seconds"
    )
