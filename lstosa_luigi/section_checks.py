"""What the sections for every day may hold, beyond the types of their keys."""

from __future__ import annotations

__all__ = ["check_closing", "check_nightly", "check_notify", "check_publish"]

import shlex
from collections.abc import Callable
from typing import Any

import luigi

from lstosa_luigi.errors import ConfigError
from lstosa_luigi.hours import parse_span, parse_time
from lstosa_luigi.sections import closing, nightly, notify, publish


def check_closing(section: closing) -> closing:
    """Return the section, having seen that it can be used.

    Raises
    ------
    ConfigError
        For the first thing that is wrong.
    """
    _read(section, "not_before", parse_time)
    return section


def check_nightly(section: nightly) -> nightly:
    """Return the section, having seen that it can be used.

    Raises
    ------
    ConfigError
        For the first thing that is wrong.
    """
    least = {"days_back": 0, "at_once": 1, "retry_hours": 0, "wait_for_luigid": 0, "keep_logs": 1}
    for key, value in least.items():
        if getattr(section, key) < value:
            raise ConfigError(
                f"[nightly] {key} = {getattr(section, key):g}: must be {value} or more"
            )
    _read(section, "not_while_observing", parse_span)
    _read(section, "observing_command", shlex.split)
    return section


def check_notify(section: notify) -> notify:
    """Return the section, having seen that it can be used.

    Raises
    ------
    ConfigError
        For the first thing that is wrong.
    """
    for key in ("closed_by", "missing_from"):
        _read(section, key, parse_time)
    _read(section, "command", shlex.split)
    if section.timeout <= 0:
        raise ConfigError(f"[notify] timeout = {section.timeout:g}: must be more than 0")
    for key in ("sender", "recipients") if section.smtp_host else ():
        if "@" not in getattr(section, key):
            raise ConfigError(
                f"[notify] {key} = {getattr(section, key)}: not an address; smtp_host needs it"
            )
    here = ("localhost", "127.0.0.1", "::1")
    if section.smtp_user and not section.smtp_starttls and section.smtp_host not in here:
        raise ConfigError(
            "[notify] smtp_user: the password would go over the net for all to read; set "
            "smtp_starttls = true"
        )
    return section


def check_publish(section: publish) -> publish:
    """Return the section, having seen that it can be used.

    Raises
    ------
    ConfigError
        For the first thing that is wrong.
    """
    _read(section, "ssh", shlex.split)
    if not section.ssh.strip():
        raise ConfigError("[publish] ssh is empty: name a program")
    if section.timeout <= 0:
        raise ConfigError(f"[publish] timeout = {section.timeout:g}: must be more than 0")
    if section.retry_minutes < 0:
        raise ConfigError(f"[publish] retry_minutes = {section.retry_minutes:g}: must be 0 or more")
    return section


def _read(section: luigi.Config, key: str, parse: Callable[[str], Any]) -> None:
    """Refuse a text that cannot be read."""
    try:
        parse(getattr(section, key))
    except ValueError as error:
        name = type(section).__name__
        raise ConfigError(f"[{name}] {key} = {getattr(section, key)}: {error}") from error
