"""Switches that are on or off for nights and runs: ``on 2024-02-01..2024-02-29, off 16200``.

Which options have to change when belongs into the configuration, not into people's heads.
"""

from __future__ import annotations

__all__ = ["Rule", "parse_rules"]

import dataclasses
import datetime
import functools
import re

SYNTAX = "write on or off, then a run, a night or a span: on 2024-02-01..2024-02-29, off 16200"


@dataclasses.dataclass(frozen=True)
class Rule:
    """One switch.

    Parameters
    ----------
    value : bool
        On or off.
    first, last : datetime.date or int or None
        Span of nights or of run numbers, both ends included; None for an open end.
    text : str
        As it was written.
    """

    value: bool
    first: datetime.date | int | None
    last: datetime.date | int | None
    text: str

    def is_about(self, date: datetime.date, run: int) -> bool:
        """Whether the rule holds for a run of a night."""
        of_runs = isinstance(self.first, int) or isinstance(self.last, int)
        what: int | datetime.date = run if of_runs else date
        return (self.first is None or self.first <= what) and (  # type: ignore[operator]
            self.last is None or what <= self.last  # type: ignore[operator]
        )

    def __str__(self) -> str:
        """Return the rule as it was written."""
        return self.text


@functools.lru_cache(maxsize=16)
def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read rules, separated by commas or lines.

    Raises
    ------
    ValueError
        If one of them cannot be read; the text says which and how it is written.
    """
    return tuple(
        _parse(" ".join(part.split())) for part in re.split(r"[,\n]", text) if part.strip()
    )


def _parse(text: str) -> Rule:
    match = re.fullmatch(r"(on|off) (\S+)", text)
    if match is None:
        raise ValueError(f"{text!r} is no rule; {SYNTAX}")
    begin, dots, end = match[2].partition("..")
    first = _bound(begin, text)
    last = _bound(end, text) if dots else first
    if first is None and last is None:
        raise ValueError(f"{text!r} names no run and no night; {SYNTAX}")
    if first is not None and last is not None:
        if type(first) is not type(last):
            raise ValueError(f"{text!r} goes from a run to a night, or the other way; {SYNTAX}")
        if last < first:  # type: ignore[operator]
            raise ValueError(f"{text!r} ends before it begins")
    return Rule(match[1] == "on", first, last, text)


def _bound(word: str, text: str) -> datetime.date | int | None:
    if not word:
        return None
    if re.fullmatch(r"\d{1,6}", word):
        return int(word)
    try:
        return datetime.date.fromisoformat(word)
    except ValueError as error:
        raise ValueError(f"{text!r}: {word!r} is neither a run nor a night; {SYNTAX}") from error
