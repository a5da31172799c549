"""A configuration for one test, in this process: nothing of the machine's own is read."""

import datetime

from luigi.configuration import LuigiConfigParser
from luigi.task_register import Register

from lstosa_luigi import config
from lstosa_luigi.layout import Layout

NIGHT = datetime.date(2020, 1, 17)
"""The night that lstosa is tested with."""
FLAT = "20200117"


def configure(monkeypatch, **sections):
    """Let Luigi's configuration be these sections and nothing else."""
    parser = LuigiConfigParser()
    parser.read_dict(sections)
    monkeypatch.setattr(LuigiConfigParser, "_instance", parser)
    config.forget()
    Register.clear_instance_cache()  # tasks remember where their night lies


def load(monkeypatch, base, **sections):
    """Read and check a configuration whose base is *base*."""
    paths = {"base": str(base), **sections.pop("paths", {})}
    configure(monkeypatch, paths=paths, **sections)
    return config.load()


def layout_below(monkeypatch, base, date=NIGHT, telescope="LST1", version="v0.12.3"):
    """The places of a night, all directories being the default ones below *base*."""
    directories = load(monkeypatch, base).directories
    return Layout(directories, telescope, "v0.1.0", version, date)
