"""A night as it was observed: its runs, their sources, and the calibration chosen for them."""

from __future__ import annotations

__all__ = [
    "Cleaning",
    "Night",
    "certain_model",
    "cleaning_of",
    "known_cleaning",
    "model_of",
    "read_night",
]

import dataclasses
import functools
from pathlib import Path

from lstosa_luigi.config import Settings
from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation import calibration, cleaning, models
from lstosa_luigi.observation.catalog import Source, read_run_catalog
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.runs import (
    DATA,
    DRS4,
    PEDCALIB,
    Run,
    RunSummary,
    read_run_summary,
)

FileState = tuple[int, int] | None


@dataclasses.dataclass(frozen=True)
class Night:
    """What is known of a night once its run summary exists."""

    layout: Layout
    summary: RunSummary
    sources: dict[int, Source]

    @property
    def data_runs(self) -> tuple[Run, ...]:
        """Runs to process."""
        return self.summary.of_type(DATA)

    @property
    def drs4_run(self) -> Choice[int]:
        """DRS4 run that the night is calibrated with."""
        return calibration.choose_run(self.summary, DRS4, self.layout.date.isoformat())

    @property
    def pedcalib_run(self) -> Choice[int]:
        """PEDCALIB run that the night is calibrated with."""
        return calibration.choose_run(self.summary, PEDCALIB, self.layout.date.isoformat())

    @functools.cached_property
    def time_calibration(self) -> Choice[Path]:
        """Time calibration of the PEDCALIB run."""
        run = self.pedcalib_run.value
        if run is None:
            return Choice(None, self.pedcalib_run.reason)
        return calibration.choose_time_calibration(self.layout.time_calibrations(), run)

    @functools.cached_property
    def systematics(self) -> Choice[Path]:
        """F-factor systematics of the night."""
        return calibration.choose_systematics(self.layout.systematics(), self.layout.flat_date)


def read_night(layout: Layout) -> Night | None:
    """Return the night, or None while it has no run summary.

    Raises
    ------
    InputError
        If the run summary or the run catalogue is damaged.
    """
    summary = _state(layout.run_summary())
    if summary is None:
        return None
    return _read_night(layout, summary, _state(layout.run_catalog()))


@functools.lru_cache(maxsize=32)
def _read_night(layout: Layout, _summary: FileState, catalog: FileState) -> Night:
    sources = {} if catalog is None else read_run_catalog(layout.run_catalog())
    return Night(layout, read_run_summary(layout.run_summary()), sources)


def _state(path: Path) -> FileState:
    """What tells whether a file has changed since it was read."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def _available_models(layout: Layout) -> set[str]:
    """Return the random forests that exist, and those that the simulated events can train."""
    directories = layout.directories
    training = directories.mc_dir / "DL1" / "AllSky"
    trained = directories.rf_models.glob("*/dec_*")
    trainable = training.glob("*/TrainingDataset/dec_*")
    return {f"{path.parent.name}/{path.name}" for path in trained} | {
        f"{path.parents[1].name}/{path.name}" for path in trainable
    }


def certain_model(layout: Layout, settings: Settings) -> str | None:
    """Return the random forests that every run gets, whatever is found out; None if there are more.

    They can be trained while the night is still being calibrated.
    """
    prefix = f"{settings.lstchain.mc_prod}nsb_tuning_"
    wanted = [name for name in _available_models(layout) if name.startswith(prefix)]
    return wanted[0] if len(wanted) == 1 else None


@dataclasses.dataclass(frozen=True)
class Cleaning:
    """How the images of a run are cleaned.

    Parameters
    ----------
    config : str
        DL1b config.
    dl1_prod : str
        Directory of DL1b.
    tailcuts : Tailcuts
        Thresholds in p.e.
    nsb_rate : float
        Additional NSB rate in p.e./ns.
    """

    config: str
    dl1_prod: str
    tailcuts: cleaning.Tailcuts
    nsb_rate: float


def cleaning_of(layout: Layout, settings: Settings, run: int) -> Choice[Cleaning]:
    """Return the cleaning of a run; its value is None while the tailcuts are not found.

    Raises
    ------
    InputError
        If a file that says so is damaged.
    """
    options = settings.lstchain
    log = layout.tailcuts_log(run)
    if options.apply_standard_dl1b_config:
        config = Path(options.dl1b_config)
        # lstosa wants the log of the tailcuts finder even then; without it the night counts as dark
        rate = cleaning.parse_nsb_rate(log.read_text(), str(log)) if log.exists() else 0.0
        dl1_prod, reason = options.dl1_prod_id, "the standard DL1b config is asked for"
    else:
        config = layout.tailcuts_config(run)
        if not config.exists() or not log.exists():
            return Choice(None, f"the tailcuts of run {run:05d} are not found yet")
        rate = cleaning.parse_nsb_rate(log.read_text(), str(log))
        dl1_prod, reason = "", f"found for run {run:05d}"
    tailcuts = cleaning.parse_tailcuts(config.read_text(), str(config))
    dl1_prod = dl1_prod or cleaning.dl1_prod_id(options.dl1_prod_id_prefix, tailcuts)
    return Choice(Cleaning(str(config), dl1_prod, tailcuts, rate), reason)


def known_cleaning(layout: Layout, settings: Settings, run: int) -> Cleaning:
    """Return the cleaning of a run.

    Raises
    ------
    InputError
        If it is not found yet, or a file that says so is damaged.
    """
    found = cleaning_of(layout, settings, run)
    if found.value is None:
        raise InputError(f"Run {run:05d} cannot be cleaned: {found.reason}.")
    return found.value


def model_of(night: Night, settings: Settings, run: int, found: Cleaning) -> Choice[str]:
    """Return the random forests of a run: existing ones, or ones that the MC can train.

    Raises
    ------
    InputError
        If the catalogue does not have the run.
    """
    source = night.sources.get(run)
    if source is None:
        raise InputError(
            f"Run {run:05d} is not in {night.layout.run_catalog()}: its declination is not known."
        )
    return models.choose_model(
        _available_models(night.layout),
        settings.lstchain.mc_prod,
        found.tailcuts.picture,
        found.nsb_rate,
        source.dec_deg,
    )
