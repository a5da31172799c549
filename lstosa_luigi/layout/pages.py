"""Where the pages lie that people look at."""

from __future__ import annotations

__all__ = ["PageLayout"]

import dataclasses
import os
from pathlib import Path

from lstosa_luigi.config import Directories
from lstosa_luigi.layout.night import Layout


@dataclasses.dataclass(frozen=True)
class PageLayout:
    """The places of the pages that people look at; names of files are lstosa's where it has them.

    Parameters
    ----------
    root : Path
        Directory of all pages.
    """

    root: Path

    @classmethod
    def of(cls, directories: Directories, directory: str = "") -> PageLayout:
        """Return the places below a directory, or below that of lstosa's housekeeping."""
        return cls(Path(directory) if directory else directories.osa_dir / "Pages")

    def index(self) -> Path:
        """Calendar of all nights."""
        return self.root / "index.html"

    def catalog(self) -> Path:
        """Runs of all nights with their sources."""
        return self.root / "LST_source_catalog.html"

    def night_dir(self, night: Layout) -> Path:
        """Directory of what belongs to one night of one production."""
        return self.root / night.flat_date / night.prod_id

    def night(self, night: Layout) -> Path:
        """Page of a night."""
        return self.night_dir(night) / f"osa_status_{night.prefix}_{night.flat_date}.html"

    def entry(self, night: Layout) -> Path:
        """What index and catalogue say of a night."""
        return self.night(night).with_suffix(".json")

    def gain_selection(self, night: Layout) -> Path:
        """Page of the gain selection of a night."""
        return self.night_dir(night) / f"osa_gainsel_status_{night.prefix}_{night.flat_date}.html"

    def thumbnails(self, night: Layout) -> Path:
        """Directory of the small pictures on the page of a night."""
        return self.night_dir(night) / f"thumbnails_{night.prefix}"

    def files_of(self, night: Layout) -> list[Path]:
        """Pages of a night that are there, and their pictures."""
        pages = (self.night(night), self.gain_selection(night))
        pictures = sorted(self.thumbnails(night).glob("*.png"))
        return [*(page for page in pages if os.path.lexists(page)), *pictures]

    def entries(self) -> list[Path]:
        """What is said of all nights, in ascending order of their dates."""
        return sorted(self.root.glob("????????/*/osa_status_*_????????.json"))
