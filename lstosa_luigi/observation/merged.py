"""The table of the runs of all nights, as lines: rows are taken over as lstchain wrote them."""

from __future__ import annotations

__all__ = ["has_rows", "merge", "starts_of"]

import dataclasses
from collections.abc import Iterable

from lstosa_luigi.errors import InputError

COLUMNS = ("date", "run_id", "run_type", "n_subruns", "run_start", "ra", "dec", "alt", "az")
"""Of ``lstchain_merge_run_summaries``; separated by spaces."""


@dataclasses.dataclass(frozen=True)
class _Table:
    head: tuple[str, ...]
    rows: tuple[str, ...]

    @property
    def nights(self) -> set[str]:
        """Nights that it has rows of."""
        return {row.split()[0] for row in self.rows}


def merge(table: str, parts: Iterable[str], name: str) -> str:
    """Return the table with the nights of other tables in it, instead of what it had of them.

    Parameters
    ----------
    table : str
        The table of all nights; empty if there is none yet.
    parts : iterable of str
        Tables of one night each, as ``lstchain_merge_run_summaries`` writes them.
    name : str
        The file of the table, for the message.

    Raises
    ------
    InputError
        If a table is damaged or has other columns.
    """
    found = [_parse(part, name) for part in parts]
    old = _parse(table, name) if table else _Table((), ())
    new = {night for part in found for night in part.nights}
    rows = {row for row in old.rows if row.split()[0] not in new}
    rows.update(row for part in found for row in part.rows)
    head = old.head or next((part.head for part in found), ())
    return "".join(f"{line}\n" for line in (*head, *sorted(rows, key=_order)))


def starts_of(table: str, night: str) -> dict[int, str]:
    """Return when the runs of a night began (UTC, ISO 8601), where that is known.

    Raises
    ------
    InputError
        If the table is damaged or has other columns.
    """
    places = [COLUMNS.index(column) for column in ("date", "run_id", "run_start")]
    cells = [[row.split()[place] for place in places] for row in _parse(table, "").rows]
    return {
        int(run): start.partition(".")[0]
        for date, run, start in cells
        # lstchain writes the time -1 for a start that it does not know
        if date == night and start[:1].isdigit() and not start.startswith("19")
    }


def has_rows(table: str, part: str) -> bool:
    """Whether the table has of the night of *part* what that has, and nothing else."""
    try:
        night, whole = _parse(part, ""), _parse(table, "")
    except InputError:
        return False
    return {row for row in whole.rows if row.split()[0] in night.nights} == set(night.rows)


def _parse(text: str, name: str) -> _Table:
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("#")]
    columns, *rows = [line for line in lines if line and not line.startswith("#")] or [""]
    is_whole = lines and lines[0].startswith("# %ECSV") and text.endswith("\n")
    if not is_whole or tuple(columns.split()) != COLUMNS or any(not _is_row(row) for row in rows):
        raise InputError(
            f"{name}: cannot be read as the runs of all nights ({' '.join(COLUMNS)}, separated by "
            "spaces). Remove it to have it made again of those in nights/ beside it."
        )
    return _Table((*head, columns), tuple(rows))


def _is_row(row: str) -> bool:
    words = row.split()
    return len(words) == len(COLUMNS) and words[1].isdecimal()


def _order(row: str) -> tuple[str, int]:
    date, run, *_ = row.split()
    return date, int(run)
