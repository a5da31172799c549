"""Opening a closed night again: the flag goes, and what it said is kept with who, when and why."""

from __future__ import annotations

__all__ = ["Reopened", "read_history", "reopen"]

import dataclasses
import json
from pathlib import Path
from typing import Any

from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.layout import Layout

SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Reopened:
    """One time that the night was opened again.

    Parameters
    ----------
    who, when, why : str
        Who did it, when (UTC, ISO 8601), and the reason.
    flag : str
        What the flag said.
    """

    who: str
    when: str
    why: str
    flag: str = ""

    def as_data(self) -> dict[str, str]:
        """Return who, when and why."""
        return {"who": self.who, "when": self.when, "why": self.why}


def read_history(layout: Layout) -> tuple[Reopened, ...]:
    """Return each time that the night was opened again.

    Raises
    ------
    InputError
        If the file that says so is damaged.
    """
    path = layout.reopened()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            Reopened(entry["who"], entry["when"], entry["why"], _text(entry["flag"]))
            for entry in data["reopened"]
        )
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: cannot be read as the times the night was opened again ({error!r}). Correct "
            "it, or move it away."
        ) from error


def reopen(layout: Layout, who: str, when: str, why: str) -> bool:
    """Take the flag of a closed night away, and keep what it said.

    Killed at any moment, it can be done again: nothing is lost or told twice.

    Returns
    -------
    bool
        Whether there was a flag.

    Raises
    ------
    InputError
        If the history is damaged.
    """
    flag = layout.night_finished()
    try:
        text = flag.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    history = read_history(layout)
    if not history or history[-1].flag != text:
        history = (*history, Reopened(who, when, why, text))
        _write(layout.reopened(), history)
    flag.unlink()
    return True


def _write(path: Path, history: tuple[Reopened, ...]) -> None:
    entries = [{**told.as_data(), "flag": _data(told.flag)} for told in history]
    data = {"schema_version": SCHEMA_VERSION, "reopened": entries}
    write_whole(path, json.dumps(data, indent=1) + "\n")


def _data(flag: str) -> Any:
    """Return a flag as it is read best: as JSON if it is; one of lstosa is plain text."""
    try:
        data = json.loads(flag)
    except ValueError:
        return flag
    return data if isinstance(data, dict) and _text(data) == flag else flag


def _text(flag: Any) -> str:
    return flag if isinstance(flag, str) else json.dumps(flag, indent=1) + "\n"
