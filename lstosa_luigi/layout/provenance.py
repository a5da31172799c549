"""Where lies what is known about how files were made, of all nights and productions."""

from __future__ import annotations

__all__ = ["RAW_NIGHT", "ProvenanceLayout"]

import dataclasses
import re
from pathlib import Path

from lstosa_luigi.config import Directories
from lstosa_luigi.layout.night import CONFIGS, SOFTWARE, Layout

RAW_NIGHT = "raw data of the night"
"""Kind of the directory that a run summary lists, among kinds of files."""
GIVEN = (
    (r"\d{8}", RAW_NIGHT),
    (r"LST-\d\.\d\.Run\d{5}\.\d{4}\.fits\.fz", "raw data"),
    (r"DrivePosition_log_\d{8}\.txt", "drive log"),
    (r"Target_log_\d{8}\.txt", "target log"),
    (r"BendingModelCorrection_log_\d{8}\.txt", "bending model"),
    (r"time_calibration\..*\.h5", "time calibration"),
    (r"ffactor_systematics_.*\.h5", "systematics"),
    (r"pedestal_ids_.*\.h5", "pedestal events"),
    (r"dl1_.*_merged\.h5", "simulated events"),
    (r"RunSummary_\d{8}\.ecsv", "run summary"),
    (r"RunCatalog_\d{8}\.ecsv", "run catalogue"),
    (r".*\.(json|ya?ml|cfg)", "configuration"),
)
"""What a file is, by its name."""


@dataclasses.dataclass(frozen=True)
class ProvenanceLayout:
    """The places of what is known about how files were made, of all nights and productions.

    Parameters
    ----------
    directories : Directories
        Roots of the trees.
    """

    directories: Directories

    def index(self) -> Path:
        """Index of the records of all nights."""
        return self.directories.osa_dir / "provenance.sqlite"

    def hashes(self) -> Path:
        """Directory of the hashes of large files that no job made."""
        return self.directories.osa_dir / "hashes"

    def made_below(self) -> tuple[Path, ...]:
        """Directories of what is made of a night: a record has its hash."""
        roots = self.directories
        return (roots.analysis_dir, roots.dl1_dir, roots.dl2_dir, roots.dl3_dir)

    def reproduced(self, name: str) -> Path:
        """Directory in which a file is made again."""
        return self.directories.osa_dir / "Reproduced" / name

    def record_directories(self) -> list[Path]:
        """Directories of records, in ascending order of their nights."""
        return sorted(self.directories.analysis_dir.glob("[0-9]" * 8 + "/*/records"))

    def night_of(self, record: Path) -> tuple[str, str]:
        """Return night (``YYYY-MM-DD``) and production of a record."""
        production = record.parents[1]
        flat = production.parent.name
        return f"{flat[:4]}-{flat[4:6]}-{flat[6:]}", production.name

    def kept_config(self, record: Path, sha256: str, suffix: str) -> Path:
        """Copy of a configuration that was used for what a record tells of."""
        return record.parents[1] / CONFIGS / f"{sha256}{suffix}"

    def software(self, record: Path, identity: str) -> Path:
        """Versions of the software that was used for what a record tells of."""
        return record.parents[1] / SOFTWARE / f"{identity}.json"

    def run_document(self, beside: Path, level: str, run: int) -> Path:
        """PROV document of a run, without suffix; *beside* is where its DL1b or DL2 lies."""
        return beside / "log" / f"calibration_to_{level}_{run:05d}_prov"

    def night_document(self, record: Path, date: str) -> Path:
        """PROV document of the night of a record, without suffix."""
        return record.parents[1] / "log" / f"night_{date.replace('-', '')}_prov"

    def documents(self, night: Layout) -> list[Path]:
        """PROV documents of a night and of its runs that are there, as JSON, the night first."""
        found = [self.of_night(night)] if self.of_night(night).exists() else []
        dl2 = self.directories.dl2_dir / night.flat_date / night.prod_id
        for level, places in (("dl1", night.dl1_night().glob("*")), ("dl2", dl2.glob("*/*"))):
            names = f"log/calibration_to_{level}_*_prov.json"
            found += sorted(p for place in places for p in place.glob(names) if self.is_document(p))
        return found

    def of_night(self, night: Layout) -> Path:
        """PROV document of a night as JSON, which is written last of all."""
        return Path(f"{self.night_document(night.record(''), str(night.date))}.json")

    def is_own(self, place: Path) -> bool:
        """Whether a place is in the trees of the configuration.

        Records of a tree that was copied or moved tell of files that lie elsewhere.
        """
        return any(place.is_relative_to(root) for root in self.made_below())

    @staticmethod
    def is_document(path: Path) -> bool:
        """Whether a file is called and placed like a PROV document of a run."""
        name = r"calibration_to_dl[12]_\d{5}_prov(_full)?\.(json|provn|xml|svg|pdf)"
        return path.parent.name == "log" and re.fullmatch(name, path.name) is not None

    def kind(self, path: str) -> str:
        """Return what a file is, by its name; empty if the name does not tell."""
        name = path.rpartition("/")[2]
        return next((kind for pattern, kind in GIVEN if re.fullmatch(pattern, name)), "")
