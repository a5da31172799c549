"""The graph of files and executions, as the records tell it. Pure: nothing here opens a file."""

from __future__ import annotations

__all__ = ["DONE", "Execution", "Graph", "execution_of", "role_of"]

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DONE = "done"
"""State of an execution whose files are there."""


@dataclasses.dataclass(frozen=True)
class Execution:
    """One product made by one command.

    Parameters
    ----------
    record : str
        File that tells of it.
    title, product : str
        The product and its kind, as ``DL2 Run00003`` and ``DL2``.
    date, prod_id : str
        Night (``YYYY-MM-DD``) and production.
    run, subrun : int or None
        What it is of; None if it is of several.
    state, start, end : str
        How it went, and when (UTC, ISO 8601).
    inputs, outputs : tuple of str
        Files.
    """

    record: str
    title: str
    product: str
    date: str
    prod_id: str
    run: int | None
    subrun: int | None
    state: str
    start: str
    end: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def key(self) -> tuple[str, int, int]:
        """What it has in common with the same step of another production."""
        return (
            self.product,
            -1 if self.run is None else self.run,
            -1 if self.subrun is None else self.subrun,
        )


def execution_of(record: str, date: str, prod_id: str, data: Mapping[str, Any]) -> Execution:
    """Return what a record says.

    Parameters
    ----------
    record : str
        Its file.
    date, prod_id : str
        Night and production whose directory it lies in.
    data : dict
        Its content, of any version.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not that of a record.
    """
    title = str(data["title"])
    product, _, unit = title.partition(" ")
    run, subrun = data.get("run"), data.get("subrun")
    if run is None:  # before version 5, and of what lstosa made, the title tells
        run, subrun = _numbers(unit)
    return Execution(
        record=record,
        title=title,
        product=str(data.get("product") or product),
        date=date,
        prod_id=prod_id,
        run=run,
        subrun=subrun,
        state=str(data["state"]),
        start=str(data["start"]),
        end=str(data["end"]),
        inputs=tuple(dict.fromkeys(_paths(data["inputs"]))),
        outputs=tuple(dict.fromkeys(_paths(data.get("files") or data["outputs"]))),
    )


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{value!r} is no list of files")
    return map(str, value)


def _numbers(unit: str) -> tuple[int | None, int | None]:
    """Return run and subrun of ``Run01807.0003`` or ``Run01807``; nothing of what is neither."""
    run, _, subrun = unit.removeprefix("Run").partition(".")
    if not unit.startswith("Run") or not run.isdigit():
        return None, None
    return int(run), int(subrun) if subrun.isdigit() else None


class Graph:
    """Executions, and how files connect them.

    If several say that they made a file, the last of them did.

    Parameters
    ----------
    executions : iterable of Execution
        Those that failed or were refused made nothing.
    """

    def __init__(self, executions: Iterable[Execution]):
        ordered = sorted(executions, key=lambda one: (one.start, one.record))
        self.executions = tuple(one for one in ordered if one.state == DONE)
        self._makers: dict[str, Execution] = {}
        self._users: dict[str, list[Execution]] = {}
        for one in self.executions:
            self._makers.update(dict.fromkeys(one.outputs, one))
        for one in self.executions:
            for path in one.inputs:
                self._users.setdefault(path, []).append(one)

    def maker(self, path: str) -> Execution | None:
        """Return what made a file; None of one that was given."""
        return self._makers.get(path)

    def users(self, path: str) -> tuple[Execution, ...]:
        """Return what was made of a file directly."""
        return tuple(self._users.get(path, ()))

    def above(self, paths: Iterable[str]) -> tuple[Execution, ...]:
        """Return all that led to files, what is nearest first."""
        return self._walk(paths, lambda one: one.inputs, lambda p: filter(None, [self.maker(p)]))

    def below(self, path: str) -> tuple[Execution, ...]:
        """Return all that derives from a file, what is nearest first."""
        return self._walk([path], lambda one: one.outputs, self.users)

    def given(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the files that files come from and that nothing made: raw data, drive logs."""
        read = [path for one in self.above(paths) for path in one.inputs]
        return tuple(dict.fromkeys(path for path in read if self.maker(path) is None))

    def _walk(self, paths: Iterable[str], onward: Any, follow: Any) -> tuple[Execution, ...]:
        found: dict[str, Execution] = {}
        seen = set(paths)
        queue = list(seen)
        for path in queue:
            for one in follow(path):
                if one.record in found:
                    continue
                found[one.record] = one
                new = [other for other in onward(one) if other not in seen]
                seen.update(new)
                queue.extend(new)
        return tuple(found.values())


def role_of(argv: Iterable[str], path: str) -> str:
    """Return the option by which a command was told of a file; empty if by none.

    Parameters
    ----------
    argv : iterable of str
        The command.
    path : str
        One of its files.
    """
    before = ""
    for word in argv:
        option, equals, value = word.partition("=")
        if equals and value == path and option.startswith("-"):
            return option.lstrip("-")
        if word == path and before.startswith("-") and "=" not in before:
            return before.lstrip("-")
        before = word
    return ""
