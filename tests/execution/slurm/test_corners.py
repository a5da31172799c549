"""Corners in which the backend went wrong once: each test is the smallest case of one defect."""

import json
import time
from pathlib import Path

import pytest

from lstosa_luigi.errors import ConfigError
from lstosa_luigi.execution.record import write_record
from lstosa_luigi.execution.slurm import client as slurm_client
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.client import Away, Refused, Slurm
from lstosa_luigi.execution.slurm.parse import (
    Accounting,
    Refusal,
    accounting_rows,
    kind_of_refusal,
)
from lstosa_luigi.execution.slurm.report import executions
from tests.execution.slurm.cluster import make_job, make_product, make_record
from tests.execution.slurm.test_journal import ATTEMPT

REFUSED = "sbatch: error: Batch job submission failed: "
POLICY = (
    f"{REFUSED}Job violates accounting/QOS policy "
    "(job submit limit, user's size and/or time limits)"
)
"""What comes with every violation of a limit, whichever it is."""


@pytest.fixture
def pair(tmp_path):
    """DL1B of a subrun, and the check of it."""
    return make_job(tmp_path, 3, "DL1B"), make_job(tmp_path, 3, "DL1Check")


# --- products that are made along with others ----------------------------------------------


def test_follower_is_not_blamed_for_the_failure_of_the_first(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.fail(element)
    client.poll()
    assert client.notes == [f"{dl1b.title}: exit code 1; again in 60 s, try 2 of 3"]
    assert [attempt.job for attempt in journal.read(Path(dl1b.arrays))] == [dl1b.name]


def test_failures_of_the_first_do_not_use_up_the_tries_of_its_follower(client, slurm, pair):
    dl1b, check = pair
    client.start(dl1b, followers={dl1b.key: [check]})
    for _ in range(2):
        slurm.fail(slurm.live[0])
        for _ in range(3):
            client.poll()
    (element,) = slurm.live
    make_product(dl1b, element)
    slurm.run(element)
    client.poll()
    client.submit(check)
    record = make_record(check, element, "failed", cause="exit code 1: bad")
    write_record(Path(check.record), record)
    slurm.end(element, "FAILED", exit_code=1)
    client.poll()
    assert check.name not in client.outcomes


def test_memory_that_the_first_lacked_is_not_asked_for_its_follower(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.end(element, "OUT_OF_MEMORY")
    client.poll()
    (again,) = slurm.live
    slurm.run(again)
    make_product(dl1b, again)
    client.poll()
    slurm.vanish(again)
    later = client.again()
    later.start(check)
    assert slurm.jobs_of(slurm.live[0]) == [check]
    assert slurm.arrays[-1].option("mem") == "6144M"


def test_first_of_an_element_is_reported_although_its_follower_failed(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    make_product(dl1b, element)
    slurm.end(element, "OUT_OF_MEMORY")
    client.poll()
    found = executions(Path(dl1b.arrays), Path(dl1b.record).parent, [])
    assert sorted(execution.title for execution in found) == [dl1b.title, check.title]


def test_follower_of_a_job_that_would_wait_for_ever_is_not_spoken_of(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.set_state(element, "PENDING", "InvalidAccount")
    client.poll()
    assert client.notes == []


def test_follower_that_is_made_is_done_while_its_element_is_completing(client, slurm, pair):
    dl1b, check = pair
    (element,) = client.start(dl1b, followers={dl1b.key: [check]})
    slurm.run(element)
    make_product(dl1b, element)
    client.poll()
    client.submit(check)
    make_product(check, element)
    slurm.set_state(element, "COMPLETING")
    client.poll()
    assert client.outcomes[check.name].done


def test_follower_only_goes_along_in_its_own_production(client, slurm, tmp_path):
    first, other = (make_job(tmp_path, 3, "DL1B", prod_id=prod) for prod in ("v1", "v2"))
    check = make_job(tmp_path, 3, "DL1Check", prod_id="v1")
    client.start(first, other, followers={first.key: [check]})
    places = sorted((slurm.jobs_of(element) for element in slurm.live), key=len)
    assert places == [[other], [first, check]]


# --- a sbatch that did not answer ----------------------------------------------------------


def test_grace_begins_when_sbatch_was_given_up_and_not_when_it_was_called(client, slurm, tmp_path):
    slurm.answers = ["taken"]
    slurm.seconds_of_sbatch = 60
    slurm.lag = 5
    client.start(make_job(tmp_path))
    slurm.seconds_of_sbatch = 0
    client.poll(1)
    for _ in range(3):
        client.poll()
    assert slurm.calls["sbatch"] == 1


def test_grace_does_not_pass_while_slurm_is_away(client, slurm, tmp_path):
    slurm.answers = ["taken"]
    slurm.lag = 125
    client.start(make_job(tmp_path))
    slurm.is_away = True
    for _ in range(3):
        client.poll()
    slurm.is_away = False
    for _ in range(3):
        client.poll()
    assert slurm.calls["sbatch"] == 1
    assert len(slurm.live) == 1


def test_array_that_was_not_taken_is_one_note_and_one_scancel(client, slurm, tmp_path):
    slurm.answers = ["lost"]
    client.start(*(make_job(tmp_path, n) for n in range(100)))
    for _ in range(3):
        client.poll()
    assert slurm.calls["scancel"] == 1
    assert [note.partition(" ")[2].split(";")[0] for note in client.notes] == [
        "sbatch did not answer",
        "was not taken by Slurm: again",
    ]


def test_submission_without_an_answer_is_cancelled_with_the_others(make_client, slurm, tmp_path):
    client = make_client(slurm={"on_exit": "cancel"})
    slurm.answers = ["taken"]
    client.start(make_job(tmp_path))
    client.backend.cancel()
    assert slurm.live == []


# --- files that are not as they should be --------------------------------------------------


def test_attempt_after_half_a_line_stands_on_a_line_of_its_own(tmp_path):
    journal.append(tmp_path, [ATTEMPT])
    with (tmp_path / "attempts.jsonl").open("a") as file:
        file.write('{"job": "Run018')
    journal.append(tmp_path, [ATTEMPT])
    assert journal.read(tmp_path) == [ATTEMPT, ATTEMPT]


def test_line_of_the_journal_that_is_no_text_is_passed_over(tmp_path):
    journal.append(tmp_path, [ATTEMPT])
    with (tmp_path / "attempts.jsonl").open("ab") as file:
        file.write(b"\xff\n")
    assert journal.read(tmp_path) == [ATTEMPT]


def test_manifest_that_holds_nothing_does_not_stop_the_next_client(client, tmp_path, caplog):
    job = make_job(tmp_path)
    client.start(job)
    (path,) = Path(job.arrays).glob("*.json")
    path.write_text("null")
    client.again().start(job)
    assert f"{path} cannot be read (" in caplog.text


def test_manifest_of_a_newer_version_is_understood_as_far_as_it_goes(client, slurm, tmp_path):
    job = make_job(tmp_path)
    client.start(job)
    (path,) = Path(job.arrays).glob("*.json")
    data = json.loads(path.read_text())
    data["shared"]["of_the_future"] = 1
    path.write_text(json.dumps(data))
    client.again().start(job)
    assert slurm.calls["sbatch"] == 1, "it is under way"


def test_night_in_which_no_manifest_can_be_written_fails_the_jobs_of_it(client, tmp_path):
    job = make_job(tmp_path)
    Path(job.arrays).parent.mkdir()
    Path(job.arrays).touch()
    client.start(job)
    outcome = client.only()
    assert not outcome.done
    assert outcome.cause.startswith("cannot be submitted: ")


# --- refusals ------------------------------------------------------------------------------


def test_limit_of_jobs_is_said_once_while_several_runs_wait(client, slurm, tmp_path):
    slurm.most = 3
    runs = ("Run01807", "Run01808", "Run01809")
    client.start(*(make_job(tmp_path, n, run=run) for run in runs for n in range(6)))
    for _ in range(8):
        for element in slurm.live[:1]:
            slurm.succeed(element)
        client.poll()
    assert len(client.notes) == 1


def test_refusal_of_more_memory_also_tells_why_it_was_asked_for(client, slurm, tmp_path):
    (element,) = client.start(make_job(tmp_path))
    slurm.end(element, "OUT_OF_MEMORY")
    text = "error: Memory specification can not be satisfied"
    slurm.answers = [Refused(Refusal.NEVER, text)]
    client.poll()
    cause = client.only().cause
    assert "out of memory" in cause
    assert text in cause


def test_limits_that_cannot_be_asked_for_are_said_once(client, slurm, tmp_path, monkeypatch):
    def limits():
        raise Away("scontrol: x")

    monkeypatch.setattr(slurm, "limits", limits)
    client.submit(make_job(tmp_path))
    for _ in range(5):
        client.poll()
    assert client.notes == ["Slurm does not answer, waiting for it: scontrol: x"]


def test_refusal_with_odd_bytes_is_read(stand_in):
    text = r"sbatch: error: \377 QOSMaxSubmitJobPerUserLimit\n"
    stand_in("sbatch", f"cat > /dev/null\nprintf '{text}' >&2\nexit 1")
    with pytest.raises(Refused) as caught:
        Slurm().submit("", "a")
    assert caught.value.kind is Refusal.LIMIT


def test_refusal_is_read_to_its_end_on_a_busy_machine(stand_in, monkeypatch):
    read = slurm_client._Stderr._read

    def read_late(self):
        time.sleep(0.2)
        read(self)

    monkeypatch.setattr(slurm_client._Stderr, "_read", read_late)
    text = "error: QOSMaxSubmitJobPerUserLimit"
    stand_in("sbatch", f"cat > /dev/null\necho 'sbatch: {text}' >&2\nexit 1")
    with pytest.raises(Refused) as caught:
        Slurm().submit("", "a")
    assert caught.value.kind is Refusal.LIMIT
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            f"{REFUSED}Unable to contact slurm controller (receive failure)",
            Refusal.UNCERTAIN,
        ),
        (f"{REFUSED}Message receive failure", Refusal.UNCERTAIN),
        (f"{REFUSED}Connection reset by peer", Refusal.UNCERTAIN),
        (f"{REFUSED}Rate limit exceeded, please retry later", Refusal.AWAY),  # from 23.02 on
        (f"{REFUSED}System submissions disabled", Refusal.AWAY),  # maintenance
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}", Refusal.NEVER),
        (f"sbatch: error: QOSMaxMemoryPerJob\n{POLICY}", Refusal.NEVER),
    ],
)
def test_refusal_that_resembles_one_of_another_kind_is_told_apart(text, kind):
    assert kind_of_refusal(text) is kind


