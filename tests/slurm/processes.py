"""The processes and cgroups of a throw-away cluster, told from everybody else's, and their end.

As a program it is the cluster's guard: its standard input ends with the process that started the
cluster, be it killed, and then it ends what that process left running.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["CGROUPS", "end", "folder", "remove_cgroups"]

CGROUPS = Path("/sys/fs/cgroup")


def folder(root: Path, daemon: str) -> Path:
    """Return the directory in which a daemon works, and nobody else does."""
    return root / "run" / daemon


def find(root: Path, daemons: Iterable[str]) -> Iterator[int]:
    """Yield these daemons of the cluster below *root*, and for a node its steps and jobs.

    Two variables tell them, which Slurm gives to jobs and :class:`Cluster` to daemons. A step
    daemon writes its title over them, but works where the daemon of its node does.
    """
    names = tuple(daemons)
    folders = {str(folder(root, name)) for name in names}
    nodes = {f"SLURMD_NODENAME={name}".encode() for name in names}
    ours = b"SLURM_CONF=" + os.fsencode(root / "etc" / "slurm.conf")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (process / "environ").read_bytes().split(b"\0")
            is_told = ours in variables and nodes.intersection(variables)
            if is_told or str((process / "cwd").readlink()) in folders:
                yield int(process.name)


def end(root: Path, daemons: Iterable[str]) -> None:
    """Kill what :func:`find` finds, again and again, since it may start more meanwhile."""
    names = tuple(daemons)
    for _ in range(50):
        found = list(find(root, names))
        if not found:
            break
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def remove_cgroups(nodes: Iterable[str]) -> None:
    """Remove the cgroups of *nodes*, unless another cluster has nodes of the same names.

    They are busy until their last process is reaped.
    """
    names = set(nodes) - served_nodes()
    for _ in range(20):
        groups = [group for name in names for group in CGROUPS.glob(f"*/slurm_{name}")]
        if not groups:
            break
        for group in groups:
            for name, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(name).rmdir()
        time.sleep(0.05)


def served_nodes() -> set[str]:
    """Return the names of the nodes of all clusters on this host."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_text(errors="replace").split("\0")
            if words[0].endswith("slurmd") and "-N" in words:
                found.add(words[words.index("-N") + 1])
    return found


def guard(root: Path, daemons: list[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    end(root, daemons)
    remove_cgroups(daemons)


if __name__ == "__main__":
    guard(Path(sys.argv[1]), sys.argv[2:])
