"""``lstosa clean`` and ``lstosa disk``: a plan first, then exactly that, and nothing is missed."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.files import scratch_name
from tests.fakes.night import FakeNight
from tests.housekeeping.conftest import as_it_was

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 1), (5, "DATA", 1))
INTERLEAVED = "DL1/20240302/v0.12.3/interleaved"


@pytest.fixture(scope="module")
def made_night(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A closed night with a run on Mrk 421, one on the Crab, and one on another source."""
    sources = {3: "Mrk 421", 4: "CrabNebula", 5: "M 87"}
    night = FakeNight(tmp_path_factory.mktemp("clean") / "night", runs=RUNS, sources=sources)
    assert night.luigi().returncode == 0
    return night


@pytest.fixture
def closed(made_night: FakeNight) -> Iterator[FakeNight]:
    """The night, as it was made when a test begins."""
    yield from as_it_was(made_night)


def clean(night: FakeNight, what: str, *words: str, code: int = 0) -> list[str]:
    done = night.lstosa("clean", what, "--date", night.date, *words)
    assert done.returncode == code, done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


def files(night: FakeNight) -> set[str]:
    return {str(path) for path in night.everything()}


def interleaved(night: FakeNight) -> list[str]:
    return sorted(path.name for path in (night.base / INTERLEAVED).glob("*.h5"))


def dead() -> str:
    """Return what scratch names of a process say that is gone."""
    return scratch_name("x").rsplit("@", 2)[0].removeprefix("x") + "@999999999@1"


def test_interleaved_events_go_by_plan_and_nobody_misses_them(closed: FakeNight) -> None:
    before = files(closed)
    plan = clean(closed, "interleaved")
    assert files(closed) == before, "only a plan"
    third, fourth, fifth, total = plan
    assert third.endswith("kB  interleaved events of run 00003: Mrk 421")
    assert fourth.endswith(
        "interleaved events of run 00004: kept: CrabNebula ([housekeeping] keep_interleaved_of)"
    )
    assert fifth.endswith("kB  interleaved events of run 00005: M 87")
    assert total.endswith("would be given back: --apply")
    done = clean(closed, "interleaved", "--apply", "--who", "me")
    assert done[:3] == plan[:3]
    assert interleaved(closed) == ["interleaved_LST-1.Run00004.0000.h5"]
    note = json.loads((closed.base / INTERLEAVED / "removed_LST-1.Run00003.json").read_text())
    assert (note["who"], len(note["files"]), note["why"]) == ("me", 2, "Mrk 421")
    gone = before - files(closed)
    assert all("interleaved_LST-1" in path for path in gone)
    assert len(gone) == 6, "three files and the links to them"
    for words in (("status",), ("verify",), ("verify", "--deep")):
        answer = closed.lstosa(*words[:1], "--date", closed.date, *words[1:])
        assert answer.returncode == 0, answer.stdout
    closed.forget_calls()
    closed.flag.unlink()
    assert closed.luigi().returncode == 0
    assert closed.calls() == [], "nothing is made again"
    assert clean(closed, "interleaved")[-1] == "Nothing is to be removed."


def test_killed_in_the_middle_the_rest_is_found(closed: FakeNight) -> None:
    script = f"""
import os, signal
from pathlib import Path
from lstosa_luigi.cli import main
real, times = Path.unlink, [0]
def killed(self, *words, **options):
    times[0] += 1
    if times[0] == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *words, **options)
Path.unlink = killed
main(["clean", "interleaved", "--date", {closed.date!r}, "--apply", "--who", "me"])
"""
    assert closed.python(script).returncode == -signal.SIGKILL
    assert len(interleaved(closed)) == 3
    assert closed.lstosa("verify", "--date", closed.date).returncode == 0
    clean(closed, "interleaved", "--apply")
    assert interleaved(closed) == ["interleaved_LST-1.Run00004.0000.h5"]
    assert closed.lstosa("verify", "--date", closed.date).returncode == 0


def test_subrun_that_is_lost_is_made_again_with_them(closed: FakeNight) -> None:
    clean(closed, "interleaved", "--apply")
    muons = closed.base / "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00003.0001.fits"
    muons.unlink()
    assert closed.lstosa("verify", "--date", closed.date, "--remake").returncode == 0
    assert closed.luigi().returncode == 0
    assert "interleaved_LST-1.Run00003.0001.h5" in interleaved(closed)
    assert closed.lstosa("verify", "--date", closed.date).returncode == 0


