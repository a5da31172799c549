"""The texts of Slurm, as version 22.05 was seen to write them, and what is read from them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstosa_luigi.execution.slurm.parse import (
    Accounting,
    ElementId,
    QueueRow,
    Refusal,
    accounting_rows,
    array_limit,
    job_id,
    kilobytes_of,
    kind_of_refusal,
    partition_seconds,
    queue_rows,
    seconds_of,
)

NAME = "lstosa-LST1-20200117-v0.1.0-DL1A-Run01807-0a1b2c3d"


def of(array, *indices):
    return [ElementId(array, index) for index in indices]


# --- squeue --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "state", "reason", "name"),
    [
        (f"14_3|PENDING|Resources|{NAME}", "PENDING", "Resources", NAME),
        (f"14_3|RUNNING|None|{NAME}", "RUNNING", "None", NAME),
        ("14_3|RUNNING|(null)|a", "RUNNING", "(null)", "a"),
        ("14_3|COMPLETING|None|a", "COMPLETING", "None", "a"),
        ("14_3|PENDING|BeginTime|requeued", "PENDING", "BeginTime", "requeued"),
        ("14_3|PENDING|DependencyNeverSatisfied|a", "PENDING", "DependencyNeverSatisfied", "a"),
        # reasons of several words
        (
            "14_3|PENDING|ReqNodeNotAvail, UnavailableNodes:n[1-2]|a",
            "PENDING",
            "ReqNodeNotAvail, UnavailableNodes:n[1-2]",
            "a",
        ),
        (
            "14_3|PENDING|launch failed requeued held|a",
            "PENDING",
            "launch failed requeued held",
            "a",
        ),
        # whatever somebody called his job
        ("14_3|RUNNING|None|odd|name|14_4", "RUNNING", "None", "odd|name|14_4"),
        ("14_3|RUNNING|None|my job", "RUNNING", "None", "my job"),
        ("14_3|RUNNING|None|", "RUNNING", "None", ""),
        # %i may be padded
        ("  14_3|RUNNING|None|a", "RUNNING", "None", "a"),
    ],
)
def test_row_of_the_queue_is_read(line, state, reason, name):
    assert queue_rows(f"{line}\n") == [QueueRow(ElementId(14, 3), state, reason, name)]


@pytest.mark.parametrize(
    "line",
    [
        "219|RUNNING|None|somebody's single job",
        "62_[40-149%20]|PENDING|Resources|a",
        "21_[2,9,22,26,29,31,35,64,96,10|PENDING|Resources|cut after 64 characters",
        "300+0|RUNNING|None|part of a heterogeneous job",
        "14_3|RUNNING|None",
        "slurm_load_jobs error: Invalid job id specified",
        "",
        "|||",
    ],
)
def test_line_that_is_no_element_of_an_array_is_left_out(line):
    text = f"14_2|RUNNING|None|a\n{line}\n14_4|RUNNING|None|a\n"
    assert [row.element for row in queue_rows(text)] == of(14, 2, 4)


def test_empty_queue_has_no_rows():
    assert queue_rows("") == []


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])).map(str.strip))
def test_any_name_of_a_job_is_read_as_it_is(name):
    assert queue_rows(f"1_2|RUNNING|None|{name}") == [
        QueueRow(ElementId(1, 2), "RUNNING", "None", name)
    ]


def test_elements_are_ordered_by_number_and_written_as_slurm_does():
    elements = [*of(9, 10), *of(10, 1), *of(9, 2)]
    assert [str(element) for element in sorted(elements)] == ["9_2", "9_10", "10_1"]


# --- sacct ---------------------------------------------------------------------------------

WITH_STEPS = """\
14_3|FAILED|3:0|12||n1|a
14_3.batch|FAILED|3:0|12|2130K|n1|batch
14_3.extern|COMPLETED|0:0|12|1.5M|n1|extern
14_3.0|COMPLETED|0:0|5|3G|n1|srun
"""


def test_steps_only_contribute_their_memory():
    row = Accounting("FAILED", exit_code=3, seconds=12, memory_kb=3 * 1024**2, node="n1")
    assert accounting_rows(WITH_STEPS) == {ElementId(14, 3): row}


def test_steps_may_come_in_any_order_and_without_the_job():
    lines = WITH_STEPS.splitlines()
    assert accounting_rows("\n".join(reversed(lines))) == accounting_rows(WITH_STEPS)
    assert accounting_rows("\n".join(lines[1:])) == {}


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        ("COMPLETED", "0:0", Accounting("COMPLETED")),
        ("FAILED", "3:0", Accounting("FAILED", exit_code=3)),
        ("FAILED", "0:0", Accounting("FAILED")),  # exit code 128: sacct masks it
        ("FAILED", "127:0", Accounting("FAILED", exit_code=127)),
        ("FAILED", "0:11", Accounting("FAILED", signal=11)),
        ("FAILED", "0:53", Accounting("FAILED", signal=53)),
        ("TIMEOUT", "0:0", Accounting("TIMEOUT")),
        ("OUT_OF_MEMORY", "0:125", Accounting("OUT_OF_MEMORY", signal=125)),
        ("CANCELLED by 0", "0:0", Accounting("CANCELLED", by="0")),
        ("CANCELLED by 10123", "0:15", Accounting("CANCELLED", by="10123", signal=15)),
        ("CANCELLED", "0:0", Accounting("CANCELLED")),
        ("NODE_FAIL", "0:0", Accounting("NODE_FAIL")),
        ("DEADLINE", "0:0", Accounting("DEADLINE")),
        ("PENDING", "0:0", Accounting("PENDING")),
        ("RUNNING", "", Accounting("RUNNING")),
        ("PREEMPTED", "nonsense", Accounting("PREEMPTED")),
    ],
)
def test_state_and_exit_code_are_read(state, code, expected):
    assert accounting_rows(f"14_3|{state}|{code}|0|||a") == {ElementId(14, 3): expected}


@pytest.mark.parametrize(
    ("job", "indices"),
    [
        ("6_4", [4]),
        ("6_[4]", [4]),
        ("6_[2-9%2]", range(2, 10)),
        ("6_[2-4,7%2]", [2, 3, 4, 7]),
        ("6_[0,2,4-5,7]", [0, 2, 4, 5, 7]),
    ],
)
def test_elements_that_never_started_stand_together(job, indices):
    rows = accounting_rows(f"{job}|CANCELLED by 0|0:0|0||None assigned|a")
    assert rows == dict.fromkeys(of(6, *indices), Accounting("CANCELLED", by="0"))


def test_long_list_of_ids_is_read_to_its_end():
    indices = [n for n in range(300) if n % 3 != 1]
    text = ",".join(str(n) for n in indices)
    assert len(text) > 64
    rows = accounting_rows(f"6_[{text}%9]|CANCELLED by 0|0:0|0||None assigned|a")
    assert sorted(rows) == of(6, *indices)


@pytest.mark.parametrize(
    "line",
    [
        "219|COMPLETED|0:0|5||n1|no array",
        "219.batch|COMPLETED|0:0|5|12K|n1|batch",
        "14_3|COMPLETED|0:0",
        "allocation",
        "",
        "21_[2,9,...|CANCELLED by 0|0:0|0||None assigned|cut",
    ],
)
def test_line_that_tells_of_no_element_is_passed_over(line):
    text = f"14_2|COMPLETED|0:0|5||n1|a\n{line}\n"
    assert ElementId(14, 2) in accounting_rows(text)
    assert not [element for element in accounting_rows(text) if element.array == 219]


def test_name_with_bars_does_not_shift_the_other_fields():
    rows = accounting_rows("14_3|FAILED|1:0|5|12K|n1|odd|name|0:9")
    assert rows == {
        ElementId(14, 3): Accounting("FAILED", exit_code=1, seconds=5, memory_kb=12, node="n1")
    }


def test_row_that_is_not_complete_yet_is_read_as_far_as_it_goes():
    rows = accounting_rows("14_3|PENDING||||None assigned|allocation\n14_3.batch|RUNNING|||||batch")
    assert rows == {ElementId(14, 3): Accounting("PENDING")}


def test_last_row_of_an_element_counts():
    # with -D, or while accounting catches up, a requeued element has several
    text = "14_3|NODE_FAIL|0:0|5||n1|a\n14_3|COMPLETED|0:0|9||n2|a\n"
    assert accounting_rows(text)[ElementId(14, 3)].state == "COMPLETED"


# --- refusals ------------------------------------------------------------------------------

FAILED = "sbatch: error: Batch job submission failed: "
POLICY = (
    f"{FAILED}Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
)


@pytest.mark.parametrize(
    "text",
    [
        f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{POLICY}",
        f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}",
        f"sbatch: error: AssocGrpSubmitJobsLimit\n{POLICY}",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying.",
        f"{FAILED}Resource temporarily unavailable",
        "sbatch: error: Slurm job queue full, sleeping and retrying",
        # from 23.11 on (slurm_errno.c)
        f"{FAILED}MaxJobCount limit reached",
    ],
)
def test_limit_is_told_from_an_error(text):
    assert kind_of_refusal(text) is Refusal.LIMIT


@pytest.mark.parametrize(
    "text",
    [
        f"{FAILED}Unable to contact slurm controller (connect failure)",
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Munge encode failed: Failed to access /run/munge/munge.socket.2: "
        "No such file or directory (Did you start munged?)\n"
        f"{FAILED}Protocol authentication error",
        f"{FAILED}Protocol authentication error",
        f"{FAILED}Required partition not available (inactive or drain)",
        f"{FAILED}Slurm backup controller in standby mode",
        "sacct: error: slurm_persist_conn_open_without_init: failed to open persistent connection "
        "to host:127.0.0.1:26819: Connection refused",
        # configless clients look the controller up by DNS
        "sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n"
        "sbatch: fatal: Could not establish a configuration source",
        # from 23.02 on (slurm_errno.c)
        f"{FAILED}Controller is in standby mode, try a different controller",
    ],
)
def test_slurm_that_is_away_is_told_from_an_error(text):
    assert kind_of_refusal(text) is Refusal.AWAY


@pytest.mark.parametrize(
    "text",
    [
        f"{FAILED}Socket timed out on send/recv operation",
        f"{FAILED}Zero Bytes were transmitted or received",
        f"{FAILED}Transport endpoint is not connected",
        # from 23.11 on (slurm_errno.c)
        f"{FAILED}Connection timed out reading",
    ],
)
def test_submission_without_an_answer_is_uncertain(text):
    assert kind_of_refusal(text) is Refusal.UNCERTAIN


@pytest.mark.parametrize(
    "text",
    [
        f"{FAILED}Invalid account or account/partition combination specified",
        f"sbatch: error: invalid partition specified: nosuch\n{FAILED}Invalid partition name "
        "specified",
        f"{FAILED}Invalid qos specification",
        "sbatch: error: Memory specification can not be satisfied\n"
        f"{FAILED}Requested node configuration is not available",
        f"{FAILED}Requested time limit is invalid (missing or exceeds some limit)",
        f"{FAILED}Invalid feature specification",
        f"{FAILED}Invalid job array specification",
        f"{FAILED}Job dependency problem",
        "sbatch: error: Unable to open file nosuch.sh",
        "sbatch: error: Batch script is empty!",
        "sbatch: error: This does not look like a batch script.  The first",
        "sbatch: error: Batch script contains DOS line breaks (\\r\\n)",
        "sbatch: error: Invalid --time specification",
        "sbatch: unrecognized option '--nosuch'",
        "",
    ],
)
def test_request_that_must_be_changed_is_never_tried_again(text):
    assert kind_of_refusal(text) is Refusal.NEVER


# --- ids and limits ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234\n", 1234),
        ("1234", 1234),
        ("1234;cluster\n", 1234),
        ("  1234\n", 1234),
        ("", None),
        ("\n", None),
        ("Submitted batch job 1234", None),
        ("1234x", None),
        ("12 34", None),
    ],
)
def test_id_of_a_new_job_is_read(text, number):
    assert job_id(text) == number


CONFIG = """\
Configuration data as of 2020-01-18T08:00:00
MailProg                = /bin/true
MaxArraySize            = 100001
MaxDBDMsgs              = 840000
MaxJobCount             = 200000

