"""The local backend: so many jobs at a time, each with an outcome of its own."""

import time
from pathlib import Path

import pytest

from lstosa_luigi.execution.local import LocalBackend
from tests.execution.conftest import PATIENCE_S, ends


@pytest.fixture
def make_backend():
    backends = []

    def make(slots, **options):
        backends.append(LocalBackend(slots, **options))
        return backends[-1]

    yield make
    for backend in backends:
        backend.cancel()


def outcomes(backend, count):
    """Wait until so many jobs have ended, and return their outcomes by name."""
    ended = []
    deadline = time.monotonic() + PATIENCE_S
    while len(ended) < count:
        assert time.monotonic() < deadline, f"{len(ended)} of {count} jobs ended"
        ended += backend.poll()
    return {Path(outcome.key).stem: outcome for outcome in ended}


def only(backend, job):
    backend.submit([job])
    return outcomes(backend, 1)[job.name]


def test_no_more_jobs_run_at_a_time_than_there_are_slots(make_backend, make_job, make_gate):
    begun, gates = make_gate("begun"), [make_gate(f"gate{n}") for n in range(4)]
    backend = make_backend(2)
    backend.submit(
        make_job(f"echo {n} > {begun}; read go < {gate}; echo {n} > out.txt", f"job_{n}")
        for n, gate in enumerate(gates)
    )
    started = []
    while len(started) < 2:
        started += begun.hear()
    assert sorted(started) == ["0", "1"]
    assert backend.running() == ["job 0", "job 1"]
    assert backend.poll() == []
    gates[1].open()
    assert list(outcomes(backend, 1)) == ["job_1"]
    assert backend.running() == ["job 0", "job 2"]  # first come, first served
    assert begun.hear() == ["2"]
    for gate in gates:
        gate.open()
    rest = outcomes(backend, 3)
    assert sorted(rest) == ["job_0", "job_2", "job_3"]
    assert all(outcome.done for outcome in rest.values())
    assert backend.running() == []


def test_outcome_of_a_product_tells_its_size_and_its_time(make_backend, make_job):
    before = time.time()
    job = make_job("printf 12345 > out.txt")
    outcome = only(make_backend(1), job)
    assert (outcome.done, outcome.cause, outcome.detail) == (True, "", "")
    assert outcome.size == 5
    assert outcome.log == job.log
    assert before <= outcome.began <= time.time()
    assert 0 < outcome.seconds < 60


def test_outcome_of_a_failure_tells_the_cause_and_the_end_of_the_log(make_backend, make_job):
    script = "for n in 1 2 3 4 5 6 7 8 9; do echo line $n; done; echo 'ValueError: bad'; exit 2"
    outcome = only(make_backend(1), make_job(script))
    assert not outcome.done
    assert outcome.cause == "exit code 2: ValueError: bad"
    assert outcome.detail.splitlines() == [*(f"line {n}" for n in range(3, 10)), "ValueError: bad"]


def test_old_log_is_not_shown_for_a_command_that_was_not_started(make_backend, make_job):
    backend = make_backend(1)
    assert only(backend, make_job("echo first attempt; exit 1")).detail.endswith("first attempt")
    outcome = only(backend, make_job("exit 1", inputs=("/no/such",)))
    assert (outcome.cause, outcome.detail) == ("input /no/such is missing", "")


def test_job_that_was_killed_is_told_and_its_scratch_removed(make_backend, make_job, make_gate):
    gate = make_gate()
    job = make_job(f"echo half > out.txt; echo $$ > {gate}; kill -KILL $PPID; exec sleep 600")
    outcome = only(make_backend(1), job)
    assert not outcome.done
    assert outcome.cause == "the job was killed by SIGKILL"
    assert all(ends(int(pid)) for pid in gate.hear())
    assert not Path(job.scratch).exists()
    assert not Path(job.outputs[0].path).exists()


def test_job_that_cannot_be_started_has_an_outcome_and_the_others_go_on(
    make_backend, make_job, tmp_path
):
    (tmp_path / "log").touch()  # where the directory of logs belongs
    backend = make_backend(1)
    first, second = make_job("echo a > out.txt", "a"), make_job("echo b > out.txt", "b")
    second = second._replace(log=str(tmp_path / "other/b.log"))
    backend.submit([first, second])
    ended = outcomes(backend, 2)
    assert ended["a"].cause == f"cannot be started: {tmp_path}/log: File exists"
    assert ended["b"].done


def test_product_that_is_there_is_done_at_once(make_backend, make_job):
    backend = make_backend(1)
    job = make_job("echo events > out.txt")
    assert only(backend, job).done
    log = Path(job.log).read_text()
    again = only(backend, job)
    assert (again.done, again.size) == (True, 7)
    assert Path(job.log).read_text() == log


def test_cancelling_ends_all_jobs_and_starts_no_others(make_backend, make_job, make_gate, tmp_path):
    gate = make_gate()
    backend = make_backend(2)
    jobs = [
        make_job(f"echo half > out.txt; echo $$ > {gate}; exec sleep 600", f"job_{n}")
        for n in range(3)
    ]
    backend.submit(jobs)
    pids = []
    while len(pids) < 2:
        pids += gate.hear()
    backend.cancel()
    assert all(ends(int(pid)) for pid in pids)
    assert backend.running() == []
    assert backend.poll() == []
    assert not (tmp_path / ".scratch").exists()
    assert not (tmp_path / "final").exists()
    assert not Path(jobs[2].log).exists()


def test_job_of_the_highest_priority_is_started_first(make_backend, make_job):
    backend = make_backend(1)
    jobs = [
        make_job("echo > out.txt", f"job_{n}")._replace(priority=priority)
        for n, priority in enumerate((0, 0, 5, 1))
    ]
    backend.submit(jobs)
    ended: list[str] = []
    while len(ended) < len(jobs):
        ended += outcomes(backend, 1)
    assert ended == ["job_2", "job_3", "job_0", "job_1"]


def test_what_may_pass_by_itself_is_tried_again(make_backend, make_job, tmp_path):
    backend = make_backend(1, max_tries=3, delay=0.2)
    script = f"[ -e {tmp_path}/twice ] && echo > out.txt; [ -e {tmp_path}/once ] && "
    script += f"touch {tmp_path}/twice; touch {tmp_path}/once; [ -e out.txt ]"
    assert only(backend, make_job(script)).done
    assert [note.text for note in backend.notes()] == [
        "Run01807.0003 DL1A: exit code 1; again in 0 s, try 2 of 3",
        "Run01807.0003 DL1A: exit code 1; again in 0 s, try 3 of 3",
    ]


def test_tries_come_to_an_end_and_a_new_submission_begins_anew(make_backend, make_job, tmp_path):
    backend = make_backend(1, max_tries=2)
    job = make_job(f"echo >> {tmp_path}/count; exit 1")
    for times in (2, 4):
        assert not only(backend, job).done
        assert len((tmp_path / "count").read_text()) == times


def test_what_would_only_fail_again_is_tried_once(make_backend, make_job):
    backend = make_backend(1, max_tries=3, delay=60)
    assert only(backend, make_job("exit 1", inputs=("/no/such",))).cause.endswith("is missing")
    assert backend.notes() == []


def test_a_job_that_waits_for_its_next_try_is_cancelled_too(make_backend, make_job):
    backend = make_backend(1, max_tries=3, delay=0.1)
    backend.submit([make_job("exit 1")])
    while not backend.notes():
        assert backend.poll() == []
    backend.cancel()
    time.sleep(0.2)
    assert backend.poll() == []
    assert backend.running() == []
