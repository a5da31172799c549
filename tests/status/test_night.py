"""The status of a night on a real terminal."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))


def test_watch_on_a_terminal_has_colours_and_ends_with_ctrl_c(make_night) -> None:
    night = make_night(runs=RUNS)
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
