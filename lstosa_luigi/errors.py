"""The errors that a person is meant to read: one clear message, no traceback."""

from __future__ import annotations

__all__ = ["ConfigError", "ExitCode", "InputError", "LstosaError", "UsageError"]

import enum


class ExitCode(enum.IntEnum):
    """Exit codes of ``luigi --module lstosa_luigi ...`` and of every ``lstosa`` verb.

    The numbers are the ones that Luigi's own documentation recommends for its
    ``[retcode]`` section; where several hold, Luigi ends with the highest.
    A command that a signal ended has 128 and the number of the signal, as in shells:
    130 after Ctrl-C, 143 after SIGTERM.
    """

    OK = 0
    """The root task is complete."""
    ALREADY_RUNNING = 10
    """The same command is at work elsewhere."""
    MISSING_DATA = 20
    """Something that only the outside can supply is not there (raw data, drive log, models)."""
    NOT_RUN = 25
    """Something was not run, although nothing failed (the scheduler refused or was lost)."""
    TASK_FAILED = 30
    """A product could not be made."""
    SCHEDULING_ERROR = 35
    """The graph could not be built for a part of the night."""
    UNHANDLED = 40
    """Nothing was begun: bad configuration, bad arguments, unusable directory, or a defect."""


class LstosaError(Exception):
    """Base of all errors whose text is a complete message to the operator."""

    exit_code = ExitCode.UNHANDLED


class ConfigError(LstosaError):
    """The configuration cannot be used: unknown key, wrong type, directory not there."""


class UsageError(LstosaError):
    """What was typed cannot be meant: no date, a day that has not come yet, an unknown option."""


class InputError(LstosaError):
    """An input of the night cannot be used: damaged table, unknown run, wrong date."""

    exit_code = ExitCode.TASK_FAILED
