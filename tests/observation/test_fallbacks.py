"""What a run gets whose interleaved events the tools refused, and where it does not count."""

import json

import pytest

from lstosa_luigi.observation.night import read_night
from lstosa_luigi.observation.reconstruction import (
    cat_b_of,
    cat_b_start,
    cleaning_of,
    fallbacks_of,
    superseded_places,
    tailcuts_needed,
)
from lstosa_luigi.refusals import Refusal
from tests.configuration import layout_below, load
from tests.observation.tables import catalog_text, summary_text

RUNS = ((1804, 6, "DRS4"), (1806, 5, "PEDCALIB"), *((run, 1, "DATA") for run in (1807, 1808, 1809)))
FEW = "only 20 interleaved pedestals per subrun"


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refuse(layout, run, product="Tailcuts"):
    refusal = Refusal(f"{product} Run{run:05d}", FEW, "2020-01-18T03:00:00+00:00", "/log")
    write(layout.refusal(f"Run{run:05d}_{product}"), refusal.text())


def find(layout, run, picture):
    cuts = {"picture_thresh": picture, "boundary_thresh": picture // 2}
    section = {"tailcuts_clean_with_pedestal_threshold": cuts}
    write(layout.tailcuts_config(run), json.dumps(section))
    write(layout.tailcuts_log(run), "Additional NSB rate (over dark MC): 0.4 p.e./ns\n")


@pytest.fixture
def layout(monkeypatch, tmp_path):
    layout = layout_below(monkeypatch, tmp_path)
    write(layout.run_summary(), summary_text(RUNS))
    write(layout.run_catalog(), catalog_text())
    return layout


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Return a function that reads a configuration with some fallbacks."""
    standard = tmp_path / "standard.json"
    section = {"tailcuts_clean_with_pedestal_threshold": {"picture_thresh": 8}}
    section["tailcuts_clean_with_pedestal_threshold"]["boundary_thresh"] = 4
    standard.write_text(json.dumps(section))

    def read(has_cat_b=False, **fallback):
        tools = {"dl1b_config": str(standard), "apply_catB_calibration": str(has_cat_b)}
        return load(monkeypatch, tmp_path, lstchain=tools, fallback=fallback)

    return read


def test_a_refusal_counts_only_if_there_is_something_else_to_do(layout, settings):
    refuse(layout, 1808)
    choice = cleaning_of(layout, settings(), 1808)
    assert (choice.value, choice.reason) == (None, "the tailcuts of run 01808 are not found yet")
    assert tailcuts_needed(layout, settings(), 1808) == [1808]


def test_standard_cleaning_says_why(layout, settings):
    refuse(layout, 1808)
    given = settings(tailcuts="standard")
    choice = cleaning_of(layout, given, 1808)
    assert (choice.value.dl1_prod, choice.value.nsb_rate) == ("tailcut84", 0.0)
    assert choice.value.fallback == "standard"
    assert choice.reason == (
        "standard cleaning and no NSB counted, because its tailcuts could not be found: " + FEW
    )
    assert fallbacks_of(read_night(layout), given) == [f"run 01808: {choice.reason}"]


def test_tailcuts_that_are_there_count_before_a_refusal(layout, settings):
    refuse(layout, 1808)
    find(layout, 1808, 10)
    given = settings(tailcuts="standard")
    choice = cleaning_of(layout, given, 1808)
    assert (choice.value.dl1_prod, choice.value.fallback) == ("tailcut1005", "")
    assert fallbacks_of(read_night(layout), given) == []


def test_previous_is_the_nearest_run_before_that_has_tailcuts(layout, settings):
    given = settings(tailcuts="previous")
    refuse(layout, 1809)
    assert tailcuts_needed(layout, given, 1809) == [1809, 1808]
    assert cleaning_of(layout, given, 1809).value is None
    assert "the tailcuts of run 01808 are not found yet" in cleaning_of(layout, given, 1809).reason
    refuse(layout, 1808)
    assert tailcuts_needed(layout, given, 1809) == [1809, 1808, 1807]
    find(layout, 1807, 12)
    choice = cleaning_of(layout, given, 1809)
    assert choice.value.config == str(layout.tailcuts_config(1807))
    assert (choice.value.dl1_prod, choice.value.nsb_rate) == ("tailcut1206", 0.4)
    assert choice.reason.startswith("cleaned like run 01807 before it, because its tailcuts could")


def test_previous_of_the_first_run_is_nothing(layout, settings):
    refuse(layout, 1807)
    find(layout, 1808, 8)
    choice = cleaning_of(layout, settings(tailcuts="previous"), 1807)
    assert choice.value is None
    assert "lstosa decide --date 2020-01-17 --run 1807 --tailcuts FILE" in choice.reason


def test_cat_b_that_is_refused_is_done_without(layout, settings):
    wanted = layout.cat_b_calibration(1808, "52")
    assert cat_b_of(layout, settings(), 1808).reason == "Cat-B is not asked for"
    refuse(layout, 1808, "CatBCalibration")
    assert cat_b_of(layout, settings(has_cat_b=True), 1808).value == wanted
    given = settings(has_cat_b=True, catB="without")
    choice = cat_b_of(layout, given, 1808)
    assert choice.value is None
    assert choice.reason == f"no Cat-B, because it could not be made: {FEW}"
    assert fallbacks_of(read_night(layout), given) == [f"run 01808: {choice.reason}"]
    write(wanted)
    assert cat_b_of(layout, given, 1808).value == wanted


def test_cat_b_of_the_event_builder_wants_its_table(layout, settings):
    start = cat_b_start(read_night(layout), settings(), 1808, is_evb_calibrated=True)
    assert start.value is None
    assert start.reason.endswith("set [calibration] table_catB")


def test_directories_that_do_not_count_are_known(layout, settings):
    find(layout, 1807, 10)
    find(layout, 1808, 8)
    for run, dl1_prod in ((1807, "tailcut84"), (1807, "tailcut1005"), (1808, "tailcut84")):
        write(layout.dl1b(run, 0, dl1_prod))
        write(layout.dl2(run, f"{dl1_prod}/nsb_tuning_0.14"))
    places = {"tailcut84", "tailcut84/nsb_tuning_0.14"}
    assert layout.places_of_runs()[1808] == places
    assert superseded_places(read_night(layout), settings()) == {1807: tuple(sorted(places))}


def test_random_forests_of_another_level_supersede_dl2_only(layout, settings):
    find(layout, 1807, 8)
    write(layout.dl1b(1807, 0, "tailcut84"))
    for level in ("0.14", "0.22"):
        write(layout.dl2(1807, f"tailcut84/nsb_tuning_{level}"))
    night, given = read_night(layout), settings()
    assert superseded_places(night, given) == {}, "no random forests, so nobody knows"
    model = f"{given.lstchain.mc_prod}nsb_tuning_0.22/dec_2276"
    layout.model(model).mkdir(parents=True)
    assert superseded_places(night, given) == {1807: ("tailcut84/nsb_tuning_0.14",)}
