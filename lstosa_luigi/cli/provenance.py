"""``lstosa provenance``: write W3C PROV documents of a night and its runs, and draw them."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
import json
import sys
from collections.abc import Sequence

from lstosa_luigi.cli.files import open_index, read_all, warn_of_damage
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, InputError
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.products.base import NightParameter

SCHEMA_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument("--run", type=int, help="only the documents of this run")
    parser.add_argument("--full", action="store_true", help="every subrun by itself")
    parser.add_argument("--no-graph", action="store_true", help="do not draw")
    parser.add_argument("--rebuild", action="store_true", help="make the index of records anew")
    parser.add_argument("--json", action="store_true", help="as JSON: files and counts")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Write the documents, and print where they lie and how much they hold."""
    from lstosa_luigi.provenance.write import parts_of, write_part

    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    prod_id = str(NightlyClose(date=date, prod_id=options.prod_id).prod_id)
    index = open_index(options)
    warn_of_damage(index.damaged())
    parts = list(parts_of(index.places, index.of_night(str(date), prod_id), options.run))
    if not parts:
        of_run = "" if options.run is None else f" of run {options.run:05d}"
        raise InputError(f"Nothing was made{of_run} on {date} in {prod_id}: see lstosa show.")
    written = []
    for part in parts:
        graph = index.above(part.targets)
        about = read_all(index.places, graph.executions)
        counts, files = write_part(
            index.places, part, graph, about, options.full, drawn=not options.no_graph
        )
        written.append(
            {
                "title": part.title,
                "entities": counts.entities,
                "activities": counts.activities,
                "used": counts.used,
                "generated": counts.generated,
                "files": [str(path) for path in files],
            }
        )
        if not options.json:
            print(files[0])
            print(
                f"  activities: {counts.activities}, entities: {counts.entities}, "
                f"used: {counts.used}, "
                f"generated: {counts.generated}",
                flush=True,
            )
    if options.json:
        data = {"schema_version": SCHEMA_VERSION, "date": str(date), "prod_id": prod_id}
        json.dump({**data, "documents": written}, sys.stdout, indent=1)
        print()
    return ExitCode.OK
