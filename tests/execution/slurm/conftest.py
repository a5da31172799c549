"""A cluster in memory, and clients of it."""

import os
import stat

import pytest

import lstosa_luigi  # noqa: F401 - its tasks are names of sections
from lstosa_luigi.execution.slurm import options
from tests.configuration import configure
from tests.execution.slurm.cluster import Client, Clock, FakeSlurm


@pytest.fixture
def load_options(monkeypatch):
    """Return a function that reads the configuration of the Slurm backend from sections."""

    def load(**sections):
        configure(monkeypatch, **sections)
        return options.load()

    return load


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slurm(clock):
    return FakeSlurm(clock)


@pytest.fixture
def make_client(slurm, load_options):
    """Return a function that starts a client; keywords are sections of the configuration."""

    def make(**sections):
        return Client(slurm, load_options(**sections))

    return make


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Return a function that puts a shell script of a name first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name, body):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make
