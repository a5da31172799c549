"""What runs inside a job: its files appear whole or not at all, whatever the command does."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lstosa_luigi.execution import payload
from lstosa_luigi.execution.record import read_record
from lstosa_luigi.execution.spec import Output
from tests.execution.conftest import ends
from tests.fakes.night import FITS_BLOCK, fits


@pytest.fixture
def final(tmp_path):
    return tmp_path / "final/Run01807.0003_DL1A.txt"


def nothing_is_left(job):
    """Neither scratch nor any final name: what must hold after each failure."""
    assert not Path(job.scratch).exists()
    assert not [output.path for output in job.outputs if Path(output.path).exists()]
    return True


def failure(job):
    """Run a job that fails, and return its record as the next reader finds it."""
    record = payload.run(job)
    assert record.state == "failed"
    assert read_record(Path(job.record)) == record
    assert nothing_is_left(job)
    return record


# --- success -------------------------------------------------------------------------------


def test_product_gets_its_final_name(make_job, final):
    job = make_job("echo events > out.txt")
    record = payload.run(job)
    assert record.state == "done"
    assert final.read_text() == "events\n"
    assert list(final.parent.iterdir()) == [final]
    assert not Path(job.scratch).exists()


def test_record_tells_what_ran(make_job, final):
    job = make_job("echo events > out.txt", inputs=(sys.executable,))
    record = payload.run(job)
    assert read_record(Path(job.record)) == record
    assert (record.name, record.title) == ("Run01807.0003_DL1A", "Run01807.0003 DL1A")
    assert record.argv == ("/bin/sh", "-c", "echo events > out.txt")
    assert record.inputs == (sys.executable,)
    assert record.outputs == (str(final),)
    assert (record.exit_code, record.signal, record.cause, record.attempt) == (0, None, "", 1)
    assert record.start <= record.end
    assert record.start.endswith("+00:00")
    assert 0 <= record.seconds < 60
    assert record.peak_memory_kb > 0
    assert record.log == job.log


def test_log_holds_the_command_line_and_all_it_printed(make_job):
    job = make_job("echo one; echo two >&2; echo events > out.txt")
    payload.run(job)
    head, command, *printed = Path(job.log).read_text().splitlines()
    assert head.startswith("=== Run01807.0003 DL1A, attempt 1, 20")
    assert command.startswith("/bin/sh -c echo one;")
    assert printed == ["one", "two"]


def test_command_works_in_a_folder_of_its_own(make_job, final):
    job = make_job("pwd > out.txt; test {scratch} = $(pwd) && ls -A {scratch} >> out.txt")
    payload.run(job)
    folder, *content = final.read_text().splitlines()
    assert Path(folder).parent == Path(job.scratch)
    assert Path(folder).name.startswith("Run01807.0003_DL1A.1@")
    assert content == ["out.txt"]


def test_command_sees_the_variables_of_the_job_and_no_terminal(make_job, final):
    script = 'echo "$MPLBACKEND $HOME" > out.txt; cat >> out.txt'
    payload.run(make_job(script, environment={"MPLBACKEND": "Agg"}))
    assert final.read_text() == f"Agg {os.environ.get('HOME', '')}\n"


def test_product_that_is_there_is_not_made_again(make_job, final):
    final.parent.mkdir()
    final.write_text("before")
    job = make_job("echo again > out.txt")
    assert payload.run(job) is None
    assert final.read_text() == "before"
    assert not Path(job.record).exists()
    assert not Path(job.log).exists()


def test_product_that_lacks_a_file_is_made_again(make_job, tmp_path):
    one, two = tmp_path / "final/one", tmp_path / "final/two"
    outputs = [Output(str(one), "one"), Output(str(two), "two")]
    one.parent.mkdir()
    one.write_text("before")
    payload.run(make_job("echo 1 > one; echo 2 > two", outputs=outputs))
    assert (one.read_text(), two.read_text()) == ("1\n", "2\n")


def test_file_that_need_not_be_there_is_taken_if_it_is(make_job, tmp_path):
    def outputs(name):
        folder = tmp_path / "final"
        return [
            Output(str(folder / f"{name}.pdf"), "plot.pdf", required=False),
            Output(str(folder / f"{name}.txt"), "out.txt"),
        ]

    assert payload.run(make_job("echo a > out.txt", "a", outputs("a"))).state == "done"
    assert not (tmp_path / "final/a.pdf").exists()
    plot = "echo a > out.txt; printf '%%PDF-1.4 %%%%EOF' > plot.pdf"
    assert payload.run(make_job(plot, "b", outputs("b"))).state == "done"
    assert (tmp_path / "final/b.pdf").exists()


def test_name_that_the_command_does_not_say_is_found_by_pattern(make_job, tmp_path):
    outputs = [Output(str(tmp_path / "final/dl1.h5.txt"), "out/dl1_*.txt")]
    payload.run(make_job("mkdir out; echo 1 > out/dl1_LST-1.txt", outputs=outputs))
    assert (tmp_path / "final/dl1.h5.txt").read_text() == "1\n"


# --- what a command is given ---------------------------------------------------------------


def test_staged_files_are_links_and_copied_files_may_be_changed(make_job, final, tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("kept\n")
    script = "test -L in/link && echo more >> copy && cat in/link copy > out.txt"
    job = make_job(script, staged={"in/link": str(source)}, copied={"copy": str(source)})
    assert payload.run(job).state == "done"
    assert final.read_text() == "kept\nkept\nmore\n"
    assert source.read_text() == "kept\n"


@pytest.mark.parametrize("field", ["inputs", "staged", "copied"])
def test_missing_input_is_named_before_anything_runs(make_job, tmp_path, field):
    lost = str(tmp_path / "DrivePosition_log_20200117.txt")
    given = (lost,) if field == "inputs" else {"in": lost}
    job = make_job("echo events > out.txt", **{field: given})
    record = failure(job)
    assert record.cause == f"input {lost} is missing"
    assert (record.exit_code, record.signal) == (None, None)
    assert not Path(job.log).exists()


def test_truncated_raw_file_is_named_before_anything_runs(make_job, tmp_path):
    raw = tmp_path / "LST-1.1.Run01807.0003.fits.fz"
    job = make_job("echo events > out.txt", inputs=(str(raw),))
    raw.write_bytes(fits(5)[:-100])
    assert failure(job).cause == (
        f"raw file {raw}: truncated, its last table is not complete; copy it again"
    )
    raw.write_bytes(fits(5))
    again = payload.run(job)
    assert (again.state, again.attempt) == ("done", 2)


@pytest.mark.parametrize("stream", [1, 2])
@pytest.mark.parametrize("size", [0, FITS_BLOCK])
def test_empty_raw_file_of_any_stream_is_named_before_events_are_lost(
    make_job, tmp_path, stream, size
):
    """lstchain takes such a stream for one without events and ends with 0."""
    streams = [tmp_path / f"LST-1.{n}.Run01807.0003.fits.fz" for n in (1, 2, 3, 4)]
    for path in streams:
        path.write_bytes(fits(5))
    raw = streams[stream - 1]
    raw.write_bytes(fits(5)[:size])
    job = make_job("echo events > out.txt", inputs=tuple(map(str, streams)))
    assert failure(job).cause == f"raw file {raw}: empty; copy it again"
    raw.write_bytes(fits(5))
    assert payload.run(job).state == "done"


def test_raw_file_that_ends_before_its_events_is_named(make_job, tmp_path):
    raw = tmp_path / "LST-1.2.Run01807.0003.fits.fz"
    raw.write_bytes(fits(5).replace(b"'Events'", b"'Camera'"))
    cause = failure(make_job("echo events > out.txt", inputs=(str(raw),))).cause
    assert cause == f"raw file {raw}: truncated, it has no table Events; copy it again"


# --- failure -------------------------------------------------------------------------------


def test_failing_command_leaves_nothing_but_its_log(make_job):
    job = make_job("echo half > out.txt; echo 'ValueError: bad gain' >&2; exit 3")
    record = failure(job)
    assert (record.exit_code, record.cause) == (3, "exit code 3: ValueError: bad gain")
    assert "ValueError: bad gain" in Path(job.log).read_text()


def test_command_that_is_killed_is_told_by_its_signal(make_job):
    record = failure(make_job("echo half > out.txt; kill -KILL $$"))
    assert (record.exit_code, record.signal) == (None, signal.SIGKILL)
    assert record.cause == "killed by SIGKILL"


def test_command_that_is_not_there_is_named(make_job):
    job = make_job("")
    lost = job._replace(argv=("/no/such/lstchain_dl1ab", "--config=x"))
    record = failure(lost)
    assert record.cause == ("/no/such/lstchain_dl1ab cannot be started (No such file or directory)")


def test_success_without_the_product_is_a_failure(make_job):
    record = failure(make_job("echo events > other.txt"))
    assert record.cause == "the command ended without error but left no out.txt"
    assert record.exit_code == 0


def test_more_files_than_one_are_a_failure(make_job, tmp_path):
    outputs = [Output(str(tmp_path / "final/one.txt"), "*.txt")]
    record = failure(make_job("echo 1 > a.txt; echo 2 > b.txt", outputs=outputs))
    assert record.cause == "the command left 2 files *.txt, not one"


def test_damaged_product_takes_no_final_name_nor_do_the_others(make_job, tmp_path):
    outputs = [
        Output(str(tmp_path / "final/good.txt"), "good.txt"),
        Output(str(tmp_path / "final/bad.json"), "out/bad.json"),
    ]
    script = "mkdir out; echo 1 > good.txt; printf '{' > out/bad.json"
    cause = failure(make_job(script, outputs=outputs)).cause
    assert cause.startswith(
        "the command ended without error but its output is bad: out/bad.json: not JSON ("
    )


def test_product_without_enough_rows_is_a_failure(make_job, tmp_path):
    outputs = [Output(str(tmp_path / "final/dl3.fits"), "dl3.fits", min_rows=1)]
    source = tmp_path / "empty.fits"
    source.write_bytes(fits(0))
    record = failure(make_job(f"cp {source} dl3.fits", outputs=outputs))
    assert record.cause.endswith("dl3.fits: 0 rows, at least 1 expected")


def test_attempts_are_counted_and_only_the_last_is_explained(make_job, tmp_path):
    script = f"test -e {tmp_path}/lucky && exit 4; echo 'MemoryError'; exit 3"
    job = make_job(script)
    assert failure(job).cause == "not enough memory"
    (tmp_path / "lucky").touch()
    record = failure(job)
    assert (record.attempt, record.cause) == (2, "exit code 4")
    assert Path(job.log).read_text().count("=== ") == 2


def test_failed_attempts_leave_a_trace_in_the_record(make_job, tmp_path):
    job = make_job(f"test -e {tmp_path}/lucky && echo events > out.txt || exit 4")
    first, second = failure(job), failure(job)
    (tmp_path / "lucky").touch()
    last = payload.run(job, payload.Place("7_1", 2048, 1))
    assert read_record(Path(job.record)) == last
    assert (last.state, last.attempt, last.job_id) == ("done", 3, "7_1")
    told = [(e.attempt, e.state, e.exit_code, e.cause, e.job_id) for e in last.earlier]
    assert told == [(n, "failed", 4, "exit code 4", "") for n in (1, 2)]
    costs = [(e.seconds, e.cpu_seconds, e.peak_memory_kb) for e in last.earlier]
    assert costs == [(r.seconds, r.cpu_seconds, r.peak_memory_kb) for r in (first, second)]


def test_attempt_of_another_copy_that_ended_meanwhile_is_kept(make_job, tmp_path):
    """The command itself runs the other copy, which fails before this one does."""
    other = make_job("exit 5")
    spec = tmp_path / "other.json"
    spec.write_text(json.dumps(other.to_json()))
    program = Path(payload.__file__).with_name("job.py")
    last = failure(make_job(f"{sys.executable} {program} < {spec}; exit 6"))
    assert [(e.attempt, e.exit_code) for e in last.earlier] == [(1, 5)]


def test_record_that_was_removed_takes_its_history_with_it(make_job):
    job = make_job("exit 4")
    failure(job)
    Path(job.record).unlink()
    record = failure(job)
    assert (record.attempt, record.earlier) == (1, ())


def test_full_disk_is_told_even_if_the_command_could_not_say(make_job, monkeypatch):
    monkeypatch.setattr(payload, "ROOM_BYTES", sys.maxsize)
    record = failure(make_job("exit 1"))
    assert record.cause == "the disk is full: make room, then give the same command again"


def test_place_that_cannot_be_written_is_named(make_job, tmp_path):
    (tmp_path / "final").touch()
    job = make_job("echo events > out.txt")
    record = payload.run(job)
    assert record.state == "failed"
    assert record.cause == f"{tmp_path}/final: File exists"
    assert not Path(job.scratch).exists()


# --- links ---------------------------------------------------------------------------------


def test_links_are_there_with_the_product(make_job, final, tmp_path):
    link = tmp_path / "running/dl1.txt"
    payload.run(make_job("echo events > out.txt", links={str(link): str(final)}))
    assert link.readlink() == Path("../final/Run01807.0003_DL1A.txt")
    assert link.read_text() == "events\n"


def test_lost_link_is_made_again_for_a_product_that_is_there(make_job, final, tmp_path):
    link = tmp_path / "running/dl1.txt"
    job = make_job("echo events > out.txt", links={str(link): str(final)})
    payload.run(job)
    link.unlink()
    assert payload.run(job) is None
    assert link.read_text() == "events\n"


def test_directory_of_the_product_may_be_linked(make_job, final, tmp_path):
    link = tmp_path / "pro"
    payload.run(make_job("echo events > out.txt", links={str(link): str(final.parent)}))
    assert link.readlink() == Path("final")


def test_failure_makes_no_links(make_job, final, tmp_path):
    link = tmp_path / "running/dl1.txt"
    failure(make_job("exit 1", links={str(link): str(final)}))
    assert not link.is_symlink()


# --- two at once, and the end --------------------------------------------------------------


def test_two_copies_of_a_job_do_no_harm(make_job, final):
    """Slurm may start a job again that still runs elsewhere."""
    other = f"mkdir -p {final.parent}; echo events > {final}"
    job = make_job(f"{other}; echo events > out.txt")
    assert payload.run(job).state == "done"
    assert final.read_text() == "events\n"
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_cancelled_job_ends_its_command_and_all_that_it_started(make_job, make_gate, number):
    """The command itself sends the signal to this process, which is the job here."""
    gate = make_gate()
    script = f"""echo half > out.txt
        /bin/sleep 600 & echo $$ $! > {gate}
        kill -{number.name[3:]} {os.getpid()}; wait"""
    job = make_job(script)
    before = signal.getsignal(number)
    record = payload.run(job)
    assert (record.state, record.cause) == ("cancelled", "cancelled before it was done")
    assert read_record(Path(job.record)) == record
    assert nothing_is_left(job)
    assert all(ends(int(pid)) for pid in gate.hear())
    assert signal.getsignal(number) == before


def test_signal_between_start_and_wait_ends_the_command_whatever_threads_there_are(
    make_job, monkeypatch
):
    """A thread such as a progress bar's would take a signal that the main thread blocks."""
    children, over = [], threading.Event()
    thread = threading.Thread(target=over.wait, daemon=True)
    thread.start()
    popen = subprocess.Popen

    def start_and_be_told_to_end(*args, **options):
        children.append(popen(*args, **options))
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)  # a handler that runs now would leave nobody who knows the command
        return children[-1]

    monkeypatch.setattr(payload.subprocess, "Popen", start_and_be_told_to_end)
    try:
        record = payload.run(make_job("sleep 600"))
    finally:
        over.set()
        thread.join()
    assert record.state == "cancelled"
    assert children[0].returncode == -signal.SIGKILL
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


