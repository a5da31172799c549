"""How nights stand that are closed, opened again, or too early to close."""

import datetime
import json
from pathlib import Path

import pytest

from lstosa_luigi.closing import ObservationOver
from lstosa_luigi.notify.events import events_of
from lstosa_luigi.status.data import SCHEMA, as_data
from lstosa_luigi.status.model import Standing, State
from tests.fakes import made
from tests.status.schemas import check


@pytest.fixture
def before_the_morning(monkeypatch) -> None:
    """Let it be six in the morning after the night."""
    six = datetime.datetime(2024, 3, 3, 6, tzinfo=datetime.timezone.utc)
    monkeypatch.setattr(ObservationOver, "now", staticmethod(lambda: six))


@pytest.mark.usefixtures("before_the_morning")
def test_night_that_is_made_waits_for_the_morning_and_for_nobody(shown) -> None:
    night = shown()
    made.fill(night.root)
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert (
        "Waits for the end of the night: it may be closed from 2024-03-03 08:00 UTC on"
        in page.splitlines()
    )
    assert "nobody is at work" not in page
    assert "To close it, from 2024-03-03 08:00 UTC on: luigi --module lstosa_luigi " in page
    data = night.json()
    assert data["closes_from"] == "2024-03-03T08:00:00+00:00"
    assert (data["missing"], data["problems"]) == ([], [])
    check(data, json.loads(SCHEMA.read_text()))
    six = datetime.datetime(2024, 3, 3, 6, tzinfo=datetime.timezone.utc)
    assert events_of(night.status(), six, None, None) == []  # nobody is told anything


@pytest.mark.usefixtures("before_the_morning")
def test_night_that_is_not_made_waits_for_a_person_also_before_the_morning(shown) -> None:
    night = shown()
    made.fill(night.root, but="DL3 .*")
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "Waits for a person: nobody is at work on it" in page.splitlines()
    assert "To have it processed (it is closed from 2024-03-03 08:00 UTC on): luigi " in page
    made.fail(night.root, "DL3 Run00003")
    assert night.lstosa("status")[0] == Standing.FAILED


@pytest.mark.usefixtures("before_the_morning")
def test_where_nights_are_closed_at_any_time_nothing_is_said_of_the_morning(shown) -> None:
    night = shown(options={"closing": {"not_before": ""}})
    made.fill(night.root)
    assert night.json()["closes_from"] == ""
    assert "it may be closed from" not in night.lstosa("status")[1]


def test_in_a_closed_night_links_stand_for_dl1a_and_all_is_done(shown) -> None:
    night = shown()
    made.fill(night.root)
    made.close(night.root)
    layout = night.root.layout
    assert layout.dl1a(4, 2).is_symlink()
    status = night.status(volumes=True)
    assert (status.standing, status.closes_from) == (Standing.CLOSED, "")
    assert {product.state for product in status.products} == {State.DONE}
    dl1a, dl1b = (
        next(p for p in status.products if p.title == title)
        for title in ("DL1A Run00004.0002", "DL1B Run00004.0002")
    )
    others = sum(Path(p).stat().st_size for p in dl1a.files if p != str(layout.dl1a(4, 2)))
    assert dl1a.size == others  # what the link leads to is counted once
    assert dl1b.size == layout.dl1a(4, 2).stat().st_size
    check(as_data(status), json.loads(SCHEMA.read_text()))


def test_night_that_was_opened_again_says_by_whom_and_why(shown) -> None:
    night = shown()
    made.fill(night.root)
    made.close(night.root)
    words = ("reopen", "--who", "mara", "--why", "a file was lost")
    assert night.lstosa(*words)[0] == 0
    code, page, _ = night.lstosa("status")
    assert code == Standing.WAITING
    assert "is not closed: mara opened it again on 20" in page
    assert "(a file was lost)." in page
    assert {product.state for product in night.status().products} == {State.DONE}
    made.close(night.root)
    assert night.lstosa("status")[0] == Standing.CLOSED


@pytest.mark.parametrize("what", ["subrun", "cleaning"])
def test_a_link_counts_as_dl1a_only_while_its_dl1b_does(shown, what) -> None:
    night = shown()
    made.fill(night.root)
    made.close(night.root)
    assert night.lstosa("reopen", "--why", "look again")[0] == 0
    layout = night.root.layout
    if what == "subrun":
        (dl1b,) = layout.dl1_night().glob("tailcut*/dl1_LST-1.Run00004.0002.h5")
        dl1b.unlink()
        again = {"DL1A Run00004.0002"}
    else:
        layout.tailcuts_config(4).unlink()
        again = {f"DL1A Run00004.{subrun:04d}" for subrun in range(3)}
    found = {title for title, state in night.states().items() if state != "done"}
    assert {title for title in found if title.startswith("DL1A ")} == again
    # the graph itself, subrun by subrun, says the same
    dl1a = [task for task in made.products(night.root) if task.task_family == "DL1A"]
    assert {task.title for task in dl1a if not task.complete()} == again
