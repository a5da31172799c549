"""A night that is closed when a test begins; a test leaves its records as they were."""

import pytest

from tests.fakes.night import FakeNight


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    night = FakeNight(tmp_path_factory.mktemp("provenance") / "a night")
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return night
