"""What is looked at to know how a night stands: directories, records, locks, the queue.

Each directory is listed once; a file is looked at by itself only if somebody asks for volumes, and
a record only read of what is not there, and of a few of each kind that are. Nothing is written.
"""

from __future__ import annotations

__all__ = ["Facts", "File", "Live", "Queue", "gather"]

import collections
import contextlib
import dataclasses
import datetime
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lstosa_luigi import config
from lstosa_luigi.archives import names_in
from lstosa_luigi.closing import ObservationOver
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.files import owners
from lstosa_luigi.execution.lock import holder_of
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.execution.slurm import journal, options
from lstosa_luigi.execution.slurm.arrays import COMPLETING
from lstosa_luigi.execution.slurm.client import Away, Slurm
from lstosa_luigi.execution.slurm.manifest import SUFFIX, read_manifest
from lstosa_luigi.execution.slurm.parse import PENDING, QueueRow
from lstosa_luigi.execution.slurm.report import live_elements
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.night import NightlyClose, entries_of
from lstosa_luigi.observation.decisions import Decision
from lstosa_luigi.observation.night import Night, decisions_of
from lstosa_luigi.observation.reconstruction import fallbacks_of_run
from lstosa_luigi.observation.runs import DatedRun, Run
from lstosa_luigi.outdated import find_outdated, is_concerned, is_found_anew
from lstosa_luigi.planning import (
    NamedChoice,
    RunRow,
    choices_of,
    lacking_pedestals,
    notes_of,
    runs_of,
)
from lstosa_luigi.products.base import NightProduct, SubrunTask
from lstosa_luigi.products.dl1a import DL1A, is_calibrated
from lstosa_luigi.status.model import State, Work
from lstosa_luigi.status.series import Graph, Series, find_graph

SCRATCH = re.compile(r"(?P<job>.+?)\.\d+(?P<element>\.\d+_\d+)?")
"""Name of the scratch folder of a job (lstosa_luigi.execution.payload): job, attempt, element."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file that is there; size in bytes and time in seconds since the epoch, if asked for.

    *is_link* if a link stands there: its size is then that of what it leads to, but for DL1a, for
    that is another product.
    """

    size: int = 0
    written: float = 0.0
    is_link: bool = False


@dataclasses.dataclass(frozen=True)
class Live:
    """A job that is under way: in the queue, or at work on this machine."""

    state: State
    job_id: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Facts:
    """All that was looked at.

    Parameters
    ----------
    root : NightlyClose
        The night.
    asked : datetime
        When (UTC).
    is_closed, is_accepted : bool
        Whether the night is closed, or is to be closed with what there is.
    closes_from : datetime or None
        When it may be closed, if it is too early for that (UTC).
    conclusion : str
        The same in words.
    graph : Graph
        Its products.
    files : dict of str to File
        Files of products that are there, by path.
    has_volumes : bool
        Whether their sizes and times were asked for.
    records : dict of str to Record or None
        Records by path; None for one that cannot be read.
    attempts : dict of str to list of Attempt
        Attempts that failed on Slurm, by the name of the job.
    live : dict of str to Live
        What is under way, by the name of the job.
    outdated : dict of str to str
        Why a product is made again, by its title; not what follows from that.
    at_work : tuple of Work
        Commands that are at work.
    calibration : tuple of (DatedRun, Run or None)
        Runs that the night is calibrated with, as their own night lists them.
    runs, choices, decisions, notes : tuple
        As in a plan.
    problems : tuple of (int or None, str)
        What cannot be planned, with the run that it is of.
    fallbacks : tuple of str
        What runs get instead of what their data do not allow.
    """

    root: NightlyClose
    asked: datetime.datetime
    is_closed: bool
    is_accepted: bool
    closes_from: datetime.datetime | None
    conclusion: str
    graph: Graph
    files: dict[str, File]
    has_volumes: bool
    records: dict[str, Record | None]
    attempts: dict[str, list[journal.Attempt]]
    live: dict[str, Live]
    outdated: dict[str, str]
    at_work: tuple[Work, ...]
    drs4_run: DatedRun | None
    pedcalib_run: DatedRun | None
    calibration: tuple[tuple[DatedRun, Run | None], ...]
    runs: tuple[RunRow, ...]
    unknown_runs: tuple[int, ...]
    choices: tuple[NamedChoice, ...]
    decisions: tuple[Decision, ...]
    notes: tuple[str, ...]
    problems: tuple[tuple[int | None, str], ...]
    fallbacks: tuple[str, ...]


