"""When a tool itself says that the data of a run do not allow a product, and its reason.

Only what the tool decided after it had read all data counts: a full disk, a killed command or a
file that cannot be read is no verdict. Texts are those of lstchain 0.12.
"""

from __future__ import annotations

__all__ = ["verdict"]

import re

DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|errno = 28|Errno 28")

NO_TAILCUTS = re.compile(
    r"No valid computation was possible for run|"
    r"Calculation failed for more than half of the processed subruns"
)
TAILCUTS_GIVEN_UP = "lstchain_find_tailcuts failed!"
FEW_PEDESTALS = re.compile(r"Too few interleaved pedestals \((\d+)\)")
FEW_PIXELS = re.compile(r"Too few valid pixels \((\d+)\)")
MIN_PEDESTALS, MIN_PIXELS = 100, 1000
"""What a subrun needs (lstchain.image.cleaning.find_tailcuts)."""

NO_CALIBRATION = "No calibration events in the output file"
COLLECTED = re.compile(r"(flatfield|pedestal) collected statistics = (\d+) events")
"""lstchain.tools.lstchain_create_cat_B_calibration_file, and that of Cat-A; lstcam_calib alike."""


def verdict(log: str) -> str:
    """Return why a tool refuses a product of a run; empty if it does not.

    Parameters
    ----------
    log : str
        What the command printed.
    """
    if DISK_FULL.search(log):
        return ""
    if TAILCUTS_GIVEN_UP in log and NO_TAILCUTS.search(log):
        return _no_tailcuts(log)
    if NO_CALIBRATION in log:
        return _no_calibration(log)
    return ""


def _no_tailcuts(log: str) -> str:
    pedestals = [int(number) for number in FEW_PEDESTALS.findall(log)]
    pixels = [int(number) for number in FEW_PIXELS.findall(log)]
    reasons = []
    if pedestals:
        few = f"only {_span(pedestals)} interleaved pedestals per subrun"
        reasons.append(f"{few} ({_subruns(pedestals)}; {MIN_PEDESTALS} are needed)")
    if pixels:
        few = f"only {_span(pixels)} valid pixels"
        reasons.append(f"{few} ({_subruns(pixels)}; {MIN_PIXELS} are needed)")
    return " and ".join(reasons) or (
        "the pedestal charges of more than half of the subruns looked at cannot be used"
    )


def _no_calibration(log: str) -> str:
    counts = dict(COLLECTED.findall(log))  # the tool counts once it has read everything
    words = {"flatfield": "flat fields", "pedestal": "pedestals"}
    if counts.keys() != words.keys():
        return ""
    left = " and ".join(f"{counts[key]} {word}" for key, word in words.items())
    return f"not enough calibration events in the run (collected: {left})"


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _subruns(numbers: list[int]) -> str:
    return "one subrun" if len(numbers) == 1 else f"{len(numbers)} subruns"
