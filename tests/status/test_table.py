"""The table that operators know, free of what was wrong with it.

Each test of the second part is named after a defect of lstosa 0.11.10 (its status table, autocloser
and closer, as read and as measured).
"""

import re
import sys

import pytest

from lstosa_luigi.cli import status as verb
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.status.model import Standing, State
from lstosa_luigi.status.table import HEAD, rows
from tests.fakes import made
from tests.status.test_status import ATTEMPT


def test_table_has_the_19_columns_of_lstosa_and_its_order_of_rows(shown) -> None:
    night = shown(runs=((3, "DATA", 2), (1, "DRS4", 1), (2, "PEDCALIB", 1), (4, "DATA", 3)))
    made.fill(night.root, but="DL1A Run00004.0002")
    lines = night.lstosa("status")[1].splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("Tel "))
    assert lines[head].split() == [
        *("Tel", "Seq", "Parent", "Type", "Run", "Subruns", "Source", "Action", "Tries", "JobID"),
        *("State", "CPU_time", "Exit", "DL1%", "MUONS%", "CAT-B", "DL1AB%", "DATACHECK%", "DL2%"),
    ]
    assert [" ".join(line.split()) for line in lines[head + 1 : head + 4]] == [
        "LST1 1 None PEDCALIB 00002 1 None None 1 None COMPLETED 00:01:00 0:0 "
        "None None None None None None",
        "LST1 2 1 DATA 00003 2 Crab None 1 None COMPLETED 00:01:30 0:0 100 100 None 100 100 100",
        "LST1 3 1 DATA 00004 3 Crab None 1 None READY 00:00:30 None 66 66 None 0 0 0",
    ]


def test_closed_night_has_closed_sequences(shown) -> None:
    night = shown()
    made.fill(night.root)
    made.close(night.root)
    assert {dict(zip(HEAD, row, strict=True))["Action"] for row in rows(night.status())} == {
        "Closed"
    }


def test_page_of_one_run_names_what_it_lacks(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00004.000[12]")
    made.fail(night.root, "DL1A Run00004.0001")
    code, page, _ = night.lstosa("status", "--run", "4")
    assert code == Standing.FAILED
    assert "processed; 3 of 3 subruns are wanted" in page
    assert re.search(r"DL1A +#+\.+ +1/3 +1 failed, 1 ready", page)
    assert "FAILED  DL1A Run00004.0001: exit code 1: told to fail (1 attempt)  /" in page
    assert "ready    DL1A Run00004.0002" in page.splitlines()
    assert "waiting  Tailcuts Run00004: waits for DL1A Run00004.0001" in page.splitlines()
    assert "00003" not in page
    code, printed, errors = night.lstosa("status", "--run", "44")
    assert (code, printed) == (40, "")
    assert errors == (
        "lstosa status: Run 00044 is not of 2024-03-02; the night has 00001, 00002, 00003, 00004.\n"
    )


def test_json_is_not_cut_by_other_options(shown) -> None:
    code, _, errors = shown().lstosa("status", "--json", "--failed")
    assert code == 40
    assert errors.startswith("lstosa status: --json gives all there is: ")


# --- terminal, pipe, watch -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_terminal", "variables", "is_coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_on_a_terminal_only_unless_unwanted(
    shown, monkeypatch, is_terminal, variables, is_coloured
) -> None:
    night = shown()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal, raising=False)
    page = night.lstosa("status")[1]
    assert ("\x1b[" in page) == is_coloured
    plain = re.sub(r"\x1b\[\d+m", "", page)
    assert "LST1    2  1       DATA      00003" in plain


def test_watch_shows_what_changes_and_ends_when_the_night_is_closed(shown, monkeypatch) -> None:
    night = shown()
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        made.fill(night.root)
        if len(waited) == 2:
            made.close(night.root)

    monkeypatch.setattr(verb.time, "sleep", wait)
    code, printed, _ = night.lstosa("status", "--watch")
    assert (code, len(waited)) == (Standing.CLOSED, 2)
    assert printed.count("Tel   Seq") == 3
    assert printed.count("is closed since") == 1


def test_watch_ends_with_ctrl_c_without_a_traceback(shown, monkeypatch) -> None:
    night = shown()

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verb.time, "sleep", interrupt)
    code, printed, errors = night.lstosa("status", "--watch")
    assert (code, errors) == (130, "")
    assert printed.startswith("LST1, night of 2024-03-02")


# --- defects of lstosa ---------------------------------------------------------------------


def test_table_on_stderr(shown) -> None:
    _, printed, errors = shown().lstosa("status")
    assert "Tel   Seq" in printed
    assert errors == ""


def test_all_of_an_empty_list_is_true(shown) -> None:
    """The autocloser closed a night of which it had not found a single sequence."""
    night = shown(runs=())
    code, _, errors = night.lstosa("status")
    assert code != Standing.CLOSED
    assert "Traceback" not in errors


