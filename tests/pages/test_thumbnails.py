"""Pictures of PDF files: made once, anew when the file changes, and never in anybody's way."""

import os
import shutil
import zlib
from pathlib import Path

import pytest

from lstosa_luigi.pages import thumbnails
from lstosa_luigi.pages.thumbnails import PAGES, Plot, draw
from tests.conftest import unavailable


def write_pdf(path: Path, pages: int) -> Path:
    """Write a PDF file of empty pages."""
    kids = " ".join(f"{3 + n} 0 R" for n in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        *["<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>"] * pages,
    ]
    text, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(text))
        text += f"{number} 0 obj\n{content}\nendobj\n"
    start = len(text)
    text += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    text += "".join(f"{place:010d} 00000 n \n" for place in places)
    text += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    path.write_text(text)
    return path


@pytest.fixture
def calls(monkeypatch) -> list[list[str]]:
    """Return the commands that are executed."""
    if shutil.which("pdftoppm") is None:
        unavailable("poppler's pdftoppm is not installed")
    found: list[list[str]] = []
    real = thumbnails.subprocess.run

    def run(words, **options):
        found.append(words)
        return real(words, **options)

    monkeypatch.setattr(thumbnails.subprocess, "run", run)
    return found


def test_pages_after_the_title_are_drawn_by_one_process_once(tmp_path, calls) -> None:
    file, folder = write_pdf(tmp_path / "a b.pdf", 9), tmp_path / "kept"
    found = draw([Plot(file, first=2)], folder)[file]
    assert [picture.page for picture in found] == list(range(2, 2 + PAGES))
    assert {(picture.width, picture.height) for picture in found} == {(300, 150)}
    assert all(picture.file.read_bytes().startswith(b"\x89PNG") for picture in found)
    assert len(calls) == 1
    assert draw([Plot(file, first=2)], folder)[file] == found
    assert len(calls) == 1
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_changed_file_is_drawn_anew_and_what_is_old_is_removed(tmp_path, calls) -> None:
    file, other, folder = write_pdf(tmp_path / "a.pdf", 1), tmp_path / "b.pdf", tmp_path / "kept"
    write_pdf(other, 1)
    draw([Plot(file), Plot(other)], folder)
    os.utime(file, (1, 1))
    found = draw([Plot(file)], folder)
    assert len(calls) == 3
    assert list(folder.iterdir()) == [found[file][0].file]


def test_damaged_file_has_no_pictures_and_is_tried_once(tmp_path, calls) -> None:
    file, folder = tmp_path / "a.pdf", tmp_path / "kept"
    file.write_bytes(b"%PDF-1.4\n" + zlib.compress(b"x" * 100))
    missing = Plot(tmp_path / "none.pdf")
    assert draw([Plot(file), missing], folder) == {}
    assert draw([Plot(file), missing], folder) == {}
    assert len(calls) == 1


def test_without_the_program_there_are_no_pictures(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw([Plot(write_pdf(tmp_path / "a.pdf", 1))], tmp_path / "kept") == {}


def test_what_takes_too_long_is_left_for_the_next_time(tmp_path, calls, monkeypatch) -> None:
    file = write_pdf(tmp_path / "a.pdf", 1)
    monkeypatch.setattr(thumbnails, "ALL_FILES_S", 0.0)
    assert draw([Plot(file)], tmp_path / "kept") == {}
    monkeypatch.setattr(thumbnails, "ALL_FILES_S", 60.0)
    assert file in draw([Plot(file)], tmp_path / "kept")
