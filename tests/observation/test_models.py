"""Which random forests belong to a run: level of the night-sky background, declination line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstosa_luigi.observation.models import (
    choose_declination,
    choose_model,
    declination_of,
    nsb_level_of,
)

PROD = "20240918_v0.10.12_allsky_"
LINES = (
    "dec_min_1802",
    "dec_min_413",
    "dec_931",
    "dec_2276",
    "dec_3476",
    "dec_4822",
    "dec_6166",
    "dec_6676",
)
LEVELS = ("0.00", "0.07", "0.14", "0.22", "0.38", "0.50", "0.81", "1.25", "1.76", "2.34")
ALL = [f"{PROD}nsb_tuning_{level}/{line}" for level in LEVELS for line in LINES]
LSTOSA = [f"{PROD}nsb_tuning_{name}" for name in ("0.00", "0.14/dec_2276", "0.14/dec_4822")]
"""What the fixtures of lstosa have: a level without any line, and one with two."""


def chosen(available, picture=8, nsb_rate=0.0, declination_deg=22.0):
    return choose_model(available, PROD, picture, nsb_rate, declination_deg).value


def test_run_1807_of_lstosa_gets_the_nearest_level_that_exists():
    choice = choose_model(LSTOSA, PROD, 8, 0.2221, 22.08)
    assert choice.value == f"{PROD}nsb_tuning_0.14/dec_2276"
    assert choice.reason == (
        "NSB rate 0.222 p.e./ns (above all that is simulated for it) and picture threshold 8 ask "
        "for level 0.22, of 0.00, 0.07, 0.14, 0.22; nearest there is 0.14, of 0.14; declination "
        "22.08 deg asks for the line at 22.76 deg, of 22.76, 48.22"
    )
    assert choice.candidates == tuple(LSTOSA)


def test_run_1808_of_lstosa_gets_the_line_of_its_source():
    assert chosen(LSTOSA, nsb_rate=0.2221, declination_deg=43.98).endswith("0.14/dec_4822")


@pytest.mark.parametrize(
    ("picture", "rate", "level"),
    [
        (8, 0.0, "0.00"),
        (8, 0.034, "0.00"),
        (8, 0.036, "0.07"),
        (8, 0.13, "0.14"),
        (8, 0.2221, "0.22"),
        (8, 0.9, "0.22"),  # never one of another picture threshold
        (10, 0.2221, "0.38"),
        (10, 0.45, "0.50"),
        (12, 0.0, "0.81"),
        (14, 9.9, "1.25"),
        (16, 1.7, "1.76"),
        (18, 3.0, "2.34"),  # beyond the highest that is simulated
    ],
)
def test_level_is_the_nearest_of_those_simulated_for_the_cleaning(picture, rate, level):
    assert nsb_level_of(chosen(ALL, picture, rate).split("/")[0]) == float(level)


def test_level_of_an_unknown_cleaning_is_the_nearest_of_all():
    assert chosen(ALL, picture=9, nsb_rate=0.8).startswith(f"{PROD}nsb_tuning_0.81/")


def test_negative_rate_counts_as_dark_where_lstosa_gives_up():
    choice = choose_model(ALL, PROD, 8, -0.05, 22.0)
    assert choice.value.startswith(f"{PROD}nsb_tuning_0.00/")
    assert "NSB rate -0.050 p.e./ns (less than none: counted as none) and pict" in choice.reason


def test_rate_beyond_all_levels_gets_the_highest_and_the_reason_says_so():
    choice = choose_model(ALL, PROD, 18, 7.5, 22.0)
    assert choice.value.startswith(f"{PROD}nsb_tuning_2.34/")
    assert choice.reason.startswith(
        "NSB rate 7.500 p.e./ns (above all that is simulated for it) and picture threshold 18 ask "
        "for level 2.34, of 2.34; nearest there is 2.34, of 0.00, 0.07, 0.14, 0.22, 0.38, "
    )


@pytest.mark.parametrize(
    ("line", "declination"),
    [
        ("dec_2276", 22.76),
        ("dec_931", 9.31),
        ("dec_min_413", -4.13),
        ("dec_min_1802", -18.02),
        ("dec_22", None),
        ("dec_22766", None),
        ("dec_-413", None),
        ("node_2276", None),
        ("dec_2276_old", None),
    ],
)
def test_line_names_its_declination(line, declination):
    assert declination_of(line) == declination


@pytest.mark.parametrize(
    ("declination", "line"),
    [
        # between the two lines about the site's latitude (22.76 and 34.76): the nearest
        (22.76, "dec_2276"),
        (28.0, "dec_2276"),
        (28.75, "dec_2276"),  # a little nearer to it than to 34.76
        (28.77, "dec_3476"),
        (28.8, "dec_3476"),
        (34.0, "dec_3476"),
        # outside of them the nearest that culminates as high as the source
        (22.01, "dec_2276"),  # Crab
        (13.0, "dec_2276"),  # 9.31 is nearer, but culminates lower
        (9.0, "dec_931"),
        (-1.0, "dec_931"),  # -4.13 is nearer, but culminates lower
        (-5.0, "dec_min_413"),
        (38.21, "dec_3476"),  # Mrk 421
        (47.0, "dec_3476"),  # 48.22 is nearer, but culminates lower
        (49.0, "dec_4822"),
        (65.0, "dec_6166"),  # 66.76 is nearer, but culminates lower
        (80.0, "dec_6676"),  # beyond the last line
        (-29.0, "dec_min_1802"),
    ],
)
def test_line_is_the_nearest_that_culminates_high_enough(declination, line):
    assert chosen(ALL, declination_deg=declination).endswith(f"/{line}")


@pytest.mark.parametrize(
    ("lines", "declination", "line", "reason"),
    [
        # as near to two lines: the southern one, whatever the order
        ((20.0, 30.0), 25.0, 20.0, "of 20.00, 30.00"),
        ((30.0, 20.0), 25.0, 20.0, "of 20.00, 30.00"),
        ((20.0, 30.0), 25.01, 30.0, "of 20.00, 30.00"),
        # on a line next to the site, and just beyond
        ((9.31, 22.76, 34.76), 22.76, 22.76, "of 9.31, 22.76, 34.76"),
        ((9.31, 22.76, 34.76), 22.75, 22.76, "of 9.31, 22.76, 34.76"),
        (
            (9.31, 22.76, 34.76),
            13.0,
            22.76,
            "of 9.31, 22.76, 34.76, since 9.31 culminates lower than the source",
        ),
        # south and north of all lines: the last
        ((-18.02, 22.76, 34.76), -29.0, -18.02, "of -18.02, 22.76, 34.76"),
        ((22.76, 34.76, 66.76), 85.0, 66.76, "of 22.76, 34.76, 66.76"),
        # none culminates as high
        ((-4.13, 9.31), 22.0, 9.31, "of -4.13, 9.31, though none culminates as high as the source"),
        ((66.76,), 22.0, 66.76, "of 66.76, though none culminates as high as the source"),
    ],
)
def test_reason_of_the_line_names_all_lines_and_those_that_were_passed_over(
    lines, declination, line, reason
):
    choice = choose_declination(lines, declination)
    assert choice.value == line
    assert choice.candidates == tuple(sorted(lines))
    said = f"declination {declination:.2f} deg asks for the line at {line:.2f} deg, {reason}"
    assert choice.reason == said


def test_only_line_there_is_is_taken_even_if_it_culminates_lower():
    assert chosen([f"{PROD}nsb_tuning_0.14/dec_6676"]) == f"{PROD}nsb_tuning_0.14/dec_6676"


@pytest.mark.parametrize(
    "available",
    [
        [],
        [f"{PROD}nsb_tuning_0.14"],
        [f"{PROD}nsb_tuning_0.14/notes"],
        ["20230901_v0.10.4_allsky_nsb_tuning_0.14/dec_2276"],
        [f"{PROD}special_nsb_tuning_0.14/dec_2276"],
    ],
)
def test_without_models_of_the_production_there_is_no_choice(available):
    choice = choose_model(available, PROD, 8, 0.2, 22.0)
    assert choice.value is None
    others = " (there are " + available[0].partition("/")[0] + ")" if available else ""
    assert choice.reason == f"no random forests named {PROD}nsb_tuning_*/dec_*{others}"


@given(
    st.lists(st.sampled_from(ALL), unique=True, min_size=1).flatmap(
        lambda names: st.tuples(st.just(names), st.permutations(names))
    ),
    st.sampled_from([8, 10, 12, 14, 16, 18]),
    st.floats(-1, 5),
    st.floats(-40, 90),
)
def test_choice_does_not_depend_on_the_order_and_always_exists(orders, picture, rate, declination):
    one, other = (choose_model(names, PROD, picture, rate, declination) for names in orders)
    assert one == other
    assert one.value in orders[0]
