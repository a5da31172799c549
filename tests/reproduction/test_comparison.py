"""Two files hold the same if all their tables do, whatever their headers say."""

from pathlib import Path

import numpy as np
import pytest
import tables as hdf5
from astropy.io import fits
from astropy.table import Table

from lstosa_luigi.reproduction.comparison import ROWS, compare

PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"


def events(n: int = 3, **columns) -> np.ndarray:
    rows = np.zeros(n, dtype=[("event_id", "i8"), ("intensity", "f8")])
    rows["event_id"] = np.arange(n)
    rows["intensity"] = np.nan
    for name, values in columns.items():
        rows[name] = values
    return rows


def write_hdf5(path: Path, rows: np.ndarray, made: str = "now", **arrays) -> Path:
    where, _, name = PARAMETERS.rpartition("/")
    with hdf5.open_file(str(path), "w") as file:
        file.create_table(where, name, rows, createparents=True)
        file.root._v_attrs["made"] = made
        for array, values in arrays.items():
            file.create_array("/", array, values)
        texts = file.create_vlarray("/", "waveforms", hdf5.Float64Atom())
        texts.append([1.0, 2.0])
        texts.append([3.0])
    return path


def write_fits(path: Path, energy: float, date: str) -> Path:
    header = fits.Header({"DATE": date})
    hdu = fits.BinTableHDU(Table({"ENERGY": [energy, np.nan]}), header, name="EVENTS")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def test_files_made_at_two_times_are_equal(tmp_path: Path) -> None:
    one = write_hdf5(tmp_path / "a.h5", events(ROWS + 5))
    other = write_hdf5(tmp_path / "b.h5", events(ROWS + 5), "then")
    found = compare(one, other)
    assert found.is_equal
    assert not found.is_identical
    assert found.text == f"equal in 2 tables of {ROWS + 7} rows"
    one = write_fits(tmp_path / "a.fits.gz", 1.0, "2024-03-02")
    found = compare(one, write_fits(tmp_path / "b.fits.gz", 1.0, "2024-03-03"))
    assert (found.is_equal, found.is_identical, found.tables) == (True, False, 1)


def test_column_that_differs_is_named_with_how_far(tmp_path: Path) -> None:
    one = write_hdf5(tmp_path / "a.h5", events(ROWS + 5, intensity=1.0))
    values = np.ones(ROWS + 5)
    values[-1] = 1.25
    other = write_hdf5(tmp_path / "b.h5", events(ROWS + 5, intensity=values))
    assert compare(one, other).text == f"differs: {PARAMETERS}.intensity (by up to 0.25)"
    one = write_fits(tmp_path / "a.fits", 1.0, "2024-03-02")
    found = compare(one, write_fits(tmp_path / "b.fits", 3.0, "2024-03-02"))
    assert found.differences == ("1 EVENTS.ENERGY (by up to 2)",)


@pytest.mark.parametrize(
    ("rows", "arrays", "told"),
    [
        (events(4), {}, f"{PARAMETERS} has 3 rows, 4 the other"),
        (events(3)[["event_id"]].copy(), {}, f"{PARAMETERS} has other columns: intensity"),
        (events(3).astype([("event_id", "i4"), ("intensity", "f8")]), {}, "LST_LSTCam.event_id"),
        (events(3), {"more": [1]}, "only one has /more"),
    ],
)
def test_shape_that_differs_is_told(tmp_path: Path, rows, arrays, told: str) -> None:
    one = write_hdf5(tmp_path / "a.h5", events(3))
    found = compare(one, write_hdf5(tmp_path / "b.h5", rows, **arrays))
    assert not found.is_equal
    assert told in found.text


def test_rows_of_any_length_are_compared(tmp_path: Path) -> None:
    one = write_hdf5(tmp_path / "a.h5", events())
    other = write_hdf5(tmp_path / "b.h5", events())
    with hdf5.open_file(str(other), "a") as file:
        file.root.waveforms[1] = [4.0]
    assert compare(one, other).differences == ("/waveforms",)


def test_paths_in_a_file_do_not_count(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = write_hdf5(tmp_path / f"{name}.h5", events())
        with hdf5.open_file(str(path), "a") as file:
            file.create_array("/source_filenames", "filenames", [name.encode()], createparents=True)
    assert compare(tmp_path / "a.h5", tmp_path / "b.h5").is_equal


def test_json_is_compared_by_its_values(tmp_path: Path) -> None:
    texts = {"a": '{"x": 1, "y": 2}', "b": '{"y": 2,\n "x": 1}', "c": '{"x": 2, "y": 2}'}
    a, b, c = (tmp_path / f"{name}.json" for name in texts)
    for path, text in zip((a, b, c), texts.values(), strict=True):
        path.write_text(text)
    assert compare(a, b).is_equal
    assert compare(a, c).differences == ("other values",)


def test_what_cannot_be_compared_is_not_equal(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf", "a.h5", "b.h5"):
        (tmp_path / name).write_text(name)
    told = compare(tmp_path / "a.pdf", tmp_path / "b.pdf")
    assert not told.is_equal
    assert told.problem == "other bytes; of .pdf files nothing else is compared"
    told = compare(tmp_path / "a.h5", tmp_path / "b.h5")
    assert told.problem.startswith("cannot be read (HDF5ExtError")
    assert "is not there" in compare(tmp_path / "a.pdf", tmp_path / "c.pdf").problem
    (tmp_path / "link.pdf").symlink_to("a.pdf")
    assert "is a link" in compare(tmp_path / "a.pdf", tmp_path / "link.pdf").problem
    assert compare(tmp_path / "a.pdf", tmp_path / "a.pdf").is_identical
