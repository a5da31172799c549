"""The run catalogue: the source of each run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.catalog import Source, read_run_catalog
from tests.observation.tables import SOURCES, catalog_text

MANY = (*SOURCES, (1810, "Mrk 421", 166.11, 38.21), (1811, "Crab", 83.543, 22.08))


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "RunCatalog_20200117.ecsv"

    def read_text(text):
        path.write_text(text)
        return read_run_catalog(path)

    return read_text


def test_each_run_has_its_source(read):
    assert read(catalog_text()) == {
        1807: Source("Crab", 83.543, 22.08),
        1808: Source("MadeUpSource", 115.441, 43.98),
    }


@pytest.mark.parametrize("name", ["Mrk 421", "1ES 1959+650", "GRB 240301A, offset 0.4"])
def test_name_of_a_source_may_hold_spaces_and_commas(read, name):
    assert read(catalog_text([(1, name, 1.0, -2.5)])) == {1: Source(name, 1.0, -2.5)}


def test_catalogue_without_runs_is_empty(read):
    assert read(catalog_text([])) == {}


@pytest.mark.parametrize("column", ["run_id", "source_name", "source_ra", "source_dec"])
def test_missing_column_is_named(read, column):
    with pytest.raises(InputError) as error:
        read(catalog_text().replace(column, "other"))
    assert str(error.value).endswith(f"ecsv: the run catalogue has no column {column}.")


def test_run_without_declination_is_not_taken_for_one_somewhere(read):
    with pytest.raises(InputError, match=r"a run has an empty cell among run_id, .*Fill it in"):
        read(catalog_text().replace("22.08", ""))


@pytest.mark.parametrize(
    "text",
    [
        "",
        catalog_text()[:60],
        catalog_text()[:-12],
        catalog_text()[:-2],
        catalog_text().replace("22.08", "N/A"),
    ],
    ids=["empty", "cut header", "cut row", "cut declination", "text"],
)
def test_damaged_catalogue_is_named(read, text):
    with pytest.raises(InputError, match=r"RunCatalog_20200117\.ecsv: cannot be read as a run cat"):
        read(text)


def test_run_listed_twice_with_one_source_is_of_that_source(read):
    row = (1807, "Crab", 83.543, 22.08)
    assert read(catalog_text([row, row])) == {1807: Source(*row[1:])}


def test_run_with_two_sources_is_named_with_both(read):
    rows = [(1807, "Crab", 83.543, 22.08), (1807, "Mrk 421", 166.11, 38.21)]
    with pytest.raises(InputError) as error:
        read(catalog_text(rows))
    assert str(error.value).endswith(
        ": run 01807 is listed with two sources, Crab and Mrk 421. Correct the run catalogue."
    )


@pytest.mark.parametrize(("ra", "dec"), [("nan", 22.08), (83.5, "nan"), (83.5, 91.0), ("inf", 1)])
def test_source_that_is_nowhere_on_the_sky_is_named(read, ra, dec):
    with pytest.raises(InputError, match=r"run 01807 is of Crab at .* is no place on the sky"):
        read(catalog_text([(1807, "Crab", ra, dec)]))


@settings(max_examples=20)
@given(rows=st.permutations(MANY))
def test_order_of_the_rows_does_not_matter(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "RunCatalog_mixed.ecsv"
    path.write_text(catalog_text(rows))
    assert read_run_catalog(path) == {run: Source(*source) for run, *source in MANY}
