"""The record of an attempt: written, read again, and missing rather than wrong."""

import json

import pytest

from lstosa_luigi.execution.record import Record, read_record, write_record

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
    assert json.loads(text)["schema_version"] == 2


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
        "\udcff",
    ],
)
def test_record_that_cannot_be_read_counts_as_none(tmp_path, text):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    assert read_record(path) is None


def test_record_of_version_1_has_no_sizes(tmp_path):
    path = tmp_path / "a.json"
    data = {**RECORD._asdict(), "schema_version": 1}
    del data["files"]
    path.write_text(json.dumps(data))
    record = read_record(path)
    assert (record.files, record.schema_version) == ({}, 1)
