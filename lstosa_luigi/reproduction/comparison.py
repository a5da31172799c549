"""Whether two files hold the same: table by table, whatever times their headers tell."""

from __future__ import annotations

__all__ = ["Comparison", "compare"]

import abc
import dataclasses
import json
import warnings
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from lstosa_luigi.execution.trace import hash_of

ROWS = 5_000
"""Rows that are compared at a time: of images, some 40 MB each."""
OF_THE_PLACE = ("/source_filenames/filenames",)
"""Tables of paths (lstchain.io.io.add_source_filenames)."""
PACKED_SIZE = ("HDU INDEX", "SIZE")
"""Bytes of a packed DL3 file: its headers hold the dates of processing, which pack differently."""
TABULAR = {".h5": "hdf5", ".hdf5": "hdf5", ".fits": "fits", ".gz": "fits", ".fz": "fits",
           ".ecsv": "text", ".json": "json"}  # fmt: skip
"""How a file of a suffix is read."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How two files compare.

    Parameters
    ----------
    differences : tuple of str
        Tables and columns that are not the same.
    tables, rows : int
        How many were compared.
    is_identical : bool
        Whether they are the same to the last byte.
    problem : str
        Why their contents were not compared; empty if they were.
    """

    differences: tuple[str, ...] = ()
    tables: int = 0
    rows: int = 0
    is_identical: bool = False
    problem: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether they hold the same."""
        return self.is_identical or not (self.differences or self.problem)

    @property
    def text(self) -> str:
        """How they compare, in words."""
        if self.is_identical:
            return "the same to the last byte"
        if self.problem:
            return self.problem
        if self.differences:
            return f"differs: {'; '.join(self.differences)}"
        return f"equal in {self.tables} tables of {self.rows} rows"


def compare(one: Path, other: Path) -> Comparison:
    """Compare the contents of two files.

    Of HDF5 and FITS every table is compared, NaN being equal to NaN; attributes and headers are
    not, for they tell when and where the file was made.

    Parameters
    ----------
    one, other : Path
        Files of the same kind, the one that was made now and the one that is there.
    """
    for path in (one, other):
        if not path.exists():
            return Comparison(problem=f"{path} is not there (any more)")
    if other.is_symlink():  # DL1a of a closed run
        return Comparison(problem=f"{other} is a link to another product by now")
    if hash_of(one) == hash_of(other):
        return Comparison(is_identical=True)
    how = TABULAR.get(one.suffix)
    if how is None:
        return Comparison(problem=f"other bytes; of {one.suffix} files nothing else is compared")
    try:
        if how == "json":
            same = json.loads(one.read_text()) == json.loads(other.read_text())
            return Comparison(() if same else ("other values",), 1, 1)
        if how == "text":
            return Comparison(("other text",))
        return _tables(_Hdf5 if how == "hdf5" else _Fits, one, other)
    except Exception as error:  # whatever a damaged file makes the libraries say
        return Comparison(problem=f"cannot be read ({type(error).__name__}: {error})")


def _tables(read: type[_Tables], one: Path, other: Path) -> Comparison:
    with read(one) as left, read(other) as right:
        found = [f"only one has {name}" for name in sorted(left.names ^ right.names)]
        shared = sorted(left.names & right.names)
        rows = 0
        for name in shared:
            rows += left.length(name)
            found += _columns(name, left, right)
    return Comparison(tuple(found), len(shared), rows)


def _columns(name: str, left: _Tables, right: _Tables) -> Iterator[str]:
    """Yield what is not the same in a table, column by column."""
    if left.length(name) != right.length(name):
        yield f"{name} has {left.length(name)} rows, {right.length(name)} the other"
        return
    most: dict[str, float] = {}
    for start in range(0, left.length(name), ROWS):
        a, b = left.rows(name, start), right.rows(name, start)
        if a.keys() != b.keys():
            yield f"{name} has other columns: {', '.join(sorted(a.keys() ^ b.keys()))}"
            return
        for column in a:
            if not _same(a[column], b[column]):
                most[column] = max(most.get(column, 0.0), _apart(a[column], b[column]))
    for column, apart in most.items():
        by = f" (by up to {apart:.2g})" if apart else ""
        yield f"{name}.{column}{by}" if column else f"{name}{by}"


def _same(a: Any, b: Any) -> bool:
    import numpy as np

    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "O":
        return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _apart(a: Any, b: Any) -> float:
    """Return how far numbers are apart at most; 0 of what are no numbers."""
    import numpy as np

    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
        return 0.0
    apart = np.abs(a.astype(float) - b.astype(float))
    return float(np.max(apart, initial=0.0, where=np.isfinite(apart)))


class _Tables(abc.ABC):
    """What is compared in a file, by its names."""

    names: AbstractSet[str]
    _file: Any

    @abc.abstractmethod
    def __init__(self, path: Path) -> None: ...

    def __enter__(self) -> _Tables:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    @abc.abstractmethod
    def length(self, name: str) -> int:
        """Return how many rows there are."""

    @abc.abstractmethod
    def rows(self, name: str, start: int) -> dict[str, Any]:
        """Return columns by name, of some rows; what has no columns is one without name."""


class _Hdf5(_Tables):
    """The tables and arrays of an HDF5 file."""

    def __init__(self, path: Path) -> None:
        import tables

        self._file = tables.open_file(str(path))
        with warnings.catch_warnings():  # of text of any length, which tells of the making
            warnings.simplefilter("ignore", UserWarning)
            leaves = list(self._file.walk_nodes("/", "Leaf"))
        self._nodes = {
            leaf._v_pathname: leaf
            for leaf in leaves
            if leaf._v_pathname not in OF_THE_PLACE and not isinstance(leaf, tables.UnImplemented)
        }
        self.names = self._nodes.keys()

    def length(self, name: str) -> int:
        return int(self._nodes[name].nrows)

    def rows(self, name: str, start: int) -> dict[str, Any]:
        data = self._nodes[name][start : start + ROWS]
        names = getattr(getattr(data, "dtype", None), "names", None)
        if isinstance(data, list):  # rows of any length
            import numpy as np

            array = np.empty(len(data), dtype=object)
            array[:] = data
            data = array
        return {column: data[column] for column in names} if names else {"": data}


class _Fits(_Tables):
    """The tables and images of a FITS file."""

    def __init__(self, path: Path) -> None:
        from astropy.io import fits

        self._file = fits.open(path)
        self._hdus = {
            f"{number} {hdu.name}".strip(): hdu
            for number, hdu in enumerate(self._file)
            if hdu.data is not None
        }
        self.names = self._hdus.keys()

    def length(self, name: str) -> int:
        return len(self._hdus[name].data)

    def rows(self, name: str, start: int) -> dict[str, Any]:
        hdu = self._hdus[name]
        data = hdu.data[start : start + ROWS]
        names = data.dtype.names
        if not names:
            return {"": data}
        return {column: data[column] for column in names if (hdu.name, column) != PACKED_SIZE}
