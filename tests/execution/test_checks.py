"""Whether a file is whole: each kind that a night has, whole, cut, empty and without rows."""

import gzip
import json

import numpy as np
import pytest
import tables as hdf5
from astropy.io import fits

from lstosa_luigi.execution.checks import Damaged, check, fits_rows
from tests.observation.tables import summary_text

ROWS = 7
PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"


def fits_file(path):
    """Write an image, a table of fixed width and one with a heap; return where HDUs end."""
    events = fits.BinTableHDU.from_columns(
        [
            fits.Column("event_id", "K", array=np.arange(ROWS - 2)),
            fits.Column("name", "12A", array=["gamma"] * (ROWS - 2)),
        ],
        name="EVENTS",
    )
    pixels = np.array([np.arange(1000), np.arange(3)], dtype=object)
    heap = fits.BinTableHDU.from_columns([fits.Column("pixels", "PJ()", array=pixels)], name="HEAP")
    primary = fits.PrimaryHDU(np.zeros((5, 900), dtype=np.float32))
    fits.HDUList([primary, events, heap]).writeto(path)
    with fits.open(path) as hdus:
        assert hdus["HEAP"].header["PCOUNT"] == 4 * 1003
        return [hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus]


def raw_file(path):
    """Write the same with the name of the table as the event builder writes it."""
    fits_file(path)
    path.write_bytes(path.read_bytes().replace(b"'EVENTS  '", b"'Events  '"))


def hdf5_file(path):
    with hdf5.open_file(str(path), "w") as file:
        where, _, name = PARAMETERS.rpartition("/")
        events = np.zeros(ROWS, dtype=[("event_id", "i8"), ("intensity", "f8")])
        file.create_table(where, name, events, createparents=True)
        file.create_table("/dl1", "empty", events[:0])
        file.create_array("/dl1", "numbers", [1, 2, 3])


def text_file(text):
    return lambda path: path.write_text(text)


def bytes_file(content):
    return lambda path: path.write_bytes(content)


def gzipped(path):
    whole = path.with_name("whole.fits")
    fits_file(whole)
    path.write_bytes(gzip.compress(whole.read_bytes()))


KINDS = {
    "dl1_LST-1.Run01807.0003.h5": hdf5_file,
    "muons_LST-1.Run01807.0003.fits": fits_file,
    "LST-1.1.Run01807.0003.fits.fz": raw_file,
    "dl3_LST-1.Run01807.fits.gz": gzipped,
    "dl1ab_Run01807.json": text_file(json.dumps({"picture_thresh": 8, "more": [1, 2]})),
    "RunSummary_20200117.ecsv": text_file(summary_text()),
    "datacheck_dl1_LST-1.Run01807.pdf": bytes_file(b"%PDF-1.4\n" + b"x" * 3000 + b"\n%%EOF\n"),
    "DL1_datacheck_20200117.html": bytes_file(b"<html>" + b"x" * 3000 + b"</html>\n"),
}

TEXT = {"RunSummary_20200117.ecsv"}
"""May end anywhere: only its rows can be counted."""


@pytest.fixture(params=KINDS)
def path(request, tmp_path):
    """A whole file of each kind."""
    path = tmp_path / request.param
    KINDS[request.param](path)
    return path


def damage(path, *arguments):
    """Return what is said of a file, without its name."""
    with pytest.raises(Damaged) as error:
        check(path, *arguments)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def test_whole_file_is_whole(path):
    check(path)


def test_missing_file_is_named(path):
    path.unlink()
    assert damage(path) == "No such file or directory"


def test_empty_file_is_not_whole(path):
    path.write_bytes(b"")
    assert damage(path) == "empty"


