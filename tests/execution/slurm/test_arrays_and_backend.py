"""The backend against a cluster in memory: what is submitted, what is found again, what follows."""

import json
from pathlib import Path

import pytest

from lstosa_luigi.execution.record import write_record
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.arrays import Arrays, Element
from lstosa_luigi.execution.slurm.client import Away, Refused
from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.slurm.parse import ElementId, Refusal
from tests.execution.slurm.cluster import (
    GROUP,
    make_job,
    make_product,
    make_record,
    write_scratch,
)

POLICY = "QOSMaxSubmitJobPerUserLimit"


@pytest.fixture
def jobs(tmp_path):
    """DL1A of four subruns of a run."""
    return [make_job(tmp_path, n) for n in range(4)]


@pytest.fixture
def pair(tmp_path):
    """DL1B of a subrun, and the check of it."""
    return make_job(tmp_path, 3, "DL1B"), make_job(tmp_path, 3, "DL1Check")


def manifests_in(folder):
    return sorted(Path(folder).glob("*.json"))


# --- what is submitted ---------------------------------------------------------------------


def test_subruns_of_a_run_become_one_array(client, slurm, jobs):
    client.start(*jobs)
    assert slurm.calls == {"sbatch": 1, "squeue": 1, "scontrol": 1}
    (array,) = slurm.arrays
    assert array.option("array") == "0-3"
    assert [slurm.jobs_of(element) for element in slurm.live] == [[job] for job in jobs]


def test_name_of_an_array_says_what_runs_and_where_it_stands(client, slurm, jobs):
    client.start(*jobs)
    (array,) = slurm.arrays
    prefix, unique = array.name.rsplit("-", 1)
    assert prefix == "lstosa-LST1-20200117-v0.1.0-DL1A-Run01807"
    assert len(unique) == 8
    (path,) = manifests_in(jobs[0].arrays)
    assert path.stem == array.name
    assert array.option("comment") == f'"DL1A Run01807, {GROUP}"'
    assert array.option("chdir") == str(Path(jobs[0].log).parent)
    assert array.option("output") == f"{Path(jobs[0].log).parent}/Run01807_DL1A_%A_%a.log"
    assert Path(jobs[0].log).parent.is_dir()
    assert array.script.splitlines()[-1].rpartition(" ")[0].endswith(f"/element.py {path}")


def test_array_index_is_the_number_of_the_subrun(client, slurm, tmp_path):
    client.start(*(make_job(tmp_path, n) for n in (7, 3, 8)))
    assert slurm.arrays[0].option("array") == "3,7-8"
    assert slurm.jobs_of(ElementId(100, 7))[0].title == "DL1A Run01807.0007"


def test_subrun_above_the_largest_array_gets_another_index(client, slurm, tmp_path):
    slurm.size = 10
    client.start(make_job(tmp_path, 3), make_job(tmp_path, 12))
    assert slurm.arrays[0].option("array") == "0-1"
    assert sorted(slurm.submitted()) == ["DL1A Run01807.0003", "DL1A Run01807.0012"]


def test_array_larger_than_the_cluster_allows_is_split(client, slurm, tmp_path):
    slurm.size = 4
    client.start(*(make_job(tmp_path, n) for n in range(10)))
    assert [len(array.manifest.elements) for array in slurm.arrays] == [4, 4, 2]
    assert set(slurm.submitted().values()) == {1}
    assert len(slurm.submitted()) == 10


def test_jobs_of_other_kinds_get_arrays_of_their_own(client, slurm, tmp_path):
    client.start(
        make_job(tmp_path, 0),
        make_job(tmp_path, 1),
        make_job(tmp_path, 0, run="Run01808"),
        make_job(tmp_path, 0, "DL1B"),
        make_job(tmp_path, 0, "DL2", unit="Run01807", number=None, resource_class="dl2"),
    )
    names = sorted(array.name.rpartition("-")[0].removeprefix("lstosa-") for array in slurm.arrays)
    assert names == [
        f"{GROUP}-{what}"
        for what in ("DL1A-Run01807", "DL1A-Run01808", "DL1B-Run01807", "DL2-Run01807")
    ]


def test_products_of_whole_runs_share_an_array(client, slurm, tmp_path):
    client.start(
        *(make_job(tmp_path, 0, "DL2", run=run, number=None) for run in ("R1", "R2", "R3"))
    )
    (array,) = slurm.arrays
    assert array.option("array") == "0-2"
    assert array.name.startswith(f"lstosa-{GROUP}-DL2-R1+2-")


