"""Puts logs and records of a closed night into its archive, and nothing is lost on the way."""

from __future__ import annotations

__all__ = ["Loose", "archive", "loose_files"]

import calendar
import contextlib
import dataclasses
import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from lstosa_luigi.archives import problem_of
from lstosa_luigi.errors import ExitCode, InputError, LstosaError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.layout import Layout

LOG = ".log"
"""Suffix of logs: attempts follow each other in one, so that what came later is added to it."""


class ArchiveError(LstosaError):
    """The archive could not be written; all is as it was."""

    exit_code = ExitCode.TASK_FAILED


@dataclasses.dataclass(frozen=True)
class Loose:
    """A file that goes into the archive.

    Parameters
    ----------
    path : Path
        The file.
    size, written : int
        Size in bytes, and time of the last change in nanoseconds since 1970.
    """

    path: Path
    size: int
    written: int

    @property
    def member(self) -> str:
        """Its name in the archive."""
        return f"{self.path.parent.name}/{self.path.name}"


def loose_files(layout: Layout) -> list[Loose]:
    """Return the files of a night that are not archived yet, by their names.

    The attempts that failed on Slurm stay where they are: that file is small, and only added to.
    """
    found = []
    for directory in layout.archived_directories():
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            is_wanted = entry.name != journal.NAME and not entry.name.startswith(".")
            if directory == layout.log("").parent:  # documents of provenance lie there as well
                is_wanted &= entry.name.endswith(LOG)
            if is_wanted and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found.append(Loose(Path(entry.path), status.st_size, status.st_mtime_ns))
    return found


def archive(layout: Layout, loose: Iterable[Loose]) -> None:
    """Put files into the archive of the night, and remove them.

    The archive is written aside and compared before it gets its name, and only then anything is
    removed. Whoever comes after an interruption completes it. The caller holds the lock of the
    night.

    Raises
    ------
    InputError
        If the archive that is there is damaged: nothing is added to it.
    ArchiveError
        If it cannot be written.
    """
    wanted = list(loose)
    place = layout.archive()
    if place.exists() and (problem := problem_of(place, deep=True)):
        raise InputError(
            f"{place} is damaged ({problem}): nothing is archived. Bring it back from a backup, or "
            "move it away; what it held is not known then."
        )
    aside = place.with_name(f".{files.scratch_name(place.name)}")
    try:
        files.sweep(place.parent)
        with aside.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
                for member, when, data in _members(place, wanted):
                    new.writestr(_info(member, when), data)
            file.flush()
            os.fsync(file.fileno())
        _compare(aside, place, wanted)
        aside.replace(place)
    except OSError as error:
        raise ArchiveError(
            f"{place} could not be written, and all is as it was: {os_error(error)}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    for one in wanted:
        status = one.path.stat()
        if (status.st_size, status.st_mtime_ns) == (one.size, one.written):  # else it grew since
            one.path.unlink()


def _members(place: Path, loose: Iterable[Loose]) -> Iterator[tuple[str, int, bytes]]:
    """Yield what the archive is to hold: name, time and content of what it has and what comes."""
    coming = {one.member: one for one in loose}
    if place.exists():
        with zipfile.ZipFile(place) as old:
            for info in old.infolist():
                one = coming.pop(info.filename, None)
                data = old.read(info)
                if one is None:
                    seconds = calendar.timegm((*info.date_time, 0, 0, 0))
                    yield info.filename, seconds * 10**9, data
                else:
                    yield info.filename, one.written, _merged(data, one)
    for member, one in coming.items():
        yield member, one.written, one.path.read_bytes()


def _merged(archived: bytes, one: Loose) -> bytes:
    """Return a file that is in the archive and lies there again."""
    data = one.path.read_bytes()
    if one.path.suffix != LOG:
        return data
    # after an interruption it may be in the archive already
    return archived if archived.endswith(data) else archived + data


def _info(member: str, when: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(member, max(time.gmtime(when // 10**9)[:6], (1980, 1, 1, 0, 0, 0)))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _compare(written: Path, place: Path, loose: Iterable[Loose]) -> None:
    """See that an archive holds all that it is to hold, before anything is removed."""
    with zipfile.ZipFile(written) as new:
        for member, _, data in _members(place, loose):
            if new.read(member) != data:
                raise ArchiveError(f"{member} was written to meanwhile; nothing is archived")
