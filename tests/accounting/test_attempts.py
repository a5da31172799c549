"""Each attempt is counted once, whoever tells of it; causes come in groups."""

import dataclasses

import pytest

from lstosa_luigi.accounting.attempts import find_attempts
from lstosa_luigi.accounting.causes import GROUPS, group_of
from lstosa_luigi.accounting.sums import account_of_classes, total_of
from lstosa_luigi.execution import causes
from lstosa_luigi.execution.record import Record
from lstosa_luigi.execution.slurm.journal import Attempt
from lstosa_luigi.execution.slurm.policy import Cause

NAME = "Run00003.0001_DL1A"
RECORD = Record(
    name=NAME,
    title="DL1A Run00003.0001",
    state="done",
    start="2024-03-03T08:00:00+00:00",
    end="2024-03-03T08:01:40+00:00",
    seconds=100.0,
    cpu_seconds=80.0,
    peak_memory_kb=2_048_000,
    host="cp15",
    attempt=1,
    argv=(),
    inputs=(),
    outputs=(),
    exit_code=0,
    signal=None,
    cause="",
    log="",
    job_id="9_1",
    mem_mb=4000,
    cpus=1,
)
FAILED = RECORD._replace(
    state="failed",
    end="2024-03-03T07:01:00+00:00",
    seconds=60.0,
    cpu_seconds=50.0,
    exit_code=None,
    signal=9,
    cause="killed by SIGKILL",
    job_id="8_1",
)
KILLED = Attempt(
    job=NAME,
    title="DL1A Run00003.0001",
    element="8_1",
    ended="2024-03-03T07:02:00+00:00",
    cause="out of memory",
    text="out of memory",
    decision="again with 6000 MB, try 2 of 3",
    state="OUT_OF_MEMORY",
    exit="0:9",
    seconds=61.0,
    memory_kb=4_096_000,
    node="cp15",
    resources={"mem_mb": 4000},
    again={"mem_mb": 6000},
)
AFTER = RECORD._replace(attempt=2, earlier=FAILED.history())


def account(record, *on_slurm, name=NAME):
    """Return what the class of one product cost, and the same of all classes."""
    found = find_attempts([(name, record)] if record else [], on_slurm)
    (one,) = account_of_classes(found.products)
    total = total_of(found.products)
    assert dataclasses.replace(total, product=one.product, memory=one.memory) == one
    return one


def numbers(one):
    return one.products, one.not_made, one.attempts, one.lost, one.unknown, one.without_cpu


def told(one):
    return [(c.cause, c.attempts, c.retried, c.cpu_seconds, c.seconds) for c in one.causes]


def test_attempt_that_failed_before_is_counted_with_its_costs():
    one = account(AFTER)
    assert numbers(one) == (1, 0, 2, 1, 0, 0)
    assert (one.cpu_seconds, one.seconds) == (130.0, 160.0)
    assert (one.lost_cpu_seconds, one.lost_seconds) == (50.0, 60.0)
    assert told(one) == [("killed by SIGKILL", 1, 1, 50.0, 60.0)]


def test_killed_attempt_that_left_a_record_is_counted_once_for_the_cause_that_slurm_tells():
    one = account(AFTER, KILLED)
    assert numbers(one) == (1, 0, 2, 1, 0, 0)
    assert told(one) == [("out of memory", 1, 1, 50.0, 60.0)]
    assert one.memory.used_max == 4000.0


def test_killed_attempt_without_a_record_is_counted_without_cpu_time():
    one = account(RECORD, KILLED)
    assert numbers(one) == (1, 0, 2, 1, 0, 1)
    assert (one.cpu_seconds, one.seconds) == (80.0, 161.0)
    assert told(one) == [("out of memory", 1, 1, 0.0, 61.0)]


def test_killed_attempt_that_two_clients_noticed_is_counted_once():
    assert numbers(account(RECORD, KILLED, KILLED)) == (1, 0, 2, 1, 0, 1)


def test_product_of_which_nothing_but_a_killed_attempt_is_known_is_not_made():
    one = account(None, dataclasses.replace(KILLED, again=None))
    assert (one.product, *numbers(one)) == ("DL1A", 0, 1, 1, 1, 0, 1)
    assert told(one) == [("out of memory", 1, 0, 0.0, 61.0)]


def test_attempt_that_was_done_after_all_is_no_failure():
    """The client gave up waiting for files that another host had written."""
    one = account(RECORD, dataclasses.replace(KILLED, element="9_1", cause="failed"))
    assert numbers(one) == (1, 0, 1, 0, 0, 0)


