"""The command line of `lstosa simulate-night`."""

import datetime as dt

import pytest

from lstosa_luigi.simulation.options import DEFAULTS, TINY, build_parser, parse

NIGHT = ["--base", "data", "--date", "2024-03-02"]


def test_base_and_date_are_all_that_is_needed():
    options = parse(NIGHT)
    assert options.date == dt.date(2024, 3, 2)
    assert options.day == "20240302"
    assert options.events == DEFAULTS["events"]
    assert options.mc


def test_date_may_be_written_like_the_directories():
    assert parse(["--base", "data", "--date", "20240302"]).date == dt.date(2024, 3, 2)


def test_default_night_has_what_the_chain_asks_for():
    options = parse(NIGHT)
    assert options.drs4_events >= 500  # type guess
    assert options.pedestals >= 100  # tailcuts
    assert options.subruns >= 2  # tailcuts compare subruns
    assert options.muons >= 5  # merging of muon files
    assert options.calibration_pairs >= 60  # charge calibration of 50 after skipping 10 events


def test_tiny_night_is_small_and_an_explicit_number_wins():
    options = parse([*NIGHT, "--tiny", "--events", "7"])
    assert options.events == 7
    assert options.drs4_events == TINY["drs4_events"] < 500
    assert not options.mc


def test_tiny_night_gets_monte_carlo_on_request():
    options = parse([*NIGHT, "--tiny", "--mc-events", "30"])
    assert options.mc
    assert options.mc_events == 30


def test_no_mc_wins_over_mc_events():
    assert not parse([*NIGHT, "--mc-events", "30", "--no-mc"]).mc


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--date", "2024-02-30"], "not a date like 2024-03-02: '2024-02-30'"),
        (["--events", "many"], "not a whole number: 'many'"),
        (["--subruns", "0"], "must be at least 1, not 0"),
        (["--pedestals", "-1"], "must be at least 0, not -1"),
        (["--two-gain", "--evb-calibrated"], "not allowed with argument"),
        (["--drs4-events", "499"], "lstchain recognises a DRS4 run from 500 events on"),
        (["--first-run", "99999"], "run numbers have at most five digits"),
        (["--no-drs4-run", "--no-pedcalib-run", "--data-runs", "0"], "nothing to write"),
        (
            ["--events", "0", "--pedestals", "0", "--flatfields", "0", "--muons", "0"],
            "a subrun needs at least one event",
        ),
        (["--few-pedestals", "2"], "--few-pedestals 2: the DATA runs are 3 to 4"),
        (["--wibble"], "unrecognized arguments: --wibble"),
    ],
)
def test_bad_option_ends_with_code_2_and_says_why(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        parse([*NIGHT, *arguments])
    assert stop.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in last


def test_base_that_is_a_file_is_refused(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SystemExit) as stop:
        parse(["--base", str(file), "--date", "2024-03-02"])
    assert stop.value.code == 2
    assert "not a directory" in capsys.readouterr().err


def test_few_drs4_events_matter_only_if_there_is_a_drs4_run():
    assert parse([*NIGHT, "--drs4-events", "10", "--no-drs4-run"]).drs4_events == 10


def test_runs_with_few_pedestals_are_counted_as_the_night_counts_its_runs():
    options = parse([*NIGHT, "--first-run", "5", "--few-pedestals", "8", "--few-pedestals", "7"])
    assert options.few_pedestals == (7, 8)
    assert options.pedestals_of(8) < 100 <= options.pedestals_of(9)


def test_every_option_has_a_help():
    lacking = [action.dest for action in build_parser()._actions if not action.help]
    assert lacking == []


@pytest.mark.parametrize("same", [["--jobs", "1"], ["--no-progress"], ["--overwrite"], ["--no-mc"]])
def test_options_that_leave_the_raw_data_as_they_are(same):
    assert parse([*NIGHT, *same]).content() == parse(NIGHT).content()


@pytest.mark.parametrize(
    "other", [["--seed", "2"], ["--events", "9"], ["--two-gain"], ["--few-pedestals", "3"]]
)
def test_options_that_change_the_raw_data(other):
    assert parse([*NIGHT, *other]).content() != parse(NIGHT).content()


def test_record_of_a_night_made_before_runs_could_have_few_pedestals_still_holds():
    assert "few_pedestals" not in parse(NIGHT).content()
