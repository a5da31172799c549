"""Why an element left no product, and what follows, as tables."""

import dataclasses

import pytest

from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.slurm.parse import Accounting
from lstosa_luigi.execution.slurm.policy import (
    HOPELESS,
    Cause,
    Decision,
    End,
    Faults,
    decide,
    end_of,
)
from tests.execution.slurm.cluster import make_job, make_record

KILLED_BY_CGROUP = (
    "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=5.batch. Some of your processes "
    "may have been killed by the cgroup out-of-memory handler.\n"
)
KILLED_BY_SLURM = (
    "slurmstepd: error: StepId=2.batch exceeded memory limit (226676736 > 62914560), being killed\n"
)
OUT_OF_TIME = "slurmstepd: error: *** JOB 33 ON n1 CANCELLED AT 2020-01-18 DUE TO TIME LIMIT ***\n"
# of what srun started in a job
OUT_OF_TIME_STEP = "slurmstepd: error: *** STEP 33.0 ON n1 CANCELLED AT 2024 DUE TO TIME LIMIT ***"


def row(state, **fields):
    return Accounting(state, **{"node": "cp15", **fields})


@pytest.fixture
def record(tmp_path):
    """Return a function that makes a record of a failure."""
    job = make_job(tmp_path)
    return lambda **fields: make_record(job, "1234_0", **{"state": "failed", **fields})


# --- why -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accounting", "printed", "cause", "text"),
    [
        (row("OUT_OF_MEMORY", signal=125), "", Cause.MEMORY, "out of memory"),
        (row("OUT_OF_ME+"), "", Cause.MEMORY, "out of memory"),
        (row("OUT_OF_MEMORY"), KILLED_BY_CGROUP, Cause.MEMORY, "out of memory"),
        (row("FAILED", signal=9), KILLED_BY_SLURM, Cause.MEMORY, "out of memory"),
        (row("CANCELLED", by="0", signal=9), KILLED_BY_SLURM, Cause.MEMORY, "out of memory"),
        (row("FAILED"), KILLED_BY_CGROUP, Cause.MEMORY, "out of memory"),
        (row("COMPLETED"), KILLED_BY_CGROUP, Cause.MEMORY, "out of memory"),
        (row("TIMEOUT"), "", Cause.TIME, "out of time"),
        (row("TIMEOUT"), OUT_OF_TIME, Cause.TIME, "out of time"),
        (row("CANCELLED", signal=15), OUT_OF_TIME, Cause.TIME, "out of time"),
        (row("CANCELLED", signal=15), OUT_OF_TIME_STEP, Cause.TIME, "out of time"),
        (row("NODE_FAIL"), "", Cause.LOST, "cp15 failed"),
        (row("NODE_FAIL", node=""), "", Cause.LOST, "the node failed"),
        (row("BOOT_FAIL"), "", Cause.LOST, "cp15 did not boot"),
        (row("PREEMPTED", signal=15), "", Cause.LOST, "preempted by another job"),
        (row("REQUEUED"), "", Cause.LOST, "taken back into the queue"),
        (row("REVOKED"), "", Cause.LOST, "revoked"),
        (
            row("DEADLINE"),
            "",
            Cause.PERMANENT,
            "its deadline passed before it could be done",
        ),
        (row("CANCELLED", by="0"), "", Cause.CANCELLED, "cancelled by user 0"),
        (row("CANCELLED"), "", Cause.CANCELLED, "cancelled"),
        (
            row("COMPLETED"),
            "all is well",
            Cause.FAILED,
            "the job ended without error but its product is not there",
        ),
        (row("FAILED", exit_code=3), "", Cause.FAILED, "exit code 3"),
        (row("FAILED", signal=11), "", Cause.FAILED, "killed by signal 11"),
        (row("FAILED", signal=9), "", Cause.FAILED, "killed by signal 9"),
        # exit code 128: sacct keeps seven bits, so it is not COMPLETED that tells
        (row("FAILED"), "", Cause.FAILED, "the job failed"),
        # 137, which sacct calls 9
        (row("FAILED", exit_code=9), "", Cause.FAILED, "exit code 9"),
        (
            row("FAILED", signal=53),
            "",
            Cause.FAILED,
            "could not be started on cp15: the log directory is not there or cannot be written, "
            "or its working directory",
        ),
        (row("STOPPED"), "", Cause.FAILED, "the job failed"),
        (row("LAUNCH_FAILED"), "", Cause.FAILED, "the job failed"),
        (None, KILLED_BY_CGROUP, Cause.MEMORY, "out of memory"),
        (None, OUT_OF_TIME, Cause.TIME, "out of time"),
    ],
)
def test_accounting_and_log_tell_why(accounting, printed, cause, text):
    end = end_of(accounting, None, printed)
    assert (end.cause, end.text) == (cause, text)
    assert end.node == ("" if accounting is None else accounting.node)


