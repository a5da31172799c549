"""Configuration: the sections that a production may set, typed, and checked as a whole.

Sections are ordinary :class:`luigi.Config` classes, so they are read from
``luigi.cfg``, ``LUIGI_CONFIG_PATH`` or the command line as Luigi users expect.
Nothing is read at import; :func:`load` reads and checks everything at once.
"""

from __future__ import annotations

__all__ = [
    "Directories",
    "Settings",
    "execution",
    "forget",
    "is_for_nights",
    "load",
    "load_execution",
    "local",
    "lstchain",
    "mc",
    "paths",
    "production",
    "read_section",
    "section_values",
    "set_luigi_defaults",
]

import dataclasses
import difflib
import functools
import os
import string
from collections.abc import Collection
from pathlib import Path
from typing import Any

import luigi
import luigi.configuration

from lstosa_luigi.errors import ConfigError, ExitCode


class paths(luigi.Config):  # noqa: N801 - the class name is the section's name
    """Where everything lies. ``{key}`` stands for the value of another key of this section."""

    base = luigi.Parameter(default="", description="root of the tree; all else follows from it")
    monitoring = luigi.Parameter(default="{base}/monitoring", description="monitoring data")
    r0_dir = luigi.Parameter(default="{base}/R0G", description="gain-selected raw data")
    raw_r0_dir = luigi.Parameter(default="{base}/R0", description="raw data as taken")
    drive_dir = luigi.Parameter(default="{monitoring}/DrivePositioning", description="drive logs")
    run_summary_dir = luigi.Parameter(
        default="{monitoring}/RunSummary", description="run summaries"
    )
    run_catalog = luigi.Parameter(
        default="{monitoring}/RunCatalog", description="source of each run"
    )
    calib_base_dir = luigi.Parameter(
        default="{monitoring}/PixelCalibration", description="pixel calibration"
    )
    cat_a_calib_base = luigi.Parameter(default="{calib_base_dir}/Cat-A", description="Cat-A")
    cat_a_calib_dir = luigi.Parameter(
        default="{cat_a_calib_base}/calibration", description="charge calibration"
    )
    cat_a_pedestal_dir = luigi.Parameter(
        default="{cat_a_calib_base}/drs4_baseline", description="DRS4 baselines"
    )
    cat_b_calib_base = luigi.Parameter(default="{calib_base_dir}/Cat-B", description="Cat-B")
    pedestal_finder_dir = luigi.Parameter(
        default="{base}/auxiliary/PedestalFinder",
        description="event numbers of interleaved pedestals that are not tagged as such",
    )
    tailcuts_finder_dir = luigi.Parameter(
        default="{base}/auxiliary/TailCuts", description="cleaning settings found for each run"
    )
    analysis_dir = luigi.Parameter(
        default="{base}/running_analysis", description="work in progress, logs and records"
    )
    dl1_dir = luigi.Parameter(default="{base}/DL1", description="DL1, muons, interleaved")
    dl2_dir = luigi.Parameter(default="{base}/DL2", description="DL2")
    dl3_dir = luigi.Parameter(default="{base}/DL3", description="DL3, IRFs and index files")
    datacheck_dir = luigi.Parameter(
        default="{dl1_dir}/datacheck_files", description="links to the datachecks of all nights"
    )
    longterm_dir = luigi.Parameter(
        default="{datacheck_dir}/night_wise", description="night-wise datachecks"
    )
    rf_models = luigi.Parameter(default="{base}/models/AllSky", description="random forests")
    mc_dir = luigi.Parameter(
        default="{base}/mc", description="simulated events that models and IRFs are made of"
    )
    osa_dir = luigi.Parameter(default="{base}/OSA", description="housekeeping")
    closer_dir = luigi.Parameter(default="{osa_dir}/Closer", description="NightFinished flags")


class production(luigi.Config):  # noqa: N801
    """What is being produced."""

    prod_id = luigi.Parameter(
        default="", description="production identifier; default: v + installed lstchain version"
    )


