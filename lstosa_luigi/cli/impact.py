"""``lstosa impact``: say what derives from a file, and how it is made again if that was wrong."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import json
from collections.abc import Sequence

from lstosa_luigi.cli.files import add_file, file_of, open_index, warn_of_damage
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.provenance.impact import Impact, impact_of

SCHEMA_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_file(parser)
    parser.add_argument("--direct", action="store_true", help="only what read the file itself")
    parser.add_argument("--files", action="store_true", help="only names of files, a line each")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print what derives from the file, with counts, and the commands to make it again."""
    reject(rest)
    index = open_index(options)
    path = file_of(index, options)
    warn_of_damage(index.damaged())
    impact = impact_of(index.below(path), path)
    if options.json:
        print(json.dumps(_data(impact, options.direct), indent=1))
    elif options.files:
        for file in impact.files(options.direct):
            print(file)
    else:
        _print(impact, options.direct)
    return ExitCode.OK


def _print(impact: Impact, only_direct: bool) -> None:
    if not impact.executions:
        print(f"Nothing derives from {impact.path}.")
        return
    if only_direct:
        for one in impact.direct:
            print(f"{one.date}  {one.prod_id}  {one.title}")
        return
    rows = [(*kind, str(count)) for kind, count in impact.counts.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for date, prod_id, product, count in rows:
        print(
            f"{date}  {prod_id:<{widths[1]}}  {product:<{widths[2]}}  {count:>{widths[3]}}".rstrip()
        )
    total = len(impact.executions)
    print(f"\n{total} {'product derives' if total == 1 else 'products derive'} from {impact.path}.")
    print("If it was wrong, have it all made again with:")
    if impact.maker is None:
        print("  (first put the right file into its place: it was given, nothing here makes it)")
    for line in impact.commands():
        print(f"  {line}")


def _data(impact: Impact, only_direct: bool) -> dict[str, object]:
    ones = impact.direct if only_direct else impact.executions
    return {
        "schema_version": SCHEMA_VERSION,
        "file": impact.path,
        "made_by": impact.maker.title if impact.maker else None,
        "products": [
            {
                **{field: getattr(one, field) for field in ("title", "product", "date", "prod_id")},
                **{field: getattr(one, field) for field in ("run", "subrun", "record", "outputs")},
            }
            for one in ones
        ],
        "commands": impact.commands(),
    }
