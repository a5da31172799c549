"""The pages of a night say what its status says, whatever the night is like."""

import os
import re
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.pages.night import LOGS, SHOWN
from lstosa_luigi.status.table import HEAD, rows
from lstosa_luigi.status.verdict import headline
from tests.fakes import made
from tests.pages.conftest import pages_of

CALIBRATION = ((1, "DRS4", 1), (2, "PEDCALIB", 1))


def put_log(night, unit: str, content: bytes) -> Path:
    log = night.night.analysis / f"log/{unit}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(content)
    return log


def fail_dl1a(night, content: bytes = b"") -> None:
    made.fill(night.root, but="DL1A Run00004.0001")
    made.fail(night.root, "DL1A Run00004.0001", "exit code 1: told to fail", attempt=2)
    put_log(night, "Run00004.0001_DL1A", content)


# --- the same as the status ----------------------------------------------------------------


def test_page_has_rows_words_and_counts_of_the_status(shown, written) -> None:
    night = shown()
    fail_dl1a(night, b"one\ntwo\n")
    page, status = written(night), night.status()
    assert page.table("The calibration of the night") == [list(HEAD), *map(list, rows(status))]
    assert status.conclusion in page.words
    assert headline(status) == "Failed: 1 product could not be made"
    assert headline(status) in page.words
    assert headline(status) in night.lstosa("status")[1].splitlines()
    done, total = (sum(getattr(p, key) for p in status.progress) for key in ("done", "total"))
    assert f"{done} of {total} products are there, 1 failed" in page.words
    counts = {row[0]: row[2] for row in page.table("How many of each kind")[1:]}
    assert counts == {p.product: f"{p.done}/{p.total}" for p in status.progress}
    for step in status.next_steps:
        assert step in page.words


def test_failure_has_cause_attempts_exit_log_and_what_to_do(shown, written) -> None:
    night = shown()
    fail_dl1a(night, b"".join(b"line %d\n" % n for n in range(40)))
    words = written(night).words
    assert "FAILED DL1A Run00004.0001 exit code 1: told to fail 2 attempts, exit 1:0" in words
    assert "Run00004.0001_DL1A.log line 20 line 21" in words
    assert "line 39 Remove the cause and give the command again, or leave it out: lstosa " in words
    assert "lstosa decide --date 2024-03-02 --discard 00004.0001 --why ..." in words
    assert "line 19" not in words


def test_log_of_any_kind_is_shown_as_text(shown, written) -> None:
    night = shown()
    evil = b"</pre><script>alert(1)</script>\n\x1b[31mred\x1b[0m \x00\x08\n\xff\xfe latin \xe9\n"
    fail_dl1a(night, b"10%\r100%\r\n" + evil + b"x" * 50_000)
    page = written(night)
    assert page.scripts == 2, "our own"
    assert "100% </pre><script>alert(1)</script> red \ufffd" in page.words
    assert "10% 100%" not in page.words
    assert "latin \ufffd" in page.words
    text = pages_of(night).night(night.root.layout).read_bytes()
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", text)
    assert len(text) < 60_000


def test_log_that_is_not_there_is_named_without_a_link(shown, written) -> None:
    night = shown()
    fail_dl1a(night)
    (night.night.analysis / "log/Run00004.0001_DL1A.log").unlink()
    assert f"log: {night.night.analysis}/log/Run00004.0001_DL1A.log" in written(night).words


def test_many_failures_of_one_cause_have_one_log_and_are_named_together(shown, written) -> None:
    night = shown(runs=(*CALIBRATION, (3, "DATA", 50)))
    made.fill(night.root, but="DL1A .*")
    for subrun in range(50):
        made.fail(night.root, f"DL1A Run00003.{subrun:04d}")
        put_log(night, f"Run00003.{subrun:04d}_DL1A", b"said")
    page = written(night)
    assert "And for the same cause: 00003.0001-0049" in page.words
    assert sum(name == "pre" for name, _ in page.attributes) == 1


def test_many_causes_have_so_many_logs(shown, written) -> None:
    night = shown(runs=(*CALIBRATION, (3, "DATA", 30)))
    made.fill(night.root, but="DL1A .*")
    for subrun in range(30):
        made.fail(night.root, f"DL1A Run00003.{subrun:04d}", f"cause {subrun}")
        put_log(night, f"Run00003.{subrun:04d}_DL1A", b"said")
    page = written(night)
    assert SHOWN < LOGS == sum(name == "pre" for name, _ in page.attributes)
    assert "cause 29" in page.words


