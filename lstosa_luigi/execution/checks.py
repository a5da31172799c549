"""Whether a file is whole: it opens, it ends where it must, and it has the rows it must have."""

from __future__ import annotations

__all__ = ["Damaged", "check", "check_raw", "fits_rows"]

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

BLOCK = 2880
"""FITS files consist of blocks of this size (FITS standard 4.0, section 3.1)."""

EVENTS = "Events"
"""Table of raw data that holds what the camera recorded (ctapipe_io_lst)."""


class Damaged(Exception):
    """The file is not whole; the text says what is wrong with it."""


def check(path: Path, tables: Sequence[str] = (), min_rows: int = 0) -> None:
    """Check a file by what its name says it is.

    Parameters
    ----------
    path : Path
        The file. ``.h5``, ``.fits``, ``.fits.gz``, ``.fits.fz``, ``.json``, ``.ecsv``,
        ``.pdf`` and ``.html`` are looked into; of others only the size is.
    tables : sequence of str
        Nodes of an HDF5 file that must hold at least one row.
    min_rows : int
        Rows that an ECSV table or the tables of a FITS file must hold in all.

    Raises
    ------
    Damaged
        If anything is wrong.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror}") from error
    if size == 0 and path.suffix != ".log":
        raise Damaged(f"{path}: empty")
    name = path.name
    if name.endswith(".h5"):
        _check_hdf5(path, tables)
    elif name.endswith(".fits.fz"):
        check_raw(path)
    elif name.endswith((".fits", ".fits.gz")):
        rows = fits_rows(path)
        if rows < min_rows:
            raise Damaged(f"{path}: {rows} rows, at least {min_rows} expected")
    elif name.endswith(".json"):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Damaged(f"{path}: not JSON ({error})") from error
    elif name.endswith(".ecsv"):
        _check_ecsv(path, min_rows)
    elif name.endswith(".pdf"):
        _check_ends(path, b"%PDF", b"%%EOF")
    elif name.endswith(".html"):
        _check_ends(path, b"", b"</html>")


def fits_rows(path: Path) -> int:
    """Return the rows of all tables of a FITS file, having checked that it is not cut short.

    Only headers are read, so that this takes milliseconds for raw data of any size
    (``.gz`` is read through).

    Raises
    ------
    Damaged
        If the file is no FITS file or ends before its data do.
    """
    return sum(rows for _, rows in _fits_tables(path))


def check_raw(path: Path) -> None:
    """Check that a file of raw data is all there, as far as its headers tell.

    The tools take a stream that ends after a whole table, or before the first, for one
    without events and say nothing.

    Raises
    ------
    Damaged
        If it is cut short, empty, or lacks the table of its events.
    """
    tables = dict(_fits_tables(path))
    if not any(tables.values()):
        raise Damaged(f"{path}: empty")
    if EVENTS not in tables:
        raise Damaged(f"{path}: truncated, it has no table {EVENTS}")


def _fits_tables(path: Path) -> Iterator[tuple[str, int]]:
    """Yield name and rows of each part of a FITS file."""
    with _opened(path) as file:
        while (header := _fits_header(path, file)) is not None:
            try:
                rows, data = _rows_and_bytes(header)
            except (KeyError, ValueError, IndexError) as error:
                raise Damaged(f"{path}: damaged FITS header ({error!r})") from error
            _skip(path, file, -(-data // BLOCK) * BLOCK)
            yield header.get("EXTNAME", "").strip("' "), rows


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        import gzip
        import zlib

        try:
            with gzip.open(path) as file:
                yield cast(IO[bytes], file)
        except (OSError, EOFError, zlib.error) as error:
            raise Damaged(f"{path}: {error}") from error
        return
    try:
        with path.open("rb") as plain:
            yield plain
    except OSError as error:
        raise Damaged(f"{path}: {error}") from error


def _fits_header(path: Path, file: IO[bytes]) -> dict[str, str] | None:
    """Read one header; None at the end of the file."""
    header: dict[str, str] = {}
    while True:
        block = file.read(BLOCK)
        if not block and not header:
            return None
        if len(block) < BLOCK:
            raise Damaged(f"{path}: truncated within a FITS header")
        cards = [block[i : i + 80].decode("ascii", "replace") for i in range(0, BLOCK, 80)]
        if not header and not cards[0].startswith(("SIMPLE  =", "XTENSION=")):
            raise Damaged(f"{path}: not a FITS file, or damaged between its tables")
        for card in cards:
            key = card[:8].strip()
            if key == "END":
                return header
            if card[8:10] == "= ":
                header.setdefault(key, card[10:].split("/")[0].strip())


def _rows_and_bytes(header: dict[str, str]) -> tuple[int, int]:
    """Return how many rows follow a header, and how many bytes before they are padded."""
    axes = [int(header.get(f"NAXIS{i + 1}", 0)) for i in range(int(header["NAXIS"]))]
    if not axes:
        return 0, 0
    if min(axes) < 0:
        raise ValueError(f"NAXISn = {min(axes)}")
    elements = int(header.get("PCOUNT", 0)) + math.prod(axes)
    is_table = header.get("XTENSION", "").strip("' ") == "BINTABLE"
    rows = int(header.get("ZNAXIS2", axes[1])) if is_table else 0
    return rows, abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", 1)) * elements


def _skip(path: Path, file: IO[bytes], size: int) -> None:
    if size == 0:
        return
    file.seek(size - 1, 1)
    if len(file.read(1)) != 1:
        raise Damaged(f"{path}: truncated, its last table is not complete")


def _check_hdf5(path: Path, wanted: Sequence[str]) -> None:
    import tables as hdf5

    try:
        with hdf5.open_file(str(path)) as file:
            for node in wanted:
                _check_node(path, file, node)
    except (hdf5.HDF5ExtError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "unreadable"
        raise Damaged(f"{path}: not a whole HDF5 file ({reason})") from error


def _check_node(path: Path, file: Any, node: str) -> None:
    if node not in file:
        raise Damaged(f"{path}: has no table {node}")
    found = file.get_node(node)
    if not hasattr(found, "nrows"):
        raise Damaged(f"{path}: {node} is no table")
    if not len(found):
        raise Damaged(f"{path}: table {node} is empty")
    found[len(found) - 1]  # the last row can only be read if the table is all there


def _check_ecsv(path: Path, min_rows: int) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or not lines[0].startswith("# %ECSV"):
        raise Damaged(f"{path}: not an ECSV table")
    rows = sum(1 for line in lines if line and not line.startswith("#")) - 1
    if rows < min_rows:
        raise Damaged(f"{path}: {max(rows, 0)} rows, at least {min_rows} expected")


def _check_ends(path: Path, start: bytes, end: bytes) -> None:
    with path.open("rb") as file:
        first = file.read(len(start))
        file.seek(max(path.stat().st_size - 1024, 0))
        last = file.read()
    if first != start or end not in last:
        raise Damaged(f"{path}: cut short")
