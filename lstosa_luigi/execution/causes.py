"""Why a command failed, in one line: known errors of the tools, and what to do about them.

Patterns are errors that lstchain 0.12 was seen to end with, and those of
lstosa's table of known errors.
"""

from __future__ import annotations

__all__ = ["is_permanent", "last_lines", "os_error", "why"]

import datetime
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from lstosa_luigi import archives
from lstosa_luigi.execution.verdicts import verdict

TAIL_BYTES = 65536
LAST_LINES = 6

RAW_FILE = re.compile(r"\.Run(\d{5})\.\d{4}\.fits\.fz$")
DRIVE_LOG = "the drive log does not cover the times of the events"

KNOWN = (
    (
        r"Cannot tell how (.+) was recorded: (.+)",
        r"\1 does not tell how it was recorded, \2: copy it again, or set [production] input_state",
    ),
    (
        r"gain selection on data with only one gain",
        "the data have one gain only: set [production] input_state = gain_selected, or auto",
    ),
    (
        r"CameraConfiguration not found! Is this R1v1 data",
        "lstchain_r0_to_r0g reads what EVB6 writes only: set [lstchain] gain_selection_tool = "
        "lst_dvr",
    ),
    (
        r"No space left on device|Disk quota exceeded|errno = 28|Errno 28",
        "the disk is full: make room, then give the same command again",
    ),
    (
        r"x_new is (above|below) the interpolation range|"
        r"timestamp.* (later|earlier) than (last|first) (drive|telescope)",
        DRIVE_LOG,
    ),
    (
        r"has no attribute '?Events|Could not find .*table|not a valid FITS|"
        r"Unexpected end of file|truncated|zfits.*error|Error reading.*fits\.fz",
        "a raw file is damaged or truncated: copy it again",
    ),
    (
        r"There are less than|too few interleaved pedestals|lstchain_find_tailcuts failed|"
        r"Number of subruns with low statistics",
        "not enough interleaved pedestals to find the cleaning settings",
    ),
    (
        r"No calibration events in the output file|Not enough statistics|not enough events",
        "not enough calibration events in the run",
    ),
    (
        r"No filter information in mongo DB|no mongo DB filter information",
        "the filter wheels are not known: set [lstchain] filters",
    ),
    (r"MemoryError|Cannot allocate memory|Unable to allocate", "not enough memory"),
    (
        r"IndexError|index \d+ is out of bounds",
        "the data ran out: perhaps no event survives the cuts",
    ),
    (r"No such file or directory: '?([^'\n]+)'?", r"a file is missing: \1"),
    (r"ModuleNotFoundError: (.+)", r"the environment of the tools is incomplete: \1"),
)
PASSING = ("the disk is full", "not enough memory", "killed by", "exit code")
"""What causes begin with that may be gone at the next try; all others would only come again."""

_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in KNOWN)


def why(
    exit_code: int | None, signal_number: int | None, log: str, inputs: Sequence[str] = ()
) -> str:
    """Explain how a command ended.

    Parameters
    ----------
    exit_code, signal_number : int or None
        How it ended.
    log : str
        The last part of what it printed.
    inputs : sequence of str
        Files that it was given, for causes that lie in one of them.
    """
    refused = verdict(log) if signal_number is None else ""
    if refused:
        return refused
    # a harmless line far above must not hide what the command said last
    for text in ("\n".join(log.splitlines()[-LAST_LINES:]), log):
        for pattern, advice in _COMPILED:
            match = pattern.search(text)
            if match is not None:
                return _drive_log(inputs) if advice is DRIVE_LOG else match.expand(advice)
    if signal_number is not None:
        return f"killed by {signal.Signals(signal_number).name}"
    message = _exception_line(log)
    return f"exit code {exit_code}" + (f": {message}" if message else "")


def is_permanent(cause: str) -> bool:
    """Whether a command that failed for a cause of :func:`why` would only fail again."""
    return not cause.startswith(PASSING)


def _drive_log(inputs: Sequence[str]) -> str:
    """Say which drive log is too short for which run, and what to do about it."""
    run = next((m[1] for m in map(RAW_FILE.search, inputs) if m is not None), "")
    logs = [path for path in map(Path, inputs) if path.name.startswith("DrivePosition_log")]
    text = f"{DRIVE_LOG} of run {run}" if run else DRIVE_LOG
    text += "".join(f" ({path} {_span(path)})" for path in logs)
    return f"{text}: complete it, or write EDATA for the run in the run summary to leave it out"


def _span(drive_log: Path) -> str:
    """Say what times a drive log covers: each line begins with seconds since 1970."""
    try:
        lines = [line for line in drive_log.read_text().splitlines() if line.strip()]
        first, last = (
            datetime.datetime.fromtimestamp(float(lines[at].split()[0]), datetime.timezone.utc)
            for at in (0, -1)
        )
    except (OSError, ValueError, IndexError, OverflowError):
        return "cannot be read"
    return f"goes from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"


def os_error(error: OSError) -> str:
    """Explain an error of the operating system: with advice if it is a known one."""
    advice = why(None, None, str(error))
    return f"{error.filename or 'writing'}: {error.strerror}" if "exit code" in advice else advice


def _exception_line(log: str) -> str:
    """Return the last line that looks like a Python exception."""
    for line in reversed(log.splitlines()):
        if re.match(r"^[\w.]*(Error|Exception|Exit)\b.*", line):
            return line.strip()
    return ""


def last_lines(path: Path, count: int | None = None, since: int = 0) -> str:
    """Return the end of a log.

    Parameters
    ----------
    path : Path
        The log.
    count : int, optional
        How many lines; default: all of the last 64 kB.
    since : int
        Byte at which the part of interest begins.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(end - TAIL_BYTES, since))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        try:
            text = archives.read_text(path)[-TAIL_BYTES:]
        except OSError:
            return ""
    except OSError:
        return ""
    if count is None:
        return text
    # a progress bar redraws its line; only what it showed last counts
    lines = [line.rstrip().rsplit("\r", 1)[-1] for line in text.split("\n")]
    return "\n".join([line for line in lines if line.strip()][-count:])
