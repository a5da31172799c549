"""What is said of a night agrees with its graph, subrun by subrun, in every state."""

import re
import shutil

import pytest

from lstosa_luigi import planning
from lstosa_luigi.observation.night import sketched
from lstosa_luigi.status.model import State
from tests.fakes import made
from tests.status.conftest import RUNS

OWN_FILES = {"lstchain": {"apply_catB_calibration": "true"}}


def nothing(shown):
    pass


def calibrated(shown):
    made.fill(shown.root, but="DL1A .*")


def some_dl1a(shown):
    made.fill(shown.root, but=r"DL1A Run00003.0001|DL1A Run00004.000[12]")


def one_run_cleaned(shown):
    made.fill(shown.root, but="Tailcuts Run00004|DL1B Run00003.0000")


def all_there(shown):
    made.fill(shown.root)


def first_subrun_removed(shown):
    made.fill(shown.root)
    for name in ("dl1_LST-1.Run00004.0000.h5", "datacheck_dl1_LST-1.Run00003.0001.h5"):
        next(path for path in shown.night.base.rglob(name) if "tailcut84" in str(path)).unlink()


def no_drive_log(shown):
    made.fill(shown.root, but="DL1A Run00004.*")
    shown.night.drive_log.unlink()


def no_source(shown):
    catalog = shown.root.layout.run_catalog()
    catalog.write_text(re.sub("(?m)^4,.*\n", "", catalog.read_text()))
    made.fill(shown.root)


def damaged_cleaning(shown):
    made.fill(shown.root, but="DL2 .*")
    shown.root.layout.tailcuts_config(3).write_text("{")


def subrun_discarded(shown):
    made.fill(shown.root)
    assert shown.lstosa("decide", "--discard", "4.0", "--why", "clouds")[0] == 0


def baseline_chosen(shown):
    made.fill(shown.root)
    assert shown.lstosa("decide", "--time-calibration", "1", "--why", "told so")[0] == 0
    made.put_record(made.find(shown.root, "ChargeCalibration Run00002"), inputs=("another",))
    made.put_record(made.find(shown.root, "DL1A Run00004.0002"), inputs=("others",), decided=())
    made.put_record(made.find(shown.root, "DL1A Run00003.0000"), inputs=("others",), decided=())


def run_vetoed(shown):
    made.fill(shown.root, but="DL1A Run00003.*")
    assert shown.lstosa("decide", "--veto", "4", "--why", "clouds")[0] == 0


def closed(shown):
    made.fill(shown.root)
    made.close(shown.root)
    next(shown.night.base.rglob("dl3_LST-1.Run00003.fits.gz")).unlink()


def accepted(shown):
    made.fill(shown.root, but="DL1A Run00004.0001")
    assert shown.lstosa("decide", "--accept-incomplete", "--why", "enough")[0] == 0


SITUATIONS = [
    nothing,
    calibrated,
    some_dl1a,
    one_run_cleaned,
    all_there,
    first_subrun_removed,
    no_drive_log,
    no_source,
    damaged_cleaning,
    subrun_discarded,
    baseline_chosen,
    run_vetoed,
    closed,
    accepted,
]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
@pytest.mark.parametrize("options", [{}, OWN_FILES], ids=["", "cat_b"])
def test_status_agrees_with_the_whole_graph(shown, situation, options) -> None:
    night = shown(options=options)
    situation(night)
    compare(night)


def causes(problems) -> set[str]:
    """Return problems without what they are of: one that all subruns share is said once."""
    return {re.sub(r"^\w+ Run\d{5}(\.\d{4})?: ", "", problem) for problem in problems}