def test_decisions_discarded_subruns_and_choices_with_reasons(shown, written) -> None:
    night = shown()
    made.fill(night.root)
    for words in (("--discard", "4.2"), ("--veto", "3")):
        assert night.lstosa("decide", *words, "--why", "car flash <b>")[0] == ExitCode.OK
    page = written(night)
    decided = page.table("What the operators decided")
    assert [row[1:3] for row in decided[1:]] == [
        ["discard subrun 00004.0002", "car flash <b>"],
        ["veto run 00003", "car flash <b>"],
    ]
    runs = {row[0]: row for row in page.table("All runs")[1:]}
    assert (runs["00004"][3], "discarded 0002" in runs["00004"][6]) == ("2 of 3", True)
    assert (runs["00003"][4], runs["00003"][5][:6]) == ("vetoed", "vetoed")
    chosen = {(row[0], row[1]): row[2:] for row in page.table("What the night is calibrated")[1:]}
    assert chosen["the night", "PEDCALIB run"] == [
        "00002 of 2024-03-02",
        "last PEDCALIB run of 2024-03-02",
    ]
    assert ("00004", "cleaning") in chosen


def test_long_term_page_and_plots_are_linked(shown, written) -> None:
    night = shown()
    made.fill(night.root)
    page = written(night)
    names = {link.rpartition("/")[2] for link in page.links}
    assert {"DL1_datacheck_20240302.html", "datacheck_dl1_LST-1.Run00003.pdf"} <= names
    assert not [link for link in page.links if link.endswith(".png")], "no PDF can be drawn here"


def test_provenance_is_linked_once_it_is_there(shown, written) -> None:
    night = shown()
    assert "Provenance" not in written(night).words
    dl1 = night.root.layout.dl1_night() / "tailcut84/log/calibration_to_dl1_00003_prov"
    whole = night.root.layout.log("").parent / "night_20240302_prov"
    for at in (dl1, whole):
        at.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".json", ".svg", "_full.json"):
            Path(f"{at}{suffix}").write_text("{}")
    page = written(night)
    told = page.table("W3C PROV documents")[1:]
    as_both = "drawing, PROV-JSON"
    assert told == [["The night", as_both], ["Run 00003, to DL1", as_both]]
    links = {link for link in page.links if "_prov" in link}
    assert {link.rpartition("/")[2] for link in links} == {
        f"{at.name}{suffix}" for at in (dl1, whole) for suffix in (".json", ".svg")
    }


# --- nights of all kinds -------------------------------------------------------------------


def test_night_without_run_summary_or_runs(shown, written) -> None:
    night = shown(with_summary=False)
    page = written(night)
    assert "RunSummary" in page.words
    assert page.tables.keys().isdisjoint({"All runs"})
    assert "No data found" in written(night, "gain selection").words
    empty = shown(runs=())
    assert "No data found" in written(empty, "gain selection").words
    assert "is not closed" in written(empty).words


def test_night_with_calibration_only(shown, written) -> None:
    night = shown(runs=CALIBRATION)
    made.fill(night.root)
    table = written(night).table("The calibration of the night")
    assert [row[HEAD.index("Run")] for row in table[1:]] == ["00002"]
    assert "Only calibration events were taken." in written(night, "gain selection").words
    assert written(night, "catalogue").words.count("0 runs of data of 0 sources") == 1


def test_names_with_spaces_single_subruns_and_runs_that_are_part_of_each_other(
    shown, written
) -> None:
    runs = (*CALIBRATION, (1968, "DATA", 1), (19681, "DATA", 2), (968, "DATA", 1))
    sources = {1968: "Mrk 421 (wobble)", 19681: "a<b>&c", 968: "Crab"}
    night = shown(runs=runs, sources=sources)
    made.fill(night.root, but="DL1A Run01968.0000")
    made.fail(night.root, "DL1A Run01968.0000")
    page = written(night)
    table = {row[HEAD.index("Run")]: row for row in page.table("The calibration of the night")}
    assert [table[run][HEAD.index("State")] for run in ("00968", "01968", "19681")] == [
        "COMPLETED",
        "FAILED",
        "COMPLETED",
    ]
    assert [table[run][HEAD.index("DL1%")] for run in ("00968", "01968", "19681")] == [
        "100",
        "0",
        "100",
    ]
    assert table["01968"][HEAD.index("Source")] == "Mrk 421 (wobble)"
    runs_listed = {row[0]: row[6] for row in page.table("All runs")[1:]}
    assert runs_listed == {
        "00001": "",
        "00002": "",
        "00968": "",
        "01968": "failed 0000",
        "19681": "",
    }
    catalogue = written(night, "catalogue").table("DATA runs of all nights")
    assert [row[:3] for row in catalogue[1:]] == [
        ["19681", "a<b>&c", "2024-03-02"],
        ["01968", "Mrk 421 (wobble)", "2024-03-02"],
        ["00968", "Crab", "2024-03-02"],
    ]
    assert catalogue[1][5:9] == ["83.633", "22.015", "2", "done"]