class lstchain(luigi.Config):  # noqa: N801
    """The tools and their options, with lstosa's names and meanings.

    A command may carry options of its own, and may be any other program with
    the same options. ``[lstchain.<prod_id>]`` overrides single keys for one
    production.
    """

    environment = luigi.Parameter(
        default="", description="directory of the environment of the tools; default: this one"
    )
    command_prefix = luigi.Parameter(
        default="", description="put before every command, e.g. conda run -n lstchain-v0.12"
    )
    run_summary = luigi.Parameter(default="lstchain_create_run_summary")
    drs4_baseline = luigi.Parameter(default="onsite_create_drs4_pedestal_file")
    charge_calibration = luigi.Parameter(default="onsite_create_calibration_file")
    catB_calibration = luigi.Parameter(default="onsite_create_cat_B_calibration_file")  # noqa: N815
    r0_to_dl1 = luigi.Parameter(default="lstchain_data_r0_to_dl1")
    tailcuts_finder = luigi.Parameter(default="lstchain_find_tailcuts")
    dl1ab = luigi.Parameter(default="lstchain_dl1ab")
    check_dl1 = luigi.Parameter(default="lstchain_check_dl1")
    merge_dl1 = luigi.Parameter(default="lstchain_merge_hdf5_files")
    merge_muons = luigi.Parameter(default="lstchain_merge_muon_files")
    longterm_check = luigi.Parameter(default="lstchain_longterm_dl1_check")
    cherenkov_transparency = luigi.Parameter(default="lstchain_cherenkov_transparency")
    mc_trainpipe = luigi.Parameter(default="lstchain_mc_trainpipe")
    dl1_to_dl2 = luigi.Parameter(default="lstchain_dl1_to_dl2")
    create_irf = luigi.Parameter(default="lstchain_create_irf_files")
    create_dl3 = luigi.Parameter(default="lstchain_create_dl3_file")
    create_dl3_index = luigi.Parameter(default="lstchain_create_dl3_index_files")
    dl1a_config = luigi.Parameter(default="", description="default: lstchain's standard config")
    dl1b_config = luigi.Parameter(
        default="",
        description="cleaning of all runs if apply_standard_dl1b_config; "
        "default: lstchain's standard config",
    )
    dl2_config = luigi.Parameter(default="", description="default: lstchain's standard config")
    dl3_config = luigi.Parameter(default="", description="cuts of DL3 and IRFs; default: none")
    dl1_prod_id = luigi.Parameter(
        default="tailcut84", description="directory of DL1b if apply_standard_dl1b_config"
    )
    dl1_prod_id_prefix = luigi.Parameter(
        default="tailcut", description="what the directory of DL1b begins with"
    )
    mc_prod = luigi.Parameter(
        default="20240918_v0.10.12_allsky_", description="what directories of models begin with"
    )
    filters = luigi.Parameter(default="52", description="filter wheels of the calibration box")
    tcu_db = luigi.Parameter(
        default="", description="server of the telescope-control database; default: none is asked"
    )
    use_ff_heuristic_id = luigi.BoolParameter(
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    store_image_dl1ab = luigi.BoolParameter(
        default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    apply_catB_calibration = luigi.BoolParameter(  # noqa: N815
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    apply_standard_dl1b_config = luigi.BoolParameter(
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    merge_dl1_datacheck = luigi.BoolParameter(
        default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    create_longterm_symlink = luigi.BoolParameter(
        default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )


class mc(luigi.Config):  # noqa: N801
    """Simulated events for the IRF, as in lstosa's ``[MC]``; all optional.

    With none of them, the IRF is made of the testing dataset below
    ``[paths] mc_dir`` that belongs to the run's random forests.
    """

    irf_file = luigi.Parameter(default="", description="an IRF to use as it is")
    gamma = luigi.Parameter(default="", description="DL2 of simulated gammas")
    proton = luigi.Parameter(default="", description="DL2 of simulated protons")
    electron = luigi.Parameter(default="", description="DL2 of simulated electrons")


class execution(luigi.Config):  # noqa: N801
    """How products are made."""

    backend = luigi.ChoiceParameter(
        default="local", choices=["local", "slurm"], description="where commands run"
    )
    directory = luigi.Parameter(
        default="jobs", description="logs and records of tasks that belong to no night"
    )


class local(luigi.Config):  # noqa: N801
    """The local backend."""

    jobs = luigi.IntParameter(default=1, description="commands at a time on this machine")
    poll_interval = luigi.FloatParameter(
        default=0.1, description="seconds between two looks at the running commands"
    )


SECTIONS: tuple[type[luigi.Config], ...] = (paths, production, lstchain, mc, execution, local)

NOT_YET = {
    "max_tries": "a product is tried once a command; give the same command again",
    "use_ff_heuristic_gain_selection": "gain selection is not made here; put R0G in place before",
    "use_lstcam_env_for_CatA_calib": "all tools of a production come from one environment",
    "use_lstcam_env_for_CatB_calib": "all tools of a production come from one environment",
}
"""Keys of lstosa's ``[lstchain]`` that are not taken over yet, and what holds instead."""

ALIKE = 0.75
"""Ratio of :mod:`difflib` above which the name of a section is taken for a misspelt one."""

LUIGI_DEFAULTS = {
    # luigi ends with 0 after failures unless told otherwise
    ("retcode", "already_running"): str(int(ExitCode.ALREADY_RUNNING)),
    ("retcode", "missing_data"): str(int(ExitCode.MISSING_DATA)),
    ("retcode", "not_run"): str(int(ExitCode.NOT_RUN)),
    ("retcode", "task_failed"): str(int(ExitCode.TASK_FAILED)),
    ("retcode", "scheduling_error"): str(int(ExitCode.SCHEDULING_ERROR)),
    ("retcode", "unhandled_exception"): str(int(ExitCode.UNHANDLED)),
    # the worker prints a line a product itself
    ("core", "log_level"): "ERROR",
    # the worker's own lock says who holds the night; luigi's does not
    ("core", "no_lock"): "true",
    # for luigi's in-memory scheduler; a luigid takes these from its own configuration
    ("scheduler", "stable_done_cooldown_secs"): "0",
    ("worker", "wait_interval"): "0.1",
    ("worker", "wait_jitter"): "0",
}


def set_luigi_defaults() -> None:
    """Give Luigi's own options the defaults of this package, where no file sets them."""
    config = luigi.configuration.get_config()
    for (section, option), value in LUIGI_DEFAULTS.items():
        if not config.has_option(section, option):
            config.set(section, option, value)


@dataclasses.dataclass(frozen=True)
class Directories:
    """All directories of :class:`paths`, absolute."""

    base: Path
    monitoring: Path
    r0_dir: Path
    raw_r0_dir: Path
    drive_dir: Path
    run_summary_dir: Path
    run_catalog: Path
    calib_base_dir: Path
    cat_a_calib_base: Path
    cat_a_calib_dir: Path
    cat_a_pedestal_dir: Path
    cat_b_calib_base: Path
    pedestal_finder_dir: Path
    tailcuts_finder_dir: Path
    analysis_dir: Path
    dl1_dir: Path
    dl2_dir: Path
    dl3_dir: Path
    datacheck_dir: Path
    longterm_dir: Path
    rf_models: Path
    mc_dir: Path
    osa_dir: Path
    closer_dir: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """The whole configuration of one production, checked."""

    directories: Directories
    prod_id: str
    lstchain: lstchain
    mc: mc
    execution: execution
    local: local


def load(prod_id: str = "") -> Settings:
    """Read and check the configuration.

    Parameters
    ----------
    prod_id : str
        Production whose ``[lstchain.<prod_id>]`` section is laid over ``[lstchain]``;
        default: the one of ``[production]``.

    Raises
    ------
    ConfigError
        For the first thing that is wrong, naming section, key and what is allowed.
    """
    return _load(prod_id, id(luigi.configuration.get_config()))


def forget() -> None:
    """Forget what was read (tests change the configuration between two nights)."""
    _load.cache_clear()


@functools.lru_cache(maxsize=16)
def _load(prod_id: str, _config_id: int) -> Settings:
    _check_names_of_sections()
    sections = {section.__name__: read_section(section) for section in SECTIONS}
    wanted = prod_id or sections["production"].prod_id
    overlay = section_values(lstchain, f"lstchain.{wanted}") if wanted else {}
    tools = lstchain(**overlay) if overlay else sections["lstchain"]
    execution_section, local_section = load_execution()
    if tools.environment and tools.command_prefix:
        raise ConfigError("[lstchain] environment and command_prefix are both set: choose one")
    if tools.environment and not Path(tools.environment).is_dir():
        raise ConfigError(f"[lstchain] environment = {tools.environment}: no such directory")
    tools = _with_files(tools, "dl1a_config", "dl1b_config", "dl2_config", "dl3_config")
    simulated = _with_files(sections["mc"], "irf_file", "gamma", "proton", "electron")
    return Settings(
        directories=_directories(sections["paths"]),
        prod_id=wanted,
        lstchain=tools,
        mc=simulated,
        execution=execution_section,
        local=local_section,
    )


def is_for_nights() -> bool:
    """Whether a base is configured: without one only tasks that belong to no night can run."""
    return bool(luigi.configuration.get_config().get("paths", "base", ""))


def load_execution() -> tuple[execution, local]:
    """Read and check what tasks of any kind need, also those that belong to no night.

    Raises
    ------
    ConfigError
        For the first thing that is wrong.
    """
    backend, slots = read_section(execution), read_section(local)
    if slots.jobs < 1:
        raise ConfigError(f"[local] jobs = {slots.jobs}: must be at least 1")
    return backend, slots


def _check_names_of_sections() -> None:
    """Refuse a section that nobody reads but that was meant for one of ours.

    Sections of Luigi and of other packages are none of our business: only one whose name
    is much like one of ours, and that has a key of it, is taken for a misspelt one.
    """
    ours = {section.__name__: section for section in SECTIONS}
    theirs = set(luigi.task_register.Register.task_names()) - set(ours)
    config = luigi.configuration.get_config()
    for name in config.sections():
        head, dot, production_name = name.partition(".")
        if head == lstchain.__name__ and dot:
            section_values(
                lstchain, name
            )  # of whatever production: it is read once that is asked for
        if head in ours or name in theirs:
            continue
        for meant in difflib.get_close_matches(head.strip().lower(), ours, n=1, cutoff=ALIKE):
            known = {key.lower() for key, _ in ours[meant].get_params()}
            if known & {option.lower().replace("-", "_") for option in config.options(name)}:
                raise ConfigError(
                    f"[{name}]: no such section; did you mean [{meant}{dot}{production_name}]?"
                )


def read_section(section: type[luigi.Config]) -> Any:
    """Return one section, with every key known and every value of the right type.

    Raises
    ------
    ConfigError
        For the first thing that is wrong.
    """
    section_values(section, section.__name__)
    try:
        return section()
    except ValueError as error:  # the file is right, so it was typed on the command line
        key = str(error).rpartition(" ")[2].strip("'").replace("_", "-")
        reason = error.__cause__ or error
        raise ConfigError(f"--{section.__name__}-{key}: not a valid value ({reason})") from error


def section_values(
    section: type[luigi.Config], name: str, keys: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values that the configuration sets under the heading *name*, parsed.

    Parameters
    ----------
    section : type
        What the heading may hold.
    name : str
        The heading.
    keys : collection of str
        Only these of its keys; default: all.

    Raises
    ------
    ConfigError
        If a key is unknown or a value is of the wrong type.
    """
    config = luigi.configuration.get_config()
    if not config.has_section(name):
        return {}
    known = {
        key.lower(): (key, parameter)
        for key, parameter in section.get_params()
        if not keys or key in keys
    }
    values = {}
    for option in config.options(name):
        if option in config.defaults() and option not in known:
            continue  # [DEFAULT] is for all sections, also those of others
        if section is lstchain:
            _refuse_not_yet(name, option)
        if option.lower().replace("-", "_") not in known:
            raise ConfigError(
                f"[{name}] {option}: no such key; this section knows "
                f"{', '.join(sorted(key for key, _ in known.values()))}"
            )
        key, parameter = known[option.lower().replace("-", "_")]
        raw = config.get(name, option, raw=True)
        try:
            values[key] = parameter.parse(config.get(name, option))
        except Exception as error:
            kind = type(parameter).__name__.removesuffix("Parameter").lower() or "value"
            raise ConfigError(f"[{name}] {key} = {raw}: not a valid {kind} ({error})") from error
        if option != key:
            # lstosa's keys may be written in any case; Luigi finds them in one only
            config.remove_option(name, option)
            config.set(name, key, raw)
    return values


def _refuse_not_yet(section: str, option: str) -> None:
    """Say of a key that lstosa has why it is not here, rather than that nobody knows it."""
    for key, instead in NOT_YET.items():
        if option.lower().replace("-", "_") == key.lower():
            raise ConfigError(
                f"[{section}] {key}: known from lstosa, but not supported yet ({instead}). "
                "Remove the key."
            )


def _with_files(section: Any, *keys: str) -> Any:
    """Return a section whose files are there, named from the root: jobs work elsewhere."""
    values = dict(section.param_kwargs)
    for key in keys:
        if values[key] and not Path(values[key]).is_file():
            raise ConfigError(f"[{type(section).__name__}] {key} = {values[key]}: no such file")
        values[key] = str(Path(values[key]).absolute()) if values[key] else ""
    return type(section)(**values)


def _directories(section: paths) -> Directories:
    """Resolve ``{key}`` references and check that the base can be worked in."""
    if not section.base:
        raise ConfigError(
            "[paths] base is not set: write it into luigi.cfg, or name a configuration "
            "file in LUIGI_CONFIG_PATH"
        )
    values = {key: str(value) for key, value in section.param_kwargs.items()}
    resolved = {key: Path(_expand(key, values, ())).absolute() for key in values}
    base = resolved["base"]
    if not base.is_dir():
        raise ConfigError(f"[paths] base = {base}: no such directory")
    if not os.access(base, os.W_OK | os.X_OK):
        raise ConfigError(f"[paths] base = {base}: not writable")
    for key, parameter in paths.get_params():
        if values[key] != parameter._default:
            _check_parent(key, resolved)
    return Directories(**resolved)


def _check_parent(key: str, resolved: dict[str, Path]) -> None:
    """Refuse a directory that was set below one that nobody makes: it is misspelt."""
    parent = resolved[key].parent
    if parent not in resolved.values() and not parent.is_dir():
        raise ConfigError(
            f"[paths] {key} = {resolved[key]}: no such directory {parent}. Make it, or correct "
            "the path."
        )


def _expand(key: str, values: dict[str, str], seen: tuple[str, ...]) -> str:
    if key in seen:
        raise ConfigError(f"[paths] {key} refers to itself: {' -> '.join((*seen, key))}")
    parts = []
    try:
        for text, field, _, _ in string.Formatter().parse(values[key]):
            parts.append(text)
            if field is not None:
                if field not in values:
                    raise ConfigError(
                        f"[paths] {key} = {values[key]}: {{{field}}} is not a key of [paths]"
                    )
                parts.append(_expand(field, values, (*seen, key)))
    except ValueError as error:
        raise ConfigError(f"[paths] {key} = {values[key]}: {error}") from error
    return "".join(parts)
