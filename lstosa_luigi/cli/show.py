"""``lstosa show``: list what there is of a night, product by product."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path

from luigi.task import flatten

from lstosa_luigi.errors import ExitCode, InputError, LstosaError
from lstosa_luigi.execution.console import human_size
from lstosa_luigi.graph import walk
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.reconstruction import superseded_places
from lstosa_luigi.products.base import NightParameter, NightProduct


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, help="the night: the date of its evening")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print a table of products and the files that a person looks at."""
    if rest:
        raise LstosaError(f"unknown argument {rest[0]}")
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, prod_id=options.prod_id)
    families: dict[str, _Family] = {}
    for step in walk(root.wanted()):
        if step.problem:
            raise InputError(step.problem)
        if isinstance(step.task, NightProduct):
            families.setdefault(step.task.task_family, _Family()).add(step.task)
    rows = [(name, *family.cells()) for name, family in families.items()]
    head = ("product", "there", "size", "for example")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(3)]
    for name, count, size, example in [head, *rows]:
        print(f"{name:<{widths[0]}}  {count:>{widths[1]}}  {size:>{widths[2]}}  {example}")
    looked_at = [path for family in families.values() for path in family.for_people]
    if looked_at:
        print("\nto look at:")
        for path in looked_at:
            print(f"  {_short(path)}")
    night = root.night
    superseded = {} if night is None else superseded_places(night, root.settings)
    for run_id, places in superseded.items():
        print(f"\nrun {run_id:05d}: what there is of it in {', '.join(places)} does not count")
    print(f"\n{root.conclusion()}")
    return ExitCode.OK if root.complete() else ExitCode.NOT_RUN


@dataclasses.dataclass
class _Family:
    """All products of one kind."""

    there: int = 0
    wanted: int = 0
    size: int = 0
    example: Path | None = None
    for_people: list[Path] = dataclasses.field(default_factory=list)

    def add(self, product: NightProduct) -> None:
        self.wanted += 1
        paths = [Path(target.path) for target in flatten(product.output())]
        if not product.complete():
            return
        self.there += 1
        paths = [path for path in paths if path.exists()]  # what was refused is not there
        self.size += sum(path.stat().st_size for path in paths)
        self.example = self.example or (paths[-1] if paths else None)
        self.for_people += [path for path in paths if path.suffix in (".pdf", ".html")]

    def cells(self) -> tuple[str, str, str]:
        example = "" if self.example is None else _short(self.example)
        return f"{self.there}/{self.wanted}", human_size(self.size), example


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
