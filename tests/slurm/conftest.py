"""A real Slurm cluster, one for all tests of a session."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.fakes.night import FakeNight
from tests.slurm import nights
from tests.slurm.cluster import Cluster, missing_programs


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start a cluster; tests take ``slurm``, which has no jobs of others."""
    if missing := missing_programs():
        unavailable(f"not installed: {' '.join(missing)}")
    # more jobs at a time than these would only wait for the cores of this machine
    with Cluster(Path(tempfile.mkdtemp(prefix="slurm-")), cpus=8) as cluster:
        yield cluster


@pytest.fixture
def slurm(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return the cluster with all daemons up and an empty queue; clients find it by themselves."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    make_ready(cluster)
    yield cluster
    make_ready(cluster)


def make_ready(cluster: Cluster) -> None:
    if cluster.extra_conf:
        cluster.configure("")
    cluster.start()
    cluster.cancel_all()


@pytest.fixture
def slurm_night(slurm: Cluster, make_night: Callable[..., FakeNight]) -> Callable[..., FakeNight]:
    """Return a function that makes a night of stand-ins for the cluster."""

    def make(
        options: dict[str, dict[str, str]] | None = None, runs: nights.Runs = nights.TINY
    ) -> FakeNight:
        return make_night(options=nights.options(options), runs=runs)

    return make


@pytest.fixture
def pieces(slurm: Cluster, tmp_path: Path) -> Callable[..., nights.Pieces]:
    """Return a function that makes a folder of many short jobs."""
    made = itertools.count()

    def make(script: str = nights.Pieces.script, **sections: dict[str, str]) -> nights.Pieces:
        more = {name.replace("__", "."): keys for name, keys in sections.items()}
        return nights.Pieces(tmp_path / f"pieces{next(made)}", script, more)

    return make
