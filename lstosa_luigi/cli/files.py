"""What the verbs about the making of single files have in common."""

from __future__ import annotations

__all__ = [
    "add_file",
    "file_of",
    "find_file",
    "open_index",
    "read_all",
    "warn_of_damage",
]

import argparse
import datetime
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lstosa_luigi import config
from lstosa_luigi.errors import InputError, UsageError
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.provenance.details import Details, read_known
from lstosa_luigi.provenance.graph import DONE, Execution
from lstosa_luigi.provenance.index import Index

SHOWN = 10
"""Of many, so many are named."""


def add_file(parser: argparse.ArgumentParser, **run: Any) -> None:
    """Add a file, and the options that name it in another way.

    *run* is how ``--run`` is added, if that is not the run number only.
    """
    parser.add_argument("file", nargs="?", default="", metavar="FILE", help="path or name")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="instead of FILE: the night")
    parser.add_argument("--run", **(run or {"type": int, "help": "with --date: run number"}))
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
    if options.file:
        return find_file(index, options.file, options.prod_id)
    found = _by_product(index, options)
    if not found:
        words = [options.product, "of", options.date]
        words += [f"run {options.run:05d}"] if options.run is not None else []
        words += [f"subrun {options.subrun:04d}"] if options.subrun is not None else []
        raise InputError(
            f"No record tells of {' '.join(words)}.{_damage(index)} See: lstosa show --date "
            f"{options.date}"
        )
    return _only(found)


def find_file(index: Index, name: str, prod_id: str = "") -> str:
    """Return the one file of a path or name, of a production if it is named.

    Raises
    ------
    UsageError
        If there are several.
    InputError
        If no record tells of it.
    """
    found = index.find(name)
    found = [path for path in found if f"/{prod_id}/" in path] or found if prod_id else found
    if not found:
        raise InputError(
            f"No record tells of {name}: it was neither made nor read by this package."
            f"{_damage(index)} Files that lstosa made: lstosa take-over."
        )
    return _only(found)


def _only(found: Sequence[str]) -> str:
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


def _damage(index: Index) -> str:
    damaged = index.damaged()
    if not damaged:
        return ""
    return f" {len(damaged)} records cannot be read, {next(iter(damaged))} for one."


def read_all(places: ProvenanceLayout, executions: Iterable[Execution]) -> dict[str, Details]:
    """Return the details of executions by their records; say which cannot be read."""
    found, problems = read_known(places, executions)
    for problem in problems:
        print(f"WARNING  {problem}", file=sys.stderr)
    return found


def warn_of_damage(damaged: Mapping[str, str]) -> None:
    """Say which records cannot be read, and so what is left out."""
    for path, why in list(damaged.items())[:SHOWN]:
        print(f"WARNING  what {path} told of is left out: {why}", file=sys.stderr)
    if len(damaged) > SHOWN:
        print(f"WARNING  ... and {len(damaged) - SHOWN} more records", file=sys.stderr)
