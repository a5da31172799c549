"""Where lstosa keeps a night that it has not closed, and what it notes of its work.

Final places are the same in lstosa and here: :mod:`lstosa_luigi.layout`. This module knows the
others (lstosa 0.11.10, ``osa/paths.py`` and ``osa/nightsummary``).
"""

from __future__ import annotations

__all__ = ["LstosaPlaces"]

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from lstosa_luigi.layout import Layout

ASIDE = "not_taken_over"
"""Directory, beside where it lay, of what does not count."""


@dataclasses.dataclass(frozen=True)
class LstosaPlaces:
    """The places of one night of one production of lstosa.

    Parameters
    ----------
    layout : Layout
        Our places of the same night.
    """

    layout: Layout

    def working(self, final: Path, cleaning: str = "") -> tuple[Path, ...]:
        """Return where a product lies before the night is closed, the likeliest place first.

        Parameters
        ----------
        final : Path
            Its final place.
        cleaning : str
            Directory of the cleaning, for products of one.
        """
        night = self.layout.analysis()
        if cleaning:
            return (night / cleaning / final.name,)
        if final.name.startswith("interleaved"):  # the tool's place, and the one lstosa has in mind
            return night / "interleaved" / final.name, night / final.name
        return (night / final.name,)

    def cleanings(self) -> list[str]:
        """Return the directories of DL1b of the night, by name, wherever they are."""
        wanted = re.compile(rf"dl1_{re.escape(self.layout.prefix)}\.Run\d{{5}}(\.\d{{4}})?\.h5")
        return sorted(
            {
                directory.name
                for root in (self.layout.analysis(), self.layout.dl1_night())
                for directory in root.glob("*/")
                if directory.is_dir() and any(wanted.fullmatch(f.name) for f in directory.iterdir())
            }
        )

    def reconstructions(self, run: int) -> list[str]:
        """Return the directories of DL2 of a run, as ``tailcut84/nsb_tuning_0.14``."""
        name = self.layout.dl2(run, "x").name
        root = self.layout.dl2(run, "").parent
        return sorted(str(file.parent.relative_to(root)) for file in root.glob(f"*/*/{name}"))

    def histories(self) -> list[Path]:
        """Return the history files of the night."""
        return sorted(self.layout.analysis().glob(f"{self._sequence}_*.history"))

    def history_archives(self) -> list[Path]:
        """Return what ``organize`` packed the history files of a closed night into."""
        return sorted(self.layout.analysis().glob("all_history_*.tar.gz"))

    def unit_of_history(self, name: str) -> tuple[int, int | None] | None:
        """Return run and subrun of a history file; None if it is none of this telescope."""
        match = re.fullmatch(rf"{self._sequence}_(\d{{5}})(?:\.(\d{{4}}))?\.history", name)
        if match is None:
            return None
        return int(match[1]), None if match[2] is None else int(match[2])

    def gain_selection_histories(self) -> Iterator[tuple[tuple[int, int], Path]]:
        """Yield the history files of gain selection, each after its run and subrun."""
        for path in sorted(self._gain_selection_logs.glob("gain_selection_*.history")):
            match = re.fullmatch(r"gain_selection_(\d{5})\.(\d{4})\.history", path.name)
            if match is not None:
                yield (int(match[1]), int(match[2])), path

    def vetoed_runs(self) -> list[int]:
        """Return the runs that lstosa vetoed."""
        names = [path.name for path in self.layout.analysis().glob(f"{self._sequence}_*.veto")]
        found = [re.fullmatch(rf"{self._sequence}_(\d{{5}})\.veto", name) for name in names]
        return sorted(int(match[1]) for match in found if match is not None)

    def autocloser_lock(self) -> Path:
        """Return what the autocloser of lstosa leaves there while it works on the night."""
        return self.layout.analysis() / "cron.lock"

    def productions(self) -> list[str]:
        """Return the productions of which the night has anything."""
        root = self.layout.analysis().parent
        return sorted(path.name for path in root.glob("*") if path.is_dir())

    @staticmethod
    def aside(path: Path) -> Path:
        """Return where a file goes that does not count; nothing that lies there is replaced.

        It is beside its place, on the same file system: nothing has to be copied.
        """
        wanted = path.parent / ASIDE / path.name
        number = 1
        while wanted.exists():
            wanted = path.parent / ASIDE / f"{path.name}.{number}"
            number += 1
        return wanted

    @property
    def _sequence(self) -> str:
        return f"sequence_{self.layout.telescope}"

    @property
    def _gain_selection_logs(self) -> Path:
        return self.layout.gain_selection_log(0, 0).parent
