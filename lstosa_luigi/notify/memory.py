"""What people were told of a night, and by which way: a small file, so that it is told once."""

from __future__ import annotations

__all__ = ["Memory", "Troubles"]

import dataclasses
import json
from pathlib import Path
from typing import Any

from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.hours import utc_now
from lstosa_luigi.notify.events import Event, Kind

SCHEMA_VERSION = 1


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing if it is not there, or damaged: better told twice."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, values: dict[str, Any]) -> None:
    write_whole(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


@dataclasses.dataclass
class Memory:
    """What was told of one night.

    Parameters
    ----------
    path : Path
        File that keeps it.
    """

    path: Path

    def __post_init__(self) -> None:
        self._told: dict[str, dict[str, dict[str, str]]] = {}
        told = _read(self.path).get("told")
        for way, kinds in told.items() if isinstance(told, dict) else ():
            if isinstance(kinds, dict) and all(isinstance(r, dict) for r in kinds.values()):
                self._told[way] = kinds

    def has_told(self, kind: Kind, way: str) -> bool:
        """Whether anything of a kind was told."""
        return bool(self._told.get(way, {}).get(kind.value))

    def is_news(self, event: Event, way: str) -> bool:
        """Whether an event has a reason that was not told by a way."""
        told = self._told.get(way, {}).get(event.kind.value, {})
        if event.can_wait and told and event.kind is Kind.NEEDS_PERSON:
            return False
        return any(reason.key not in told for reason in event.reasons)

    def prepare(self) -> None:
        """See that something can be kept, before it is told.

        Raises
        ------
        OSError
            If it cannot.
        """
        self._write()

    def keep(self, event: Event, way: str) -> None:
        """Remember that an event was told by a way; what a closed night lacked is forgotten."""
        told = self._told.setdefault(way, {})
        if event.kind is Kind.CLOSED:
            told.clear()
        now = utc_now().isoformat(timespec="seconds")
        reasons = told.setdefault(event.kind.value, {})
        reasons.update({r.key: now for r in event.reasons if r.key not in reasons})
        self._write()

    def _write(self) -> None:
        _write(self.path, {"schema_version": SCHEMA_VERSION, "told": self._told})


@dataclasses.dataclass
class Troubles:
    """What stands in the way of telling or starting; each is told once until it is over.

    Parameters
    ----------
    path : Path
        File that keeps them.
    """

    path: Path

    def begin(self, name: str, text: str) -> bool:
        """Remember a trouble; return whether it is new."""
        known = _read(self.path)
        if name in known:
            return False
        since = utc_now().isoformat(timespec="seconds")
        _write(self.path, {**known, name: {"since": since, "text": text}})
        return True

    def end(self, name: str) -> None:
        """Forget a trouble that is over."""
        known = _read(self.path)
        if name in known:
            del known[name]
            _write(self.path, known)