class Queue:
    """Slurm's queue, asked for at most once in a while; empty where nothing is done on Slurm.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked = float("-inf")
        self.rows: list[QueueRow] = []
        self.problem = ""

    def look(self) -> None:
        """Ask, unless that was done within ``[slurm] poll_interval``."""
        if config.load_execution()[0].backend != "slurm":
            return
        now = self._clock()
        if now - self._asked < options.load().common.poll_interval:
            return
        self._asked = now
        try:
            self.rows, self.problem = Slurm().queue(), ""
        except Away as away:
            self.rows = []
            self.problem = f"Slurm does not answer, so live jobs are not known: {away}"


def gather(root: NightlyClose, queue: Queue, volumes: bool = False) -> Facts:
    """Look at a night.

    Parameters
    ----------
    root : NightlyClose
        The night.
    queue : Queue
        Slurm's queue.
    volumes : bool
        Whether to look at each file for its size and time.

    Raises
    ------
    LstosaError
        If a table that the whole night rests on is damaged.
    """
    night, is_closed, is_accepted = root.night, root.complete(), root.is_accepted()
    graph = find_graph(root)
    files = _files(graph.series, volumes)
    may_be_calibrated = night is not None and is_calibrated(root) is not False
    choices = () if night is None else tuple(choices_of(night, root, may_be_calibrated))
    queue.look()
    layouts = {step.task.layout for step in graph.steps if isinstance(step.task, NightProduct)}
    arrays = sorted({layout.arrays() for layout in layouts})
    attempts: dict[str, list[journal.Attempt]] = collections.defaultdict(list)
    for directory in arrays:
        for attempt in journal.read(directory):
            attempts[attempt.job].append(attempt)
    at_work = tuple(_at_work(root))
    hosts = {work.host for work in at_work}
    scratch = {place for layout in layouts for place in (layout.scratch(), layout.r0g_scratch())}
    live = _here(sorted(scratch), hosts)
    for directory in arrays:
        live |= _in_queue(directory, queue.rows, files)
    notes = list(notes_of(root, night, choices))
    if queue.problem:
        notes.append(queue.problem)
    calibrating = night if may_be_calibrated else None
    calibration = [] if calibrating is None else list(_calibration(calibrating))
    related = decisions_of(root.layout) if night is None else night.related
    is_settled, over = is_closed or is_accepted, root.sibling(ObservationOver)
    return Facts(
        root=root,
        asked=datetime.datetime.now(datetime.timezone.utc),
        is_closed=is_closed,
        is_accepted=is_accepted,
        closes_from=None if is_closed or over.complete() else over.time,
        conclusion=root.conclusion(),
        graph=graph,
        files=files,
        has_volumes=volumes,
        records=_records(graph.series, files),
        attempts=attempts,
        live=live,
        outdated={} if is_settled or night is None else _outdated(root, night, graph.steps),
        at_work=at_work,
        drs4_run=None if calibrating is None else calibrating.drs4_run.value,
        pedcalib_run=None if calibrating is None else calibrating.pedcalib_run.value,
        calibration=tuple(calibration),
        runs=() if night is None else tuple(runs_of(night, may_be_calibrated)),
        unknown_runs=() if night is None else tuple(r.number for r in night.summary.unknown),
        choices=choices,
        decisions=related.active,
        notes=tuple(notes),
        problems=(
            *graph.problems,
            *(() if night is None else lacking_pedestals(night, root.settings)),
        ),
        fallbacks=() if night is None else tuple(_fallbacks(night, root.settings)),
    )


# --- files and records ---------------------------------------------------------------------


class _Listings:
    """Directories, each listed once."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, os.DirEntry[str]]] = {}

    def __call__(self, directory: str) -> dict[str, os.DirEntry[str]]:
        """Return the entries of a directory by name; none if it is not there."""
        if directory not in self._names:
            try:
                with os.scandir(directory) as entries:
                    self._names[directory] = {entry.name: entry for entry in entries}
            except OSError:
                self._names[directory] = {}
        return self._names[directory]


def _files(series: Iterable[Series], volumes: bool) -> dict[str, File]:
    """Return the files of products that are there; a link that leads nowhere is none."""
    listed = _Listings()
    found: dict[str, File] = {}
    nothing = File()
    for one in series:
        for directory, name in _names(one):
            entry = listed(directory).get(name)
            if entry is None:
                continue
            file = nothing
            if volumes or entry.is_symlink():
                try:
                    status = entry.stat()
                except OSError:
                    continue
                is_link = entry.is_symlink()
                size = 0 if is_link and one.product == DL1A.__name__ else status.st_size
                file = File(size, status.st_mtime, is_link)
            found[f"{directory}/{name}"] = file
    return found


def _names(one: Series) -> Iterable[tuple[str, str]]:
    """Yield directory and name of all files of a series."""
    if one.own:
        for files in one.own.values():
            for _, path in files:
                directory, _, name = path.rpartition("/")
                yield directory, name
        return
    for _, path in one.files:
        directory, _, name = path.rpartition("/")
        for member in one.members:
            yield directory, one.of(name, member)


