"""Nights of which products are put into place, and their pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lstosa_luigi.layout import PageLayout
from lstosa_luigi.pages.build import write_night
from tests.pages.markup import Page, read
from tests.status.conftest import Shown, shown

__all__ = ["pages_of", "shown", "written"]


def pages_of(night: Shown) -> PageLayout:
    return PageLayout(night.night.base / "OSA/Pages")


@pytest.fixture
def written(shown) -> Callable[..., Page]:
    """Return a function that writes the pages of a night and reads one, the night's by default."""

    def write(night: Shown, page: str = "night") -> Page:
        write_night(night.root)
        pages, layout = pages_of(night), night.root.layout
        at: dict[str, Any] = {
            "night": pages.night(layout),
            "gain selection": pages.gain_selection(layout),
            "index": pages.index(),
            "catalogue": pages.catalog(),
        }
        found = {name: read(Path(path)) for name, path in at.items()}
        return found[page]

    return write
