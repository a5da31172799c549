"""Closing a night and a run: when, with what checked, and what becomes of DL1a."""

import datetime
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight
from tests.operators import decide, make, plan, printed, titles, with_summary

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
CUTS = "DL1/20240302/v0.12.3/tailcut84"
KEEP = {"closing": {"keep_dl1a": "true"}}
KILLED = """
import os, pathlib, signal, sys, luigi, lstosa_luigi
replace, left = pathlib.Path.replace, [int(sys.argv[1])]
def replaced(path, to):
    if path.is_symlink() and path.parent.name == ".scratch":
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, to)
pathlib.Path.replace = replaced
luigi.run(["NightlyClose", "--date", "2024-03-02", "--local-scheduler"])
"""
FULL = """
import errno, os, luigi.retcodes, lstosa_luigi
write = os.fsync
def fsync(number):
    if "NightFinished" in os.readlink(f"/proc/self/fd/{number}"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    write(number)
os.fsync = fsync
luigi.retcodes.run_with_retcodes(["NightlyClose", "--date", "2024-03-02", "--local-scheduler"])
"""


def dl1a(night: FakeNight) -> list[Path]:
    return sorted(night.analysis.glob("dl1_LST-1.Run*.h5"))


def reopen(night: FakeNight) -> None:
    answer = night.lstosa("reopen", "--date", night.date, "--why", "look again")
    assert answer.returncode == ExitCode.OK, answer.stderr


