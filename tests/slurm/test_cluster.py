"""The cluster of the tests is a real one: what tests rely on in it, and no more."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm import processes
from tests.slurm.cluster import Cluster, wait_until

pytestmark = pytest.mark.slurm


def submit(slurm: Cluster, script: str, *options: str) -> str:
    """Submit a line of shell and return the id of its job."""
    words = ["sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}"]
    return slurm.client(*words).strip()


def state(slurm: Cluster, job: str) -> str:
    return slurm.client("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").strip()


def wait_for(slurm: Cluster, job: str, expected: str, seconds: float = 30) -> None:
    wait_until(lambda: state(slurm, job) == expected, seconds, f"{expected} of job {job}")


def named(root: Path) -> list[str]:
    """Return the command lines of all others that have to do with a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes()
            about = line + (process / "environ").read_bytes()
            about += os.fsencode((process / "cwd").readlink())
            if int(process.name) != os.getpid() and os.fsencode(root) in about:
                found.append(line.replace(b"\0", b" ").decode())
    return found


def test_job_leaves_a_file(slurm: Cluster, tmp_path: Path) -> None:
    job = submit(slurm, f"echo $SLURM_JOB_ID > {tmp_path}/id")
    wait_for(slurm, job, "COMPLETED")
    assert (tmp_path / "id").read_text().strip() == job
    row = f"{job}|COMPLETED|0:0"
    sacct = ("sacct", "-X", "-n", "-P", "-j", job, "-o", "jobid,state,exitcode")
    wait_until(lambda: slurm.client(*sacct).strip() == row, 15, "the job's account")


def test_array_executes_each_task(slurm: Cluster, tmp_path: Path) -> None:
    job = submit(slurm, f"touch {tmp_path}/$SLURM_ARRAY_TASK_ID", "--array=0-2")
    wait_until(lambda: {path.name for path in tmp_path.iterdir()} == {"0", "1", "2"})
    wait_until(lambda: state(slurm, job).split() == ["COMPLETED"] * 3)


def test_job_over_its_memory_is_killed(slurm: Cluster) -> None:
    script = f"{sys.executable} -c 'import time; x = b\"x\" * 300_000_000; time.sleep(60)'"
    job = submit(slurm, script, "--mem=50")
    wait_for(slurm, job, "OUT_OF_MEMORY" if slurm.has_cgroup else "FAILED")


def test_paused_controller_does_not_answer_until_it_is_resumed(slurm: Cluster) -> None:
    slurm.pause("slurmctld")
    with pytest.raises(subprocess.TimeoutExpired):
        slurm.client("squeue", timeout=1)
    slurm.resume("slurmctld")
    assert slurm.client("squeue", "-h") == ""


def test_controller_comes_back_with_its_jobs(slurm: Cluster) -> None:
    job = submit(slurm, "sleep 60")
    wait_for(slurm, job, "RUNNING")
    slurm.down("slurmctld")
    with pytest.raises(subprocess.TimeoutExpired):  # it tries for MessageTimeout seconds
        slurm.client("squeue", timeout=1)
    slurm.up("slurmctld")
    assert state(slurm, job) == "RUNNING"


def test_crashed_node_fails_its_job(slurm: Cluster) -> None:
    slurm.configure("SlurmdTimeout=4\nMessageTimeout=2")
    job = submit(slurm, "sleep 600", "--nodelist=n2", "--no-requeue")
    wait_for(slurm, job, "RUNNING")
    wait_until(lambda: len(list(processes.find(slurm.root, ["n2"]))) >= 4, what="the job's sleep")
    slurm.crash("n2")
    assert not list(processes.find(slurm.root, ["n2"]))
    wait_for(slurm, job, "NODE_FAIL", 60)


def test_user_without_rights_has_his_own_jobs_and_limits(slurm: Cluster, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can submit in the name of others")
    options = ("--uid=nobody", "--chdir=/", "--qos=limited", "--account=dpps")
    jobs = [submit(slurm, "sleep 60", *options) for _ in range(3)]
    with pytest.raises(RuntimeError, match="QOSMaxSubmitJobPerUserLimit"):
        submit(slurm, "sleep 60", *options)
    wait_for(slurm, jobs[0], "RUNNING")
    assert slurm.client("squeue", "-h", "-u", "nobody", "-t", "PENDING", "-o", "%q").split() == [
        "limited",
        "limited",
    ]


def test_cluster_ends_with_the_process_that_started_it() -> None:
    root = Path(f"/tmp/slurm-{os.getpid()}")
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.slurm.cluster", str(root)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    try:
        assert owner.stdout.readline() == f"export SLURM_CONF={root}/etc/slurm.conf\n"
        job = submit(Cluster(root), "trap '' TERM; sleep 600")
        wait_for(Cluster(root), job, "RUNNING")
        wait_until(lambda: any(line.startswith("sleep 600") for line in named(root)))
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
        wait_until(lambda: not named(root), 10, f"the end of {named(root)}")
    finally:
        owner.kill()
        Cluster(root).wipe()
    assert not root.exists()


def test_root_with_a_long_name_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 60 characters"):
        Cluster(Path("/tmp") / ("x" * 60))
