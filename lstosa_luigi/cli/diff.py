"""``lstosa diff``: say why two files differ: software, configuration, inputs, choices, command."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import json
from collections.abc import Sequence

from lstosa_luigi.cli.files import find_file, open_index, read_all, warn_of_damage
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.provenance.details import kept_config
from lstosa_luigi.provenance.difference import Difference, Side, compare
from lstosa_luigi.provenance.index import Index

SCHEMA_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("a", metavar="A", help="path or name of a file")
    parser.add_argument("b", metavar="B", help="path or name of the other, of last month perhaps")
    parser.add_argument("--rebuild", action="store_true", help="make the index of records anew")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print what differs on the way to two files, what comes first on the way first."""
    reject(rest)
    index = open_index(options)
    paths = [find_file(index, name) for name in (options.a, options.b)]
    warn_of_damage(index.damaged())
    a, b = (_side(index, path) for path in paths)
    found = compare(
        index.places, a, b, lambda details, path: kept_config(index.places, details, path)
    )
    if options.json:
        print(json.dumps(_data(a, b, found), indent=1))
        return ExitCode.OK
    for name, side in (("A", a), ("B", b)):
        maker = side.graph.maker(side.path)
        made = f"  <- {maker.title}, {maker.prod_id}, {maker.end}" if maker else "  [given]"
        print(f"{name}  {side.path}{made}")
    if not found:
        print("\nNothing that is recorded differs.")
    for one in found:
        more = f" and {one.count - 1} more like it" if one.count > 1 else ""
        print(f"\n{one.title}{more}\n  {one.kind.value}: {one.text}")
        for line in one.lines:
            print(f"    {line}")
    return ExitCode.OK


def _side(index: Index, path: str) -> Side:
    graph = index.above([path])
    return Side(path, graph, read_all(index.places, graph.executions))


def _data(a: Side, b: Side, found: Sequence[Difference]) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "a": a.path,
        "b": b.path,
        "differences": [
            {
                "step": one.title,
                "kind": one.kind.value,
                "text": one.text,
                "lines": list(one.lines),
                "count": one.count,
            }
            for one in found
        ],
    }