# --- what is known of the files ------------------------------------------------------------


def test_record_tells_size_and_time_of_each_file_as_it_was_put_into_place(
    make_job, final, tmp_path
):
    outputs = (
        Output(str(tmp_path / "may.txt"), "may.txt", required=False),
        Output(str(final), "out.txt"),
    )
    job = make_job("echo events > out.txt", outputs=outputs)
    payload.run(job)
    status = final.stat()
    record = read_record(Path(job.record))
    assert record.files == {str(final): (7, status.st_mtime_ns)}


def test_failure_of_a_late_copy_leaves_the_record_of_the_product_alone(make_job, final):
    job = make_job("echo events > out.txt")
    late = make_job(f"mkdir -p {final.parent}; echo events > {final}; false")
    payload.run(job)
    made = read_record(Path(job.record))
    final.unlink()
    assert payload.run(late).state == "failed"
    assert read_record(Path(job.record)) == made


def test_a_link_is_not_the_product_where_it_must_be_real(make_job, final, tmp_path):
    job = make_job("echo images > out.txt", outputs=(Output(str(final), "out.txt", real=True),))
    other = tmp_path / "other.txt"
    other.write_text("parameters")
    final.parent.mkdir()
    final.symlink_to(other)
    assert payload.run(job).state == "done"
    assert (final.is_symlink(), final.read_text(), other.read_text()) == (
        False,
        "images\n",
        "parameters",
    )
    assert payload.run(job) is None


def test_a_link_is_no_input_where_it_must_be_real(make_job, tmp_path):
    at, other = tmp_path / "dl1a.h5", tmp_path / "dl1b.h5"
    other.write_text("x")
    at.symlink_to(other)
    record = failure(make_job("echo events > out.txt", inputs=(str(at),), real=(str(at),)))
    assert record.cause.startswith(f"input {at} is a link to another product")
    assert record.is_permanent
