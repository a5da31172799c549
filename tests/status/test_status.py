"""How products, runs and the night stand, as what is found on disk and in the queue says."""

import collections
import dataclasses
import json
import os
import re
import shutil
import socket

import pytest

from lstosa_luigi.execution import files, lock
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.manifest import Manifest, write_manifest
from lstosa_luigi.execution.slurm.parse import ElementId, QueueRow
from lstosa_luigi.status import facts
from lstosa_luigi.status.data import SCHEMA, as_data
from lstosa_luigi.status.facts import Queue
from lstosa_luigi.status.model import Standing, State, worst
from tests.fakes import made
from tests.status.schemas import check

ATTEMPT = journal.Attempt(
    job="Run00003.0000_DL1A",
    title="DL1A Run00003.0000",
    element="12_0",
    ended="2024-03-03T09:00:00+00:00",
    cause="out of memory",
    text="out of memory",
    decision="not tried again",
    state="OUT_OF_MEMORY",
    exit="0:9",
    seconds=5.0,
    memory_kb=1,
    node="n1",
    resources={"mem_mb": 1},
    again=None,
)


def product(shown, title, **options):
    (found,) = [p for p in shown.status(**options).products if p.title == title]
    return found


# --- products ------------------------------------------------------------------------------


def test_product_waits_for_what_it_needs_and_is_ready_once_that_is_there(shown) -> None:
    night = shown()
    states = night.states()
    assert states["Drs4Pedestal Run00001"] == states["RandomForests " + night_model()] == "ready"
    waiting = product(night, "DL1A Run00003.0001")
    assert (waiting.state, waiting.waits_for) == (State.WAITING, "Drs4Pedestal Run00001")
    made.fill(night.root, but="DL1A .*")
    assert night.states()["DL1A Run00003.0001"] == "ready"
    assert product(night, "Tailcuts Run00004").waits_for == "DL1A Run00004.0000"


def night_model() -> str:
    return "20240918_v0.10.12_allsky_nsb_tuning_0.14_dec_2276"


def test_failed_product_has_cause_attempts_exit_and_log(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00004.0001")
    made.fail(night.root, "DL1A Run00004.0001", "exit code 3: bad", exit_code=3, attempt=2)
    found = product(night, "DL1A Run00004.0001")
    assert (found.state, found.cause, found.attempts) == (State.FAILED, "exit code 3: bad", 2)
    assert (found.exit, found.log) == (
        "3:0",
        str(night.night.analysis / "log/Run00004.0001_DL1A.log"),
    )
    code, page, _ = night.lstosa("status")
    assert code == Standing.FAILED
    line = f"FAILED  DL1A Run00004.0001: exit code 3: bad (2 attempts)  {found.log}"
    assert line in page.splitlines()
    assert night.lstosa("status", "--failed")[:2] == (Standing.FAILED, f"{line}\n")
    assert night.lstosa("status", "--failed", "--run", "3")[1] == "Nothing failed.\n"
    assert f"lstosa decide --date {night.night.date} --discard 00004.0001 --why ..." in page


def test_many_failures_of_one_cause_are_told_together(shown) -> None:
    night = shown(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 9)))
    made.fill(night.root, but="DL1A .*")
    for subrun in range(9):
        made.fail(night.root, f"DL1A Run00003.000{subrun}")
    lines = night.lstosa("status", "--failed")[1].splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("Run00003.0004 and 4 more, for the same cause")


@pytest.mark.parametrize("state", ["cancelled", "done"])
def test_cancelled_or_removed_product_is_made_by_the_next_command(shown, state) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00003.0000")
    made.fail(night.root, "DL1A Run00003.0000", "cancelled", state=state)
    assert product(night, "DL1A Run00003.0000").state is State.READY
    assert night.status().standing is Standing.WAITING


