"""Nights of which products are put into place, shown in this process."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from luigi.configuration import LuigiConfigParser

from lstosa_luigi import config
from lstosa_luigi.cli import main
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.status.assembly import read_status
from lstosa_luigi.status.model import NightStatus
from lstosa_luigi.status.table import HEAD, rows
from tests.fakes import made
from tests.fakes.night import FakeNight

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 3))


@dataclasses.dataclass
class Shown:
    """A night and what is shown of it."""

    night: FakeNight
    root: NightlyClose
    capsys: pytest.CaptureFixture[str]

    def status(self, **options: Any) -> NightStatus:
        return read_status(self.root, **options)

    def lstosa(self, *words: str) -> tuple[int, str, str]:
        """Return exit code, output and errors of a verb."""
        self.capsys.readouterr()
        code = main([words[0], "--date", self.night.date, *words[1:]])
        return code, *self.capsys.readouterr()

    def json(self) -> dict:
        code, printed, _ = self.lstosa("status", "--json")
        data = json.loads(printed)
        assert code == data["exit_code"]
        return data

    def row(self, run: int) -> dict[str, str]:
        """Return a row of the table by its columns."""
        found = [dict(zip(HEAD, row, strict=True)) for row in rows(self.status())]
        (row,) = [row for row in found if row["Run"] == f"{run:05d}"]
        return row

    def states(self) -> dict[str, str]:
        return {product.title: product.state.value for product in self.status().products}


@pytest.fixture
def shown(make_night, monkeypatch, capsys) -> Callable[..., Shown]:
    """Return a function that makes a night with its run summary; keywords as of FakeNight."""
    monkeypatch.setattr(LuigiConfigParser, "_instance", None)

    def make(with_summary: bool = True, **options: Any) -> Shown:
        night = make_night(**{"runs": RUNS, **options})
        root = made.use(night)
        if with_summary:
            made.write_summary(night)
        return Shown(night, root, capsys)

    yield make
    config.forget()
