"""Why a command failed: what an operator is told for what the tools print."""

import errno
import os

import pytest

from lstosa_luigi.execution.causes import last_lines, os_error, why

TRACEBACK = """Traceback (most recent call last):
  File "lstchain/scripts/lstchain_data_r0_to_dl1.py", line 143, in main
    r0_to_dl1.r0_to_dl1(
"""
FULL = "the disk is full: make room, then give the same command again"
DRIVE = (
    "the drive log does not cover the times of the events: complete it, or write EDATA for the "
    "run in the run summary to leave it out"
)
RAW = "a raw file is damaged or truncated: copy it again"
PEDESTALS = "not enough interleaved pedestals to find the cleaning settings"
CALIBRATION = "not enough calibration events in the run"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("OSError: [Errno 28] No space left on device: 'dl1_LST-1.Run01807.0003.h5'", FULL),
        ("OSError: [Errno 122] Disk quota exceeded", FULL),
        (
            "HDF5-DIAG: Error detected in HDF5\n    error message = 'No space left', errno = 28, "
            "total write size = 65536",
            FULL,
        ),
        (
            "ValueError: A value (1579295050.0) in x_new is above the interpolation range's "
            "maximum value (1579294681.0).",
            DRIVE,
        ),
        ("ValueError: A value in x_new is below the interpolation range.", DRIVE),
        ("AttributeError: 'File' object has no attribute 'Events'", RAW),
        ("OSError: File 'LST-1.1.Run01807.0003.fits.fz' was truncated", RAW),
        ("ERROR: There are less than 2 interleaved pedestal subruns", PEDESTALS),
        ("Number of subruns with low statistics: 1 - removed from pedestal median", PEDESTALS),
        ("OSError: No calibration events in the output file calibration.h5", CALIBRATION),
        (
            "OSError: No filter information in mongo DB for run 1809",
            "the filter wheels are not known: set [lstchain] filters",
        ),
        (
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.5 GiB",
            "not enough memory",
        ),
        ("bash: fork: Cannot allocate memory", "not enough memory"),
        (
            "IndexError: index 0 is out of bounds for axis 0 with size 0",
            "the data ran out: perhaps no event survives the cuts",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/m/time_calibration.h5'",
            "a file is missing: /m/time_calibration.h5",
        ),
        (
            "ModuleNotFoundError: No module named 'ctapipe_io_lst'",
            "the environment of the tools is incomplete: No module named 'ctapipe_io_lst'",
        ),
    ],
)
def test_known_error_becomes_advice(log, cause):
    assert why(1, None, f"INFO: processing\n{TRACEBACK}{log}\n") == cause


@pytest.mark.parametrize(
    ("content", "span"),
    [
        ("1583182800 100.0 20.0\n1583186281.5 101.0 21.0\n\n", "goes from 2020-03-02 21:00:00 to "
         "2020-03-02 21:58:01 UTC"),
        ("", "cannot be read"),
        ("no drive log\n", "cannot be read"),
    ],
)  # fmt: skip
def test_drive_log_that_is_too_short_is_named_with_its_run_and_its_times(tmp_path, content, span):
    log = tmp_path / "DrivePosition_log_20200302.txt"
    log.write_text(content)
    raw = [f"/raw/LST-1.{stream}.Run01807.0003.fits.fz" for stream in (1, 2, 3, 4)]
    said = why(1, None, "A value in x_new is above the interpolation range.", (*raw, str(log)))
    assert said == (
        f"the drive log does not cover the times of the events of run 01807 ({log} {span}): "
        "complete it, or write EDATA for the run in the run summary to leave it out"
    )


def test_full_disk_is_told_even_if_the_command_was_killed():
    assert why(None, 9, "write failed: No space left on device") == FULL


@pytest.mark.parametrize(
    ("number", "cause"),
    [(9, "killed by SIGKILL"), (11, "killed by SIGSEGV"), (15, "killed by SIGTERM")],
)
def test_killed_command_is_told_by_the_name_of_the_signal(number, cause):
    assert why(None, number, "INFO: 1000 events\n") == cause


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (f"{TRACEBACK}ValueError: unphysical gain\n", "exit code 1: ValueError: unphysical gain"),
        (
            f"{TRACEBACK}KeyError: 'a'\n\nDuring handling of the above exception, another "
            f"exception occurred:\n\n{TRACEBACK}tables.exceptions.NoSuchNodeError: group ``/`` "
            "does not have a child named ``/pedestal``\nClosing remaining open files: done\n",
            "exit code 1: tables.exceptions.NoSuchNodeError: group ``/`` does not have a child "
            "named ``/pedestal``",
        ),
        ("INFO: Error budget is fine\n", "exit code 1"),
        ("", "exit code 1"),
    ],
)
def test_unknown_error_is_told_by_its_last_exception(log, cause):
    assert why(1, None, log) == cause


@pytest.mark.parametrize(
    ("number", "filename", "cause"),
    [
        (errno.ENOSPC, "/b/DL1/dl1.h5", FULL),
        (errno.EDQUOT, "/b/DL1/dl1.h5", FULL),
        (errno.EACCES, "/b/DL1/dl1.h5", "/b/DL1/dl1.h5: Permission denied"),
        (errno.EIO, None, "writing: Input/output error"),
    ],
)
def test_error_of_the_system_is_told_with_its_file(number, filename, cause):
    assert os_error(OSError(number, os.strerror(number), filename)) == cause


# --- logs ----------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path):
    return tmp_path / "a.log"


def test_last_lines_leave_out_blank_ones(log):
    log.write_text("one\n\ntwo  \n \nthree\n\n")
    assert last_lines(log, 2) == "two\nthree"
    assert last_lines(log, 9) == "one\ntwo\nthree"


def test_progress_bar_counts_as_the_one_line_that_was_seen_last(log):
    bar = "".join(f"\r{n:3}%|{'#' * n}| {n}/100" for n in range(101))
    log.write_bytes(f"begin\n{bar}\nValueError: bad\n".encode())
    assert last_lines(log, 3) == f"begin\n100%|{'#' * 100}| 100/100\nValueError: bad"


def test_only_what_this_attempt_printed_counts(log):
    log.write_text("IndexError of the first attempt\n")
    before = log.stat().st_size
    with log.open("a") as file:
        file.write("second\n")
    assert last_lines(log, since=before) == "second\n"


def test_long_log_is_read_from_its_end(log):
    log.write_text("x" * 200_000 + "\nlast\n")
    assert last_lines(log, 1) == "last"
    assert len(last_lines(log)) == 65536


def test_log_that_is_no_text_or_not_there_does_no_harm(log):
    assert last_lines(log, 3) == ""
    log.write_bytes(b"\xff\xfe\nlast\n")
    assert last_lines(log, 1) == "last"


def test_what_was_said_last_counts_more_than_a_harmless_line_far_above():
    log = "WARNING: header truncated\n" + "working\n" * 50 + "MemoryError: Unable to allocate\n"
    assert why(1, None, log) == "not enough memory"
