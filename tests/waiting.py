"""Waiting for what other processes do, beside whatever else keeps the machine busy."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as *is_so* says so; fail after *seconds*.

    A night of stand-ins was seen to be seven times as slow beside the jobs of a real Slurm.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
