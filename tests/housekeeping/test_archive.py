"""``lstosa archive``: logs and records of a closed night in one file, and the same answers."""

import json
import os
import re
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from luigi.configuration import LuigiConfigParser

from lstosa_luigi import archives, config
from lstosa_luigi.errors import ExitCode, InputError
from lstosa_luigi.execution.files import scratch_name
from lstosa_luigi.execution.record import read_record, read_records
from lstosa_luigi.housekeeping import archiving
from lstosa_luigi.night import NightlyClose
from tests.conftest import fill
from tests.fakes import made
from tests.fakes.night import FakeNight
from tests.housekeeping.conftest import as_it_was
from tests.operators import decide, make

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 1))
ATTEMPT = "Run00003.0001_DL1A"


@pytest.fixture(scope="module")
def made_night(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A closed night in which a subrun was made by its second attempt."""
    night = FakeNight(tmp_path_factory.mktemp("archive") / "night", runs=RUNS)
    night.control(fail=[r"r0_to_dl1.*Run00003\.0001"])
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    night.control()
    assert night.luigi().returncode == 0
    return night


@pytest.fixture
def closed(made_night: FakeNight) -> Iterator[FakeNight]:
    """The night, nothing of which is archived when a test begins."""
    yield from as_it_was(made_night)


@pytest.fixture
def configured(closed: FakeNight, monkeypatch) -> Iterator[NightlyClose]:
    """The root task of the night, in this process."""
    monkeypatch.setattr(LuigiConfigParser, "_instance", None)
    yield made.use(closed)
    config.forget()


def do(night: FakeNight, *words: str, code: int = 0) -> str:
    done = night.lstosa("archive", "--date", night.date, *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def answers(night: FakeNight) -> dict[str, str]:
    """Return what all verbs say of the night; the time of asking does not count."""
    questions = (
        ("status",),
        ("status", "--json"),
        ("verify",),
        ("verify", "--json"),
        ("verify", "--deep"),
        ("jobs",),
        ("jobs", "--json"),
        ("jobs", "--failed"),
        ("account",),
        ("plan",),
        ("show",),
    )
    found = {}
    for words in questions:
        verb, *more = words
        done = night.lstosa(verb, "--date", night.date, *more)
        asked = r'"(asked|written)": ".*?"|(?<=v0\.12\.3, at )[\dT:+-]+'
        text = re.sub(asked, "", done.stdout)
        found[" ".join(words)] = f"{done.returncode} {text} {done.stderr}"
    dl2 = next(night.base.glob("DL2/*/*/*/*/dl2_LST-1.Run00003.h5"))
    for words in (("why",), ("why", "--json"), ("impact",)):
        done = night.lstosa(words[0], str(dl2), *words[1:])
        found[" ".join(words)] = f"{done.returncode} {done.stdout} {done.stderr}"
    again = night.luigi()
    found["NightlyClose"] = f"{again.returncode} {again.stdout}"
    return found


def content(night: FakeNight) -> dict[str, bytes]:
    """Return logs and records, wherever they are."""
    found = {}
    if (night.analysis / archives.ARCHIVE).exists():
        with zipfile.ZipFile(night.analysis / archives.ARCHIVE) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
    for folder in ("log", "records"):
        for path in (night.analysis / folder).iterdir():
            found[f"{folder}/{path.name}"] = path.read_bytes()
    return found


def loose(night: FakeNight) -> list[str]:
    return [path.name for name in ("log", "records") for path in (night.analysis / name).iterdir()]


def test_all_verbs_say_the_same_before_and_after(closed: FakeNight) -> None:
    before, held = answers(closed), content(closed)
    said = do(closed)
    assert f"{len(held)} files" in said
    assert said.endswith(": --apply\n")
    assert not (closed.analysis / archives.ARCHIVE).exists(), "only a plan"
    assert content(closed) == held
    assert f"{len(held)} files" in do(closed, "--apply")
    assert loose(closed) == []
    assert content(closed) == held
    closed.forget_calls()
    after = answers(closed)
    assert after.keys() == before.keys()
    for question, answer in before.items():
        assert after[question] == answer, question
    assert closed.calls() == []
    assert "nothing to archive" in do(closed, "--apply")
    assert do(closed, "--show", ATTEMPT).encode() == held[f"log/{ATTEMPT}.log"]


def test_record_knows_its_earlier_attempts_and_the_next_goes_on_counting(
    closed: FakeNight,
) -> None:
    do(closed, "--apply")
    path = closed.analysis / f"records/{ATTEMPT}.json"
    record = read_record(path)
    assert record is not None
    assert (record.attempt, [e.state for e in record.earlier]) == (2, ["failed"])
    assert dict(read_records(path.parent))[ATTEMPT] == record
    (closed.base / f"running_analysis/20240302/v0.12.3/{'dl1_LST-1.Run00003.0001.h5'}").unlink()
    assert closed.lstosa("verify", "--date", closed.date, "--remake").returncode == 0
    assert "DL1A Run00003.0001" in make(closed)
    again = read_record(path)
    assert again is not None
    assert again.attempt == 3
    log = content(closed)[f"log/{ATTEMPT}.log"]
    do(closed, "--apply")
    joined = content(closed)[f"log/{ATTEMPT}.log"]
    assert joined.endswith(log)
    assert [b"attempt %d" % n in joined for n in (1, 2, 3)] == [True] * 3
    assert read_record(path) == again
    assert closed.lstosa("verify", "--date", closed.date).returncode == 0


def test_reopened_night_is_closed_again_without_making_anything(closed: FakeNight) -> None:
    do(closed, "--apply")
    opened = closed.lstosa("reopen", "--date", closed.date, "--why", "look")
    assert opened.returncode == 0
    said = do(closed, "--apply", code=ExitCode.UNHANDLED)
    assert said.count("\n") == 1
    assert "is not closed" in said
    closed.forget_calls()
    assert closed.luigi().returncode == 0
    assert closed.calls() == []


def test_page_of_a_failure_still_shows_the_end_of_its_log(make_night) -> None:
    night = make_night(runs=RUNS[:3], options={"pages": {"enabled": "true"}})
    night.control(fail=[r"r0_to_dl1.*Run00003\.0001"], message="no such coefficients")
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    decide(night, "--accept-incomplete")
    assert night.luigi().returncode == 0
    do(night, "--apply")
    assert night.lstosa("reopen", "--date", night.date, "--why", "look").returncode == 0
    next(night.base.glob("OSA/Decisions/*.yaml")).unlink()
    written = night.lstosa("pages", "--date", night.date)
    page = Path(written.stdout.strip()).read_text()
    assert "no such coefficients" in page
    assert f'/{ATTEMPT}.log">' not in page, "a link would lead nowhere"


# --- what is refused, and what goes wrong ----------------------------------------------------


def test_night_that_is_being_worked_on_is_left_alone(closed: FakeNight, configured) -> None:
    lock = configured.layout.lock(configured.task_id)
    with subprocess.Popen(["flock", str(lock), "sleep", "60"]) as other:
        try:
            while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
                pass
            do(closed, "--apply", code=ExitCode.ALREADY_RUNNING)
        finally:
            subprocess.run(["pkill", "-P", str(other.pid)], check=False)
            other.kill()
    assert not (closed.analysis / archives.ARCHIVE).exists()
    assert loose(closed)


def test_nights_that_are_old_enough_are_archived_and_open_ones_named(closed: FakeNight) -> None:
    other = closed.analysis.with_name("v0.0.0")
    other.mkdir()
    done = closed.lstosa("archive", "--older-than", "30", "--apply")
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first == "2024-03-02 (v0.0.0): not closed, left as it is"
    assert second.startswith("2024-03-02 (v0.12.3): ")
    assert loose(closed) == []
    assert closed.lstosa("archive", "--older-than", "9999").stdout == ""


@pytest.mark.parametrize("moment", ["ZipFile.writestr", "_compare", "Path.unlink"])
def test_killed_at_any_moment_nothing_is_lost_and_the_next_completes_it(
    closed: FakeNight, moment: str
) -> None:
    held = content(closed)
    where = {
        "ZipFile.writestr": "zipfile.ZipFile",
        "_compare": "archiving",
        "Path.unlink": "archiving.Path",
    }[moment]
    script = f"""
import os, signal, sys, zipfile
from lstosa_luigi.cli import main
from lstosa_luigi.housekeeping import archiving
name = {moment.rpartition(".")[2]!r}
real, times = getattr({where}, name), [0]
def killed(*words, **options):
    times[0] += 1
    if times[0] == (1 if name == "_compare" else 5):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words, **options)
