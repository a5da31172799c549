"""The ``lstosa`` command, as a person at a terminal sees it."""

import contextlib
import os
import select
import signal
import urllib.request
from pathlib import Path

import pytest

from lstosa_luigi.cli import VERBS
from lstosa_luigi.errors import ExitCode
from tests.conftest import free_port
from tests.fakes.night import FakeNight


@pytest.fixture(scope="module")
def closed_night(tmp_path_factory):
    """A night of stand-ins, processed to closed."""
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
    night = FakeNight(tmp_path_factory.mktemp("closed") / "night", runs=runs)
    answer = night.luigi()
    assert answer.returncode == ExitCode.OK, answer.stdout
    return night


@pytest.fixture(scope="module")
def shown(closed_night):
    """What is shown of it."""
    answer = closed_night.lstosa("show", "--date", closed_night.date)
    assert (answer.returncode, answer.stderr) == (ExitCode.OK, "")
    return answer.stdout


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A night of stand-ins of which nothing is made."""
    return FakeNight(tmp_path_factory.mktemp("raw") / "night")


def rows_of(printed):
    """Return the rows of the table of products by name: count, size, example."""
    table = printed.split("\n\n")[0].splitlines()
    assert table[0].split() == ["product", "there", "size", "for", "example"]
    return {line.split()[0]: line.split()[1:] for line in table[1:]}


# --- help and bad arguments ----------------------------------------------------------------


def test_help_names_every_verb_and_every_exit_code(night):
    answer = night.lstosa("--help")
    assert answer.returncode == ExitCode.OK
    text = " ".join(answer.stdout.split())
    assert all(f" {verb} " in text for verb in VERBS)
    assert all(f"{code.value} {code.name.lower()}" in text for code in ExitCode)
    assert "luigi --module lstosa_luigi NightlyClose --date YYYY-MM-DD" in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help(night, verb):
    answer = night.lstosa(verb, "--help")
    assert answer.returncode == ExitCode.OK
    assert answer.stdout.startswith(f"usage: lstosa {verb} ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: VERB"),
        (("close",), "invalid choice: 'close' (choose from "),
        (("show",), "the following arguments are required: --date"),
        (("simulate-night", "--base", "x"), "the following arguments are required: --date"),
    ],
)
def test_arguments_that_make_no_command_are_answered_with_the_usage(night, arguments, message):
    answer = night.lstosa(*arguments)
    assert answer.returncode == ExitCode.UNHANDLED
    assert answer.stdout == ""
    assert answer.stderr.startswith("usage: lstosa")
    assert message in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("show", "--date", "20240302x"),
            "'20240302x' is not a date; write YYYY-MM-DD, as 2020-01-17.",
        ),
        (
            ("show", "--date", "2999-01-01"),
            "2999-01-01 is in the future: there are no data of that night yet.",
        ),
        (("show", "--date", "2024-03-02", "--all"), "unknown argument --all"),
        (("luigid", "--restart"), "unknown argument --restart"),
    ],
)
def test_wrong_argument_is_answered_with_one_line(night, arguments, message):
    answer = night.lstosa(*arguments)
    assert answer.returncode == ExitCode.UNHANDLED
    assert (answer.stdout, answer.stderr) == ("", f"lstosa {arguments[0]}: {message}\n")


def test_wrong_configuration_is_answered_with_one_line(make_night):
    night = make_night(options={"local": {"jobs": "many"}})
    answer = night.lstosa("show", "--date", night.date)
    assert answer.returncode == ExitCode.UNHANDLED
    assert answer.stderr.startswith("lstosa show: [local] jobs = many: not a valid int (")
    assert answer.stderr.count("\n") == 1


# --- show ----------------------------------------------------------------------------------


def test_closed_night_is_shown_product_by_product(closed_night, shown):
    rows = rows_of(shown)
    for product, count in (
        ("RunSummary", 1),
        ("ChargeCalibration", 1),
        ("DL1A", 2),
        ("DL1B", 2),
        ("MergedDL1", 1),
        ("RunDatacheck", 1),
        ("DL2", 1),
        ("DL3", 1),
        ("CherenkovTransparency", 1),
    ):
        assert rows[product][0] == f"{count}/{count}"
        example = closed_night.root / rows[product][-1]
        assert example.is_file()
    assert rows["DL2"][-1] == (
        "base/DL2/20240302/v0.12.3/tailcut84/nsb_tuning_0.14/dl2_LST-1.Run00003.h5"
    )


def test_pages_for_people_are_listed(closed_night, shown):
    _, _, pages = shown.partition("\nto look at:\n")
    listed = [line.strip() for line in pages.split("\n\n")[0].splitlines()]
    assert [Path(page).name for page in listed] == [
        "calibration_filters_52.Run00002.0000.pdf",
        "datacheck_dl1_LST-1.Run00003.pdf",
        "DL1_datacheck_20240302.html",
    ]
    assert all((closed_night.root / page).is_file() for page in listed)


def test_closed_night_is_concluded_with_its_flag(closed_night, shown):
    last = shown.splitlines()[-1]
    assert last.startswith("Night 2024-03-02 (v0.12.3) is closed since 20")
    assert last.endswith(f": 1 run, 2 subruns. {closed_night.flag}")


def test_other_production_of_the_same_night_is_not_closed(closed_night):
    answer = closed_night.lstosa("show", "--date", closed_night.date, "--prod-id", "v9")
    assert answer.returncode == ExitCode.NOT_RUN
    assert rows_of(answer.stdout)["DL1A"][0] == "0/2"
    assert answer.stdout.endswith("\nNight 2024-03-02 (v9) is not closed.\n")


def test_night_without_anything_lacks_its_run_summary(night):
    answer = night.lstosa("show", "--date", "2015-01-01")
    assert answer.returncode == ExitCode.NOT_RUN
    assert rows_of(answer.stdout) == {"RunSummary": ["0/1", "0", "B"]}
    assert answer.stdout.endswith("\nNight 2015-01-01 (v0.12.3) is not closed.\n")


def test_showing_a_night_writes_nothing(night):
    before = {path: path.stat().st_mtime_ns for path in night.root.rglob("*")}
    night.lstosa("show", "--date", night.date)
    assert {path: path.stat().st_mtime_ns for path in night.root.rglob("*")} == before


# --- luigid --------------------------------------------------------------------------------


@pytest.fixture
def night_with_port(make_night):
    """A night that expects its luigid at a port of its own; none is left behind."""
    port = free_port()
    night = make_night(
        options={"core": {"scheduler_host": "127.0.0.1", "scheduler_port": str(port)}}
    )
    yield night, f"http://127.0.0.1:{port}"
    pid_file = night.base / "OSA/luigid/luigid.pid"
    if pid_file.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)


@pytest.mark.luigid
def test_luigid_is_started_once_shows_its_visualiser_and_is_stopped(night_with_port):
    night, address = night_with_port
    visualiser = f"visualiser: {address}/static/visualiser/index.html\n"
    log = night.base / "OSA/luigid/luigi-server.log"
    first = night.lstosa("luigid")
    assert (first.returncode, first.stdout) == (
        ExitCode.OK,
        f"luigid started at {address} (log: {log})\n{visualiser}",
    )
    process = os.pidfd_open(int((night.base / "OSA/luigid/luigid.pid").read_text()))
    try:
        second = night.lstosa("luigid")
        assert (second.returncode, second.stdout) == (
            ExitCode.OK,
            f"luigid answers at {address}\n{visualiser}",
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(visualiser.split()[1], timeout=30) as page:
            assert b"Luigi Task Visualiser" in page.read()
        stopped = night.lstosa("luigid", "--stop")
        assert (stopped.returncode, stopped.stdout) == (
            ExitCode.OK,
            f"luigid at {address} is told to stop\n",
        )
        assert select.select([process], [], [], 30)[0], "luigid does not stop"
    finally:
        os.close(process)


@pytest.mark.luigid
def test_luigid_of_others_is_left_alone(night_with_port):
    night, address = night_with_port
    answer = night.lstosa("luigid", "--stop")
    assert answer.returncode == ExitCode.OK
    assert answer.stdout == (
        f"no luigid that was started with: lstosa luigid (is another at {address}?)\n"
    )


def test_luigid_of_another_host_is_not_started_here(make_night):
    elsewhere = {"scheduler_host": "192.0.2.1", "scheduler_port": "1"}
    night = make_night(options={"core": elsewhere})
    answer = night.lstosa("luigid")
    assert answer.returncode == ExitCode.UNHANDLED
    assert answer.stderr == (
        "lstosa luigid: no luigid answers at http://192.0.2.1:1; start it there\n"
    )
