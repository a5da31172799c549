"""``lstosa reproduce`` makes a file again by what records tell, and says whether it is the same."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight

DL2 = "dl2_LST-1.Run00003.h5"
STEPS = [
    "Drs4Pedestal Run00001",
    "RunSummary 20240302",
    "ChargeCalibration Run00002",
    "DL1A Run00003.0000",
    "DL1A Run00003.0001",
    "Tailcuts Run00003",
    "DL1B Run00003.0000",
    "DL1B Run00003.0001",
    "MergedDL1 Run00003",
    "DL2 Run00003",
]
FORESTS = "RandomForests 20240918_v0.10.12_allsky_nsb_tuning_0.14_dec_2276"
TAKEN = f"{FORESTS} is taken as it is: its tool draws numbers at random"


def scratch(night: FakeNight) -> Path:
    return night.base / "OSA/Reproduced/DL2_Run00003"


def calls(night: FakeNight) -> int:
    return len(list((night.environment / "calls").glob("*.json")))


@pytest.fixture
def copied(closed: FakeNight, tmp_path: Path) -> FakeNight:
    """The closed night with records and files that a test may change; put back afterwards."""
    kept = tmp_path / "kept"
    shutil.copytree(closed.root, kept, symlinks=True)
    yield closed
    shutil.rmtree(closed.root)
    shutil.move(kept, closed.root)


def test_dl2_is_made_again_from_raw_data_on_and_is_the_same(closed: FakeNight) -> None:
    before = calls(closed)
    answer = closed.lstosa("reproduce", DL2, "--run", "--json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    told = json.loads(answer.stdout)
    assert sorted(step["title"] for step in told["steps"]) == sorted(STEPS)
    files = [file for step in told["steps"] for file in step["files"]]
    assert [file["path"] for file in files if not file["is_equal"]] == [
        # links stand for them since the run was closed
        str(closed.analysis / f"dl1_LST-1.Run00003.000{n}.h5")
        for n in sorted((0, 1), key=lambda n: _order(told, n))
    ]
    assert told["is_equal"]
    assert told["notes"] == [TAKEN]
    assert calls(closed) - before == len(STEPS)
    assert not scratch(closed).exists(), "it is the same, so nothing is kept"


def _order(told: dict, subrun: int) -> int:
    titles = [step["title"] for step in told["steps"]]
    return titles.index(f"DL1A Run00003.{subrun:04d}")


def test_what_is_printed_is_a_script_that_makes_it_again(closed: FakeNight, tmp_path: Path) -> None:
    place = tmp_path / "a place"
    before = calls(closed)
    answer = closed.lstosa("reproduce", DL2, "--directory", str(place))
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert calls(closed) == before
    assert not place.exists(), "nothing is written unless it is asked for"
    script = tmp_path / "again.sh"
    script.write_text(answer.stdout)
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True)
    made = Path(done.stdout.strip())
    assert made.is_relative_to(place)
    (original,) = closed.base.rglob(f"DL2/**/{DL2}")
    assert made.read_bytes() == original.read_bytes()
    assert calls(closed) - before == len(STEPS)


def test_by_date_run_and_product(closed: FakeNight) -> None:
    answer = closed.lstosa(
        "reproduce", "--date", closed.date, "--run", "3", "--product", "DL2", "--depth", "1"
    )
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "# 1 of 1: DL2 Run00003" in answer.stdout
    answer = closed.lstosa(
        "reproduce", "--date", closed.date, "--run", "3", "--product", "DL2", "--depth", "1",
        "--execute",
    )  # fmt: skip
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert f"{DL2}: the same to the last byte" in answer.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((DL2, "--run", "4"), "--run 4: a FILE is named already"),
        (("--date", "2024-03-02", "--product", "DL2", "--run", "x"), "--run x: is no run number"),
        ((DL2, "--depth", "0"), "--depth 0: must be at least 1"),
        ((), "name either a FILE"),
        (("none.h5",), "No record tells of none.h5"),
        (("DrivePosition_log_20240302.txt",), "was given: no record tells of its making"),
    ],
)
def test_what_cannot_be_meant_is_told(closed: FakeNight, words, told: str) -> None:
    answer = closed.lstosa("reproduce", *words)
    assert answer.returncode != ExitCode.OK
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr


def test_nothing_is_made_again_among_the_products(closed: FakeNight, tmp_path: Path) -> None:
    place = str(closed.base / "DL2/again")
    answer = closed.lstosa("reproduce", DL2, "--run", "--directory", place)
    assert "products lie there" in answer.stderr
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("mine")
    place = str(tmp_path / "other")
    answer = closed.lstosa("reproduce", DL2, "--run", "--directory", place)
    assert "holds something else" in answer.stderr
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["file"]


def test_difference_is_told_and_what_was_made_is_kept(copied: FakeNight) -> None:
    import tables as hdf5

    (dl2,) = copied.base.rglob(f"DL2/**/{DL2}")
    with hdf5.open_file(str(dl2), "a") as file:
        table = file.get_node("/dl2/event/telescope/parameters/LST_LSTCam")
        table.modify_column(column=table.col("value") + 1, colname="value")
    answer = copied.lstosa("reproduce", DL2, "--run", "--depth", "1")
    assert answer.returncode == ExitCode.TASK_FAILED
    assert "differs: /dl2/event/telescope/parameters/LST_LSTCam.value" in answer.stdout
    assert f"{dl2} was changed since it was made" in answer.stderr
    again = Path(answer.stdout.strip().splitlines()[-1].removeprefix("Made again as "))
    assert again.is_file()
    # the same command goes on with what is there, another one begins anew
    before = calls(copied)
    assert copied.lstosa("reproduce", DL2, "--run", "--depth", "1").returncode == 30
    assert calls(copied) == before
    assert copied.lstosa("reproduce", DL2, "--run", "--depth", "2").returncode == 30
    assert calls(copied) == before + 2


def test_configuration_that_changed_is_taken_as_it_was(copied: FakeNight) -> None:
    config = copied.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    config.write_text('{"changed": 1}')
    words = ("--date", copied.date, "--run", "3", "--subrun", "0", "--product", "DL1B")
    answer = copied.lstosa("reproduce", *words, "--depth", "1", "--execute", "--json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    (note,) = json.loads(answer.stdout)["notes"]
    assert note.startswith(f"{config} has 14 bytes, but had ")
    assert note.endswith("the copy that was kept of it is taken")


def test_input_that_is_not_what_it_was_stops_it(copied: FakeNight) -> None:
    copied.drive_log.write_text("1709409600 100.0 20.0\n1709409601 100.0 20.0\n")
    before = calls(copied)
    answer = copied.lstosa("reproduce", DL2, "--run")
    assert answer.returncode == ExitCode.TASK_FAILED
    assert f"{copied.drive_log} has 44 bytes, but had 22 when it was read" in answer.stderr
    assert calls(copied) == before
    assert not scratch(copied).exists()
    script = copied.lstosa("reproduce", DL2).stdout
    assert f"# Note: {copied.drive_log} has 44 bytes" in script
    # further up nothing changed
    answer = copied.lstosa("reproduce", DL2, "--run", "--depth", "2")
    assert answer.returncode == ExitCode.OK, answer.stderr


def test_input_written_again_with_the_same_content_is_the_same(copied: FakeNight) -> None:
    copied.drive_log.write_text(copied.drive_log.read_text())
    answer = copied.lstosa("reproduce", DL2, "--run", "--json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert json.loads(answer.stdout)["notes"] == [TAKEN]
    text = copied.drive_log.read_text()
    copied.drive_log.write_text(text.replace("100.0", "200.0"))
    answer = copied.lstosa("reproduce", DL2, "--run")
    assert "has other content than when it was read" in answer.stderr


def test_raw_data_that_came_since_they_were_listed_are_noted(copied: FakeNight) -> None:
    raw = copied.base / "R0/20240302"
    (raw / "LST-1.1.Run00009.0000.fits.fz").write_bytes(b"")
    answer = copied.lstosa("reproduce", DL2)
    assert f"# Note: files came to {raw} since it was listed, or went" in answer.stdout
    assert f"--r0-path={raw.parent}" in answer.stdout, "listed where it is"
    assert f"put {raw} " not in answer.stdout
    shutil.rmtree(raw)
    answer = copied.lstosa("reproduce", DL2, "--run")
    assert f"{raw} is not there any more" in answer.stderr


def test_other_software_is_noted_and_none_is_told(copied: FakeNight) -> None:
    (site,) = copied.environment.rglob("lstchain-0.12.3.dist-info")
    site.with_name("numpy-2.0.dist-info").mkdir()
    answer = copied.lstosa("reproduce", DL2, "--run", "--depth", "1")
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "Note: other packages of the environment are others now" in answer.stderr
    tool = copied.environment / "bin/lstchain_dl1_to_dl2"
    tool.unlink()
    answer = copied.lstosa("reproduce", DL2, "--run")
    assert f"{tool} is not there any more: set up the environment again" in answer.stderr
    assert "lstchain 0.12.3" in answer.stderr


def test_step_that_fails_is_told_and_gone_on_with(copied: FakeNight) -> None:
    control = copied.environment / "control.json"
    control.write_text(json.dumps({"fail": ["lstchain_dl1_to_dl2"]}))
    answer = copied.lstosa("reproduce", DL2, "--run")
    assert answer.returncode == ExitCode.TASK_FAILED
    assert "RuntimeError: told to fail" in answer.stderr
    assert "Give the same command again to go on" in answer.stderr
    control.write_text("{}")
    before = calls(copied)
    answer = copied.lstosa("reproduce", DL2, "--run")
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert calls(copied) - before == 1


def test_record_of_an_older_version_is_told(copied: FakeNight) -> None:
    record = copied.analysis / "records/Run00003_DL2.json"
    data = json.loads(record.read_text())
    del data["made"]
    record.write_text(json.dumps(data))
    answer = copied.lstosa("reproduce", DL2)
    assert answer.returncode == ExitCode.TASK_FAILED
    assert "was written by an older version" in answer.stderr
    data["source"] = "made by lstosa"
    record.write_text(json.dumps(data))
    answer = copied.lstosa("reproduce", DL2)
    assert "DL2 Run00003 was made by lstosa: no record tells the command" in answer.stderr


def test_every_product_can_be_made_again(closed: FakeNight) -> None:
    """One of each kind, by its own last step, of the files that it read."""
    records = [json.loads(p.read_text()) for p in sorted(closed.analysis.glob("records/*.json"))]
    kinds = {record["product"]: record for record in records}
    assert len(kinds) == 19
    bad = {}
    for product, record in kinds.items():
        words = ("reproduce", next(iter(record["files"])), "--run", "--depth", "1", "--json")
        answer = closed.lstosa(*words)
        if answer.returncode != ExitCode.OK:
            bad[product] = answer.stderr
    assert bad == {}
