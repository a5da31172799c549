"""The cases that lstosa itself is tested with, on its own fixtures: runs, files and models."""

import datetime
import json

import pytest

from lstosa_luigi import config
from lstosa_luigi.observation.night import read_night
from lstosa_luigi.observation.reconstruction import cleaning_of, model_of
from lstosa_luigi.observation.runs import DATA, DatedRun
from lstosa_luigi.products.dl2 import dl2_prod_id
from tests.configuration import NIGHT, layout_below
from tests.observation.tables import RUNS, catalog_text, summary_text

LATER = datetime.date(2022, 9, 23)
BEFORE = datetime.date(2022, 9, 22)
SUMMARIES = {
    NIGHT: RUNS,
    LATER: ((9379, 21, "DATA"), (9380, 44, "DRS4"), (9381, 41, "DRS4")),
    BEFORE: ((9326, 4, "DRS4"), (9327, 3, "ERRPEDCALIB"), (9258, 5, "PEDCALIB")),
}
FILES = (
    "drs4_time_sampling_from_FF/20191124/pro/time_calibration.Run01625.0000.h5",
    "drs4_time_sampling_from_FF/20210321/pro/time_calibration.Run04211.0000.h5",
    "drs4_time_sampling_from_FF/20210902/pro/time_calibration.Run05979.0000.h5",
    "ffactor_systematics/20200725/pro/ffactor_systematics_20200725.h5",
    "ffactor_systematics/20201110/pro/ffactor_systematics_20201110.h5",
    "drs4_baseline/20200117/v0.1.1/drs4_pedestal.Run01804.0000.h5",
    "calibration/20200117/v0.1.1/calibration_filters_52.Run01809.0000.h5",
)
MODELS = ("nsb_tuning_0.00", "nsb_tuning_0.14/dec_2276", "nsb_tuning_0.14/dec_4822")
MC = "20240918_v0.10.12_allsky_"


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def layout(monkeypatch, tmp_path):
    """The fixtures of lstosa, as far as the rules look at them."""
    layout = layout_below(monkeypatch, tmp_path)
    for date, rows in SUMMARIES.items():
        write(layout.of(date).run_summary(), summary_text(rows))
    write(layout.run_catalog(), catalog_text())
    for name in FILES:
        write(layout.directories.cat_a_calib_base / name)
    for name in MODELS:
        layout.model(f"{MC}{name}").mkdir(parents=True)
    cuts = {"picture_thresh": 8, "boundary_thresh": 4}
    for run in (1807, 1808):
        write(
            layout.tailcuts_config(run),
            json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts}),
        )
        write(layout.tailcuts_log(run), "Additional NSB rate (over dark MC): 0.2221 p.e./ns\n")
    return layout


def sources_of(night):
    runs = {}
    for run in night.data_runs:
        runs.setdefault(night.sources[run.number].name, []).append(run.number)
    return runs


def model(night, run):
    settings = config.load()
    found = cleaning_of(night.layout, settings, run).value
    return model_of(night, settings, run, found).value, found.dl1_prod


# fmt: off
CASES = {
    "calibration choice: DRS4": (NIGHT, lambda n: n.drs4_run.value, DatedRun(NIGHT, 1804)),
    "calibration choice: PEDCALIB":
        (NIGHT, lambda n: n.pedcalib_run.value, DatedRun(NIGHT, 1809)),
    "sequence list: calibration, then data":
        (NIGHT, lambda n: [n.pedcalib_run.value.number, *(r.number for r in n.data_runs)],
         [1809, 1807, 1808]),
    "reuse of earlier night": (LATER, lambda n: n.pedcalib_run.value, DatedRun(BEFORE, 9258)),
    "no reuse of what is there": (LATER, lambda n: n.drs4_run.value, DatedRun(LATER, 9381)),
    "sources": (NIGHT, sources_of, {"Crab": [1807], "MadeUpSource": [1808]}),
    "run date": (NIGHT, lambda n: n.find_run(1808).value.date, NIGHT),
    "run date of an unknown run": (NIGHT, lambda n: n.find_run(1200).value.date, NIGHT),
    "run date, earlier night": (LATER, lambda n: n.find_run(9258).value.date, BEFORE),
    "subruns of the job array of 1807":
        (NIGHT, lambda n: n.summary.run(1807).subruns[-1], 10),
    "subruns of the job array of 1808":
        (NIGHT, lambda n: n.summary.run(1808).subruns[-1], 8),
    "raw files: 5 + 11 + 9":
        (NIGHT, lambda n: sum(r.n_subruns for r in n.summary.runs
                              if r.type == DATA or r.number == n.pedcalib_run.value.number), 25),
    "time calibration":
        (NIGHT, lambda n: n.time_calibration.value.name, "time_calibration.Run01625.0000.h5"),
    "time calibration of a later night":
        (LATER, lambda n: n.time_calibration.value.name, "time_calibration.Run05979.0000.h5"),
    "systematics":
        (NIGHT, lambda n: n.systematics.value.name, "ffactor_systematics_20200725.h5"),
    "systematics of a later night":
        (LATER, lambda n: n.systematics.value.name, "ffactor_systematics_20201110.h5"),
    "RF model": (NIGHT, lambda n: model(n, 1807)[0], f"{MC}nsb_tuning_0.14/dec_2276"),
    "RF model of the other source":
        (NIGHT, lambda n: model(n, 1808)[0], f"{MC}nsb_tuning_0.14/dec_4822"),
    "destination of DL1AB": (NIGHT, lambda n: model(n, 1807)[1], "tailcut84"),
    "destination of DL2":
        (NIGHT, lambda n: dl2_prod_id("tailcut84", model(n, 1807)[0]),
         "tailcut84/nsb_tuning_0.14"),
}
# fmt: on


@pytest.mark.parametrize(("date", "ask", "expected"), CASES.values(), ids=CASES)
def test_rule_gives_what_lstosa_expects(layout, date, ask, expected):
    assert ask(read_night(layout.of(date), max_days_back=4)) == expected


def test_calibration_files_that_are_there_are_found_by_run_and_version(monkeypatch, layout):
    layout = layout_below(monkeypatch, layout.directories.base, version="v0.1.7")
    night = read_night(layout, max_days_back=4)
    drs4, pedcalib = night.drs4_run.value, night.pedcalib_run.value
    cat_a = layout.directories.cat_a_calib_base
    assert layout.of(drs4.date).find_drs4_baseline(drs4.number) == cat_a / FILES[5]
    found = layout.of(pedcalib.date).find_charge_calibration(pedcalib.number, "52")
    assert found == cat_a / FILES[6]
