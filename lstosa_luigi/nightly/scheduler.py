"""Whether the luigid of the configuration answers."""

from __future__ import annotations

__all__ = ["Scheduler", "configured"]

import dataclasses
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import luigi.interface

TIMEOUT_S = 10.0
BETWEEN_S = 2.0
"""Between two questions, when one is waited for."""


@dataclasses.dataclass(frozen=True)
class Scheduler:
    """Where a luigid is; no url if commands plan for themselves."""

    url: str

    def problem(self) -> str:
        """Return why it does not answer; empty if it does, or is not needed.

        A socket that takes connections is not enough: a luigid that hangs takes them, too.
        """
        if not self.url:
            return ""
        try:
            urllib.request.urlopen(self.url, timeout=TIMEOUT_S).close()
        except urllib.error.HTTPError as error:
            return "" if error.code < 500 else str(error)
        except urllib.error.URLError as error:
            return str(getattr(error.reason, "strerror", None) or error.reason)
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        return ""

    def wait(self, minutes: float, pause: Callable[[float], None] = time.sleep) -> str:
        """Return why it does not answer, at the end of so many minutes."""
        waited = 0.0
        while True:
            problem = self.problem()
            if not problem or waited >= 60 * minutes:
                return problem
            pause(BETWEEN_S)
            waited += BETWEEN_S

    def advice(self, problem: str) -> str:
        """Say what to do."""
        return (
            f"No luigid answers at {self.url} ({problem}), so no night is started. Start it: "
            "lstosa luigid, or systemctl start lstosa-luigid. The next lstosa nightly goes on."
        )


def configured() -> Scheduler:
    """Return the luigid that ``luigi`` would use, by the same rules."""
    core = luigi.interface.core()
    if core.local_scheduler:
        return Scheduler("")
    return Scheduler(core.scheduler_url or f"http://{core.scheduler_host}:{core.scheduler_port}/")
