"""Configuration of the Slurm backend: what each kind of job asks for, and what follows a failure.

``[slurm]`` holds what all jobs share. ``[slurm.<class>]`` overrides it for a
resource class, ``[slurm.<Product>]`` for one product.
"""

from __future__ import annotations

__all__ = ["CLASSES", "Options", "Resources", "load", "memory_mb", "retries", "slurm"]

import contextlib
import dataclasses
import math
import re
import shlex
from typing import Any

import luigi
import luigi.configuration
from luigi.task_register import Register, TaskClassException

from lstosa_luigi import config
from lstosa_luigi.errors import ConfigError
from lstosa_luigi.execution.slurm.parse import seconds_of

CLASSES: dict[str, dict[str, str]] = {
    "gain_selection": {"mem": "2GB"},
    "calibration": {"mem": "4GB"},
    "data": {"mem": "6GB"},
    "tailcuts": {"mem": "10GB"},
    "merge": {"mem": "4GB"},
    "datacheck": {"mem": "4GB"},
    "models": {"mem": "60GB"},
    "dl2": {"mem": "60GB"},
    "irf": {"mem": "6GB"},
    "dl3": {"mem": "10GB"},
}
"""Resource classes and what they ask for beside ``[slurm]``.

The numbers are those of lstosa's jobs; merges and datachecks, for which lstosa asks for nothing,
need up to 0.8 GB, a DRS4 baseline 2.7 GB (measured with lstchain 0.12.3).
"""


class slurm(luigi.Config):  # noqa: N801 - the class name is the section's name
    """The Slurm backend.

    From `account` on, the keys may also stand in `[slurm.<class>]`, for a resource class, and in
    `[slurm.<Product>]`, for one product: `[slurm.dl2] mem = 60GB`, `[slurm.DL1A] time = 2:00:00`.
    """

    poll_interval = luigi.FloatParameter(
        default=30.0, description="seconds between two looks at the queue"
    )
    grace = luigi.FloatParameter(
        default=60.0,
        description="seconds that a submitted job may take to be seen in the queue, and that "
        "accounting may take to know of one that is over",
    )
    prefix = luigi.Parameter(default="lstosa", description="what names of jobs begin with")
    on_exit = luigi.ChoiceParameter(
        default="keep",
        choices=["keep", "cancel"],
        description="what becomes of jobs when the command is told to end",
    )
    export = luigi.Parameter(
        default="", description="more variables for the jobs: NAME,OTHER=value; ALL: all there are"
    )
    account = luigi.Parameter(default="", description="account; default: the user's")
    partition = luigi.Parameter(
        default="", description="partitions, separated by commas; default: the cluster's"
    )
    mem = luigi.Parameter(default="6GB", description="memory of a job")
    time = luigi.Parameter(default="1:15:00", description="time limit: minutes, H:M:S or D-H:M:S")
    cpus = luigi.IntParameter(default=1, description="CPUs of a job")
    throttle = luigi.IntParameter(
        default=0, description="elements of one array that may run at a time; 0: all"
    )
    extra = luigi.Parameter(
        default="", description="more options of sbatch, as --qos=high --nice=100"
    )


class retries(luigi.Config):  # noqa: N801
    """What follows the failure of a job on Slurm, by its cause."""

    max_tries = luigi.IntParameter(
        default=3, description="tries of a product whose command fails, runs out of memory or time"
    )
    delay = luigi.FloatParameter(default=60.0, description="seconds before a command that failed")
    mem_factor = luigi.FloatParameter(
        default=1.5, description="out of memory: ask for so many times as much"
    )
    mem_max = luigi.Parameter(default="120GB", description="but never for more than that")
    time_factor = luigi.FloatParameter(
        default=2.0, description="out of time: ask for so many times as much"
    )
    time_max = luigi.Parameter(
        default="UNLIMITED", description="but never for more than that, nor than the partition has"
    )
    max_losses = luigi.IntParameter(
        default=10,
        description="how often a job may be lost through no fault of its own (node, preemption)",
    )
    exclude_node = luigi.BoolParameter(
        default=False,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="keep a product away from a node on which it was lost",
    )


OF_CLASSES = ("account", "partition", "mem", "time", "cpus", "throttle", "extra")
"""Keys that ``[slurm.<class>]`` and ``[slurm.<Product>]`` may override."""


