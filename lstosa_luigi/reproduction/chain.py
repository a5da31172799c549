"""The commands that made a file, as jobs that make it once more in a directory of their own.

Every file that a step reads has its place below that directory, at the path that it has outside:
what the chain makes, and links to what was given. So a command finds what it read then, and
nothing else, whether it is told of files or of the directories that they are in. The one exception
is the directory of the raw data, which a run summary lists: it is read where it is.
"""

from __future__ import annotations

__all__ = ["Chain", "Given", "Step", "chain_of"]

import contextlib
import dataclasses
import functools
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.environment import LSTCAM_CALIB, LSTCHAIN, Tools, own_software
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.execution.spec import Job, Output
from lstosa_luigi.execution.trace import hash_of
from lstosa_luigi.layout import RAW_NIGHT, ProvenanceLayout
from lstosa_luigi.provenance.details import read_software
from lstosa_luigi.provenance.graph import Execution, Graph

ReadRecord = Callable[[Execution], "Record | None"]
"""Returns the record of an execution; None if it cannot be read."""
WILDCARDS = re.compile(r"[*?\[]")
PLACE = "environment"
"""What software is told by beside versions: where it lies."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One product to make again.

    Parameters
    ----------
    job : Job
        What to do, below the directory of the chain.
    needs : tuple of int
        Numbers of the steps that make what it reads, counted from 0.
    compared : dict of str to str
        What it makes, and where that lies outside.
    """

    job: Job
    needs: tuple[int, ...]
    compared: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Given:
    """A file that no step makes: its place in the directory, and what a link there leads to."""

    at: str
    source: str


