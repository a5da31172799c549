"""What is printed while a command works."""

import io

import pytest

from lstosa_luigi.execution.backend import Outcome
from lstosa_luigi.execution.console import Console, human_size

DONE = Outcome("n", True, log="/log/a.log", began=3661.0, seconds=12.34, size=3_400_000)
FAILED = Outcome("n", False, "not enough memory", "line 1\nline 2", "/log/a.log", 3661.0, 1234.5)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_400_000, "3.4 MB"),
        (999_900_000, "999.9 MB"),
        (2_500_000_000, "2.5 GB"),
        (7_000_000_000_000, "7.0 TB"),
        (12_000_000_000_000_000, "12000.0 TB"),
    ],
)
def test_sizes_are_written_as_people_read_them(size, text):
    assert human_size(size) == text


def test_product_has_one_line_with_start_duration_and_size():
    stream = io.StringIO()
    Console(stream).product("DL1A Run01807.0003", DONE)
    assert stream.getvalue() == "01:01:01    12.3 s    3.4 MB  DL1A Run01807.0003\n"


def test_failure_tells_the_cause_the_end_of_the_log_and_where_it_is():
    stream = io.StringIO()
    Console(stream).product("DL1A Run01807.0003", FAILED)
    assert stream.getvalue() == (
        "01:01:01  1234.5 s    FAILED  DL1A Run01807.0003: not enough memory\n"
        "    | line 1\n"
        "    | line 2\n"
        "    log: /log/a.log\n"
    )


def test_no_bar_is_drawn_into_a_file():
    stream = io.StringIO()
    console = Console(stream)
    console.expect(10)
    console.at_work(["DL1A Run01807.0003"])
    console.close()
    assert stream.getvalue() == ""


def test_bar_on_a_terminal_shows_how_many_are_made_and_what_is_at_work():
    stream = Terminal()
    console = Console(stream)
    console.product("RunSummary 20200117", DONE)
    console.expect(4)
    assert "1/4" in stream.getvalue().rpartition("\r")[2]
    console.at_work(["DL1A Run01807.0003", "DL1A Run01807.0004"])
    assert "DL1A Run01807.0003, DL1A Run01807.0004" in stream.getvalue().rpartition("\r")[2]
    console.product("DL1A Run01807.0003", DONE)
    console.product("DL1A Run01807.0004", FAILED)
    console.expect(5)
    assert "2/5" in stream.getvalue().rpartition("\r")[2]
    assert "01:01:01    12.3 s    3.4 MB  DL1A Run01807.0003\n" in stream.getvalue()
    console.close()
    assert stream.getvalue().rpartition("\r")[2].strip() == ""


def test_bar_that_is_closed_is_not_drawn_over():
    stream = Terminal()
    console = Console(stream)
    console.expect(4)
    console.close()
    console.close()
    end = len(stream.getvalue())
    console.say("Night is closed.")
    assert stream.getvalue()[end:] == "Night is closed.\n"
