"""The run summary: what is read of it, and what is said of one that cannot be read."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstosa_luigi.errors import ExitCode, InputError
from lstosa_luigi.observation.runs import DATA, Run, read_run_summary
from tests.observation.tables import RUNS, ecsv, summary_text


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "RunSummary_20200117.ecsv"

    def read_text(text):
        path.write_text(text)
        return read_run_summary(path)

    return read_text


def refused(read, text):
    with pytest.raises(InputError) as error:
        read(text)
    assert error.value.exit_code == ExitCode.TASK_FAILED
    assert "RunSummary_20200117.ecsv: " in str(error.value)
    return str(error.value)


def test_runs_are_read_with_their_types_and_subruns(read):
    summary = read(summary_text())
    assert [(run.number, run.n_subruns, run.type) for run in summary.runs] == list(RUNS)
    assert [run.number for run in summary.of_type("DRS4")] == [1803, 1804]
    assert [run.number for run in summary.of_type("PEDCALIB")] == [1805, 1806, 1809]
    assert [run.number for run in summary.of_type(DATA)] == [1807, 1808]
    assert list(summary.run(1807).subruns) == list(range(11))


def test_other_columns_of_lstchain_do_no_harm(read):
    columns = {"run_id": "int64", "n_subruns": "int64", "run_type": "string", "ucts": "int64"}
    assert read(ecsv(columns, [(1, 2, "DATA", -1)])).runs == (Run(1, "DATA", 2),)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.permutations(RUNS))
def test_order_of_the_rows_does_not_matter(read, rows):
    assert [run.number for run in read(summary_text(rows)).runs] == [row[0] for row in RUNS]


@pytest.mark.parametrize("ignored", ["ERROR", "CONF", "ERRPEDCALIB", "EDATA"])
def test_run_that_is_left_out_is_neither_data_nor_unknown(read, ignored):
    summary = read(summary_text([(9327, 3, ignored), (9379, 21, "DATA")]))
    assert [run.number for run in summary.of_type(DATA)] == [9379]
    assert summary.unknown == ()


@pytest.mark.parametrize("strange", ["DAT", "data", "UNKNOWN"])
def test_run_of_an_unknown_type_is_told_apart(read, strange):
    summary = read(summary_text([(1807, 3, strange), (1808, 2, "DATA")]))
    assert [run.number for run in summary.unknown] == [1807]
    assert [run.number for run in summary.of_type(DATA)] == [1808]


def test_night_without_runs_is_empty(read):
    assert read(summary_text([])).runs == ()


def test_run_that_the_night_does_not_have_is_named_with_those_it_has(read):
    with pytest.raises(InputError) as error:
        read(summary_text(RUNS[:2])).run(1200)
    assert str(error.value) == ("Run 01200 is not in the run summary; the night has 01803, 01804.")


def test_run_listed_twice_is_named(read):
    message = refused(read, summary_text([*RUNS, (1807, 11, "DATA")]))
    assert message.endswith(": run 01807 is listed more than once. Correct the run summary.")


@pytest.mark.parametrize("subruns", [0, -1])
def test_run_without_subruns_is_named(read, subruns):
    message = refused(read, summary_text([(1807, subruns, "DATA")]))
    assert message.endswith(
        f": run 01807 has {subruns} subruns. Correct n_subruns, or write EDATA as its run_type to "
        "leave the run out."
    )
    assert read(summary_text([(1807, subruns, "EDATA")])).of_type(DATA) == ()


@pytest.mark.parametrize("column", ["run_id", "n_subruns", "run_type"])
def test_missing_column_is_named(read, column):
    message = refused(read, summary_text().replace(column, "other"))
    assert message.endswith(f": the run summary has no column {column}.")


@pytest.mark.parametrize("row", [",11,DATA", "1807,,DATA", "1807,11,"])
def test_empty_cell_is_to_be_filled_in(read, row):
    message = refused(read, summary_text().replace("1807,11,DATA", row))
    assert message.endswith(
        ": a run has an empty cell among run_id, n_subruns, run_type. Fill it in."
    )


FULL = summary_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "run_id,n_subruns,run_type\n1807,11,DATA\n",
        FULL[: FULL.index("datatype") + 4],
        FULL[: FULL.index("1807,11") + 6],
        FULL[: FULL.index("1807,11,DATA") + 11],
        FULL[:-1],
        FULL.replace("1807,11,DATA", "1807,many,DATA"),
        FULL.replace("1807,11,DATA", "\0" * 12),
    ],
    ids=["empty", "no header", "cut header", "cut row", "cut type", "cut line", "text", "zeros"],
)
def test_damaged_table_is_to_be_made_again(read, text):
    message = refused(read, text)
    assert "cannot be read as a run summary (" in message
    assert message.endswith("Remove it to have it made again from the raw data.")


REFERENCE = "1579289712000000000,1234567,72"


@pytest.mark.parametrize(
    ("source", "expected"), [("ucts", "UCTS"), ("run_start", "RUN_START"), ("None", "NONE")]
)
def test_reference_time_of_old_runs_is_read(tmp_path, source, expected):
    columns = ("time", "counter", "module_index", "source")
    kinds = ("int64", "uint64", "int16", "string")
    path = tmp_path / "RunSummary_20200117.ecsv"
    path.write_text(
        "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n"
        "# - {name: run_id, datatype: int64}\n# - {name: n_subruns, datatype: int64}\n"
        "# - {name: run_type, datatype: string}\n"
        + "".join(
            f"# - {{name: dragon_reference_{name}, datatype: {kind}}}\n"
            for name, kind in zip(columns, kinds, strict=True)
        )
        + "# schema: astropy-2.0\nrun_id,n_subruns,run_type,"
        + ",".join(f"dragon_reference_{name}" for name in columns)
        + f"\n1807,2,DATA,{REFERENCE},{source}\n"
    )
    reference = read_run_summary(path).run(1807).reference
    assert reference is not None
    assert (reference.time, reference.counter) == (1579289712000000000, 1234567)
    assert (reference.module_index, reference.source) == (72, expected)