def test_failed_look_at_the_night_taken_for_ready(shown) -> None:
    night = shown()
    made.fill(night.root)
    night.night.run_summary.write_text("damaged")
    assert night.lstosa("status")[0] == 30


def test_first_history_file_of_each_run_never_looked_at(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00004.0000")
    made.fail(night.root, "DL1A Run00004.0000")
    assert night.status().standing is Standing.FAILED
    assert (night.row(4)["State"], night.row(4)["Action"]) == ("FAILED", "Check")


def test_number_of_files_not_compared_with_the_number_of_subruns(shown) -> None:
    night = shown()
    made.fill(night.root, but=r"DL1A Run00004.000[12]")
    assert night.row(4)["DL1%"] == "33"
    assert night.status().of_run(4).of("DL1A").total == 3


def test_source_name_with_a_space_drops_the_run(shown) -> None:
    night = shown(sources={4: "Mrk 421"})
    assert night.row(4)["Source"] == "Mrk 421"
    assert "  Mrk 421  " in night.lstosa("status")[1]
    assert [run["source"] for run in night.json()["runs"]] == ["", "", "Crab", "Mrk 421"]


def test_run_numbers_that_are_part_of_each_other_counted_together(shown) -> None:
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (1968, "DATA", 2), (19681, "DATA", 2))
    night = shown(runs=runs)
    made.fill(night.root, but="DL1A Run01968.*")
    assert (night.row(1968)["DL1%"], night.row(19681)["DL1%"]) == ("0", "100")
    assert night.status().of_run(2).state is State.DONE  # "2" is also part of the date


def test_datacheck_150_percent_after_closing(shown) -> None:
    """lstosa counted the run-wise file as well."""
    night = shown()
    made.fill(night.root)
    made.close(night.root)
    assert [night.row(run)["DATACHECK%"] for run in (3, 4)] == ["100", "100"]


def test_cpu_time_wraps_at_24_hours(shown) -> None:
    night = shown(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1)))
    made.fill(night.root, but="Tailcuts .*")
    made.put_record(made.find(night.root, "DL1A Run00003.0000"), cpu_seconds=26 * 3600.0)
    assert night.row(3)["CPU_time"] == "26:00:00"


def test_state_of_the_last_job_instead_of_the_product(shown) -> None:
    """A cancelled duplicate kept a night from being closed although all its products were there."""
    night = shown()
    made.fill(night.root)
    journal.append(night.night.analysis / "arrays", [ATTEMPT])
    assert night.row(3)["State"] == "COMPLETED"
    assert night.states()["DL1A Run00003.0000"] == "done"


def test_cancelled_task_that_did_not_finish_yet_for_ever(shown) -> None:
    """Nobody heard more of it than that the step "did not finish yet"."""
    night = shown()
    made.fill(night.root, but="DL1A Run00004.0001")
    made.fail(night.root, "DL1A Run00004.0001", "cancelled before it was done", state="cancelled")
    page = night.lstosa("status", "--run", "4")[1]
    assert "ready    DL1A Run00004.0001: cancelled before it was done" in page
    assert "To have it processed: luigi " in night.lstosa("status")[1]


def test_skipped_stage_counts_as_success(shown) -> None:
    """DL1b without its Cat-B calibration ended with 0."""
    night = shown(options={"lstchain": {"apply_catB_calibration": "true"}})
    made.fill(night.root, but="CatBCalibration Run00003")
    assert night.states()["DL1B Run00003.0000"] == "waiting"
    assert (night.row(3)["CAT-B"], night.row(4)["CAT-B"]) == ("READY", "CLOSED")


def test_cat_b_that_is_not_asked_for_holds_the_night_up(shown) -> None:
    night = shown()
    made.fill(night.root)
    assert night.row(3)["CAT-B"] == "None"
    assert {p.state for p in night.status().products} == {State.DONE}


def test_empty_run_catalogue_unnoticed(shown) -> None:
    night = shown()
    catalog = night.root.layout.run_catalog()
    catalog.write_text(re.sub("(?m)^[34],.*\n", "", catalog.read_text()))
    made.fill(night.root)
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "MISSING  The source of run 00003 is not known: " in page
    assert night.row(3)["State"] == "WAITING"


def test_muons_of_the_pedcalib_run_merged_and_failed_every_night(shown) -> None:
    night = shown()
    assert {p.run for p in night.status().products if p.product == "MergedMuons"} == {3, 4}


def test_jobs_of_other_nights_hold_the_night_up(shown) -> None:
    night = shown()
    made.fill(night.root)
    other = night.night.analysis.parents[1] / "20240301/v0.12.3/arrays"
    journal.append(other, [ATTEMPT])
    assert night.status().standing is Standing.WAITING
    made.close(night.root)
    assert night.status().standing is Standing.CLOSED
