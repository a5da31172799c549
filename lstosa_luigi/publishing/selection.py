"""What there is to publish, and where it goes: pure, but for looking into directories."""

from __future__ import annotations

__all__ = ["Item", "files_of_all", "files_of_night", "with_linked"]

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from lstosa_luigi.layout import Layout, PageLayout
from lstosa_luigi.publishing.links import links_of

PAGES = PurePosixPath("lstosa")
"""Directory of the pages, beside those of the datachecks; both as lstosa has them."""


@dataclasses.dataclass(frozen=True)
class Item:
    """A file to publish.

    Parameters
    ----------
    source : Path
        The file; a link stands for what it leads to.
    to : PurePosixPath
        Its place below the target.
    """

    source: Path
    to: PurePosixPath

    @property
    def is_page(self) -> bool:
        """Whether it is one of ours."""
        return self.source.suffix == ".html" and PAGES in self.to.parents

    @property
    def has_links(self) -> bool:
        """Whether its links are to lead to what is published: of our pages, and of drawings."""
        return self.is_page or (self.source.suffix == ".svg" and PAGES in self.to.parents)


def files_of_night(layout: Layout, pages: PageLayout) -> list[Item]:
    """Return the files of a night, but for those that its pages link to, in the order of places.

    Directories are those of lstosa's ``copy_datacheck``.
    """
    night, production = layout.flat_date, PurePosixPath(layout.prod_id)
    kinds = (
        (layout.drs4_plots(), PurePosixPath("drs4") / production / night),
        (layout.charge_calibration_plots(), PurePosixPath("enf_calibration") / production / night),
        (layout.datacheck_plots(), PurePosixPath("dl1") / night / "pdf"),
        (layout.longterm_files(), PurePosixPath("dl1") / night),
        (layout.high_level_files(), PurePosixPath("high_level") / production / night),
    )
    found = [Item(file, place / file.name) for files, place in kinds for file in files]
    found += [
        Item(file, PAGES / file.relative_to(pages.root).as_posix())
        for file in pages.files_of(layout)
    ]
    return sorted(found, key=lambda item: item.to)


def files_of_all(pages: PageLayout) -> list[Item]:
    """Return the pages that tell of all nights."""
    files = (pages.index(), pages.catalog())
    return [Item(file, PAGES / file.name) for file in files if os.path.lexists(file)]


def with_linked(items: Iterable[Item], layout: Layout) -> list[Item]:
    """Add the files that pages link to and that go nowhere else, such as logs of what failed.

    They go beside the pages of the night.
    """
    known = list(items)
    places = {os.path.realpath(item.source) for item in known}
    beside = PAGES / layout.flat_date / layout.prod_id / "files"
    more: dict[str, Item] = {}
    for item in known:
        for file in _linked(item):
            real = os.path.realpath(file)
            if real not in places and file.is_file() and file.suffix != ".html":
                more[real] = Item(file, beside / file.name)
    return sorted([*known, *more.values()], key=lambda item: item.to)


def _linked(item: Item) -> Iterator[Path]:
    if not item.is_page:
        return
    try:
        text = item.source.read_text(encoding="utf-8")
    except OSError:  # told where it is sent
        return
    for link in links_of(text):
        yield Path(os.path.normpath(item.source.parent / link))
