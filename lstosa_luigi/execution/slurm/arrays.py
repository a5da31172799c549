"""The job arrays of this user: what the queue shows of them, and how new ones are submitted.

The queue is the state. A manifest is on disk before sbatch is called, under the name of the job, so
that whoever sees the job in the queue knows what it makes; nothing else is remembered.
"""

from __future__ import annotations

__all__ = ["Array", "Arrays", "Element", "Found"]

import contextlib
import dataclasses
import fcntl
import itertools
import logging
import os
import re
import sys
import sysconfig
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lstosa_luigi.execution.slurm import manifest as manifests
from lstosa_luigi.execution.slurm.client import Limits, Refused, Slurm
from lstosa_luigi.execution.slurm.manifest import Manifest
from lstosa_luigi.execution.slurm.options import Options, Resources
from lstosa_luigi.execution.slurm.parse import ElementId, QueueRow, Refusal
from lstosa_luigi.execution.slurm.script import batch_script, log_pattern
from lstosa_luigi.execution.spec import Job

logger = logging.getLogger("luigi-interface")

COMPLETING = "COMPLETING"
"""State of what is over, but for its processes."""
PROGRAM = Path(__file__).with_name("element.py")
PACKAGES = sysconfig.get_paths()["platlib"]
"""Where the packages are that an element may need."""
LOCK = "lock"
"""File in a directory of manifests, held while arrays are submitted."""


@dataclasses.dataclass
class Array:
    """A job array.

    Parameters
    ----------
    name : str
        Of the job and of its manifest.
    directory : Path
        Where the manifest is.
    written : float
        When the manifest was written, in seconds since the epoch.
    number : int or None
        Job id; None as long as it is not known whether Slurm took the job.
    missed_since : float or None
        First time that the queue did not show it, if it is not known to have been taken.
    """

    name: str
    directory: Path
    written: float
    number: int | None = None
    missed_since: float | None = None


@dataclasses.dataclass(frozen=True)
class Element:
    """What one element of an array is to make: a job, and those that follow it."""

    jobs: list[Job]
    tries: int = 0


@dataclasses.dataclass(frozen=True)
class Found:
    """A job that is under way already, whoever submitted it."""

    array: Array
    index: int
    resources: Resources
    tries: int
    is_first: bool
    """Whether the element begins with it; if not, it follows another one."""


