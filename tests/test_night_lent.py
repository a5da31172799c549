"""What is decided about a night also holds for those that borrow its calibration runs."""

import json

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight
from tests.operators import decide, make, plan, titles, with_summary

DATA_ONLY = ((13, "DATA", 1),)
BEFORE = "2024-03-01"
EARLIER = "2024-02-29"
RUNS_BEFORE = ((8, "DRS4", 1), (9, "PEDCALIB", 1))
RUNS_EARLIER = ((4, "DRS4", 1), (5, "PEDCALIB", 1))


def lent(make_night, runs=RUNS_BEFORE) -> tuple[FakeNight, FakeNight]:
    """Return a night with nothing but data, and the night before; both are listed."""
    night = with_summary(make_night(runs=DATA_ONLY))
    return night, with_summary(night.add_night(BEFORE, runs))


def chosen(planned: dict) -> dict[str, tuple[str, str]]:
    return {
        choice["name"]: (choice["value"], choice["reason"])
        for choice in planned["choices"]
        if choice["name"] in ("DRS4 run", "PEDCALIB run")
    }


def test_plan_of_a_night_that_borrows_names_the_other_night_and_is_what_is_made(
    make_night,
) -> None:
    night, _ = lent(make_night)
    before = plan(night)
    assert chosen(before) == {
        f"{kind} run": (
            {"date": BEFORE, "number": number},
            f"last {kind} run of {BEFORE}, the nearest earlier night that has one; "
            f"{night.date} has none",
        )
        for number, kind, _ in RUNS_BEFORE
    }
    assert f"00008 of {BEFORE}" in night.lstosa("plan", "--date", night.date).stdout
    assert [(row["run"], row["treatment"]) for row in before["runs"]] == [(13, "processed")]
    wanted = titles(before, "make")
    assert {"Drs4Pedestal Run00008", "ChargeCalibration Run00009"} < set(wanted)
    made = make(night)
    assert set(wanted) <= set(made)
    assert {"there"} == {item["state"] for item in plan(night)["products"]}
    assert titles(plan(night), "there") == sorted([*made, *titles(before, "there")])


def test_plan_says_which_night_has_to_be_listed_first(make_night) -> None:
    night = with_summary(make_night(runs=DATA_ONLY))
    night.add_night(BEFORE, RUNS_BEFORE)
    planned = plan(night)
    assert "RunSummary 20240301" in titles(planned, "make")
    assert not [title for title in titles(planned, "make") if title.startswith("Charge")]
    (note,) = [note for note in planned["notes"] if "listed first" in note]
    assert note.startswith(f"the runs of {BEFORE} are listed first")


def test_run_discarded_in_its_own_night_is_given_back_by_a_night_that_is_closed(make_night) -> None:
    night, before = lent(make_night)
    with_summary(night.add_night(EARLIER, RUNS_EARLIER))
    first = make(night)
    decide(before, "--discard", "9")
    assert night.lstosa("show", "--date", night.date).returncode == ExitCode.NOT_RUN
    planned = plan(night)
    assert chosen(planned)["PEDCALIB run"][0] == {"date": EARLIER, "number": 5}
    assert [(d["night"], d["run"]) for d in planned["decisions"]] == [(BEFORE, 9)]
    (reason,) = {i["reason"] for i in planned["products"] if i["title"] == "DL1A Run00013.0000"}
    assert reason == (
        f"it was made of other files before decision 1 (discard run 00009 of {BEFORE}) was made "
        "or undone"
    )
    made = make(night)
    assert {"ChargeCalibration Run00005", "DL1A Run00013.0000", "DL3 Run00013"} < set(made)
    assert set(titles(planned, "make", "again")) == set(made)
    record = json.loads((night.analysis / "records/Run00013.0000_DL1A.json").read_text())
    assert record["decided"] == [f"discard run 00009 of {BEFORE}"]
    assert make(night) == []
    decide(before, "--undo", "1")
    again = make(night)
    assert set(again) < set(first)
    assert "DL1A Run00013.0000" in again
    assert make(night) == []


def test_what_another_night_decides_about_its_data_is_nothing_to_a_night_that_borrows(
    make_night,
) -> None:
    night, before = lent(make_night, (*RUNS_BEFORE, (10, "DATA", 2)))
    make(night)
    decide(before, "--discard", "10.1")
    assert plan(night)["decisions"] == []
    assert night.lstosa("show", "--date", night.date).returncode == ExitCode.OK
    assert make(night) == []


def test_other_drs4_run_of_the_night_that_lends_has_the_data_calibrated_anew(make_night) -> None:
    night, before = lent(make_night, (*RUNS_BEFORE, (10, "DRS4", 1)))
    make(night)
    assert night.calls("onsite_create_calibration_file")[-1][1:3] == ["-p", "00010"]
    decide(before, "--drs4", "8")
    result = before.luigi("CalibrateNight")
    assert result.returncode == 0, result.stdout
    assert night.calls("onsite_create_calibration_file")[-1][1:3] == ["-p", "00008"]
    made = make(night)
    assert "DL1A Run00013.0000" in made
    assert not [title for title in made if title.startswith(("Drs4", "Charge"))]
    assert make(night) == []


def test_run_of_an_earlier_night_is_forced_and_stays_so(make_night) -> None:
    night, before = lent(make_night)
    earlier = with_summary(night.add_night(EARLIER, RUNS_EARLIER))
    decide(night, "--pedcalib", "5")
    value, reason = chosen(plan(night))["PEDCALIB run"]
    assert value == {"date": EARLIER, "number": 5}
    assert reason.startswith("forced by decision 1 of ")
    decide(before, "--discard", "9")
    assert chosen(plan(night))["PEDCALIB run"] == (value, reason)
    decide(earlier, "--discard", "5")
    result = night.luigi()
    assert result.returncode == ExitCode.MISSING_DATA
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("MISSING")]
    assert line.startswith(f"MISSING  No PEDCALIB run for {night.date}: forced by decision 1 of ")
    assert line.endswith(
        f"but run 00005 of {EARLIER} is no PEDCALIB run. Undo that, or decide anew."
    )


def test_damaged_decisions_of_an_earlier_night_are_named(make_night) -> None:
    night, before = lent(make_night)
    decide(before, "--discard", "9")
    (file,) = night.base.rglob("Decisions_*.yaml")
    file.write_text("[")
    result = night.luigi()
    assert result.returncode == ExitCode.SCHEDULING_ERROR
    assert f"{file}: cannot be read as operators' decisions" in result.stdout
    assert "Traceback" not in result.stdout
