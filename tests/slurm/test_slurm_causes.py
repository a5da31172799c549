"""How jobs fail on a real Slurm: the cause that is told, what is tried again, and with how much."""

import json
import sys
import time
from collections.abc import Callable

import pytest

from tests.slurm.cluster import Cluster, wait_until
from tests.slurm.nights import Pieces, elements_of

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]

MakePieces = Callable[..., Pieces]
ONCE = "if [ ! -e once ]; then touch once; {first}; fi; echo $1 > $2"
"""A piece that goes wrong at its first try only."""
EAT = f"{sys.executable} -c 'x = b\"x\" * 150_000_000; import time; time.sleep(2)'"


def attempts(pieces: Pieces) -> list[tuple[str, str, str]]:
    """Return cause, text and decision of each attempt that failed."""
    text = (pieces.root / "jobs/arrays/attempts.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["cause"], row["text"], row["decision"]) for row in rows]


def running_piece(slurm: Cluster) -> str:
    """Wait until a piece is being made, and return its job's id."""

    def ask() -> list[str]:
        rows = slurm.client("squeue", "-h", "-r", "-t", "R", "-o", "%i %j").splitlines()
        return [row.split()[0] for row in rows if "-Piece-" in row]

    wait_until(ask, 60, "a running job")
    return ask()[0]


def test_job_out_of_memory_is_tried_again_with_more(slurm: Cluster, pieces: MakePieces) -> None:
    work = pieces(
        f"{EAT} && echo $1 > $2", slurm__data={"mem": "60MB"}, retries={"mem_factor": "5"}
    )
    code, output = work.run(1)
    assert code == 0, output
    assert "out of memory; again with 300 MB, try 2 of 3" in output
    assert attempts(work) == [("out of memory", "out of memory", "again with 300 MB, try 2 of 3")]
    states = elements_of(slurm, work, "Piece")
    assert states == ["OUT_OF_MEMORY" if slurm.has_cgroup else "FAILED", "COMPLETED"]


def test_what_was_too_little_memory_is_remembered_by_the_next_command(
    slurm: Cluster, pieces: MakePieces
) -> None:
    work = pieces(f"{EAT} && exit 1", slurm__data={"mem": "60MB"}, retries={"mem_factor": "5"})
    assert work.run(1)[0] == 30
    work.write_script(f"{EAT} && echo $1 > $2")
    code, output = work.run(1)
    assert code == 0, output
    assert "out of memory" not in output


def test_job_out_of_time_is_tried_again_with_more(slurm: Cluster, pieces: MakePieces) -> None:
    work = pieces(ONCE.format(first="sleep 100"), slurm__data={"time": "1"})
    process = work.start(1)
    job = running_piece(slurm)
    wait_until((work.root / "once").exists)
    slurm.client("scontrol", "update", f"JobId={job}", "TimeLimit=0:00")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "out of time; again with 120 s, try 2 of 3" in output
    assert elements_of(slurm, work, "Piece") == ["TIMEOUT", "COMPLETED"]


def test_job_lost_with_its_node_is_made_elsewhere_and_that_counts_as_no_try(
    slurm: Cluster, pieces: MakePieces
) -> None:
    work = pieces(
        ONCE.format(first="sleep 100"), retries={"max_tries": "1", "exclude_node": "true"}
    )
    (work.root / "luigi.cfg").write_text(
        (work.root / "luigi.cfg")
        .read_text()
        .replace("[slurm]\n", "[slurm]\nextra = --no-requeue\n")
    )
    process = work.start(1)
    job = running_piece(slurm)
    wait_until((work.root / "once").exists)
    node = slurm.client("squeue", "-h", "-j", job, "-o", "%N").strip()
    slurm.client("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    output, _ = process.communicate(timeout=120)
    slurm.client("scontrol", "update", f"nodename={node}", "state=resume", check=False)
    assert process.returncode == 0, output
    assert f"{node} failed; again" in output
    assert elements_of(slurm, work, "Piece") == ["NODE_FAIL", "COMPLETED"]


def test_job_that_slurm_takes_back_into_the_queue_stays_the_same_job(
    slurm: Cluster, pieces: MakePieces
) -> None:
    work = pieces(ONCE.format(first="sleep 100"))
    process = work.start(1)
    job = running_piece(slurm)
    wait_until((work.root / "once").exists)
    slurm.client("scontrol", "requeue", job)
    time.sleep(4)  # started at once, Slurm itself may take the first end for that of the second

    def starts_again() -> bool:  # by itself it would only after two minutes
        slurm.client("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
        return bool(work.made())

    wait_until(starts_again, 60)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert "again" not in output
    assert not (work.root / "jobs/arrays/attempts.jsonl").exists()


def test_job_that_a_person_cancelled_is_not_made_behind_their_back(
    slurm: Cluster, pieces: MakePieces
) -> None:
    work = pieces('[ "$1" = 1 ] && sleep 100; echo $1 > $2')
    process = work.start(3)
    wait_until(lambda: (work.root / "made/sum.0002").exists(), 60)
    slurm.client("scancel", running_piece(slurm))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 30, output
    assert "cancelled by user 0; not again: give the same command to have it made" in output
    assert work.made() == ["piece.0000", "piece.0002", "sum.0000", "sum.0002"]
    assert not list((work.root / "made").glob(".scratch"))


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo working; exit 137", "exit code 137"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("exit 0", "the command ended without error but left no piece.0000"),
        ("echo 'RuntimeError: no light' >&2; exit 1", "exit code 1: RuntimeError: no light"),
    ],
)
def test_command_that_fails_is_tried_three_times_and_its_own_text_is_told(
    slurm: Cluster, pieces: MakePieces, script: str, text: str
) -> None:
    work = pieces(script)
    code, output = work.run(1)
    assert code == 30, output
    assert [attempt[:2] for attempt in attempts(work)] == [("failed", text)] * 3
    assert f"{text}; not again: tried 3 times" in output
    assert elements_of(slurm, work, "Piece") == ["FAILED"] * 3


def test_cause_that_would_only_come_again_is_final_at_once(
    slurm: Cluster, pieces: MakePieces
) -> None:
    work = pieces("echo \"ModuleNotFoundError: No module named 'x'\"; exit 1")
    code, output = work.run(1)
    assert code == 30, output
    assert [attempt[0] for attempt in attempts(work)] == ["failed for good"]


def test_job_that_would_wait_for_ever_is_cancelled_with_the_reason(
    slurm: Cluster, pieces: MakePieces
) -> None:
    work = pieces(slurm__data={"time": "9-00:00:00", "partition": "long"})
    code, output = work.run(2)
    assert code == 30, output
    assert "it would wait for ever in the queue: PartitionTimeLimit" in output
    assert slurm.client("squeue", "-h") == ""


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("account", "nosuch", "Invalid account"),
        ("partition", "nosuch", "nvalid partition"),
        ("mem", "900GB", "Memory specification can not be satisfied"),
        ("extra", "--qos=nosuch", "Invalid qos"),
        ("extra", "--constraint=nosuch", "Invalid feature"),
    ],
)
def test_job_that_slurm_refuses_fails_with_its_words(
    slurm: Cluster, pieces: MakePieces, key: str, value: str, text: str
) -> None:
    work = pieces(slurm__data={key: value})
    code, output = work.run(2)
    assert code == 30, output
    assert "Slurm refuses the job" in output
    assert text in output


def test_log_directory_that_cannot_be_written_is_told(slurm: Cluster, pieces: MakePieces) -> None:
    work = pieces()
    logs = work.root / "jobs/log"
    logs.parent.mkdir()
    logs.symlink_to("/dev/null")
    code, output = work.run(1)
    assert code == 30, output
    assert "jobs/log" in output
    assert "Traceback" not in output


def test_jobs_get_the_variables_that_are_named_and_no_login_shell(
    slurm: Cluster, pieces: MakePieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANTED", "a b")
    monkeypatch.setenv("UNWANTED", "c")
    work = pieces("env > variables; echo $1 > $2", slurm={"export": "WANTED,OTHER=5"})
    code, output = work.run(1)
    assert code == 0, output
    lines = (work.root / "variables").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if "=" in line)
    assert (variables["WANTED"], variables["OTHER"]) == ("a b", "5")
    assert not {"UNWANTED", "SHELL", "MAIL", "SHLVL"} & variables.keys()
