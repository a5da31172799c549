"""``lstosa cancel``: cancel the jobs of a night in Slurm's queue, and no others."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
from collections.abc import Sequence

from lstosa_luigi.cli.night import add_night, places_of, reject
from lstosa_luigi.errors import ExitCode, LstosaError
from lstosa_luigi.execution.slurm.client import Away, Slurm
from lstosa_luigi.execution.slurm.report import live_elements


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_night(parser)


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Cancel; a command that works on the night takes it as the operator's will."""
    reject(rest)
    slurm = Slurm()
    try:
        queue = slurm.queue()
        found = {}
        for places in places_of(options):
            found.update(live_elements(places.arrays, queue))
        slurm.cancel(sorted({element.array for element in found}))
    except Away as away:
        raise LstosaError(f"Slurm does not answer: {away}") from away
    arrays = sorted({row.name for row in found.values()})
    print(f"{len(found)} jobs of {len(arrays)} arrays are cancelled.")
    for name in arrays:
        print(f"  {name}")
    return ExitCode.OK
