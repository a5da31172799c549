"""What has been simulated already: the record of a night, and when it may be replaced.

A record is begun before anything is written and marked complete after everything is, so what a
killed simulation leaves can be told from a whole night and from real data.
"""

from __future__ import annotations

__all__ = ["Record", "RefusedError"]

import dataclasses
import json
from pathlib import Path
from typing import Any


class RefusedError(Exception):
    """Something else is there and may not be replaced."""


@dataclasses.dataclass(frozen=True)
class Record:
    """The record of one simulation.

    Attributes
    ----------
    path
        Its JSON file.
    content
        The options that decide what is written.
    """

    path: Path
    content: dict[str, Any]

    def complete(self, base: Path) -> bool:
        """Return whether the same simulation was ended and all of its files are there."""
        old = self._read()
        return bool(
            old
            and old["complete"]
            and old["content"] == self.content
            and all((base / name).is_file() for name in old["files"])
        )

    def check(self, overwrite: bool, foreign: list[Path]) -> None:
        """Refuse to replace another simulation without leave, and real data in any case.

        Parameters
        ----------
        overwrite
            The user wants another simulation replaced.
        foreign
            Files that are there and that would be replaced.
        """
        old = self._read()
        if old is None:
            if foreign:
                raise RefusedError(
                    f"{foreign[0].parent} holds data that no simulation has made "
                    f"({foreign[0].name} and others); choose another --base or --date"
                )
        elif old["complete"] and old["content"] != self.content and not overwrite:
            keys = sorted({*old["content"], *self.content})
            changed = [
                f"{key} {old['content'].get(key)} -> {self.content.get(key)}"
                for key in keys
                if old["content"].get(key) != self.content.get(key)
            ]
            raise RefusedError(
                f"{self.path} was made with other options ({', '.join(changed)}); "
                "replace it with --overwrite or choose another --base"
            )

    def begin(self) -> None:
        """Write that the simulation has begun."""
        self._write({"complete": False, "content": self.content, "files": []})

    def finish(self, base: Path, files: list[Path]) -> None:
        """Write that the simulation is complete and consists of ``files``."""
        names = sorted(str(path.relative_to(base)) for path in files)
        self._write({"complete": True, "content": self.content, "files": names})

    def _read(self) -> dict[str, Any] | None:
        try:
            old = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RefusedError(f"{self.path} cannot be read: {error}") from error
        if not isinstance(old, dict) or not {"complete", "content", "files"} <= set(old):
            raise RefusedError(f"{self.path} is not the record of a simulation")
        return old

    def _write(self, content: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".part-{self.path.name}")
        partial.write_text(json.dumps(content, indent=2) + "\n")
        partial.replace(self.path)
