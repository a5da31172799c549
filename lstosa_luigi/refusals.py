"""What a tool refused to make of a run, because its data do not allow it: a fact that is kept.

A refusal is a small file (JSON), written by the job that found out. It is no failure: what else
the run gets is the configuration's to say. Light, for it is imported by every job.
"""

from __future__ import annotations

__all__ = ["Refusal", "read_refusal"]

import json
from pathlib import Path
from typing import NamedTuple


class Refusal(NamedTuple):
    """The verdict of a tool.

    Parameters
    ----------
    title : str
        The product that was refused, in an operator's words.
    reason : str
        Why, in the words of the tool.
    when : str
        UTC, ISO 8601.
    log : str
        Where the tool says so itself.
    """

    title: str
    reason: str
    when: str
    log: str

    def text(self) -> str:
        """Return what stands in the file."""
        return json.dumps(self._asdict(), indent=1) + "\n"


def read_refusal(path: Path) -> Refusal | None:
    """Return a refusal; None if there is none, or the file is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Refusal(*(str(data[key]) for key in Refusal._fields))
    except (OSError, ValueError, TypeError, KeyError):
        return None
