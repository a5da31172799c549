"""What cron and systemd are given: read by the real ones."""

import dataclasses
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode, UsageError
from lstosa_luigi.nightly.service import LUIGID, NIGHTLY, TIMER, Installation, crontab, units
from tests.conftest import unavailable
from tests.fakes.night import FakeNight

ODD = ["plain", "with blank", "100%d", "a$HOME", 'quo"te', "apo'strophe", "back\\slash"]


def installation(root: Path, **other) -> Installation:
    """Return an installation below a directory, with programs that say where they are."""
    programs = root / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name in ("lstosa", "luigid"):
        program = programs / name
        program.write_text('#!/bin/sh\necho "$0|$PWD|$LUIGI_CONFIG_PATH|$*"\n')
        program.chmod(0o755)
    values = {
        "programs": programs,
        "directory": root,
        "config": str(root / "luigi.cfg"),
        "path": (),
        "user": "root",
        "base": root / "base",
        "state": root / "base/OSA/luigid",
        "host": "localhost",
        "port": 8082,
        "is_here": True,
    }
    return Installation(**{**values, **other})


@pytest.mark.parametrize("name", ODD)
def test_line_of_the_crontab_runs_the_wrapper_whatever_the_paths_are(tmp_path, name: str) -> None:
    here = installation(tmp_path / name)
    line, reboot = crontab(here, 10).splitlines()[-2:]
    assert line.startswith("*/10 * * * * cd ")
    assert reboot.startswith("@reboot cd ")
    command = line.removeprefix("*/10 * * * * ")
    assert "%" not in command.replace(r"\%", "")
    done = subprocess.run(  # as cron does it
        ["/bin/sh", "-c", command.replace(r"\%", "%")],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    root = tmp_path / name
    assert done.stdout == f"{root}/bin/lstosa|{root}|{root}/luigi.cfg|nightly\n"


def test_crontab_is_one_that_crontab_takes(tmp_path) -> None:
    if shutil.which("crontab") is None:
        unavailable("there is no crontab")
    for name in ODD:
        (tmp_path / "crontab").write_text(crontab(installation(tmp_path / name), 10))
        checked = subprocess.run(
            ["crontab", "-n", tmp_path / "crontab"], capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stderr
    (tmp_path / "crontab").write_text("*/10 * * * nightly\n")
    assert subprocess.run(["crontab", "-n", tmp_path / "crontab"], capture_output=True).returncode


@pytest.mark.parametrize("name", ODD)
def test_units_are_ones_that_systemd_takes_whatever_the_paths_are(tmp_path, name: str) -> None:
    if shutil.which("systemd-analyze") is None:
        unavailable("there is no systemd-analyze")
    folder = tmp_path / "units"
    folder.mkdir()
    plain = installation(tmp_path / "plain").programs
    here = installation(tmp_path / name)
    if set(name) & set("\"'\\"):
        with pytest.raises(UsageError, match="systemd starts no program of a directory named so"):
            units(here, 10)
        here = dataclasses.replace(here, programs=plain)
    for file, text in units(here, 10).items():
        (folder / file).write_text(text)
    files = [folder / file for file in (LUIGID, NIGHTLY, TIMER)]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert (done.returncode, done.stderr) == (0, "")
    # that it would have said so
    spoilt = (folder / NIGHTLY).read_text().replace("/bin/lstosa", "/bin/lost")
    (folder / NIGHTLY).write_text(spoilt)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", folder / NIGHTLY], capture_output=True, text=True
    )
    assert done.returncode != 0


def test_timer_ticks_as_often_as_it_is_told() -> None:
    if shutil.which("systemd-analyze") is None:
        unavailable("there is no systemd-analyze")
    text = units(installation_of_nothing(), 20)[TIMER]
    (when,) = [line for line in text.splitlines() if line.startswith("OnCalendar=")]
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--base-time=2024-03-31 00:50:00 UTC", "--iterations=3",
         when.removeprefix("OnCalendar=")],
        env={**os.environ, "TZ": "Europe/Madrid"},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    utc = [line.split()[-2] for line in done.stdout.splitlines() if "(in UTC)" in line]
    assert utc == ["01:00:00", "01:20:00", "01:40:00"], done.stdout


def installation_of_nothing() -> Installation:
    nowhere = Path("/nowhere")
    values = ("", (), "me", nowhere, nowhere, "scheduler.example.org", 8082, False)
    return Installation(nowhere, nowhere, *values)


def test_luigid_of_another_host_is_not_started_here() -> None:
    here = installation_of_nothing()
    assert list(units(here, 10)) == [NIGHTLY, TIMER]
    assert LUIGID not in "".join(units(here, 10).values())
    assert "@reboot" not in crontab(here, 10)


def test_path_with_a_line_break_is_refused() -> None:
    with pytest.raises(UsageError, match="no service can be given such a path"):
        dataclasses.replace(installation_of_nothing(), directory=Path("/a\nb"))


def test_slurm_is_found_by_what_cron_starts() -> None:
    here = dataclasses.replace(installation_of_nothing(), path=("/opt/slurm/bin",))
    assert "PATH=/nowhere:/opt/slurm/bin:/usr/local/bin:/usr/bin:/bin" in crontab(here, 10)


# --- the verb ------------------------------------------------------------------------------


def test_it_prints_the_paths_of_this_installation_and_writes_only_when_told(
    make_night, tmp_path
) -> None:
    night: FakeNight = make_night(runs=())
    before = sorted(night.everything())
    printed = night.lstosa("install-service", "--print", "--what", "cron")
    script = Path(sys.executable).with_name("lstosa").read_text()
    programs = Path(script.splitlines()[0].removeprefix("#!")).parent
    config = night.root / "luigi.cfg"
    line = f"*/10 * * * * cd {night.root} && LUIGI_CONFIG_PATH={config} {programs}/lstosa nightly"
    assert line in printed.stdout.splitlines()
    printed = night.lstosa("install-service", "--print", "--what", "systemd", "--every", "5")
    assert f"ExecStart={programs}/lstosa nightly" in printed.stdout.splitlines()
    assert f"--state-path={night.base}/OSA/luigid/state.pickle" in printed.stdout
    assert "OnCalendar=*-*-* *:0/5:00 UTC" in printed.stdout.splitlines()
    assert sorted(night.everything()) == before
    written = night.lstosa("install-service", "--what", "systemd", "--directory", str(tmp_path))
    assert written.stdout.split() == [str(tmp_path / n) for n in (LUIGID, NIGHTLY, TIMER)]
    assert (tmp_path / NIGHTLY).read_text() in printed.stdout


@pytest.mark.parametrize(
    "words",
    [(), ("--print", "--every", "7"), ("--print", "--every", "60"), ("--directory", "/no/such")],
)
def test_what_cannot_be_meant_is_refused(make_night, words: tuple[str, ...]) -> None:
    answer = make_night(runs=()).lstosa("install-service", *words)
    assert (answer.returncode, answer.stdout) == (ExitCode.UNHANDLED, "")
    assert answer.stderr


def test_words_of_units_are_the_words_of_the_command(tmp_path) -> None:
    here = installation(tmp_path / "with blank")
    (line,) = [x for x in units(here, 10)[NIGHTLY].splitlines() if x.startswith("ExecStart=")]
    assert shlex.split(line.removeprefix("ExecStart=")) == [
        str(here.programs / "lstosa"),
        "nightly",
    ]
