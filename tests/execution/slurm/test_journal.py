"""Attempts that failed, one line each."""

import dataclasses
import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstosa_luigi.execution.slurm import journal
from lstosa_luigi.execution.slurm.journal import Attempt
from lstosa_luigi.execution.slurm.options import Resources

RESOURCES = json.loads(json.dumps(Resources(6144, 4500).to_json()))
ATTEMPT = Attempt(
    job="Run01807.0003_DL1A",
    title="DL1A Run01807.0003",
    element="1234_3",
    ended="2020-01-18T08:00:00+00:00",
    cause="out of memory",
    text="out of memory",
    decision="again with 9216 MB, try 2 of 3",
    state="OUT_OF_MEMORY",
    exit="0:125",
    seconds=61.0,
    memory_kb=6291456,
    node="cp15",
    resources=RESOURCES,
    again={**RESOURCES, "mem_mb": 9216},
)


def test_attempts_are_read_in_the_order_in_which_they_were_noticed(tmp_path):
    last = dataclasses.replace(ATTEMPT, element="1240_3", again=None)
    journal.append(tmp_path / "arrays", [ATTEMPT])
    journal.append(tmp_path / "arrays", [last, ATTEMPT])
    assert journal.read(tmp_path / "arrays") == [ATTEMPT, last, ATTEMPT]


def test_person_can_read_the_journal_line_by_line(tmp_path):
    journal.append(tmp_path, [ATTEMPT, ATTEMPT])
    lines = (tmp_path / "attempts.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert '"decision": "again with 9216 MB, try 2 of 3"' in lines[0]


def test_night_without_a_failure_has_no_attempts(tmp_path):
    assert journal.read(tmp_path) == []
    assert journal.read(tmp_path / "nosuch") == []


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(dataclasses.asdict(ATTEMPT))[:100],
        "",
        "\0\0\0\0",
        "null",
        "[]",
        "{}",
        json.dumps({**dataclasses.asdict(ATTEMPT), "of_the_future": 1}),
    ],
)
def test_line_that_is_no_attempt_is_passed_over(tmp_path, line):
    journal.append(tmp_path, [ATTEMPT])
    with (tmp_path / "attempts.jsonl").open("a") as file:
        file.write(f"{line}\n")
    journal.append(tmp_path, [ATTEMPT])
    assert journal.read(tmp_path) == [ATTEMPT, ATTEMPT]


def test_half_a_line_at_the_end_is_passed_over(tmp_path):
    journal.append(tmp_path, [ATTEMPT, ATTEMPT])
    path = tmp_path / "attempts.jsonl"
    path.write_text(path.read_text()[:-30])
    assert journal.read(tmp_path) == [ATTEMPT]


def test_two_writers_do_not_mix_their_lines(tmp_path):
    def write(name):
        for n in range(50):
            journal.append(tmp_path, [dataclasses.replace(ATTEMPT, job=name, element=f"{n}_0")] * 3)

    writers = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    attempts = journal.read(tmp_path)
    assert len(attempts) == 300
    for name in ("one", "two"):
        elements = [attempt.element for attempt in attempts if attempt.job == name]
        assert elements == [f"{n}_0" for n in range(50) for _ in range(3)]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_any_text_comes_back(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("journal")
    attempts = [dataclasses.replace(ATTEMPT, text=text) for text in texts]
    journal.append(folder, attempts)
    assert journal.read(folder) == attempts
