"""``lstosa nightly``: each night is brought to closed, none is lost, and none is run twice."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from lstosa_luigi.errors import ExitCode
from tests.conftest import free_port, start_luigid
from tests.nightly.conftest import TINY, Ticks, last_night
from tests.waiting import wait_until

HEAVY = (
    "astropy",
    "numpy",
    "pandas",
    "tables",
    "yaml",
    "smtplib",
    "pymongo",
    "matplotlib",
    "jinja2",
)


def assert_made_once(ticks: Ticks, spare: int = 0) -> None:
    """Every command was executed once; but for so many that may have been killed at the end."""
    again = {name: times for name, times in ticks.night.made().items() if times > 1}
    assert len(again) <= spare, again
    assert ticks.night.leftovers() == []
    assert ticks.night.flag.exists()


# --- the usual morning ---------------------------------------------------------------------


def test_night_is_brought_from_raw_to_closed_and_the_next_tick_does_nothing(ticks) -> None:
    it = ticks()
    assert it.tick() == []
    assert_made_once(it)
    (log,) = it.logs()
    lines = log.read_text().splitlines()
    assert lines[0].startswith("$ ")
    assert lines[0].endswith(
        f"luigi --module lstosa_luigi NightlyClose --date {it.night.date} --telescope LST1 "
        "--prod-id v0.12.3"
    )
    assert f"Night {it.night.date} (v0.12.3) is closed since" in lines[-1]
    assert it.state()["exit_code"] == 0
    assert it.state()["log"] == str(log)
    records = it.night.analysis.glob("records/*.json")
    assert {json.loads(path.read_text())["service"] for path in records} == {"lstosa nightly"}
    it.night.forget_calls()
    script = f"""
