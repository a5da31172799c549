"""What was published, and how it went for the last time: small files, so that only changes go."""

from __future__ import annotations

__all__ = ["LastTry", "Signature", "forget_try", "read_sent", "read_try", "write_sent", "write_try"]

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from lstosa_luigi.execution.files import write_whole

SCHEMA_VERSION = 1

Signature = tuple[int, ...]
"""What changes when a file does: size, time of the last change; of a page what it links to, too."""


@dataclasses.dataclass(frozen=True)
class LastTry:
    """A try that failed.

    Parameters
    ----------
    target : str
        Where to.
    since, tried : str
        When it failed first and last (UTC, ISO 8601).
    problem : str
        Why.
    """

    target: str
    since: str
    tried: str
    problem: str


def read_sent(path: Path, target: str) -> dict[str, Signature]:
    """Return what a target was sent of a night, by its place there; nothing if nobody knows."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["target"] != target:
            return {}
        return {place: tuple(map(int, signature)) for place, signature in found["sent"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_sent(path: Path, target: str, sent: Mapping[str, Signature]) -> None:
    """Keep what a target was sent."""
    values = {
        "schema_version": SCHEMA_VERSION,
        "target": target,
        "sent": dict(sorted(sent.items())),
    }
    write_whole(path, json.dumps(values, indent=1) + "\n")


def read_try(path: Path) -> LastTry | None:
    """Return the last try if it failed; None if it did not, or nobody knows."""
    try:
        return LastTry(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_try(path: Path, last: LastTry) -> None:
    """Keep that a try failed."""
    write_whole(path, json.dumps(vars(last), indent=1) + "\n")


def forget_try(path: Path) -> None:
    """Keep that the last try did not fail."""
    path.unlink(missing_ok=True)
