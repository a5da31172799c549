"""The same command again: nothing is made twice, and what was removed is made once more."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.fakes.night import FakeNight

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
CUTS = "DL1/20240302/v0.12.3/tailcut84"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night that is closed when a test begins, and that a test leaves closed."""
    night = FakeNight(tmp_path_factory.mktemp("rerun") / "night", runs=TINY)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    night.forget_calls()
    return night


def cpu_seconds(night: FakeNight, *words: str) -> tuple[int, float]:
    """Run a command and return its exit code and the CPU time that it took."""
    process = subprocess.Popen(
        words, env=night.variables(), cwd=night.root, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime


def test_a_closed_night_says_so_and_calls_no_tool(closed: FakeNight) -> None:
    before = closed.whole_products()
    result = closed.luigi()
    assert result.returncode == 0
    assert "Night 2024-03-02 (v0.12.3) is closed since" in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert closed.calls() == []
    assert closed.whole_products() == before


def test_a_closed_night_is_known_to_be_closed_within_a_second(closed: FakeNight) -> None:
    taken = []
    for _ in range(3):  # the first may have to compile what was imported
        code, seconds = cpu_seconds(closed, *closed.command())
        assert code == 0
        taken.append(seconds)
    assert min(taken) < 1.0, taken  # CPU time: other programs on the machine do not count


def test_only_the_missing_products_and_the_flag_are_made_again(closed: FakeNight) -> None:
    gone = [
        closed.base / CUTS / "dl1_LST-1.Run00003.0000.h5",
        closed.base / CUTS / "dl1_LST-1.Run00003.h5",
        closed.base / "DL3/20240302/v0.12.3/tailcut84/nsb_tuning_0.14/std_cuts/Crab"
        "/obs-index.fits.gz",
        closed.flag,
    ]
    for path in gone:
        path.unlink()
    before = closed.whole_products()
    closed.forget_calls()
    result = closed.luigi()
    assert result.returncode == 0, result.stdout
    assert sorted(call[0] for call in closed.calls()) == [
        "lstchain_create_dl3_index_files",
        "lstchain_data_r0_to_dl1",  # since closing, DL1b was all that was left of DL1a
        "lstchain_dl1ab",
        "lstchain_merge_hdf5_files",
    ]
    assert all(path.is_file() for path in gone)
    after = closed.whole_products()
    assert {name: after[name] for name in before} == before
    closed.forget_calls()


def test_a_product_is_made_again_even_if_all_that_was_made_of_it_is_there(
    closed: FakeNight,
) -> None:
    for path in (
        closed.analysis / "dl1_LST-1.Run00003.0001.h5",
        closed.base / CUTS / "dl1_LST-1.Run00003.0000.h5",
        closed.base / CUTS / "datacheck/datacheck_dl1_LST-1.Run00003.0001.h5",
        closed.flag,
    ):
        path.unlink()
    closed.forget_calls()
    result = closed.luigi()
    assert result.returncode == 0, result.stdout
    assert sorted(call[0] for call in closed.calls()) == [
        "lstchain_check_dl1",
        "lstchain_data_r0_to_dl1",
        "lstchain_data_r0_to_dl1",
        "lstchain_dl1ab",
    ]
    closed.forget_calls()


def test_what_belongs_to_no_run_is_made_again_too(closed: FakeNight) -> None:
    page = next(closed.base.glob("DL1/datacheck_files/night_wise/v*/*/DL1_datacheck_*.html"))
    irf = next(closed.base.rglob("irf_dec_2276.fits.gz"))
    for path in (page, irf, closed.flag):
        path.unlink()
    closed.forget_calls()
    result = closed.luigi()
    assert result.returncode == 0, result.stdout
    assert sorted(call[0] for call in closed.calls()) == [
        "lstchain_create_irf_files",
        "lstchain_longterm_dl1_check",
    ]
    assert page.is_file()
    assert irf.is_file()
    closed.forget_calls()


def test_of_a_product_of_several_files_one_missing_file_is_enough(closed: FakeNight) -> None:
    muons = closed.base / "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00003.0000.fits"
    muons.unlink()
    closed.flag.unlink()
    closed.forget_calls()
    assert closed.luigi().returncode == 0
    assert [call[0] for call in closed.calls()] == ["lstchain_data_r0_to_dl1"]
    assert muons.is_file()
    closed.forget_calls()


@pytest.mark.luigid
def test_what_is_removed_right_after_closing_is_made_again_by_a_luigid_as_it_comes(
    closed: FakeNight, tmp_path: Path
) -> None:
    """For ten seconds, by default, luigid does not believe that a finished task is to be done."""
    port = free_port()
    luigid = subprocess.Popen(
        [str(Path(sys.executable).with_name("luigid")), "--address=127.0.0.1", f"--port={port}"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("LUIGI_")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        closed.flag.unlink()
        wait_for_answer(closed, port)
        merged = closed.base / CUTS / "dl1_LST-1.Run00003.h5"
        merged.unlink()
        closed.flag.unlink()
        closed.forget_calls()
        result = closed.luigi(port=port)
        assert result.returncode == 0, result.stdout
        assert [call[0] for call in closed.calls()] == ["lstchain_merge_hdf5_files"]
        assert closed.flag.is_file()
    finally:
        luigid.terminate()
        luigid.wait(10)


def wait_for_answer(night: FakeNight, port: int) -> None:
    deadline = time.monotonic() + 150
    while (result := night.luigi(port=port)).returncode == 40:
        assert time.monotonic() < deadline, result.stdout
    assert result.returncode == 0, result.stdout


def test_a_run_wise_datacheck_is_made_again_before_what_is_made_of_it(closed: FakeNight) -> None:
    """What was put together of the runs is there, but not what is still to be added to it."""
    name = "datacheck_dl1_LST-1.Run00003.h5"
    longterm = closed.base / "DL1/datacheck_files/night_wise/DL1_datacheck_20240302.h5"
    for path in (closed.base / CUTS / "datacheck" / name, longterm.resolve(), closed.flag):
        path.unlink()
    closed.forget_calls()
    result = closed.luigi()
    assert result.returncode == 0, result.stdout
    tools = [call[0] for call in closed.calls()]
    assert sorted(tools) == ["lstchain_check_dl1", "lstchain_cherenkov_transparency"]
    closed.forget_calls()


def test_a_product_needs_whatever_makes_what_it_is_given(closed: FakeNight) -> None:
    script = """
import datetime
from luigi.task import flatten
from lstosa_luigi import NightlyClose
from lstosa_luigi.execution.task import SlurmTask
from lstosa_luigi.graph import walk
steps = [s for s in walk([NightlyClose(date=datetime.date(2024, 3, 2))])
         if isinstance(s.task, SlurmTask)]
makers = {t.path: s.task for s in steps for t in flatten(s.task.output())}
given = 0
for step in steps:
    job = step.task.job()
    for path in (*job.inputs, *job.staged.values(), *job.copied.values()):
        maker = makers.get(path)
        given += maker is not None
        if maker is not None and maker.task_id not in {need.task_id for need in step.needs}:
            print(step.task.title, "is given", path, "of", maker.title)
print(given)
"""
    printed = closed.python(script).stdout.splitlines()
    assert int(printed[-1]) > 20
    # the run summary is what a night is known by: without it nothing of the night is planned
    lines = [line for line in printed[:-1] if not line.endswith("of RunSummary 20240302")]
    assert not lines, "\n".join(lines)
