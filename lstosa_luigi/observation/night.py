"""A night as it was observed: its runs, their sources, and the calibration chosen for them."""

from __future__ import annotations

__all__ = [
    "Cleaning",
    "Night",
    "available_models",
    "certain_model",
    "cleaning_of",
    "decisions_of",
    "forced_model_of",
    "is_cleaned_as_found",
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
from lstosa_luigi.observation.decisions import NONE, Decisions, What, parse_decisions
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
    """What is known of a night once its run summary exists.

    Parameters
    ----------
    layout : Layout
        Places of the night.
    summary : RunSummary
        Its runs, as the operators decided to see them.
    sources : dict of int to Source
        The source of each run that the catalogue has.
    observed : RunSummary
        Its runs, as the run summary lists them.
    decisions : Decisions
        What the operators decided.
    """

    layout: Layout
    summary: RunSummary
    sources: dict[int, Source]
    observed: RunSummary
    decisions: Decisions = NONE

    @property
    def data_runs(self) -> tuple[Run, ...]:
        """Runs to process."""
        runs = self.summary.of_type(DATA)
        return tuple(run for run in runs if self.decisions.veto(run.number) is None)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the operators left out, a line each."""
        words = {What.VETO: "vetoed", What.DISCARD: "discarded"}
        return tuple(
            f"{decision.unit} is {words[decision.what]} ({decision.source})"
            for decision in self.decisions.active
            if decision.what in words
        )

    @property
    def drs4_run(self) -> Choice[int]:
        """DRS4 run that the night is calibrated with."""
        return self._run_of(DRS4, What.DRS4)

    @property
    def pedcalib_run(self) -> Choice[int]:
        """PEDCALIB run that the night is calibrated with."""
        return self._run_of(PEDCALIB, What.PEDCALIB)

    def _run_of(self, run_type: str, what: What) -> Choice[int]:
        chosen = calibration.choose_run(self.summary, run_type, self.layout.date.isoformat())
        forced = self.decisions.forced(what)
        if forced is None:
            return chosen
        if int(forced.value) not in chosen.candidates:
            reason = f"{forced.source}, but run {int(forced.value):05d} is no {run_type} run"
            return Choice(None, reason, chosen.candidates)
        return Choice(int(forced.value), forced.source, chosen.candidates)

    @functools.cached_property
    def time_calibration(self) -> Choice[Path]:
        """Time calibration of the PEDCALIB run."""
        forced = self.decisions.forced(What.TIME_CALIBRATION)
        if forced is not None:
            return self._forced_time_calibration(int(forced.value), forced.source)
        run = self.pedcalib_run.value
        if run is None:
            return Choice(None, self.pedcalib_run.reason)
        return calibration.choose_time_calibration(self.layout.time_calibrations(), run)

    def _forced_time_calibration(self, run: int, source: str) -> Choice[Path]:
        candidates = tuple(self.layout.time_calibrations())
        named = [file for file in candidates if f".Run{run:05d}." in file.name]
        if not named:
            reason = f"no time calibration of run {run:05d}, as forced by {source}"
            return Choice(None, reason, candidates)
        return Choice(named[-1], source, candidates)

    @functools.cached_property
    def systematics(self) -> Choice[Path]:
        """F-factor systematics of the night."""
        return calibration.choose_systematics(self.layout.systematics(), self.layout.flat_date)


def read_night(layout: Layout) -> Night | None:
    """Return the night, or None while it has no run summary.

    Raises
    ------
    InputError
        If the run summary, the run catalogue or the file of decisions is damaged.
    """
    summary = _state(layout.run_summary())
    if summary is None:
        return None
    return _read_night(layout, summary, _state(layout.run_catalog()), _state(layout.decisions()))


@functools.lru_cache(maxsize=32)
def _read_night(
    layout: Layout, _summary: FileState, catalog: FileState, _decisions: FileState
) -> Night:
    sources = {} if catalog is None else read_run_catalog(layout.run_catalog())
    observed, decisions = read_run_summary(layout.run_summary()), decisions_of(layout)
    summary = decisions.apply(observed, str(layout.decisions()))
    return Night(layout, summary, sources, observed, decisions)


def decisions_of(layout: Layout) -> Decisions:
    """Return what the operators decided about the night, also while it has no run summary.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    state = _state(layout.decisions())
    return NONE if state is None else _read_decisions(layout.decisions(), state)


@functools.lru_cache(maxsize=32)
def _read_decisions(path: Path, _state: FileState) -> Decisions:
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise InputError(f"{path}: cannot be read as operators' decisions ({error}).") from error
    return parse_decisions(text, str(path))


def _state(path: Path) -> FileState:
    """What tells whether a file has changed since it was read."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def available_models(layout: Layout) -> set[str]:
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
    wanted = [name for name in available_models(layout) if name.startswith(prefix)]
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


def is_cleaned_as_found(layout: Layout, settings: Settings, run: int) -> bool:
    """Whether the cleaning of a run has to be found; not if it is the standard one, or forced."""
    is_forced = decisions_of(layout).forced(What.TAILCUTS, run) is not None
    return not is_forced and not settings.lstchain.apply_standard_dl1b_config


def cleaning_of(layout: Layout, settings: Settings, run: int) -> Choice[Cleaning]:
    """Return the cleaning of a run; its value is None while the tailcuts are not found.

    Raises
    ------
    InputError
        If a file that says so is damaged.
    """
    options = settings.lstchain
    log = layout.tailcuts_log(run)
    forced = decisions_of(layout).forced(What.TAILCUTS, run)
    if forced is not None:
        config = Path(forced.value)
        if not config.is_file():
            raise InputError(
                f"{config} is not there; run {run:05d} is to be cleaned with it by "
                f"{forced.source}. Put it back, or undo the decision."
            )
        # cleaned like another run: what was found with that cleaning says how bright the sky was
        beside = config.with_name(f"log_find_tailcuts_{config.stem.rpartition('_')[2]}.log")
        log = beside if beside.exists() else log
        rate = cleaning.parse_nsb_rate(log.read_text(), str(log)) if log.exists() else 0.0
        dl1_prod, reason = "", forced.source
    elif options.apply_standard_dl1b_config:
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


def forced_model_of(night: Night, run: int) -> Choice[str] | None:
    """Return the random forests that the operators chose for a run; None if they chose none."""
    forced = night.decisions.forced(What.RF_MODEL, run)
    if forced is None:
        return None
    return Choice(forced.value, forced.source, tuple(sorted(available_models(night.layout))))


def model_of(night: Night, settings: Settings, run: int, found: Cleaning) -> Choice[str]:
    """Return the random forests of a run: existing ones, or ones that the MC can train.

    Raises
    ------
    InputError
        If the catalogue does not have the run.
    """
    forced = forced_model_of(night, run)
    if forced is not None:
        return forced
    source = night.sources.get(run)
    if source is None:
        raise InputError(
            f"Run {run:05d} is not in {night.layout.run_catalog()}: its declination is not known."
        )
    return models.choose_model(
        available_models(night.layout),
        settings.lstchain.mc_prod,
        found.tailcuts.picture,
        found.nsb_rate,
        source.dec_deg,
    )
