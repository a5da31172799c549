"""What is known of a night: what its files say of runs, sources, calibration and cleaning."""

import json
from datetime import timedelta

import pytest

from lstosa_luigi import config
from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.night import read_night
from lstosa_luigi.observation.reconstruction import certain_model, cleaning_of, model_of
from lstosa_luigi.observation.runs import DatedRun
from tests.configuration import NIGHT, layout_below, load
from tests.observation.tables import RUNS, catalog_text, summary_text

MODEL = "20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276"


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def layout(monkeypatch, tmp_path):
    """A night as lstosa is tested with: tables, time calibrations, systematics, tailcuts."""
    layout = layout_below(monkeypatch, tmp_path)
    write(layout.run_summary(), summary_text())
    write(layout.run_catalog(), catalog_text())
    cat_a = layout.directories.cat_a_calib_base
    for date, run in (("20191124", 1625), ("20210321", 4211)):
        name = f"time_calibration.Run{run:05d}.0000.h5"
        write(cat_a / "drs4_time_sampling_from_FF" / date / "pro" / name)
    for date in ("20200725", "20201110"):
        name = f"ffactor_systematics_{date}.h5"
        write(cat_a / "ffactor_systematics" / date / "pro" / name)
    write_tailcuts(layout)
    return layout


def write_tailcuts(layout, picture=8, boundary=4, rate=0.2221):
    cuts = {"picture_thresh": picture, "boundary_thresh": boundary}
    section = {"tailcuts_clean_with_pedestal_threshold": cuts}
    write(layout.tailcuts_config(1807), json.dumps(section))
    line = f"Additional NSB rate (over dark MC): {rate} p.e./ns\n"
    write(layout.tailcuts_log(1807), line)


def test_night_is_not_known_before_its_run_summary(layout):
    layout.run_summary().unlink()
    assert read_night(layout) is None


def test_night_is_calibrated_as_lstosa_does(layout):
    night = read_night(layout)
    assert [run.number for run in night.data_runs] == [1807, 1808]
    assert night.drs4_run.value == night.baseline_run.value == DatedRun(NIGHT, 1804)
    assert night.pedcalib_run.value == DatedRun(NIGHT, 1809)
    assert night.time_calibration.value.name == "time_calibration.Run01625.0000.h5"
    assert night.systematics.value.name == "ffactor_systematics_20200725.h5"
    assert {run: source.name for run, source in night.sources.items()} == {
        1807: "Crab",
        1808: "MadeUpSource",
    }


def test_without_pedcalib_run_there_is_no_time_calibration_and_the_reason_is_told(layout):
    write(layout.run_summary(), summary_text([row for row in RUNS if row[2] != "PEDCALIB"]))
    choice = read_night(layout).time_calibration
    assert (choice.value, choice.reason) == (None, "no PEDCALIB run on 2020-01-17")


# --- calibration runs of nights before -----------------------------------------------------------


def write_summaries(layout, *nights):
    """Write run summaries of the night and those before; None for a night without one."""
    for back, rows in enumerate(nights):
        path = layout.of(NIGHT - timedelta(back)).run_summary()
        path.unlink(missing_ok=True)
        if rows is not None:
            write(path, summary_text(rows))


DRS4_1 = (1801, 1, "DRS4")
DRS4_2 = (1802, 1, "DRS4")
PEDCALIB = (1806, 1, "PEDCALIB")
DATA = (1807, 11, "DATA")


def test_runs_are_borrowed_from_the_nearest_earlier_night(layout):
    write_summaries(layout, [DATA], [DRS4_2], [DRS4_1, PEDCALIB])
    night = read_night(layout, max_days_back=4)
    assert night.drs4_run.value == DatedRun(NIGHT - timedelta(1), 1802)
    assert night.pedcalib_run.value == DatedRun(NIGHT - timedelta(2), 1806)
    assert night.time_calibration.value.name == "time_calibration.Run01625.0000.h5"


@pytest.mark.parametrize(("back", "found"), [(3, False), (4, True), (5, True)])
def test_no_run_is_borrowed_from_farther_back_than_allowed(layout, back, found):
    write_summaries(layout, [DATA], [], None, [], [DRS4_1, PEDCALIB])
    night = read_night(layout, max_days_back=back)
    assert (night.drs4_run.value is not None) == found


def test_nothing_for_five_nights_is_told_with_the_nights_that_were_searched(layout):
    write_summaries(layout, [DATA], [], [], None, [], [DRS4_1, PEDCALIB])
    assert read_night(layout, max_days_back=4).drs4_run.reason == (
        "no DRS4 run on 2020-01-17, nor on the 4 nights before, back to 2020-01-13 (no run summary "
        "of 2020-01-14)"
    )


