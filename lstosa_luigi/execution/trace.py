"""What a job read and made, down to the bytes: hashes, copies of configurations, software.

A hash is made where the file is made, when it has just been checked and still lies in memory. What
another job made is not read again for it: who asks finds the hash in the record of the maker.
Imported by a job only when it has something to hash.
"""

from __future__ import annotations

__all__ = ["SMALL_BYTES", "hash_of", "hash_small", "keep_configs", "keep_software", "user"]

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from lstosa_luigi.execution.files import write_whole

SMALL_BYTES = 4_000_000
"""Inputs up to that size are hashed by every reader: it takes some milliseconds. They are what no
job made: configurations, run summaries, drive logs."""
CONFIGS = (".json", ".yaml", ".yml", ".cfg")
"""Suffixes of configurations, of which copies are kept."""
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
        suffix = os.path.splitext(path)[1]  # noqa: PTH122 - many, and most are none
        if suffix in CONFIGS:
            found[path] = digest
            copy = directory / f"{digest}{suffix}"
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


def user() -> str:
    """Return who runs this process."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
