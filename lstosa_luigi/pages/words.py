"""Text for people: numbers told together, durations, what a log prints, links. Pure."""

from __future__ import annotations

__all__ = ["clean", "duration", "href", "split_command", "subruns_in_words", "units_in_words"]

import collections
import os
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from pathlib import Path

from lstosa_luigi.status.model import Product

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that do not show, or turn the direction of what follows; but for tab and new line."""
_COMMAND = re.compile(r"(?:lstosa|luigi) -?-?\w.*?(?=; |, and |, or | of another|$)")
RANGES = 40
"""Ranges of units that are named; of more, the rest is counted."""


def clean(text: str) -> str:
    """Return text without what a terminal would obey and a page cannot show."""
    if text.isprintable():
        return text
    return _UNSEEN.sub("\ufffd", _ANSI.sub("", text))


def duration(seconds: float | None) -> str:
    """Return seconds as people read them: ``4.2 s``, ``12 min 05 s``, ``3 h 07 min``."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def href(to: Path, page: Path) -> str:
    """Return a relative link from a page to a file; any name can be linked to."""
    return urllib.parse.quote(os.fsencode(os.path.relpath(to, page.parent)))


def split_command(text: str) -> tuple[str, str, str]:
    """Return what stands before a command that a text tells to give, the command, and the rest."""
    found = _COMMAND.search(text)
    if found is None:
        return text, "", ""
    return text[: found.start()], found[0], text[found.end() :]


def units_in_words(products: Iterable[Product]) -> str:
    """Name what products are of: ``00003.0000-0004, 00004.0001``; of many, count the rest."""
    subruns: dict[int, list[int]] = collections.defaultdict(list)
    named: list[str] = []
    for product in products:
        if product.run is not None and product.subrun is not None:
            subruns[product.run].append(product.subrun)
        else:
            named.append(product.unit.removeprefix("Run"))
    for run, numbers in subruns.items():
        named += [f"{run:05d}.{part}" for part in _ranges(numbers)]
    if len(named) > RANGES:
        named = [*named[:RANGES], f"and {len(named) - RANGES} more"]
    return ", ".join(named)


def subruns_in_words(numbers: Sequence[int]) -> str:
    """Return numbers of subruns with neighbours told together: ``0000-0004, 0007``."""
    return ", ".join(_ranges(numbers))


def _ranges(numbers: Sequence[int]) -> list[str]:
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and parts[-1][-1] == number - 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ["-".join(f"{number:04d}" for number in part) for part in parts]