def test_job_asks_for_what_its_class_and_product_ask_for(make_client, slurm, tmp_path):
    client = make_client(
        **{
            "slurm": {"account": "dpps", "partition": "short, long", "throttle": "20"},
            "slurm.DL2": {"mem": "50GB", "time": "2:00:00", "cpus": "4"},
        }
    )
    client.start(make_job(tmp_path, 0, "DL2", resource_class="dl2"))
    options = ("account", "partition", "mem", "time", "cpus-per-task", "array")
    assert [slurm.arrays[0].option(option) for option in options] == [
        *("dpps", "short,long", "51200M", "02:00:00", "4", "0%20"),
    ]


def test_product_that_is_there_is_done_without_a_job(client, slurm, jobs):
    make_product(jobs[0])
    client.submit(jobs[0])
    assert client.poll() == ["DL1A Run01807.0000"]
    assert client.only().done
    assert slurm.calls["sbatch"] == 0


# --- the queue -----------------------------------------------------------------------------


def test_queue_is_looked_at_once_an_interval(client, slurm, jobs):
    client.start(*jobs)
    for _ in range(29):
        client.poll(1)
    assert slurm.calls["squeue"] == 1
    client.poll(1)
    assert slurm.calls["squeue"] == 2
    for _ in range(10):
        client.poll()
    assert slurm.calls == {"squeue": 12, "sbatch": 1, "scontrol": 1}
    assert client.backend.running() == ["4 pending"]


def test_night_in_which_nothing_fails_never_asks_accounting(client, slurm, jobs):
    elements = client.start(*jobs)
    for element in elements[:3]:
        slurm.run(element)
    client.poll()
    assert client.backend.running() == ["1 pending", "3 running"]
    for element in elements:
        slurm.succeed(element)
    assert sorted(client.poll()) == [job.title for job in jobs]
    assert all(outcome.done for outcome in client.outcomes.values())
    assert client.backend.running() == []
    assert client.notes == []
    assert slurm.calls["sacct"] == 0


def test_outcome_of_a_product_tells_its_log_its_time_and_its_size(client, slurm, jobs):
    (element,) = client.start(jobs[3])
    slurm.succeed(element)
    client.poll()
    outcome = client.only()
    assert (outcome.done, outcome.cause, outcome.size) == (True, "", len("events"))
    assert outcome.log == jobs[3].log.replace("DL1A.log", "DL1A_100_3.log")
    assert (outcome.seconds, outcome.title) == (100, "DL1A Run01807.0003")