import json, resource, sys
from lstosa_luigi.cli import main
before = resource.getrusage(resource.RUSAGE_SELF)
code = main(["nightly"])
after = resource.getrusage(resource.RUSAGE_SELF)
work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps([code, work, [name for name in {HEAVY} if name in sys.modules]]))
"""
    code, work, heavy = json.loads(it.night.python(script).stdout)
    assert (code, heavy) == (0, [])
    assert work < 1
    assert it.night.calls() == []
    assert it.logs() == [log]


def test_nights_are_taken_from_the_last_to_the_first_that_counts(ticks) -> None:
    it = ticks(options={"nightly": {"days_back": "2"}}, runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)))
    older = it.night.add_night(last_night(2), ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    too_old = it.night.add_night(last_night(3), ((21, "DRS4", 1), (22, "PEDCALIB", 1)))
    started = [line for line in it.tick("--verbose") if ": started" in line]
    assert [line.split()[1] for line in started] == [it.night.date, older.date]
    assert (it.night.flag.exists(), older.flag.exists()) == (True, True)
    assert not too_old.analysis.exists()


def test_several_nights_can_be_worked_on_at_once(ticks) -> None:
    it = ticks(
        options={"nightly": {"days_back": "1", "at_once": "2"}},
        runs=((1, "DRS4", 1), (2, "PEDCALIB", 1)),
    )
    older = it.night.add_night(last_night(1), ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    it.night.control(hang=[rf"drs4_pedestal.*{it.night.flat}"])
    process = it.start()
    wait_until(older.flag.exists)
    wait_until(it.is_hanging)
    assert not it.night.flag.exists()
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM


def test_night_without_raw_data_is_no_failure(ticks) -> None:
    it = ticks(runs=())
    assert it.tick() == []
    (line,) = it.tick("--verbose", "--date", it.night.date)
    assert line == (
        f"Night {it.night.date} (v0.12.3): no raw data: nothing was observed, or nothing has "
        "arrived yet"
    )
    assert not (it.night.base / "running_analysis").exists()
    assert not (it.night.base / "OSA/Notifications").exists()


# --- what needs a person -------------------------------------------------------------------


def test_what_fails_is_printed_once_and_tried_again_later_or_when_somebody_decides(ticks) -> None:
    it = ticks(runs=TINY[:2])
    it.night.control(fail=["onsite_create_calibration_file"])
    printed = it.tick(code=ExitCode.TASK_FAILED)
    assert printed[0] == (
        f"LST1 {it.night.date} (v0.12.3) needs a person: FAILED "
        "ChargeCalibration Run00002: exit code 1: RuntimeError: told to fail"
    )
    assert "Run00002_ChargeCalibration.log" in "\n".join(printed)
    it.night.forget_calls()
    assert it.tick(code=ExitCode.TASK_FAILED) == []
    assert it.night.calls() == [], "it would only fail again"
    it.forget_retries()
    assert it.tick(code=ExitCode.TASK_FAILED) == []
    assert it.night.calls() != []
    assert len(it.logs()) == 2
    words = ("--accept-incomplete", "--why", "no models")
    assert it.night.lstosa("decide", "--date", it.night.date, *words).returncode == 0
    assert it.tick() == []
    assert it.night.flag.exists()


def test_who_asks_for_a_night_gets_it_tried_at_once(ticks) -> None:
    it = ticks(runs=TINY[:2])
    it.night.control(fail=["onsite_create_calibration_file"])
    it.tick(code=ExitCode.TASK_FAILED)
    it.night.control()
    assert it.tick("--date", it.night.date) == []
    assert it.night.flag.exists()


def test_exit_code_is_that_of_luigi_and_what_waits_for_data_is_looked_at_each_time(ticks) -> None:
    it = ticks()
    drive_log = it.night.drive_log.read_text()
    it.night.drive_log.unlink()
    assert it.night.luigi().returncode == ExitCode.MISSING_DATA
    printed = it.tick(code=ExitCode.MISSING_DATA)
    assert "needs a person: No drive log of " in printed[0]
    assert str(it.night.drive_log) in "\n".join(printed)
    assert it.tick(code=ExitCode.MISSING_DATA) == []
    it.night.drive_log.write_text(drive_log)
    assert it.tick() == []
    assert_made_once(it)


def test_logs_of_the_last_commands_are_kept(ticks) -> None:
    it = ticks(options={"nightly": {"keep_logs": "2"}})
    it.night.drive_log.unlink()
    log = it.night.analysis / "log"
    log.mkdir(parents=True)
    old = [log / f"NightlyClose_2020010{n}T000000Z.log" for n in (1, 2, 3)]
    other = log / "NightlyClose_Run00001.log"
    for path in (*old, other):
        path.touch()
    it.tick(code=ExitCode.MISSING_DATA)
    assert [path.exists() for path in (*old, other)] == [False, False, True, True]
    assert len(it.logs()) == 2


def test_a_wrong_configuration_is_told_in_one_line(ticks) -> None:
    it = ticks(options={"nightly": {"not_while_observing": "night"}})
    process = it.start()
    output, errors = process.communicate(timeout=150)
    assert (process.returncode, output) == (ExitCode.UNHANDLED, "")
    assert errors == (
        "lstosa nightly: [nightly] not_while_observing = night: write two times in UTC, as "
        "19:00-08:00, or nothing\n"
    )


def test_night_that_cannot_be_started_is_told_once_and_the_others_are_started(ticks) -> None:
    it = ticks(options={"nightly": {"days_back": "1"}}, runs=TINY[:2])
    older = it.night.add_night(last_night(1), ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    blocked = it.night.analysis.parent
    blocked.parent.mkdir()
    blocked.write_text("no directory")
    printed = it.tick(code=ExitCode.UNHANDLED)
    text = f"The night of {it.night.date} cannot be started: [Errno 20] Not a directory: "
    assert [line for line in printed if line.startswith(text)]
    assert older.flag.exists()
    assert it.tick(code=ExitCode.UNHANDLED) == []
    blocked.unlink()
    assert it.tick() == []
    assert it.night.flag.exists()


def test_what_goes_wrong_with_the_news_stops_no_night(ticks) -> None:
    it = ticks(runs=TINY[:2])
    script = """
import lstosa_luigi.nightly.wrapper as wrapper
from lstosa_luigi.cli import main
def fail(*_):
    raise RuntimeError("a defect")
wrapper.look_after = fail
print(main(["nightly"]), main(["nightly"]))
"""
    lines = it.night.python(script).stdout.splitlines()
    assert lines == [
        "WARNING: it is not known what is new of the nights (RuntimeError: a defect). Look at them "
        "with lstosa status.",
        "0 0",
    ]
    assert it.night.flag.exists()


def test_people_are_told_while_a_night_is_at_work(ticks) -> None:
    it = ticks(date=last_night(1), runs=TINY[:2], options={"notify": {"closed_by": "00:00"}})
    it.night.control(hang=["onsite_create_calibration_file"])
    script = """
import lstosa_luigi.nightly.wrapper as wrapper
from lstosa_luigi.cli import main
wrapper.LOOK_S = 0.5
main(["nightly"])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=it.night.variables(),
        cwd=it.night.root,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"LST1 {it.night.date} (v0.12.3) is not closed by 00:00 UTC\n"
    wait_until(it.is_hanging)
    process.terminate()
    process.communicate(timeout=150)
    assert it.night.processes() == []


# --- while the telescope observes ----------------------------------------------------------


