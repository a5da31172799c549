"""``lstosa account``: what people see of nights whose records are put into place."""

import datetime
import json
import os
import subprocess
import sys

import pytest
from luigi.task_register import Register

from lstosa_luigi.accounting import plot
from lstosa_luigi.accounting.data import SCHEMA
from lstosa_luigi.accounting.model import ORDER
from lstosa_luigi.accounting.table import hours_and_minutes
from lstosa_luigi.cli import main
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.environment import Tools
from lstosa_luigi.execution.record import write_record
from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.layout import Layout
from lstosa_luigi.products.base import NightProduct
from tests.accounting.test_attempts import AFTER, KILLED, NAME, RECORD
from tests.configuration import load
from tests.fakes.night import ECSV
from tests.status.schemas import check

NIGHT = datetime.date(2024, 3, 2)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a function that gives the places of a night of a production."""
    (tmp_path / "a base").mkdir()
    directories = load(monkeypatch, tmp_path / "a base").directories

    def of(date=NIGHT, prod_id="v0.12.3"):
        return Layout(directories, "LST1", prod_id, "", date)

    return of


@pytest.fixture
def account(capsys):
    """Return a function that gives exit code, output and errors of the verb."""

    def run(*words):
        code = main(["account", *words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def night(account):
    """Return a function that gives the same of one night."""
    return lambda *words: account("--date", str(NIGHT), *words)


def put(layout, *records):
    for record in records:
        write_record(layout.record(record.name), record)


def of_class(product, end="2024-03-03T09:00:00+00:00", unit="Run00003", **fields):
    name = f"{unit}_{product}"
    return RECORD._replace(name=name, title=f"{product} {unit}", end=end, **fields)


def write_summary(layout, *runs, reference=0):
    layout.run_summary().parent.mkdir(parents=True, exist_ok=True)
    columns = ("run_id", "n_subruns", "dragon_reference_time", "dragon_reference_counter")
    columns += ("dragon_reference_module_index",)
    layout.run_summary().write_text(
        ECSV.format(
            columns="".join(f"# - {{name: {name}, datatype: int64}}\n" for name in columns)
            + "# - {name: run_type, datatype: string}\n"
            + "# - {name: dragon_reference_source, datatype: string}\n",
            head=",".join((*columns, "run_type", "dragon_reference_source")),
            rows="".join(f"{run},2,{reference},0,0,DATA,ucts\n" for run in runs),
        )
    )


def data_of(answer):
    code, printed, errors = answer
    assert (code, errors) == (ExitCode.OK, "")
    found = json.loads(printed)
    check(found, json.loads(SCHEMA.read_text()))
    return found


def cells(page, first):
    """Return the words of the row that begins so."""
    (row,) = [line for line in page.splitlines() if line.startswith(f"{first} ")]
    return row.split()


# --- one night -----------------------------------------------------------------------------


def test_night_is_shown_class_by_class_with_its_times(place, night):
    layout = place()
    put(
        layout,
        AFTER,
        of_class("DL1Check", "2024-03-03T10:00:00+00:00", "Run00003.0001", cpu_seconds=3600.0),
        of_class("DL2", "2024-03-03T10:30:00+00:00"),
        of_class("MergedDL1", source="made by lstosa"),
    )
    journal.append(layout.arrays(), [KILLED])
    write_summary(layout, 3, 4)
    raw = layout.r0_file(4, 1, stream=3)
    raw.parent.mkdir(parents=True)
    raw.touch()
    written = datetime.datetime(2024, 3, 3, 6, 30, tzinfo=datetime.timezone.utc).timestamp()
    os.utime(raw, (written, written))
    layout.night_finished().parent.mkdir(parents=True)
    layout.night_finished().write_text('{"closed": "2024-03-03T12:45:30+00:00"}')
    code, page, errors = night()
    assert (code, errors) == (ExitCode.OK, "")
    assert page.splitlines()[0].startswith("LST1, night of 2024-03-02, v0.12.3, at 20")
    rows = [line.split() for line in page.splitlines()]
    memory = ["4000", "MB", "4000", "MB", "3000", "MB", "4000", "MB", "1.0"]
    assert ["DL1A", "1", "2", "1", "0.036", "0.014", "0.044", *memory] in rows
    assert ["DL1A", "out", "of", "memory", "1", "1", "0.014", "0.017"] in rows
    assert ["MergedDL1", "0", "0", "0", "0.000", "0.000", "0.000", *"-----"] in rows
    assert cells(page, "Total")[1:] == ["3", "4", "1", "1.058", "0.014", "0.100"]
    assert cells(page, "observation")[-2:] == ["2024-03-03", "06:30:00"]
    assert cells(page, "last DL1")[-2:] == ["2:30", "1:00"]
    assert cells(page, "last datacheck")[-2:] == ["3:30", "2:00"]
    assert cells(page, "last DL3")[-3:] == ["-", "-", "-"]
    assert cells(page, "closed")[-2:] == ["6:15", "4:45"]
    assert "End of the observation: when the last raw file of run 00004 was written." in page
    assert "Made by lstosa, at costs that are not known: 1." in page
    order = [row[0] for row in rows if row and row[0] in ORDER]
    assert order[:4] == ["DL1A", "MergedDL1", "DL1Check", "DL2"]


def test_damaged_record_is_named_and_the_rest_is_counted(place, night):
    put(place(), RECORD)
    damaged = place().record("Run00003.0002_DL1A")
    damaged.write_text('{"name": "Run00003.0002')
    code, page, _ = night()
    assert code == ExitCode.OK
    assert cells(page, "DL1A")[1:3] == ["1", "1"]
    assert f"DAMAGED  {damaged} cannot be read: not counted." in page.splitlines()
    assert data_of(night("--json"))["nights"][0]["damaged"] == [str(damaged)]


def test_records_of_version_1_are_counted(place, night):
    old = {**RECORD._asdict(), "schema_version": 1, "attempt": 2}
    for key in ("files", "earlier", "source", "decided"):
        del old[key]
    path = place().record(NAME)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(old))
    page = night()[1]
    assert cells(page, "DL1A")[1:4] == ["1", "2", "0"]
    assert "Attempts of which no record was kept: 1." in page.splitlines()


def test_night_without_records_is_no_table_of_zeros(place, night, account):
    place().record(NAME).parent.mkdir(parents=True)
    code, page, errors = night()
    assert (code, page) == (ExitCode.UNHANDLED, "")
    assert errors.startswith("lstosa account: There are no records of the night of 2024-03-02 bel")


def test_night_without_runs_has_no_end_of_its_observation(place, night):
    put(place(), of_class("RunSummary", unit="20240302"))
    write_summary(place())
    (found,) = data_of(night("--json"))["nights"]
    assert found["observation"] == {"end": None, "how": "the run summary lists no run"}
    assert [level["hours_after_observation"] for level in found["levels"]] == [None] * 5
    assert "-" in cells(night()[1], "first attempt")


# --- the end of the observation ------------------------------------------------------------


def observed(night):
    (found,) = data_of(night("--json"))["nights"]
    return found["observation"]["end"], found["observation"]["how"]


def test_raw_data_that_were_copied_later_do_not_tell_the_end(place, night):
    layout = place()
    put(layout, RECORD)
    began = datetime.datetime(2024, 3, 3, 5, 0, tzinfo=datetime.timezone.utc).timestamp()
    write_summary(layout, 3, 4, reference=int((began + 37) * 1e9))
    raw = layout.r0_file(4, 1)
    raw.parent.mkdir(parents=True)
    raw.touch()
    told = "2024-03-03T05:00:00+00:00", "when run 00004 began: its end is not known"
    assert observed(night) == told


def test_last_event_tells_the_end_where_raw_data_are_gone(place, night, tmp_path):
    import numpy as np
    import tables as hdf5

    dl1 = tmp_path / "dl1_LST-1.Run00004.h5"
    last = datetime.datetime(2024, 3, 3, 5, 30, tzinfo=datetime.timezone.utc).timestamp()
    events = np.array([(last - 600.0,), (last,)], dtype=[("dragon_time", "f8")])
    with hdf5.open_file(str(dl1), "w") as file:
        where = "/dl1/event/telescope/parameters"
        file.create_table(where, "LST_LSTCam", events, createparents=True)
    put(place(), RECORD, of_class("MergedDL1", unit="Run00004", outputs=(str(dl1),)))
    write_summary(place(), 3, 4, reference=-1)
    told = "2024-03-03T05:30:00+00:00", "the last event of run 00004 at DL1"
    assert observed(night) == told


@pytest.mark.parametrize("text", [None, "no table"])
def test_run_summary_that_tells_nothing_is_no_failure(place, night, text):
    put(place(), RECORD)
    if text is not None:
        place().run_summary().parent.mkdir(parents=True)
        place().run_summary().write_text(text)
    end, how = observed(night)
    assert end is None
    assert how.startswith("there is no run" if text is None else "the run summary cannot be used")


# --- several nights ------------------------------------------------------------------------


def test_several_nights_have_a_row_each_and_a_total(place, account):
    put(place(), AFTER)
    put(place(NIGHT + datetime.timedelta(days=2)), RECORD, of_class("DL2"))
    code, page, _ = account("--from", "2024-03-01", "--to", "2024-03-04")
    assert code == ExitCode.OK
    assert " ".join(cells(page, "2024-03-02")[1:8]) == "v0.12.3 1 2 1 0.036 0.014 0.044"
    assert " ".join(cells(page, "2024-03-04")[1:8]) == "v0.12.3 2 2 0 0.044 0.000 0.056"
    totals = [" ".join(line.split()) for line in page.splitlines() if line.startswith("Total")]
    assert totals == ["Total 3 4 1 0.081 0.014 0.100"] * 2
    assert "No records: 2024-03-01, 2024-03-03." in page.splitlines()
    data = data_of(account("--date", "2024-03-04", "--date", "2024-03-02", "--json"))
    assert [night["date"] for night in data["nights"]] == ["2024-03-02", "2024-03-04"]
    assert (data["total"]["attempts"], data["without_records"]) == (4, [])


def test_two_productions_of_a_night_are_two_rows(place, night):
    put(place(), RECORD)
    put(place(prod_id="v0.12.3_test"), AFTER)
    page = night()[1]
    assert [line.split()[1:4] for line in page.splitlines() if line.startswith("2024-03-02 ")] == [
        ["v0.12.3", "1", "1"],
        ["v0.12.3_test", "1", "2"],
    ]
    (only,) = data_of(night("--prod-id", "v0.12.3_test", "--json"))["nights"]
    assert (only["prod_id"], only["total"]["attempts"]) == ("v0.12.3_test", 2)
    assert night("--prod-id", "v9")[0] == ExitCode.UNHANDLED


# --- arguments and words -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--json",), "give nights by --date, once or more, or by --from and --to"),
        (("--from", "2024-03-02"), "give nights by --date"),
        (("--date", "2024-03-02", "--to", "2024-03-03"), "give nights by --date"),
        (("--from", "2024-03-02", "--to", "2024-03-01"), "--from 2024-03-02 is later than --to"),
        (("--date", "2.3.2024"), "'2.3.2024' is not a date"),
        (("--date", "2024-03-02", "--plot", "a.gif"), "--plot a.gif: the name must end with .png"),
        (("--date", "2024-03-02", "--plot", "none/a.png"), "--plot none/a.png: "),
        (("--date", "2024-03-02", "more"), "unknown argument more"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_one_line(place, account, words, error):
    put(place(), RECORD)
    code, page, errors = account(*words)
    assert (code, page) == (ExitCode.UNHANDLED, "")
    assert errors.startswith(f"lstosa account: {error}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59, "0:00"), (3661, "1:01"), (90000, "25:00"), (-59, "0:00"), (-3700, "-1:01")],
)
def test_times_are_hours_and_minutes(seconds, text):
    assert hours_and_minutes(seconds) == text


def test_every_class_of_products_has_its_place_in_the_table():
    every = [Register.get_task_cls(name) for name in Register.task_names()]
    ours = [task for task in every if task.__module__.startswith("lstosa_luigi.products.")]
    products = [task for task in ours if issubclass(task, NightProduct)]
    # what others are made of is no product itself
    bases = {base for task in products for base in task.__mro__[1:]}
    assert {task.task_family for task in products if task not in bases} == set(ORDER)


# --- plot ----------------------------------------------------------------------------------


def nights(place, account, count):
    for day in range(count):
        put(place(NIGHT + datetime.timedelta(days=day)), AFTER, of_class("DL2"))
    last = str(NIGHT + datetime.timedelta(days=count - 1))
    return data_of(account("--from", str(NIGHT), "--to", last, "--json"))


@pytest.mark.lstchain
@pytest.mark.parametrize(("count", "name"), [(1, "a plot.svg"), (3, "b.pdf")])
def test_plot_is_drawn_by_the_python_of_the_tools(
    place, account, tmp_path, tools_environment, count, name
):
    tools = Tools("0.12.3", tools_environment / "bin")
    file = tmp_path / name
    plot.draw(nights(place, account, count), file, tools, tmp_path / "cache")
    assert [path.name for path in tmp_path.glob("*plot*")] == ([name] if count == 1 else [])
    if count == 1:
        text = file.read_text()
        assert all(f">{word}<" in text for word in ("DL1A", "DL2", "last DL1", "CPU time [h]"))
    else:
        assert file.read_bytes().startswith(b"%PDF")


def test_plot_that_cannot_be_drawn_leaves_no_file(place, account, tmp_path):
    """Of an environment of stand-ins, whose Python has no matplotlib."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "python").write_text("#!/bin/sh\necho 'No module named matplotlib' >&2\nexit 1\n")
    (binaries / "python").chmod(0o755)
    file = tmp_path / "a.png"
    with pytest.raises(plot.PlotError, match=r"a\.png is not drawn: No module named matplotlib"):
        plot.draw(nights(place, account, 1), file, Tools("1", binaries), tmp_path)
    assert not [path for path in tmp_path.iterdir() if "a.png" in path.name]


def test_nothing_heavy_is_loaded_for_a_night_without_a_run_summary(place):
    put(place(), RECORD)
    base = place().analysis().parents[2]
    script = (
        "import sys; from luigi.configuration import LuigiConfigParser as P; p = P(); "
        f"p.read_dict({{'paths': {{'base': {str(base)!r}}}}}); P._instance = p; "
        "from lstosa_luigi.cli import main; main(['account', '--date', '2024-03-02']); "
        "print(sorted({'astropy', 'matplotlib', 'numpy', 'pandas', 'tables'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
