"""Nights of stand-ins that go through a real Slurm, and what Slurm knows of them afterwards."""

import collections
import itertools
import re

from tests.fakes.night import FakeNight
from tests.slurm.cluster import Cluster

Runs = tuple[tuple[int, str, int], ...]
TINY: Runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
SLURM = {
    "execution": {"backend": "slurm"},
    "slurm": {"poll_interval": "0.5", "grace": "6"},
    "retries": {"delay": "0.5"},
}
CLASSES = ["calibration", "data", "tailcuts", "merge", "datacheck", "models", "dl2", "irf", "dl3"]
SMALL = {f"slurm.{name}": {"mem": "100MB"} for name in CLASSES}
_number = itertools.count()


def options(more: dict[str, dict[str, str]] | None = None) -> dict[str, dict[str, str]]:
    """Return the configuration of a night on the cluster, with *more* on top."""
    # by their names jobs of one test are told from those of others
    merged: dict[str, dict[str, str]] = {"slurm": {"prefix": f"test{next(_number)}"}}
    for sections in (SLURM, SMALL, more or {}):
        for section, keys in sections.items():
            merged.setdefault(section, {}).update(keys)
    return merged


def submitted(slurm: Cluster, night: FakeNight) -> collections.Counter[str]:
    """Return how often each element was submitted: job name without its digest, and index."""
    return collections.Counter(name for name, _ in _rows(slurm, night))


def elements_of(slurm: Cluster, night: FakeNight, product: str) -> list[str]:
    """Return the states of all elements of a product, in the order of their ids."""
    return [state for name, state in _rows(slurm, night) if f"-{product}-" in name]


def _rows(slurm: Cluster, night: FakeNight) -> list[tuple[str, str]]:
    options = ("-X", "-n", "-P", "-D", "-S", "now-2hours", "-o", "JobID,State,JobName")
    rows = [line.split("|", 2) for line in slurm.client("sacct", *options).splitlines()]
    prefix = night.options["slurm"]["prefix"]
    return [
        (re.sub(r"-[0-9a-f]{8}$", "", name) + "_" + job.partition("_")[2], state)
        for job, state, name in rows
        if name.startswith(f"{prefix}-")
    ]
