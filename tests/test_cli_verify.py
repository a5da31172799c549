"""``lstosa verify``: what is missing, cut short, changed or foreign, and how it is made again."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.files import scratch_name
from tests.fakes.night import FakeNight
from tests.operators import decide, make

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 1))
DL1 = "DL1/20240302/v0.12.3"
CUTS = f"{DL1}/tailcut84"
OF_RUN_4 = {
    "DL2 Run00004",
    "DL3 Run00004",
    "DL3Index tailcut84_nsb_tuning_0.14_Crab",
}
OF_NIGHT = {"CherenkovTransparency 20240302", "LongtermDatacheck 20240302"}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night that is closed when a test begins, and that a test leaves closed and in order."""
    night = FakeNight(tmp_path_factory.mktemp("verify") / "night", runs=RUNS)
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return night


def verify(night: FakeNight, *words: str, code: int = ExitCode.OK) -> dict:
    answer = night.lstosa("verify", "--date", night.date, "--json", *words)
    assert answer.returncode == code, answer.stdout + answer.stderr
    return json.loads(answer.stdout)


def found(data: dict) -> list[tuple[str, str, str]]:
    return [(f["kind"], f["title"], Path(f["file"]).name) for f in data["findings"]]


def remake(night: FakeNight) -> set[str]:
    """Have made again what is wrong, and return that, which is what was announced."""
    data = verify(night, "--remake")
    announced = {product["title"] for product in data["again"]}
    assert set(make(night)) == announced
    assert verify(night)["findings"] == []
    return announced


def test_a_night_as_it_was_made_is_in_order(closed: FakeNight) -> None:
    data = verify(closed, "--deep")
    assert (data["findings"], data["unknown"], data["is_closed"]) == ([], [], True)
    records = [json.loads(path.read_text()) for path in closed.analysis.glob("records/*.json")]
    assert data["compared"] == sum(len(record["files"]) for record in records) > 30
    answer = closed.lstosa("verify", "--date", closed.date)
    assert answer.stdout == (
        f"{data['compared']} files compared with their records; 0 products not as recorded.\n"
    )


def test_a_missing_product_and_what_was_made_of_it_are_made_again(closed: FakeNight) -> None:
    (closed.base / CUTS / "dl1_LST-1.Run00004.h5").unlink()
    data = verify(closed, code=ExitCode.TASK_FAILED)
    assert found(data) == [("missing", "MergedDL1 Run00004", "dl1_LST-1.Run00004.h5")]
    before = closed.whole_products()
    again = remake(closed)
    assert again == {"MergedDL1 Run00004", *OF_RUN_4}
    after = closed.whole_products()
    assert {name for name in before if before[name] != after[name]} == {
        name for name in before if "dl2_LST-1.Run00004" in name or "dl3_LST-1.Run00004" in name
    } | {name for name in before if "obs-index" in name}


def test_a_product_cut_short_and_what_was_made_of_it_are_made_again(closed: FakeNight) -> None:
    path = closed.base / CUTS / "datacheck/datacheck_dl1_LST-1.Run00004.0000.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    data = verify(closed, code=ExitCode.TASK_FAILED)
    assert found(data) == [("truncated", "DL1Check Run00004.0000", path.name)]
    assert data["findings"][0]["text"] == f"{len(whole) - 1} of {len(whole)} bytes"
    assert remake(closed) == {"DL1Check Run00004.0000", "RunDatacheck Run00004", *OF_NIGHT}
    aside = [p for p in (closed.analysis / "set_aside").rglob(path.name) if len(p.read_bytes())]
    assert whole[:-1] in [p.read_bytes() for p in aside], "it is kept until somebody removes it"
    history = json.loads((closed.flag.parent / "Reopened.json").read_text())["reopened"]
    assert history[-1]["why"] == "verify --remake: 1 product not as recorded"


@pytest.mark.parametrize("how", ["written again", "longer"])
def test_a_changed_product_is_found(closed: FakeNight, how: str) -> None:
    path = next(closed.base.glob("DL3/*/*/*/*/*/Crab/dl3_LST-1.Run00004.fits.gz"))
    path.write_bytes(path.read_bytes() + (b"x" if how == "longer" else b""))
    data = verify(closed, code=ExitCode.TASK_FAILED)
    assert found(data) == [("changed", "DL3 Run00004", path.name)]
    assert remake(closed) == {"DL3 Run00004", "DL3Index tailcut84_nsb_tuning_0.14_Crab"}


