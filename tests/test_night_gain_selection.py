"""Raw data of any kind: both gains, one gain, calibrated; each consistent to the command lines."""

import json
import os
import shutil

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight, fits
from tests.operators import decide, make, plan, titles
from tests.waiting import wait_until

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
TWO_GAIN = {3: "legacy_raw"}
CALIBRATED = {3: "catA_calibrated"}
NO_PEDESTALS = {"lstchain": {"dl1ab": "lstchain_dl1ab --no-pedestal-cleaning"}}
"""What cleans data of the event builder's without Cat-B."""
CALIBRATION = ("--pedestal-file", "--calibration-file", "--time-", "--systematic-")


def inputs(night: FakeNight, run: int) -> list[str]:
    """Return the raw files that DL1a of a run was made of, below the base."""
    words = [word for call in night.calls("lstchain_data_r0_to_dl1") for word in call]
    files = sorted(word.partition("=")[2] for word in words if word.startswith("--input-file="))
    below = [os.path.relpath(file, night.base) for file in files]
    return [file for file in below if f"Run{run:05d}" in file]


def choices(planned: dict, name: str) -> dict[int, tuple[str | None, str]]:
    return {c["run"]: (c["value"], c["reason"]) for c in planned["choices"] if c["name"] == name}


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A closed night whose data run had both gains."""
    night = FakeNight(tmp_path_factory.mktemp("two-gain") / "night", RUNS, states=TWO_GAIN)
    (night.r0(1, 0).with_name("LST-1.1.Run00009.0000.fits.fz")).write_bytes(fits(5)[:3000])
    make(night)
    return night


def test_data_with_both_gains_are_selected_and_calibrated(selected: FakeNight) -> None:
    (first, second) = selected.calls("lstchain_r0_to_r0g")
    assert f"--R0-file={selected.r0(3, 0)}" in [*first, *second]
    assert "--no-flatfield-heuristic" in first
    assert inputs(selected, 3) == [
        f"R0G/20240302/LST-1.1.Run00003.{subrun:04d}.fits.fz" for subrun in (0, 1)
    ]
    assert all(b"gain_selected" in selected.r0g(3, 1, s).read_bytes() for s in (1, 2, 3, 4))
    assert (selected.base / "R0G/log/20240302/r0_to_r0g_00003.0001.log").is_file()
    for call in selected.calls("lstchain_data_r0_to_dl1"):
        assert all(any(word.startswith(option) for word in call) for option in CALIBRATION)
    assert selected.leftovers() == []


def test_runs_that_are_not_data_are_linked_even_if_damaged_or_unlisted(selected: FakeNight) -> None:
    for run in (1, 2):
        assert selected.r0g(run, 0, 4).samefile(selected.r0(run, 0, 4))
    assert selected.r0g(9, 0).stat().st_size == 3000
    (call,) = selected.calls("onsite_create_drs4_pedestal_file")
    assert f"--r0-dir={selected.base / 'R0'}" in call


def test_a_closed_night_without_its_raw_data_lacks_nothing(selected: FakeNight, tmp_path) -> None:
    night = FakeNight.__new__(FakeNight)
    night.__dict__.update(selected.__dict__, root=tmp_path / "copy")
    shutil.copytree(selected.root, night.root, symlinks=True)
    night.write_config()
    shutil.rmtree(night.base / "R0")
    night.flag.unlink()
    assert make(night) == []
    shutil.rmtree(night.base / "R0G")
    night.flag.unlink()
    planned = plan(night)
    assert titles(planned, "make", "blocked") == []
    assert planned["missing"] == []
    assert make(night) == []


def test_what_is_removed_is_selected_again_only_if_dl1a_needs_it(make_night) -> None:
    night = make_night(runs=RUNS, states=TWO_GAIN)
    make(night)
    shutil.rmtree(night.base / "R0G")
    night.flag.unlink()
    (night.analysis / "dl1_LST-1.Run00003.0001.h5").unlink()
    made = make(night)
    assert "GainSelection Run00003.0001" in made
    assert "GainSelection Run00003.0000" not in made


def test_data_of_the_event_builder_need_no_calibration_at_all(make_night) -> None:
    states = {3: "catA_calibrated", 4: "catA_calibrated"}
    runs = ((3, "DATA", 1), (4, "DATA", 1))
    night = make_night(runs=runs, states=states, options=NO_PEDESTALS)
    make(night)
    for call in night.calls("lstchain_data_r0_to_dl1"):
        assert not [word for word in call if word.startswith(CALIBRATION)]
    assert not night.calls("onsite_create_calibration_file")
    assert not night.calls("lstchain_r0_to_r0g")
    assert not (night.base / "R0G").exists()
    planned = plan(night)
    assert choices(planned, "input state")[3] == (
        "catA_calibrated",
        "the event builder calibrated run 00003 to p.e., by the run summary",
    )
    assert choices(planned, "DRS4 run") == {}


def test_data_of_the_event_builder_want_cat_b(make_night) -> None:
    night = make_night(runs=((3, "DATA", 1),), states=CALIBRATED)
    result = night.luigi()
    assert result.returncode == ExitCode.SCHEDULING_ERROR, result.stdout
    reason = "Run 00003 is calibrated by the event builder, so only Cat-B has the pedestals"
    assert reason in result.stdout
    planned = night.lstosa("plan", "--date", night.date)
    assert planned.returncode == ExitCode.SCHEDULING_ERROR
    assert reason in planned.stdout


def test_runs_of_one_night_may_differ(make_night) -> None:
    runs = (*RUNS, (4, "DATA", 1), (5, "DATA", 1))
    states = {3: "legacy_raw", 5: "catA_calibrated"}
    night = make_night(runs=runs, states=states, options=NO_PEDESTALS)
    assert night.luigi("RunSummary").returncode == 0
    before = plan(night)
    assert choices(before, "input state")[3] == (
        None,
        "not known yet: the first events of run 00003 will tell",
    )
    assert "what is to be done with the raw data of 00003, gain" in "".join(before["notes"])
    make(night)
    state = choices(plan(night), "input state")
    assert state[3] == ("legacy_raw", "the first 10 showers of run 00003 hold both gains")
    assert state[4] == (
        "gain_selected",
        "the event builder selected the gain of run 00004, by the run summary",
    )
    assert inputs(night, 4) == ["R0/20240302/LST-1.1.Run00004.0000.fits.fz"]
    with_calibration = {
        word.partition("Run")[2][:5]
        for call in night.calls("lstchain_data_r0_to_dl1")
        if any("--pedestal-file" in word for word in call)
        for word in call
        if word.startswith("--input-file=")
    }
    assert with_calibration == {"00003", "00004"}
    assert choices(plan(night), "gain selection")[3][0] == "lstchain_r0_to_r0g"


def test_a_night_that_somebody_selected_needs_no_look_and_no_r0(make_night) -> None:
    night = make_night(runs=RUNS, states=TWO_GAIN)
    (night.base / "R0").rename(night.base / "R0G")
    night.luigi("RunSummary")
    assert choices(plan(night), "input state")[3] == (
        "gain_selected",
        f"{night.base / 'R0G/20240302'} holds the whole run",
    )
    make(night)
    assert not night.calls("first_events.py")
    assert inputs(night, 3)[0] == "R0G/20240302/LST-1.1.Run00003.0000.fits.fz"


def test_with_a_state_that_is_set_nothing_is_looked_at(make_night) -> None:
    options = {"production": {"input_state": "catA_calibrated"}, **NO_PEDESTALS}
    night = make_night(runs=RUNS, states=CALIBRATED, options=options)
    make(night)
    assert not night.calls("first_events.py")
    assert not night.calls("onsite_create_drs4_pedestal_file")


def test_a_missing_stream_fails_its_subrun_with_the_file_and_what_to_do(make_night) -> None:
    night = make_night(runs=RUNS, states=TWO_GAIN)
    night.r0(3, 1, 4).unlink()
    result = night.luigi()
    assert result.returncode == ExitCode.TASK_FAILED, result.stdout
    told = f"Run00003.0001 lacks 1 of its 4 streams: {night.r0(3, 1, 4)} is not there."
    assert told in result.stdout
    assert night.r0g(3, 1, 3).samefile(night.r0(3, 1, 3)), "copied as it is"
    assert (night.analysis / "dl1_LST-1.Run00003.0000.h5").is_file()
    decide(night, "--discard", "3.1")
    make(night)


def test_a_stream_that_comes_later_has_its_subrun_selected(make_night) -> None:
    night = make_night(runs=RUNS, states=TWO_GAIN)
    late = night.r0(3, 1, 4)
    content = late.read_bytes()
    late.unlink()
    assert night.luigi().returncode == ExitCode.TASK_FAILED
    late.write_bytes(content)
    make(night)
    assert b"gain_selected" in night.r0g(3, 1, 4).read_bytes()
    assert b"legacy_raw" in night.r0(3, 1, 1).read_bytes(), "R0 is never changed"


def test_a_run_of_which_nothing_can_be_told_stops_no_other(make_night) -> None:
    night = make_night(runs=(*RUNS, (4, "DATA", 1)), states={3: "?"})
    result = night.luigi()
    assert result.returncode == ExitCode.TASK_FAILED, result.stdout
    assert "does not tell how it was recorded, protozfits cannot read it: copy" in result.stdout
    assert (night.analysis / "dl1_LST-1.Run00004.0000.h5").is_file()


def test_a_run_without_raw_data_is_named(make_night) -> None:
    night = make_night(runs=(*RUNS, (4, "DATA", 1)))
    assert night.luigi("RunSummary").returncode == 0
    for stream in (1, 2, 3, 4):
        night.r0(4, 0, stream).unlink()
    result = night.luigi()
    assert result.returncode != 0
    assert "MISSING  No raw data of run 00004: no LST-1.?.Run00004.*.fits.fz in" in result.stdout
    assert (night.analysis / "dl1_LST-1.Run00003.0000.h5").is_file()


def test_old_nights_are_selected_by_lst_dvr_or_copied(make_night) -> None:
    night = make_night(runs=RUNS, states=TWO_GAIN, date="2023-12-04")
    make(night)
    assert not night.calls("lst_dvr"), "the run summary has no reference time"
    assert night.r0g(3, 0).samefile(night.r0(3, 0))
    assert choices(plan(night), "gain selection")[3] == (
        "copied",
        "the reference time of the run is of none, not of UCTS or TIB",
    )


def test_killed_while_it_selects_the_night_goes_on(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 3)), states=TWO_GAIN)
    night.control(hang=["r0_to_r0g.*Run00003.0001"])
    process = night.start()
    wait_until(lambda: list(night.base.rglob("R0G/20240302/.scratch/*0001*")), 100)
    process.kill()
    process.wait()
    night.control()
    make(night)
    assert night.leftovers() == []
    assert night.processes() == []
    for subrun in (0, 1, 2):
        assert all(b"gain_selected" in night.r0g(3, subrun, s).read_bytes() for s in (1, 2, 3, 4))
        assert all(b"legacy_raw" in night.r0(3, subrun, s).read_bytes() for s in (1, 2, 3, 4))
    before = sum(night.made().values())
    night.flag.unlink()
    assert make(night) == []
    assert sum(night.made().values()) == before


def test_records_say_what_was_selected(selected: FakeNight) -> None:
    record = json.loads(
        (selected.analysis / "records/Run00003.0001_GainSelection.json").read_text()
    )
    assert record["inputs"] == [str(selected.r0(3, 1, stream)) for stream in (1, 2, 3, 4)]
