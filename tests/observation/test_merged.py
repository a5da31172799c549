"""The runs of all nights in one table: nothing is lost, nothing is there twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.merged import has_rows, merge

HEAD = "# %ECSV 1.0\n# ---\ndate run_id run_type n_subruns run_start ra dec alt az\n"


def night(date, *runs, kind="DATA"):
    return HEAD + "".join(f"{date} {run} {kind} 9 {date}T21:00:00.000 1 2 3 4\n" for run in runs)


PARTS = [night(f"2024-03-0{day}", 10 * day + 9, 10 * day) for day in range(1, 5)]


def test_rows_of_lstosas_own_table_are_kept():
    old = night("2019-11-23", 1618, 1619)
    both = merge(old, [PARTS[0]], "t")
    assert [line.split()[1] for line in both.splitlines()[3:]] == ["1618", "1619", "10", "19"]
    assert has_rows(both, old)
    assert has_rows(both, PARTS[0])
    assert not has_rows(both, PARTS[1])


def test_a_night_that_changed_replaces_what_there_was_of_it():
    table = merge("", PARTS, "t")
    changed = night("2024-03-02", 20, kind="EDATA")
    assert not has_rows(table, changed)
    again = merge(table, [changed], "t")
    assert has_rows(again, changed)
    assert has_rows(again, PARTS[2])
    assert len(again.splitlines()) == len(table.splitlines()) - 1


@settings(max_examples=20)
@given(order=st.permutations(PARTS), twice=st.sampled_from(PARTS))
def test_order_and_repetition_do_not_matter(order, twice):
    table = ""
    for part in (*order, twice):
        table = merge(table, [part], "t")
    assert table == merge("", PARTS, "t")


@pytest.mark.parametrize(
    "text", ["x", PARTS[0][:-5], PARTS[0].replace("run_start ", ""), PARTS[0] + "2024 x\n"]
)
def test_damaged_table_is_named_and_not_written_over(text):
    with pytest.raises(InputError, match=r"^OSA/t: cannot be read as the runs of all nights"):
        merge(text, [PARTS[1]], "OSA/t")
    assert not has_rows(text, PARTS[0])
