"""What closing takes, beside products: when it may be, what is compared, links for DL1a."""

from __future__ import annotations

__all__ = [
    "ObservationOver",
    "Product",
    "altered",
    "check_unaltered",
    "has_images_left",
    "products_of",
    "replace_images",
    "versions",
]

import dataclasses
import datetime
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from lstosa_luigi.errors import InputError, LstosaError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.environment import own_software
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.graph import Step
from lstosa_luigi.hours import Timer, moment_after, parse_time, utc_now
from lstosa_luigi.observation.reconstruction import cleaning_of
from lstosa_luigi.products.base import External, NightProduct, NightTask
from lstosa_luigi.products.catalog import RunCatalog
from lstosa_luigi.products.interleaved import Tailcuts
from lstosa_luigi.products.raw import RunSummary

EDITED = (RunSummary, RunCatalog, Tailcuts)
"""Products that people may edit: a change is no damage."""


class ObservationOver(External):
    """The end of the night: what is taken until then belongs to it."""

    now: ClassVar[Timer] = staticmethod(utc_now)
    """The clock."""

    @property
    def time(self) -> datetime.datetime | None:
        """From when on the night may be closed; None if at any time."""
        not_before = parse_time(self.settings.closing.not_before)
        return None if not_before is None else moment_after(self.date, not_before)

    def complete(self) -> bool:
        """Whether that time has come."""
        time = self.time
        return time is None or type(self).now() >= time

    def hint(self) -> str:
        """Say until when the night stays open."""
        time = self.time
        assert time is not None
        return (
            f"Observations not over, it is earlier than {time:%H:%M} UTC. The night of {self.date} "
            f"is closed by the same command from {time:%Y-%m-%d %H:%M} UTC on "
            "([closing] not_before)."
        )


# --- what was checked ----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Product:
    """A product that is there, with the record of how it was made, if there is one."""

    task: NightProduct
    record: Record | None


def products_of(steps: Iterable[Step]) -> Iterator[Product]:
    """Yield the products of a graph that are there.

    A file gets its final name only after it was checked (:mod:`lstosa_luigi.execution.payload`).
    """
    for step in steps:
        if isinstance(step.task, NightProduct) and step.task.complete():
            yield Product(step.task, read_record(step.task.record))


def altered(product: Product) -> str:
    """Say which file of a product is not as large as when it was checked; nothing if none is.

    The sizes in the record are compared, which reads no file: one ``stat`` each.
    """
    task, record = product.task, product.record
    if record is None or record.state != "done" or isinstance(task, EDITED):
        return ""
    for path, (size, _) in record.files.items():
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            if task.is_done_with(path):
                continue
            return f"{path} is gone"
        if stat.S_ISLNK(status.st_mode):
            continue  # DL1a that is done with, or something that the site keeps elsewhere
        if status.st_size != size:
            return f"{path} has {status.st_size} bytes, but had {size} when it was checked"
    return ""


def check_unaltered(products: Iterable[Product]) -> None:
    """Refuse to close with a product that is not what was checked.

    Raises
    ------
    InputError
        If there is any; one is named, with what to do.
    """
    found = [(product.task, why) for product in products if (why := altered(product))]
    if not found:
        return
    task, why = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    raise InputError(
        f"{task.title}{more}: {why}. Nothing is closed. Look at it with: lstosa verify --date "
        f"{task.date}; to have it made again, add --remake; to close all the same: lstosa decide "
        f"--date {task.date} --accept-incomplete --why ..."
    )


# --- DL1a and DL1b -------------------------------------------------------------------------


def replace_images(task: NightTask, runs: Iterable[int]) -> int:
    """Put links to DL1b in the places of DL1a files that nothing needs any more; return how many.

    As lstosa's closer does. A file stays if its run has no cleaning or its subrun no DL1b yet.
    Whoever comes after an interruption finds the rest as before.
    """
    replaced = 0
    for dl1a, dl1b in _replaceable(task, runs):
        files.replace_by_link(dl1a, dl1b, task.layout.scratch())
        replaced += 1
    if replaced:
        files.sweep(task.layout.scratch())  # only the empty directory
    return replaced


def has_images_left(task: NightTask, runs: Iterable[int]) -> bool:
    """Whether there is any DL1a file of runs that :func:`replace_images` would replace."""
    return next(_replaceable(task, runs), None) is not None


def _replaceable(task: NightTask, runs: Iterable[int]) -> Iterator[tuple[Path, Path]]:
    """Yield DL1a files that are done with, each with its DL1b."""
    if task.settings.closing.keep_dl1a:
        return
    layout, night = task.layout, task.known_night()
    for run in runs:
        try:
            cleaning = cleaning_of(layout, task.settings, run).value
        except LstosaError:  # said where the cleaning is asked for
            continue
        if cleaning is None:
            continue
        for subrun in night.summary.run(run).subruns:
            dl1a, dl1b = layout.dl1a(run, subrun), layout.dl1b(run, subrun, cleaning.dl1_prod)
            if dl1a.is_file() and not dl1a.is_symlink() and dl1b.is_file():
                yield dl1a, dl1b


# --- versions ------------------------------------------------------------------------------


def versions(task: NightTask) -> dict[str, str]:
    """Return what the night was closed with: lstchain, this package, Python, Luigi."""
    own = own_software()
    return {
        "lstchain": task.tools.version,
        "lstosa-luigi": own["lstosa-luigi"],
        "luigi": own["luigi"],
        "python": own["orchestrator python"],
    }
