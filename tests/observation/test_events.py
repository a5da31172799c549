"""When a run was taken is read off the events of its merged DL1, once."""

from pathlib import Path

import pytest

from lstosa_luigi.observation import events
from lstosa_luigi.observation.events import Taken, taken


def write(path: Path, seconds: list[float], column: str = "dragon_time") -> Path:
    import numpy as np
    import tables as hdf5

    with hdf5.open_file(str(path), "w") as file:
        where, _, name = events.EVENTS.rpartition("/")
        rows = np.array([(second,) for second in seconds], dtype=[(column, "f8")])
        file.create_table(where, name, rows, createparents=True)
    return path


def test_start_and_minutes_are_those_of_the_first_and_the_last_event(tmp_path) -> None:
    told = taken(write(tmp_path / "dl1.h5", [1709411700.9, 1709411800.0, 1709412894.9]))
    assert told is not None
    assert (told.start, told.minutes) == ("2024-03-02T20:35:00", 19.9)


def test_file_is_read_again_only_if_it_changed(tmp_path) -> None:
    path = write(tmp_path / "dl1.h5", [1.0, 61.0])
    told = taken(path)
    assert told == Taken("1970-01-01T00:00:01", 1.0, told.of)
    kept = Taken("kept", 5.0, told.of)
    assert taken(path, kept) is kept
    write(path, [1.0, 2.0, 121.0])
    assert taken(path, kept).minutes == 2.0


@pytest.mark.parametrize("kind", ["missing", "damaged", "empty", "other column", "no number"])
def test_file_that_does_not_say_tells_nothing(tmp_path, kind: str) -> None:
    path = tmp_path / "dl1.h5"
    if kind == "damaged":
        path.write_bytes(write(path, [1.0]).read_bytes()[:500])
    elif kind == "empty":
        write(path, [])
    elif kind == "other column":
        write(path, [1.0], "trigger_time")
    elif kind == "no number":
        write(path, [float("nan"), 1.0])
    assert taken(path) is None
