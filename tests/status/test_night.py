"""A night through the real commands: table, JSON, exit code and flag say the same."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), *((n, "DATA", 1) for n in (3, 4, 5)))


def test_watch_on_a_terminal_has_colours_and_ends_with_ctrl_c(make_night) -> None:
    night = make_night(runs=RUNS[:3])
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("lstosa")), "status", "--date", night.date, "--watch"],
        env={**night.variables(), "TERM": "xterm", "NO_COLOR": ""},
        cwd=night.root,
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
    )
    os.close(other_end)
    printed = b""
    try:
        while b"What to do:" not in printed:
            assert select.select([terminal], [], [], 120)[0], printed
            printed += os.read(terminal, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        with contextlib.suppress(OSError):  # Linux says so at the end
            while more := os.read(terminal, 65536):
                printed += more
    finally:
        process.kill()
        os.close(terminal)
    text = printed.decode()
    assert text.startswith("\x1b[H\x1b[2J")
    assert "\x1b[33mREADY" in text or "\x1b[33mWAITING" in text or "\x1b[33m1 ready" in text
    assert "Traceback" not in text


def said(night: FakeNight) -> tuple[int, dict[str, str], dict]:
    """Return exit code, state of each run in the table, and the JSON."""
    answer = night.lstosa("status", "--date", night.date)
    data = night.lstosa("status", "--date", night.date, "--json")
    assert (answer.stderr, data.stderr) == ("", "")
    assert answer.returncode == data.returncode
    table = [line.split() for line in answer.stdout.splitlines() if line.startswith("LST1 ")]
    return answer.returncode, {row[4]: row[10] for row in table}, json.loads(data.stdout)


def test_night_of_three_runs_of_which_one_fails(make_night) -> None:
    night = make_night(runs=RUNS)
    night.control(fail=["lstchain_data_r0_to_dl1 .*Run00004"], message="ValueError: told to fail")
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    code, table, data = said(night)
    assert (code, data["exit_code"], data["standing"]) == (30, 30, "failed")
    states = {run["run"]: run["state"] for run in data["runs"]}
    assert table == {
        f"{2:05d}": "COMPLETED",
        "00003": "COMPLETED",
        "00004": "FAILED",
        "00005": "COMPLETED",
    }
    assert states == {1: "done", 2: "done", 3: "done", 4: "failed", 5: "done"}
    (failed,) = [p for p in data["products"] if p["state"] == "failed"]
    assert failed["title"] == "DL1A Run00004.0000"
    assert failed["cause"] == "exit code 1: ValueError: told to fail"
    assert (failed["exit"], failed["run"]) == ("1:0", 4)
    assert "told to fail" in Path(failed["log"]).read_text()
    assert not night.flag.exists()
    assert (data["is_closed"], data["conclusion"]) == (
        False,
        "Night 2024-03-02 (v0.12.3) is not closed.",
    )
    assert night.lstosa("show", "--date", night.date).returncode == ExitCode.NOT_RUN

    night.control()
    assert night.luigi().returncode == ExitCode.OK
    code, table, data = said(night)
    assert (code, data["standing"], data["is_closed"]) == (0, "closed", True)
    assert set(table.values()) == {"COMPLETED"}
    assert {p["state"] for p in data["products"]} == {"done"}
    assert night.flag.exists()