def compare(night) -> None:
    """Compare what is said of a night with the plan, which looks at every subrun."""
    plan = planning.make_plan(night.root)
    status = night.status()
    said = {product.title: product for product in status.products}
    assert len(said) == len(status.products)
    assert set(said) == {item.title for item in plan.items}
    for item in plan.items:
        product = said[item.title]
        assert sorted(product.files) == sorted(item.files), item.title
        is_there = item.state is planning.State.THERE
        if plan.is_settled:
            assert (product.state is State.DONE) >= is_there
            assert product.state in (State.DONE, State.LEFT)
        else:
            assert (product.state is State.DONE) == is_there, item.title
            assert product.is_outdated == (item.state is planning.State.AGAIN), item.title
    if plan.is_settled:
        assert status.missing == ()
    else:
        assert {thing.hint for thing in status.missing} == set(plan.missing)
    assert causes(status.problems) == causes(plan.problems)
    assert status.choices == plan.choices
    blocked = [item.title for item in plan.items if item.state is planning.State.BLOCKED]
    assert all(said[title].state is State.WAITING for title in blocked)
    assert bool(blocked) <= bool(status.missing)


# --- raw data of any kind, refusals, a catalogue that is made ------------------------------

TWO_GAIN = {3: "legacy_raw", 4: "legacy_raw"}


def remove(shown, *trees):
    for tree in trees:
        shutil.rmtree(shown.night.base / tree)


def states_known(shown):
    made.fill(shown.root, but="GainSelection .*|RawCopy .*")


def one_state_known(shown):
    made.fill(shown.root, but="RunInputState Run00004")


def half_selected(shown):
    made.fill(shown.root, but=r"GainSelection Run00004.000[12]|DL1A Run00003.0001")


def half_selected_without_raw_data(shown):
    half_selected(shown)
    remove(shown, "R0")


def all_removed(shown):
    made.fill(shown.root)
    remove(shown, "R0", "R0G")


def all_removed_and_a_subrun_lost(shown):
    all_removed(shown)
    shown.root.layout.dl1a(4, 1).unlink()


def first_subrun_lost_and_selected_data_removed(shown):
    made.fill(shown.root)
    remove(shown, "R0G")
    shown.root.layout.dl1a(4, 0).unlink()


def closed_and_removed(shown):
    made.fill(shown.root)
    made.close(shown.root)
    remove(shown, "R0", "R0G")


def state_forgotten_and_a_subrun_lost(shown):
    made.fill(shown.root)
    shown.root.layout.input_state(4).unlink()
    shown.root.layout.dl1a(4, 1).unlink()


def state_forgotten_with_all_there(shown):
    all_removed(shown)
    shown.root.layout.input_state(4).unlink()


def stream_lost(shown):
    shown.night.r0(4, 1, 3).unlink()
    made.fill(shown.root, but="GainSelection Run00004.0002")


def first_subrun_lies_among_selected(shown):
    for stream in (1, 2, 3, 4):
        target = shown.night.r0g(3, 0, stream)
        target.parent.mkdir(parents=True, exist_ok=True)
        shown.night.r0(3, 0, stream).rename(target)
    made.fill(shown.root, but="RunInputState Run00003")


def run_without_raw_data(shown):
    for subrun in (0, 1, 2):
        for stream in (1, 2, 3, 4):
            shown.night.r0(4, subrun, stream).unlink()
    made.fill(shown.root)


TWO_GAIN_SITUATIONS = [
    *SITUATIONS,
    states_known,
    one_state_known,
    half_selected,
    half_selected_without_raw_data,
    all_removed,
    all_removed_and_a_subrun_lost,
    first_subrun_lost_and_selected_data_removed,
    closed_and_removed,
    state_forgotten_and_a_subrun_lost,
    state_forgotten_with_all_there,
    stream_lost,
    first_subrun_lies_among_selected,
    run_without_raw_data,
]


@pytest.mark.parametrize("situation", TWO_GAIN_SITUATIONS, ids=lambda one: one.__name__)
def test_status_of_a_two_gain_night_agrees_with_the_whole_graph(shown, situation) -> None:
    night = shown(states=TWO_GAIN)
    situation(night)
    compare(night)


