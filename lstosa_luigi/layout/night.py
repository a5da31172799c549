"""Where every file of a night lies: one method a kind of file.

Names and directories are lstosa's, so that an LST user finds each file where
lstosa puts it. Run numbers have five digits and subruns four, zero-padded, and
are matched as such.
"""

from __future__ import annotations

__all__ = ["CONFIGS", "SOFTWARE", "Layout", "telescope_prefix"]

import dataclasses
import datetime
import functools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from lstosa_luigi.archives import ARCHIVE
from lstosa_luigi.config import Directories

CONFIGS, SOFTWARE = "configs", "software"
"""Directories beside the records, of what products were made with."""

N_STREAMS = 4
"""Files that the event builder writes in parallel for each subrun."""

R0_NAME = re.compile(r"(LST-\d)\.([1-9])\.Run(\d{5})\.(\d{4})\.fits\.fz")


def telescope_prefix(telescope: str) -> str:
    """Return what file names say for a telescope: ``LST1`` is ``LST-1``."""
    return f"{telescope[:-1]}-{telescope[-1]}"


def _version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of ``v0.12.3``; nothing of what is no version."""
    match = re.match(r"v(\d+(?:\.\d+)*)", version)
    return () if match is None else tuple(int(number) for number in match.group(1).split("."))


@dataclasses.dataclass(frozen=True)
class Layout:
    """The places of one night of one production.

    Parameters
    ----------
    directories : Directories
        Roots of the trees.
    telescope : str
        For example ``LST1``.
    prod_id : str
        Production identifier, for example ``v0.12.3``.
    version : str
        Directory of calibration products: ``v`` and the version of lstchain.
    date : datetime.date
        The night: the date of its evening.
    cat_a_version, cat_b_version : str
        Instead of *version* for Cat-A and Cat-B, if another package makes them (lstcam_calib).
    """

    directories: Directories
    telescope: str
    prod_id: str
    version: str
    date: datetime.date
    cat_a_version: str = ""
    cat_b_version: str = ""

    def of(self, date: datetime.date) -> Layout:
        """Return the same production on another night."""
        return dataclasses.replace(self, date=date)

    @property
    def cat_a(self) -> str:
        """Directory of Cat-A products, below their date."""
        return self.cat_a_version or self.version

    @property
    def cat_b(self) -> str:
        """Directory of Cat-B products, below their date."""
        return self.cat_b_version or self.version

    @functools.cached_property
    def flat_date(self) -> str:
        """The date as it stands in paths: ``20200117``."""
        return f"{self.date:%Y%m%d}"

    @property
    def prefix(self) -> str:
        """The telescope as it stands in file names: ``LST-1``."""
        return telescope_prefix(self.telescope)

    def _name(self, kind: str, run: int, subrun: int | None, suffix: str) -> str:
        part = "" if subrun is None else f".{subrun:04d}"
        return f"{kind}_{self.prefix}.Run{run:05d}{part}{suffix}"

    # --- raw data and monitoring -----------------------------------------------------------

    @property
    def n_streams(self) -> int:
        """Files that a subrun consists of."""
        return N_STREAMS

    def raw_roots(self) -> tuple[Path, Path]:
        """Roots of the raw data: as they were taken, and gain-selected (R0G)."""
        return self.directories.raw_r0_dir, self.directories.r0_dir

    def r0_root(self, run: int | None = None) -> Path:
        """Root of the raw data of the night, or of one run, as they were taken.

        Gain selection copies what it does not select: so where R0 was removed, R0G is as good. What
        DL1a reads is another question (lstosa_luigi.observation.input_state).
        """
        raw, selected = self.raw_roots()
        if run is None:
            return selected if self._has_raw(selected) and not self._has_raw(raw) else raw
        is_gone = not self.r0_file(run, 0, root=raw).exists()
        return selected if is_gone and self.r0_file(run, 0, root=selected).exists() else raw

    def r0_night(self) -> Path:
        """Directory of the raw data of the night, as they were taken if these are there."""
        return self.r0_root() / self.flat_date

    def has_raw_data(self) -> bool:
        """Whether there is any raw file of the night."""
        return any(self._has_raw(root) for root in self.raw_roots())

    def has_anything(self) -> bool:
        """Whether there are raw data of the night, or something was begun with them."""
        return self.has_raw_data() or self.analysis().is_dir()

    def _has_raw(self, root: Path) -> bool:
        return any((root / self.flat_date).glob(f"{self.prefix}.1.Run?????.????.fits.fz"))

    def r0_file(self, run: int, subrun: int, stream: int = 1, root: Path | None = None) -> Path:
        """Return the raw data of one stream of a subrun, as they were taken or below a root."""
        name = f"{self.prefix}.{stream}.Run{run:05d}.{subrun:04d}.fits.fz"
        return (root or self.directories.raw_r0_dir) / self.flat_date / name

    def r0_streams(self, run: int, subrun: int, root: Path | None = None) -> tuple[Path, ...]:
        """Return the files of all streams of a subrun; *root* is that of the run by default."""
        root = root or self.r0_root(run)
        streams = range(1, N_STREAMS + 1)
        return tuple(self.r0_file(run, subrun, stream, root) for stream in streams)

    def parse_r0_name(self, name: str) -> tuple[int, int, int] | None:
        """Return stream, run and subrun of a raw file of the telescope; None if it is none."""
        match = R0_NAME.fullmatch(name)
        if match is None or match[1] != self.prefix:
            return None
        return int(match[2]), int(match[3]), int(match[4])

    def r0g_night(self) -> Path:
        """Directory of the gain-selected raw data of the night."""
        return self.directories.r0_dir / self.flat_date

    def r0g_scratch(self) -> Path:
        """Where gain-selected data stay until they are whole; there raw data can be linked to."""
        return self.r0g_night() / ".scratch"

    def gain_selection_log(self, run: int, subrun: int) -> Path:
        """What the gain selection of a subrun itself logs."""
        directory = self.directories.r0_dir / "log" / self.flat_date
        return directory / f"r0_to_r0g_{run:05d}.{subrun:04d}.log"

    def input_state(self, run: int) -> Path:
        """What the first events of a run hold, for all productions."""
        directory = self.directories.osa_dir / "InputState" / self.flat_date
        return directory / f"input_state_{self.prefix}.Run{run:05d}.json"

    def run_summary(self) -> Path:
        """Table of the runs of the night."""
        return self.directories.run_summary_dir / f"RunSummary_{self.flat_date}.ecsv"

    def run_catalog(self) -> Path:
        """Table of the source of each run."""
        return self.directories.run_catalog / f"RunCatalog_{self.flat_date}.ecsv"

    def drive_log(self) -> Path:
        """Pointing of the telescope through the night."""
        return self.directories.drive_dir / f"DrivePosition_log_{self.flat_date}.txt"

    def target_log(self) -> Path:
        """What the telescope tracked through the night."""
        return self.directories.drive_dir / f"Target_log_{self.flat_date}.txt"

    def bending_log(self) -> Path:
        """Corrections of the pointing; the tools look for it beside the drive log."""
        name = f"BendingModelCorrection_log_{self.flat_date}.txt"
        return self.directories.drive_dir / name

    def beside_drive_log(self) -> list[Path]:
        """Logs that whoever reads the drive log reads as well, if they are there.

        ``PointingSource`` of ctapipe_io_lst looks for them without being told.
        """
        return [log for log in (self.target_log(), self.bending_log()) if log.exists()]

    def merged_run_summary(self) -> Path:
        """Runs of all nights, with where the telescope pointed."""
        return self.directories.osa_dir / "Catalog" / "merged_RunSummary.ecsv"

    def pointed_run_summary(self) -> Path:
        """Runs of the night, as they stand in :meth:`merged_run_summary`."""
        name = f"merged_RunSummary_{self.flat_date}.ecsv"
        return self.merged_run_summary().parent / "nights" / name

    def pointed_run_summaries(self) -> list[Path]:
        """Those of all nights, in ascending order."""
        return sorted(self.pointed_run_summary().parent.glob("merged_RunSummary_????????.ecsv"))

    def pedestal_ids(self, run: int, subrun: int) -> Path:
        """Event numbers of the interleaved pedestals that somebody found in a subrun."""
        directory = self.directories.pedestal_finder_dir / self.flat_date
        return directory / f"pedestal_ids_Run{run:05d}.{subrun:04d}.h5"

    # --- calibration -----------------------------------------------------------------------

    def drs4_baseline(self, run: int) -> Path:
        """Baseline of each DRS4 capacitor."""
        directory = self.directories.cat_a_pedestal_dir / self.flat_date / self.cat_a
        return directory / f"drs4_pedestal.Run{run:05d}.0000.h5"

    def find_drs4_baseline(self, run: int) -> Path:
        """Return the baseline to use, of any version alike; if there is none, where it is made."""
        return self._find(self.drs4_baseline(run), f"drs4_pedestal.Run{run:05d}.0000.h5")

    def drs4_plot(self, run: int) -> Path:
        """Check plots of the DRS4 baseline."""
        file = self.drs4_baseline(run)
        return file.parent / "log" / f"{file.stem}.pdf"

    def charge_calibration(self, run: int, filters: str) -> Path:
        """Conversion of charge to photo-electrons (Cat-A)."""
        directory = self.directories.cat_a_calib_dir / self.flat_date / self.cat_a
        return directory / f"calibration_filters_{filters}.Run{run:05d}.0000.h5"

    def find_charge_calibration(self, run: int, filters: str, only: tuple[str, ...] = ()) -> Path:
        """Return the calibration to use, of any version alike; if none, where it is made.

        One for other filters is better than none: nobody else knows the filters of old runs.

        Parameters
        ----------
        run : int
            Run number.
        filters : str
            Filter wheels that it is made for.
        only : tuple of str
            Those that it may be for; default: any.
        """
        made = self.charge_calibration(run, filters)
        wheels = (filters, *only) if only else ("*",)
        names = [f"calibration_filters_{wheel}.Run{run:05d}.0000.h5" for wheel in wheels]
        found = [self._find(made, name) for name in names]
        return next((file for file in found if file.exists()), made)

    def filter_wheels(self, run: int) -> Path:
        """What the camera-control database said of the filter wheels of a run."""
        name = f"filters_{self.prefix}.Run{run:05d}.json"
        return self.directories.osa_dir / "Filters" / self.flat_date / name

    def _find(self, made: Path, pattern: str) -> Path:
        """Return *made* if it is there, else the newest file of a version alike, else *made*.

        Versions are alike if they have the first two numbers in common (lstosa takes ``v0.1`` and
        ``v0.12`` for alike, and ``v0.12.9`` for newer than ``v0.12.10``).
        """
        if made.exists():
            return made
        wanted = _version_numbers(made.parent.name)[:2]
        found = [
            file
            for file in made.parents[1].glob(f"v*/{pattern}")
            if _version_numbers(file.parent.name)[:2] == wanted
        ]
        if len(wanted) < 2 or not found:
            return made
        own = [file for file in found if file.parent == made.parent]
        return max(own or found, key=lambda file: (_version_numbers(file.parent.name), str(file)))

    def charge_calibration_plot(self, run: int, filters: str) -> Path:
        """Check plots of the charge calibration."""
        file = self.charge_calibration(run, filters)
        return file.parent / "log" / f"{file.stem}.pdf"

    def charge_calibration_log(self, run: int, filters: str) -> Path:
        """What the calibration tool itself logs."""
        return self.charge_calibration_plot(run, filters).with_suffix(".log")

    def time_calibrations(self) -> list[Path]:
        """All time calibrations there are, of any night."""
        root = self.directories.cat_a_calib_base / "drs4_time_sampling_from_FF"
        return sorted(root.glob("*/pro/time_calibration.Run?????.0000.h5"))

    def systematics(self) -> list[Path]:
        """All F-factor systematics there are, of any night."""
        root = self.directories.cat_a_calib_base / "ffactor_systematics"
        return sorted(root.glob("*/pro/ffactor_systematics_????????.h5"))

    def cat_b_calibration(self, run: int, filters: str) -> Path:
        """Calibration from the interleaved events of a run (Cat-B)."""
        root = self.directories.cat_b_calib_base / "calibration" / self.flat_date
        return root / self.cat_b / f"cat_B_calibration_filters_{filters}.Run{run:05d}.h5"

    def cat_b_plot(self, run: int, filters: str) -> Path:
        """Check plots of the Cat-B calibration."""
        file = self.cat_b_calibration(run, filters)
        return file.parent / "log" / f"{file.stem}.pdf"

    def cat_b_log(self, run: int, filters: str) -> Path:
        """What the calibration tool itself logs."""
        return self.cat_b_plot(run, filters).with_suffix(".log")

    # --- running analysis ------------------------------------------------------------------

    def analysis(self) -> Path:
        """Running-analysis directory of the night."""
        return self.directories.analysis_dir / self.flat_date / self.prod_id

    def dl1a(self, run: int, subrun: int) -> Path:
        """DL1 with images, cleaned with the settings of DL1a."""
        return self.analysis() / self._name("dl1", run, subrun, ".h5")

    def log(self, product: str) -> Path:
        """What the tool that made a product printed."""
        return self.analysis() / "log" / f"{product}.log"

    def record(self, product: str) -> Path:
        """How the last attempt to make a product went."""
        return self.analysis() / "records" / f"{product}.json"

    def refusal(self, product: str) -> Path:
        """Verdict of a tool that the data of a run do not allow a product."""
        return self.analysis() / "refused" / f"{product}.json"

    def scratch(self) -> Path:
        """Where products of the night stay until they are whole."""
        return self.analysis() / ".scratch"

    def arrays(self) -> Path:
        """Manifests of job arrays, and the attempts that failed."""
        return self.analysis() / "arrays"

    def kept_config(self, sha256: str, suffix: str = ".json") -> Path:
        """Copy of a configuration that products of the night were made with."""
        return self.analysis() / CONFIGS / f"{sha256}{suffix}"

    def kept_software(self, name: str) -> Path:
        """Versions of what products of the night were made with."""
        return self.analysis() / SOFTWARE / f"{name}.json"

    def archive(self) -> Path:
        """Logs and records of the closed night in one file (lstosa_luigi.archives)."""
        return self.analysis() / ARCHIVE

    def archived_directories(self) -> tuple[Path, ...]:
        """Directories whose files go into the archive."""
        return self.log("").parent, self.record("").parent, self.arrays()

    def written_aside(self) -> tuple[Path, ...]:
        """Directories in which a killed process may have left a file without its final name."""
        records, refusals = self.record("").parent, self.refusal("").parent
        every_day = (self.nightly_state().parent, self.told().parent, self.published().parent)
        return records, refusals, self.arrays(), self.night_finished().parent, *every_day

    def tailcuts_config(self, run: int) -> Path:
        """Cleaning settings found for a run."""
        return self.directories.tailcuts_finder_dir / f"dl1ab_Run{run:05d}.json"

    def tailcuts_log(self, run: int) -> Path:
        """Pedestal charges and NSB level behind the cleaning settings."""
        return self.directories.tailcuts_finder_dir / f"log_find_tailcuts_Run{run:05d}.log"

    def product_roots(self) -> tuple[Path, ...]:
        """Directories that belong to the production and the night alone, and hold its products."""
        directories = self.directories
        below = (directories.dl2_dir, directories.dl3_dir)
        return (
            self.analysis(),
            self.dl1_night(),
            *(root / self.flat_date / self.prod_id for root in below),
            self.longterm().parent,
        )

    def housekeeping(self) -> tuple[Path, ...]:
        """Directories below those, and files in them, that are no products."""
        kept = (self.log("").parent, self.record("").parent, self.scratch(), self.arrays())
        origin = (self.kept_config("").parent, self.kept_software("").parent)
        return (*kept, *origin, self.refusal("").parent, self.set_aside(), self.archive())

    def cleanings_of(self, paths: Iterable[str]) -> set[str]:
        """Return the directories of DL1b that files are in."""
        start = f"{self.dl1_night()}/"
        below = (path.removeprefix(start) for path in paths if path.startswith(start))
        inside = {path.partition("/")[0] for path in below}
        return inside - {self.muons_dir().name, self.interleaved(0, 0).parent.name}

    def is_product(self, path: Path, runs: Mapping[int, int], dl1_prods: Iterable[str]) -> bool:
        """Whether a file is where a product of a run would be.

        Parameters
        ----------
        path : Path
            The file.
        runs : dict of int to int
            How many subruns each run has.
        dl1_prods : iterable of str
            Directories of DL1b.
        """
        pattern = rf"\w+_{self.prefix}\.Run(\d+)(?:\.(\d+))?\.(?:h5|fits|pdf)"
        named = re.fullmatch(pattern, path.name)
        if named is None or int(named[1]) not in runs:
            return False
        run, subrun = int(named[1]), None if named[2] is None else int(named[2])
        if subrun is not None and subrun >= runs[run]:
            return False
        places = [self.muons(run, subrun)]
        if subrun is not None:
            places += [self.dl1a(run, subrun), self.interleaved(run, subrun)]
        for dl1_prod in dl1_prods:
            places += [self.dl1b(run, subrun, dl1_prod), self.datacheck(run, subrun, dl1_prod)]
            if subrun is None:
                places.append(self.datacheck_plot(run, dl1_prod))
        return path in places

    def may_link(self, at: str, target: str) -> bool:
        """Whether a link to a product is one of those that are made for others."""
        name = at.rpartition("/")[2]
        return name in (target.rpartition("/")[2], self.irf("").name)

    # --- DL1 -------------------------------------------------------------------------------

    def dl1_night(self) -> Path:
        """Directory of all DL1 products of the night."""
        return self.directories.dl1_dir / self.flat_date / self.prod_id

    def muons_dir(self) -> Path:
        """Directory of the muon rings of the night."""
        return self.dl1_night() / "muons"

    def muons(self, run: int, subrun: int | None) -> Path:
        """Muon rings of a subrun, or of the run if *subrun* is None."""
        return self.muons_dir() / self._name("muons", run, subrun, ".fits")

    def interleaved(self, run: int, subrun: int) -> Path:
        """Interleaved flat-field and pedestal events."""
        return self.dl1_night() / "interleaved" / self._name("interleaved", run, subrun, ".h5")

    def interleaved_removed(self, run: int) -> Path:
        """Note that the interleaved events of a run were removed, by whom and when."""
        return self.dl1_night() / "interleaved" / self._name("removed", run, None, ".json")

    def interleaved_link(self, run: int, subrun: int) -> Path:
        """Link to the interleaved events of a subrun in the running analysis."""
        file = self.interleaved(run, subrun)
        return self.analysis() / file.parent.name / file.name

    def dl1b_dir(self, dl1_prod: str) -> Path:
        """Directory of DL1b of one cleaning."""
        return self.dl1_night() / dl1_prod

    def dl1b(self, run: int, subrun: int | None, dl1_prod: str) -> Path:
        """DL1b of a subrun; merged and without images if *subrun* is None."""
        return self.dl1b_dir(dl1_prod) / self._name("dl1", run, subrun, ".h5")

    def datacheck_dir(self, dl1_prod: str) -> Path:
        """Directory of the DL1 datachecks of one cleaning."""
        return self.dl1b_dir(dl1_prod) / "datacheck"

    def datacheck(self, run: int, subrun: int | None, dl1_prod: str) -> Path:
        """DL1 datacheck of a subrun, or of the run if *subrun* is None."""
        return self.datacheck_dir(dl1_prod) / self._name("datacheck_dl1", run, subrun, ".h5")

    def datacheck_plot(self, run: int, dl1_prod: str) -> Path:
        """Pages of plots of the run-wise DL1 datacheck."""
        return self.datacheck(run, None, dl1_prod).with_suffix(".pdf")

    def places_of_runs(self) -> dict[int, set[str]]:
        """Return where there is DL1b and DL2 of each run: the directories of their kinds."""
        name = re.compile(rf"dl[12]_{re.escape(self.prefix)}\.Run(\d{{5}})(\.\d{{4}})?\.h5")
        dl2_night = self.directories.dl2_dir / self.flat_date / self.prod_id
        places: dict[int, set[str]] = {}
        for root, depth in ((self.dl1_night(), "*"), (dl2_night, "*/*")):
            for directory in sorted(root.glob(depth)):
                place = str(directory.relative_to(root))
                try:
                    names = os.listdir(directory)  # noqa: PTH208 - a night has thousands of files
                except NotADirectoryError:
                    continue
                for match in filter(None, map(name.fullmatch, names)):
                    places.setdefault(int(match[1]), set()).add(place)
        return places

    def cleaned_links(self, run: int, subruns: Iterable[int], dl1_prod: str) -> dict[Path, Path]:
        """Return the links to what a run's cleaning makes whose names do not say the cleaning."""
        common, numbers = self.common_datacheck_dir(), [None, *subruns]
        files = [self.datacheck(run, subrun, dl1_prod) for subrun in numbers]
        return {common / file.name: file for file in (*files, self.datacheck_plot(run, dl1_prod))}

    def dl1b_link(self, run: int, subrun: int, dl1_prod: str) -> Path:
        """Link to DL1b of a subrun in the running analysis."""
        return self.analysis() / dl1_prod / self.dl1b(run, subrun, dl1_prod).name

    def common_datacheck_dir(self) -> Path:
        """Links to the datachecks of the night, whatever the cleaning."""
        return self.directories.datacheck_dir / self.flat_date

    def longterm(self, suffix: str = ".h5") -> Path:
        """Night-wise datacheck: ``.h5``, ``.html`` or ``.log``."""
        directory = self.directories.longterm_dir / self.prod_id / self.flat_date
        return directory / f"DL1_datacheck_{self.flat_date}{suffix}"

    def longterm_draft(self) -> Path:
        """Night-wise datacheck before the Cherenkov transparency is added."""
        return self.analysis() / "longterm" / self.longterm().name

    def longterm_links(self) -> dict[Path, Path]:
        """Links to the night-wise datacheck outside of any production, with what they link to."""
        return {
            self.directories.longterm_dir / self.longterm(suffix).name: self.longterm(suffix)
            for suffix in (".h5", ".html", ".log")
        }

    # --- what is published -----------------------------------------------------------------

    def drs4_plots(self) -> list[Path]:
        """Check plots of the DRS4 baselines of the night."""
        return sorted(self.drs4_plot(0).parent.glob("drs4*.pdf"))

    def charge_calibration_plots(self) -> list[Path]:
        """Check plots of the charge calibrations of the night."""
        return sorted(self.charge_calibration_plot(0, "").parent.glob("calibration*.pdf"))

    def datacheck_plots(self) -> list[Path]:
        """Pages of plots of the run-wise datachecks of the night, whatever the cleaning."""
        name = f"datacheck_dl1_{self.prefix}.Run?????.pdf"
        return sorted(self.common_datacheck_dir().glob(name))

    def longterm_files(self) -> list[Path]:
        """Files of the night-wise datacheck that are there."""
        files = [self.longterm(suffix) for suffix in (".h5", ".html", ".log")]
        return [file for file in files if os.path.lexists(file)]

    def high_level_files(self) -> list[Path]:
        """Plots of the night that others made of DL3: they lie where lstosa puts its own."""
        directory = self.directories.osa_dir / "HighLevel" / self.flat_date / self.prod_id
        return sorted(file for file in directory.glob("*") if not file.is_dir())

    def published(self) -> Path:
        """What of the night was published, and where."""
        return self._of_night("Published", "Published")

    def publishing(self) -> Path:
        """How publishing went for the last time, for all nights; beside it what is on its way."""
        return self.directories.osa_dir / "Published" / "Target.json"

    # --- models, DL2, DL3 ------------------------------------------------------------------

    def model(self, model: str) -> Path:
        """Directory of random forests, *model* being ``<mc_prod>nsb_tuning_X.XX/dec_NNNN``."""
        return self.directories.rf_models / model

    def mc_dl1(self, model: str, dataset: str, particle: str) -> Path | None:
        """Simulated events at DL1 as the MC tree has them, None if there are none.

        Parameters
        ----------
        model : str
            ``<mc_prod>nsb_tuning_X.XX/dec_NNNN``.
        dataset : str
            ``TrainingDataset`` or ``TestingDataset``.
        particle : str
            ``GammaDiffuse``, ``Protons``, ``Gamma`` or ``Electrons``.
        """
        production, line = model.split("/")
        root = self.directories.mc_dir / "DL1" / "AllSky" / production / dataset / line / particle
        return next(iter(sorted(root.glob("dl1_*_merged.h5"))), None)

    def mc_dl2(self, model: str, particle: str) -> Path | None:
        """Simulated events at DL2 that belong to :meth:`mc_dl1`."""
        dl1 = self.mc_dl1(model, "TestingDataset", particle)
        if dl1 is None:
            return None
        below = dl1.relative_to(self.directories.mc_dir / "DL1")
        name = "dl2" + dl1.name.removeprefix("dl1")
        return self.directories.mc_dir / "DL2" / below.with_name(name)

    def dl2(self, run: int, dl2_prod: str) -> Path:
        """Reconstructed events of a run."""
        directory = self.directories.dl2_dir / self.flat_date / self.prod_id / dl2_prod
        return directory / self._name("dl2", run, None, ".h5")

    def dl3_dir(self, dl2_prod: str) -> Path:
        """Directory of DL3 of one kind of DL2, made with the standard cuts."""
        return self.directories.dl3_dir / self.flat_date / self.prod_id / dl2_prod / "std_cuts"

    def irf(self, dl2_prod: str, line: str = "") -> Path:
        """Instrument response; *line* is the declination line if it was made for one."""
        name = f"irf_{line}.fits.gz" if line else "irf.fits.gz"
        return self.dl3_dir(dl2_prod) / name

    def dl3_source_dir(self, dl2_prod: str, source: str) -> Path:
        """Directory of DL3 of one source: its name, but for what would lead elsewhere."""
        return self.dl3_dir(dl2_prod) / re.sub(r"^\.+|/", "_", source)

    def dl3(self, run: int, dl2_prod: str, source: str) -> Path:
        """Event list of a run."""
        name = self._name("dl3", run, None, ".fits.gz")
        return self.dl3_source_dir(dl2_prod, source) / name

    def dl3_index(self, dl2_prod: str, source: str) -> tuple[Path, Path]:
        """HDU index and observation index of a source, in this order."""
        directory = self.dl3_source_dir(dl2_prod, source)
        return directory / "hdu-index.fits.gz", directory / "obs-index.fits.gz"

    # --- housekeeping ----------------------------------------------------------------------

    def night_finished(self) -> Path:
        """Flag that the night is closed."""
        return self.directories.closer_dir / self.flat_date / self.prod_id / "NightFinished.txt"

    def reopened(self) -> Path:
        """When the night was opened again after it had been closed, by whom and why."""
        return self.night_finished().with_name("Reopened.json")

    def set_aside(self) -> Path:
        """Where products go that are not to be used any more, until somebody removes them."""
        return self.analysis() / "set_aside"

    def decisions(self) -> Path:
        """What the operators decided about the night, in all productions."""
        name = f"Decisions_{self.prefix}_{self.flat_date}.yaml"
        return self.directories.osa_dir / "Decisions" / name

    def nightly_log(self, began: datetime.datetime) -> Path:
        """What a command of ``lstosa nightly`` printed that began then (UTC)."""
        return self.log(f"NightlyClose_{began:%Y%m%dT%H%M%SZ}")

    def nightly_logs(self) -> list[Path]:
        """All those that are kept, in the order of their beginnings."""
        return sorted(self.log("").parent.glob("NightlyClose_????????T??????Z.log"))

    def nightly_state(self) -> Path:
        """How the last command of ``lstosa nightly`` for the night went."""
        return self._of_night("Nightly", "Nightly")

    def told(self) -> Path:
        """What people were told of the night."""
        return self._of_night("Notifications", "Told")

    def troubles(self) -> Path:
        """What stood in the way of ``lstosa nightly`` and was told of, for all nights."""
        return self.directories.osa_dir / "Notifications" / "Troubles.json"

    def told_of_publishing(self) -> Path:
        """What people were told of what could not be published, for all nights."""
        return self.directories.osa_dir / "Notifications" / "Publishing.json"

    def _of_night(self, folder: str, kind: str) -> Path:
        name = f"{kind}_{self.prefix}_{self.flat_date}_{self.prod_id}.json"
        return self.directories.osa_dir / folder / name

    def lock(self, root: str) -> Path:
        """Lock of one root task."""
        return self.directories.osa_dir / "locks" / f"{root}.lock"

    def cache(self) -> Path:
        """Caches of the tools: nothing is kept in HOME."""
        return self.directories.cache
