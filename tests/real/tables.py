"""Compare the tables of two files of any kind that a night has."""

from pathlib import Path
from typing import Any

import numpy as np

PATHS = ("/source_filenames/filenames",)
"""What holds a path; there is no column with a date of processing or a version."""

PACKED_SIZE = ("HDU INDEX", "SIZE")
"""Bytes of a packed DL3 file: its headers hold the dates of processing, which pack differently."""


def differences(ours: Path, theirs: Path) -> tuple[list[str], int, int]:
    """Return what differs, and how many tables and rows were compared."""
    read = {".h5": read_hdf5, ".ecsv": read_ecsv}.get(ours.suffix, read_fits)
    left, right = read(ours), read(theirs)
    found = [f"{ours.name}: only one has table {name}" for name in left.keys() ^ right.keys()]
    rows = 0
    for name in sorted(left.keys() & right.keys()):
        a, b = left[name], right[name]
        if a.keys() != b.keys():
            found.append(f"{ours.name} {name}: columns {sorted(a.keys() ^ b.keys())}")
        for column in sorted(a.keys() & b.keys()):
            rows = rows + len(a[column]) if column == sorted(a)[0] else rows
            if not equal(a[column], b[column]):
                found.append(f"{ours.name} {name}.{column}")
    return found, len(left), rows


def equal(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "O":
        return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def read_hdf5(path: Path) -> dict[str, dict[str, Any]]:
    import tables

    found: dict[str, dict[str, Any]] = {}
    with tables.open_file(str(path)) as file:
        for node in file.walk_nodes("/"):
            if isinstance(node, tables.Table):
                data = node.read()
                found[node._v_pathname] = {name: data[name] for name in data.dtype.names}
            elif isinstance(node, tables.Array):
                found[node._v_pathname] = {"values": node.read()}
    return {name: columns for name, columns in found.items() if name not in PATHS}


def read_ecsv(path: Path) -> dict[str, dict[str, Any]]:
    from astropy.table import Table

    table = Table.read(path, format="ascii.ecsv")
    return {"table": {name: np.array(table[name]) for name in table.colnames}}


def read_fits(path: Path) -> dict[str, dict[str, Any]]:
    from astropy.io import fits

    found = {}
    with fits.open(path) as hdus:
        for number, hdu in enumerate(hdus):
            if hdu.data is not None and hasattr(hdu.data, "names"):
                names = [name for name in hdu.data.names if (hdu.name, name) != PACKED_SIZE]
                columns = {name: np.array(hdu.data[name]) for name in names}
                found[f"{number} {hdu.name}"] = columns
    return found