@dataclasses.dataclass(frozen=True)
class Chain:
    """All that makes a file again.

    Parameters
    ----------
    path, again : str
        The file, and where it is made again.
    directory : Path
        Where all of it is done.
    steps : tuple of Step
        In an order in which they can be done.
    given : tuple of Given
        What is put there before.
    notes, problems : tuple of str
        What is not as it was then, and what makes it impossible to do the same again.
    """

    path: str
    again: str
    directory: Path
    steps: tuple[Step, ...]
    given: tuple[Given, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def chain_of(
    places: ProvenanceLayout,
    graph: Graph,
    path: str,
    directory: Path,
    depth: int | None = None,
) -> Chain:
    """Return what makes a file again. Files are looked at; nothing is written.

    Parameters
    ----------
    places : ProvenanceLayout
        Where copies of configurations and the names of software are kept.
    graph : Graph
        All that led to the file.
    path : str
        The file.
    directory : Path
        Where it is to be made again.
    depth : int, optional
        So many steps back from the file; what these read is taken as it is. Default: all, from
        what was given.

    Raises
    ------
    InputError
        If no record tells how it was made, or one of them tells too little.
    """
    maker = graph.maker(path)
    if maker is None:
        raise InputError(f"{path} was given: no record tells of its making.")
    # each record is read once: a run has hundreds
    read = functools.cache(lambda one: read_record(Path(one.record)))
    ordered = list(_ordered(graph, maker, depth, read))
    return _Planner(places, graph, ordered, directory, read).chain(path)


def _is_random(record: Record | None) -> bool:
    return record is not None and record.is_random


def _ordered(
    graph: Graph, last: Execution, depth: int | None, read: ReadRecord
) -> Iterator[Execution]:
    """Yield what leads to an execution and it itself, each after what it needs.

    What draws numbers at random is left out, unless it is the last.
    """
    level: dict[str, Execution] = {}
    new = {last.record: last}
    while new and depth != 0:
        level.update(new)
        makers = filter(None, (graph.maker(path) for one in new.values() for path in one.inputs))
        known = {one.record: one for one in makers if one.record not in level}
        new = {record: one for record, one in known.items() if not _is_random(read(one))}
        depth = None if depth is None else depth - 1
    seen: set[str] = set()
    stack = [(last, False)]
    while stack:
        one, is_ready = stack.pop()
        if is_ready:
            yield one
        elif one.record not in seen:
            seen.add(one.record)
            stack.append((one, True))
            needed = filter(None, map(graph.maker, one.inputs))
            stack += [(other, False) for other in needed if other.record in level]


class _Planner:
    """Turns executions into jobs of a directory."""

    def __init__(
        self,
        places: ProvenanceLayout,
        graph: Graph,
        ordered: list[Execution],
        directory: Path,
        read: ReadRecord,
    ) -> None:
        self.places, self.graph, self.directory = places, graph, directory
        self.ordered, self.read = ordered, read
        self.records = [_checked(one, read(one)) for one in ordered]
        self.numbers = {path: number for number, one in enumerate(ordered) for path in one.outputs}
        inputs = {path for one in ordered for path in one.inputs}
        self.listed = {path for path in inputs if places.kind(path) == RAW_NIGHT}
        self.notes: dict[str, None] = {}
        self.problems: dict[str, None] = {}

    def chain(self, path: str) -> Chain:
        """Return the whole of it."""
        last = self.ordered[-1]
        if _is_random(self.read(last)):
            self._note_random(last, "need not be the same")
        steps = tuple(self._step(number) for number in range(len(self.ordered)))
        given = tuple(self._given())
        return Chain(
            path, self._at(path), self.directory, steps, given,
            tuple(self.notes), tuple(self.problems),
        )  # fmt: skip

    def _at(self, path: str) -> str:
        return path if path in self.listed else f"{self.directory}/files{path}"

    def _note_random(self, one: Execution, what: str) -> None:
        self.notes[f"{one.title} {what}: its tool draws numbers at random"] = None

    # --- what was given ----------------------------------------------------------------------

    def _given(self) -> Iterator[Given]:
        seen: set[str] = set()
        for one, record in zip(self.ordered, self.records, strict=True):
            for path in one.inputs:
                if path in self.numbers:
                    self._see_that_it_was_this(path, one, record)
                elif path not in seen:
                    seen.add(path)
                    maker = self.graph.maker(path)
                    if maker is not None and _is_random(self.read(maker)):
                        self._note_random(maker, "is taken as it is")
                    source = self._source(path, one, record)
                    if path not in self.listed:
                        yield Given(self._at(path), source)

    def _see_that_it_was_this(self, path: str, one: Execution, record: Record) -> None:
        """Note if a step had read what was made again only afterwards."""
        made = self.records[self.numbers[path]].files.get(path)
        read = record.read.get(path)
        if made and read and made != read:
            maker = self.ordered[self.numbers[path]].title
            self.notes[f"{one.title} had read {path} before {maker} was made again"] = None

    def _see_that_it_is_as_made(self, path: str, record: Record) -> None:
        """Note if a file that the result is compared with was changed."""
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            state = (status.st_size, status.st_mtime_ns)
            if not stat.S_ISLNK(status.st_mode) and record.files.get(path, state) != state:
                self.notes[f"{path} was changed since it was made"] = None

    def _source(self, path: str, one: Execution, record: Record) -> str:
        """Return what stands for an input: itself, or the copy that was kept of it."""
        change = self._change(path, record)
        if not change:
            return path
        digest = record.configs.get(path, "")
        if digest:
            kept = self.places.kept_config(Path(one.record), digest, Path(path).suffix)
            if kept.exists():
                self.notes[f"{path} {change}: the copy that was kept of it is taken"] = None
                return str(kept)
        self.problems[f"{path} {change}"] = None
        return path

    def _change(self, path: str, record: Record) -> str:
        """Say how a file is not what it was when it was read; empty if it is."""
        try:
            status = os.stat(path)  # noqa: PTH116 - followed, as by the tool
        except OSError:
            return "is not there any more"
        known = record.read.get(path)
        if known is None or known == (status.st_size, status.st_mtime_ns):
            return ""
        if path in self.listed:
            self.notes[f"files came to {path} since it was listed, or went"] = None
            return ""
        if known[0] != status.st_size:
            return f"has {status.st_size} bytes, but had {known[0]} when it was read"
        digest = self._digest(path, record)
        if not digest:
            self.notes[f"{path} was written again since, with as many bytes"] = None
            return ""
        try:
            return "" if hash_of(path) == digest else "has other content than when it was read"
        except OSError as error:
            return f"cannot be read ({error.strerror})"

    def _digest(self, path: str, record: Record) -> str:
        if path in record.hashes:
            return record.hashes[path]
        maker = self.graph.maker(path)
        made = None if maker is None else self.read(maker)
        if made is None or made.files.get(path) != record.read.get(path):
            return ""
        return made.hashes.get(path, "")

    # --- what is done ------------------------------------------------------------------------

    def _step(self, number: int) -> Step:
        one, record = self.ordered[number], self.records[number]
        made = [path for path in one.outputs if path in record.made]
        for path in made:
            self._see_that_it_is_as_made(path, record)
        needs = {self.numbers[path] for path in one.inputs if path in self.numbers} - {number}
        job = self._job(number, one, record, made)
        return Step(job, tuple(sorted(needs)), {self._at(path): path for path in made})

    def _job(self, number: int, one: Execution, record: Record, made: Iterable[str]) -> Job:
        tools = self._tools(one, record)
        name = f"{number:04d}_{record.name}"
        aside, cache = self.directory, self.places.directories.cache
        warm_up = tools.warm_up() if tools.version else ()
        elsewhere = {*record.staged.values(), *record.copied.values()}
        program, *words = record.argv
        files = [path for path in one.inputs if path not in self.listed]
        return Job(
            name=name,
            title=one.title,
            product=one.product,
            unit=record.name if one.run is None else f"Run{one.run:05d}",
            number=one.subrun,
            group="again",
            argv=(program, *(self._word(word, files) for word in words)),
            outputs=tuple(Output(self._at(path), record.made[path]) for path in made),
            inputs=tuple(self._at(path) for path in one.inputs if path not in elsewhere),
            staged={key: self._at(path) for key, path in record.staged.items()},
            copied={key: self._at(path) for key, path in record.copied.items()},
            environment=tools.variables(cache),
            warm_up=warm_up,
            is_warm=str(cache / f"warm-v{tools.version}") if warm_up else "",
            log=str(aside / "log" / f"{name}.log"),
            record=str(aside / "records" / f"{name}.json"),
            scratch=str(aside / ".scratch"),
            arrays=str(aside / "arrays"),
            resource_class=record.resource_class or "data",
            choices=record.choices,
            software=tools.software() if tools.version else own_software(),
            configs=str(aside / "configs"),
            versions=str(aside / "software"),
        )

    def _word(self, word: str, inputs: Iterable[str]) -> str:
        """Return a word of a command with what it names below the directory of the chain.

        That is a file that was read, a directory that such files are in, or a pattern of them.
        """
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if not value.startswith("/"):
            return word
        fixed = WILDCARDS.split(value)[0]
        directory = (fixed if fixed == value else fixed.rpartition("/")[0]).rstrip("/")
        if any(path == value or path.startswith(f"{directory}/") for path in inputs):
            return f"{option}{equals}{self._at(value)}"
        return word

    def _tools(self, one: Execution, record: Record) -> Tools:
        """Return the tools as a record names them, and note what is not as it was then."""
        software = read_software(self.places, one, record.software)
        program = record.argv[0]
        prefix = software.get("command_prefix", "")
        if shutil.which(program) is None:
            versions = ", ".join(f"{k} {software[k]}" for k in (LSTCHAIN,) if k in software)
            self.problems[
                f"{program} is not there any more: set up the environment again"
                + (f" ({versions})" if versions else "")
            ] = None
        package = LSTCAM_CALIB if LSTCAM_CALIB in software else LSTCHAIN
        # a program of this package itself needs no tools
        version = software.get(package, "")
        tools = Tools(version, None if prefix else Path(program).parent, prefix, package)
        now = tools.software() if version else own_software()
        for key, then in software.items():
            if key != PLACE and now.get(key, then) != then:
                what = "other packages of the environment" if key == "packages" else key
                change = "are others now" if key == "packages" else f"was {then}, is {now[key]}"
                self.notes[f"{what} {change}"] = None
        return tools


def _checked(one: Execution, record: Record | None) -> Record:
    if record is None:
        raise InputError(
            f"The record of {one.title} cannot be read: {one.record}. Have the product made again."
        )
    if record.source:
        raise InputError(
            f"{one.title} was {record.source}: no record tells the command that made it."
        )
    if not record.argv or not set(record.made) & set(one.outputs):
        raise InputError(
            f"The record of {one.title} was written by an older version, which did not tell what "
            f"is needed to make it again: {one.record}. Have the product made again; or ask for "
            "fewer steps back: --depth N."
        )
    return record
