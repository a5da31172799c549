"""The cleaning of a run: thresholds, the name of its directory, and the night-sky background."""

import json

import pytest

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.cleaning import (
    Tailcuts,
    dl1_prod_id,
    parse_nsb_rate,
    parse_tailcuts,
)


def config(**section):
    return json.dumps({"tailcuts_clean_with_pedestal_threshold": section, "other": {}})


@pytest.mark.parametrize(
    ("picture", "boundary", "directory"),
    [
        (8, 4, "tailcut84"),
        (10, 5, "tailcut1005"),
        (12, 6, "tailcut1206"),
        (14, 7, "tailcut1407"),
        (16, 8, "tailcut1608"),
        (18, 9, "tailcut1809"),
        (20, 10, "tailcut2010"),
    ],
)
def test_directory_of_dl1b_names_the_thresholds(picture, boundary, directory):
    text = config(picture_thresh=picture, boundary_thresh=boundary, sigma=2.5)
    tailcuts = parse_tailcuts(text, "dl1ab_Run01807.json")
    assert tailcuts == Tailcuts(picture, boundary)
    assert dl1_prod_id("tailcut", tailcuts) == directory


def test_prefix_of_the_directory_is_configurable():
    assert dl1_prod_id("cleaning_", Tailcuts(8, 4)) == "cleaning_84"


@pytest.mark.parametrize(
    "text",
    [
        "",
        config(picture_thresh=8, boundary_thresh=4)[:-20],
        "{}",
        "[]",
        "null",
        config(picture_thresh=8),
        config(picture_thresh="eight", boundary_thresh=4),
        config(picture_thresh=None, boundary_thresh=4),
    ],
)
def test_damaged_config_is_to_be_made_again(text):
    with pytest.raises(InputError) as error:
        parse_tailcuts(text, "dl1ab_Run01807.json")
    assert str(error.value).startswith("dl1ab_Run01807.json: not a cleaning configuration (")
    assert str(error.value).endswith("Remove it to have it made again.")


@pytest.mark.parametrize(
    ("line", "rate"),
    [
        ("Additional NSB rate (over dark MC): 0.2221 p.e./ns", 0.2221),
        ("Additional NSB rate (over dark MC): 2 p.e./ns", 2.0),
        ("Additional NSB rate (over dark MC): -0.0314 p.e./ns", -0.0314),
        ("Additional NSB rate (over dark MC): 1.5e-05 p.e./ns", 1.5e-5),
        ("INFO:root: Additional NSB rate (over dark MC):  0.13 p.e./ns\nDone", 0.13),
    ],
)
def test_rate_is_read_from_the_log_of_the_tailcuts_finder(line, rate):
    text = f"Run 1807\nNumber of subruns: 11\n{line}\n"
    assert parse_nsb_rate(text, "log_find_tailcuts_Run01807.log") == rate


@pytest.mark.parametrize(
    "text", ["", "Run 1807\n", "Additional NSB rate (over dark MC): \n", "Additional NSB rate: 1\n"]
)
def test_log_without_the_rate_is_named(text):
    with pytest.raises(InputError, match=r"^log\.log: no line 'Additional NSB rate .*Remove the f"):
        parse_nsb_rate(text, "log.log")