setattr({where}, name, killed)
main(["archive", "--date", {closed.date!r}, "--apply"])
"""
    assert closed.python(script).returncode == -signal.SIGKILL
    assert content(closed) == held
    do(closed, "--apply")
    assert content(closed) == held
    assert loose(closed) == []
    hidden = [path.name for path in closed.analysis.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_full_disk_leaves_all_as_it_was(night_on_small_disk: FakeNight, small_disk: Path) -> None:
    night = night_on_small_disk
    assert night.luigi().returncode == 0
    held = content(night)
    log = night.analysis / "log/Run00003.0000_DL1A.log"
    log.write_bytes(os.urandom(300_000))
    held["log/Run00003.0000_DL1A.log"] = log.read_bytes()
    ballast = fill(small_disk, leave=100_000)
    said = do(night, "--apply", code=ExitCode.TASK_FAILED)
    assert said.count("\n") == 1
    assert "archive.zip could not be written, and all is as it was: " in said
    assert content(night) == held
    assert not (night.analysis / archives.ARCHIVE).exists()
    ballast.unlink()
    do(night, "--apply")
    assert content(night) == held


def test_damaged_archive_is_named_and_nothing_is_added(closed: FakeNight, configured) -> None:
    do(closed, "--apply")
    archive = closed.analysis / archives.ARCHIVE
    whole = archive.read_bytes()
    archive.write_bytes(whole[:1000] + b"damaged" + whole[1007:])
    data = json.loads(closed.lstosa("verify", "--date", closed.date, "--deep", "--json").stdout)
    (finding,) = [f for f in data["findings"] if f["file"] == str(archive)]
    assert finding["kind"] == "damaged"
    (closed.analysis / "log/more.log").write_text("more")
    said = do(closed, "--apply", code=ExitCode.TASK_FAILED)
    assert f"{archive} is damaged" in said
    assert archive.read_bytes() == whole[:1000] + b"damaged" + whole[1007:]
    archive.write_bytes(whole[:1000])
    assert closed.lstosa("status", "--date", closed.date).returncode == 0
    verified = closed.lstosa("verify", "--date", closed.date)
    assert f"DAMAGED    {archive}" in verified.stdout
    assert verified.returncode == ExitCode.TASK_FAILED
    with pytest.raises(InputError):
        archiving.archive(configured.layout, [])


def test_what_a_killed_command_left_aside_is_removed(closed: FakeNight) -> None:
    name = scratch_name(archives.ARCHIVE).rsplit("@", 2)[0]
    leftover = closed.analysis / f".{name}@999999999@1"
    leftover.write_bytes(b"half")
    do(closed, "--apply")
    assert not leftover.exists()


def test_unknown_log_is_told(closed: FakeNight) -> None:
    said = do(closed, "--show", "Run00003.0001_DL9", code=ExitCode.UNHANDLED)
    assert "No log Run00003.0001_DL9 of 2024-03-02 (v0.12.3), archived or not." in said