def is_made(one: Series, subrun: int | None, files: dict[str, File]) -> bool:
    """Whether a product is there."""
    if one.is_there is not None:
        return one.is_there
    found = [files.get(path) for _, path in one.files_of(subrun)]
    if None in found:
        return False
    if one.product != DL1A.__name__ or not any(file is not None and file.is_link for file in found):
        return True
    return one.behind is not None and (not one.behind or one.of(one.behind, subrun) in files)


def _records(series: Iterable[Series], files: dict[str, File]) -> dict[str, Record | None]:
    """Read the records of all that is not there, and of the first, middle and last that is."""
    listed = _Listings()
    found: dict[str, Record | None] = {}
    for one in series:
        directory, _, name = one.record.rpartition("/")
        entries = listed(directory)
        archived = names_in(Path(directory))
        there: list[int | None] = []
        wanted: list[int | None] = []
        for member in one.members:
            (there if is_made(one, member, files) else wanted).append(member)
        if there:
            wanted += {there[0], there[len(there) // 2], there[-1]}
        for member in wanted:
            file = one.of(name, member)
            if file in entries or file in archived:
                found[f"{directory}/{file}"] = read_record(Path(directory, file))
    return found


# --- what is under way ---------------------------------------------------------------------


def _at_work(root: NightlyClose) -> Iterable[Work]:
    for entry in entries_of(root):
        holder = holder_of(root.layout.lock(entry.task_id))
        if holder is not None:
            pid = holder.get("pid")
            yield Work(entry.title, str(holder.get("host", "")), pid, str(holder.get("since", "")))


def _here(places: Iterable[Path], hosts: set[str]) -> dict[str, Live]:
    """Return the jobs that are at work outside of Slurm, as their scratch folders tell.

    Of one on another host it is known only that a command is at work there.
    """
    found: dict[str, Live] = {}
    for place in places:
        for name, host, is_alive in owners(place):
            match = SCRATCH.fullmatch(name)
            if match is None or match["element"]:
                continue
            if is_alive or (is_alive is None and host in hosts):
                found[match["job"]] = Live(State.RUNNING, reason=host)
    return found


def _in_queue(arrays: Path, rows: Sequence[QueueRow], files: dict[str, File]) -> dict[str, Live]:
    """Return the jobs of a directory of manifests that are in the queue.

    Of those that one element makes one after the other, the first that is not there is running.
    """
    found: dict[str, Live] = {}
    live = live_elements(arrays, rows)
    by_name: dict[str, list[QueueRow]] = collections.defaultdict(list)
    for row in live.values():
        by_name[row.name].append(row)
    for name, elements in by_name.items():
        try:
            manifest = read_manifest(arrays / f"{name}{SUFFIX}")
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for row in elements:
            if row.state == COMPLETING:
                continue
            is_running = row.state != PENDING
            for job in manifest.elements.get(row.element.index, ()):
                if all(output.path in files for output in job.outputs if output.required):
                    continue
                state = State.RUNNING if is_running else State.QUEUED
                reason = "" if row.reason in ("None", "(null)") else row.reason
                found[job.name] = Live(state, str(row.element), reason)
                is_running = False
    return found


# --- the night -----------------------------------------------------------------------------


def _fallbacks(night: Night, settings: config.Settings) -> Iterable[str]:
    for run in night.data_runs:
        with contextlib.suppress(LstosaError):  # said among what cannot be planned
            yield from fallbacks_of_run(night, settings, run.number)


def _calibration(night: Night) -> Iterable[tuple[DatedRun, Run | None]]:
    chosen = (night.pedcalib_run.value, night.drs4_run.value, night.baseline_run.value)
    for run in dict.fromkeys(run for run in chosen if run is not None):
        of_run = night.of(run.date)
        listed = () if of_run is None else of_run.summary.runs
        yield run, next((r for r in listed if r.number == run.number), None)


def _outdated(root: NightlyClose, night: Night, steps: tuple[Step, ...]) -> dict[str, str]:
    """Return why products are made again; looking at each subrun only if its own may have to be."""
    is_anew = is_found_anew(night.layout)
    if not night.related.all and not is_anew:
        return {}
    subruns = (step.task for step in steps if isinstance(step.task, SubrunTask))
    concerned = (isinstance(task, NightProduct) and is_concerned(task, night) for task in subruns)
    if is_anew or any(concerned):
        steps = tuple(walk(root.wanted()))
    found = find_outdated(steps)
    return {
        str(step.task.title): found[step.task.task_id].reason
        for step in steps
        if step.task.task_id in found and not found[step.task.task_id].follows
    }