def test_half_written_record_is_told(shown, written) -> None:
    night = shown()
    fail_dl1a(night)
    path = night.night.analysis / "records/Run00004.0001_DL1A.json"
    path.write_text(path.read_text()[:40])
    page = written(night)
    (row,) = [row for row in page.table("Products that are under way") if row[1] == "DL1A"]
    assert row == ["ready", "DL1A", f"its record cannot be read: {path}", "00004.0001"]


def test_night_whose_run_summary_is_damaged_has_a_page_that_says_so(shown) -> None:
    night = shown()
    night.night.run_summary.write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: run_id, data")
    code, printed, errors = night.lstosa("pages")
    assert (code, printed) == (ExitCode.TASK_FAILED, "")
    assert errors.startswith(f"lstosa pages: {night.night.run_summary}: cannot be read as a run")
    text = pages_of(night).night(night.root.layout).read_text()
    assert "Failed: the night cannot be read" in text
    assert str(night.night.run_summary) in text
    assert "the night cannot be read" in pages_of(night).index().read_text()
    code, printed, errors = night.lstosa("status")
    assert (code, printed) == (ExitCode.TASK_FAILED, "")


def test_night_that_is_worked_on_goes_on(shown, written) -> None:
    night = shown()
    made.fill(night.root, but="DL1A .*")
    held = night.root.lock()
    held.acquire()
    try:
        words = written(night).words
        assert "Going on: a command is at work on it" in words
        assert f"is being worked on by process {os.getpid()}" in words
        assert "going on" in written(night, "index").words
    finally:
        held.release()
    assert "Waits for a person: nobody is at work on it" in written(night).words


def test_waiting_for_data_is_told_with_what_to_do(shown, written) -> None:
    night = shown()
    night.night.drive_log.unlink()
    words = written(night).words
    assert "Waits for data: 1 thing missing; for a person: nobody is at work on it" in words
    assert f"{night.night.drive_log} is not there. Copy it from the drive system" in words


def test_unknown_type_waits_for_a_person(shown) -> None:
    night = shown(runs=(*CALIBRATION, (3, "DATA", 1), (4, "DATTA", 1)))
    made.fill(night.root)
    assert headline(night.status()).startswith("Waits for a person to say what run 00004 is")


def test_closed_night_is_closed(shown, written) -> None:
    night = shown()
    made.fill(night.root)
    made.close(night.root)
    page = written(night)
    assert "Closed Night 2024-03-02 (v0.12.3) is closed" in page.words
    assert "Nothing is to be done." in page.words
    assert "What to do" not in page.words


# --- gain selection ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacking", "word", "cells"),
    [
        ("nothing", "COMPLETED", ["3", "0", "3", "0", "100"]),
        ("GainSelection Run00004.0001", "RUNNING", ["3", "1", "2", "0", "66"]),
        ("GainSelection Run00004.*", "NOT STARTED", ["3", "3", "0", "0", "0"]),
    ],
)
def test_gain_selection_in_the_words_of_lstosa(shown, written, lacking, word, cells) -> None:
    night = shown(states={3: "legacy_raw", 4: "legacy_raw"})
    made.fill(night.root, but=f"{lacking}|DL1A Run00004.*")
    page = written(night, "gain selection")
    row = {row[0]: row for row in page.table("Subruns of each run")[1:]}["00004"]
    assert (row[7], row[2:7]) == (word, cells)
    assert "lstchain_r0_to_r0g" in row[8]


def test_gain_selection_that_failed_and_one_that_is_not_needed(shown, written) -> None:
    night = shown(states={4: "legacy_raw"})
    made.fill(night.root, but="GainSelection Run00004.0001")
    made.fail(night.root, "GainSelection Run00004.0001")
    rows = {
        row[0]: row for row in written(night, "gain selection").table("Subruns of each run")[1:]
    }
    assert rows["00004"][7] == "FAILED"
    assert rows["00003"][7] == "NOT NEEDED"
