"""What each run is cleaned and reconstructed with: what was found for it, or was decided."""

from __future__ import annotations

__all__ = [
    "Cleaning",
    "are_images_needed",
    "available_models",
    "certain_model",
    "cleaning_of",
    "forced_model_of",
    "is_cleaned_as_found",
    "known_cleaning",
    "model_of",
]

import dataclasses
from pathlib import Path

from lstosa_luigi.config import Settings
from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation import cleaning, models
from lstosa_luigi.observation.choice import Choice, Forced
from lstosa_luigi.observation.decisions import What
from lstosa_luigi.observation.night import Night, decisions_of


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
        dl1_prod, reason = "", f"forced by {forced.source}"
    elif options.apply_standard_dl1b_config:
        config = Path(options.dl1b_config)
        dl1_prod, reason = options.dl1_prod_id, "the standard DL1b config is asked for"
    else:
        config = layout.tailcuts_config(run)
        if not config.exists() or not log.exists():
            return Choice(None, f"the tailcuts of run {run:05d} are not found yet")
        dl1_prod, reason = "", f"found for run {run:05d}"
    # lstosa always wants the log of the tailcuts finder; here without it the night counts as dark
    rate = cleaning.parse_nsb_rate(log.read_text(), str(log)) if log.exists() else 0.0
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


def are_images_needed(layout: Layout, settings: Settings, run: int, subrun: int) -> bool:
    """Whether the images of DL1a are still to be read: to find the tailcuts, or to make DL1b.

    Cat-B is made of the interleaved events, which stay.

    Raises
    ------
    InputError
        If a file that says how the run is cleaned is damaged.
    """
    found = cleaning_of(layout, settings, run).value
    return found is None or not layout.dl1b(run, subrun, found.dl1_prod).exists()


def forced_model_of(night: Night, run: int) -> Choice[str] | None:
    """Return the random forests that the operators chose for a run; None if they chose none.

    They hold whether or not the cleaning and the source of the run are known.
    """
    decision = night.decisions.forced(What.RF_MODEL, run)
    if decision is None:
        return None
    forced = Forced(decision.value, decision.source)
    return forced.choice(tuple(sorted(available_models(night.layout))))


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