def run_script(night: FakeNight, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return night._execute([sys.executable, "-c", script, *words], 300)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night that is closed when a test begins, and that a test leaves closed."""
    night = FakeNight(tmp_path_factory.mktemp("closing") / "night", runs=TINY)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return night


# --- the flag ------------------------------------------------------------------------------


def test_the_flag_counts_the_products_and_names_the_versions(closed: FakeNight) -> None:
    flag = json.loads(closed.flag.read_text())
    counts = [flag["products"][kind] for kind in ("DL1A", "DL1B", "DL3")]
    assert counts == [2, 2, 1]
    assert flag["versions"]["lstchain"] == "0.12.3"
    assert set(flag["versions"]) == {"lstchain", "lstosa-luigi", "luigi", "python"}
    assert all(re.match(r"\d+\.\d+", version) for version in flag["versions"].values())


def test_a_product_that_was_cut_short_since_keeps_the_night_open(closed: FakeNight) -> None:
    reopen(closed)
    merged = closed.base / CUTS / "dl1_LST-1.Run00003.h5"
    content = merged.read_bytes()
    merged.write_bytes(content[:-1])
    result = closed.luigi()
    assert result.returncode == ExitCode.TASK_FAILED
    assert f"MergedDL1 Run00003: {merged} has {len(content) - 1} bytes" in result.stdout
    assert "lstosa verify --date 2024-03-02" in result.stdout
    assert not closed.flag.exists()
    decide(closed, "--accept-incomplete")
    assert closed.luigi().returncode == 0
    (lacking,) = json.loads(closed.flag.read_text())["lacking"]
    assert lacking.startswith(f"MergedDL1 Run00003 ({merged} has ")
    merged.write_bytes(content)
    number = json.loads(closed.lstosa("decide", "--date", closed.date, "--json").stdout)
    decide(closed, "--undo", str(number["decisions"][-1]["number"]))
    assert make(closed) == []


def test_a_full_disk_when_the_flag_is_written_leaves_the_night_open(closed: FakeNight) -> None:
    reopen(closed)
    result = run_script(closed, FULL)
    assert result.returncode == ExitCode.TASK_FAILED, result.stdout
    assert "Traceback" not in result.stdout
    assert re.search("disk|space", result.stdout), result.stdout
    assert not closed.flag.exists()
    assert not list(closed.flag.parent.glob(".*"))
    assert make(closed) == []
    assert closed.flag.exists()


def test_of_two_commands_that_close_at_once_one_does(closed: FakeNight) -> None:
    reopen(closed)
    both = [closed.start(), closed.start()]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, ExitCode.ALREADY_RUNNING]), outputs
    assert closed.flag.exists()
    assert not any("Traceback" in output for output in outputs)


# --- too early -----------------------------------------------------------------------------


def test_a_night_that_is_not_over_is_made_but_not_closed(make_night) -> None:
    today = datetime.datetime.now(datetime.timezone.utc).date()
    night = make_night(runs=TINY, date=str(today))
    result = night.luigi()
    assert result.returncode == ExitCode.MISSING_DATA, result.stdout
    assert "MISSING  Observations not over, it is earlier than 08:00 UTC." in result.stdout
    assert "DL3 Run00003" in printed(result.stdout)
    assert "DL3Index tailcut84_nsb_tuning_0.14_Crab" in printed(result.stdout)
    assert not night.flag.exists()
    assert not any(path.is_symlink() for path in dl1a(night))
    assert "earlier than 08:00 UTC" in night.lstosa("plan", "--date", night.date).stdout
    run = night.luigi("CloseRun", "--run-id", "3")
    assert run.returncode == 0
    assert "Its DL1a files stay for now. Observations not over" in run.stdout
    assert not any(path.is_symlink() for path in dl1a(night))
    night.write_config(closing={"not_before": ""})
    assert make(night) == []
    assert night.flag.exists()


def test_from_the_time_on_the_night_is_closed(make_night) -> None:
    yesterday = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    night = make_night(runs=TINY, date=str(yesterday), options={"closing": {"not_before": "00:00"}})
    assert night.luigi().returncode == 0
    assert night.flag.exists()


def test_a_time_that_is_none_is_refused(make_night) -> None:
    night = make_night(runs=TINY, options={"closing": {"not_before": "8 o'clock"}})
    result = night.luigi()
    assert result.returncode == ExitCode.UNHANDLED
    assert "[closing] not_before = 8 o'clock: write a time in UTC, as 08:00" in result.stdout


# --- DL1a ----------------------------------------------------------------------------------


def test_at_closing_links_to_dl1b_take_the_places_of_dl1a(closed: FakeNight) -> None:
    assert len(dl1a(closed)) == 2
    for path in dl1a(closed):
        assert path.resolve() == (closed.base / CUTS / path.name).resolve()
        assert not path.readlink().is_absolute()
    reopen(closed)
    assert {item["state"] for item in plan(closed)["products"]} == {"there"}
    assert make(closed) == [], "no task is incomplete by that"
    assert closed.leftovers() == []


def test_dl1a_is_kept_if_the_option_says_so(make_night) -> None:
    night = make_night(runs=TINY, options=KEEP)
    make(night)
    assert not any(path.is_symlink() for path in dl1a(night))


@pytest.mark.parametrize("at", [1, 2])
def test_killed_while_it_replaces_dl1a_nothing_is_lost_and_the_next_goes_on(
    closed: FakeNight, at: int
) -> None:
    reopen(closed)
    for path in dl1a(closed):
        path.unlink()
    made = titles(plan(closed), "make")
    assert made == ["DL1A Run00003.0000", "DL1A Run00003.0001"]
    result = run_script(closed, KILLED, str(at))
    assert result.returncode == -signal.SIGKILL, result.stdout
    assert printed(result.stdout) == made
    assert sum(path.is_symlink() for path in dl1a(closed)) == at - 1
    assert all(path.stat().st_size for path in dl1a(closed)), "each is a file or leads to one"
    assert not closed.flag.exists()
    assert make(closed) == []
    assert all(path.is_symlink() for path in dl1a(closed))
    assert closed.leftovers() == []


def test_what_needs_dl1a_again_after_closing_gets_it_from_raw_data(make_night) -> None:
    night = make_night(runs=TINY)
    make(night)
    config = night.root / "dl1ab_Run00099.json"
    cuts = {"picture_thresh": 10, "boundary_thresh": 5}
    config.write_text(json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts}))
    decide(night, "--tailcuts", str(config), "--run", "3")
    assert "DL1A Run00003.0001" in titles(plan(night), "make")
    made = make(night)
    assert {"DL1A Run00003.0000", "DL1A Run00003.0001", "DL1B Run00003.0001"} <= set(made)
    again = night.base / "DL1/20240302/v0.12.3/tailcut1005"
    assert [path.resolve().parent for path in dl1a(night)] == [again.resolve()] * 2
    assert make(night) == []


def test_tailcuts_that_are_gone_are_not_found_of_dl1b(make_night) -> None:
    night = make_night(runs=TINY)
    make(night)
    reopen(night)
    (night.base / "auxiliary/TailCuts/dl1ab_Run00003.json").unlink()
    assert make(night) == ["DL1A Run00003.0000", "DL1A Run00003.0001", "Tailcuts Run00003"]


def test_a_subrun_without_dl1b_keeps_its_dl1a_when_the_night_is_accepted(make_night) -> None:
    night = make_night(runs=TINY)
    night.control(fail=[r"lstchain_dl1ab.*Run00003\.0001"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    decide(night, "--accept-incomplete")
    assert night.luigi().returncode == 0
    assert [path.is_symlink() for path in dl1a(night)] == [True, False]


def test_a_job_refuses_a_link_for_images(make_night) -> None:
    """Asked for by itself, where the standard cleaning needs no tailcuts, they would be wrong."""
    night = make_night(
        runs=TINY,
        options={"lstchain": {"apply_standard_dl1b_config": "true"}},
    )
    make(night)
    result = night.luigi("Tailcuts", "--run-id", "3")
    assert result.returncode == ExitCode.TASK_FAILED
    assert "is a link to another product since the run was closed" in result.stdout
    assert night.calls("lstchain_find_tailcuts") == []


# --- one run -------------------------------------------------------------------------------


def test_a_run_is_closed_by_itself_and_no_run_whose_number_contains_its_own(make_night) -> None:
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (1968, "DATA", 1), (19681, "DATA", 1))
    night = with_summary(make_night(runs=runs))
    for run in (19681, 1968):
        result = night.luigi("CloseRun", "--run-id", str(run))
        assert result.returncode == 0, result.stdout
        links = {path.name[10:18]: path.is_symlink() for path in dl1a(night)}
        assert links == ({"Run19681": True} if run == 19681 else dict.fromkeys(links, True))
    assert not night.flag.exists()
    night.forget_calls()
    assert night.luigi("CloseRun", "--run-id", "1968").returncode == 0
    assert night.calls() == []


# --- opened again --------------------------------------------------------------------------


def test_a_night_is_opened_again_with_a_reason_that_stays(closed: FakeNight) -> None:
    before = json.loads(closed.flag.read_text())
    answer = closed.lstosa(
        "reopen", "--date", closed.date, "--who", "mara", "--why", "new drive log"
    )
    assert answer.returncode == ExitCode.OK
    history = json.loads((closed.flag.parent / "Reopened.json").read_text())
    last = history["reopened"][-1]
    assert (last["who"], last["why"], last["flag"]) == ("mara", "new drive log", before)
    assert closed.lstosa("show", "--date", closed.date).returncode == ExitCode.NOT_RUN
    again = closed.lstosa("reopen", "--date", closed.date, "--why", "x")
    assert again.returncode == ExitCode.UNHANDLED
    assert "is not closed" in again.stderr
    assert make(closed) == []
    told = json.loads(closed.flag.read_text())["reopened"][-1]
    assert (told["who"], told["why"]) == ("mara", "new drive log")


def test_a_night_is_not_opened_without_a_reason(closed: FakeNight) -> None:
    answer = closed.lstosa("reopen", "--date", closed.date)
    assert answer.returncode == ExitCode.UNHANDLED
    assert answer.stderr == "lstosa reopen: say why: --why TEXT. It is kept beside the flag.\n"
    assert closed.flag.exists()


def test_an_accepted_night_that_is_opened_says_that_it_is_still_accepted(make_night) -> None:
    night = make_night(runs=TINY)
    night.control(fail=["lstchain_create_dl3_file"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    decide(night, "--accept-incomplete")
    assert night.luigi().returncode == 0
    answer = night.lstosa("reopen", "--date", night.date, "--why", "repaired")
    assert "It is still accepted as incomplete (decision 1 of " in answer.stdout
    night.control()
    decide(night, "--undo", "1")
    assert "DL3 Run00003" in make(night)
