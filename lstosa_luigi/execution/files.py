"""Files that are either whole or absent: writing aside, renaming, linking, scratch folders."""

from __future__ import annotations

__all__ = [
    "Leftover",
    "copy",
    "find_leftovers",
    "link",
    "owners",
    "place",
    "remove_tree",
    "replace_by_link",
    "scratch_name",
    "sweep",
    "write_whole",
]

import contextlib
import errno
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a small file so that it is never seen half-written; text as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def place(made: Path, final: Path) -> None:
    """Move a whole file to its final name, over what is there."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    try:
        made.replace(final)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # the final place is on another file system: copy beside it first
        aside = _aside(final)
        try:
            copy(made, aside)
            aside.replace(final)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        made.unlink()


def copy(file: Path, to: Path) -> None:
    """Copy what a file holds."""
    import shutil  # takes as long to import as everything else here

    shutil.copyfile(file, to)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    try:
        folder.rmdir()  # most are empty by now
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def link(at: Path, target: Path) -> None:
    """Make a relative symbolic link, over a link that is there; a real file is left alone."""
    at.parent.mkdir(parents=True, exist_ok=True)
    if at.exists() and not at.is_symlink():
        return
    to = os.path.relpath(target, at.parent)
    if at.is_symlink() and os.readlink(at) == to:  # noqa: PTH115 - compares the text of the link
        return
    aside = _aside(at)
    try:
        aside.symlink_to(to)
        aside.replace(at)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def replace_by_link(file: Path, target: Path, scratch: Path) -> None:
    """Put a relative symbolic link in the place of a file: at any moment one of the two is there.

    Parameters
    ----------
    file : Path
        What is replaced; its data are gone then.
    target : Path
        What the link leads to; it must be there.
    scratch : Path
        Directory on the same file system where the link is made; whatever a killed process leaves
        there, :func:`sweep` finds.

    Raises
    ------
    FileNotFoundError
        If there is no target: the file stays.
    """
    target.stat()
    scratch.mkdir(parents=True, exist_ok=True)
    aside = scratch / scratch_name(file.name)
    try:
        # of the real directories: a link in a path would lead elsewhere than its text says
        to, start = target.parent.resolve() / target.name, file.parent.resolve()
        aside.symlink_to(os.path.relpath(to, start))
        aside.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def scratch_name(job: str) -> str:
    """Name a scratch folder so that :func:`sweep` can tell whether its owner still lives."""
    return f"{job}@{os.uname().nodename}@{os.getpid()}@{_start_time(os.getpid())}"


def owners(scratch: Path) -> Iterator[tuple[str, str, bool | None]]:
    """Yield what scratch folders were made for, on which host, and whether it is at work.

    Of another host nobody here knows that: None.
    """
    try:
        names = [entry.name for entry in os.scandir(scratch)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        words = name.rsplit("@", 3)
        if len(words) == 4 and words[2].isdigit():
            job, host, pid, started = words
            is_here = host == os.uname().nodename
            yield job, host, _start_time(int(pid)) == started if is_here else None


def _aside(path: Path) -> Path:
    """Where a file is written before it gets its name; :func:`sweep` knows it as well."""
    return path.with_name(f".{scratch_name(path.name)}")


def sweep(scratch: Path) -> list[str]:
    """Remove scratch folders and files whose owner, a process of this host, lives no more.

    Whatever still works in such a folder, as the child of a command that was
    killed, is killed first.

    Returns
    -------
    list of str
        Names of what was removed.
    """
    removed = []
    host = os.uname().nodename
    try:
        entries = list(os.scandir(scratch))
    except (FileNotFoundError, NotADirectoryError):
        return []
    for entry in entries:
        leftover = find_leftovers([entry.name])
        if not leftover or leftover[0].host != host:
            continue
        if entry.is_dir(follow_symlinks=False):
            _kill_inside(entry.path)
            remove_tree(Path(entry.path))
        else:
            with contextlib.suppress(OSError):
                Path(entry.path).unlink()
        removed.append(entry.name)
    with contextlib.suppress(OSError):
        scratch.rmdir()  # only succeeds when nothing is left in it
    return removed


class Leftover(NamedTuple):
    """What a process did not finish: its name, and the host that it was on.

    Of another host nobody can tell whether the process still lives.
    """

    name: str
    host: str


def find_leftovers(names: Iterable[str]) -> list[Leftover]:
    """Return those names that :func:`scratch_name` gave to a process that lives no more here."""
    found = []
    host = os.uname().nodename
    for name in names:
        _, _, owner = name.partition("@")
        owner_host, _, process = owner.partition("@")
        pid, _, started = process.partition("@")
        if not pid.isdigit() or (owner_host == host and _start_time(int(pid)) == started):
            continue
        found.append(Leftover(name, owner_host))
    return found


def _kill_inside(folder: str) -> None:
    """Kill the processes of this host that work in a folder, but for those on a terminal."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):  # it is gone, or not ours
            inside = f"{(process / 'cwd').readlink()}/".startswith(f"{folder}/")
            if inside and _stat(int(process.name))[4] == "0":  # somebody's shell has a terminal
                os.kill(int(process.name), signal.SIGKILL)


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if there is none."""
    fields = _stat(pid)
    # a zombie works no more
    return "" if not fields or fields[0] == "Z" else fields[19]


def _stat(pid: int) -> list[str]:
    """What proc(5) tells of a process, from its state (field 3) on; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
