"""Hashes of large files that no job made: random forests, simulations, raw files.

One job makes the hash of a file, beside the command that reads it as well, and keeps it for all
others. Imported by a job only when it has such a file.
"""

from __future__ import annotations

__all__ = ["HashStore", "Hashing", "wanted"]

import contextlib
import fcntl
import hashlib
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from lstosa_luigi.execution.trace import SMALL_BYTES, hash_of

RAW = ".fits.fz"
RUN = re.compile(r"\.(Run\d{5})\.")
PATIENCE_S = 600.0
"""How long a product waits for hashes once its command has ended; then it goes without."""


def wanted(
    read: Mapping[str, tuple[int, int]], made_below: Iterable[str], raw: bool
) -> dict[str, tuple[int, int]]:
    """Return the inputs to hash: the large ones that no job made.

    Parameters
    ----------
    read : dict of str to (int, int)
        Inputs with their sizes and times.
    made_below : iterable of str
        Directories of what jobs make.
    raw : bool
        Whether raw files are wanted, whatever their size.
    """
    made = tuple(f"{directory}/" for directory in made_below)
    return {
        path: state
        for path, state in read.items()
        if (raw if path.endswith(RAW) else state[0] > SMALL_BYTES and not path.startswith(made))
    }


class HashStore:
    """Hashes by path, size and time of change, in files that jobs on any node add lines to.

    There is one for the raw files of a run, and one for each other file. A line is of use if it is
    whole: size, time, hash and name.

    Parameters
    ----------
    directory : Path
        Where they lie.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def place(self, path: str) -> Path:
        """Return the file that the hash of a file is kept in."""
        folder, _, name = path.rpartition("/")
        run = RUN.search(name)
        group = run.group(1) if run else name
        return self.directory / hashlib.sha256(folder.encode()).hexdigest()[:16] / group

    def known(self, path: str, state: tuple[int, int]) -> str:
        """Return the hash of a file of that size and time; empty if nobody made it."""
        try:
            text = self.place(path).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""
        return _find(text, path, state)

    def hash(self, path: str, state: tuple[int, int]) -> str:
        """Return the hash of a file, made by whoever comes first; the others wait for it.

        It is empty if the file is not, or does not stay, as *state* tells. Where nothing can be
        kept the hash is made all the same.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        found = self.known(path, state)
        if found:
            return found
        place = self.place(path)
        with contextlib.ExitStack() as stack:
            file, text = None, ""
            with contextlib.suppress(OSError):
                place.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(place.open("a+", encoding="utf-8"))
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                text = file.read()
                if found := _find(text, path, state):
                    return found
            digest = hash_of(path)
            status = Path(path).stat()
            if (status.st_size, status.st_mtime_ns) != state:
                return ""
            if file is not None:
                torn = "" if not text or text.endswith("\n") else "\n"
                with contextlib.suppress(OSError):
                    name = path.rpartition("/")[2]
                    file.write(f"{torn}{state[0]} {state[1]} {digest} {name}\n")
                    file.flush()
            return digest


def _find(text: str, path: str, state: tuple[int, int]) -> str:
    name = path.rpartition("/")[2]
    for line in text.splitlines(keepends=True):
        words = line.split(" ", 3)
        if len(words) == 4 and words[3] == f"{name}\n" and words[:2] == [*map(str, state)]:
            return words[2]
    return ""


class Hashing:
    """Files that are hashed in the background, while a command reads them as well.

    Parameters
    ----------
    store : Path
        Directory of the :class:`HashStore`.
    files : dict of str to (int, int)
        Files with their sizes and times.
    """

    def __init__(self, store: Path, files: Mapping[str, tuple[int, int]]) -> None:
        self._store, self._files = HashStore(store), files
        self._found: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        for path, state in self._files.items():
            with contextlib.suppress(OSError):
                if digest := self._store.hash(path, state):
                    self._found[path] = digest

    def wait(self) -> None:
        """Wait until all are made; not for ever: a product is worth more than a hash."""
        self._thread.join(PATIENCE_S)

    def found(self) -> dict[str, str]:
        """Return the hashes by path, as far as they are made."""
        return dict(self._found)