class Arrays:
    """All arrays that this client submitted or came upon.

    Parameters
    ----------
    slurm : Slurm
        The cluster.
    options : Options
        The configuration.
    clock : callable
        Returns seconds since the epoch.
    """

    def __init__(self, slurm: Slurm, options: Options, clock: Callable[[], float]) -> None:
        self._slurm = slurm
        self._options = options
        self._clock = clock
        self._queue: dict[str, dict[int, QueueRow]] = {}
        self._arrays: dict[str, Array] = {}
        self._found: dict[str, Found] = {}
        self._foreign: set[str] = set()
        self._folders: set[Path] = set()
        self._limits: Limits | None = None
        self._at_most = sys.maxsize
        self.has_looked = False

    # --- the queue -------------------------------------------------------------------------

    def watch(self, directory: Path) -> None:
        """Look for manifests in a directory, too."""
        if directory not in self._folders:
            self._folders.add(directory)
            self._foreign.clear()
            if self.has_looked:
                self._come_upon()

    def look(self) -> None:
        """Ask for the queue: one call for all arrays.

        Raises
        ------
        Away
            If Slurm does not answer; then everything stays as it was.
        """
        queue: dict[str, dict[int, QueueRow]] = {}
        start = f"{self._options.common.prefix}-"
        for row in self._slurm.queue():
            if row.name.startswith(start):
                queue.setdefault(row.name, {})[row.element.index] = row
        self._queue = queue
        self.has_looked = True
        for name, array in self._arrays.items():
            if array.number is None and name in queue:  # sbatch did not answer, but it had worked
                array.number = next(iter(queue[name].values())).element.array
            elif array.number is None and array.missed_since is None:
                array.missed_since = self._clock()
        self._come_upon()

    def row(self, array: Array, index: int) -> QueueRow | None:
        """Return what the queue shows of an element; None if it is not there."""
        return self._queue.get(array.name, {}).get(index)

    def is_young(self, array: Array) -> bool:
        """Whether an array may still appear in the queue."""
        if array.number is not None:
            return False
        since = array.missed_since
        return since is None or self._clock() - since < self._options.common.grace

    def find(self, job: Job) -> Found | None:
        """Return the element that makes a product, if there is one that is not over."""
        found = self._found.get(job.record)
        if found is None:
            return None
        row = self.row(found.array, found.index)
        is_live = row is not None and row.state != COMPLETING
        if is_live or self.is_young(found.array):
            return found
        del self._found[job.record]
        return None

    def forget(self, array: Array) -> None:
        """Give up an array that never appeared; should it come late, it is cancelled."""
        if self._arrays.pop(array.name, None) is not None:
            self._slurm.cancel_named(array.name)

    @contextlib.contextmanager
    def alone(self, directory: Path) -> Iterator[bool]:
        """Keep other clients from submitting jobs of a directory; False if one is at it.

        What others have just written a manifest for is known inside.
        """
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            for name in self._young_names(directory):
                self._take_up(directory, name)
            yield True

    def _come_upon(self) -> None:
        """Read the manifests of arrays that others submitted, or a client before this one."""
        fresh = self._queue.keys() - self._arrays.keys() - self._foreign
        for directory in self._folders:
            for name in fresh:
                self._take_up(directory, name)
        self._foreign |= fresh - self._arrays.keys()

    def _young_names(self, directory: Path) -> set[str]:
        """Return arrays that may not be in the queue yet: their client is at it, or died."""
        oldest = self._clock() - self._options.common.grace
        start = f"{self._options.common.prefix}-"
        young = set()
        for entry in os.scandir(directory):
            name = entry.name.removesuffix(manifests.SUFFIX)
            if name == entry.name or not name.startswith(start) or name in self._arrays:
                continue
            with contextlib.suppress(FileNotFoundError):  # its array was refused
                if entry.stat().st_mtime > oldest:
                    young.add(name)
        return young

    def _take_up(self, directory: Path, name: str) -> None:
        path = directory / f"{name}{manifests.SUFFIX}"
        try:
            manifest = manifests.read_manifest(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.error("%s cannot be read (%s): its jobs are not known", path, error)
            return
        rows = self._queue.get(name, {})
        number = next(iter(rows.values())).element.array if rows else None
        array = Array(name, directory, manifest.written, number)
        self._arrays[name] = array
        resources = Resources.from_json(manifest.resources)
        for index, jobs in manifest.elements.items():
            for i, job in enumerate(jobs):
                tries = manifest.tries.get(job.name, 0)
                self._found[job.record] = Found(array, index, resources, tries, i == 0)

    # --- new arrays ------------------------------------------------------------------------

    def limits(self) -> Limits:
        """Return what the cluster allows; asked for once."""
        if self._limits is None:
            self._limits = self._slurm.limits()
        return self._limits

    def longest(self, partition: str) -> float:
        """Return the longest time in seconds that a job may have in one of some partitions."""
        limits = self.limits().seconds
        asked = [name for name in partition.split(",") if name] or list(limits)
        return max((limits.get(name, float("inf")) for name in asked), default=float("inf"))

    def submit(
        self, elements: Sequence[Element], resources: Resources
    ) -> tuple[list[tuple[Array, list[int]]], Refused | None]:
        """Submit elements of one kind as one array, or as several if so many are not allowed.

        Returns
        -------
        placed : list of (Array, list of int)
            Arrays and the indices of the elements, in the order of *elements*.
        refusal : Refused or None
            Why the elements after these were not taken.

        Raises
        ------
        Away
            If Slurm does not answer.
        """
        size = self.limits().array_size
        placed: list[tuple[Array, list[int]]] = []
        rest = list(elements)
        while rest:
            chunk = rest[: min(self._at_most, size)]
            try:
                placed.append(self._submit_array(chunk, resources, size))
            except Refused as refusal:
                if refusal.kind is Refusal.LIMIT and len(chunk) > 1:
                    self._at_most = len(chunk) // 2
                    continue
                return placed, refusal
            rest = rest[len(chunk) :]
            if self._at_most < sys.maxsize:
                self._at_most *= 2
        return placed, None

    def _submit_array(
        self, elements: Sequence[Element], resources: Resources, size: int
    ) -> tuple[Array, list[int]]:
        first = elements[0].jobs[0]
        units = list(dict.fromkeys(element.jobs[0].unit for element in elements))
        indices = _indices([element.jobs[0] for element in elements], size)
        what = f"{first.product}-{units[0]}" + (f"+{len(units) - 1}" if units[1:] else "")
        prefix = self._options.common.prefix
        words = "-".join(filter(None, (prefix, first.group, what, uuid.uuid4().hex[:8])))
        name = re.sub(r"[^\w.+-]+", "_", words)  # it is a file name, too
        title = f"{what.replace('-', ' ')}, {first.group}"
        directory = Path(first.arrays)
        array = Array(name, directory, self._clock())
        tries = {element.jobs[0].name: element.tries for element in elements if element.tries}
        path = manifests.write_manifest(
            directory,
            Manifest(
                name,
                title,
                array.written,
                resources.to_json(),
                dict(zip(indices, (element.jobs for element in elements), strict=True)),
                tries,
            ),
        )
        log = Path(first.log)
        log.parent.mkdir(parents=True, exist_ok=True)  # without it Slurm starts nothing
        script = batch_script(
            command=[sys.executable, "-I", "-S", str(PROGRAM), str(path), PACKAGES],
            indices=indices,
            resources=resources,
            chdir=str(log.parent),
            log=log_pattern(log.parent, f"{units[0]}_{first.product}"),
            comment=title,
        )
        try:
            array.number = self._slurm.submit(script, name)
        except Refused as refusal:
            if refusal.kind is not Refusal.UNCERTAIN:
                path.unlink()
                raise
        self._arrays[name] = array
        for index, element in zip(indices, elements, strict=True):
            for i, job in enumerate(element.jobs):
                found = Found(array, index, resources, element.tries, i == 0)
                self._found[job.record] = found
        return array, indices

    def cancel_uncertain(self) -> None:
        """Cancel arrays of which it is not known whether Slurm took them."""
        for array in self._arrays.values():
            if array.number is None:
                self._slurm.cancel_named(array.name)

    def cancel(self, elements: Iterable[ElementId]) -> None:
        """Cancel elements.

        Raises
        ------
        Away
            If Slurm does not answer.
        """
        by_array = itertools.groupby(sorted(elements), key=lambda element: element.array)
        names = []
        for number, group in by_array:
            mine = {element.index for element in group}
            live = {
                row.element.index
                for rows in self._queue.values()
                for row in rows.values()
                if row.element.array == number
            }
            # one word for a whole array: a command line has its limits
            names += [str(number)] if live <= mine else [f"{number}_{i}" for i in sorted(mine)]
        if names:
            self._slurm.cancel(names)


def _indices(jobs: Sequence[Job], size: int) -> list[int]:
    """Return array indices: subrun numbers where these can be told apart, else from 0 on."""
    numbers = [job.number for job in jobs]
    known = [number for number in numbers if number is not None and 0 <= number < size]
    one_unit = len({job.unit for job in jobs}) == 1
    if one_unit and len(set(known)) == len(jobs):
        return known
    return list(range(len(jobs)))
