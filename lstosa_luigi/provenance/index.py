"""An index of all records in SQLite, so that a question needs not read those of 1,000 nights.

It holds nothing that the records do not say and can be removed at any time. It is brought up to
date before each question: of a night whose directory of records did not change since nothing else
is looked at, of the others the records that changed are read.
"""

from __future__ import annotations

__all__ = ["Index"]

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lstosa_luigi.archives import marks_in, read_text
from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.provenance.graph import DONE, Execution, Graph, execution_of

VERSION = 1
"""Of the tables; an index of another version is made anew."""
WAIT_SECONDS = 120.0
"""How long to wait for another command that brings the index up to date."""
SETTLED_NS = 2_000_000_000
"""Age from which a directory's time of change tells of all changes (times may be whole seconds)."""

TABLES = """
CREATE TABLE directories (path TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE INDEX files_by_name ON files (name);
CREATE TABLE executions (
    id INTEGER PRIMARY KEY, record TEXT NOT NULL UNIQUE, directory TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, damage TEXT NOT NULL,
    title TEXT NOT NULL, product TEXT NOT NULL, date TEXT NOT NULL, prod_id TEXT NOT NULL,
    run INTEGER, subrun INTEGER, state TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL
);
CREATE INDEX executions_by_directory ON executions (directory);
CREATE INDEX executions_by_night ON executions (date, run);
CREATE TABLE uses (file INTEGER, execution INTEGER, PRIMARY KEY (file, execution)) WITHOUT ROWID;
CREATE TABLE makes (file INTEGER, execution INTEGER, PRIMARY KEY (file, execution)) WITHOUT ROWID;
CREATE INDEX uses_by_execution ON uses (execution);
CREATE INDEX makes_by_execution ON makes (execution);
"""
COLUMNS = 'id, record, title, product, date, prod_id, run, subrun, state, start, "end"'