UNCALIBRATED = [one for one in SITUATIONS if one is not baseline_chosen]
"""Situations of a night of which no calibration is made."""
WITHOUT_CATALOG = [one for one in SITUATIONS if one is not no_source]
NO_PEDESTALS = {"lstchain": {"dl1ab": "lstchain_dl1ab --no-pedestal-cleaning"}}


@pytest.mark.parametrize("situation", UNCALIBRATED, ids=lambda situation: situation.__name__)
@pytest.mark.parametrize("options", [{}, NO_PEDESTALS, OWN_FILES], ids=["", "no_pedestals", "b"])
def test_status_of_a_night_of_the_event_builder_agrees(shown, situation, options) -> None:
    night = shown(states=dict.fromkeys((3, 4), "catA_calibrated"), options=options)
    situation(night)
    compare(night)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
def test_status_of_a_night_with_runs_of_all_kinds_agrees(shown, situation) -> None:
    runs = (*RUNS, (5, "DATA", 2))
    states = {3: "legacy_raw", 5: "catA_calibrated"}
    night = shown(runs=runs, states=states, options=NO_PEDESTALS)
    situation(night)
    compare(night)


def refused(shown):
    made.fill(shown.root, but="(Tailcuts|CatBCalibration) Run00004")
    made.refuse(shown.root, "Tailcuts Run00004")
    if "CatBCalibration Run00004" in shown.states():
        made.refuse(shown.root, "CatBCalibration Run00004")


def refused_half_way(shown):
    refused(shown)
    made.fill(shown.root, but="DL1B Run00004.0001")


def refused_all_there(shown):
    refused(shown)
    made.fill(shown.root)


def refused_and_closed(shown):
    refused_all_there(shown)
    made.close(shown.root)


def refused_and_found_later(shown):
    refused_all_there(shown)
    made.put(made.find(shown.root, "Tailcuts Run00004"))


def refused_and_found_otherwise_later(shown):
    refused_and_found_later(shown)
    config = shown.root.layout.tailcuts_config(4)
    config.write_text(config.read_text().replace("8", "10"))


def first_run_refused(shown):
    made.fill(shown.root, but="Tailcuts Run00003")
    made.refuse(shown.root, "Tailcuts Run00003")
    made.fill(shown.root)


REFUSALS = [
    refused,
    refused_half_way,
    refused_all_there,
    refused_and_closed,
    refused_and_found_later,
    refused_and_found_otherwise_later,
    first_run_refused,
]


@pytest.mark.parametrize("situation", REFUSALS, ids=lambda situation: situation.__name__)
@pytest.mark.parametrize("cat_b", ["none", "without"])
@pytest.mark.parametrize("tailcuts", ["none", "standard", "previous"])
def test_status_agrees_where_a_tool_refused(shown, situation, tailcuts, cat_b) -> None:
    options = {"fallback": {"tailcuts": tailcuts, "catB": cat_b}}
    if cat_b != "none":
        options |= OWN_FILES
    night = shown(options=options)
    situation(night)
    compare(night)


@pytest.mark.parametrize("situation", WITHOUT_CATALOG, ids=lambda situation: situation.__name__)
def test_status_agrees_where_the_catalogue_is_made_of_the_target_log(shown, situation) -> None:
    night = shown()
    night.root.layout.run_catalog().unlink()
    night.root.layout.target_log().write_text("1709409400 TrackStart 83.633 22.0145 Crab\n")
    situation(night)
    compare(night)


def test_every_product_of_a_night_tells_its_subruns_apart_by_its_unit(shown) -> None:
    """What is said of the first subrun is repeated for the others: their files must differ so."""
    night = shown(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 12)))
    made.fill(night.root)
    whole = {task.title: task for task in made.products(night.root)}
    with sketched():
        assert len(list(made.products(night.root))) < len(whole)
    for product in night.status().products:
        task = whole[product.title]
        assert product.unit == task.unit
        outputs = task.output()
        paths = outputs.values() if isinstance(outputs, dict) else [outputs]
        assert product.files == tuple(target.path for target in paths)
