"""What is known of a night: what its files say of runs, sources, calibration and cleaning."""

import json

import pytest

from lstosa_luigi import config
from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.night import certain_model, cleaning_of, model_of, read_night
from tests.configuration import layout_below, load
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
    assert (night.drs4_run.value, night.pedcalib_run.value) == (1804, 1809)
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
    assert night.drs4_run == Choice(1803, "decision 1 of mara: seen", (1803, 1804))
    assert night.pedcalib_run == Choice(1805, "decision 2 of mara: seen", (1805, 1806, 1809))


def test_forced_run_that_is_of_another_type_by_now_is_not_replaced_by_another(layout):
    decide(layout, "what: drs4, value: 1805")
    choice = read_night(layout).drs4_run
    assert choice.value is None
    assert choice.reason == "decision 1 of mara: seen, but run 01805 is no DRS4 run"


def test_time_calibration_is_the_one_that_was_forced(layout):
    decide(layout, "what: time-calibration, value: 4211")
    choice = read_night(layout).time_calibration
    assert choice.value.name == "time_calibration.Run04211.0000.h5"
    assert (choice.reason, len(choice.candidates)) == ("decision 1 of mara: seen", 2)


def test_forced_time_calibration_that_is_gone_is_not_replaced_by_another(layout):
    decide(layout, "what: time-calibration, value: 7777")
    choice = read_night(layout).time_calibration
    assert choice.value is None
    assert choice.reason.startswith("no time calibration of run 07777, as forced by decision 1")


def test_run_is_cleaned_as_was_forced_and_as_dark_as_the_run_it_is_cleaned_like(layout):
    decide(layout, f"what: tailcuts, value: {layout.tailcuts_config(1807)}, run: 1808")
    choice = cleaning_of(layout, config.load(), 1808)
    assert choice.reason == "decision 1 of mara: seen"
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
    assert (choice.value, choice.reason) == (MODEL, "decision 1 of mara: seen")


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
