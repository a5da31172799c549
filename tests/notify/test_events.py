"""What there is to tell of a night: the words of its status, once for each reason."""

import datetime
import re

import pytest

from lstosa_luigi.hours import parse_time
from lstosa_luigi.notify.events import MANY, Event, Kind, Reason, events_of, obstacle
from lstosa_luigi.notify.memory import Memory, Troubles
from lstosa_luigi.status.assembly import read_status
from tests.fakes import made

DL2 = "DL2 Run00003"


def events(watched, now="2024-03-03T10:00:00+00:00", late="14:00", missing="09:00"):
    status = read_status(watched.root)
    instant = datetime.datetime.fromisoformat(now)
    return events_of(status, instant, parse_time(late), parse_time(missing))


def test_of_a_night_that_goes_well_there_is_nothing_to_tell(watched) -> None:
    night = watched()
    made.fill(night.root, but=DL2)
    assert events(night) == []


def test_a_closed_night_is_told_in_the_words_of_its_conclusion(watched) -> None:
    night = watched()
    made.fill(night.root)
    made.close(night.root)
    (event,) = events(night, "2024-03-03T20:00:00+00:00")
    assert event.kind is Kind.CLOSED
    assert event.subject == "LST1 2024-03-02 (v0.12.3) is closed"
    assert event.message == f"{night.root.conclusion()}\n"
    assert event.facts["standing"] == "closed"


def test_what_failed_is_told_with_cause_log_and_what_to_do(watched) -> None:
    night = watched()
    made.fill(night.root, but=DL2)
    made.fail(night.root, DL2, "exit code 1: no such forest")
    (event,) = events(night)
    log = night.root.layout.log("Run00003_DL2")
    assert event.kind is Kind.NEEDS_PERSON
    assert event.subject == (
        "LST1 2024-03-02 (v0.12.3) needs a person: FAILED DL2 Run00003: exit code 1: no such forest"
    )
    lines = event.message.splitlines()
    assert lines[0] == "Night 2024-03-02 (v0.12.3) is not closed."
    assert "FAILED  DL2 Run00003: exit code 1: no such forest" in lines
    assert f"    log: {log}" in lines
    steps = lines[lines.index("What to do:") + 1 :]
    assert [line.strip() for line in steps[: len(event.next_steps)]] == list(event.next_steps)
    assert any("--accept-incomplete" in step for step in event.next_steps)
    assert lines[-1].endswith("lstosa status --date 2024-03-02 --prod-id v0.12.3")


@pytest.mark.parametrize(
    ("now", "is_told"), [("2024-03-03T08:59:59+00:00", False), ("2024-03-03T09:00:00+00:00", True)]
)
def test_what_may_still_come_by_itself_needs_nobody_yet(watched, now: str, is_told: bool) -> None:
    night = watched()
    made.fill(night.root, but="DL1A.*")
    night.night.drive_log.unlink()
    kinds = [event.kind for event in events(night, now)]
    assert kinds == [Kind.NEEDS_PERSON] * is_told
    assert [e.kind for e in events(night, now, missing="")] == [Kind.NEEDS_PERSON]
    for event in events(night, now):
        assert f"{night.night.drive_log}" in event.message


def test_a_run_of_an_unknown_type_needs_a_person(watched) -> None:
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "MOON", 1))
    night = watched()
    night.night.runs = runs
    made.write_summary(night.night)
    (event,) = events(night)
    assert "Run 00004 is of an unknown type." in event.message
    assert any("--set-type 4 TYPE" in step for step in event.next_steps)


@pytest.mark.parametrize(
    ("now", "late", "is_late"),
    [
        ("2024-03-03T13:59:59+00:00", "14:00", False),
        ("2024-03-03T14:00:00+00:00", "14:00", True),
        ("2024-03-05T03:00:00+00:00", "14:00", True),
        ("2024-03-05T03:00:00+00:00", "", False),
        ("2024-03-03T15:30:00+02:00", "14:00", False),
    ],
)
def test_a_night_that_is_not_closed_by_the_hour_is_late(watched, now, late, is_late) -> None:
    night = watched()
    made.fill(night.root, but=DL2)
    found = events(night, now, late)
    assert [event.kind for event in found] == [Kind.LATE] * is_late
    for event in found:
        assert event.subject == "LST1 2024-03-02 (v0.12.3) is not closed by 14:00 UTC"
        assert "DL2: 0 of 1 are there" in event.message.splitlines()