def test_damage_within_a_file_is_found_by_a_deep_look(closed: FakeNight) -> None:
    path = closed.base / "DL2/20240302/v0.12.3/tailcut84/nsb_tuning_0.14/dl2_LST-1.Run00004.h5"
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert verify(closed)["findings"] == []
    data = verify(closed, "--deep", code=ExitCode.TASK_FAILED)
    assert found(data) == [("damaged", "DL2 Run00004", path.name)]
    moved = verify(closed, "--deep", "--remake")
    assert {p["title"] for p in moved["again"]} == OF_RUN_4
    assert set(make(closed)) == OF_RUN_4


def test_of_a_closed_run_dl1b_is_made_again_of_new_dl1a(closed: FakeNight) -> None:
    (closed.base / CUTS / "dl1_LST-1.Run00003.0001.h5").write_bytes(b"x")
    data = verify(closed, code=ExitCode.TASK_FAILED)
    assert found(data) == [("truncated", "DL1B Run00003.0001", "dl1_LST-1.Run00003.0001.h5")]
    once = verify(closed, "--remake")
    assert {p["title"] for p in once["again"]} >= {"DL1A Run00003.0001", "DL1B Run00003.0001"}
    twice = verify(closed, "--remake")
    titles = [{p["title"] for p in data["again"]} for data in (once, twice)]
    assert titles[0] == titles[1], "nothing more by saying it twice"
    assert not titles[0] & {"DL1A Run00003.0000", "Tailcuts Run00003", "MergedMuons Run00003"}
    assert set(make(closed)) == titles[0]
    assert verify(closed, "--deep")["findings"] == []


def test_what_no_product_is_called_is_foreign(closed: FakeNight) -> None:
    strange = [
        closed.base / DL1 / "muons/muons_LST-1.Run00003.0000.fits.bak",
        closed.base / DL1 / "muons/muons_LST-1.Run3.0000.fits",
        closed.base / DL1 / "muons/muons_LST-1.Run00003.0002.fits",
        closed.base / CUTS / "dl1_LST-1.Run000031.h5",
        closed.base / CUTS / "datacheck/notes.txt",
        closed.analysis / "dl1_LST-1.Run00099.0000.h5",
    ]
    folder = closed.base / DL1 / "tailcut84_old"
    folder.mkdir()
    (folder / "dl1_LST-1.Run00003.0000.h5").write_text("")
    for path in strange:
        path.write_text("")
    (closed.analysis / "link.h5").symlink_to(closed.base / CUTS / "dl1_LST-1.Run00003.h5")
    data = verify(closed, code=ExitCode.MISSING_DATA)
    assert {(f["kind"], f["file"]) for f in data["findings"]} == {
        ("foreign", str(path)) for path in (*strange, folder, closed.analysis / "link.h5")
    }
    assert verify(closed, "--remake", code=ExitCode.MISSING_DATA)["again"] == []
    assert all(path.exists() for path in strange), "they are somebody's"
    for path in (*strange, folder / "dl1_LST-1.Run00003.0000.h5", closed.analysis / "link.h5"):
        path.unlink()
    folder.rmdir()


def test_what_a_dead_process_left_is_told_but_not_what_one_is_at(closed: FakeNight) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    mine = closed.analysis / ".scratch" / scratch_name("Run00003_DL2.1")
    dead = mine.with_name(f"Run00003_DL3.1@{os.uname().nodename}@{gone.pid}@1")
    elsewhere = mine.with_name("Run00004_DL3.1@cp15@123@1")
    for path in (mine, dead, elsewhere):
        path.mkdir(parents=True)
    data = verify(closed, code=ExitCode.MISSING_DATA)
    assert {(f["kind"], f["file"]) for f in data["findings"]} == {
        ("leftover", str(dead)),
        ("leftover", str(elsewhere)),
    }
    assert any("of host cp15, where it may still be at work" in f["text"] for f in data["findings"])
    for path in (mine, dead, elsewhere, mine.parent):
        path.rmdir()