def test_borrowed_pedcalib_run_is_analysed_with_the_drs4_run_of_its_own_night(layout):
    write_summaries(layout, [DRS4_2, DATA], [DRS4_1, PEDCALIB])
    night = read_night(layout, max_days_back=4)
    assert night.drs4_run.value.number == 1802
    assert night.baseline_run.value == DatedRun(NIGHT - timedelta(1), 1801)


def test_pedcalib_run_of_a_night_without_any_drs4_run_is_analysed_with_that_of_the_data(layout):
    write_summaries(layout, [DRS4_2, DATA], [PEDCALIB])
    assert read_night(layout, max_days_back=4).baseline_run.value == DatedRun(NIGHT, 1802)


def test_run_summary_that_comes_late_is_taken_into_account(layout):
    write_summaries(layout, [DATA], None)
    night = read_night(layout, max_days_back=4)
    assert night.time_calibration.value is None
    write_summaries(layout, [DATA], [DRS4_1, PEDCALIB])
    assert night.drs4_run.value.number == 1801
    assert night.time_calibration.value is not None


def test_earlier_night_of_which_there_are_raw_data_is_to_be_listed_first(layout):
    write_summaries(layout, [DATA, PEDCALIB], None, None, [DRS4_1])
    night = read_night(layout, max_days_back=4)
    assert night.unlisted_night() is None
    before = layout.of(NIGHT - timedelta(2))
    write(before.r0_file(1802, 0))
    assert night.unlisted_night() == before.date
    write(before.run_summary(), summary_text([DRS4_2]))
    assert night.unlisted_night() is None


def test_nights_before_need_not_be_listed_if_the_night_has_its_runs(layout):
    write(layout.of(NIGHT - timedelta(1)).r0_file(1, 0))
    assert read_night(layout, max_days_back=4).unlisted_night() is None


def test_damaged_run_summary_of_an_earlier_night_is_named(layout):
    write_summaries(layout, [DATA], [DRS4_1])
    path = layout.of(NIGHT - timedelta(1)).run_summary()
    write(path, path.read_text()[:-3])
    with pytest.raises(InputError, match=r"RunSummary_20200116\.ecsv: cannot be read as a run sum"):
        read_night(layout, max_days_back=4).drs4_run  # noqa: B018 - it is the reading


def test_night_of_a_run_is_found_in_the_run_summaries(layout):
    write_summaries(layout, [DATA], [DRS4_1])
    night = read_night(layout, max_days_back=4)
    assert night.find_run(1801).value == DatedRun(NIGHT - timedelta(1), 1801)
    assert night.find_run(1200).value == DatedRun(NIGHT, 1200)


def test_night_without_catalogue_has_no_sources(layout):
    layout.run_catalog().unlink()
    assert read_night(layout).sources == {}


def test_corrected_run_summary_is_read_again(layout):
    assert len(read_night(layout).data_runs) == 2
    write(layout.run_summary(), summary_text().replace("1808,9,DATA", "1808,9,EDATA"))
    assert [run.number for run in read_night(layout).data_runs] == [1807]


# --- as the operators decided ------------------------------------------------------------------


def decide(layout, *entries):
    """Write decisions, a line of YAML each."""
    lines = "".join(
        f"- {{number: {n}, {entry}, who: mara, why: seen, when: 2020-01-18}}\n"
        for n, entry in enumerate(entries, 1)
    )
    write(layout.decisions(), f"schema_version: 1\ndecisions:\n{lines}")


def test_changed_decisions_are_read_again(layout):
    assert [run.number for run in read_night(layout).data_runs] == [1807, 1808]
    decide(layout, "what: veto, run: 1807")
    assert [run.number for run in read_night(layout).data_runs] == [1808]
    layout.decisions().unlink()
    assert [run.number for run in read_night(layout).data_runs] == [1807, 1808]


def test_night_is_calibrated_with_the_runs_that_were_forced(layout):
    decide(layout, "what: drs4, value: 1803", "what: pedcalib, value: 1805")
    night = read_night(layout)
    for number, choice, runs in (
        (1, night.drs4_run, (1803, 1804)),
        (2, night.pedcalib_run, (1805, 1806, 1809)),
    ):
        there = tuple(DatedRun(NIGHT, run) for run in runs)
        assert choice == Choice(there[0], f"forced by decision {number} of mara: seen", there)


def test_forced_run_that_is_of_another_type_by_now_is_not_replaced_by_another(layout):
    decide(layout, "what: drs4, value: 1805")
    choice = read_night(layout).drs4_run
    assert choice.value is None
    assert choice.reason == (
        "forced by decision 1 of mara: seen, but run 01805 of 2020-01-17 is no DRS4 run"
    )


def test_forced_run_that_no_night_has_is_not_replaced_by_another(layout):
    decide(layout, "what: drs4, value: 1700")
    choice = read_night(layout, max_days_back=4).drs4_run
    assert choice.value is None
    assert choice.reason == (
        "forced by decision 1 of mara: seen, but run 01700 is in no run summary back to 2020-01-13"
    )


