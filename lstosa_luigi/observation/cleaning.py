"""How the images of a run are cleaned, and what that says of the night-sky background."""

from __future__ import annotations

__all__ = ["Tailcuts", "dl1_prod_id", "parse_nsb_rate", "parse_tailcuts"]

import dataclasses
import json
import re

from lstosa_luigi.errors import InputError

SECTION = "tailcuts_clean_with_pedestal_threshold"
NSB_LINE = re.compile(r"Additional NSB rate \(over dark MC\):\s*(-?[\d.]+(?:[eE][-+]?\d+)?)")


@dataclasses.dataclass(frozen=True)
class Tailcuts:
    """Thresholds of the tailcuts cleaning.

    Parameters
    ----------
    picture, boundary : int
        Thresholds in p.e.
    """

    picture: int
    boundary: int


def parse_tailcuts(text: str, name: str) -> Tailcuts:
    """Read the thresholds out of a DL1b config.

    Parameters
    ----------
    text : str
        JSON as ``lstchain_find_tailcuts`` writes it.
    name : str
        The file, for the message.

    Raises
    ------
    InputError
        If the text is not such a config.
    """
    try:
        section = json.loads(text)[SECTION]
        return Tailcuts(int(section["picture_thresh"]), int(section["boundary_thresh"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{name}: not a cleaning configuration ({error!r}). Remove it to have it made again."
        ) from error


def dl1_prod_id(prefix: str, tailcuts: Tailcuts) -> str:
    """Name the directory of DL1b: ``tailcut84``, ``tailcut1005``, ``tailcut1206`` ...

    The boundary threshold has two digits, but for 8/4, as lstosa writes them.
    """
    boundary = "4" if tailcuts.boundary == 4 else f"{tailcuts.boundary:02d}"
    return f"{prefix}{tailcuts.picture}{boundary}"


def parse_nsb_rate(text: str, name: str) -> float:
    """Read the additional NSB rate out of the log of ``lstchain_find_tailcuts``.

    Returns
    -------
    float
        Rate over that of the dark simulation in p.e./ns.

    Raises
    ------
    InputError
        If the log does not say.
    """
    match = NSB_LINE.search(text)
    if match is None:
        raise InputError(
            f"{name}: no line 'Additional NSB rate (over dark MC): ...'. "
            "Remove the file to have the cleaning settings found again."
        )
    return float(match.group(1))
