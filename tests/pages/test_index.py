"""Index and catalogue of all nights are made of what lies beside their pages alone."""

import dataclasses
import datetime
import json

import pytest

from lstosa_luigi.cli import main
from lstosa_luigi.errors import ExitCode, InputError
from lstosa_luigi.layout import PageLayout
from lstosa_luigi.pages.build import write_index
from lstosa_luigi.pages.entries import Entry, RunEntry, dump_entry, entry_of, parse_entry
from lstosa_luigi.pages.index import calendar_of
from tests.configuration import layout_below
from tests.fakes import made
from tests.pages.conftest import pages_of
from tests.pages.markup import read

RUN = RunEntry(7, "Mrk 421", 166.114, 38.209, "2024-03-02T21:00:00", 19.6, "1 2", 100, "done")
ENTRY = Entry(
    date="2024-03-02",
    telescope="LST1",
    prod_id="v0.12.3",
    standing="closed",
    headline="Closed",
    written="2024-03-03T09:00:00+00:00",
    done=10,
    total=10,
    failed=0,
    size=5_000_000,
    runs=(RUN,),
)


def put(pages: PageLayout, layout, entry: Entry) -> None:
    night = dataclasses.replace(layout, date=datetime.date.fromisoformat(entry.date))
    path = pages.entry(dataclasses.replace(night, prod_id=entry.prod_id))
    path.parent.mkdir(parents=True)
    path.write_text(dump_entry(entry))
    path.with_suffix(".html").write_text("a page")


@pytest.fixture
def layout(monkeypatch, tmp_path):
    return layout_below(monkeypatch, tmp_path)


@pytest.fixture
def pages(tmp_path) -> PageLayout:
    return PageLayout(tmp_path / "OSA/Pages")


def test_entry_reads_as_it_was_written() -> None:
    assert parse_entry(dump_entry(ENTRY), "x") == ENTRY


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "{", dump_entry(ENTRY)[:-20], dump_entry(ENTRY).replace("closed", "odd")],
)
def test_damaged_entry_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="x: cannot be read as the entry of a night"):
        parse_entry(text, "x")


def test_index_has_all_nights_newest_first_in_calendar_and_list(layout, pages) -> None:
    standings = {
        "2023-12-31": "closed",
        "2024-02-29": "waiting",
        "2024-03-01": "failed",
        "2024-03-02": "going_on",
    }
    for date, standing in standings.items():
        headline = f"{standing}: for a reason"
        put(
            pages,
            layout,
            dataclasses.replace(ENTRY, date=date, standing=standing, headline=headline),
        )
    write_index(layout, pages)
    page = read(pages.index())
    assert [row[0] for row in page.table("All nights")[1:]] == sorted(standings, reverse=True)
    assert [row[3] for row in page.table("All nights")[1:]] == [
        "going on",
        "failed",
        "waiting",
        "closed",
    ]
    months = [name for name in page.tables if name[-4:].isdigit()]
    assert months == ["March 2024", "February 2024", "December 2023"]
    cells = [cell for row in page.table("February 2024")[1:] for cell in row if "waiting" in cell]
    assert cells == ["29 waiting, LST1 2024-02-29 v0.12.3"]
    assert "waiting: for a reason" in page.words
    assert "4 nights: 1 failed, 1 waiting, 1 going on, 1 closed." in page.words


def test_week_begins_on_monday() -> None:
    ((year, (month,)),) = calendar_of([(ENTRY, None)])
    days = [day for day, nights in month.weeks[0] if nights]
    assert (year, month.name, days) == (2024, "March 2024", [2])
    assert [day for day, _ in month.weeks[0]] == [0, 0, 0, 0, 1, 2, 3]


def test_two_productions_of_a_night_stand_beside_each_other(layout, pages) -> None:
    for prod_id in ("v0.12.3", "v0 new #1"):
        put(pages, layout, dataclasses.replace(ENTRY, prod_id=prod_id))
    write_index(layout, pages)
    assert len(read(pages.index()).table("All nights")) == 3
    rows = read(pages.catalog()).table("DATA runs of all nights")
    assert [row[9:] for row in rows] == [
        ["Tel", "Production"],
        ["LST1", "v0.12.3"],
        ["LST1", "v0 new #1"],
    ]


def test_entry_that_cannot_be_read_is_named_and_hides_no_other(layout, pages) -> None:
    for day in ("2024-03-01", "2024-03-02"):
        put(pages, layout, dataclasses.replace(ENTRY, date=day))
    path = pages.entries()[0]
    path.write_bytes(path.read_bytes()[:30] + b"\xff")
    write_index(layout, pages)
    page = read(pages.index())
    assert [row[0] for row in page.table("All nights")[1:]] == ["2024-03-02"]
    assert f"{path}: cannot be read as the entry of a night" in page.words


def test_index_without_any_night_says_how_to_write_one(layout, pages) -> None:
    write_index(layout, pages)
    assert "lstosa pages --date" in read(pages.index()).words


def test_index_reads_no_product_of_any_night(layout, pages, monkeypatch) -> None:
    put(pages, layout, ENTRY)
    monkeypatch.setattr("lstosa_luigi.pages.build.read_status", None)
    write_index(layout, pages)
    assert read(pages.catalog()).table("DATA runs of all nights")[1] == [
        *("00007", "Mrk 421", "2024-03-02", "2024-03-02 21:00:00", "19.6", "166.114", "38.209"),
        *("100", "done"),
    ]
    assert "DATA runs of all nights, newest first; LST1, v0.12.3" in read(pages.catalog()).tables


def test_entry_has_sources_and_starts_as_far_as_they_are_known(shown) -> None:
    night = shown(sources={4: "Mrk 421"})
    made.fill(night.root)
    table = night.root.layout.pointed_run_summary()
    table.write_text(
        "# %ECSV 1.0\n# ---\ndate run_id run_type n_subruns run_start ra dec alt az\n"
        "2024-03-02 3 DATA 2 2024-03-02T21:00:00.000 nan nan nan nan\n"
        "2024-03-02 4 DATA 3 1969-12-31T23:59:59.000 nan nan nan nan\n"
    )
    night.lstosa("pages")
    (path,) = pages_of(night).entries()
    runs = json.loads(path.read_text())["runs"]
    assert [(run["source"], run["start"]) for run in runs] == [
        ("Crab", "2024-03-02T21:00:00"),
        ("Mrk 421", ""),
    ]
    assert entry_of(night.status(), {}, {}, {}).runs[0].ra_deg is None


def test_all_writes_each_production_of_each_night(shown) -> None:
    night = shown()
    made.fill(night.root)
    (night.night.base / "running_analysis/20240303/other").mkdir(parents=True)
    (night.night.base / "running_analysis/notes").mkdir()
    night.capsys.readouterr()
    assert main(["pages", "--all"]) == ExitCode.OK
    printed = night.capsys.readouterr().out.splitlines()
    pages = pages_of(night)
    assert printed == [
        str(pages.night(night.root.layout)),
        str(pages.root / "20240303/other/osa_status_LST-1_20240303.html"),
        str(pages.index()),
    ]
    assert len(read(pages.index()).table("All nights")) == 3
    with pytest.raises(SystemExit) as ended:
        main(["pages", "--all", "--date", night.night.date])
    assert ended.value.code == ExitCode.UNHANDLED
