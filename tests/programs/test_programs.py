"""The small programs that jobs run by their path."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi import commands

WRITE = Path(__file__).with_name("write_raw.py")


def run(python: Path | str, argv: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *argv[1:]], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def raw_files(tools_environment, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw files")
    subprocess.run([tools_environment / "bin/python", WRITE, folder], check=True)
    (folder / "empty.fits.fz").touch()
    return folder


@pytest.mark.lstchain
@pytest.mark.parametrize(
    ("name", "looked_at", "gains", "calibrated", "data_format"),
    [
        ("two", "showers", {"2": 10}, 0, "R1v1.Event"),
        ("one", "showers", {"1": 4}, 0, "R1v1.Event"),
        ("calibrated", "showers", {"1": 4}, 4, "R1v1.Event"),
        ("pedestals", "events", {"2": 4}, 0, "R1v1.Event"),
        ("old_two", "showers", {"2": 2}, 0, "ProtoR1.CameraEvent"),
        ("old_one", "showers", {"1": 2}, 0, "ProtoR1.CameraEvent"),
    ],
)
def test_first_events_tell_gains_and_calibration(
    raw_files, tools_environment, tmp_path, name, looked_at, gains, calibrated, data_format
):
    out = tmp_path / "out.json"
    argv = commands.first_events([str(raw_files / f"{name}.fits.fz")], str(out))
    result = run(tools_environment / "bin/python", argv)
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(out.read_text())
    assert (found["looked_at"], found["gains"]) == (looked_at, gains)
    assert (found["calibrated"], found["data_format"]) == (calibrated, data_format)


@pytest.mark.lstchain
def test_a_file_that_does_not_tell_is_named_and_the_next_one_asked(
    raw_files, tools_environment, tmp_path
):
    python, out = tools_environment / "bin/python", tmp_path / "out.json"
    bad = [str(raw_files / f"{name}.fits.fz") for name in ("corrupted", "empty", "absent")]
    result = run(python, commands.first_events(bad, str(out)))
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("Cannot tell how ")]
    assert [file for file, line in zip(bad, lines, strict=True) if file in line] == bad
    assert not out.exists()
    good = str(raw_files / "one.fits.fz")
    assert run(python, commands.first_events([*bad, good], str(out))).returncode == 0
    assert json.loads(out.read_text())["file"] == good


def test_files_are_linked_also_through_symbolic_links(tmp_path):
    for folder in ("taken", "second"):
        (tmp_path / folder).mkdir()
    (tmp_path / "store").write_bytes(b"raw")
    (tmp_path / "taken/a b").symlink_to(tmp_path / "store")
    (tmp_path / "taken/c").write_bytes(b"more")
    argv = commands.link_or_copy(str(tmp_path / "taken"), ["a b", "c"], str(tmp_path / "second"))
    result = run(sys.executable, argv)
    assert (result.returncode, result.stdout) == (0, "2 linked, 0 copied\n")
    assert not (tmp_path / "second/a b").is_symlink()
    assert (tmp_path / "second/a b").samefile(tmp_path / "store")


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no second file system")
def test_files_are_copied_to_another_file_system(tmp_path):
    other = Path(subprocess.check_output(["mktemp", "-d", "-p", "/dev/shm"], text=True).strip())
    try:
        (tmp_path / "a").write_bytes(b"raw")
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is no second file system")
        result = run(sys.executable, commands.link_or_copy(str(tmp_path), ["a"], str(other)))
        assert (result.returncode, result.stdout) == (0, "0 linked, 1 copied\n")
        assert (other / "a").read_bytes() == b"raw"
    finally:
        (other / "a").unlink(missing_ok=True)
        other.rmdir()
