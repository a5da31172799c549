"""The record of an attempt: written, read again, and missing rather than wrong."""

import json

import pytest

from lstosa_luigi.execution.record import (
    MAX_EARLIER,
    Record,
    read_record,
    read_records,
    write_record,
)

RECORD = Record(
    name="Run01807.0003_DL1A",
    title="DL1A Run01807.0003",
    state="failed",
    start="2020-01-18T08:00:00+00:00",
    end="2020-01-18T08:01:00+00:00",
    seconds=60.123,
    cpu_seconds=58.5,
    peak_memory_kb=2_000_000,
    host="cp15",
    attempt=2,
    argv=("lstchain_data_r0_to_dl1", "--output-dir={scratch}"),
    inputs=("/r0/1.fits.fz",),
    outputs=("/dl1/dl1.h5", "/dl1/muons.fits"),
    exit_code=None,
    signal=9,
    cause="killed by SIGKILL",
    log="/log/a.log",
    files={"/dl1/dl1.h5": (7, 1_579_334_400_123_456_789)},
)


def test_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "records/a.json"
    write_record(path, RECORD)
    assert read_record(path) == RECORD
    write_record(path, RECORD._replace(attempt=3, state="done", cause=""))
    assert read_record(path).attempt == 3


def test_person_can_read_a_record(tmp_path):
    write_record(tmp_path / "a.json", RECORD)
    text = (tmp_path / "a.json").read_text()
    assert ' "cause": "killed by SIGKILL",\n' in text
    assert json.loads(text)["schema_version"] == 5


def test_attempts_before_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "a.json"
    after = RECORD._replace(attempt=3, state="done", earlier=RECORD.history())
    write_record(path, after)
    assert read_record(path) == after
    (before,) = json.loads(path.read_text())["earlier"]
    assert (before["attempt"], before["signal"], before["cpu_seconds"]) == (2, 9, 58.5)
    assert before["cause"] == "killed by SIGKILL"


def test_history_of_a_product_that_always_fails_does_not_grow_for_ever():
    record = RECORD
    for attempt in range(1, MAX_EARLIER + 50):
        record = record._replace(attempt=attempt, earlier=record.history())
    assert len(record.earlier) == MAX_EARLIER
    assert [e.attempt for e in record.earlier[-2:]] == [MAX_EARLIER + 47, MAX_EARLIER + 48]


def test_records_of_a_night_are_those_in_its_directory(tmp_path):
    assert list(read_records(tmp_path / "none")) == []
    write_record(tmp_path / "b.json", RECORD._replace(name="b"))
    write_record(tmp_path / "a.json", RECORD._replace(name="a"))
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / ".c.json@host.1.2").write_text("half")
    (tmp_path / ".d.json").write_text("half")
    found = {name: record and record.name for name, record in read_records(tmp_path)}
    assert found == {"a": "a", "b": "b", "damaged": None}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        '{"name": "Run018',
        "[]",
        "null",
        "{}",
        json.dumps({"argv": [], "inputs": [], "outputs": []}),
        json.dumps({**RECORD._asdict(), "of_the_future": 1}),
        json.dumps({**RECORD._asdict(), "argv": None}),
        json.dumps({**RECORD._asdict(), "earlier": [{"attempt": 1}]}),
        "\udcff",
    ],
)
def test_record_that_cannot_be_read_counts_as_none(tmp_path, text):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    assert read_record(path) is None


@pytest.mark.parametrize(("version", "lacking"), [(1, ("files", "earlier")), (2, ("earlier",))])
def test_record_of_an_older_version_lacks_what_came_later(tmp_path, version, lacking):
    path = tmp_path / "a.json"
    data = {**RECORD._asdict(), "schema_version": version}
    for key in lacking:
        del data[key]
    path.write_text(json.dumps(data))
    record = read_record(path)
    assert (record.earlier, record.schema_version) == ((), version)
    assert record.files == ({} if version == 1 else RECORD.files)