def test_nothing_is_started_in_the_hours_of_observation(ticks) -> None:
    it = ticks(options={"nightly": {"not_while_observing": "00:00-23:59"}}, runs=TINY[:2])
    # the minute that is left out would be a pity
    it.night.write_config(nightly={"observing_command": "true"})
    assert it.tick(code=ExitCode.NOT_RUN) == []
    (line, *_) = [line for line in it.tick("--verbose", code=25) if it.night.date in line]
    assert ": open, but " in line
    assert it.night.calls() == []
    it.night.write_config(nightly={"not_while_observing": "", "observing_command": "false"})
    assert it.tick() == []
    assert it.night.flag.exists()
    it.night.write_config(nightly={"observing_command": "true"})
    assert it.tick() == [], "of closed nights there is nothing to start"


def test_if_it_cannot_be_known_nothing_is_started_and_somebody_is_told_once(ticks) -> None:
    it = ticks(options={"nightly": {"observing_command": "sh -c 'exit 7'"}})
    printed = it.tick(code=ExitCode.NOT_RUN)
    text = "[nightly] observing_command ends with 7, neither 0 (it observes) nor 1."
    assert f"It is not known whether the telescope observes: {text}" in printed
    assert it.tick(code=ExitCode.NOT_RUN) == []


# --- luigid --------------------------------------------------------------------------------


@pytest.mark.luigid
def test_luigid_that_is_down_is_told_once_and_the_night_is_made_when_it_is_back(
    ticks, tmp_path
) -> None:
    port = free_port()
    it = ticks(port, runs=TINY[:2])
    printed = it.tick(code=ExitCode.UNHANDLED)
    (text,) = {line for line in printed if line.startswith("No luigid answers")}
    assert text == (
        f"No luigid answers at http://localhost:{port}/ (Connection refused), so no night is "
        "started. Start it: lstosa luigid, or systemctl start lstosa-luigid. The next lstosa "
        "nightly goes on."
    )
    assert it.tick(code=ExitCode.UNHANDLED) == []
    assert not it.night.analysis.exists()
    luigid = start_luigid(tmp_path / "luigid", port)
    try:
        assert it.tick() == []
        assert_made_once(it)
    finally:
        luigid.terminate()
        luigid.wait(10)
    assert it.tick() == [], "nothing is to be started, so none is needed"


@pytest.mark.luigid
def test_luigid_that_comes_back_in_time_is_waited_for(ticks, tmp_path) -> None:
    port = free_port()
    it = ticks(port, options={"nightly": {"wait_for_luigid": "2"}}, runs=TINY[:2])
    process = it.start("--verbose")
    assert process.stdout is not None
    while "waiting for luigid" not in process.stdout.readline():
        assert process.poll() is None
    luigid = start_luigid(tmp_path / "luigid", port)
    try:
        process.communicate(timeout=120)
        assert process.returncode == 0
        assert it.night.flag.exists()
    finally:
        luigid.terminate()
        luigid.wait(10)


def test_luigid_that_takes_connections_but_hangs_does_not_answer(monkeypatch) -> None:
    from lstosa_luigi.nightly import scheduler

    monkeypatch.setattr(scheduler, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        asked = scheduler.Scheduler(f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        assert asked.problem() == "timed out"
        pauses: list[float] = []
        assert asked.wait(0.5, pauses.append) == "timed out"
    assert sum(pauses) == 30
    assert scheduler.Scheduler("").problem() == ""


# --- two at once, killed, told to end ------------------------------------------------------


def test_of_two_at_once_one_works_and_the_other_does_nothing(ticks) -> None:
    it = ticks(runs=TINY[:2])
    it.night.control(hang=["onsite_create_calibration_file"])
    first = it.start()
    wait_until(it.is_hanging)
    assert it.tick(code=ExitCode.ALREADY_RUNNING) == []
    (line,) = it.tick("--verbose", code=ExitCode.ALREADY_RUNNING)
    assert line.startswith(f"lstosa nightly of LST1 is being worked on by process {first.pid} on ")
    assert len(it.logs()) == 1
    it.night.control()
    for pid in it.pids("sleep 300"):
        os.kill(pid, signal.SIGKILL)
    first.communicate(timeout=120)
    it.tick("--date", it.night.date)
    assert_made_once(it)


def test_started_together_they_make_nothing_twice(ticks) -> None:
    it = ticks()
    both = [it.start(), it.start()]
    for process in both:
        assert process.communicate(timeout=120) == ("", "")
    assert sorted(process.returncode for process in both) in ([0, 0], [0, 10])
    assert_made_once(it)


def test_killed_alone_its_command_goes_on_and_the_next_tick_leaves_it_alone(ticks) -> None:
    it = ticks(runs=TINY[:2])
    it.night.control(hang=["onsite_create_calibration_file"])
    first = it.start()
    wait_until(it.is_hanging)
    first.kill()
    first.communicate()
    assert it.tick(code=ExitCode.ALREADY_RUNNING) == []
    assert len(it.logs()) == 1
    assert it.state()["ended"] == ""
    (luigi,) = it.pids("bin/luigi ")
    os.kill(luigi, signal.SIGKILL)
    wait_until(lambda: not it.pids("bin/luigi "))
    it.night.control()
    assert it.tick() == []
    assert_made_once(it)
    assert len(it.logs()) >= 1


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT], ids=["told to end", "interrupted"]
)
def test_told_to_end_it_ends_its_command_and_the_next_tick_goes_on(ticks, number) -> None:
    it = ticks(runs=TINY[:2])
    it.night.control(hang=["onsite_create_calibration_file"])
    first = it.start()
    wait_until(it.is_hanging)
    first.send_signal(number)
    output, errors = first.communicate(timeout=150)
    assert (first.returncode, output, errors) == (128 + number, "", "")
    assert it.night.processes() == []
    assert "all commands are ended" in it.logs()[0].read_text()
    it.night.control()
    assert it.tick() == []
    assert_made_once(it)