def test_an_accepted_night_needs_nobody(watched) -> None:
    night = watched()
    made.fill(night.root, but=DL2)
    made.fail(night.root, DL2)
    words = ("decide", "--date", night.night.date, "--accept-incomplete", "--why", "it may lack")
    assert night.night.lstosa(*words).returncode == 0
    assert events(night) == []


# --- once ----------------------------------------------------------------------------------


def needing(*texts: str, can_wait: bool = False) -> Event:
    event = obstacle("2024-03-02", "LST1", "v1", "x")
    return Event(
        **{**vars(event), "reasons": tuple(Reason(t, t) for t in texts), "can_wait": can_wait}
    )


def test_an_event_is_told_once_by_each_way(tmp_path) -> None:
    path = tmp_path / "told.json"
    Memory(path).keep(needing("a"), "mail")
    assert not Memory(path).is_news(needing("a"), "mail")
    assert Memory(path).is_news(needing("a"), "command")


def test_another_reason_is_news_and_one_less_is_not(tmp_path) -> None:
    memory = Memory(tmp_path / "told.json")
    memory.keep(needing("a", "b"), "mail")
    assert not memory.is_news(needing("b"), "mail")
    assert memory.is_news(needing("b", "c"), "mail")


def test_more_of_what_is_at_work_is_told_in_one_message_at_the_end(tmp_path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.is_news(needing("a", can_wait=True), "mail")
    memory.keep(needing("a"), "mail")
    assert not memory.is_news(needing("a", "b", can_wait=True), "mail")
    assert memory.is_news(needing("a", "b"), "mail")


def test_what_fails_again_after_the_night_was_closed_and_opened_is_news(watched) -> None:
    night = watched()
    made.fill(night.root)
    made.close(night.root)
    memory = Memory(night.told)
    memory.keep(needing("a"), "mail")
    (closed,) = events(night)
    memory.keep(closed, "mail")
    assert not memory.is_news(closed, "mail")
    assert memory.is_news(needing("a"), "mail")
    flag = night.night.flag.read_text()
    night.night.flag.write_text(re.sub(r'"closed": ".*"', '"closed": "another day"', flag))
    (again,) = events(night)
    assert memory.is_news(again, "mail"), "it was closed once more"


def test_the_same_failure_of_another_process_is_no_news(watched) -> None:
    night = watched()
    made.fill(night.root, but=DL2)
    keys = set()
    for pid, time in ((9387, "08:00:01"), (1234567, "09:10:11")):
        cause = f"exit code 12: /.scratch/Run00003_DL2.1@vm@{pid}@1 at 0x7f{pid} died at {time}"
        made.fail(night.root, DL2, cause)
        (event,) = events(night)
        keys |= {reason.key for reason in event.reasons}
        assert cause in event.message
    assert len(keys) == 1
    made.fail(night.root, DL2, "exit code 2")
    assert {reason.key for reason in events(night)[0].reasons}.isdisjoint(keys)


def test_a_damaged_memory_has_things_told_again_rather_than_never(tmp_path) -> None:
    path = tmp_path / "told.json"
    path.write_text('{"told": ')
    assert Memory(path).is_news(needing("a"), "mail")
    path.write_text('{"told": {"mail": 3}}')
    assert Memory(path).is_news(needing("a"), "mail")


def test_of_many_reasons_the_first_are_written_out_and_all_are_remembered(tmp_path) -> None:
    event = needing(*(f"r{n}" for n in range(MANY + 5)))
    assert f"r{MANY - 1}\nand 5 more\n" in event.message
    assert event.facts["n_reasons"] == MANY + 5
    memory = Memory(tmp_path / "told.json")
    memory.keep(event, "mail")
    assert not memory.is_news(needing(f"r{MANY + 4}"), "mail")


def test_a_trouble_is_new_once_until_it_is_over(tmp_path) -> None:
    troubles = Troubles(tmp_path / "troubles.json")
    assert troubles.begin("mail", "down")
    assert not troubles.begin("mail", "down again")
    troubles.end("mail")
    assert troubles.begin("mail", "down")
