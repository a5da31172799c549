"""``lstosa simulate-night``: write a night of raw data that the unmodified lstchain reads.

The simulation needs the libraries of lstchain, so it runs in the tools'
environment; this package need not be installed there.
"""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lstosa_luigi import config, simulation
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.environment import find_tools
from lstosa_luigi.simulation import options as simulation_options

PROGRAM = Path(simulation.__file__).with_name("__main__.py")


def configure(parser: argparse.ArgumentParser) -> None:
    """Leave all arguments to the simulation."""


def run(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Check the arguments here, then run the simulation with the Python of the tools."""
    try:
        simulation_options.parse(list(rest))
    except SystemExit as end:  # the help was printed, or what is wrong
        return ExitCode.UNHANDLED if end.code else ExitCode.OK
    tools = find_tools(config.lstchain())
    done = subprocess.run([*tools.python, str(PROGRAM), *rest], check=False)
    return ExitCode.UNHANDLED if done.returncode else ExitCode.OK