def test_half_written_record_is_named_and_hides_nothing(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00003.0000")
    made.fail(night.root, "DL1A Run00003.0000")
    path = made.find(night.root, "DL1A Run00003.0000").layout.record("Run00003.0000_DL1A")
    path.write_text(path.read_text()[:40])
    found = product(night, "DL1A Run00003.0000")
    assert found.state is State.READY
    assert found.cause == f"its record cannot be read: {path}"


def test_volumes_and_times_are_told_where_they_are_asked_for(shown) -> None:
    night = shown()
    made.fill(night.root)
    assert product(night, "DL2 Run00003").size is None
    found = product(night, "DL2 Run00003", volumes=True)
    (path,) = night.night.base.rglob("dl2_LST-1.Run00003.h5")
    assert found.size == path.stat().st_size > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found.made)
    kinds = {part.product: part for part in night.status(volumes=True).progress}
    assert kinds["DL1A"].size == 5 * product(night, "DL1A Run00003.0000", volumes=True).size
    assert (kinds["DL1A"].seconds, kinds["DL1A"].cpu_seconds) == (60.0, 30.0)


# --- what is under way ---------------------------------------------------------------------


def test_scratch_folder_of_a_live_process_says_what_is_running_on_this_machine(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A .*")
    folder = night.night.analysis / ".scratch" / files.scratch_name("Run00003.0001_DL1A.2")
    folder.mkdir(parents=True)
    assert product(night, "DL1A Run00003.0001").state is State.RUNNING
    assert product(night, "DL1A Run00003.0000").state is State.READY
    assert night.status().standing is Standing.GOING_ON
    assert night.row(3)["State"] == "RUNNING"
    folder.rename(folder.with_name(f"{folder.name}0"))  # the process started at another time
    assert product(night, "DL1A Run00003.0001").state is State.READY


def test_scratch_folder_of_another_host_counts_while_a_command_there_has_the_lock(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A .*")
    (night.night.analysis / ".scratch/Run00003.0001_DL1A.1@elsewhere@12@34").mkdir(parents=True)
    assert product(night, "DL1A Run00003.0001").state is State.READY
    held = night.root.lock()
    held.acquire()
    try:
        who = night.root.layout.lock(night.root.task_id)
        who.write_text(who.read_text().replace(socket.gethostname(), "elsewhere"))
        assert product(night, "DL1A Run00003.0001").state is State.RUNNING
    finally:
        held.release()


def test_command_that_is_at_work_is_named_and_what_failed_before_it_is_open_again(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00003.0000")
    made.fail(night.root, "DL1A Run00003.0000")
    assert night.status().standing is Standing.FAILED
    held = night.root.lock()
    held.acquire()
    try:
        status = night.status()
        assert [work.title for work in status.at_work] == [night.root.title]
        assert status.standing is Standing.GOING_ON
        assert status.next_steps[0].startswith(f"{night.root.title} is being worked on by process ")
        assert product(night, "DL1A Run00003.0000").state is State.READY
        made.fail(night.root, "DL1A Run00003.0000", end="2999-01-01T00:00:00+00:00")
        assert night.status().standing is Standing.FAILED
    finally:
        held.release()
    assert lock.holder_of(held.path) is None


def queue_of(*rows) -> Queue:
    queue = Queue()
    queue.rows = list(rows)
    return queue


def submit(night, name, **elements):
    """Write a manifest of products by their titles."""
    jobs = {int(i[1:]): [made.find(night.root, t).job() for t in ts] for i, ts in elements.items()}
    manifest = Manifest(name, name, 0.0, {"mem_mb": 1}, jobs, {})
    write_manifest(night.night.analysis / "arrays", manifest)


def test_queue_says_what_is_queued_and_running_and_what_follows_in_the_same_job(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1B .*")
    pair = [("DL1B Run00003.0000", "DL1Check Run00003.0000"), ("DL1B Run00003.0001",)]
    submit(night, "lstosa-a", _0=pair[0], _1=pair[1])
    queue = queue_of(
        QueueRow(ElementId(7, 0), "RUNNING", "None", "lstosa-a"),
        QueueRow(ElementId(7, 1), "PENDING", "Priority", "lstosa-a"),
        QueueRow(ElementId(8, 1), "RUNNING", "None", "lstosa-of-another-night"),
    )
    found = {p.title: p for p in night.status(queue=queue).products}
    assert found["DL1B Run00003.0000"].state is State.RUNNING
    assert found["DL1B Run00003.0000"].job_id == "7_0"
    assert found["DL1Check Run00003.0000"].state is State.QUEUED
    queued = found["DL1B Run00003.0001"]
    assert (queued.state, queued.waits_for) == (State.QUEUED, "Priority")
    assert night.status(queue=queue).standing is Standing.GOING_ON
    made.put(made.find(night.root, "DL1B Run00003.0000"))
    assert {p.title: p.state for p in night.status(queue=queue).products}[
        "DL1Check Run00003.0000"
    ] is State.RUNNING


def test_attempt_that_failed_on_slurm_counts_unless_another_follows(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00003.0000")
    arrays = night.night.analysis / "arrays"
    journal.append(arrays, [dataclasses.replace(ATTEMPT, again={"mem_mb": 2})])
    assert product(night, "DL1A Run00003.0000").state is State.READY
    journal.append(arrays, [ATTEMPT])
    found = product(night, "DL1A Run00003.0000")
    assert (found.state, found.attempts, found.exit) == (State.FAILED, 2, "0:9")
    assert found.cause == "out of memory; not tried again"
    assert found.log.endswith("/log/Run00003.0000_DL1A_12_0.log")


def test_slurm_that_does_not_answer_is_said_and_hides_nothing(shown) -> None:
    night = shown(options={"execution": {"backend": "slurm"}, "slurm": {"partition": "short"}})
    made.fill(night.root, but="DL1A .*")
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "Slurm does not answer, so live jobs are not known: squeue: " in page
    assert night.states()["DL1A Run00003.0001"] == "ready"


def test_slurm_is_asked_once_within_its_poll_interval_however_often_somebody_looks(
    shown, monkeypatch
) -> None:
    night = shown(
        options={
            "execution": {"backend": "slurm"},
            "slurm": {"partition": "short", "poll_interval": "30"},
        }
    )
    calls: list[float] = []
    now = [100.0]

    class Cluster:
        def queue(self) -> list[QueueRow]:
            calls.append(now[0])
            return []

    monkeypatch.setattr(facts, "Slurm", Cluster)
    queue = Queue(clock=lambda: now[0])
    for now[0] in (100.0, 105.0, 129.0, 131.0, 140.0):
        night.status(queue=queue)
    assert calls == [100.0, 131.0]


# --- runs and the night --------------------------------------------------------------------


def test_what_operators_left_out_is_neither_failed_nor_lacking(shown) -> None:
    night = shown(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), *((n, "DATA", 2) for n in (3, 4, 5))))
    for words in (("--discard", "3.0"), ("--veto", "4"), ("--discard", "5")):
        assert night.lstosa("decide", *words, "--why", "clouds")[0] == 0
    made.fill(night.root)
    status = night.status()
    runs = {run.run: run for run in status.runs}
    assert [subrun.state for subrun in runs[3].subruns] == [State.DISCARDED, State.DONE]
    assert {run: runs[run].state for run in (3, 4, 5)} == {
        3: State.DONE,
        4: State.VETOED,
        5: State.DISCARDED,
    }
    assert {subrun.state for subrun in runs[4].subruns} == {State.VETOED}
    assert (night.row(3)["Subruns"], night.row(3)["DL1%"]) == ("1", "100")
    assert [night.row(run)["Action"] for run in (3, 4, 5)] == ["None", "Veto", "Discard"]
    page = night.lstosa("status")[1]
    assert "decision 1  discard subrun 00003.0000: clouds (" in page
    assert "discarded: 0000" in night.lstosa("status", "--run", "3")[1]


def test_missing_drive_log_is_waited_for_until_nothing_needs_it(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00003.0000")
    night.night.drive_log.unlink()
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "MISSING  No drive log of 2024-03-02: " in page
    assert product(night, "DL1A Run00003.0000").waits_for == "DriveLog"
    assert product(night, "DL1A Run00003.0001").state is State.DONE
    assert night.row(3)["State"] == "WAITING"
    night.night.drive_log.write_text("there\n")
    made.fill(night.root)
    night.night.drive_log.unlink()
    assert night.status().missing == ()


def test_run_of_unknown_type_waits_for_a_person(shown) -> None:
    night = shown(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (4, "TEST", 1)))
    made.fill(night.root)
    status = night.status()
    assert (status.standing, status.unknown_runs) == (Standing.WAITING, (4,))
    assert night.row(4)["State"] == "WAITING"
    assert any("--set-type 4 TYPE" in step for step in status.next_steps)


def test_calibration_run_of_an_earlier_night_has_its_row(shown) -> None:
    night = shown(runs=((13, "DATA", 1),), options={"calibration": {"max_days_back": "4"}})
    other = night.night.add_night("2024-03-01", ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    made.write_summary(other)
    made.fill(night.root)
    status = night.status()
    assert (status.drs4_run, status.pedcalib_run) == (11, 12)
    run = status.of_run(12)
    assert (run.night, run.treatment) == (
        "2024-03-01",
        "calibrates the night, borrowed of 2024-03-01",
    )
    assert [night.row(n)["State"] for n in (12, 13)] == ["COMPLETED", "COMPLETED"]


def test_accepted_night_waits_only_for_its_command(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00003.0000")
    made.fail(night.root, "DL1A Run00003.0000")
    assert night.lstosa("decide", "--accept-incomplete", "--why", "enough")[0] == 0
    status = night.status()
    assert status.standing is Standing.WAITING
    assert {p.state for p in status.products} == {State.DONE, State.LEFT}
    made.close(night.root)
    code, page, _ = night.lstosa("status")
    assert code == Standing.CLOSED
    assert "accepted as incomplete, without " in page
    assert "What to do:" not in page


def test_night_before_its_run_summary(shown) -> None:
    night = shown(with_summary=False)
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "RunSummary" in page
    assert f"{night.night.run_summary} is not there yet: " in page
    assert night.json()["runs"] == []


def test_night_without_raw_data_waits_for_data(shown) -> None:
    night = shown(with_summary=False, runs=())
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "MISSING  No raw data of 2024-03-02: " in page


def test_night_with_calibration_runs_only(shown) -> None:
    night = shown(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)))
    made.fill(night.root)
    assert [night.row(2)[key] for key in ("Type", "State", "Exit")] == [
        "PEDCALIB",
        "COMPLETED",
        "0:0",
    ]
    assert night.status().standing is Standing.WAITING
    assert night.status().next_steps[-1].startswith("To close it: luigi ")
    made.close(night.root)
    assert night.lstosa("status")[0] == Standing.CLOSED


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("run_summary", "run_id,n_sub"),
        ("run_catalog", "run_id,sour"),
        ("decisions", "schema_version: ["),
    ],
)
def test_damaged_table_is_answered_with_one_line_that_names_it(shown, place, text) -> None:
    night = shown()
    path = getattr(night.root.layout, place)()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    code, printed, errors = night.lstosa("status")
    assert (code, printed) == (30, "")
    assert errors.startswith(f"lstosa status: {path}: ")
    assert "Traceback" not in errors


def test_damaged_flag_and_damaged_manifest_and_journal_hide_nothing(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL1B .*")
    arrays = night.night.analysis / "arrays"
    arrays.mkdir(parents=True)
    (arrays / "lstosa-a.json").write_text('{"elements": ')
    (arrays / "attempts.jsonl").write_text('{"job": "Run')
    queue = queue_of(QueueRow(ElementId(7, 0), "RUNNING", "None", "lstosa-a"))
    assert night.status(queue=queue).standing is Standing.WAITING
    made.fill(night.root)
    night.night.flag.parent.mkdir(parents=True)
    night.night.flag.write_text('{"date": ')
    status = night.status()
    assert status.is_closed
    assert status.conclusion == f"Night 2024-03-02 (v0.12.3) is closed. {night.night.flag}"


def test_link_that_leads_nowhere_is_no_product(shown) -> None:
    night = shown()
    made.fill(night.root)
    dl1a = night.root.layout.dl1a(3, 0)
    aside = dl1a.rename(dl1a.with_name("aside"))
    dl1a.symlink_to(aside)
    assert product(night, "DL1A Run00003.0000").state is State.DONE
    aside.unlink()
    assert product(night, "DL1A Run00003.0000").state is State.READY


def test_of_several_states_the_one_that_needs_a_person_most_counts() -> None:
    assert worst([State.DONE, State.WAITING, State.RUNNING]) is State.RUNNING
    assert worst([State.FAILED, State.RUNNING]) is State.FAILED
    assert worst([]) is None


def test_each_directory_is_listed_once_and_nothing_is_written(shown, monkeypatch) -> None:
    night = shown()
    made.fill(night.root, but="DL1A Run00004.0001")
    before = {path: path.lstat().st_mtime_ns for path in night.night.everything()}
    listed, scandir = collections.Counter(), os.scandir

    def counted(directory="."):
        listed[str(directory)] += 1
        return scandir(directory)

    monkeypatch.setattr(os, "scandir", counted)
    night.status()
    monkeypatch.undo()
    layout = made.use(night.night).layout
    for directory in (
        layout.analysis(),
        layout.muons_dir(),
        layout.dl1b_dir("tailcut84"),
        layout.datacheck_dir("tailcut84"),
        layout.record("").parent,
        layout.tailcuts_config(3).parent,
    ):
        assert listed[str(directory)] == 1, directory
    assert {path: path.lstat().st_mtime_ns for path in night.night.everything()} == before


# --- JSON ----------------------------------------------------------------------------------


def test_json_is_as_its_schema_says_in_any_state(shown) -> None:
    schema = json.loads(SCHEMA.read_text())
    night = shown(with_summary=False)
    check(night.json(), schema)
    made.write_summary(night.night)
    made.fill(night.root, but="DL1A Run00003.0000|Tailcuts Run00004")
    made.fail(night.root, "DL1A Run00003.0000")
    assert night.lstosa("decide", "--discard", "4.1", "--why", "clouds")[0] == 0
    night.night.drive_log.unlink()
    held = night.root.lock()
    held.acquire()
    try:
        data = night.json()
    finally:
        held.release()
    check(data, schema)
    assert data["at_work"][0]["host"] == socket.gethostname()
    assert data["exit_code"] == 20
    status = as_data(night.status())
    assert status["schema_version"] == schema["properties"]["schema_version"]["const"]
    with pytest.raises(AssertionError, match="is not described"):
        check({**data, "more": 1}, schema)


# --- gain selection, fallbacks, calibration by the event builder ---------------------------


def test_refused_tailcuts_count_as_done_and_the_reason_and_fallback_are_shown(shown) -> None:
    night = shown(options={"fallback": {"tailcuts": "standard"}})
    made.fill(night.root, but="Tailcuts Run00004")
    assert product(night, "Tailcuts Run00004").state is State.READY
    made.refuse(night.root, "Tailcuts Run00004", "only 20 pedestals")
    found = product(night, "Tailcuts Run00004")
    assert (found.state, found.refusal) == (State.DONE, "only 20 pedestals")
    made.fill(night.root)
    status = night.status()
    said = (
        "run 00004: standard cleaning and no NSB counted, because its tailcuts could not be found: "
        "only 20 pedestals"
    )
    assert status.fallbacks == (said,)
    assert status.of_run(4).state is State.DONE
    (kind,) = [part for part in status.progress if part.product == "Tailcuts"]
    assert (kind.done, kind.total, kind.refused) == (2, 2, 1)
    assert f"FALLBACK  {said}" in night.lstosa("status")[1].splitlines()
    page = night.lstosa("status", "--run", "4")[1]
    assert "refused   Tailcuts Run00004: only 20 pedestals" in page.splitlines()
    check(night.json(), json.loads(SCHEMA.read_text()))
    page = night.lstosa("show")[1]
    assert re.search(r"^Tailcuts +2/2 ", page, re.MULTILINE)
    made.close(night.root)
    page = night.lstosa("status")[1]
    assert page.count(said) == 1
    assert f"  fallback: {said}" in page


def test_refused_cat_b_is_told_in_its_column(shown) -> None:
    options = {"lstchain": {"apply_catB_calibration": "true"}, "fallback": {"catB": "without"}}
    night = shown(options=options)
    made.fill(night.root, but="CatBCalibration Run00004")
    made.refuse(night.root, "CatBCalibration Run00004", "too few events")
    made.fill(night.root)
    assert [night.row(run)["CAT-B"] for run in (3, 4)] == ["CLOSED", "REFUSED"]
    assert night.row(4)["State"] == "COMPLETED"


def test_refusal_without_fallback_counts_no_longer(shown) -> None:
    night = shown(options={"fallback": {"tailcuts": "standard"}})
    made.fill(night.root, but="Tailcuts Run00004")
    made.refuse(night.root, "Tailcuts Run00004")
    night.night.write_config(fallback={"tailcuts": "none"})
    made.use(night.night)
    found = product(night, "Tailcuts Run00004")
    assert (found.state, found.refusal) == (State.READY, "")
    assert night.status().fallbacks == ()


def test_gain_selection_is_counted_by_subrun_and_not_missed_once_dl1a_is_there(shown) -> None:
    night = shown(states={3: "legacy_raw", 4: "legacy_raw"})
    assert night.states()["RunInputState Run00003"] == "ready"
    assert "DL1A Run00003.0000" not in night.states()
    assert any("gain selection and calibration, is known" in n for n in night.status().notes)
    made.fill(night.root, but=r"GainSelection Run00004.000[12]")
    selection = night.status().of_run(4).of("GainSelection")
    assert (selection.done, selection.total, selection.files) == (1, 3, {"": 4})
    waiting = product(night, "DL1A Run00004.0001")
    assert (waiting.state, waiting.waits_for) == (State.WAITING, "GainSelection Run00004.0001")
    for tree in ("R0", "R0G"):
        shutil.rmtree(night.night.base / tree)
    selection = night.status().of_run(4).of("GainSelection")
    assert (selection.done, selection.total) == (0, 2)
    waiting = product(night, "GainSelection Run00004.0001")
    assert (waiting.state, waiting.waits_for) == (State.WAITING, "RawRun Run00004")
    assert [thing.run for thing in night.status().missing] == [4]
    for subrun in (1, 2):
        made.put(made.find(night.root, f"DL1A Run00004.000{subrun}"))
    made.fill(night.root)
    status = night.status()
    assert status.missing == ()
    assert "GainSelection" not in {found.product for found in status.products}
    assert {found.state for found in status.products} == {State.DONE}


def test_gain_selection_that_is_at_work_on_this_machine_is_running(shown) -> None:
    night = shown(states={3: "legacy_raw"})
    made.fill(night.root, but="GainSelection .*")
    name = files.scratch_name("Run00003.0001_GainSelection.1")
    (night.root.layout.r0g_scratch() / name).mkdir(parents=True)
    assert product(night, "GainSelection Run00003.0001").state is State.RUNNING
    assert product(night, "GainSelection Run00003.0000").state is State.READY


def test_night_that_the_event_builder_calibrated_has_no_calibration(shown) -> None:
    night = shown(
        states=dict.fromkeys((3, 4), "catA_calibrated"),
        options={"lstchain": {"dl1ab": "lstchain_dl1ab --no-pedestal-cleaning"}},
    )
    made.fill(night.root)
    status = night.status()
    assert (status.drs4_run, status.pedcalib_run, status.problems) == (None, None, ())
    assert {run.run: run.treatment for run in status.runs}[2] == "not used"
    assert [night.row(run)["Parent"] for run in (3, 4)] == ["None", "None"]
    assert "input state: catA_calibrated (" in night.lstosa("status", "--run", "3")[1]


def test_run_of_the_event_builder_that_cannot_be_cleaned_has_failed(shown) -> None:
    night = shown(states={3: "catA_calibrated"})
    status = night.status()
    assert status.standing is Standing.FAILED
    assert "only Cat-B has the pedestals" in status.problems[0]
    assert status.of_run(3).state is State.FAILED
    assert status.of_run(4).state is not State.FAILED
