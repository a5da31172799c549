"""What is said of a night agrees with its graph, subrun by subrun, in every state."""

import re

import pytest

from lstosa_luigi import planning
from lstosa_luigi.observation.night import sketched
from lstosa_luigi.status.model import State
from tests.fakes import made

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
    assert {thing.hint for thing in status.missing} <= set(plan.missing)
    blocked = [item.title for item in plan.items if item.state is planning.State.BLOCKED]
    assert all(said[title].state is State.WAITING for title in blocked)
    assert bool(blocked) <= bool(status.missing)


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
