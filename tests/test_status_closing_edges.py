"""Nights at the edges of what there is: status, closing and verify are right about all of them."""

import datetime
import json

import pytest

from lstosa_luigi.closing import ObservationOver
from lstosa_luigi.execution.task import is_there
from lstosa_luigi.products.base import External
from lstosa_luigi.status.model import Standing
from tests.fakes import made
from tests.status.conftest import Shown, shown  # noqa: F401 - a fixture

CALIBRATION = ((1, "DRS4", 1), (2, "PEDCALIB", 1))
NIGHTS = {
    "run numbers part of each other": {
        "runs": (*CALIBRATION, (1968, "DATA", 2), (19681, "DATA", 1), (81, "DATA", 1))
    },
    "source name with a space": {
        "runs": (*CALIBRATION, (3, "DATA", 2)),
        "sources": {3: "Mrk 421"},
    },
    "run of a single subrun": {"runs": (*CALIBRATION, (3, "DATA", 1))},
    "calibration runs only": {"runs": CALIBRATION},
}


def verified(night: Shown) -> tuple[int, list[tuple[str, str]]]:
    """Return exit code of ``lstosa verify``, and kind and product of each finding."""
    code, printed, errors = night.lstosa("verify", "--json")
    assert errors == ""
    return code, [(f["kind"], f["title"]) for f in json.loads(printed)["findings"]]


@pytest.mark.parametrize("options", NIGHTS.values(), ids=NIGHTS)
def test_night_is_closed_and_in_order(shown, options) -> None:  # noqa: F811
    night = shown(**options)
    assert night.json()["exit_code"] == Standing.WAITING
    made.fill(night.root)
    data = night.json()
    assert {product["state"] for product in data["products"]} == {"done"}
    assert data["next_steps"][-1].startswith("To close it: ")
    made.close(night.root)
    data = night.json()
    assert (data["exit_code"], data["is_closed"]) == (Standing.CLOSED, True)
    assert {product["state"] for product in data["products"]} == {"done"}
    flag = json.loads(night.root.layout.night_finished().read_text())
    wanted = [run for run in options["runs"] if run[1] == "DATA"]
    assert (flag["runs"], flag["subruns"]) == (len(wanted), sum(run[2] for run in wanted))
    assert set(flag["cleaning"]) == {str(run[0]) for run in wanted}
    assert verified(night) == (0, [])


@pytest.mark.parametrize("run", [1968, 19681])
def test_what_one_run_lost_is_told_of_that_run_only(shown, run) -> None:  # noqa: F811
    night = shown(**NIGHTS["run numbers part of each other"])
    made.fill(night.root)
    made.close(night.root)
    (dl1b,) = night.root.layout.dl1_night().glob(f"tailcut*/dl1_LST-1.Run{run:05d}.0000.h5")
    dl1b.unlink()
    assert verified(night) == (30, [("missing", f"DL1B Run{run:05d}.0000")])


@pytest.mark.parametrize("with_summary", [True, False])
def test_night_without_runs_is_not_closed_and_nothing_is_amiss(
    shown,  # noqa: F811
    with_summary,
) -> None:
    night = shown(runs=(), with_summary=with_summary)
    code, page, errors = night.lstosa("status")
    assert (code, errors) == (Standing.WAITING, "")
    assert night.root.requires()
    assert not all(is_there(task) for task in night.root.requires())
    assert "RunSummary" in page or "No " in page
    code, printed, errors = night.lstosa("verify")
    assert (code, errors) == (0, "")
    said = "0 files compared with their records; 0 products not as recorded."
    assert printed.splitlines()[0] == said


def test_runs_after_midnight_belong_to_the_night_of_the_evening(shown, monkeypatch) -> None:  # noqa: F811
    half_past = datetime.datetime(2024, 3, 3, 0, 30, tzinfo=datetime.timezone.utc)
    monkeypatch.setattr(ObservationOver, "now", staticmethod(lambda: half_past))
    night = shown(**NIGHTS["run of a single subrun"])
    made.fill(night.root)
    data = night.json()
    assert (data["date"], data["exit_code"]) == ("2024-03-02", Standing.WAITING)
    assert data["closes_from"] == "2024-03-03T08:00:00+00:00"
    assert [run["night"] for run in data["runs"]] == ["2024-03-02"] * 3
    missing = [task for task in night.root.requires() if isinstance(task, External)]
    assert [type(task) for task in missing if not is_there(task)] == [ObservationOver]
    assert verified(night) == (0, [])


@pytest.mark.parametrize("text", ["", '{"name": "Run00003_Mer', "[]"])
def test_half_written_record_is_no_reason_to_doubt_the_product(shown, text) -> None:  # noqa: F811
    night = shown(**NIGHTS["run of a single subrun"])
    made.fill(night.root)
    task = made.find(night.root, "MergedDL1 Run00003")
    task.record.write_text(text)
    assert night.states()["MergedDL1 Run00003"] == "done"
    made.close(night.root)
    assert night.json()["exit_code"] == Standing.CLOSED
    # that nobody knows any more how it was made is said, and has nothing made again
    record = ("damaged", "MergedDL1 Run00003")
    assert verified(night) == (30, [record])
    _, printed, _ = night.lstosa("verify")
    assert f"{task.record} (the record cannot be read" in printed
    # the other one is the run summary, which these nights have from outside
    assert "2 products without a record of sizes: looked for only." in printed
    task.files()[0].unlink()
    assert verified(night) == (30, [("missing", "MergedDL1 Run00003"), record])
    _, printed, _ = night.lstosa("verify", "--remake")
    assert "again      MergedDL1 Run00003" in printed
    assert night.states()["MergedDL1 Run00003"] == "ready"