@dataclasses.dataclass(frozen=True)
class Resources:
    """What a job asks Slurm for.

    Parameters
    ----------
    mem_mb : int
        Memory in MB (2**20 bytes, as Slurm counts).
    seconds : int
        Time limit.
    cpus : int
        CPUs.
    account, partition : str
        Empty for the default of the user and of the cluster.
    throttle : int
        Elements of an array that may run at a time; 0 for all.
    extra : tuple of str
        More options of sbatch.
    exclude : tuple of str
        Nodes to keep away from.
    """

    mem_mb: int
    seconds: int
    cpus: int = 1
    account: str = ""
    partition: str = ""
    throttle: int = 0
    extra: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def enough_for(self, other: Resources) -> Resources:
        """Return these resources with at least the memory, time and CPUs of others."""
        return dataclasses.replace(
            self,
            mem_mb=max(self.mem_mb, other.mem_mb),
            seconds=max(self.seconds, other.seconds),
            cpus=max(self.cpus, other.cpus),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Resources:
        """Return what :meth:`to_json` wrote."""
        lists = {key: tuple(data[key]) for key in ("extra", "exclude")}
        return cls(**{**data, **lists})


@dataclasses.dataclass(frozen=True)
class Options:
    """The configuration of the Slurm backend, checked.

    Parameters
    ----------
    common : slurm
        What all jobs share.
    given : dict
        What of it is set by the configuration: it goes before the defaults of classes.
    retries : retries
        What follows a failure.
    mem_max_mb, seconds_max
        Limits of what is asked for after a failure.
    overlays : dict
        Lower-case name of a class or product to the values of its section.
    """

    common: slurm
    given: dict[str, Any]
    retries: retries
    mem_max_mb: int
    seconds_max: float
    overlays: dict[str, dict[str, Any]]

    def resources(self, resource_class: str, product: str) -> Resources:
        """Return what a product asks for at first."""
        values = {key: getattr(self.common, key) for key in OF_CLASSES}
        values.update(CLASSES.get(resource_class, {}))
        values.update(self.given)
        for name in (resource_class.lower(), product.lower()):
            values.update(self.overlays.get(name, {}))
        return Resources(
            mem_mb=memory_mb(values["mem"]),
            seconds=_whole_seconds(values["time"]),
            cpus=values["cpus"],
            account=values["account"],
            partition=values["partition"].replace(" ", ""),
            throttle=values["throttle"],
            extra=tuple(shlex.split(values["extra"])),
        )


def load() -> Options:
    """Read and check the configuration of the Slurm backend.

    Raises
    ------
    ConfigError
        For the first thing that is wrong, naming section, key and what is allowed.
    """
    common = config.read_section(slurm)
    policy = config.read_section(retries)
    overlays: dict[str, dict[str, Any]] = {}
    known = _known_names()
    for section in luigi.configuration.get_config().sections():
        if not section.startswith("slurm."):
            continue
        name = section.removeprefix("slurm.").lower()
        if name not in known:
            raise ConfigError(
                f"[{section}]: no such class of resources nor product; classes are "
                f"{', '.join(CLASSES)}"
            )
        if name in overlays:
            raise ConfigError(f"[{section}]: there twice, in upper and in lower case")
        overlays[name] = config.section_values(slurm, section, OF_CLASSES)
    sections = {"slurm": {key: getattr(common, key) for key in OF_CLASSES}}
    sections.update({f"slurm.{name}": values for name, values in overlays.items()})
    for section, values in sections.items():
        _check(section, values)
    if policy.max_tries < 1:
        raise ConfigError(f"[retries] max_tries = {policy.max_tries}: must be at least 1")
    for key in ("mem_factor", "time_factor"):
        if getattr(policy, key) < 1:
            raise ConfigError(f"[retries] {key} = {getattr(policy, key)}: must be at least 1")
    if common.poll_interval <= 0:
        raise ConfigError(f"[slurm] poll_interval = {common.poll_interval}: must be above 0")
    if not re.fullmatch(r"[\w.+]+", common.prefix):
        raise ConfigError(f"[slurm] prefix = {common.prefix}: only letters, digits, '_', '.', '+'")
    mem_max = _checked("retries", "mem_max", policy.mem_max, memory_mb)
    seconds_max = _checked("retries", "time_max", policy.time_max, seconds_of)
    given = config.section_values(slurm, "slurm")
    given = {key: value for key, value in given.items() if key in OF_CLASSES}
    return Options(common, given, policy, mem_max, seconds_max, overlays)


def _known_names() -> set[str]:
    """Return the names of all tasks and of all classes of resources, in lower case."""
    names = {name.lower() for name in (*CLASSES, *Register.task_names())}
    for name in Register.task_names():
        with contextlib.suppress(TaskClassException):  # two tasks of one name
            names.add(str(getattr(Register.get_task_cls(name), "resource_class", "")).lower())
    return names


def _check(section: str, values: dict[str, Any]) -> None:
    for key, parse in (("mem", memory_mb), ("time", _whole_seconds), ("extra", _words)):
        if key in values:
            _checked(section, key, values[key], parse)
    for key, least in (("cpus", 1), ("throttle", 0)):
        if values.get(key, least) < least:
            raise ConfigError(f"[{section}] {key} = {values[key]}: must be at least {least}")


def _checked(section: str, key: str, value: str, parse: Any) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigError(f"[{section}] {key} = {value}: {error}") from error


def memory_mb(text: str) -> int:
    """Return a size in MB: ``6GB``, ``6G``, ``500M``, ``4000`` (MB).

    Raises
    ------
    ValueError
        If it is none of these.
    """
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)B?\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError("not a size; write 500MB or 6GB")
    exponent = "KMGT".index((match[2] or "M").upper()) - 1
    size = math.ceil(float(match[1]) * 1024.0**exponent)
    if size == 0:
        raise ValueError("must be above 0, which would be the whole node")
    return size


def _whole_seconds(text: str) -> int:
    seconds = seconds_of(text)
    if not 0 < seconds < float("inf"):
        raise ValueError("must be a time above 0 and below the partition's")
    return int(seconds)


def _words(text: str) -> None:
    for word in shlex.split(text):
        if not word.startswith("-"):
            raise ValueError(f"{word!r} is no option; write --name=value")