def test_command_that_a_person_gave_is_left_alone(ticks) -> None:
    it = ticks(runs=TINY[:2])
    it.night.control(hang=["onsite_create_calibration_file"])
    theirs = it.night.start()
    wait_until(it.is_hanging)
    try:
        assert it.tick(code=ExitCode.ALREADY_RUNNING) == []
        assert it.logs() == []
    finally:
        theirs.terminate()
        theirs.communicate(timeout=150)


# --- the clock -----------------------------------------------------------------------------

CLOCK = """
import datetime, sys
from lstosa_luigi import config
from lstosa_luigi.hours import last_evening, nights_until
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.nightly.wrapper import Wrapper
for text in sys.argv[1:]:
    now = datetime.datetime.fromisoformat(text)
    roots = [NightlyClose(date=date) for date in nights_until(last_evening(now), 1)]
    said = []
    code = Wrapper(roots, config.load(), said.append, said.append, now=lambda: now).run()
    began = [line.split()[1] for line in said if ": started" in line]
    print(text, code, *began)
"""


def test_clock_over_midnight_and_over_a_change_of_summer_time_loses_no_night(ticks) -> None:
    it = ticks(date="2024-03-30", runs=TINY[:2])
    next_night = it.night.add_night("2024-03-31", ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    it.night.control(fail=["onsite_create_calibration_file"])
    instants = [
        "2024-03-30T23:59:00+00:00",  # the night begins, and fails
        "2024-03-31T00:01:00+00:00",  # midnight in UTC
        "2024-03-31T00:59:00+00:00",
        "2024-03-31T03:01:00+02:00",  # two minutes later: in Madrid it is two hours later
        "2024-03-31T02:00:00+00:00",  # two hours after the failure it is tried again
        "2024-03-31T00:30:00+00:00",  # the clock was put back: it is tried, rather than never
        "2024-03-31T17:59:00+00:00",
        "2024-03-31T18:01:00+00:00",  # a new evening: the next night, then the one before
    ]
    found = []
    for instant in instants:
        if instant == instants[-2]:
            it.night.control()
        words = [CLOCK, instant]
        done = subprocess.run(
            [sys.executable, "-c", *words],
            env={**it.night.variables(), "TZ": "Europe/Madrid"},
            cwd=it.night.root,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.stderr == ""
        found.append(done.stdout.split()[1:])
    assert found == [
        ["30", "2024-03-30"],
        ["30"],
        ["30"],
        ["30"],
        ["30", "2024-03-30"],
        ["30", "2024-03-30"],
        ["0", "2024-03-30"],
        ["0", "2024-03-31"],
    ]
    assert (it.night.flag.exists(), next_night.flag.exists()) == (True, True)
    assert_made_once(it)


# --- publishing ------------------------------------------------------------------------------


def test_target_that_is_away_changes_nothing_about_the_night_and_is_told_once(
    ticks, tmp_path
) -> None:
    web = tmp_path / "web"
    it = ticks(options={"publish": {"target": str(web), "retry_minutes": "0"}})
    printed = it.tick()
    assert f"{web} is not there: mount it, or make it" in printed[0]
    assert it.night.flag.exists()
    assert it.state()["exit_code"] == 0
    assert it.tick() == []
    web.mkdir()
    assert it.tick() == []
    plot = f"dl1/{it.night.flat}/pdf/datacheck_dl1_LST-1.Run00003.pdf"
    assert (web / plot).is_file()
    web.rename(tmp_path / "elsewhere")
    assert it.tick() == [], "nothing changed, so nobody looks there"