class Index:
    """The records of all nights, as a database.

    Parameters
    ----------
    places : ProvenanceLayout
        Where records and index lie.
    anew : bool
        Read all records again.
    """

    def __init__(self, places: ProvenanceLayout, anew: bool = False):
        self.places = places
        if anew:
            with contextlib.suppress(OSError):
                places.index().unlink()
        try:
            self._database = self._open()
            self.update()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise InputError(self._in_use()) from error
            # a user who may not write there still gets an answer, if a slow one
            self._database = _create(sqlite3.connect(":memory:", isolation_level=None))
            self.update()
        except sqlite3.DatabaseError:
            # damaged: all of it is in the records
            with contextlib.suppress(OSError):
                places.index().unlink()
            self._database = self._open()
            self.update()

    def _open(self) -> sqlite3.Connection:
        path = self.places.index()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            _create(database)
        return database

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    # --- bringing up to date ---------------------------------------------------------------

    def update(self) -> int:
        """Read the records that changed since; return how many."""
        known = dict(self._database.execute("SELECT path, mtime_ns FROM directories"))
        read = 0
        there = set()
        for directory in self.places.record_directories():
            path = str(directory)
            try:
                mtime = directory.stat().st_mtime_ns
            except OSError:
                continue
            there.add(path)
            if known.get(path) != mtime:
                with self._transaction():
                    read += self._update(directory, mtime)
        for path in known.keys() - there:
            with self._transaction():
                gone = self._select("SELECT id FROM executions WHERE directory = ?", path)
                self._forget(row[0] for row in gone)
                self._database.execute("DELETE FROM directories WHERE path = ?", (path,))
        return read

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _update(self, directory: Path, mtime: int) -> int:
        rows = self._select(
            "SELECT record, id, size, mtime_ns FROM executions WHERE directory = ?", str(directory)
        )
        known = {row[0]: row[1:] for row in rows}
        there = set()
        read = 0
        for path, size, changed in _records(directory):
            there.add(path)
            before = known.get(path)
            if before is not None and before[1:] == (size, changed):
                continue
            if before is not None:
                self._forget([before[0]])
            self._add(path, size, changed)
            read += 1
        self._forget(known[path][0] for path in known.keys() - there)
        if time.time_ns() - mtime < SETTLED_NS:
            mtime = 0  # another record may come at the same time
        self._database.execute(
            "INSERT OR REPLACE INTO directories VALUES (?, ?)", (str(directory), mtime)
        )
        return read

    def _forget(self, executions: Iterable[int]) -> None:
        for execution in list(executions):
            self._database.execute("DELETE FROM executions WHERE id = ?", (execution,))
            for table in ("uses", "makes"):
                self._database.execute(f"DELETE FROM {table} WHERE execution = ?", (execution,))

    def _add(self, path: str, size: int, mtime: int) -> None:
        date, prod_id = self.places.night_of(Path(path))
        damage = ""
        try:
            data = json.loads(read_text(Path(path)))
            one = execution_of(path, date, prod_id, data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            damage = f"{type(error).__name__}: {error}"
            one = Execution(path, "", "", date, prod_id, None, None, "", "", "", (), ())
        cursor = self._database.execute(
            "INSERT INTO executions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(path, str(Path(path).parent), size, mtime, damage, one.title, one.product),
                *(date, prod_id, one.run, one.subrun, one.state, one.start, one.end),
            ),
        )
        if one.state != DONE:
            return
        for table, paths in (("uses", one.inputs), ("makes", one.outputs)):
            self._database.executemany(
                "INSERT OR IGNORE INTO files VALUES (NULL, ?, ?)",
                [(file, file.rpartition("/")[2]) for file in paths],
            )
            self._database.executemany(
                f"INSERT OR IGNORE INTO {table} SELECT id, ? FROM files WHERE path = ?",
                [(cursor.lastrowid, file) for file in paths],
            )

    # --- asking ----------------------------------------------------------------------------

    def _select(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise InputError(self._in_use()) from error
            raise InputError(
                f"The index of records cannot be read: {self.places.index()} ({error}). Remove it; "
                "the next question makes it anew."
            ) from error

    def _in_use(self) -> str:
        return f"{self.places.index()} is in use by another command. Try again later."

    def damaged(self) -> dict[str, str]:
        """Return the records that cannot be read, each with why."""
        return dict(self._database.execute("SELECT record, damage FROM executions WHERE damage"
                                           " != '' ORDER BY record"))  # fmt: skip

    def find(self, name: str) -> list[str]:
        """Return the files of a name or path that any record tells of, as it calls them."""
        wanted = [name, str(Path(name).absolute()), os.path.realpath(name)]
        for path in dict.fromkeys(wanted):
            if self._select("SELECT 1 FROM files WHERE path = ?", path):
                return [path]
        if "/" in name:
            return []
        query = """SELECT path FROM files WHERE name = ? AND (
            EXISTS (SELECT 1 FROM makes WHERE file = files.id)
            OR EXISTS (SELECT 1 FROM uses WHERE file = files.id)) ORDER BY path"""
        return [row[0] for row in self._select(query, name)]

    def of_night(self, date: str, prod_id: str = "", run: int | None = None) -> list[Execution]:
        """Return what was done of a night, or of one of its runs.

        Parameters
        ----------
        date : str
            ``YYYY-MM-DD``.
        prod_id : str
            Production; empty: all.
        run : int, optional
            Run number.
        """
        query = f"SELECT {COLUMNS} FROM executions WHERE date = ? AND damage = ''"
        values: list[Any] = [date]
        for column, value in (("prod_id", prod_id or None), ("run", run)):
            if value is not None:
                query += f" AND {column} = ?"
                values.append(value)
        return [self._execution(row) for row in self._select(f"{query} ORDER BY id", *values)]

    def above(self, paths: Iterable[str]) -> Graph:
        """Return the graph of all that led to files."""
        return self._collect(paths, "makes", lambda one: one.inputs)

    def below(self, path: str) -> Graph:
        """Return the graph of all that derives from a file, and what made that."""
        graph = self._collect([path], "uses", lambda one: one.outputs)
        return Graph([*graph.executions, *self._connected(path, "makes")])

    def _collect(
        self, paths: Iterable[str], table: str, onward: Callable[[Execution], Iterable[str]]
    ) -> Graph:
        seen = set(paths)
        queue = list(seen)
        found: dict[str, Execution] = {}
        for path in queue:
            for one in self._connected(path, table, found):
                found[one.record] = one
                new = [other for other in onward(one) if other not in seen]
                seen.update(new)
                queue.extend(new)
        return Graph(found.values())

    def _connected(self, path: str, table: str, known: Iterable[str] = ()) -> Iterator[Execution]:
        query = f"""SELECT {COLUMNS} FROM executions WHERE id IN (
            SELECT execution FROM {table} JOIN files ON files.id = file WHERE path = ?)"""
        for row in self._select(query, path):
            if row[1] not in known:
                yield self._execution(row)

    def _execution(self, row: tuple[Any, ...]) -> Execution:
        identity, record, *fields = row
        files = [
            tuple(
                path
                for (path,) in self._select(
                    f"SELECT path FROM {table} JOIN files ON files.id = file WHERE execution = ?"
                    " ORDER BY files.id",
                    identity,
                )
            )
            for table in ("uses", "makes")
        ]
        return Execution(record, *fields, *files)


def _create(database: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables, unless somebody else just did; those of another version go."""
    database.execute("BEGIN IMMEDIATE")
    if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall():
            database.execute(f'DROP TABLE "{name}"')
        for statement in filter(str.strip, TABLES.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")
    return database


def _records(directory: Path) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of change of each record of a directory, by name.

    Of one that was archived the checksum stands for the time.
    """
    found = marks_in(directory)
    with os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    found[entry.name] = (status.st_size, status.st_mtime_ns)
    for name, (size, changed) in sorted(found.items()):
        if name.endswith(".json"):
            yield f"{directory}/{name}", size, changed
