"""The pages are written when the work on a night ends, however it ends, and are in nobody's way."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.conftest import fill
from tests.fakes.night import FakeNight
from tests.pages.markup import read

TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
ENABLED = {"pages": {"enabled": "true"}}


def page_of(night: FakeNight, below: str = "OSA/Pages") -> Path:
    return night.base / below / f"{night.flat}/v0.12.3/osa_status_LST-1_{night.flat}.html"


def test_closed_night_has_its_page_when_the_command_ends(make_night) -> None:
    night = make_night(runs=TINY, options=ENABLED)
    result = night.luigi()
    assert result.returncode == ExitCode.OK
    assert "WARNING" not in result.stdout
    assert "Closed Night 2024-03-02 (v0.12.3) is closed" in read(page_of(night)).words
    assert night.leftovers() == []


def test_only_a_whole_night_has_pages_and_only_if_it_is_wanted(make_night) -> None:
    night = make_night(runs=TINY, options=ENABLED)
    assert night.luigi("CalibrateNight").returncode == ExitCode.OK
    assert not (night.base / "OSA/Pages").exists()
    night.write_config(pages={"enabled": "false"})
    assert night.luigi().returncode == ExitCode.OK
    assert not (night.base / "OSA/Pages").exists()
    assert night.lstosa("pages", "--date", night.date).returncode == ExitCode.OK
    assert page_of(night).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_night_has_a_page_that_does_not_go_on(make_night, number) -> None:
    night = make_night(runs=TINY, options=ENABLED)
    assert night.luigi("CalibrateNight").returncode == ExitCode.OK
    night.control(hang=["lstchain_data_r0_to_dl1"])
    process = night.start()
    deadline = time.monotonic() + 120
    while not [line for line in night.processes() if "lstchain_data_r0_to_dl1" in line]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shown = night.lstosa("pages", "--date", night.date)
    assert shown.returncode == ExitCode.OK, shown.stderr
    assert "Going on: a command is at work on it, 1 running" in read(page_of(night)).words
    process.send_signal(number)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number, printed
    words = read(page_of(night)).words
    assert "Waits for a person: nobody is at work on it" in words, printed
    assert night.leftovers() == []


def test_pages_lie_where_they_are_configured(make_night) -> None:
    night = make_night(runs=TINY)
    web = night.root / "web pages"
    night.write_config(pages={"directory": str(web)})
    assert night.lstosa("pages", "--date", night.date).returncode == ExitCode.OK
    read(page_of(night, str(web)))
    night.write_config(pages={"directory": str(web / "no/such")})
    answer = night.lstosa("pages", "--date", night.date)
    assert answer.returncode == ExitCode.UNHANDLED
    assert f"[pages] directory = {web}/no/such: no such directory {web}/no" in answer.stderr


def test_pages_that_cannot_be_written_change_nothing_else(make_night) -> None:
    night = make_night(runs=TINY, options=ENABLED)
    (night.base / "OSA").mkdir()
    (night.base / "OSA/Pages").write_text("in the way")
    result = night.luigi()
    assert result.returncode == ExitCode.OK, result.stdout
    assert night.flag.exists()
    *_, conclusion, warning = result.stdout.splitlines()
    assert conclusion.startswith("Night 2024-03-02 (v0.12.3) is closed since")
    assert warning.startswith(f"WARNING  The page {page_of(night)} could not be written")
    assert "Traceback" not in result.stdout


def test_what_is_wrong_with_a_night_is_said_once(make_night) -> None:
    night = make_night(runs=TINY, options=ENABLED)
    night.run_summary.parent.mkdir(parents=True)
    night.run_summary.write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: run_id, data")
    result = night.luigi()
    assert result.returncode == ExitCode.SCHEDULING_ERROR
    assert result.stdout.count("cannot be read as a run summary") == 1
    assert "Failed: the night cannot be read" in read(page_of(night)).words


def test_disk_that_is_full_while_a_page_is_written(night_on_small_disk: FakeNight) -> None:
    night = night_on_small_disk
    assert night.luigi("CalibrateNight").returncode == ExitCode.OK
    assert night.lstosa("pages", "--date", night.date).returncode == ExitCode.OK
    before = page_of(night).read_bytes()
    ballast = fill(night.base.resolve().parent, 0)
    answer = night.lstosa("pages", "--date", night.date)
    assert answer.returncode == ExitCode.TASK_FAILED
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    assert line == (
        f"lstosa pages: The page {page_of(night)} could not be written, and stays as it was: the "
        "disk is full: make room, then give the same command again"
    )
    assert page_of(night).read_bytes() == before
    assert night.leftovers() == []
    ballast.unlink()
    assert night.lstosa("pages", "--date", night.date).returncode == ExitCode.OK
    assert page_of(night).read_bytes() != before


def test_two_nights_that_end_at_once_are_both_in_the_index(make_night) -> None:
    night = make_night(runs=TINY)
    dates = [night.date, "2024-03-04", "2024-03-06"]
    for date in dates[1:]:
        night.add_night(date, TINY)
    processes = [
        subprocess.Popen(
            [str(Path(night.command()[0]).with_name("lstosa")), "pages", "--date", date],
            env=night.variables(),
            cwd=night.root,
            stdout=subprocess.DEVNULL,
        )
        for date in dates
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    listed = read(night.base / "OSA/Pages/index.html").table("All nights")
    assert [row[0] for row in listed[1:]] == sorted(dates, reverse=True)


def test_importing_the_package_does_not_import_the_templates_engine(make_night) -> None:
    night = make_night(runs=TINY)
    script = "import sys, lstosa_luigi; print('jinja2' in sys.modules)"
    assert night.python(script).stdout.strip() == "False"