@pytest.mark.parametrize("part", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("path", sorted(KINDS.keys() - TEXT), indirect=True)
def test_file_cut_short_is_not_whole(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    damage(path)


def test_file_of_zeros_is_not_whole(path):
    path.write_bytes(b"\0" * path.stat().st_size)
    damage(path)


def test_other_files_only_need_a_content(tmp_path):
    model = tmp_path / "cls_gh.sav"
    model.write_bytes(b"")
    assert damage(model) == "empty"
    model.write_bytes(b"f")
    check(model)


def test_log_may_be_empty(tmp_path):
    (tmp_path / "DL1_datacheck_20200117.log").touch()
    check(tmp_path / "DL1_datacheck_20200117.log")


# --- FITS ----------------------------------------------------------------------------------


def test_rows_of_all_tables_of_a_fits_file_are_counted(tmp_path):
    fits_file(tmp_path / "a.fits")
    gzipped(tmp_path / "b.fits.gz")
    assert fits_rows(tmp_path / "a.fits") == fits_rows(tmp_path / "b.fits.gz") == ROWS


def test_raw_file_counts_the_events_before_compression(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("d", "B", array=np.zeros(2, np.uint8))])
    table.header["ZNAXIS2"] = 53000
    table.writeto(tmp_path / "a.fits.fz")
    assert fits_rows(tmp_path / "a.fits.fz") == 53000


def test_fits_file_cut_anywhere_but_between_its_tables_is_not_whole(tmp_path):
    path = tmp_path / "a.fits"
    ends = fits_file(path)
    content = path.read_bytes()
    assert ends[-1] == len(content)
    cuts = {
        *range(1, len(content), 331),
        *(end - 1 for end in ends),
        *(end + 1 for end in ends[:-1]),
    }
    for cut in sorted(cuts - set(ends)):
        path.write_bytes(content[:cut])
        damage(path)


def test_fits_file_that_lost_a_whole_table_lacks_its_rows(tmp_path):
    path = tmp_path / "a.fits"
    ends = fits_file(path)
    path.write_bytes(path.read_bytes()[: ends[1]])
    assert damage(path, (), ROWS) == f"{ROWS - 2} rows, at least {ROWS} expected"


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_fits_file_without_enough_rows_is_not_whole(tmp_path, name):
    path = tmp_path / name
    KINDS["muons_LST-1.Run01807.0003.fits"](path) if name == "a.fits" else gzipped(path)
    check(path, min_rows=ROWS)
    assert damage(path, (), ROWS + 1) == f"{ROWS} rows, at least {ROWS + 1} expected"


def header(*cards):
    return "".join(f"{card:<80}" for card in (*cards, "END")).encode().ljust(2880)


EMPTY = header("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T")


@pytest.mark.parametrize(
    "content",
    [
        header("SIMPLE  = T"),
        header("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = many"),
        header("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = -2880"),
        EMPTY + header("XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 0"),
    ],
    ids=["no axes", "text", "negative", "table of one axis"],
)
def test_damaged_header_is_named(tmp_path, content):
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    assert damage(path).startswith("damaged FITS header (")


def test_what_lies_between_the_tables_must_be_a_header(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(EMPTY + b"\0" * 2880)
    assert damage(path) == "not a FITS file, or damaged between its tables"


def test_gzipped_file_cut_or_damaged_anywhere_is_not_whole(tmp_path):
    path = tmp_path / "a.fits.gz"
    gzipped(path)
    content = path.read_bytes()
    for cut in range(1, len(content), 29):
        path.write_bytes(content[:cut])
        damage(path)
        path.write_bytes(content[:cut] + bytes([content[cut] ^ 0xFF]) + content[cut + 1 :])
        if cut > 10:  # the header of gzip holds a time and a name that mean nothing
            damage(path)


# --- HDF5 ----------------------------------------------------------------------------------


@pytest.fixture
def dl1(tmp_path):
    hdf5_file(tmp_path / "dl1.h5")
    return tmp_path / "dl1.h5"


def test_hdf5_file_with_its_tables_is_whole(dl1):
    check(dl1, [PARAMETERS, "/dl1/numbers"])


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("/dl1/lost", "has no table /dl1/lost"),
        ("/lost/table", "has no table /lost/table"),
        ("/dl1/event", "/dl1/event is no table"),
        ("/dl1/empty", "table /dl1/empty is empty"),
    ],
)
def test_hdf5_file_without_a_table_or_its_rows_is_not_whole(dl1, node, text):
    assert damage(dl1, [PARAMETERS, node]) == text


def test_hdf5_file_that_is_something_else_is_named(dl1):
    dl1.write_text("KeyError: 'tel_001'\n")
    assert damage(dl1).startswith("not a whole HDF5 file (")


def test_hdf5_file_lacking_its_last_byte_is_not_whole(dl1):
    dl1.write_bytes(dl1.read_bytes()[:-1])
    assert damage(dl1).startswith("not a whole HDF5 file (")


# --- text ----------------------------------------------------------------------------------


def test_ecsv_table_must_have_its_rows(tmp_path):
    path = tmp_path / "RunSummary_20200117.ecsv"
    path.write_text(summary_text())
    check(path, min_rows=7)
    assert damage(path, (), 8) == "7 rows, at least 8 expected"
    path.write_text(summary_text([]))
    assert damage(path, (), 1) == "0 rows, at least 1 expected"
    path.write_text(summary_text()[:90])
    assert damage(path, (), 1) == "0 rows, at least 1 expected"
    path.write_text("run_id,run_type\n1,DATA\n")
    assert damage(path) == "not an ECSV table"
