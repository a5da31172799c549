"""A night that each test finds as it was made."""

import shutil
from collections.abc import Iterator

from tests.fakes.night import FakeNight


def as_it_was(night: FakeNight) -> Iterator[FakeNight]:
    """Yield a night, and bring it back afterwards; times of files stay."""
    kept = night.root.with_name("kept")
    shutil.copytree(night.root, kept, symlinks=True)
    yield night
    shutil.rmtree(night.root)
    kept.rename(night.root)
