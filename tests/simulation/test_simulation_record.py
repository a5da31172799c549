"""When a simulated night may be replaced."""

import pytest

from lstosa_luigi.simulation.record import Record, RefusedError


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "simulation/night.json", {"seed": 1, "events": 10})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "LST-1.1.Run00001.0000.fits.fz"
    path.touch()
    return path


def other(record):
    return Record(record.path, {"seed": 2, "events": 10})


def test_night_that_was_ended_is_complete(record, file, tmp_path):
    record.begin()
    assert not record.complete(tmp_path)
    record.finish(tmp_path, [file])
    assert record.complete(tmp_path)


def test_night_that_lost_a_file_is_not_complete_and_may_be_made_again(record, file, tmp_path):
    record.finish(tmp_path, [file])
    file.unlink()
    assert not record.complete(tmp_path)
    record.check(overwrite=False, foreign=[])


def test_other_options_are_refused_with_what_differs(record, file, tmp_path):
    record.finish(tmp_path, [file])
    with pytest.raises(RefusedError, match=r"other options \(seed 1 -> 2\).*--overwrite"):
        other(record).check(overwrite=False, foreign=[file])


def test_other_options_may_overwrite_on_request(record, file, tmp_path):
    record.finish(tmp_path, [file])
    other(record).check(overwrite=True, foreign=[file])
    assert not other(record).complete(tmp_path)


def test_killed_simulation_may_be_replaced_by_any_other(record, file):
    record.begin()
    other(record).check(overwrite=False, foreign=[file])


@pytest.mark.parametrize("overwrite", [False, True])
def test_data_that_no_simulation_made_are_never_replaced(record, file, overwrite):
    with pytest.raises(RefusedError, match="data that no simulation has made"):
        record.check(overwrite, foreign=[file])


def test_damaged_record_is_named(record):
    record.begin()
    record.path.write_text("{")
    with pytest.raises(RefusedError, match=r"night\.json cannot be read"):
        record.check(overwrite=False, foreign=[])
