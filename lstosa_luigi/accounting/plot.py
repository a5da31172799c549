"""The plot of what nights cost, drawn by the Python of the tools: only that has matplotlib."""

from __future__ import annotations

__all__ = ["FORMATS", "PlotError", "draw", "format_of"]

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from lstosa_luigi import commands
from lstosa_luigi.errors import ExitCode, LstosaError, UsageError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.environment import Tools

FORMATS = ("png", "pdf", "svg")
PATIENCE_S = 600.0


class PlotError(LstosaError):
    """The plot cannot be drawn; the text says why."""

    exit_code = ExitCode.TASK_FAILED


def format_of(file: Path) -> str:
    """Return the format that the name of a plot asks for.

    Raises
    ------
    UsageError
        If it is none of :data:`FORMATS`, or its directory is not there.
    """
    wanted = file.suffix.lstrip(".").lower()
    if wanted not in FORMATS:
        raise UsageError(f"--plot {file}: the name must end with .png, .pdf or .svg")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"--plot {file}: {file.absolute().parent} is no directory")
    return wanted


def draw(data: dict[str, Any], file: Path, tools: Tools, cache: Path) -> None:
    """Draw the plot; the file is whole or not there.

    Parameters
    ----------
    data : dict
        What nights cost (:func:`lstosa_luigi.accounting.data.as_data`).
    file : Path
        The plot.
    tools : Tools
        Whose Python draws it.
    cache : Path
        Where the tools keep what they compute once.

    Raises
    ------
    UsageError
        If the file has no name of a plot.
    PlotError
        If it cannot be drawn or written.
    """
    wanted, file = format_of(file), file.absolute()
    aside = file.with_name(f".{files.scratch_name(file.name)}")
    argv = tools.command(commands.account_plot(str(aside), wanted))
    try:
        done = subprocess.run(
            argv,
            input=json.dumps(data),
            capture_output=True,
            text=True,
            env={**os.environ, **tools.variables(cache)},
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode != 0:
            printed = done.stderr.strip().splitlines()
            raise PlotError(f"{file} is not drawn: {printed[-1] if printed else 'no reason given'}")
        aside.replace(file)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlotError(f"{file} is not drawn: {error}") from error
    finally:
        aside.unlink(missing_ok=True)
