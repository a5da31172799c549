"""What a record says beside its files: command, configuration, software, choices.

Keys that a record does not have, because an older version wrote it, are nothing that is known.
"""

from __future__ import annotations

__all__ = [
    "Details",
    "is_earlier",
    "kept_config",
    "read_details",
    "read_known",
    "read_software",
    "state_of",
]

import dataclasses
import datetime
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi.archives import read_text
from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.provenance.graph import Execution, Graph


@dataclasses.dataclass(frozen=True)
class Details:
    """One execution in full.

    Parameters
    ----------
    execution : Execution
        What it was.
    argv : tuple of str
        Command.
    host, job_id, log, agent, service, source : str
        Where and by whom it was made; empty if not known.
    attempt : int
        Counted from 1.
    earlier : tuple of str
        The attempts before, as far as they are kept: how each went.
    decided, choices : tuple of str
        What operators had decided, and what was chosen for the product with the reasons.
    software : dict of str to str
        Versions by their names; empty if not known.
    software_id : str
        What these versions are called together.
    configs : dict of str to str
        Configuration files with their SHA-256, empty if not known.
    hashes : dict of str to str
        SHA-256 of files, as far as known.
    sizes : dict of str to (int, int)
        Size in bytes and time of change in ns, of files read and made.
    """

    execution: Execution
    argv: tuple[str, ...]
    host: str
    job_id: str
    log: str
    agent: str
    service: str
    source: str
    attempt: int
    earlier: tuple[str, ...]
    decided: tuple[str, ...]
    choices: tuple[str, ...]
    software: Mapping[str, str]
    software_id: str
    configs: Mapping[str, str]
    hashes: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]

    @property
    def tool(self) -> str:
        """Name of the command."""
        return Path(self.argv[0]).name if self.argv else ""


def read_details(places: ProvenanceLayout, execution: Execution) -> Details:
    """Return all that the record of an execution says.

    Raises
    ------
    InputError
        If it cannot be read any more.
    """
    try:
        data = json.loads(read_text(Path(execution.record)))
        return _details(places, execution, data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"The record of {execution.title} cannot be read: {execution.record} "
            f"({type(error).__name__}: {error}). Have the product made again, or remove the record."
        ) from error


def read_known(
    places: ProvenanceLayout, executions: Iterable[Execution]
) -> tuple[dict[str, Details], list[InputError]]:
    """Return the details of executions by their records, and what cannot be read."""
    found, problems = {}, []
    for one in executions:
        try:
            found[one.record] = read_details(places, one)
        except InputError as error:
            problems.append(error)
    return found, problems


def _details(places: ProvenanceLayout, execution: Execution, data: Mapping[str, Any]) -> Details:
    configs = {str(path): str(digest) for path, digest in (data.get("configs") or {}).items()}
    for path in execution.inputs:
        if places.kind(path) == "configuration":
            configs.setdefault(path, "")
    identity = str(data.get("software") or "")
    return Details(
        execution=execution,
        argv=tuple(map(str, data["argv"])),
        host=str(data.get("host") or ""),
        job_id=str(data.get("job_id") or ""),
        log=str(data.get("log") or ""),
        agent=_line(data.get("agent") or ""),
        service=str(data.get("service") or ""),
        source=str(data.get("source") or ""),
        attempt=int(data.get("attempt") or 1),
        earlier=tuple(_attempt(one) for one in data.get("earlier") or ()),
        decided=_lines(data.get("decided")),
        choices=_lines(data.get("choices")),
        software=read_software(places, execution, identity),
        software_id=identity,
        configs=configs,
        hashes={str(path): str(one) for path, one in (data.get("hashes") or {}).items()},
        sizes={
            str(path): (int(size), int(time))
            for key in ("read", "files")
            for path, (size, time) in (data.get(key) or {}).items()
        },
    )


def _attempt(data: Mapping[str, Any]) -> str:
    """Return how an attempt went that another followed."""
    where = f" on {data['host']}" if data.get("host") else ""
    why = f": {data['cause']}" if data.get("cause") else ""
    return f"attempt {data['attempt']} {data['state']}, {data['end']}{where}{why}"


def _lines(value: Any) -> tuple[str, ...]:
    """Return texts, whether they come as a list or by what they are about."""
    if not value:
        return ()
    if isinstance(value, Mapping):
        return tuple(f"{key}: {_line(one)}" for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_line, value))
    return (_line(value),)


def _line(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key}: {_line(one)}" for key, one in value.items() if one not in ("", None)
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_line, value))
    return str(value)


def read_software(places: ProvenanceLayout, execution: Execution, identity: str) -> dict[str, str]:
    """Return the versions that a record names; nothing if they are not kept (any more)."""
    if not identity:
        return {}
    try:
        path = places.software(Path(execution.record), identity)
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(_flat(data)) if isinstance(data, Mapping) else {}


def _flat(data: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found = []
    for key, value in data.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{name}.")
        else:
            found.append((name, _line(value)))
    return found


def kept_config(places: ProvenanceLayout, details: Details, path: str) -> str | None:
    """Return the text of a configuration as an execution read it.

    That is the copy that was kept; else the file, if it has not changed since it was read, as far
    as that is known. None if it is not to be had any more.
    """
    digest = details.configs.get(path, "")
    record = Path(details.execution.record)
    try:
        if digest:
            kept = places.kept_config(record, digest, Path(path).suffix)
            return kept.read_text(encoding="utf-8", errors="replace")
        status = os.stat(path)  # noqa: PTH116 - followed, as by the tool
        known = details.sizes.get(path)
        began = datetime.datetime.fromisoformat(details.execution.start).timestamp()
        is_same = (
            known == (status.st_size, status.st_mtime_ns) if known else status.st_mtime <= began + 1
        )
        return Path(path).read_text(encoding="utf-8", errors="replace") if is_same else None
    except (OSError, ValueError):
        return None


def is_earlier(graph: Graph, about: Mapping[str, Details], path: str, user: Execution) -> bool:
    """Whether a file was made again after an execution had read it, as far as that is known.

    Parameters
    ----------
    graph : Graph
        What tells which execution made it last.
    about : dict of str to Details
        By record.
    path : str
        The file.
    user : Execution
        What read it.
    """
    maker = graph.maker(path)
    if maker is None or not {maker.record, user.record} <= about.keys():
        return False
    read, made = (about[one.record].sizes.get(path) for one in (user, maker))
    return read is not None and made is not None and read != made


def state_of(path: str, details: Details | None) -> str:
    """Say how a file is compared with what is recorded; empty if it is as it was.

    Parameters
    ----------
    path : str
        The file.
    details : Details or None
        What made it, if anything did.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - a link to DL1b stands for DL1a that is done with
    except OSError:
        return "is not there any more"
    known = None if details is None else details.sizes.get(path)
    if known is None or Path(path).is_symlink():
        return ""
    if known[0] != status.st_size:
        return f"has {status.st_size} bytes, but had {known[0]} when it was made"
    return "" if known[1] == status.st_mtime_ns else "was changed since it was made"
