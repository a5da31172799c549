"""``lstosa luigid``: start a luigid in the background, unless one answers already."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import luigi.interface

from lstosa_luigi import config
from lstosa_luigi.errors import ExitCode, LstosaError

PATIENCE_S = 30.0
"""How long a luigid may take until it answers."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--stop", action="store_true", help="stop the one that was started so")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Start or stop; say where the visualiser is."""
    if rest:
        raise LstosaError(f"unknown argument {rest[0]}")
    core = luigi.interface.core()
    host, port = str(core.scheduler_host), int(core.scheduler_port)
    address = f"http://{host}:{port}"
    folder = config.load().directories.osa_dir / "luigid"
    if options.stop:
        return _stop(folder, address)
    if _answers(host, port):
        print(f"luigid answers at {address}")
    elif host not in ("localhost", "127.0.0.1", socket.gethostname()):
        raise LstosaError(f"no luigid answers at {address}; start it there")
    else:
        _start(folder, host, port)
        print(f"luigid started at {address} (log: {folder / 'luigi-server.log'})")
    print(f"visualiser: {address}/static/visualiser/index.html")
    return ExitCode.OK


def _start(folder: Path, host: str, port: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "luigi-server.log").open("ab") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("luigid")),
                f"--address={host}",
                f"--port={port}",
                f"--state-path={folder / 'state.pickle'}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / "luigid.pid").write_text(f"{process.pid}\n", encoding="ascii")
    deadline = time.monotonic() + PATIENCE_S
    while not _answers(host, port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LstosaError(f"luigid does not start: see {folder / 'luigi-server.log'}")
        time.sleep(0.1)


def _stop(folder: Path, address: str) -> int:
    pid_file = folder / "luigid.pid"
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        command = b""
    if b"luigid" not in command:
        print(f"no luigid that was started with: lstosa luigid (is another at {address}?)")
        return ExitCode.OK
    os.kill(pid, signal.SIGTERM)
    pid_file.unlink()
    print(f"luigid at {address} is told to stop")
    return ExitCode.OK


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