Slurmctld(primary) at vm is UP
"""


@pytest.mark.parametrize(
    ("text", "size"),
    [(CONFIG, 100001), ("MaxArraySize=12", 12), (CONFIG.replace("MaxArraySize", "x"), 1001)],
)
def test_largest_array_is_read(text, size):
    assert array_limit(text) == size


PARTITIONS = """\
PartitionName=short AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Default=YES QoS=N/A \
DefaultTime=01:00:00 DisableRootJobs=NO MaxNodes=UNLIMITED MaxTime=06:00:00 MinNodes=0 State=UP
PartitionName=long AllowGroups=ALL DefaultTime=1-00:00:00 MaxTime=7-00:00:00 State=UP
PartitionName=xxl OverTimeLimit=NONE DefaultTime=NONE MaxTime=UNLIMITED State=UP

"""


def test_longest_time_of_each_partition_is_read():
    found = {"short": 6 * 3600, "long": 7 * 86400, "xxl": math.inf}
    assert partition_seconds(PARTITIONS) == found
    assert partition_seconds("No partitions in the system\n") == {}


# --- times and sizes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 5400),
        ("5:30", 330),
        ("1:15:00", 4500),
        ("01:15:00", 4500),
        ("2-12", 2 * 86400 + 12 * 3600),
        ("2-12:30", 2 * 86400 + 12 * 3600 + 1800),
        ("7-00:00:01", 7 * 86400 + 1),
        ("0-90", 90 * 3600),
        ("0", 0),
        (" 90 ", 5400),
        ("UNLIMITED", math.inf),
        ("unlimited", math.inf),
        ("INFINITE", math.inf),
    ],
)
def test_time_is_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1h", "1:2:3:4", "-5", "1-", "-1:00", "1:", "1.5", "a-1:00", "1-2-3", "NONE"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a time; write minutes, H:M:S or D-H:M:S"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "kilobytes"),
    [
        ("1234K", 1234),
        ("1.5M", 1536),
        ("2G", 2 * 1024**2),
        ("0.5T", 512 * 1024**2),
        ("2048", 2),  # without a unit: bytes
        ("0", 0),
        ("", 0),
        ("?", 0),
        ("12KB", 0),
    ],
)
def test_size_is_read(text, kilobytes):
    assert kilobytes_of(text) == kilobytes