def test_element_that_was_requeued_and_then_killed_counts_both_attempts():
    cancelled = FAILED._replace(state="cancelled", cause="cancelled before it was done")
    history = cancelled._replace(end="2024-03-03T06:00:00+00:00").history()
    again = FAILED._replace(attempt=2, earlier=history)
    one = account(again, KILLED)
    assert numbers(one) == (0, 1, 2, 2, 0, 0)
    assert {cause.cause for cause in one.causes} == {"cancelled", "out of memory"}


def test_job_that_was_cancelled_while_it_waited_in_the_queue_is_no_attempt():
    waiting = dataclasses.replace(KILLED, cause="cancelled", seconds=0.0, memory_kb=0, node="")
    assert numbers(account(RECORD, waiting)) == (1, 0, 1, 0, 0, 0)
    assert find_attempts([], [waiting]).products == ()
    vanished = dataclasses.replace(waiting, cause="lost")
    assert numbers(account(RECORD, vanished)) == (1, 0, 2, 1, 0, 1)


def test_products_that_one_element_makes_share_its_time():
    """DL1A was made in 100 s of an element that was killed 40 s later, in DL1Check."""
    check = dataclasses.replace(
        KILLED, job="Run00003.0001_DL1Check", element="9_1", seconds=140.0, cause="out of time"
    )
    found = find_attempts([(NAME, RECORD)], [check])
    seconds = {one.product: one.seconds for one in account_of_classes(found.products)}
    assert seconds == {"DL1A": 100.0, "DL1Check": 40.0}


@pytest.mark.parametrize(("on_slurm", "unknown"), [((), 2), ((KILLED,), 1)])
def test_attempts_of_an_old_record_are_counted_though_nothing_else_is_known(on_slurm, unknown):
    one = account(RECORD._replace(attempt=3, schema_version=1), *on_slurm)
    assert (one.attempts, one.lost, one.unknown) == (3, len(on_slurm), unknown)


def test_what_lstosa_made_is_counted_apart():
    of_lstosa = RECORD._replace(
        source="made by lstosa", attempt=4, seconds=0.0, cpu_seconds=0.0, peak_memory_kb=0
    )
    one = account(of_lstosa)
    assert (one.by_lstosa, *numbers(one)) == (1, 0, 0, 0, 0, 0, 0)
    ours = account(RECORD._replace(attempt=5, earlier=of_lstosa.history()))
    assert (ours.by_lstosa, *numbers(ours)) == (0, 1, 0, 1, 0, 0, 0)


def test_product_that_was_made_again_is_one_product():
    one = account(RECORD._replace(attempt=2, earlier=RECORD.history()))
    assert (*numbers(one), one.again) == (1, 0, 2, 0, 0, 0, 1)


def test_memory_tells_how_much_too_much_was_asked_for():
    memory = account(RECORD).memory
    assert (memory.asked_median, memory.asked_max) == (4000, 4000)
    assert (memory.used_median, memory.used_max, memory.ratio) == (2000.0, 2000.0, 2.0)
    here = account(RECORD._replace(mem_mb=0)).memory
    assert (here.asked_median, here.used_max, here.ratio) == (None, 2000.0, None)


# --- causes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "group"),
    [
        ("exit code 1: ValueError: run 3 has no events", "exit code 1 (ValueError)"),
        ("exit code 1: tables.exceptions.HDF5ExtError: HDF5", "exit code 1 (HDF5ExtError)"),
        ("exit code 3", "exit code 3"),
        ("killed by SIGSEGV", "killed by SIGSEGV"),
        ("input /r0/x y.fits.fz is missing", "input missing or damaged"),
        ("raw file /r0/a.fits.fz is empty; copy it again", "input missing or damaged"),
        ("the command ended without error but left no dl1.h5", "no whole product"),
        ("lstchain_dl1ab cannot be started (No such file)", "tools or configuration"),
        ("/dl1/a.h5: Permission denied", "file system"),
        ("only 3 to 12 interleaved pedestals per subrun (2 subruns)", "too few events"),
        ("", "not known"),
    ],
)
def test_causes_are_put_into_groups(cause, group):
    assert group_of(cause) == group


def test_each_cause_that_is_known_has_a_group():
    names = {group for group, _ in GROUPS}
    for _, advice in causes.KNOWN:
        assert group_of(advice.replace(r"\1", "/a").replace(r"\2", "b")) in names, advice


@pytest.mark.parametrize("cause", Cause)
def test_slurm_knows_better_than_a_job_that_was_killed(cause):
    group = group_of("killed by SIGKILL", cause.value)
    is_of_command = cause in (Cause.FAILED, Cause.PERMANENT)
    assert group == ("killed by SIGKILL" if is_of_command else cause.value)