@pytest.mark.parametrize(
    ("accounting", "fields", "cause", "text"),
    [
        (row("FAILED", exit_code=1), {}, Cause.FAILED, "exit code 1: ValueError: bad"),
        (None, {}, Cause.FAILED, "exit code 1: ValueError: bad"),
        # accounting lags behind: what the job wrote itself is newer
        (row("RUNNING"), {}, Cause.FAILED, "exit code 1: ValueError: bad"),
        (
            row("FAILED", exit_code=1),
            {"is_permanent": True, "cause": "input /r0/a is missing"},
            Cause.PERMANENT,
            "input /r0/a is missing",
        ),
        # a job that was killed for its memory may have written that its command was killed
        (row("OUT_OF_MEMORY"), {"cause": "killed by SIGKILL"}, Cause.MEMORY, "out of memory"),
        (row("TIMEOUT"), {"cause": "killed by SIGTERM"}, Cause.TIME, "out of time"),
        (row("NODE_FAIL"), {}, Cause.LOST, "cp15 failed"),
        (row("CANCELLED", by="7"), {}, Cause.CANCELLED, "cancelled by user 7"),
        # the product of a job that went well was removed by somebody
        (
            row("COMPLETED"),
            {"state": "done", "cause": ""},
            Cause.FAILED,
            "the job ended without error but its product is not there",
        ),
        (row("TIMEOUT"), {"state": "cancelled"}, Cause.TIME, "out of time"),
        (
            row("FAILED", exit_code=1),
            {"state": "cancelled", "cause": "cancelled before it was done"},
            Cause.FAILED,
            "exit code 1",
        ),
    ],
)
def test_record_of_the_job_tells_more_but_accounting_comes_first(
    record, accounting, fields, cause, text
):
    end = end_of(accounting, record(**{"cause": "exit code 1: ValueError: bad", **fields}), "")
    assert (end.cause, end.text) == (cause, text)
    assert end.node == "cp15"


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "SUSPENDED", "RESIZING", "COMPLETING", ""])
def test_accounting_that_lags_behind_tells_nothing(record, state):
    assert end_of(row(state), None, "") is None
    assert end_of(row(state), record(state="cancelled"), "") is None


def test_nothing_is_known_without_accounting_record_and_log(record):
    assert end_of(None, None, "") is None
    assert end_of(None, record(state="cancelled"), "working") is None


def test_command_that_talks_of_memory_was_not_killed_for_it():
    end = end_of(row("FAILED", exit_code=1), None, "memory limit of the cache: 60 GB\n")
    assert end.cause is Cause.FAILED


@pytest.mark.parametrize(
    "reason", ["Resources", "Priority", "BeginTime", "QOSMaxJobsPerUserLimit", "None", "Licenses"]
)
def test_reason_that_passes_is_not_hopeless(reason):
    assert reason not in HOPELESS


@pytest.mark.parametrize(
    "reason",
    ["PartitionTimeLimit", "InvalidAccount", "InvalidQOS", "DependencyNeverSatisfied"],
)
def test_reason_that_never_passes_is_hopeless(reason):
    assert reason in HOPELESS


# --- what follows --------------------------------------------------------------------------

ASKED = Resources(6144, 4500, partition="short")
DAY = 86400.0


def with_more(**changes):
    return dataclasses.replace(ASKED, **changes)