# --- elements ------------------------------------------------------------------------------


def test_only_the_element_that_would_wait_for_ever_is_cancelled(client, slurm, tmp_path):
    elements = client.start(*(make_job(tmp_path, n) for n in range(3)))
    slurm.set_state(elements[0], "PENDING", "InvalidAccount")
    client.poll()
    assert slurm.cancelled == ["100_0"]
    assert slurm.live == elements[1:]


@pytest.mark.parametrize("state", ["NODE_FAIL", "FAILED", "OUT_OF_MEMORY"])
def test_failure_of_a_job_that_is_completing_for_ever_is_noticed(client, slurm, tmp_path, state):
    (element,) = client.start(make_job(tmp_path))
    slurm.set_state(element, "COMPLETING")
    slurm.rows[element] = Accounting(state, node="cp15", exit_code=1)
    for _ in range(5):
        client.poll()
    assert slurm.calls["sbatch"] == 2
    assert len(client.notes) == 1


def test_product_of_a_completed_job_may_become_visible_while_it_is_completing(
    client, slurm, tmp_path
):
    job = make_job(tmp_path)
    (element,) = client.start(job)
    slurm.set_state(element, "COMPLETING")
    slurm.rows[element] = Accounting("COMPLETED", node="cp15")
    client.poll()
    make_product(job, element)
    client.poll()
    assert client.only().done
    assert slurm.calls["sbatch"] == 1


def test_indices_with_a_step_are_taken_apart():
    rows = accounting_rows("6_[2-18:2%9]|CANCELLED by 0|0:0|0||None assigned|a")
    assert sorted(element.index for element in rows) == list(range(2, 19, 2))


# --- configuration -------------------------------------------------------------------------


def test_job_without_memory_is_refused(load_options):
    with pytest.raises(ConfigError):
        load_options(slurm={"mem": "0"})


def test_memory_of_all_jobs_goes_before_the_defaults_of_the_classes(load_options):
    options = load_options(slurm={"mem": "8GB"})
    assert options.resources("data", "DL1A").mem_mb == 8192
