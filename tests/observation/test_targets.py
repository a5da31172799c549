"""What was tracked during a run, by the Target log of the drive."""

import math

import pytest

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.catalog import Source
from lstosa_luigi.observation.targets import (
    RunTime,
    Track,
    choose_target,
    read_run_times,
    read_target_log,
)
from tests.observation.tables import ecsv

CRAB, MRK = Source("Crab Nebula", 83.6333, 22.0133), Source("Mrk 421", 166.11, 38.21)


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "Target_log_20200117.txt"
        path.write_text(text)
        return read_target_log(path)

    return read_text


def test_names_have_spaces_and_places_are_in_degrees(read):
    tracks = read(
        "1582061035 TrackStart 83.6333 22.0133 Crab Nebula\n1582062466 TrackEnd \n\n"
        "1582062500 GoToPosition\n1582062600 TrackStart 166.11 38.21 Mrk 421 \n"
    )
    assert tracks == (Track(1582061035, 1582062466, CRAB), Track(1582062600, math.inf, MRK))


def test_track_without_an_end_ends_before_the_next_one(read):
    tracks = read("10 TrackStart 83.6333 22.0133 Crab Nebula\n20 TrackStart 166.11 38.21 Mrk 421\n")
    assert [track.end for track in tracks] == [19, math.inf]


def test_end_without_a_start_is_passed_over(read):
    assert read("5 TrackEnd\n") == ()


@pytest.mark.parametrize(
    "line",
    [
        "x TrackStart 83.6 22.0 Crab",
        "10 TrackStart 83.6",
        "10 TrackStart 83.6 99 Crab",
        "a TrackEnd",
    ],
)
def test_line_that_cannot_be_understood_is_named(read, line):
    with pytest.raises(InputError, match=r"Target_log_20200117\.txt: line 2 cannot be understood"):
        read(f"5 TrackStart 83.6333 22.0133 Crab Nebula\n{line}\n")


TRACKS = (Track(100, 500, CRAB), Track(600, 900, MRK), Track(1000, math.inf, Source("", 1.0, 2.0)))


@pytest.mark.parametrize(
    ("start", "end", "target", "reason"),
    [
        (150, 450, CRAB, "tracked from 00:02:30 to 00:07:30 UTC"),
        (500, 650, MRK, "tracked from"),
        (50, 150, CRAB, "tracked from"),
        (510, 590, None, "no target was tracked from 00:08:30 to 00:09:50 UTC"),
        (
            450,
            650,
            None,
            "2 targets were tracked from 00:07:30 to 00:10:50 UTC: Crab Nebula (83.6333, 22.0133) "
            "from 00:01:40, Mrk 421 (166.11, 38.21) from 00:10:00",
        ),
        (2000, 2100, None, "the target tracked from 00:33:20 to 00:35:00 UTC has no name"),
    ],
)
def test_the_only_target_tracked_during_a_run_is_its_source(start, end, target, reason):
    choice = choose_target(TRACKS, RunTime(start, end))
    assert choice.value == target
    assert choice.reason.startswith(reason)


def test_source_that_was_pointed_at_in_two_ways_is_not_guessed():
    wobble = Track(500, 900, Source("Crab Nebula", 84.0, 22.0133))
    choice = choose_target((TRACKS[0], wobble), RunTime(150, 800))
    assert choice.value is None
    assert choice.reason.startswith("2 targets were tracked")


def summary(tmp_path, rows, columns=("run_id", "n_subruns", "run_start")):
    path = tmp_path / "RunSummary_20200117.ecsv"
    path.write_text(ecsv(dict.fromkeys(columns, "int64"), rows))
    return read_run_times(path)


def test_start_of_a_run_is_atomic_time_and_its_end_is_at_most_the_next_start(tmp_path):
    times = summary(
        tmp_path,
        [
            (1, 3, (1_579_000_000 + 37) * 10**9),
            (2, 9, (1_579_000_020 + 37) * 10**9),
            (3, 2, -1),
        ],
    )
    assert times == {
        1: RunTime(pytest.approx(1_579_000_000), pytest.approx(1_579_000_020)),
        2: RunTime(pytest.approx(1_579_000_020), pytest.approx(1_579_000_110)),
    }


def test_summary_without_times_knows_none(tmp_path):
    assert summary(tmp_path, [(1, 3)], ("run_id", "n_subruns")) == {}
