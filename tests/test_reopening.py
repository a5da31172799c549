"""The history of a night that was opened again: nothing lost, nothing told twice."""

import datetime
import json
from pathlib import Path

import pytest

from lstosa_luigi import reopening
from lstosa_luigi.closing import ObservationOver
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution import files
from lstosa_luigi.reopening import Reopened, read_history, reopen
from tests.configuration import layout_below, load

WHO, WHEN, WHY = "mara", "2024-03-03T09:00:00+00:00", "a file was lost"
FLAG = json.dumps({"date": "2024-03-02", "runs": 2}, indent=1) + "\n"


@pytest.fixture
def layout(monkeypatch, tmp_path: Path):
    made = layout_below(monkeypatch, tmp_path)
    made.night_finished().parent.mkdir(parents=True)
    return made


def test_what_the_flag_said_is_kept(layout) -> None:
    layout.night_finished().write_text(FLAG)
    assert reopen(layout, WHO, WHEN, WHY)
    assert not layout.night_finished().exists()
    assert read_history(layout) == (Reopened(WHO, WHEN, WHY, FLAG),)
    data = json.loads(layout.reopened().read_text())
    assert data["reopened"][0]["flag"] == {"date": "2024-03-02", "runs": 2}
    assert not reopen(layout, WHO, WHEN, WHY), "there is no flag any more"


def test_a_flag_of_lstosa_is_kept_as_it_is(layout) -> None:
    layout.night_finished().write_text("cp01:1234")
    reopen(layout, WHO, WHEN, WHY)
    assert read_history(layout)[0].flag == "cp01:1234"


def test_killed_before_the_flag_is_taken_away_it_is_told_once(layout, monkeypatch) -> None:
    layout.night_finished().write_text(FLAG)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            reopen(layout, WHO, WHEN, WHY)
    assert layout.night_finished().exists()
    assert reopen(layout, WHO, "2024-03-03T10:00:00+00:00", WHY)
    assert [told.when for told in read_history(layout)] == [WHEN]
    layout.night_finished().write_text(FLAG.replace("2}", "3}").replace(": 2", ": 3"))
    reopen(layout, "jose", WHEN, "again")
    assert [told.who for told in read_history(layout)] == ["mara", "jose"]


def test_a_damaged_history_is_told_and_the_flag_stays(layout) -> None:
    layout.night_finished().write_text(FLAG)
    layout.reopened().write_text('{"reopened": [{')
    with pytest.raises(InputError, match=r"Reopened\.json: cannot be read"):
        reopen(layout, WHO, WHEN, WHY)
    assert layout.night_finished().exists()


def test_schema_version_is_told(layout) -> None:
    layout.night_finished().write_text(FLAG)
    reopen(layout, WHO, WHEN, WHY)
    version = json.loads(layout.reopened().read_text())["schema_version"]
    assert version == reopening.SCHEMA_VERSION == 1


def test_a_file_gives_way_to_a_link_only_if_that_leads_somewhere(tmp_path: Path) -> None:
    file, target, scratch = tmp_path / "a/f.h5", tmp_path / "b/f.h5", tmp_path / "a/.scratch"
    file.parent.mkdir()
    file.write_text("images")
    with pytest.raises(FileNotFoundError):
        files.replace_by_link(file, target, scratch)
    assert file.read_text() == "images"
    target.parent.mkdir()
    target.write_text("parameters")
    files.replace_by_link(file, target, scratch)
    assert file.readlink() == Path("../b/f.h5")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("now", "not_before", "is_over"),
    [
        ("2024-03-02T23:59", "08:00", False),
        ("2024-03-03T07:59", "08:00", False),
        ("2024-03-03T08:00", "08:00", True),
        ("2024-03-03T08:00", "09:30", False),
        ("2024-03-02T20:00", "", True),
    ],
)
def test_the_clock_decides_whether_observations_are_over(
    monkeypatch, tmp_path: Path, now: str, not_before: str, is_over: bool
) -> None:
    load(monkeypatch, tmp_path, closing={"not_before": not_before})
    time = datetime.datetime.fromisoformat(f"{now}:00+00:00")
    monkeypatch.setattr(ObservationOver, "now", staticmethod(lambda: time))
    over = ObservationOver(date=datetime.date(2024, 3, 2), prod_id="v0.12.3")
    assert over.complete() is is_over
    if not_before:
        said = f"Observations not over, it is earlier than {not_before} UTC."
        assert over.hint().startswith(said)


def test_the_link_leads_there_through_directories_that_are_links_themselves(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/ra").mkdir(parents=True)
    (tmp_path / "base").mkdir()
    (tmp_path / "base/ra").symlink_to(tmp_path / "elsewhere/ra")
    file, target = tmp_path / "base/ra/f.h5", tmp_path / "base/DL1/f.h5"
    target.parent.mkdir()
    file.write_text("images")
    target.write_text("parameters")
    files.replace_by_link(file, target, tmp_path / "base/ra/.scratch")
    assert file.read_text() == "parameters"
