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
import datetime
import functools
from collections.abc import Iterator
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
    DatedRun,
    Run,
    RunSummary,
    read_run_summary,
)

FileState = tuple[int, int] | None


@dataclasses.dataclass(frozen=True)
class Night:
    """What is known of a night once its run summary exists.

    Parameters
    ----------
    layout : Layout
        Places of the night.
    summary : RunSummary
        Its runs.
    max_days_back : int
        How many nights before this one a calibration run may be of.
    """

    layout: Layout
    summary: RunSummary
    max_days_back: int = 0

    @functools.cached_property
    def sources(self) -> dict[int, Source]:
        """What each run was taken on, as far as the catalogue says; calibration needs none."""
        path = self.layout.run_catalog()
        return read_run_catalog(path) if path.exists() else {}

    @property
    def data_runs(self) -> tuple[Run, ...]:
        """Runs to process."""
        return self.summary.of_type(DATA)

    @property
    def drs4_run(self) -> Choice[DatedRun]:
        """DRS4 run that the night is calibrated with."""
        return calibration.choose_run(self._last_nights(), DRS4)

    @property
    def pedcalib_run(self) -> Choice[DatedRun]:
        """PEDCALIB run that the night is calibrated with."""
        return calibration.choose_run(self._last_nights(), PEDCALIB)

    @property
    def baseline_run(self) -> Choice[DatedRun]:
        """DRS4 run that the PEDCALIB run is analysed with: the one of its own night.

        So one file has one content, whichever night asks for it first. lstosa takes the DRS4 run
        of the night that asks; here that is done only if the other night cannot have any.
        """
        pedcalib = self.pedcalib_run.value
        own = None if pedcalib is None else self.of(pedcalib.date)
        if own is None or own.drs4_run.value is None:
            return self.drs4_run
        return own.drs4_run

    def time_calibration_of(self, run: int) -> Choice[Path]:
        """Return the time calibration of a PEDCALIB run."""
        return calibration.choose_time_calibration(self._time_calibrations, run)

    @property
    def time_calibration(self) -> Choice[Path]:
        """Time calibration of the PEDCALIB run that the night is calibrated with."""
        run = self.pedcalib_run
        if run.value is None:
            return Choice(None, run.reason)
        return self.time_calibration_of(run.value.number)

    @functools.cached_property
    def _time_calibrations(self) -> tuple[Path, ...]:
        return tuple(self.layout.time_calibrations())

    @functools.cached_property
    def systematics(self) -> Choice[Path]:
        """F-factor systematics of the night."""
        return calibration.choose_systematics(self.layout.systematics(), self.layout.flat_date)

    def of(self, date: datetime.date) -> Night | None:
        """Return another night as this one is known; None while it has no run summary."""
        if date == self.layout.date:
            return self
        return read_night(self.layout.of(date), self.max_days_back)

    def find_run(self, number: int) -> Choice[DatedRun]:
        """Return a run with the night it was taken in, this one or one of those before it."""
        return calibration.find_run(self._last_nights(), number)

    def unlisted_night(self) -> datetime.date | None:
        """Return a night that has to be listed before the calibration can be chosen.

        Like lstosa, make the run summary of an earlier night if its raw data are there.
        """
        for run_type in (DRS4, PEDCALIB):
            for date, summary in self._last_nights():
                if summary is None and self.layout.of(date).has_raw_data():
                    return date
                if summary is not None and summary.of_type(run_type):
                    break
        pedcalib = self.pedcalib_run.value
        if pedcalib is None or pedcalib.date == self.layout.date:
            return None
        lender = self.of(pedcalib.date)
        return None if lender is None else lender.unlisted_night()

    def _last_nights(self) -> Iterator[tuple[datetime.date, RunSummary | None]]:
        yield self.layout.date, self.summary
        for days in range(1, self.max_days_back + 1):
            date = self.layout.date - datetime.timedelta(days)
            yield date, _summary_of(self.layout.of(date))


def read_night(layout: Layout, max_days_back: int = 0) -> Night | None:
    """Return the night, or None while it has no run summary.

    Parameters
    ----------
    layout : Layout
        Places of the night.
    max_days_back : int
        How many nights before this one a calibration run may be of.

    Raises
    ------
    InputError
        If the run summary is damaged; the run catalogue is read once its sources are asked for.
    """
    summary = _state(layout.run_summary())
    if summary is None:
        return None
    return _read_night(layout, max_days_back, summary, _state(layout.run_catalog()))


@functools.lru_cache(maxsize=32)
def _read_night(
    layout: Layout, max_days_back: int, _summary: FileState, _catalog: FileState
) -> Night:
    return Night(layout, read_run_summary(layout.run_summary()), max_days_back)


def _summary_of(layout: Layout) -> RunSummary | None:
    """Return the runs of a night of which nothing else matters; None if there is no summary."""
    path = layout.run_summary()
    state = _state(path)
    return None if state is None else _read_summary(path, state)


@functools.lru_cache(maxsize=32)
def _read_summary(path: Path, _state: FileState) -> RunSummary:
    return read_run_summary(path)


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
