"""What the verbs about the making of single files have in common."""

from __future__ import annotations

__all__ = ["add_file", "add_selection", "file_of", "open_index", "read_all", "warn_of_damage"]

import argparse
import datetime
import sys
from collections.abc import Iterable, Mapping

from lstosa_luigi import config
from lstosa_luigi.errors import InputError, LstosaError, UsageError
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.provenance.details import Details, read_details
from lstosa_luigi.provenance.graph import DONE, Execution
from lstosa_luigi.provenance.index import Index

SHOWN = 10
"""Of many, so many are named."""


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add a file, and the options that name it in another way."""
    parser.add_argument("file", nargs="?", default="", metavar="FILE", help="path or name")
    add_selection(parser)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a product."""
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="instead of FILE: the night")
    parser.add_argument("--run", type=int, help="with --date: run number")
    parser.add_argument("--subrun", type=int, help="with --run: subrun, from 0")
    parser.add_argument("--product", metavar="NAME", help="with --date: product, for example DL2")
    parser.add_argument("--prod-id", default="", help="production; default: any")
    parser.add_argument("--rebuild", action="store_true", help="make the index of records anew")


def open_index(options: argparse.Namespace) -> Index:
    """Return the index, up to date."""
    return Index(ProvenanceLayout(config.load().directories), anew=options.rebuild)


def file_of(index: Index, options: argparse.Namespace) -> str:
    """Return the one file that is asked for.

    Raises
    ------
    UsageError
        If the options do not name one.
    InputError
        If no record tells of it.
    """
    if bool(options.file) == bool(options.date):
        raise UsageError("name either a FILE, or a product: --date --run [--subrun] --product")
    found = _by_product(index, options) if options.date else index.find(options.file)
    if options.prod_id and not options.date:
        parts = [path for path in found if f"/{options.prod_id}/" in path]
        found = parts or found
    if not found:
        raise InputError(_unknown(index, options))
    if len(found) > 1:
        more = f"\n  ... and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        names = "\n  ".join(found[:SHOWN])
        raise UsageError(f"which one? Give one of these paths:\n  {names}{more}")
    return found[0]


def _by_product(index: Index, options: argparse.Namespace) -> list[str]:
    if not options.product:
        raise UsageError("say which product: --product DL2, for example")
    date: datetime.date = NightParameter().parse(options.date)
    wanted = options.product.lower()
    ones = [
        one
        for one in index.of_night(str(date), options.prod_id, options.run)
        if one.state == DONE
        and one.product.lower() == wanted
        and options.subrun in (None, one.subrun)
    ]
    # a product of several files is made as a whole: any of them will do
    return [one.outputs[-1] for one in ones if one.outputs]


def _unknown(index: Index, options: argparse.Namespace) -> str:
    damaged = index.damaged()
    hint = (
        f" {len(damaged)} records cannot be read, {next(iter(damaged))} for one." if damaged else ""
    )
    if options.date:
        words = [options.product or "product", "of", options.date]
        words += [f"run {options.run:05d}"] if options.run is not None else []
        words += [f"subrun {options.subrun:04d}"] if options.subrun is not None else []
        return f"No record tells of {' '.join(words)}.{hint} See: lstosa show --date {options.date}"
    return (
        f"No record tells of {options.file}: it was neither made nor read by this package."
        f"{hint} Files that lstosa made: lstosa take-over."
    )


def read_all(places: ProvenanceLayout, executions: Iterable[Execution]) -> dict[str, Details]:
    """Return the details of executions by their records; say which cannot be read."""
    found: dict[str, Details] = {}
    for one in executions:
        try:
            found[one.record] = read_details(places, one)
        except LstosaError as error:
            print(f"WARNING  {error}", file=sys.stderr)
    return found


def warn_of_damage(damaged: Mapping[str, str]) -> None:
    """Say which records cannot be read, and so what is left out."""
    for path, why in list(damaged.items())[:SHOWN]:
        print(f"WARNING  what {path} told of is left out: {why}", file=sys.stderr)
    if len(damaged) > SHOWN:
        print(f"WARNING  ... and {len(damaged) - SHOWN} more records", file=sys.stderr)
