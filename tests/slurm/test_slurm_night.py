"""A night through a real Slurm: the same products as on this machine, each job submitted once."""

import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.fakes.night import FakeNight
from tests.slurm.cluster import Cluster, wait_until
from tests.slurm.nights import TINY, elements_of, is_running, is_submitted, submitted

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(400)]

MakeNight = Callable[..., FakeNight]
MANY = (*TINY[:2], *((run, "DATA", 30) for run in (3, 4, 5)))
KILLS = 10


def test_a_night_is_closed_with_the_products_and_links_of_the_local_backend(
    slurm: Cluster, slurm_night: MakeNight, make_night: MakeNight
) -> None:
    night, local = slurm_night(), make_night(runs=TINY)
    assert local.luigi().returncode == 0
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert night.products() == local.products()
    assert night.links() == local.links()
    assert night.leftovers() == []
    assert set(submitted(slurm, night).values()) == {1}
    assert night.luigi().returncode == 0
    assert set(submitted(slurm, night).values()) == {1}, "a closed night needs no job"


def test_a_file_is_made_again_by_jobs_of_the_cluster(
    slurm: Cluster, slurm_night: MakeNight
) -> None:
    night = slurm_night()
    assert night.luigi().returncode == 0
    before = sum(submitted(slurm, night).values())
    answer = night.lstosa("reproduce", "dl2_LST-1.Run00003.h5", "--run", timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert "dl2_LST-1.Run00003.h5: the same to the last byte" in answer.stdout
    again = submitted(slurm, night)
    assert sum(again.values()) - before == 10
    assert night.leftovers() == []


def test_a_night_is_closed_soon_after_its_last_product(
    slurm: Cluster, slurm_night: MakeNight
) -> None:
    interval = 5.0
    night = slurm_night({"slurm": {"poll_interval": str(interval)}})
    result = night.luigi(timeout=380)
    assert result.returncode == 0, result.stdout
    last = max(changed for _, changed in night.whole_products().values()) / 1e9
    waited = night.flag.stat().st_mtime - last
    assert 0 < waited < interval + 60, waited
    print(f"{waited:.1f} s from the last product to closed, asking each {interval:.0f} s")


def test_dl1b_and_its_datacheck_share_a_job(slurm: Cluster, slurm_night: MakeNight) -> None:
    night = slurm_night()
    assert night.luigi().returncode == 0
    assert elements_of(slurm, night, "DL1B") == ["COMPLETED"] * 2
    assert elements_of(slurm, night, "DL1Check") == []
    logs = sorted(path.name for path in (night.analysis / "log").glob("*DL1[BC]*"))
    first = logs[0].rpartition("DL1B_")[2]
    assert logs[0] == f"Run00003.0000_DL1B_{first}"
    assert f"Run00003.0000_DL1Check_{first}" in logs


def test_a_datacheck_that_fails_is_tried_again_alone(
    slurm: Cluster, slurm_night: MakeNight
) -> None:
    night = slurm_night({"retries": {"max_tries": "2"}})
    night.control(fail=[r"check_dl1.*Run00003\.0001"])
    result = night.luigi()
    assert result.returncode == 30, result.stdout
    assert "FAILED  DL1Check Run00003.0001" in result.stdout
    assert elements_of(slurm, night, "DL1B") == ["COMPLETED", "FAILED"]
    assert elements_of(slurm, night, "DL1Check") == ["FAILED"]
    night.control()
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert elements_of(slurm, night, "DL1Check") == ["FAILED", "COMPLETED"]
    assert set(night.made().values()) == {1}


def test_one_member_that_fails_for_good_stops_only_what_needs_it(
    slurm: Cluster, slurm_night: MakeNight
) -> None:
    night = slurm_night(runs=(*TINY, (4, "DATA", 2)))
    night.control(fail=[r"r0_to_dl1.*Run00003\.0001"])
    result = night.luigi()
    assert result.returncode == 30, result.stdout
    assert "FAILED  DL1A Run00003.0001" in result.stdout
    assert "tried 3 times" in result.stdout
    assert elements_of(slurm, night, "DL1A").count("FAILED") == 3
    assert (night.analysis / "dl1_LST-1.Run00003.0000.h5").exists()
    assert list(night.base.glob("DL3/**/dl3_LST-1.Run00004.fits.gz"))
    before = submitted(slurm, night)
    night.control()
    assert night.luigi().returncode == 0
    fresh = {name for name, times in submitted(slurm, night).items() if times > before[name]}
    assert not any("Run00004" in name or "Run00002" in name for name in fresh), fresh
    assert set(night.made().values()) == {1}


def test_killed_ten_times_it_takes_its_jobs_up_again_and_submits_none_twice(
    slurm: Cluster, slurm_night: MakeNight, luigid: int
) -> None:
    night = slurm_night(runs=MANY)
    moments = random.Random(20240302)
    kills = 0
    while kills < KILLS:
        process = night.start(port=luigid)
        time.sleep(moments.uniform(1, 4))
        assert process.poll() is None, "the night was over too soon: " + process.communicate()[0]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    result = night.luigi(port=luigid, timeout=350)
    assert result.returncode == 0, result.stdout
    assert "already" not in result.stdout
    twice = {name: times for name, times in submitted(slurm, night).items() if times > 1}
    assert twice == {}
    assert set(night.made().values()) == {1}
    assert len(night.made()) > 270
    assert night.leftovers() == []


def test_ctrl_c_leaves_the_jobs_to_the_next_command(slurm: Cluster, slurm_night: MakeNight) -> None:
    night = slurm_night()
    night.control(delay={"lstchain_data_r0_to_dl1": 8})
    process = night.start()
    wait_until(lambda: is_running(slurm, night, "DL1A"), 60)
    time.sleep(1)  # sbatch has answered, too
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "2 jobs on Slurm go on; the same command takes them up again" in output
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert set(submitted(slurm, night).values()) == {1}


def test_ctrl_c_cancels_the_jobs_if_so_configured(slurm: Cluster, slurm_night: MakeNight) -> None:
    night = slurm_night({"slurm": {"on_exit": "cancel"}})
    night.control(hang=["lstchain_data_r0_to_dl1"])
    process = night.start()
    wait_until(lambda: is_running(slurm, night, "DL1A"), 60)
    time.sleep(1)  # sbatch has answered, too
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert "2 jobs on Slurm are cancelled" in output
    wait_until(lambda: slurm.client("squeue", "-h") == "", 30)
    assert night.leftovers() == []
    assert night.processes() == []


def test_jobs_of_a_night_are_listed_and_cancelled_and_no_others(
    slurm: Cluster, slurm_night: MakeNight
) -> None:
    night = slurm_night()
    night.control(hang=["lstchain_data_r0_to_dl1"])
    process = night.start()
    wait_until(lambda: is_running(slurm, night, "DL1A"), 60)
    others = f"{night.options['slurm']['prefix']}-LST1-20240303-v0.12.3-DL1A-Run00003-0a1b2c3d"
    slurm.client("sbatch", f"--job-name={others}", "--output=/dev/null", "--wrap", "sleep 300")
    listed = night.lstosa("jobs", "--date", "2024-03-02")
    assert listed.returncode == 0, listed.stderr
    states = [line.split()[3] for line in listed.stdout.splitlines() if line.startswith("DL1A")]
    assert states == ["running", "running"]
    cancelled = night.lstosa("cancel", "--date", "2024-03-02")
    assert cancelled.returncode == 0, cancelled.stderr
    assert cancelled.stdout.startswith("2 jobs of 1 arrays are cancelled.")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 30, output
    assert "not again: give the same command to have it made" in output
    assert slurm.client("squeue", "-h", "-t", "R,PD", "-o", "%j").split() == [others]
    assert night.leftovers() == []


def test_of_two_commands_one_works_and_no_product_is_made_twice(
    slurm: Cluster, slurm_night: MakeNight, luigid: int
) -> None:
    night = slurm_night()
    night.control(delay=0.5)
    first = night.start(port=luigid)
    wait_until(lambda: list(night.base.glob("OSA/locks/NightlyClose*")), 30)
    wait_until(lambda: is_submitted(slurm, night), 30)
    second = night.luigi()  # with a scheduler of its own
    assert second.returncode == 10, second.stdout
    assert f"is being worked on by process {first.pid} on" in second.stdout
    third = night.luigi("CalibrateNight", timeout=200)
    assert third.returncode == 0, third.stdout
    output, _ = first.communicate(timeout=200)
    assert first.returncode == 0, output
    assert set(night.made().values()) == {1}
    assert set(submitted(slurm, night).values()) == {1}