def test_an_edited_run_summary_is_no_damage(closed: FakeNight) -> None:
    text = closed.run_summary.read_text()
    closed.run_summary.write_text(text + "5,1,ERRPEDCALIB,0\n")
    assert verify(closed)["findings"] == []
    closed.run_summary.write_text(text)


def test_a_record_of_before_sizes_were_kept_is_not_compared(closed: FakeNight) -> None:
    path = closed.analysis / "records/Run00004_DL2.json"
    text = path.read_text()
    old = json.loads(text)
    del old["files"]
    path.write_text(json.dumps({**old, "schema_version": 1}))
    data = verify(closed)
    assert (data["findings"], data["unknown"]) == ([], ["DL2 Run00004"])
    dl2 = Path(old["outputs"][0])
    aside = dl2.rename(dl2.with_suffix(".aside"))
    data = verify(closed, code=ExitCode.TASK_FAILED)
    assert ("missing", "DL2 Run00004", dl2.name) in found(data)
    aside.rename(dl2)
    path.write_text(text)


def test_what_was_left_out_is_neither_missed_nor_foreign(make_night) -> None:
    night = make_night(runs=RUNS)
    make(night)
    decide(night, "--discard", "3.1")
    make(night)
    assert verify(night)["findings"] == []
    (night.base / CUTS / "dl1_LST-1.Run00003.0001.h5").unlink(missing_ok=True)
    assert verify(night)["findings"] == []


def test_while_a_command_is_at_work_nothing_is_moved(make_night) -> None:
    night = make_night(runs=RUNS[:3])
    night.control(delay={"lstchain_data_r0_to_dl1": 20})
    process = night.start()
    try:
        while not list(night.base.glob("OSA/locks/NightlyClose*")):
            assert process.poll() is None
        answer = night.lstosa("verify", "--date", night.date, "--remake")
    finally:
        process.terminate()
        process.communicate()
    assert answer.returncode == ExitCode.ALREADY_RUNNING
    assert "is being worked on by process" in answer.stderr


def test_run_numbers_that_are_part_of_each_other_are_told_apart(make_night) -> None:
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (1968, "DATA", 1), (19681, "DATA", 1))
    night = make_night(runs=runs)
    make(night)
    (night.base / CUTS / "dl1_LST-1.Run01968.h5").unlink()
    data = verify(night, "--remake")
    titles = {product["title"] for product in data["again"]}
    assert "MergedDL1 Run01968" in titles
    assert not [title for title in titles if "19681" in title]
    assert set(make(night)) == titles


def test_bytes_that_changed_without_size_and_time_are_found_by_their_hash(
    closed: FakeNight,
) -> None:
    path = closed.base / CUTS / "dl1_LST-1.Run00003.0000.h5"
    status, whole = path.stat(), path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert verify(closed)["findings"] == []
    (finding,) = verify(closed, "--deep", code=ExitCode.TASK_FAILED)["findings"]
    assert (finding["kind"], finding["title"], finding["file"]) == (
        "changed",
        "DL1B Run00003.0000",
        str(path),
    )
    record = closed.analysis / "records/Run00003.0000_DL1B.json"
    known = json.loads(record.read_text())["hashes"][str(path)]
    assert known in finding["text"]
    assert str(record) in finding["text"]
    path.write_bytes(whole)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert verify(closed, "--deep")["findings"] == []


def test_what_products_were_made_with_is_missed_once_and_the_rest_is_compared(
    closed: FakeNight,
) -> None:
    software = sorted((closed.analysis / "software").iterdir())
    config = sorted((closed.analysis / "configs").iterdir())[0]
    record = closed.analysis / "records/Run00003.0001_DL1B.json"
    texts = {path: path.read_bytes() for path in (software[0], config, record)}
    software[0].unlink()
    config.write_text("{}")
    record.write_text("half a rec")
    data = verify(closed, "--deep", code=ExitCode.TASK_FAILED)
    assert sorted((f["kind"], f["file"]) for f in data["findings"]) == sorted(
        [("missing", str(software[0])), ("changed", str(config)), ("damaged", str(record))]
    )
    assert data["compared"] > 30
    for path, text in texts.items():
        path.write_bytes(text)
    assert verify(closed, "--deep")["findings"] == []
