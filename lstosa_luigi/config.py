"""Configuration: the sections that a production may set, read and checked as a whole.

They are ordinary :class:`luigi.Config` classes (:mod:`lstosa_luigi.sections`), so they
are read from ``luigi.cfg``, ``LUIGI_CONFIG_PATH`` or the command line as Luigi users expect.
Nothing is read at import; :func:`load` reads and checks everything at once.
"""

from __future__ import annotations

__all__ = [
    "AUTO",
    "SECTIONS",
    "Directories",
    "Settings",
    "calibration",
    "closing",
    "database",
    "execution",
    "fallback",
    "forget",
    "housekeeping",
    "is_for_nights",
    "load",
    "load_execution",
    "local",
    "lstchain",
    "mc",
    "nightly",
    "notify",
    "pages",
    "paths",
    "production",
    "provenance",
    "publish",
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
from lstosa_luigi.periods import parse_rules
from lstosa_luigi.section_checks import check_closing, check_nightly, check_notify, check_publish
from lstosa_luigi.sections import (
    AUTO,
    SECTIONS,
    calibration,
    closing,
    database,
    execution,
    fallback,
    housekeeping,
    local,
    lstchain,
    mc,
    nightly,
    notify,
    pages,
    paths,
    production,
    provenance,
    publish,
)

NOT_YET = {
    "max_tries": "on Slurm it is [retries] max_tries, on one machine [local] max_tries",
}
"""Keys of lstosa's ``[lstchain]`` that are not taken over yet, and what holds instead."""

MOVED = {"tcu_db": "[database] tcu_db"}
"""Keys of ``[lstchain]`` that have moved, and where to."""

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

    @property
    def cache(self) -> Path:
        """Caches of the tools: nothing is kept in HOME."""
        return self.osa_dir / "cache"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The whole configuration of one production, checked."""

    directories: Directories
    prod_id: str
    input_state: str
    lstchain: lstchain
    calibration: calibration
    closing: closing
    fallback: fallback
    database: database
    mc: mc
    pages: pages
    execution: execution
    local: local
    nightly: nightly
    notify: notify
    publish: publish
    housekeeping: housekeeping
    provenance: provenance


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
    if tools.calib_environment and not Path(tools.calib_environment).is_dir():
        raise ConfigError(
            f"[lstchain] calib_environment = {tools.calib_environment}: no such directory"
        )
    if sections["calibration"].max_days_back < 0:
        raise ConfigError(
            f"[calibration] max_days_back = {sections['calibration'].max_days_back}: must be 0 "
            "(only runs of the night itself) or more"
        )
    if sections["database"].timeout <= 0:
        raise ConfigError(
            f"[database] timeout = {sections['database'].timeout:g}: must be more than 0"
        )
    try:
        parse_rules(tools.ff_heuristic_gain_selection)
    except ValueError as error:
        raise ConfigError(f"[lstchain] ff_heuristic_gain_selection: {error}") from error
    tools = _with_files(tools, "dl1a_config", "dl1b_config", "dl2_config", "dl3_config")
    chosen = _with_files(sections["calibration"], "table_catB")
    for key in ("evb_calibration", "evb_systematics"):
        _check_pattern(chosen, key)
    simulated = _with_files(sections["mc"], "irf_file", "gamma", "proton", "electron")
    return Settings(
        directories=_directories(sections["paths"]),
        prod_id=wanted,
        input_state=str(sections["production"].input_state),
        lstchain=tools,
        calibration=chosen,
        closing=check_closing(sections["closing"]),
        fallback=sections["fallback"],
        database=sections["database"],
        mc=simulated,
        pages=_with_parent(sections["pages"]),
        execution=execution_section,
        local=local_section,
        nightly=check_nightly(sections["nightly"]),
        notify=check_notify(sections["notify"]),
        publish=check_publish(sections["publish"]),
        housekeeping=sections["housekeeping"],
        provenance=sections["provenance"],
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
    if option.lower().replace("-", "_") in MOVED:
        key = option.lower().replace("-", "_")
        raise ConfigError(f"[{section}] {key}: is now {MOVED[key]}. Move it there.")
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


def _with_parent(section: pages) -> pages:
    """Return the section of the pages; their directory can be made, and is named from the root."""
    if not section.directory:
        return section
    directory = Path(section.directory).absolute()
    if not directory.parent.is_dir():
        raise ConfigError(
            f"[pages] directory = {section.directory}: no such directory {directory.parent}. Make "
            "it, or correct the path."
        )
    return pages(enabled=section.enabled, directory=str(directory))


def _check_pattern(section: Any, key: str) -> None:
    """Refuse a pattern of files that names what is not filled in."""
    pattern = str(getattr(section, key))
    try:
        pattern.format(date="20260101", run="00001")
    except (LookupError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"[{type(section).__name__}] {key} = {pattern}: may name {{date}} and {{run}} only "
            f"({error!r})"
        ) from error


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
