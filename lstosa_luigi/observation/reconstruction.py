"""What each run is cleaned and reconstructed with: what was found for it, or was decided."""

from __future__ import annotations

__all__ = [
    "Cleaning",
    "are_images_needed",
    "are_interleaved_needed",
    "available_models",
    "cat_b_filters",
    "cat_b_of",
    "cat_b_place",
    "cat_b_refusal",
    "cat_b_start",
    "certain_model",
    "cleaning_of",
    "fallbacks_of",
    "fallbacks_of_run",
    "forced_model_of",
    "known_cleaning",
    "lacks_pedestals",
    "model_of",
    "superseded_places",
    "tailcuts_needed",
    "tailcuts_refusal",
]

import dataclasses
from pathlib import Path

from lstosa_luigi.config import Settings
from lstosa_luigi.errors import InputError, LstosaError
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation import cleaning, models
from lstosa_luigi.observation.choice import Choice, Forced
from lstosa_luigi.observation.decisions import What
from lstosa_luigi.observation.evb_calibration import CatBStart, find_start
from lstosa_luigi.observation.filters import charge_calibration_of, filters_of
from lstosa_luigi.observation.input_state import InputState, input_state_of
from lstosa_luigi.observation.night import Night, decisions_of, read_night
from lstosa_luigi.refusals import Refusal, read_refusal

NONE, STANDARD, PREVIOUS, WITHOUT = "none", "standard", "previous", "without"
"""What ``[fallback]`` may say."""

