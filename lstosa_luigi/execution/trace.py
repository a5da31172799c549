"""What a job read and made, down to the bytes: hashes, copies of configurations, software.

A hash is made where the file is made, when it has just been checked and still lies in memory. What
another job made is not read again for it: who asks finds the hash in the record of the maker.
Imported by a job only when it has something to hash.
"""

from __future__ import annotations

__all__ = ["RawHashes", "hash_of", "hash_small", "keep_configs", "keep_software", "user"]

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.execution.record import Record

SMALL_BYTES = 4_000_000
"""Inputs up to that size are hashed by every reader: it takes some milliseconds. They are what no
job made: configurations, run summaries, drive logs."""
CONFIG = ".json"
"""Suffix of configurations, of which a copy is kept."""
RAW = ".fits.fz"
CHUNK_BYTES = 1 << 20


def hash_of(path: str | Path) -> str:
    """Return the SHA-256 of a file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def hash_small(read: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Return the hashes of inputs that are small, by path; *read* has their sizes and times."""
    found = {}
    for path, (size, _) in read.items():
        if size <= SMALL_BYTES:
            with contextlib.suppress(OSError):
                found[path] = hash_of(path)
    return found


def keep_configs(directory: Path, hashes: Mapping[str, str]) -> dict[str, str]:
    """Keep a copy of each configuration, once for each content; return their hashes by path.

    One that was written since it was hashed is not kept.
    """
    found = {}
    for path, digest in hashes.items():
        if path.endswith(CONFIG):
            found[path] = digest
            copy = directory / f"{digest}{CONFIG}"
            if not copy.exists():
                with contextlib.suppress(OSError):
                    content = Path(path).read_bytes()
                    if hashlib.sha256(content).hexdigest() == digest:
                        write_whole(copy, content)
    return found


def keep_software(directory: Path, software: Mapping[str, str]) -> str:
    """Keep what is told of the software, once for each content; return what it is called."""
    text = json.dumps(dict(sorted(software.items())), indent=1) + "\n"
    name = hashlib.sha256(text.encode()).hexdigest()
    place = directory / f"{name}.json"
    if not place.exists():
        with contextlib.suppress(OSError):
            write_whole(place, text)
    return name


class RawHashes:
    """Hashes raw files in the background, while the command reads them as well.

    Parameters
    ----------
    read : dict of str to (int, int)
        Inputs with their sizes and times; only raw files are hashed.
    before : Record or None
        The record of the attempt before: what it hashed of the same files holds still.
    """

    def __init__(self, read: Mapping[str, tuple[int, int]], before: Record | None) -> None:
        raw = [path for path in read if path.endswith(RAW)]
        known = {} if before is None else before.hashes
        self._found = {
            path: known[path]
            for path in raw
            if before is not None and path in known and before.read.get(path) == read[path]
        }
        self._paths = [path for path in raw if path not in self._found]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._paths:
            self._thread.start()

    def _run(self) -> None:
        for path in self._paths:
            with contextlib.suppress(OSError):
                self._found[path] = hash_of(path)

    def wait(self) -> dict[str, str]:
        """Return the hashes by path, once all are made."""
        if self._paths:
            self._thread.join()
        return self._found


def user() -> str:
    """Return who runs this process."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
