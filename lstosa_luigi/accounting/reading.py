"""What is looked at to know what nights cost: records, Slurm's journal, run summary, flag."""

from __future__ import annotations

__all__ = ["read_account"]

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

from lstosa_luigi.accounting.attempts import CountedProduct, class_of, find_attempts
from lstosa_luigi.accounting.model import Account, NightAccount
from lstosa_luigi.accounting.sums import account_of_classes, total_of
from lstosa_luigi.accounting.times import levels_of, observation_of, parse
from lstosa_luigi.config import Directories
from lstosa_luigi.errors import UsageError
from lstosa_luigi.execution.record import Record, read_records
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.hours import utc_now
from lstosa_luigi.layout import Layout


def read_account(
    directories: Directories,
    dates: Sequence[datetime.date],
    telescope: str = "LST1",
    prod_id: str = "",
) -> Account:
    """Return what nights cost.

    Parameters
    ----------
    directories : Directories
        Where nights are.
    dates : sequence of datetime.date
        Which nights.
    telescope : str
        Which telescope.
    prod_id : str
        Only this production; default: all that a night has.

    Raises
    ------
    UsageError
        If there are no records of any of the nights.
    """
    nights: list[NightAccount] = []
    every: list[CountedProduct] = []
    without = []
    for date in dates:
        found = list(_productions(directories, date, telescope, prod_id))
        accounts = [account for layout in found if (account := _read(layout, every)) is not None]
        nights += accounts
        if not accounts:
            without.append(date)
    if not nights:
        days = f"the night of {dates[0]}" if len(dates) == 1 else f"these {len(dates)} nights"
        of = f" of {prod_id}" if prod_id else ""
        raise UsageError(
            f"There are no records of {days}{of} below {directories.analysis_dir}: nothing was "
            "made there yet. How a night stands: lstosa status --date DATE."
        )
    return Account(
        telescope=telescope,
        asked=utc_now().isoformat(timespec="seconds"),
        nights=tuple(nights),
        classes=account_of_classes(every),
        total=total_of(every),
        without_records=tuple(without),
    )


def _productions(
    directories: Directories, date: datetime.date, telescope: str, prod_id: str
) -> Iterator[Layout]:
    """Yield the places of the productions of a night, by their directories: no tools are asked."""
    root = directories.analysis_dir / f"{date:%Y%m%d}"
    for directory in sorted(root.glob("*")):
        if directory.is_dir() and prod_id in ("", directory.name):
            yield Layout(directories, telescope, directory.name, "", date)


def _read(layout: Layout, every: list[CountedProduct]) -> NightAccount | None:
    """Return what a night cost, and add its products to *every*; None if it has no records."""
    merged: dict[str, Path] = {}

    def records() -> Iterator[tuple[str, Record | None]]:
        for name, record in read_records(layout.record("").parent):
            if record is not None and record.outputs and class_of(name) == "MergedDL1":
                merged[name.rpartition("_")[0]] = Path(record.outputs[0])
            yield name, record

    found = find_attempts(records(), journal.read(layout.arrays()))
    if not found.products and not found.damaged:
        return None
    every += found.products
    starts = [a.start for p in found.products for a in p.attempts if a.start and not a.source]
    return NightAccount(
        date=layout.date,
        prod_id=layout.prod_id,
        observation=observation_of(layout, merged),
        began=parse(min(starts, default="")),
        levels=levels_of(layout, found.products),
        classes=account_of_classes(found.products),
        total=total_of(found.products),
        damaged=tuple(str(layout.record(name)) for name in found.damaged),
    )
