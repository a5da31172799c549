"""``lstosa show``: list what there is of a night, product by product."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, InputError
from lstosa_luigi.execution.console import human_size
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.reconstruction import superseded_places
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.status.assembly import read_status
from lstosa_luigi.status.model import NightStatus, Product, State

FOR_PEOPLE = (".pdf", ".html")
"""Files that a person looks at."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, help="the night: the date of its evening")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print a table of products and the files that a person looks at."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, prod_id=options.prod_id)
    status = read_status(root, volumes=True)
    if status.problems:
        raise InputError(status.problems[0])
    there: dict[str, list[Product]] = {}
    for product in _there(status):
        there.setdefault(product.product, []).append(product)
    rows = [("product", "there", "size", "for example")]
    for part in status.progress:
        found = there.get(part.product, [])
        example = next((_short(p.files[-1]) for p in found if not p.refusal), "")
        size = human_size(sum(product.size or 0 for product in found))
        rows.append((part.product, f"{len(found)}/{part.total}", size, example))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for name, count, size, example in rows:
        print(f"{name:<{widths[0]}}  {count:>{widths[1]}}  {size:>{widths[2]}}  {example}")
    looked_at = [
        file
        for products in there.values()
        for product in products
        if not product.refusal  # what was refused is not there
        for file in product.files
        if Path(file).suffix in FOR_PEOPLE
    ]
    if looked_at:
        print("\nto look at:")
        for file in looked_at:
            print(f"  {_short(file)}")
    night = root.night
    superseded = {} if night is None else superseded_places(night, root.settings)
    for run_id, places in superseded.items():
        print(f"\nrun {run_id:05d}: what there is of it in {', '.join(places)} does not count")
    print(f"\n{status.conclusion}")
    return ExitCode.OK if status.is_closed else ExitCode.NOT_RUN


def _there(status: NightStatus) -> Iterator[Product]:
    return (p for p in status.products if p.state is State.DONE or p.is_outdated)


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