def test_of_an_open_night_all_is_kept(closed: FakeNight) -> None:
    closed.flag.unlink()
    before = files(closed)
    assert "kept: the night is not closed" in clean(closed, "interleaved", "--apply")[0]
    assert files(closed) - before <= {str(closed.base / "OSA/locks"), *before} | {
        path for path in files(closed) if path.endswith(".lock")
    }
    assert len(interleaved(closed)) == 4


def test_events_that_cat_b_is_to_be_made_of_are_kept(closed: FakeNight) -> None:
    closed.write_config(lstchain={"apply_catB_calibration": "true",
                                  "environment": str(closed.environment)})  # fmt: skip
    assert not any(line.endswith(("Mrk 421", "M 87")) for line in clean(closed, "interleaved"))


def test_only_scratch_of_dead_processes_of_this_host_goes(closed: FakeNight) -> None:
    scratch = closed.analysis / ".scratch"
    host = os.uname().nodename
    gone = scratch / f"Run00003.0001_DL1A.1{dead()}"
    ours = scratch / scratch_name("Run00003.0000_DL1A.1")
    other = scratch / gone.name.replace(host, "elsewhere")
    for folder in (gone, ours, other):
        folder.mkdir(parents=True)
        (folder / "part.h5").write_bytes(b"0" * 2000)
    record = closed.analysis / "records" / f".half.json{dead()}"
    record.write_text("half")
    plan = clean(closed, "scratch")
    assert gone.is_dir()
    assert sum("its process is gone" in line for line in plan) == 2
    assert sum("kept: of host elsewhere" in line for line in plan) == 1
    assert plan[-1] == "2.0 kB would be given back: --apply"
    clean(closed, "scratch", "--apply")
    assert [gone.exists(), ours.exists(), other.exists(), record.exists()] == [
        False, True, True, False,
    ]  # fmt: skip


def test_what_was_set_aside_goes_once_the_night_is_closed_without_it(closed: FakeNight) -> None:
    dl2 = next(closed.base.glob("DL2/*/*/*/*/dl2_LST-1.Run00003.h5"))
    dl2.write_bytes(b"")
    assert closed.lstosa("verify", "--date", closed.date, "--remake").returncode == 0
    place = closed.analysis / "set_aside"
    assert any(place.rglob("dl2_*"))
    assert "kept: the night is not closed" in clean(closed, "set-aside", "--apply")[0]
    assert any(place.rglob("dl2_*"))
    assert closed.luigi().returncode == 0
    assert "the night is closed without it" in clean(closed, "set-aside")[0]
    clean(closed, "set-aside", "--apply")
    assert not place.exists()
    assert closed.lstosa("verify", "--date", closed.date).returncode == 0


def test_disk_counts_each_file_once_at_its_level(closed: FakeNight) -> None:
    done = closed.lstosa("disk", "--date", closed.date, "--json")
    (night,) = json.loads(done.stdout)["nights"]
    roots = [closed.base / f"{level}/20240302/v0.12.3" for level in ("DL1", "DL2", "DL3")]
    roots += [closed.analysis, closed.base / "DL1/datacheck_files/night_wise/v0.12.3/20240302"]
    found = [path for root in roots for path in root.rglob("*")
             if path.is_file() and not path.is_symlink()]  # fmt: skip
    assert night["files"] == len(found)
    assert sum(night["sizes"].values()) == sum(path.stat().st_size for path in found)
    part = sum(path.stat().st_size for path in (closed.base / INTERLEAVED).glob("*.h5"))
    assert night["sizes"]["interleaved"] == part
    assert night["sizes"]["DL1a"] == 0, "links have taken their places"
    assert night["sizes"]["other"] == 0
    given = json.loads(done.stdout)["given_back_by"]
    assert 0 < given["interleaved"] < part
    assert given["archive"] <= night["sizes"]["logs"]
    said = closed.lstosa("disk", "--older-than", "1").stdout.splitlines()
    assert said[0].split()[:3] == ["night", "production", "files"]
    assert said[1].split()[:3] == ["2024-03-02", "v0.12.3", str(len(found))]
    assert "lstosa clean interleaved would give back" in "\n".join(said)
    assert said[-1].endswith("are free")


def test_wrong_days_are_told(closed: FakeNight) -> None:
    done = closed.lstosa("clean", "scratch", "--older-than", "-1")
    assert done.returncode == ExitCode.UNHANDLED
    assert "--older-than -1: must be 0 or more" in done.stderr