@pytest.mark.parametrize(
    ("cause", "faults", "asked", "longest", "expected"),
    [
        (
            Cause.MEMORY,
            Faults(own=1),
            ASKED,
            DAY,
            Decision(with_more(mem_mb=9216), 0, "again with 9216 MB, try 2 of 3"),
        ),
        (
            Cause.MEMORY,
            Faults(own=2),
            with_more(mem_mb=9216),
            DAY,
            Decision(with_more(mem_mb=13824), 0, "again with 13824 MB, try 3 of 3"),
        ),
        (
            Cause.MEMORY,
            Faults(own=1),
            with_more(mem_mb=100_000),
            DAY,
            Decision(with_more(mem_mb=122_880), 0, "again with 122880 MB, try 2 of 3"),
        ),
        (
            Cause.MEMORY,
            Faults(own=1),
            with_more(mem_mb=122_880),
            DAY,
            Decision(None, 0, "not again: it had 122880 MB, the most allowed"),
        ),
        (
            Cause.TIME,
            Faults(own=1),
            ASKED,
            DAY,
            Decision(with_more(seconds=9000), 0, "again with 9000 s, try 2 of 3"),
        ),
        (
            Cause.TIME,
            Faults(own=1),
            ASKED,
            6000.0,
            Decision(with_more(seconds=6000), 0, "again with 6000 s, try 2 of 3"),
        ),
        (
            Cause.TIME,
            Faults(own=1),
            ASKED,
            float("inf"),
            Decision(with_more(seconds=9000), 0, "again with 9000 s, try 2 of 3"),
        ),
        (
            Cause.TIME,
            Faults(own=1),
            ASKED,
            4500.0,
            Decision(None, 0, "not again: it had 4500 s, the most allowed"),
        ),
        (
            Cause.FAILED,
            Faults(own=1),
            ASKED,
            DAY,
            Decision(ASKED, 60, "again in 60 s, try 2 of 3"),
        ),
        (
            Cause.FAILED,
            Faults(own=2, losses=9),
            ASKED,
            DAY,
            Decision(ASKED, 60, "again in 60 s, try 3 of 3"),
        ),
        *(
            (cause, Faults(own=3), ASKED, DAY, Decision(None, 0, "not again: tried 3 times"))
            for cause in (Cause.FAILED, Cause.MEMORY, Cause.TIME)
        ),
        (
            Cause.PERMANENT,
            Faults(own=1),
            ASKED,
            DAY,
            Decision(None, 0, "not again: it would only fail again"),
        ),
        (
            Cause.CANCELLED,
            Faults(own=1),
            ASKED,
            DAY,
            Decision(None, 0, "not again: give the same command to have it made"),
        ),
        # losses are not the product's fault, but there is an end to everything
        (Cause.LOST, Faults(losses=1), ASKED, DAY, Decision(ASKED, 0, "again")),
        (Cause.LOST, Faults(own=3, losses=10), ASKED, DAY, Decision(ASKED, 0, "again")),
        (
            Cause.LOST,
            Faults(losses=11),
            ASKED,
            DAY,
            Decision(None, 0, "not again: lost 11 times"),
        ),
    ],
)
def test_decision_by_cause(load_options, cause, faults, asked, longest, expected):
    options = load_options()
    assert decide(End(cause, "why", "cp15"), faults, asked, options, longest) == expected


def test_time_never_grows_above_what_the_configuration_allows(load_options):
    options = load_options(retries={"time_max": "2:00:00"})
    decision = decide(End(Cause.TIME, "why"), Faults(own=1), ASKED, options, DAY)
    assert decision.again == with_more(seconds=7200)


def test_product_that_may_be_tried_once_is_not_tried_again(load_options):
    options = load_options(retries={"max_tries": "1"})
    decision = decide(End(Cause.FAILED, "why"), Faults(own=1), ASKED, options, DAY)
    assert decision == Decision(None, 0, "not again: tried 1 times")


@pytest.mark.parametrize(
    ("node", "before", "after"),
    [("cp15", (), ("cp15",)), ("cp15", ("cp15",), ("cp15",)), ("", ("cp1",), ("cp1",))],
)
def test_node_on_which_a_job_was_lost_may_be_avoided(load_options, node, before, after):
    options = load_options(retries={"exclude_node": "true"})
    end = End(Cause.LOST, f"{node} failed", node)
    decision = decide(end, Faults(losses=1), with_more(exclude=before), options, DAY)
    assert decision.again == with_more(exclude=after)
