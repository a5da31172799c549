"""``lstosa why``: say what made a file, from what and with which choices, down to the raw data."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import json
from collections.abc import Sequence

from lstosa_luigi.cli.files import add_file, file_of, open_index, read_all, warn_of_damage
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.provenance.details import state_of
from lstosa_luigi.provenance.why import tree, why_data


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_file(parser)
    parser.add_argument(
        "--full", action="store_true", help="every input, and the command of every step"
    )
    parser.add_argument("--json", action="store_true", help="as JSON: all that is known")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print a tree from the file to what it comes from."""
    reject(rest)
    index = open_index(options)
    path = file_of(index, options)
    warn_of_damage(index.damaged())
    graph = index.above([path])
    about = read_all(index.places, graph.executions)
    if options.json:
        print(json.dumps(why_data(index.places, graph, path, about), indent=1))
        return ExitCode.OK
    for line in tree(index.places, graph, path, about, options.full):
        print(line)
    maker = graph.maker(path)
    state = state_of(path, about.get(maker.record) if maker else None)
    if state:
        print(f"\nNote: {path} {state}.")
    if maker is None:
        print("\nIt was given: no record tells of its making. What was made of it: lstosa impact")
    return ExitCode.OK
