"""Reads a page strictly: every tag is closed where it must be, and tables come as rows of text."""

import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """A page as somebody without a browser sees it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self.scripts = 0
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self._caption = ""
        self._rows: list[list[str]] | None = None
        self._cell: list[str] | None = None
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs), f"an attribute twice: {attrs}"
        self.attributes.append((tag, found))
        self.scripts += tag == "script"
        if "id" in found:
            assert found["id"] not in self.ids, f"id twice: {found['id']}"
            self.ids.append(str(found["id"]))
        for key in ("href", "src"):
            if found.get(key) is not None:
                self.links.append(str(found[key]))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr" and self._rows is not None:
            self._rows.append([])
        if tag in ("td", "th"):
            self._cell = []
        if tag == "caption":
            self._cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> in {self.open}"
        self.open.pop()
        if tag == "caption" and self._cell is not None:
            self._caption, self._cell = " ".join("".join(self._cell).split()), None
        if tag in ("td", "th") and self._rows is not None and self._cell is not None:
            self._rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        if tag == "table" and self._rows is not None:
            self.tables[self._caption] = self._rows
            self._rows = None

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.text += data
        if self._cell is not None:
            self._cell.append(data)

    def table(self, words: str) -> list[list[str]]:
        """Return the rows, the head first, of the table whose caption has these words."""
        (found,) = [rows for caption, rows in self.tables.items() if words in caption]
        return found

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def read(path: Path) -> Page:
    """Read a page and see that it needs nothing from outside, and that all it links to is there."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    for link in page.links:
        if link.startswith("data:"):
            continue
        parts = urllib.parse.urlsplit(link)
        assert (parts.scheme, parts.netloc, parts.path[:1] == "/") == ("", "", False), link
        if not parts.path:
            assert parts.fragment in page.ids, link
        else:
            assert (path.parent / urllib.parse.unquote(parts.path)).exists(), link
    for word in ("http://", "https://", "//cdn", "@import", "url("):
        assert word not in text.replace("http://www.w3.org/", ""), word
    return page
