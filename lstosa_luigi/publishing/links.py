"""Links of a page: where they lead, and a page whose links lead to what was published: pure."""

from __future__ import annotations

__all__ = ["links_of", "relinked"]

import html
import os
import posixpath
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

ANCHOR = re.compile(r'<a href="(?P<to>[^"#:]+)(?P<part>#[^"]*)?">(?P<text>.*?)</a>', re.DOTALL)
"""A link of our templates to a file: to a part of the page, or to elsewhere, none has to change."""
DRAWN = re.compile(r' xlink:href="(?P<to>[^"#:]+)"')
"""A link of a drawing by Graphviz to a file."""


def links_of(page: str) -> Iterator[str]:
    """Yield the relative paths that a page links to."""
    for match in ANCHOR.finditer(page):
        yield _path(match["to"])


def relinked(
    page: str, source: Path, root: Path, to: PurePosixPath, places: Mapping[str, str]
) -> str:
    """Return a page whose links lead to what is published; of others only the text is left.

    Parameters
    ----------
    page : str
        Text of the page.
    source : Path
        The page, or a drawing: of the latter, links to what is not published go.
    root : Path
        Directory of all pages: they lie to each other as they do at the target.
    to : PurePosixPath
        Its place below the target.
    places : dict of str to str
        Place below the target of each published file, by its path without links in it.
    """

    def published(match: re.Match[str]) -> str:
        file = os.path.realpath(os.path.normpath(source.parent / _path(match["to"])))
        place = places.get(file)
        return urllib.parse.quote(posixpath.relpath(place, str(to.parent))) if place else ""

    def link(match: re.Match[str]) -> str:
        file = os.path.normpath(source.parent / _path(match["to"]))
        if Path(file).is_relative_to(root):
            return match[0]
        relative = published(match)
        if not relative:
            return match["text"]
        return f'<a href="{relative}{match["part"] or ""}">{match["text"]}</a>'

    def drawn(match: re.Match[str]) -> str:
        relative = published(match)
        return f' xlink:href="{relative}"' if relative else ""

    return DRAWN.sub(drawn, page) if source.suffix == ".svg" else ANCHOR.sub(link, page)


def _path(link: str) -> str:
    return os.fsdecode(urllib.parse.unquote_to_bytes(html.unescape(link)))
