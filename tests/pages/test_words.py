"""Text on pages: what logs print, durations, numbers told together, links, commands."""

import urllib.parse
from pathlib import Path

import pytest

from lstosa_luigi.pages.words import clean, duration, href, split_command, subruns_in_words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\tb\nc", "a\tb\nc"),
        ("nul \x00 bell \x07 delete \x7f", "nul \ufffd bell \ufffd delete \ufffd"),
        ("turned \u202eround", "turned \ufffdround"),
        ("name with \udcff", "name with \ufffd"),
        ("Grüße, 5 µs", "Grüße, 5 µs"),
    ],
)
def test_what_a_page_cannot_show_is_marked_or_left_out(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (65, "1 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((), ""),
        ((3,), "0003"),
        ((5, 3, 4, 3), "0003-0005"),
        ((0, 1, 9, 11, 12), "0000-0001, 0009, 0011-0012"),
    ],
)
def test_neighbouring_subruns_are_told_together(numbers: tuple[int, ...], words: str) -> None:
    assert subruns_in_words(numbers) == words


@pytest.mark.parametrize(
    "name", ["a b.pdf", "100%.pdf", "a#1?.pdf", 'a"b.pdf', "Grüße.pdf", "c/../d.pdf"]
)
def test_any_name_can_be_linked_to(tmp_path: Path, name: str) -> None:
    link = href(tmp_path / "DL1" / name, tmp_path / "OSA/Pages/x.html")
    parts = urllib.parse.urlsplit(link)
    assert (parts.query, parts.fragment, '"' in link) == ("", "", False)
    at = tmp_path / "OSA/Pages" / urllib.parse.unquote(parts.path)
    assert at.resolve() == (tmp_path / "DL1" / name).resolve()


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (
            "Or leave it out: lstosa decide --date 2024-03-02 --discard 4.1 --why ...; then more",
            "lstosa decide --date 2024-03-02 --discard 4.1 --why ...",
        ),
        (
            "To close it: luigi --module lstosa_luigi NightlyClose --date 2024-03-02",
            "luigi --module lstosa_luigi NightlyClose --date 2024-03-02",
        ),
        ("No drive log of 2024-03-02: /data/lstosa/x.txt is not there", ""),
    ],
)
def test_commands_are_told_from_the_words_around_them(text: str, command: str) -> None:
    before, found, after = split_command(text)
    assert (found, before + found + after) == (command, text)
