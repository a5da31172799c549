"""Whether the telescope observes, as far as the site's configuration tells."""

from __future__ import annotations

__all__ = ["Observing", "is_observing"]

import dataclasses
import datetime
import shlex
import subprocess

from lstosa_luigi.hours import parse_span
from lstosa_luigi.sections import nightly

TIMEOUT_S = 60.0
OBSERVES, OBSERVES_NOT = 0, 1
"""Exit codes of ``[nightly] observing_command``."""


@dataclasses.dataclass(frozen=True)
class Observing:
    """Why no night is started; *problem* if that is not known."""

    reason: str
    problem: str = ""


def is_observing(options: nightly, now: datetime.datetime) -> Observing | None:
    """Return why no night is to be started now, None if one may be.

    Parameters
    ----------
    options : nightly
        The section of the configuration: hours, and a command for what hours do not tell.
    now : datetime
        What time it is.
    """
    hours = parse_span(options.not_while_observing)
    if hours is not None and now in hours:
        return Observing(f"in {hours} UTC no night is started ([nightly] not_while_observing)")
    words = shlex.split(options.observing_command)
    if not words:
        return None
    try:
        code = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        ).returncode
        said = f"ends with {code}, neither {OBSERVES} (it observes) nor {OBSERVES_NOT}"
    except subprocess.TimeoutExpired:
        code, said = None, f"does not end within {TIMEOUT_S:g} s"
    except OSError as error:
        code, said = None, f"cannot be run: {error.strerror}"
    if code == OBSERVES_NOT:
        return None
    if code == OBSERVES:
        return Observing("the telescope observes ([nightly] observing_command)")
    problem = f"It is not known whether the telescope observes: [nightly] observing_command {said}."
    return Observing("it is not known whether the telescope observes", problem)