def test_forced_run_may_be_of_an_earlier_night(layout):
    write_summaries(layout, [DATA, PEDCALIB], [DRS4_2], [DRS4_1])
    decide(layout, "what: drs4, value: 1801")
    night = read_night(layout, max_days_back=4)
    assert night.drs4_run.value == DatedRun(NIGHT - timedelta(2), 1801)
    assert night.drs4_run.reason == "forced by decision 1 of mara: seen"
    assert [run.number for summary in night.earlier() for run in summary.runs] == [1802, 1801]


@pytest.mark.parametrize("run", [1801, 1802])
def test_no_earlier_night_has_to_be_listed_for_a_run_that_is_forced(layout, run):
    """Whether or not the forced run, 1801 of two nights before, is still of its type."""
    write_summaries(layout, [DATA, PEDCALIB, (1802, 1, "ERROR")], None, [DRS4_1])
    write(layout.of(NIGHT - timedelta(1)).r0_file(1803, 0))
    night = read_night(layout, max_days_back=4)
    assert night.unlisted_night() == NIGHT - timedelta(1)
    decide(layout, f"what: drs4, value: {run}")
    night = read_night(layout, max_days_back=4)
    assert night.unlisted_night() is None
    assert (night.drs4_run.value is not None) == (run == 1801)


def test_run_that_was_discarded_in_its_own_night_is_not_borrowed(layout):
    write_summaries(layout, [DATA], [DRS4_2], [DRS4_1, PEDCALIB])
    night, before = read_night(layout, max_days_back=4), layout.of(NIGHT - timedelta(1))
    assert night.drs4_run.value == DatedRun(before.date, 1802)
    decide(before, "what: discard, run: 1802")
    assert night.drs4_run.value == DatedRun(NIGHT - timedelta(2), 1801)
    before.decisions().unlink()
    assert night.drs4_run.value == DatedRun(before.date, 1802)


def test_run_is_borrowed_as_its_own_night_was_decided_to_see_it(layout):
    write_summaries(layout, [DATA], [(1802, 1, "ERROR")], [DRS4_1, PEDCALIB])
    before = layout.of(NIGHT - timedelta(1))
    decide(before, "what: set-type, run: 1802, value: DRS4")
    assert read_night(layout, max_days_back=4).drs4_run.value == DatedRun(before.date, 1802)


def test_borrowed_pedcalib_run_is_analysed_with_the_drs4_run_forced_in_its_own_night(layout):
    write_summaries(layout, [DATA], [DRS4_1, DRS4_2, PEDCALIB])
    before = layout.of(NIGHT - timedelta(1))
    decide(before, "what: drs4, value: 1801")
    decide(layout, "what: drs4, value: 1802")
    night = read_night(layout, max_days_back=4)
    assert night.drs4_run.value == DatedRun(before.date, 1802)
    assert night.baseline_run.value == DatedRun(before.date, 1801)


def related(layout):
    return [decision.text for decision in read_night(layout, max_days_back=4).related.all]


def test_decisions_about_what_is_borrowed_count_beside_those_of_the_night(layout):
    write_summaries(layout, [DATA], [DRS4_2, DATA], [DRS4_1, PEDCALIB], [DRS4_1, PEDCALIB])
    decide(layout, "what: veto, run: 1807")
    decide(layout.of(NIGHT - timedelta(1)), "what: discard, run: 1807", "what: drs4, value: 1802")
    decide(layout.of(NIGHT - timedelta(2)), "what: discard, run: 1801")
    decide(layout.of(NIGHT - timedelta(3)), "what: discard, run: 1801")
    assert related(layout) == [
        "discard run 01801 of 2020-01-14",  # the PEDCALIB run is analysed with that by now
        "discard run 01801 of 2020-01-15",
        "drs4 the night of 2020-01-16 1802",
        "veto run 01807",
    ]
    write_summaries(layout, [DRS4_1, PEDCALIB, DATA])
    assert related(layout) == ["veto run 01807"], "it borrows nothing"


def test_time_calibration_is_the_one_that_was_forced(layout):
    decide(layout, "what: time-calibration, value: 4211")
    choice = read_night(layout).time_calibration
    assert choice.value.name == "time_calibration.Run04211.0000.h5"
    assert (choice.reason, len(choice.candidates)) == ("forced by decision 1 of mara: seen", 2)


def test_forced_time_calibration_that_is_gone_is_not_replaced_by_another(layout):
    decide(layout, "what: time-calibration, value: 7777")
    choice = read_night(layout).time_calibration
    assert choice.value is None
    assert choice.reason.startswith("no time calibration of run 07777, as forced by decision 1")


