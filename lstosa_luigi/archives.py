"""The archive of a closed night: logs and records in one file, read as if they still lay there.

It is a zip file beside the directories that it stands for, of which each member can be read by
itself. A file that lies there counts more than the archive: it was written since.
"""

from __future__ import annotations

__all__ = ["ARCHIVE", "marks_in", "names_in", "problem_of", "read_text"]

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile

ARCHIVE = "archive.zip"


def read_text(path: Path) -> str:
    """Return what a log or a record says, wherever it is.

    Raises
    ------
    OSError
        If it is neither there nor in the archive, or the archive cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = _archived(path)
        if text is None:
            raise
        return text


def names_in(directory: Path) -> frozenset[str]:
    """Return the names of the files of a directory that were archived."""
    archive = _open(directory.parent / ARCHIVE)
    return frozenset() if archive is None else _names(archive).get(directory.name, frozenset())


def marks_in(directory: Path) -> dict[str, tuple[int, int]]:
    """Return size and checksum of the files of a directory that were archived, by name."""
    archive = _open(directory.parent / ARCHIVE)
    if archive is None:
        return {}
    infos = (archive.getinfo(f"{directory.name}/{name}") for name in names_in(directory))
    return {info.filename.partition("/")[2]: (info.file_size, info.CRC) for info in infos}


def problem_of(archive: Path, deep: bool = False) -> str:
    """Say what is wrong with an archive that is there; nothing if nothing is.

    Parameters
    ----------
    archive : Path
        The archive.
    deep : bool
        Whether to read all of it.
    """
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(archive) as opened:
            bad = opened.testzip() if deep else None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        return str(error)
    return "" if bad is None else f"{bad} in it is damaged"


def _archived(path: Path) -> str | None:
    archive = _open(path.parent.parent / ARCHIVE)
    if archive is None or path.name not in _names(archive).get(path.parent.name, frozenset()):
        return None
    import zipfile
    import zlib

    try:
        data = archive.read(f"{path.parent.name}/{path.name}")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise OSError(f"{path.name} in {archive.filename} is damaged: {error}") from error
    return data.decode("utf-8", errors="replace")


def _open(path: Path) -> zipfile.ZipFile | None:
    """Return an archive; None if there is none or it is damaged, which ``lstosa verify`` says."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked of each record that is not there
    except OSError:
        return None
    return _opened(str(path), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _opened(path: str, _time: int, _size: int) -> zipfile.ZipFile | None:
    import zipfile

    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        return None


@functools.lru_cache(maxsize=8)
def _names(archive: zipfile.ZipFile) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for member in archive.namelist():
        directory, _, name = member.partition("/")
        found.setdefault(directory, set()).add(name)
    return {directory: frozenset(names) for directory, names in found.items()}
