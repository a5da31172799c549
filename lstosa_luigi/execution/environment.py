"""The environment of the tools: where their commands are, which version, how they are started."""

from __future__ import annotations

__all__ = [
    "LSTCAM_CALIB",
    "LSTCHAIN",
    "SERVICE",
    "Tools",
    "find_calibrator",
    "find_tools",
    "own_software",
    "service",
    "standard_config",
]

import dataclasses
import functools
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from lstosa_luigi.config import lstchain
from lstosa_luigi.errors import ConfigError
from lstosa_luigi.sections import BY_NAME

OFFLINE = Path(__file__).parent / "offline"
"""Read by astropy as its configuration: the tools never try the network."""

LSTCHAIN, LSTCAM_CALIB = "lstchain", "lstcam_calib"
"""Packages whose tools are known."""

COMPANIONS = ("ctapipe", "ctapipe_io_lst", "numpy", "pyirf", "scikit_learn")
"""Packages that results depend on most, whose versions are told one by one."""

ASK_VERSION = "from importlib.metadata import version; print(version('{package}'))"
ASK_PLACE = "from importlib.util import find_spec; print(find_spec('lstchain').origin)"
"""Neither imports lstchain, which takes seconds."""

SERVICE = "LSTOSA_SERVICE"
"""Variable by which a service says what it is to the commands that it gives."""

STANDARD_CONFIG = "data/lstchain_standard_config.json"
"""Below the package: what the tools take if no configuration is given (lstchain.io.config)."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """The tools that a production, or a calibration of it, is made with.

    Parameters
    ----------
    version : str
        Version of the package.
    bin : Path or None
        Directory of the commands; None if they are reached through the prefix.
    prefix : str
        Put before every command.
    package : str
        What the tools are of: lstchain or lstcam_calib.
    """

    version: str
    bin: Path | None
    prefix: str = ""
    package: str = LSTCHAIN

    @property
    def python(self) -> tuple[str, ...]:
        """Command that starts the Python of the tools."""
        if self.bin is None:
            return (*shlex.split(self.prefix), "python")
        return (str(self.bin / "python"),)

    def command(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return a command as it can be executed from anywhere.

        Raises
        ------
        ConfigError
            If the environment does not have the command.
        """
        if self.bin is None:
            return (*shlex.split(self.prefix), *argv)
        program = argv[0] if "/" in argv[0] else str(self.bin / argv[0])
        if not os.access(program, os.X_OK):
            raise ConfigError(
                f"{program}: no such command. Set [lstchain] environment to the directory of "
                f"the environment that has {self.package}, or the name of the command."
            )
        return (program, *argv[1:])

    def warm_up(self) -> tuple[str, ...]:
        """Return the command that has Numba compile what all tools use, into its cache.

        Numba keeps it beside the code, or in XDG_CACHE_HOME if that cannot be written: so
        there is one cache for each environment. Empty for other packages than lstchain.
        """
        if self.package != LSTCHAIN:
            return ()
        return (*self.python, "-c", "import lstchain.scripts.lstchain_data_r0_to_dl1")

    def software(self) -> dict[str, str]:
        """Return the versions of what a command is made with, as far as they are known."""
        return _software(self)

    def variables(self, cache: Path) -> dict[str, str]:
        """Return what is set for every command: offline, no display, nothing kept in HOME."""
        variables = {
            "XDG_CONFIG_HOME": str(OFFLINE),
            "XDG_CACHE_HOME": str(cache),
            "MPLCONFIGDIR": str(cache / "matplotlib"),
            "MPLBACKEND": "Agg",
            "CTAPIPE_CACHE": str(cache / "ctapipe"),
            # else the night-wise page fetches its scripts from the network each time it is opened
            "BOKEH_RESOURCES": "inline",
            "PYTHONNOUSERSITE": "1",
        }
        if self.bin is not None:
            # the onsite scripts start other tools by name
            variables["PATH"] = f"{self.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return variables


@functools.lru_cache(maxsize=8)
def _find(environment: str, prefix: str, package: str, keys: str) -> Tools:
    if prefix:
        return Tools(_version_behind(prefix, package, keys), None, prefix, package)
    root = Path(environment) if environment else Path(sys.prefix)
    return Tools(_version_in(root, package, keys), root.absolute() / "bin", "", package)