NO_PEDESTAL_CLEANING = "--no-pedestal-cleaning"
"""Option of lstchain_dl1ab."""


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
    fallback : str
        What ``[fallback]`` it is by, if the run's own tailcuts could not be found.
    """

    config: str
    dl1_prod: str
    tailcuts: cleaning.Tailcuts
    nsb_rate: float
    fallback: str = ""


def tailcuts_needed(layout: Layout, settings: Settings, run: int) -> list[int]:
    """Return the runs whose tailcuts have to be found, or refused, before a run can be cleaned.

    None, if its cleaning is the standard one or forced; else the run itself, and where its own are
    refused, perhaps those before it.
    """
    if not _is_cleaned_as_found(layout, settings, run):
        return []
    needed = [run]
    if settings.fallback.tailcuts != PREVIOUS or not _is_refused(layout, settings, run):
        return needed
    for earlier in _earlier_runs(layout, settings, run):
        needed.append(earlier)
        if not _is_refused(layout, settings, earlier):
            break
    return needed


def _is_cleaned_as_found(layout: Layout, settings: Settings, run: int) -> bool:
    is_forced = decisions_of(layout).forced(What.TAILCUTS, run) is not None
    return not is_forced and not settings.lstchain.apply_standard_dl1b_config


def _are_found(layout: Layout, run: int) -> bool:
    return layout.tailcuts_config(run).exists() and layout.tailcuts_log(run).exists()


def _is_refused(layout: Layout, settings: Settings, run: int) -> bool:
    return not _are_found(layout, run) and tailcuts_refusal(layout, settings, run) is not None


def _earlier_runs(layout: Layout, settings: Settings, run: int) -> list[int]:
    """Return the runs of the night before a run whose tailcuts are looked for, nearest first."""
    night = read_night(layout, settings.calibration.max_days_back)
    runs = () if night is None else night.data_runs
    earlier = sorted((r.number for r in runs if r.number < run), reverse=True)
    return [number for number in earlier if _is_cleaned_as_found(layout, settings, number)]


def tailcuts_refusal(layout: Layout, settings: Settings, run: int) -> Refusal | None:
    """Return why the tailcuts of a run cannot be found, if there is something else to do then."""
    if settings.fallback.tailcuts == NONE:
        return None
    return read_refusal(layout.refusal(f"Run{run:05d}_Tailcuts"))


def cat_b_refusal(layout: Layout, settings: Settings, run: int) -> Refusal | None:
    """Return why a run can have no Cat-B, if it may go on without."""
    if settings.fallback.catB == NONE:
        return None
    return read_refusal(layout.refusal(f"Run{run:05d}_CatBCalibration"))


def cat_b_filters(layout: Layout, settings: Settings) -> str:
    """Return the filter wheels in the name of Cat-B: those of the Cat-A that it starts from."""
    night = read_night(layout, settings.calibration.max_days_back)
    pedcalib = None if night is None else night.pedcalib_run.value
    chosen = None if pedcalib is None else filters_of(layout, settings, pedcalib).value
    return str(chosen or settings.lstchain.filters)


def cat_b_place(layout: Layout, settings: Settings, run: int) -> Path:
    """Return where the Cat-B calibration of a run lies, whether it is there or not."""
    return layout.cat_b_calibration(run, cat_b_filters(layout, settings))


def cat_b_of(layout: Layout, settings: Settings, run: int) -> Choice[Path]:
    """Return the Cat-B calibration that DL1b of a run is made with; None for none."""
    if not settings.lstchain.apply_catB_calibration:
        return Choice(None, "Cat-B is not asked for")
    path = cat_b_place(layout, settings, run)
    if path.exists():
        return Choice(path, "made of its interleaved events")
    refusal = cat_b_refusal(layout, settings, run)
    if refusal is None:
        return Choice(path, "not made yet")
    return Choice(None, f"no Cat-B, because it could not be made: {refusal.reason}")


def cat_b_start(
    night: Night, settings: Settings, run: int, is_evb_calibrated: bool = False
) -> Choice[CatBStart]:
    """Return the Cat-A calibration that Cat-B of a run starts from.

    Parameters
    ----------
    night : Night
        Its night.
    settings : Settings
        Configuration of the production.
    run : int
        Run number.
    is_evb_calibrated : bool
        Whether the event builder calibrated the run: then it is what that used.

    Raises
    ------
    InputError
        If the table of what the event builder used cannot be read.
    """
    options = settings.calibration
    if is_evb_calibrated:
        if not options.table_catB:
            return Choice(
                None,
                "the event builder calibrated it, and which Cat-A calibration it used is not "
                "known: set [calibration] table_catB",
            )
        table = Path(options.table_catB)
        return find_start(table, options.evb_calibration, options.evb_systematics, run)
    chosen, systematics = night.pedcalib_run, night.systematics
    if chosen.value is None or systematics.value is None:
        return Choice(None, "the night has no calibration")
    layout = night.layout.of(chosen.value.date)
    calibration = charge_calibration_of(layout, settings, chosen.value)
    start = CatBStart(chosen.value.number, layout.flat_date, calibration, systematics.value)
    return Choice(start, chosen.reason)


def lacks_pedestals(night: Night, settings: Settings, run: int) -> str:
    """Say why a run cannot be cleaned for want of pedestals; nothing if it can.

    lstchain_dl1ab cleans with the pedestals of the calibration, which it reads in DL1a or in the
    Cat-B file; DL1a of data that the event builder calibrated has none.
    """
    options = settings.lstchain
    is_calibrated = input_state_of(night, settings, run).value is InputState.CATA_CALIBRATED
    if not is_calibrated or NO_PEDESTAL_CLEANING in options.dl1ab:
        return ""
    if not options.apply_catB_calibration:
        return (
            f"Run {run:05d} is calibrated by the event builder, so only Cat-B has the pedestals "
            "that its images are cleaned with. Set [lstchain] apply_catB_calibration = true and "
            "[calibration] table_catB."
        )
    refusal = cat_b_refusal(night.layout, settings, run)
    if refusal is None:
        return ""
    return (
        f"Run {run:05d} is calibrated by the event builder and cannot be cleaned without Cat-B, "
        f"which could not be made: {refusal.reason}. Leave the run out: lstosa decide --date "
        f"{night.layout.date} --veto {run} --why ..."
    )


def fallbacks_of(night: Night, settings: Settings) -> list[str]:
    """Return what runs got instead of what their data do not allow, a line each."""
    runs = (run.number for run in night.data_runs)
    return [line for run in runs for line in fallbacks_of_run(night, settings, run)]


def fallbacks_of_run(night: Night, settings: Settings, run: int) -> list[str]:
    """Return what a run got instead of what its data do not allow, a line each."""
    lines = []
    found = cleaning_of(night.layout, settings, run)
    if found.value is not None and found.value.fallback:
        lines.append(f"run {run:05d}: {found.reason}")
    cat_b = cat_b_of(night.layout, settings, run)
    if settings.lstchain.apply_catB_calibration and cat_b.value is None:
        lines.append(f"run {run:05d}: {cat_b.reason}")
    return lines


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
        if not _are_found(layout, run):
            return _instead(layout, settings, run)
        dl1_prod, reason = "", f"found for run {run:05d}"
    # lstosa always wants the log of the tailcuts finder; here without it the night counts as dark
    rate = cleaning.parse_nsb_rate(log.read_text(), str(log)) if log.exists() else 0.0
    tailcuts = cleaning.parse_tailcuts(config.read_text(), str(config))
    dl1_prod = dl1_prod or cleaning.dl1_prod_id(options.dl1_prod_id_prefix, tailcuts)
    return Choice(Cleaning(str(config), dl1_prod, tailcuts, rate), reason)


def superseded_places(night: Night, settings: Settings) -> dict[int, tuple[str, ...]]:
    """Return where there is DL1b or DL2 of runs that does not count, for each such run.

    Those are directories of another cleaning, or of other random forests, than a run has by now;
    what is not known yet supersedes nothing.
    """
    places = night.layout.places_of_runs()
    found = {}
    for run in (run.number for run in night.data_runs if run.number in places):
        try:
            counts = known_cleaning(night.layout, settings, run).dl1_prod
        except LstosaError:  # said when it is planned
            continue
        others = [place for place in places[run] if place.partition("/")[0] != counts]
        levels = [place for place in places[run] if place.startswith(f"{counts}/")]
        if len(levels) > 1:  # else looking for models is not worth it
            others += _other_levels(night, settings, run, levels)
        if others:
            found[run] = tuple(sorted(others))
    return found


def _other_levels(night: Night, settings: Settings, run: int, levels: list[str]) -> list[str]:
    """Return directories of DL2 that are not those of the random forests of a run."""
    try:
        counts = known_cleaning(night.layout, settings, run)
        model = model_of(night, settings, run, counts).value
    except LstosaError:  # said when it is planned
        return []
    if model is None:
        return []
    return [level for level in levels if level != models.dl2_prod_id(counts.dl1_prod, model)]


def _instead(layout: Layout, settings: Settings, run: int) -> Choice[Cleaning]:
    """Return the cleaning of a run whose tailcuts are not there."""
    refusal, options = tailcuts_refusal(layout, settings, run), settings.lstchain
    if refusal is None:
        return Choice(None, f"the tailcuts of run {run:05d} are not found yet")
    because = f"because its tailcuts could not be found: {refusal.reason}"
    if settings.fallback.tailcuts == STANDARD:
        config = Path(options.dl1b_config)
        tailcuts = cleaning.parse_tailcuts(config.read_text(), str(config))
        standard = Cleaning(str(config), options.dl1_prod_id, tailcuts, 0.0, STANDARD)
        return Choice(standard, f"standard cleaning and no NSB counted, {because}")
    for earlier in _earlier_runs(layout, settings, run):
        if _is_refused(layout, settings, earlier):
            continue
        found = cleaning_of(layout, settings, earlier)
        if found.value is None:
            return Choice(None, f"{found.reason}; run {run:05d} gets them, {because}")
        previous = dataclasses.replace(found.value, fallback=PREVIOUS)
        return Choice(previous, f"cleaned like run {earlier:05d} before it, {because}")
    return Choice(
        None,
        f"no run before run {run:05d} has tailcuts that it could get, {because}. Force some: "
        f"lstosa decide --date {layout.date} --run {run} --tailcuts FILE --why ...",
    )


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


def are_interleaved_needed(layout: Layout, settings: Settings, run: int) -> bool:
    """Whether the interleaved events of a run are still to be read: to make its Cat-B."""
    found = cat_b_of(layout, settings, run).value
    return found is not None and not found.exists()


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