def test_product_of_a_job_that_still_runs_is_not_over(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.run(element)
    make_product(jobs[0], element)
    assert client.poll() == []
    slurm.set_state(element, "COMPLETING")  # its epilog may take long
    assert client.poll() == [jobs[0].title]


def test_jobs_of_the_user_himself_disturb_nothing(client, slurm, jobs, tmp_path):
    client.start(jobs[0])
    array = slurm.arrays[0]
    for name in ("my array", "lstosa-", "lstosa-by-hand", f"{array.name}x", "a|b"):
        slurm.submit("#SBATCH --array=0-9\n/nosuch", name)
    client.poll()
    slurm.succeed(array.element(0))
    assert client.poll() == [jobs[0].title]
    assert len(slurm.live) == 50
    assert slurm.cancelled == []
    assert client.notes == []


def test_outcomes_are_told_once(client, slurm, jobs):
    elements = client.start(*jobs)
    for element in elements:
        slurm.succeed(element)
    client.poll()
    for _ in range(4):
        assert client.poll() == []
    assert client.backend.poll() == []


# --- a client that was killed --------------------------------------------------------------


def test_new_client_takes_up_what_is_live(client, slurm, jobs):
    elements = client.start(*jobs)
    slurm.run(elements[0])
    later = client.again()
    later.start(*jobs)
    assert slurm.calls["sbatch"] == 1
    assert later.notes == []
    assert sorted(later.quiet) == sorted(f"is made by Slurm job {e} already" for e in elements)
    for element in elements:
        slurm.succeed(element)
    assert sorted(later.poll()) == [job.title for job in jobs]
    assert later.outcomes[jobs[2].name].log.endswith("DL1A_100_2.log")


def test_new_client_only_submits_what_is_neither_live_nor_made(client, slurm, jobs):
    elements = client.start(*jobs)
    slurm.succeed(elements[0])
    slurm.end(elements[1], "FAILED", exit_code=1)
    later = client.again()
    later.start(*jobs)
    assert slurm.submitted()[jobs[1].title] == 2
    assert sum(slurm.submitted().values()) == 5
    assert list(later.outcomes) == [jobs[0].name]


@pytest.mark.parametrize("when", range(6))
def test_nothing_is_live_twice_however_often_the_client_is_killed(client, slurm, tmp_path, when):
    jobs = [make_job(tmp_path, n) for n in range(12)]
    open_jobs = {job.name: job for job in jobs}
    for generation in range(6):
        client = client.again()
        client.submit(*open_jobs.values())
        for step in range(when + 1):
            client.poll(30 if step else 0)
            titles = [slurm.jobs_of(element)[0].title for element in slurm.live]
            assert len(titles) == len(set(titles))
            for element in slurm.live[(generation + step) % 3 :: 3]:
                slurm.run(element) if step % 2 else slurm.succeed(element)
    client = client.again()
    client.submit(*jobs)
    client.poll()
    for element in slurm.live:
        slurm.succeed(element)
    client.poll()
    assert {job.name for job in jobs} == set(client.outcomes)
    assert all(outcome.done for outcome in client.outcomes.values())
    assert set(slurm.submitted().values()) == {1}


def test_young_manifest_without_a_visible_job_counts_as_pending(client, slurm, jobs):
    slurm.answers = ["lost"]  # the client is killed while sbatch waits for an answer
    client.start(*jobs)
    later = client.again()
    later.submit(*jobs)
    later.poll(0)
    later.poll()
    assert later.backend.running() == ["4 pending"]
    later.poll(29)
    assert slurm.calls["sbatch"] == 1


def test_manifest_without_a_job_is_given_up_after_the_grace(client, slurm, jobs):
    slurm.answers = ["lost"]
    client.start(jobs[0])
    later = client.again()
    later.start(jobs[0])
    for _ in range(3):
        later.poll()
    assert slurm.calls["sbatch"] == 2
    (array,) = slurm.arrays
    slurm.succeed(array.element(0))
    later.poll()
    assert later.only().done


def test_old_manifests_of_the_night_are_not_read(client, slurm, jobs, monkeypatch):
    client.start(*jobs)
    for element in slurm.live:
        slurm.succeed(element)
    slurm.clock.now += 3600
    read = []
    monkeypatch.setattr(
        "lstosa_luigi.execution.slurm.manifest.read_manifest", lambda path: read.append(path)
    )
    later = client.again()
    later.start(*jobs)
    assert read == []
    assert len(later.outcomes) == 4


def test_manifest_that_cannot_be_read_is_told(client, slurm, jobs, caplog):
    client.start(jobs[0])
    (path,) = manifests_in(jobs[0].arrays)
    path.write_text(path.read_text()[:50])
    later = client.again()
    later.start(jobs[0])
    assert f"{path} cannot be read (" in caplog.text
    assert "its jobs are not known" in caplog.text


def test_array_that_another_client_submitted_meanwhile_is_come_upon(client, slurm, jobs):
    client.poll(0)
    other = client.again()
    other.start(*jobs)
    client.start(*jobs)
    assert slurm.calls["sbatch"] == 1
    for element in slurm.live:
        slurm.succeed(element)
    client.poll()
    assert len(client.outcomes) == 4


def test_array_that_another_client_has_just_submitted_is_seen_before_the_next_look(
    client, slurm, jobs
):
    other = client.again()
    for one in (client, other):
        one.poll(0)
    other.submit(*jobs)
    other.poll(0)
    client.submit(*jobs)
    client.poll(1)
    assert slurm.calls["sbatch"] == 1
    for element in slurm.live:
        slurm.succeed(element)
    client.poll()
    assert len(client.outcomes) == 4


def test_client_waits_while_another_one_submits_for_the_same_night(
    client, slurm, jobs, load_options, clock
):
    with Arrays(slurm, load_options(), clock).alone(Path(jobs[0].arrays)) as is_alone:
        assert is_alone
        client.start(*jobs)
        assert slurm.calls["sbatch"] == 0
    client.poll(1)
    assert slurm.calls["sbatch"] == 1


# --- a sbatch that did not answer ----------------------------------------------------------


def test_submission_without_an_answer_is_found_by_name(client, slurm, jobs):
    slurm.answers = ["taken"]
    elements = client.start(*jobs)
    assert len(elements) == 4
    client.poll()
    assert client.notes[0].endswith("sbatch did not answer; the queue will tell if it was taken")
    for element in elements:
        slurm.succeed(element)
    client.poll()
    assert len(client.outcomes) == 4
    assert slurm.calls["sbatch"] == 1
    assert all("_100_" in outcome.log for outcome in client.outcomes.values())


def test_submission_that_appears_late_in_the_queue_is_not_repeated(client, slurm, jobs):
    slurm.answers, slurm.lag = ["taken"], 45
    client.start(*jobs)
    for _ in range(5):
        client.poll()
    assert slurm.calls["sbatch"] == 1
    assert client.backend.running() == ["4 pending"]


def test_submission_that_was_not_taken_is_repeated_after_the_grace(client, slurm, jobs):
    slurm.answers = ["lost"]
    client.start(jobs[0])
    client.poll()
    assert slurm.calls["sbatch"] == 1
    assert client.backend.running() == ["1 pending"]
    client.poll()
    client.poll()
    assert slurm.calls["sbatch"] == 2
    _, note = client.notes
    assert note.startswith("lstosa-")
    assert note.endswith("was not taken by Slurm: again")
    lost, taken = sorted(
        manifests_in(jobs[0].arrays), key=lambda path: path.stem == slurm.arrays[0].name
    )
    assert slurm.cancelled == [lost.stem]  # should it still come
    assert taken.stem == slurm.arrays[0].name
    slurm.succeed(slurm.live[0])
    client.poll()
    assert client.only().done
    assert journal.read(Path(jobs[0].arrays)) == []


# --- refusals ------------------------------------------------------------------------------


def test_limit_of_jobs_is_waited_for_with_smaller_arrays(client, slurm, tmp_path):
    slurm.most = 3
    jobs = [make_job(tmp_path, n) for n in range(10)]
    client.start(*jobs)
    assert len(slurm.live) == 3
    assert client.notes == [f"Slurm takes no more jobs for now, waiting: error: {POLICY}"]
    assert len(manifests_in(jobs[0].arrays)) == len(slurm.arrays)  # none of what was refused
    for _ in range(40):
        for element in slurm.live[:2]:
            slurm.succeed(element)
        client.poll()
        if len(client.outcomes) == 10:
            break
    assert all(outcome.done for outcome in client.outcomes.values())
    assert len(client.outcomes) == 10
    assert set(slurm.submitted().values()) == {1}


def test_full_queue_is_only_asked_again_after_the_next_look(client, slurm, jobs):
    slurm.most = 0
    client.start(*jobs)
    asked = slurm.calls["sbatch"]
    for _ in range(25):
        client.poll(1)
    assert slurm.calls["sbatch"] == asked
    client.poll(5)
    assert slurm.calls["sbatch"] > asked
    assert client.outcomes == {}
    assert len(client.notes) == 1


def test_refusal_for_good_fails_the_jobs_with_what_sbatch_said(client, slurm, jobs):
    slurm.answers = [Refused(Refusal.NEVER, "error: Invalid qos specification")]
    client.start(*jobs)
    assert {outcome.cause for outcome in client.outcomes.values()} == {
        "Slurm refuses the job: error: Invalid qos specification. "
        "Correct [slurm] in the configuration."
    }
    assert len(client.outcomes) == 4
    assert manifests_in(jobs[0].arrays) == []
    client.poll()
    assert slurm.calls["sbatch"] == 1


def test_refusal_for_good_of_one_kind_leaves_the_others_alone(client, slurm, jobs, tmp_path):
    slurm.answers = [Refused(Refusal.NEVER, "error: Invalid qos specification")]
    other = make_job(tmp_path, 0, "DL2", resource_class="dl2")
    client.start(*jobs, other)
    assert [slurm.jobs_of(element) for element in slurm.live] == [[other]]


# --- Slurm that is away --------------------------------------------------------------------


def test_slurm_that_is_away_is_said_once_and_waited_for(client, slurm, jobs):
    slurm.is_away = True
    client.submit(*jobs)
    for _ in range(5):
        client.poll()
    text = "slurm_load_jobs error: Unable to contact slurm controller"
    assert client.notes == [f"Slurm does not answer, waiting for it: {text}"]
    assert client.outcomes == {}
    slurm.is_away = False
    client.poll()
    assert len(slurm.live) == 4


def test_jobs_go_on_while_slurm_is_away(client, slurm, jobs):
    elements = client.start(*jobs)
    slurm.is_away = True
    for element in elements:
        slurm.succeed(element)
    for _ in range(5):
        client.poll()
    assert client.outcomes == {}
    slurm.is_away = False
    client.poll()
    assert [outcome.done for outcome in client.outcomes.values()] == [True] * 4
    assert slurm.calls["sbatch"] == 1


def test_each_outage_is_said_anew(client, slurm, jobs):
    client.start(*jobs)
    for _ in range(2):
        slurm.is_away = True
        client.poll()
        client.poll()
        slurm.is_away = False
        client.poll()
    assert len(client.notes) == 2


def test_submission_to_slurm_that_went_away_is_waited_for(client, slurm, jobs):
    slurm.answers = [Refused(Refusal.AWAY, "error: Protocol authentication error")]
    client.start(*jobs)
    assert client.notes == [
        "Slurm takes no more jobs for now, waiting: error: Protocol authentication error"
    ]
    assert client.outcomes == {}
    client.poll()
    assert len(slurm.live) == 4


# --- accounting that is away ---------------------------------------------------------------


def test_end_without_accounting_is_waited_for(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.accounting_is_away = True
    slurm.end(element, "OUT_OF_MEMORY", signal=125)
    for _ in range(10):
        client.poll()
    assert client.notes == [
        "Accounting does not answer: Problem talking to the database: Connection refused"
    ]
    assert client.backend.running() == ["1 ended"]
    assert slurm.calls["sbatch"] == 1
    slurm.accounting_is_away = False
    client.poll()
    assert client.notes[1:] == ["DL1A Run01807.0000: out of memory; again with 9216 MB, try 2 of 3"]


def test_record_of_the_job_itself_is_believed_without_accounting(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.accounting_is_away = True
    record = make_record(jobs[0], element, "failed", cause="exit code 1: ValueError: bad")
    slurm.fail(element, record=record)
    client.poll()
    client.poll()
    assert client.notes[1:] == [
        "DL1A Run01807.0000: exit code 1: ValueError: bad; again in 60 s, try 2 of 3"
    ]


def test_record_of_an_attempt_before_is_not_believed(client, slurm, jobs):
    write_record(Path(jobs[0].record), make_record(jobs[0], "7_0", "failed", is_permanent=True))
    (element,) = client.start(jobs[0])
    slurm.vanish(element)
    client.poll()
    client.poll()
    assert client.outcomes == {}


def test_permanent_failure_is_believed_at_once(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    record = make_record(
        jobs[0], element, "failed", cause="input /r0/a is missing", is_permanent=True
    )
    slurm.accounting_is_away = True
    slurm.fail(element, record=record)
    client.poll()
    outcome = client.only()
    assert not outcome.done
    assert outcome.cause == "input /r0/a is missing; not again: it would only fail again"


def test_accounting_may_lag_behind_the_queue(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.end(element, "RUNNING")
    client.poll()
    slurm.end(element, "TIMEOUT")
    client.poll()
    assert client.notes == ["DL1A Run01807.0000: out of time; again with 9000 s, try 2 of 3"]


def test_product_may_become_visible_after_its_job_left_the_queue(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.vanish(element)
    client.poll()
    make_product(jobs[0], element)
    client.poll()
    assert client.only().done
    assert slurm.calls["sbatch"] == 1


# --- failures ------------------------------------------------------------------------------


def test_job_that_vanished_is_made_again_after_the_grace(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.vanish(element)
    client.poll()
    client.poll()
    assert slurm.calls["sbatch"] == 1
    client.poll()
    assert client.notes == [
        "DL1A Run01807.0000: vanished: neither the queue nor accounting knows what became of it; "
        "again"
    ]
    assert slurm.calls["sbatch"] == 2


def test_job_whose_command_fails_is_tried_again_after_a_delay(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    write_scratch(jobs[0], element)
    slurm.fail(element)
    client.poll()
    assert client.notes == ["DL1A Run01807.0000: exit code 1; again in 60 s, try 2 of 3"]
    client.poll(59)
    assert client.backend.running() == ["1 waiting"]
    assert slurm.calls["sbatch"] == 1
    client.poll(1)
    assert slurm.calls["sbatch"] == 2


def test_job_that_fails_each_time_is_failed_after_three_tries(client, slurm, jobs):
    client.start(jobs[0])
    for _ in range(20):
        for element in slurm.live:
            slurm.fail(element, printed="".join(f"line {n}\n" for n in range(20)), exit_code=2)
        client.poll()
    outcome = client.only()
    assert not outcome.done
    assert outcome.cause == "exit code 2; not again: tried 3 times"
    assert outcome.detail.splitlines() == [f"line {n}" for n in range(12, 20)]
    assert outcome.log.endswith("log/Run01807.0000_DL1A_102_0.log")
    assert outcome.seconds == 7
    assert slurm.submitted() == {jobs[0].title: 3}
    assert client.notes == [
        "DL1A Run01807.0000: exit code 2; again in 60 s, try 2 of 3",
        "DL1A Run01807.0000: exit code 2; again in 60 s, try 3 of 3",
    ]


def test_one_subrun_that_fails_does_not_stop_the_others(client, slurm, jobs):
    elements = client.start(*jobs)
    slurm.fail(elements[1])
    for element in (elements[0], elements[2], elements[3]):
        slurm.succeed(element)
    client.poll()
    assert len(client.outcomes) == 3
    client.poll()
    client.poll()
    (again,) = slurm.live
    assert again == ElementId(101, 1)
    slurm.succeed(again)
    client.poll()
    assert client.outcomes[jobs[1].name].done


def test_job_without_its_product_failed_whatever_its_exit_code(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.end(element, "COMPLETED")
    client.poll()
    assert client.notes == [], "its product may take a while to be seen"
    client.poll()
    client.poll()
    assert client.notes == [
        "DL1A Run01807.0000: the job ended without error but its product is not there; "
        "again in 60 s, try 2 of 3"
    ]


def test_subrun_killed_for_memory_runs_again_with_more(client, slurm, jobs):
    elements = client.start(*jobs)
    slurm.end(elements[2], "OUT_OF_MEMORY", signal=125)
    client.poll()
    assert [array.option("mem") for array in slurm.arrays] == ["6144M", "9216M"]
    assert slurm.arrays[1].option("array") == "2"
    slurm.end(slurm.arrays[1].element(2), "OUT_OF_MEMORY", signal=125)
    client.poll()
    assert slurm.arrays[2].option("mem") == "13824M"


def test_memory_that_was_needed_is_remembered_by_the_next_client(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.end(element, "OUT_OF_MEMORY", signal=125)
    client.poll()
    slurm.vanish(slurm.live[0])
    later = client.again()
    later.start(*jobs)
    mem = {array.option("array"): array.option("mem") for array in slurm.arrays[2:]}
    assert mem == {"0": "9216M", "1-3": "6144M"}


def test_subrun_that_ran_out_of_time_gets_as_much_as_the_partition_has(make_client, slurm, jobs):
    client = make_client(slurm={"partition": "short", "time": "4:00:00"})
    (element,) = client.start(jobs[0])
    slurm.end(element, "TIMEOUT")
    client.poll()
    assert [array.option("time") for array in slurm.arrays] == ["04:00:00", "06:00:00"]
    slurm.end(slurm.live[0], "TIMEOUT")
    client.poll()
    assert client.only().cause == "out of time; not again: it had 21600 s, the most allowed"


def test_longest_of_several_partitions_counts(slurm, load_options, clock):
    arrays = Arrays(slurm, load_options(), clock)
    assert arrays.longest("short") == 21600
    assert arrays.longest("short,long") == 604800
    assert arrays.longest("") == 604800
    assert arrays.longest("nosuch") == float("inf")
    assert slurm.calls["scontrol"] == 1


@pytest.mark.parametrize("state", ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "REQUEUED"])
def test_losses_are_not_the_fault_of_the_product(client, slurm, jobs, state):
    client.start(jobs[0])
    for _ in range(5):
        slurm.end(slurm.live[0], state)
        client.poll()
    assert slurm.calls["sbatch"] == 6
    slurm.fail(slurm.live[0])
    client.poll()
    assert client.notes[-1].endswith("exit code 1; again in 60 s, try 2 of 3")


def test_node_on_which_a_job_was_lost_is_avoided_if_wanted(make_client, slurm, jobs):
    client = make_client(retries={"exclude_node": "true"})
    client.start(jobs[0])
    for node in ("cp15", "cp16"):
        slurm.end(slurm.live[0], "NODE_FAIL", node=node)
        client.poll()
    assert [array.option("exclude") for array in slurm.arrays] == ["", "cp15", "cp15,cp16"]


def test_job_that_a_person_cancelled_is_not_made_again(client, slurm, jobs):
    elements = client.start(*jobs)
    slurm.cancel(["100_1"])
    client.poll()
    outcome = client.only()
    assert outcome.cause == (
        "cancelled by user 0; not again: give the same command to have it made"
    )
    assert slurm.calls["sbatch"] == 1
    assert len(slurm.live) == len(elements) - 1


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "InvalidAccount", "InvalidQOS"])
def test_job_that_would_wait_for_ever_is_cancelled_and_failed(client, slurm, jobs, reason):
    elements = client.start(*jobs[:2])
    for element in elements:
        slurm.set_state(element, "PENDING", reason)
    client.poll()
    assert {outcome.cause for outcome in client.outcomes.values()} == {
        f"it would wait for ever in the queue: {reason}; "
        "cancelled: correct [slurm] in the configuration"
    }
    assert slurm.cancelled == ["100"]
    assert slurm.live == []
    client.poll()
    assert slurm.calls["sbatch"] == 1


@pytest.mark.parametrize(
    "reason",
    ["Resources", "Priority", "BeginTime", "Dependency", "PartitionDown", "JobArrayTaskLimit"],
)
def test_job_that_waits_for_its_turn_is_left_alone(client, slurm, jobs, reason):
    (element,) = client.start(jobs[0])
    slurm.set_state(element, "PENDING", reason)
    for _ in range(10):
        client.poll()
    assert slurm.live == [element]
    assert client.outcomes == {}


def test_hopeless_reason_of_a_job_that_runs_by_now_is_of_no_importance(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.set_state(element, "RUNNING", "PartitionTimeLimit")
    client.poll()
    assert slurm.live == [element]


def test_scratch_of_a_killed_job_is_removed_and_no_other(client, slurm, jobs):
    elements = client.start(*jobs[:2])
    killed, works = (write_scratch(job, e) for job, e in zip(jobs, elements, strict=False))
    before = write_scratch(jobs[0], "99_0")
    slurm.end(elements[0], "OUT_OF_MEMORY")
    client.poll()
    assert [folder.exists() for folder in (killed, works, before)] == [False, True, True]


def test_each_failed_attempt_is_written_down(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    record = make_record(jobs[0], element, "failed", exit_code=None, signal=9)
    slurm.fail(element, "OUT_OF_MEMORY", record=record, memory_kb=6_000_000, seconds=61)
    client.poll()
    (attempt,) = journal.read(Path(jobs[0].arrays))
    assert (attempt.job, attempt.title) == (jobs[0].name, jobs[0].title)
    assert (attempt.element, attempt.node) == ("100_0", "cp15")
    assert (attempt.cause, attempt.text) == ("out of memory", "out of memory")
    assert attempt.decision == "again with 9216 MB, try 2 of 3"
    assert (attempt.state, attempt.exit) == ("OUT_OF_MEMORY", "0:9")
    assert (attempt.seconds, attempt.memory_kb) == (61, 6_000_000)
    assert attempt.resources["mem_mb"] == 6144
    assert Resources.from_json(attempt.again) == Resources(9216, 4500)
    assert attempt.ended.endswith("+00:00")


def test_tries_of_a_product_are_counted_on_by_a_client_that_takes_it_up(client, slurm, jobs):
    (element,) = client.start(jobs[0])
    slurm.fail(element)
    for _ in range(3):
        client.poll()
    slurm.run(slurm.live[0])
    later = client.again()
    later.start(jobs[0])
    slurm.fail(slurm.live[0])
    later.poll()
    assert later.notes == ["DL1A Run01807.0000: exit code 1; again in 60 s, try 3 of 3"]


# --- products that are made along with others ----------------------------------------------


def test_follower_is_made_in_the_same_job(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    assert slurm.jobs_of(element) == [dl1b, check]
    slurm.run(element)
    make_product(dl1b, element)
    assert client.poll() == [dl1b.title]
    client.submit(check)  # its turn has come
    assert client.poll() == []
    slurm.succeed(element)
    assert client.poll() == [check.title]
    assert client.outcomes[check.name].log.endswith("Run01807.0003_DL1Check_100_3.log")
    assert slurm.calls["sbatch"] == 1


def test_job_asks_for_what_the_product_and_its_followers_need(client, slurm, pair):
    selection, dl1a = pair[0]._replace(resource_class="gain_selection"), pair[1]
    (element,) = client.start(selection, followers={selection.key: [dl1a]})
    assert slurm.arrays[element.array - 100].manifest.resources["mem_mb"] == 6 * 1024


def test_follower_that_is_made_before_its_turn_is_told_all_the_same(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.succeed(element)
    assert sorted(client.poll()) == [dl1b.title, check.title]
    assert all(outcome.done for outcome in client.outcomes.values())


def test_follower_that_fails_is_tried_again_alone(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.run(element)
    make_product(dl1b, element)
    client.poll()
    client.submit(check)
    write_record(
        Path(check.record), make_record(check, element, "failed", cause="exit code 1: bad")
    )
    slurm.end(element, "FAILED", exit_code=1)
    client.poll()
    assert client.notes == [f"{check.title}: exit code 1: bad; again in 60 s, try 2 of 3"]
    client.poll()
    client.poll()
    (again,) = slurm.live
    assert slurm.jobs_of(again) == [check]
    slurm.succeed(again)
    assert client.poll() == [check.title]
    assert client.outcomes[check.name].done
    assert slurm.submitted() == {dl1b.title: 1, check.title: 2}


def test_follower_that_failed_before_its_turn_is_tried_again_when_that_comes(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    make_product(dl1b, element)
    slurm.end(element, "OUT_OF_MEMORY")
    assert client.poll() == [dl1b.title]
    assert client.notes == [f"{check.title}: out of memory; again with 9216 MB, try 2 of 3"]
    client.submit(check)
    client.poll()
    (again,) = slurm.live
    assert slurm.jobs_of(again) == [check]
    assert slurm.arrays[1].option("mem") == "9216M"
    for _ in range(2):
        slurm.fail(slurm.live[0])
        for _ in range(3):
            client.poll()
    assert client.outcomes[check.name].cause == "exit code 1; not again: tried 3 times"


def test_follower_goes_along_again_when_the_first_is_tried_again(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.fail(element)
    for _ in range(3):
        client.poll()
    (again,) = slurm.live
    assert slurm.jobs_of(again) == [dl1b, check]
    slurm.succeed(again)
    assert sorted(client.poll()) == [dl1b.title, check.title]


def test_new_client_finds_a_follower_in_the_job_of_the_first(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.run(element)
    make_product(dl1b, element)
    later = client.again()
    assert later.start(check) == []
    assert later.quiet == [f"is made by Slurm job {element} already"]
    slurm.succeed(element)
    assert later.poll() == [check.title]
    assert slurm.calls["sbatch"] == 1


# --- Ctrl-C --------------------------------------------------------------------------------


def test_jobs_are_left_alone_by_a_client_that_is_told_to_end(client, slurm, jobs):
    client.start(*jobs)
    text = "4 jobs on Slurm go on; the same command takes them up again"
    assert client.backend.cancel() == text
    assert slurm.cancelled == []
    assert len(slurm.live) == 4


def test_jobs_are_cancelled_if_that_is_configured(make_client, slurm, jobs):
    client = make_client(slurm={"on_exit": "cancel"})
    client.start(*jobs)
    slurm.submit("#SBATCH --array=0-9\n/nosuch", "lstosa-others")
    assert client.backend.cancel() == "4 jobs on Slurm are cancelled"
    assert slurm.cancelled == ["100"]
    assert len(slurm.live) == 10


def test_elements_are_cancelled_one_by_one_if_others_of_their_array_are_not_ours(
    client, make_client, slurm, jobs
):
    client.start(*jobs)
    later = make_client(slurm={"on_exit": "cancel"})
    later.start(*jobs[1:3])
    assert later.backend.cancel() == "2 jobs on Slurm are cancelled"
    assert slurm.cancelled == ["100_1", "100_2"]


def test_jobs_that_cannot_be_cancelled_are_told(make_client, slurm, jobs):
    client = make_client(slurm={"on_exit": "cancel"})
    client.start(jobs[0])
    slurm.is_away = True
    assert client.backend.cancel() == (
        "1 job on Slurm could not be cancelled: "
        "slurm_load_jobs error: Unable to contact slurm controller"
    )


def test_client_without_jobs_has_nothing_to_cancel(client, slurm, jobs):
    assert client.backend.cancel() == "no job is left"
    client.submit(*jobs)
    assert client.backend.cancel() == "no job is left"


# --- several nights ------------------------------------------------------------------------


def test_two_productions_of_a_night_do_not_mix(client, slurm, tmp_path):
    jobs = [make_job(tmp_path, n, prod_id=prod) for prod in ("v0.1.0", "v0.2.0") for n in (0, 1)]
    assert len({job.name for job in jobs}) == 2
    client.backend.submit(jobs)
    client.clock.now += 30
    client.backend.poll()
    assert len(slurm.arrays) == 2
    assert len(manifests_in(jobs[0].arrays)) == len(manifests_in(jobs[2].arrays)) == 1
    (element,) = [e for e in slurm.live if slurm.jobs_of(e) == [jobs[0]]]
    slurm.succeed(element)
    client.clock.now += 30
    (outcome,) = client.backend.poll()
    assert outcome.log.startswith(f"{tmp_path}/v0.1.0/")
    assert len(slurm.live) == 3


def test_client_of_one_production_leaves_the_jobs_of_another_alone(client, slurm, tmp_path):
    client.start(make_job(tmp_path, 0, prod_id="v0.2.0"))
    other = client.again()
    (element,) = other.start(make_job(tmp_path, 0, prod_id="v0.1.0"))
    assert slurm.calls["sbatch"] == 2
    for _ in range(5):
        other.poll()
    assert len(slurm.live) == 2
    slurm.succeed(element)
    other.poll()
    assert len(other.outcomes) == 1


# --- arrays by themselves ------------------------------------------------------------------


@pytest.fixture
def arrays(slurm, load_options, clock):
    return Arrays(slurm, load_options(), clock)


def test_places_of_submitted_elements_are_returned_in_their_order(arrays, tmp_path):
    elements = [Element([make_job(tmp_path, n)]) for n in (5, 2, 9)]
    ((array, indices),), refusal = arrays.submit(elements, Resources(6144, 4500))
    assert (array.number, indices, refusal) == (100, [5, 2, 9], None)


def test_submission_without_an_answer_has_no_number_until_it_is_seen(arrays, slurm, tmp_path):
    slurm.answers = ["taken"]
    job = make_job(tmp_path, 5)
    ((array, _),), _ = arrays.submit([Element([job])], Resources(6144, 4500))
    assert array.number is None
    assert arrays.is_young(array)
    assert arrays.find(job).array is array
    arrays.look()
    assert array.number == 100
    assert arrays.row(array, 5).state == "PENDING"
    slurm.succeed(ElementId(100, 5))
    arrays.look()
    assert arrays.find(job) is None


def test_queue_that_cannot_be_seen_stays_as_it_was(arrays, slurm, tmp_path):
    ((array, _),), _ = arrays.submit([Element([make_job(tmp_path, 5)])], Resources(6144, 4500))
    arrays.look()
    slurm.is_away = True
    with pytest.raises(Away):
        arrays.look()
    assert arrays.row(array, 5).state == "PENDING"


def test_number_of_earlier_failures_goes_into_the_manifest(arrays, tmp_path):
    elements = [Element([make_job(tmp_path, n)], n) for n in range(3)]
    arrays.submit(elements, Resources(6144, 4500))
    (path,) = manifests_in(elements[0].jobs[0].arrays)
    assert json.loads(path.read_text())["tries"] == {
        "Run01807.0001_DL1A": 1,
        "Run01807.0002_DL1A": 2,
    }