def find_tools(options: lstchain) -> Tools:
    """Return the tools that the configuration names.

    The version is read from the metadata of the installed package; lstchain is not imported.

    Raises
    ------
    ConfigError
        If lstchain is not there.
    """
    return _find(options.environment, options.command_prefix, LSTCHAIN, "")


def find_calibrator(options: lstchain, category: str) -> Tools:
    """Return the tools that Cat-A or Cat-B is made with: of which package, in which environment.

    As in lstosa, ``use_lstcam_env_for_CatA_calib`` (``...CatB...``) sends the commands to another
    environment. Nothing is asked there unless this is called.

    Parameters
    ----------
    options : lstchain
        Section of the configuration.
    category : str
        ``A`` or ``B``.

    Raises
    ------
    ConfigError
        If the package is not there.
    """
    if category == "A":
        command, package = options.charge_calibration, options.catA_package
        is_elsewhere = options.use_lstcam_env_for_CatA_calib
    else:
        command, package = options.catB_calibration, options.catB_package
        is_elsewhere = options.use_lstcam_env_for_CatB_calib
    if package == BY_NAME:
        program = Path(shlex.split(command)[0]).name
        package = LSTCAM_CALIB if program.startswith(LSTCAM_CALIB) else LSTCHAIN
    if not is_elsewhere:
        return _find(options.environment, options.command_prefix, package, "")
    if options.calib_environment:
        return _find(options.calib_environment, "", package, "calib_")
    return _find("", options.calib_command_prefix, package, "calib_")


@functools.lru_cache(maxsize=8)
def standard_config(options: lstchain) -> Path:
    """Return the configuration that lstchain comes with.

    Raises
    ------
    ConfigError
        If it is not found where the orchestrator can read it.
    """
    tools = find_tools(options)
    for package in _packages_of(tools):
        if (package / STANDARD_CONFIG).is_file():
            return package / STANDARD_CONFIG
    raise ConfigError(
        f"[lstchain] apply_standard_dl1b_config: lstchain {tools.version} has no "
        f"{STANDARD_CONFIG} that can be read here. Set dl1b_config = FILE."
    )


def _packages_of(tools: Tools) -> Iterator[Path]:
    """Yield where lstchain may be: beside its metadata, else where the tools' Python says it is."""
    if tools.bin is not None:
        yield from tools.bin.parent.glob("lib/python3*/site-packages/lstchain")
    command = [*tools.python, "-c", ASK_PLACE]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if answer.returncode == 0:
        yield Path(answer.stdout.strip()).parent


def _version_in(root: Path, package: str, keys: str) -> str:
    for site in sorted(root.glob("lib/python3*/site-packages")):
        for found in importlib.metadata.distributions(name=package, path=[str(site)]):
            return found.version
    raise ConfigError(
        f"{package} is not installed in {root}. Set [lstchain] {keys}environment to the directory "
        "of the environment that has it"
        + (", or install lstosa-luigi[lstchain]." if package == LSTCHAIN else ".")
    )


def _version_behind(prefix: str, package: str, keys: str) -> str:
    command = [*shlex.split(prefix), "python", "-c", ASK_VERSION.format(package=package)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        printed = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise ConfigError(
            f"[lstchain] {keys}command_prefix = {prefix}: does not lead to {package} "
            f"({printed[-1] if printed else error})"
        ) from error
    return answer.stdout.strip()


@functools.cache
def own_software() -> Mapping[str, str]:
    """Return the versions of this package and of what it runs with."""
    names = ("lstosa-luigi", "luigi")
    found = {name: importlib.metadata.version(name) for name in names}
    return {**found, "orchestrator python": platform.python_version()}


def service() -> str:
    """Return which service gave this command, ``lstosa nightly``; empty if somebody did by hand."""
    return os.environ.get(SERVICE, "")


@functools.lru_cache(maxsize=8)
def _software(tools: Tools) -> dict[str, str]:
    """Return them; the packages of an environment are told by one hash of their names."""
    import hashlib

    found = {**own_software(), tools.package: tools.version}
    if tools.bin is None:
        return {**found, "command_prefix": tools.prefix}
    root = tools.bin.parent
    found["environment"] = str(root)
    for site in sorted(root.glob("lib/python3*/site-packages")):
        packages = sorted(path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info"))
        found["python"] = site.parent.name.removeprefix("python")
        found["packages"] = hashlib.sha256("\n".join(packages).encode()).hexdigest()
        for name, _, version in (package.partition("-") for package in packages):
            if name in COMPANIONS:
                found[name] = version
    return found
