"""The batch script of a job array: a header of options, and one line that starts an element."""

from __future__ import annotations

__all__ = ["array_indices", "batch_script", "log_pattern", "slurm_time"]

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from lstosa_luigi.execution.slurm.options import Resources


def batch_script(
    command: Sequence[str],
    indices: Iterable[int],
    resources: Resources,
    chdir: str,
    log: str,
    comment: str,
) -> str:
    """Return the script of a job array.

    Parameters
    ----------
    command : sequence of str
        Executed for each element.
    indices : iterable of int
        Array indices.
    resources : Resources
        What each element asks for.
    chdir, log : str
        Directory to work in, and pattern of the file for what Slurm itself has to say.
    comment : str
        What runs, in words.
    """
    throttle = f"%{resources.throttle}" if resources.throttle else ""
    options = {
        "account": resources.account,
        "partition": resources.partition,
        "time": slurm_time(resources.seconds),
        "mem": f"{resources.mem_mb}M",
        "cpus-per-task": str(resources.cpus),
        "array": array_indices(indices) + throttle,
        "chdir": chdir,
        "output": log,
        "open-mode": "append",
        "exclude": ",".join(resources.exclude),
        "comment": comment,
        "export": "ALL",  # of what the client has let through
    }
    lines = [f"#SBATCH --{key}={_quoted(value)}" for key, value in options.items() if value]
    lines += [f"#SBATCH {_quoted(option)}" for option in resources.extra]
    return "\n".join(["#!/bin/sh", *lines, f"exec {shlex.join(command)}", ""])


def _quoted(value: str) -> str:
    """Quote as #SBATCH lines want it: only what has white space."""
    return f'"{value}"' if any(c.isspace() for c in value) else value


def array_indices(indices: Iterable[int]) -> str:
    """Return array indices as ``--array`` takes them: ``0-3,7``."""
    ranges: list[list[int]] = []
    for index in sorted(indices):
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in ranges)


def slurm_time(seconds: int) -> str:
    """Return a time limit as Slurm writes it, ``1-02:30:00``: in minutes, rounded up."""
    minutes = -(-seconds // 60)
    days, minutes = divmod(minutes, 24 * 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:00"
    return f"{days}-{text}" if days else text


def log_pattern(directory: Path, title: str) -> str:
    """Return where Slurm writes what it has to say of an element, until the element renames it."""
    name = re.sub(r"[^\w.+-]+", "_", title)  # a task of anybody's own may have a path in it
    return f"{directory}/{name}_%A_%a.log"