def test_run_is_cleaned_as_was_forced_and_as_dark_as_the_run_it_is_cleaned_like(layout):
    decide(layout, f"what: tailcuts, value: {layout.tailcuts_config(1807)}, run: 1808")
    choice = cleaning_of(layout, config.load(), 1808)
    assert choice.reason == "forced by decision 1 of mara: seen"
    assert (choice.value.dl1_prod, choice.value.nsb_rate) == ("tailcut84", 0.2221)


def test_forced_cleaning_that_is_gone_is_named_with_the_decision(layout):
    decide(layout, "what: tailcuts, value: /no/such.json")
    with pytest.raises(
        InputError, match=r"^/no/such.json is not there; run 01808 is to be cleaned"
    ):
        cleaning_of(layout, config.load(), 1808)


def test_random_forests_are_those_that_were_forced_also_without_a_source(layout):
    decide(layout, f"what: rf-model, value: {MODEL}, run: 1808")
    layout.run_catalog().unlink()
    found = cleaning_of(layout, config.load(), 1807).value
    choice = model_of(read_night(layout), config.load(), 1808, found)
    assert (choice.value, choice.reason) == (MODEL, "forced by decision 1 of mara: seen")


# --- cleaning and random forests -----------------------------------------------------------------


def test_cleaning_is_the_one_found_for_the_run(layout):
    choice = cleaning_of(layout, config.load(), 1807)
    assert choice.reason == "found for run 01807"
    assert choice.value.dl1_prod == "tailcut84"
    assert choice.value.nsb_rate == 0.2221
    assert choice.value.config == str(layout.tailcuts_config(1807))


@pytest.mark.parametrize("lacking", ["tailcuts_config", "tailcuts_log"])
def test_cleaning_waits_for_both_files_of_the_tailcuts_finder(layout, lacking):
    getattr(layout, lacking)(1807).unlink()
    choice = cleaning_of(layout, config.load(), 1807)
    assert choice.value is None
    assert choice.reason == "the tailcuts of run 01807 are not found yet"


@pytest.fixture
def standard(monkeypatch, tmp_path, layout):
    """The option to clean all runs alike."""
    file = write(tmp_path / "dl1b.json", layout.tailcuts_config(1807).read_text())
    options = {
        "apply_standard_dl1b_config": "true",
        "dl1b_config": str(file),
        "dl1_prod_id": "tailcut_std",
    }
    return load(monkeypatch, tmp_path, lstchain=options)


def test_standard_cleaning_has_the_configured_directory(layout, standard):
    layout.tailcuts_config(1807).unlink()
    choice = cleaning_of(layout, standard, 1807)
    assert choice.reason == "the standard DL1b config is asked for"
    assert choice.value.dl1_prod == "tailcut_std"
    assert choice.value.config == standard.lstchain.dl1b_config
    assert choice.value.nsb_rate == 0.2221


def test_standard_cleaning_needs_no_tailcuts_where_lstosa_gives_up(layout, standard):
    assert cleaning_of(layout, standard, 1808).value.nsb_rate == 0.0


def models_of(layout, run=1807):
    settings = config.load()
    found = cleaning_of(layout, settings, 1807).value
    return model_of(read_night(layout), settings, run, found)


def test_models_that_exist_are_chosen_by_background_and_declination(layout):
    for name in (
        "nsb_tuning_0.00/dec_2276",
        "nsb_tuning_0.14/dec_2276",
        "nsb_tuning_0.14/dec_4822",
    ):
        layout.model(f"20240918_v0.10.12_allsky_{name}").mkdir(parents=True)
    assert models_of(layout).value == MODEL
    assert models_of(layout, 1808).value == MODEL.replace("dec_2276", "dec_4822")


def test_models_that_the_simulation_can_train_count_as_there(layout):
    production, line = MODEL.split("/")
    training = layout.directories.mc_dir / "DL1/AllSky" / production / "TrainingDataset" / line
    training.mkdir(parents=True)
    assert models_of(layout).value == MODEL


def test_without_models_and_simulation_there_is_no_choice(layout):
    assert models_of(layout).value is None


@pytest.mark.parametrize(
    ("there", "certain"),
    [
        ([], None),
        ([MODEL], MODEL),
        ([MODEL, MODEL.replace("allsky", "allsky_special")], MODEL),
        ([MODEL, MODEL.replace("2276", "4822")], None),
    ],
)
def test_model_is_certain_before_anything_is_known_if_there_is_one_only(layout, there, certain):
    for model in there:
        layout.model(model).mkdir(parents=True)
    assert certain_model(layout, config.load()) == certain


def test_run_that_the_catalogue_lacks_is_named(layout):
    write(layout.run_catalog(), catalog_text([]))
    with pytest.raises(
        InputError, match=r"^Run 01807 is not in .*RunCatalog_20200117\.ecsv: its d"
    ):
        models_of(layout)
