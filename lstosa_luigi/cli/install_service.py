"""``lstosa install-service``: print what cron or systemd needs to run nights every day."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import getpass
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import luigi.interface

from lstosa_luigi import config
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, LstosaError, UsageError
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.nightly.service import CRONTAB, Installation, crontab, units

MINUTES = 10
"""Between two ticks: twice as often as lstosa's launchers, since a tick costs half a second."""
SLURM = "sbatch"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        "--what", choices=["cron", "systemd"], default="cron", help="for which; default: cron"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--print", action="store_true", help="print it, and write nothing")
    where.add_argument("--directory", metavar="DIR", help="write it into files of this directory")
    parser.add_argument(
        "--every",
        type=int,
        default=MINUTES,
        metavar="MINUTES",
        help=f"minutes between two ticks, a divisor of 60; default: {MINUTES}",
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print or write it, with the paths of this installation and of the configuration."""
    reject(rest)
    if not 1 <= options.every <= 30 or 60 % options.every:
        raise UsageError(f"--every {options.every}: must be a divisor of 60, at most 30")
    here = _installation()
    if options.what == "cron":
        texts = {CRONTAB: crontab(here, options.every)}
    else:
        texts = units(here, options.every)
    for name, text in texts.items():
        if options.directory:
            file = Path(options.directory) / name
            if not file.parent.is_dir():
                raise UsageError(f"--directory {options.directory}: no such directory")
            try:
                write_whole(file, text)
            except OSError as error:
                raise LstosaError(f"{file} cannot be written: {error.strerror}") from error
            print(file)
        else:
            print(text if options.what == "cron" else f"# {name}\n{text}", end="")
            print(end="" if name == list(texts)[-1] else "\n")
    return ExitCode.OK


def _installation() -> Installation:
    directories = config.load().directories
    core = luigi.interface.core()
    host = "" if core.local_scheduler else str(core.scheduler_host)
    named = os.environ.get("LUIGI_CONFIG_PATH", "")
    slurm = shutil.which(SLURM)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may know no name
        user = str(os.getuid())
    return Installation(
        programs=Path(sys.executable).parent,
        directory=Path.cwd(),
        config=str(Path(named).absolute()) if named else "",
        path=() if slurm is None else (str(Path(slurm).parent),),
        user=user,
        base=directories.base,
        state=directories.osa_dir / "luigid",
        host=host,
        port=int(core.scheduler_port),
        is_here=not core.scheduler_url and host in ("localhost", "127.0.0.1", socket.gethostname()),
    )
