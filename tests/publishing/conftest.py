"""A closed night of stand-ins with its pages, and a real sshd to publish it by."""

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from luigi.configuration import LuigiConfigParser

from lstosa_luigi import config
from lstosa_luigi.execution.files import link
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.nightly.publishing import publish_nights
from lstosa_luigi.notify.memory import Troubles
from lstosa_luigi.notify.telling import Teller
from lstosa_luigi.pages.build import write_night
from lstosa_luigi.publishing.publisher import Publisher
from tests.conftest import unavailable
from tests.fakes import made
from tests.fakes.night import FakeNight
from tests.fakes.sshd import SshServer, missing_programs

NOON = datetime.datetime(2024, 3, 3, 12, tzinfo=datetime.timezone.utc)


@dataclasses.dataclass
class Published:
    """A night, and where it is published."""

    night: FakeNight
    root: NightlyClose
    target: Path

    @property
    def publisher(self) -> Publisher:
        return Publisher(config.load())

    def publish(self, now: datetime.datetime = NOON) -> list[str]:
        """Publish as ``lstosa nightly`` does; return what was said to people."""
        said: list[str] = []
        settings = config.load()
        teller = Teller(settings.notify, Troubles(self.root.layout.troubles()), said.append)
        publish_nights([self.root], settings, teller, now)
        return said

    def there(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.target)) for path in self.target.rglob("*") if path.is_file()
        )


@pytest.fixture
def published(make_night, tmp_path, monkeypatch) -> Iterator[Callable[..., Published]]:
    """Return a function that makes a night with pages, closed unless something is left out."""
    monkeypatch.setattr(LuigiConfigParser, "_instance", None)

    def make(but: str = made.NOTHING, **publish: str) -> Published:
        target = tmp_path / "web"
        target.mkdir(exist_ok=True)
        night = make_night(
            runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2)),
            sources={3: "Mrk 421"},
            options={
                "publish": {"target": str(target), **publish},
                "pages": {"enabled": "true"},
                "notify": {"closed_by": "", "missing_from": ""},
            },
        )
        root = made.use(night)
        made.write_summary(night)
        made.fill(root, but=but)
        plot = root.layout.drs4_plot(1)
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot.write_text("plot")
        for at, to in root.layout.cleaned_links(3, [0, 1], "tailcut84").items():
            if to.exists():
                link(at, to)
        if but == made.NOTHING:
            made.close(root)
        write_night(root)
        return Published(night, root, target)

    yield make
    config.forget()


@pytest.fixture
def ssh_server(tmp_path) -> Iterator[SshServer]:
    if missing := missing_programs():
        unavailable(f"not installed: {' '.join(missing)}")
    server = SshServer(tmp_path / "sshd keys")
    server.start()
    yield server
    server.stop()
