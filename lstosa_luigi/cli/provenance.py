"""``lstosa provenance``: write W3C PROV documents of a night and its runs, and draw them."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import dataclasses
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
    from lstosa_luigi.provenance.write import write_documents

    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    prod_id = str(NightlyClose(date=date, prod_id=options.prod_id).prod_id)
    index = open_index(options)
    warn_of_damage(index.damaged())
    documents = []
    for one in write_documents(
        index,
        str(date),
        prod_id,
        lambda executions: read_all(index.places, executions),
        options.run,
        options.full,
        drawn=not options.no_graph,
    ):
        counts = dataclasses.asdict(one.counts)
        documents.append(
            {"title": one.part.title, **counts, "files": [str(path) for path in one.files]}
        )
        if not options.json:
            print(one.files[0])
            print("  " + ", ".join(f"{k}: {v}" for k, v in counts.items()), flush=True)
    if not documents:
        of_run = "" if options.run is None else f" of run {options.run:05d}"
        raise InputError(f"Nothing was made{of_run} on {date} in {prod_id}: see lstosa show.")
    if options.json:
        data = {"schema_version": SCHEMA_VERSION, "date": str(date), "prod_id": prod_id}
        json.dump({**data, "documents": documents}, sys.stdout, indent=1)
        print()
    return ExitCode.OK
