"""A real mail server, and nights of which products are put into place."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from luigi.configuration import LuigiConfigParser

from lstosa_luigi import config
from lstosa_luigi.night import NightlyClose
from tests.fakes import made
from tests.fakes.mail import MailServer
from tests.fakes.night import FakeNight


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@dataclasses.dataclass
class Watched:
    """A night, its root task, and its folder of notes."""

    night: FakeNight
    root: NightlyClose

    @property
    def told(self) -> Path:
        return self.root.layout.told()


@pytest.fixture
def watched(make_night, monkeypatch) -> Iterator[Callable[..., Watched]]:
    """Return a function that makes a night with its run summary; keywords as of FakeNight."""
    monkeypatch.setattr(LuigiConfigParser, "_instance", None)

    def make(notify: dict[str, str] | None = None, **options: Any) -> Watched:
        runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
        night = make_night(runs=runs, options={"notify": notify or {}}, **options)
        root = made.use(night)
        made.write_summary(night)
        return Watched(night, root)

    yield make
    config.forget()
