"""Slurm, its accounting or luigid away, hung or killed: the night waits, nothing comes twice."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import free_port, start_luigid
from tests.slurm.cluster import Cluster, wait_until
from tests.slurm.nights import Pieces, is_running, submitted

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

MakePieces = Callable[..., Pieces]
SLOWLY = 'sleep 3; echo $1 > "$2"'


@pytest.fixture
def around_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that has something done before and after the first call of sbatch."""

    def wrap(before: str, after: str) -> None:
        folder = tmp_path / "first"
        folder.mkdir()
        script = folder / "sbatch"
        real = shutil.which("sbatch")
        script.write_text(
            f"#!/bin/sh\nif mkdir {folder}/done 2>/dev/null; then\n{before}\n"
            f'{real} "$@"; code=$?\n{after}\nexit $code\nfi\nexec {real} "$@"\n'
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return wrap


def wait_for_first_pieces(work: Pieces) -> None:
    wait_until(work.made, 60, "the first piece")


@pytest.mark.parametrize(("daemon", "seconds"), [("slurmctld", 25), ("munged", 10)])
def test_while_slurm_is_away_the_command_waits_and_says_so(
    slurm: Cluster, pieces: MakePieces, daemon: str, seconds: int
) -> None:
    work = pieces(SLOWLY)
    process = work.start(4)
    wait_until(lambda: is_running(slurm, work, "Piece"), 60)
    slurm.down(daemon)
    time.sleep(seconds)
    assert process.poll() is None, process.communicate()[0]
    slurm.up(daemon)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert output.count("Slurm does not answer, waiting for it") == 1
    assert set(submitted(slurm, work).values()) == {1}


def test_job_that_slurm_took_without_answering_is_not_submitted_again(
    slurm: Cluster, pieces: MakePieces, around_sbatch: Callable[[str, str], None]
) -> None:
    work = pieces(slurm={"grace": "20"})
    pid = _pid_of(slurm, "slurmctld")
    around_sbatch(f"kill -STOP {pid}", f"kill -CONT {pid}")
    code, output = work.run(3)
    assert code == 0, output
    assert "the queue will tell if it was taken" in output
    assert set(submitted(slurm, work).values()) == {1}


def test_job_that_slurm_forgot_is_submitted_again(
    slurm: Cluster, pieces: MakePieces, around_sbatch: Callable[[str, str], None]
) -> None:
    work = pieces()
    around_sbatch("", f"kill -KILL {_pid_of(slurm, 'slurmctld')}")
    process = work.start(2)
    wait_until(lambda: not _is_up(slurm), 60)
    slurm.up("slurmctld")
    output, _ = process.communicate(timeout=150)
    assert process.returncode == 0, output
    assert work.made() == ["piece.0000", "piece.0001", "sum.0000", "sum.0001"]


def _pid_of(slurm: Cluster, daemon: str) -> int:
    return int((slurm.root / f"run/{daemon}.pid").read_text())


def _is_up(slurm: Cluster) -> bool:
    try:
        slurm.client("squeue", timeout=1)
    except (RuntimeError, subprocess.TimeoutExpired):
        return False
    return True


@pytest.mark.parametrize("daemon", ["slurmdbd", "mariadbd"])
def test_without_accounting_a_failure_is_told_by_what_the_job_itself_wrote(
    slurm: Cluster, pieces: MakePieces, daemon: str
) -> None:
    work = pieces('[ "$1" = 1 ] && { echo "RuntimeError: no light"; exit 1; }; echo $1 > $2')
    slurm.down(daemon)
    code, output = work.run(3, timeout=200)
    slurm.up(daemon)
    assert code == 30, output
    assert "Accounting does not answer" in output
    assert "exit code 1: RuntimeError: no light; not again: tried 3 times" in output
    assert work.made() == ["piece.0000", "piece.0002", "sum.0000", "sum.0002"]


@pytest.mark.parametrize(
    ("conf", "sections"),
    [
        ("", {"slurm": {"extra": "--qos=limited"}}),
        ("MaxJobCount=5\nMinJobAge=2", {}),  # jobs that are over count until they are forgotten
        ("MaxArraySize=4", {}),
    ],
    ids=["MaxSubmitJobsPerUser=3", "MaxJobCount=5", "MaxArraySize=4"],
)
def test_limits_are_kept_by_submitting_less_at_a_time(
    slurm: Cluster, pieces: MakePieces, conf: str, sections: dict[str, dict[str, str]]
) -> None:
    if conf:
        slurm.configure(conf)
    work = pieces(**sections)
    code, output = work.run(8, timeout=250)
    assert code == 0, output
    assert len(work.made()) == 16
    # accounting hears of what ended, once the controller itself has heard of it
    wait_until(lambda: sum(submitted(slurm, work).values()) >= 16, 60)
    assert sum(submitted(slurm, work).values()) == 16


def test_jobs_of_others_disturb_nothing(slurm: Cluster, pieces: MakePieces) -> None:
    for options in (
        ["--job-name=odd|name|1_2|", "--array=1-3"],
        ["--job-name=lstosa-Piece", "--array=1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37"],
        ["--job-name=test plain"],
    ):
        words = ["--output=/dev/null", "--mem=10", "--wrap=sleep 600"]
        slurm.client("sbatch", "--parsable", *options, *words)

    def theirs() -> int:
        names = slurm.client("squeue", "-h", "-r", "-o", "%j").splitlines()
        return sum(name.startswith(("odd", "lstosa", "test plain")) for name in names)

    work = pieces()
    code, output = work.run(3)
    assert code == 0, output
    assert theirs() == 23


@pytest.mark.luigid
@pytest.mark.parametrize("keeps_state", [True, False])
def test_luigid_that_is_started_again_gets_its_night_back(
    slurm: Cluster, pieces: MakePieces, tmp_path: Path, keeps_state: bool
) -> None:
    port = free_port()
    luigid = start_luigid(tmp_path / "luigid", port)
    work = pieces(SLOWLY, core={"rpc-retry-wait": "1", "rpc-retry-attempts": "30"})
    process = work.start(6, port=port)
    wait_until(lambda: is_running(slurm, work, "Piece"), 60)
    luigid.send_signal(signal.SIGTERM if keeps_state else signal.SIGKILL)
    luigid.wait()
    if not keeps_state:
        (tmp_path / "luigid/state.pickle").unlink(missing_ok=True)
    luigid = start_luigid(tmp_path / "luigid", port)
    try:
        output, _ = process.communicate(timeout=150)
    finally:
        luigid.kill()
        luigid.wait()
    assert process.returncode == 0, output
    assert len(work.made()) == 12
    assert set(submitted(slurm, work).values()) == {1}
