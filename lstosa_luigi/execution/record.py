"""The record of one product: what ran where, when, how it ended, and what each attempt cost."""

from __future__ import annotations

__all__ = ["Earlier", "Record", "read_record", "read_records", "write_record"]

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lstosa_luigi.archives import names_in, read_text
from lstosa_luigi.execution.files import write_whole

SCHEMA_VERSION = 5
"""2 since a record says how large its files are, 3 since it keeps what is known of the attempts
before, 4 since it has hashes, 5 since a product can be made again by it; all are read."""
MAX_EARLIER = 100
"""Attempts that are kept: one that is made again every few minutes for weeks must not grow."""
SUFFIX = ".json"


class Earlier(NamedTuple):
    """What is kept of an attempt once another followed.

    The values are those that its own :class:`Record` had.
    """

    attempt: int
    state: str
    start: str
    end: str
    seconds: float
    cpu_seconds: float
    peak_memory_kb: int
    host: str
    job_id: str
    mem_mb: int
    cpus: int
    exit_code: int | None
    signal: int | None
    cause: str
    source: str = ""


class Record(NamedTuple):
    """How the last attempt to make a product went.

    Parameters
    ----------
    name, title : str
        Product, as in :class:`~lstosa_luigi.execution.spec.Job`.
    state : str
        ``done``, ``refused`` (the tool's own verdict, which is kept), ``failed`` or ``cancelled``.
    start, end : str
        UTC, ISO 8601.
    seconds : float
        Elapsed time.
    cpu_seconds : float
        CPU time of the command and of its children.
    peak_memory_kb : int
        Largest resident size of the command or one of its children in kB.
    host : str
        Where it ran.
    attempt : int
        Counted from 1 over all runs of the orchestrator.
    argv : tuple of str
        Command as executed.
    inputs, outputs : tuple of str
        Files.
    exit_code, signal : int or None
        How the command ended; None if it was not started or not ended so.
    cause : str
        For a failure or a refusal: why, in one line; empty otherwise.
    log : str
        Output of the command.
    job_id : str
        The element of a job array that it was, as ``1234_5``; empty on this machine.
    mem_mb, cpus : int
        What had been asked for; 0 where nothing is asked for.
    is_permanent : bool
        Whether the failure would only happen again.
    source : str
        Who made it, if it was not this package: ``made by lstosa``. Then times are those of the
        end, as far as they are known, and nothing is known of what it cost.
    decided : tuple of str
        What the operators had decided when it was planned.
    files : dict of str to (int, int)
        The files that are there, once it is done: size in bytes and time of the last change in
        nanoseconds since 1970, as they were when they had been checked and put into place.
    earlier : tuple of Earlier
        The attempts before, oldest first, at most the last 100 of them.
    product : str
        What kind of product it is, for example ``DL1A``.
    read : dict of str to (int, int)
        The inputs that were there when it began: size and time, as of *files*.
    hashes : dict of str to str
        SHA-256 of what it made, and of inputs of which no other record tells it, in hexadecimal.
    configs : dict of str to str
        The configurations among the inputs, with their hashes: a copy of each content is kept.
    software : str
        What the file is called that tells the versions of what it was made with.
    agent, service : str
        Who had it made: the user, and the service that the command was given by; empty if by hand.
    choices : tuple of str
        What was chosen for it, and why.
    telescope, date : str
        What it is of; the night as ``YYYY-MM-DD``. Empty of what belongs to no night.
    run, subrun : int or None
        What it is of; None if it is of several.
    prod_ids : dict of str to str
        The production, and as far as the product depends on them the directories of cleaning,
        models and reconstruction.
    staged, copied : dict of str to str
        Links and copies that the command found in its scratch directory: name to file.
    made : dict of str to str
        Where the command left each file that is there, below its scratch directory; perhaps a
        pattern.
    is_random : bool
        Whether the tool draws numbers without a seed, so that the product cannot be made again.
    resource_class : str
        Which resources it was to have, as :class:`~lstosa_luigi.execution.spec.Job` names them.
    """

    name: str
    title: str
    state: str
    start: str
    end: str
    seconds: float
    cpu_seconds: float
    peak_memory_kb: int
    host: str
    attempt: int
    argv: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    exit_code: int | None
    signal: int | None
    cause: str
    log: str
    job_id: str = ""
    mem_mb: int = 0
    cpus: int = 0
    is_permanent: bool = False
    source: str = ""
    decided: tuple[str, ...] = ()
    files: Mapping[str, tuple[int, int]] = {}
    earlier: tuple[Earlier, ...] = ()
    product: str = ""
    read: Mapping[str, tuple[int, int]] = {}
    hashes: Mapping[str, str] = {}
    configs: Mapping[str, str] = {}
    software: str = ""
    agent: str = ""
    service: str = ""
    choices: tuple[str, ...] = ()
    telescope: str = ""
    date: str = ""
    run: int | None = None
    subrun: int | None = None
    prod_ids: Mapping[str, str] = {}
    staged: Mapping[str, str] = {}
    copied: Mapping[str, str] = {}
    made: Mapping[str, str] = {}
    is_random: bool = False
    resource_class: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do: it was made, or the tool refused to."""
        return self.state in ("done", "refused")

    def history(self) -> tuple[Earlier, ...]:
        """Return all that is kept of the attempts so far, this one last."""
        this = Earlier(*(getattr(self, field) for field in Earlier._fields))
        return (*self.earlier, this)[-MAX_EARLIER:]


def write_record(path: Path, record: Record) -> None:
    """Write a record; the one of the attempt before is replaced."""
    data = record._asdict()
    data["earlier"] = [attempt._asdict() for attempt in record.earlier]
    write_whole(path, json.dumps(data, indent=1) + "\n")


def read_record(path: Path) -> Record | None:
    """Return the record, archived or not; None if there is none or it cannot be read."""
    try:
        data = json.loads(read_text(path))
        for key in ("argv", "inputs", "outputs"):
            data[key] = tuple(data[key])
        for key in ("decided", "choices"):
            data[key] = tuple(data.get(key, ()))
        for key in ("files", "read"):
            files = data.get(key, {})
            data[key] = {path: (int(size), int(time)) for path, (size, time) in files.items()}
        data["earlier"] = tuple(Earlier(**attempt) for attempt in data.get("earlier", ()))
        return Record(**data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_records(directory: Path) -> Iterator[tuple[str, Record | None]]:
    """Yield all records of a night, archived or not, by the names of their products.

    The directory is listed once.

    Parameters
    ----------
    directory : Path
        Where they are (``Layout.record("").parent``); none are there if it is not.

    Yields
    ------
    tuple of str and (Record or None)
        None for one that cannot be read.
    """
    names = set(names_in(directory))
    with contextlib.suppress(OSError):
        names.update(os.listdir(directory))  # noqa: PTH208 - names are all that is wanted
    for name in sorted(names):
        if name.endswith(SUFFIX) and not name.startswith("."):  # that is half-written
            yield name.removesuffix(SUFFIX), read_record(directory / name)
