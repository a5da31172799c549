"""What lstosa's history files say."""

import pytest

from lstosa_luigi import config
from lstosa_luigi.migration.history import (
    CHARGE,
    CHECK,
    DL1A,
    DL1AB,
    DRS4,
    last_attempt,
    parse_gain_selection,
    parse_history,
    programs_of,
)
from tests.configuration import configure

HISTORY = """\
01807.0000 lstchain_data_r0_to_dl1 v0.1.0 2020-01-18 08:15 LST-1.1.fits.fz conf.json 1
01807.0000 lstchain_data_r0_to_dl1 v0.1.0 2020-01-18 08:20 LST-1.1.fits.fz conf.json 0

01807.0000 lstchain_dl1ab tailcut84 2020-01-18 09:00 dl1_LST-1.Run01807.0000.h5 conf.json 0
01807.0000 lstchain_check_dl1 tailcut84 2020-01-18 09:10 dl1_LST-1.Run01807.0000.h5 None 255
01807.0000 lstchain_something_else tailcut84 2020-01-18 09:10 None None 0
01807.0000 lstchain_dl1ab tailcut84 2020-01-18
broken
"""


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    configure(monkeypatch, lstchain={"r0_to_dl1": "/opt/bin/my_r0_to_dl1 --fast"})
    return programs_of(config.lstchain())


def test_lines_are_read_as_lstosa_reads_them(programs: dict[str, str]) -> None:
    attempts, malformed = parse_history(HISTORY, programs)
    assert [(a.step, a.prod, a.exit_code) for a in attempts] == [
        (DL1A, "v0.1.0", 1),
        (DL1A, "v0.1.0", 0),
        (DL1AB, "tailcut84", 0),
        (CHECK, "tailcut84", 255),
    ]
    assert attempts[0].when == "2020-01-18T08:15:00+00:00"
    assert malformed == ["01807.0000 lstchain_dl1ab tailcut84 2020-01-18", "broken"]


def test_lines_of_2021_are_read_as_well(programs: dict[str, str]) -> None:
    """Two of the samples of lstosa (extra/history_files), one of each form."""
    text = """\
04183 onsite_create_calibration_file v0.7.0 2021-12-19 22:11 None None 0
04185.0001 lstchain_dl1ab tailcut105 Thu Mar 25 13:06:09 UTC 2021 dl1.h5 x.json 0
"""
    attempts, malformed = parse_history(text, programs)
    assert malformed == []
    assert [(a.step, a.prod, a.when, a.exit_code) for a in attempts] == [
        (CHARGE, "v0.7.0", "2021-12-19T22:11:00+00:00", 0),
        (DL1AB, "tailcut105", "2021-03-25T13:06:09+00:00", 0),
    ]


def test_programs_are_known_as_configured_and_as_shipped(programs: dict[str, str]) -> None:
    assert programs["my_r0_to_dl1"] == programs["lstchain_data_r0_to_dl1"] == DL1A
    assert programs["onsite_create_drs4_pedestal_file"] == DRS4
    assert programs["lstcam_calib_onsite_create_calibration_file"] == CHARGE


def codes(text: str, step: str, prod: str = "") -> int | None:
    """Return the exit code that counts in a history of ``dl1a 0, dl1ab@x 1, ...``."""
    names = {
        "dl1a": ("lstchain_data_r0_to_dl1", DL1A),
        "dl1ab": ("lstchain_dl1ab", DL1AB),
        "check": ("lstchain_check_dl1", CHECK),
        "drs4": ("onsite_create_drs4_pedestal_file", DRS4),
        "charge": ("onsite_create_calibration_file", CHARGE),
    }
    lines = []
    for part in text.split(", "):
        name, code = part.split()
        short, _, of = name.partition("@")
        lines.append(f"1.0 {names[short][0]} {of or 'v0'} 2020-01-18 08:15 None None {code}")
    known = dict(names.values())
    last = last_attempt(parse_history("\n".join(lines), known)[0], step, prod)
    return None if last is None else last.exit_code


@pytest.mark.parametrize(
    ("text", "step", "prod", "code"),
    [
        ("dl1a 1, dl1a 0", DL1A, "", 0),
        ("dl1a 0, dl1a 1", DL1A, "", 1),
        ("dl1ab@x 0", DL1A, "", None),
        ("dl1a 0, dl1ab@x 0, dl1ab@y 1", DL1AB, "x", 0),
        ("dl1a 0, dl1ab@x 0, dl1ab@y 1", DL1AB, "y", 1),
        # what was made of something that was made again since is void
        ("dl1a 0, dl1ab@x 0, dl1a 0", DL1AB, "x", None),
        ("dl1a 0, dl1ab@x 0, check@x 0, dl1a 1", CHECK, "x", None),
        ("dl1a 0, dl1ab@x 0, check@x 0, dl1ab@x 0", CHECK, "x", None),
        ("dl1a 0, dl1ab@x 0, check@x 0, dl1ab@y 1", CHECK, "x", 0),
        ("drs4 0, charge 0, drs4 0", CHARGE, "", None),
        ("drs4 1, drs4 0, charge 0", CHARGE, "", 0),
        ("drs4 0, charge 1", DRS4, "", 0),
    ],
)
def test_the_last_attempt_counts_unless_what_it_used_was_made_again(
    text: str, step: str, prod: str, code: int | None
) -> None:
    assert codes(text, step, prod) == code


def test_gain_selection_has_lines_of_its_own() -> None:
    text = "2024-02-02 10:00:00 | 16200.0003 gain_selection 1\n"
    assert [a.exit_code for a in parse_gain_selection(text)] == [1]
    assert parse_gain_selection("") == []
