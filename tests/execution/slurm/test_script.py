"""The batch script of an array, literally."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.slurm.parse import seconds_of
from lstosa_luigi.execution.slurm.script import (
    array_indices,
    batch_script,
    log_pattern,
    slurm_time,
)
from tests.execution.slurm.cluster import indices_of

DATA = Resources(6144, 4500, account="dpps", partition="short,long")


def script(resources=DATA, **changes):
    values = {
        "command": ["/env/bin/python", "-I", "/lib/element.py", "/ra/arrays/lstosa-1.json"],
        "indices": range(11),
        "chdir": "/ra/log",
        "log": "/ra/log/Run01807_DL1A_%A_%a.log",
        "comment": "DL1A Run01807, LST1-20200117-v0.1.0",
    }
    return batch_script(resources=resources, **{**values, **changes})


def test_script_of_data_run_1807():
    assert script() == (
        "#!/bin/sh\n"
        "#SBATCH --account=dpps\n"
        "#SBATCH --partition=short,long\n"
        "#SBATCH --time=01:15:00\n"
        "#SBATCH --mem=6144M\n"
        "#SBATCH --cpus-per-task=1\n"
        "#SBATCH --array=0-10\n"
        "#SBATCH --chdir=/ra/log\n"
        "#SBATCH --output=/ra/log/Run01807_DL1A_%A_%a.log\n"
        "#SBATCH --open-mode=append\n"
        '#SBATCH --comment="DL1A Run01807, LST1-20200117-v0.1.0"\n'
        "#SBATCH --export=ALL\n"
        "exec /env/bin/python -I /lib/element.py /ra/arrays/lstosa-1.json\n"
    )


def test_script_with_everything_there_is():
    resources = Resources(
        mem_mb=61440,
        seconds=90000,
        cpus=4,
        account="dpps",
        partition="long",
        throttle=8,
        extra=("--qos=high", "--nice=100", "--comment=by hand"),
        exclude=("cp15", "cp16"),
    )
    assert script(resources, indices=[3, 7, 8, 1]).split("\n") == [
        "#!/bin/sh",
        "#SBATCH --account=dpps",
        "#SBATCH --partition=long",
        "#SBATCH --time=1-01:00:00",
        "#SBATCH --mem=61440M",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --array=1,3,7-8%8",
        "#SBATCH --chdir=/ra/log",
        "#SBATCH --output=/ra/log/Run01807_DL1A_%A_%a.log",
        "#SBATCH --open-mode=append",
        "#SBATCH --exclude=cp15,cp16",
        '#SBATCH --comment="DL1A Run01807, LST1-20200117-v0.1.0"',
        "#SBATCH --export=ALL",
        "#SBATCH --qos=high",
        "#SBATCH --nice=100",
        '#SBATCH "--comment=by hand"',
        "exec /env/bin/python -I /lib/element.py /ra/arrays/lstosa-1.json",
        "",
    ]


def test_what_is_not_set_is_left_to_the_cluster():
    text = script(Resources(6144, 4500))
    assert not [word for word in ("--account", "--partition", "--exclude", "%1\n") if word in text]


def test_places_with_blanks_are_quoted():
    text = script(chdir="/my night/log", command=["/my env/bin/python", "/a'b", "$HOME"])
    assert '\n#SBATCH --chdir="/my night/log"\n' in text
    assert text.endswith("""exec '/my env/bin/python' '/a'"'"'b' '$HOME'\n""")


@pytest.mark.parametrize(
    ("indices", "text"),
    [
        ([0], "0"),
        ([7], "7"),
        (range(11), "0-10"),
        ([0, 1, 2, 3, 7], "0-3,7"),
        ([9, 2, 1], "1-2,9"),
        ([0, 2, 4], "0,2,4"),
    ],
)
def test_array_is_written_in_ranges(indices, text):
    assert array_indices(indices) == text


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sets(st.integers(0, 2000), min_size=1))
def test_array_holds_exactly_its_indices(indices):
    assert indices_of(array_indices(indices)) == sorted(indices)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "00:01:00"),
        (60, "00:01:00"),
        (61, "00:02:00"),
        (4500, "01:15:00"),
        (86399, "1-00:00:00"),
        (86400, "1-00:00:00"),
        (604800, "7-00:00:00"),
        (95400, "1-02:30:00"),
    ],
)
def test_time_limit_is_written_in_minutes(seconds, text):
    assert slurm_time(seconds) == text


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 10**8))
def test_time_limit_is_never_shorter_than_asked_for_nor_a_minute_longer(seconds):
    assert 0 <= seconds_of(slurm_time(seconds)) - seconds < 60


def test_log_lies_where_the_logs_of_the_night_are(tmp_path):
    assert log_pattern(tmp_path, "Run01807_DL1A") == f"{tmp_path}/Run01807_DL1A_%A_%a.log"
    assert log_pattern(tmp_path, "/data/x y_Sum") == f"{tmp_path}/_data_x_y_Sum_%A_%a.log"
