"""Tables of a night (ECSV): read whole or not at all."""

from __future__ import annotations

__all__ = ["FileState", "read_table", "state_of"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi.errors import InputError

FileState = tuple[int, int] | None
"""Time of the last change and size; None if there is no file."""


def state_of(path: Path) -> FileState:
    """Return what tells whether a file has changed since it was read."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def read_table(path: Path, kind: str, columns: Sequence[str], remedy: str = "") -> list[Any]:
    """Return the rows of a table that has these columns, all cells of which are filled.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it is, for the messages: ``run summary``.
    columns : sequence of str
        Columns that must be there.
    remedy : str
        What can be done about a damaged file.

    Raises
    ------
    InputError
        If the table is damaged or lacks something.
    """
    from astropy.table import Table

    try:
        text = path.read_text()
        if text and not text.endswith("\n"):
            # the last cell of a table that was cut may still read as a number, or as a type
            raise ValueError("it ends in the middle of a line")
        table = Table.read(text, format="ascii.ecsv")
    except Exception as error:
        advice = f" {remedy}" if remedy else ""
        raise InputError(f"{path}: cannot be read as a {kind} ({error}).{advice}") from error
    missing = [column for column in columns if column not in table.colnames]
    if missing:
        raise InputError(f"{path}: the {kind} has no column {', '.join(missing)}.")
    if table[list(columns)].has_masked_values:
        raise InputError(f"{path}: a run has an empty cell among {', '.join(columns)}. Fill it in.")
    return list(table)
