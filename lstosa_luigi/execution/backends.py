"""Which backend the configuration asks for."""

from __future__ import annotations

__all__ = ["make_backend"]

from lstosa_luigi import config
from lstosa_luigi.execution.backend import Backend
from lstosa_luigi.execution.local import LocalBackend
from lstosa_luigi.execution.slurm import options
from lstosa_luigi.execution.slurm.backend import SlurmBackend
from lstosa_luigi.execution.slurm.client import Slurm

SLOWEST_S = 1.0
"""Between two looks of the worker at its backend, however seldom that asks Slurm."""


def make_backend() -> tuple[Backend, float]:
    """Return the backend, and how often in seconds the worker should look at it.

    Raises
    ------
    ConfigError
        If the configuration of either backend cannot be used.
    """
    execution, local = config.load_execution()
    slurm = options.load()
    if execution.backend == "slurm":
        client = Slurm(export=slurm.common.export)
        return SlurmBackend(client, slurm), min(slurm.common.poll_interval, SLOWEST_S)
    return LocalBackend(local.jobs, local.max_tries, slurm.retries.delay), local.poll_interval
