"""What records of a night say of their products, beside files."""

import json
from pathlib import Path

import pytest

from tests.fakes.night import MODEL, FakeNight

CUTS = {"dl1_prod": "tailcut84"}
OF_MODEL = {"model": MODEL, "dl2_prod": "tailcut84/nsb_tuning_0.14"}
OF_RUN = {**CUTS, **OF_MODEL}


def record(night: FakeNight, name: str) -> dict:
    found: dict = json.loads((night.analysis / f"records/{name}.json").read_text())
    return found


@pytest.mark.parametrize(
    ("name", "run", "subrun", "prod_ids"),
    [
        ("20240302_RunSummary", None, None, {}),
        ("Run00001_Drs4Pedestal", 1, None, {}),
        ("Run00003.0001_DL1A", 3, 1, {}),
        ("Run00003.0001_DL1B", 3, 1, CUTS),
        ("Run00003_MergedDL1", 3, None, CUTS),
        ("Run00003_DL2", 3, None, OF_RUN),
        ("Run00003_DL3", 3, None, OF_RUN),
        ("tailcut84_nsb_tuning_0.14_dec_2276_IRF", None, None, OF_MODEL),
    ],
)
def test_record_says_what_it_is_of(closed: FakeNight, name, run, subrun, prod_ids) -> None:
    found = record(closed, name)
    assert (found["telescope"], found["date"]) == ("LST1", closed.date)
    assert (found["run"], found["subrun"]) == (run, subrun)
    assert found["prod_ids"] == {"prod_id": "v0.12.3", **prod_ids}
    assert found["agent"]
    assert found["service"] == "", "it was asked for by hand"


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("Run00001_Drs4Pedestal", ["DRS4 run 00001: last DRS4 run of 2024-03-02"]),
        (
            "Run00002_ChargeCalibration",
            ["filters 52: ", "PEDCALIB run 00002: last ", "DRS4 run 00001: last ",
             "time calibration time_calibration.Run00001.0000.h5: ",
             "F-factor systematics ffactor_systematics_20240101.h5: "],
        ),
        ("tailcut84_nsb_tuning_0.14_dec_2276_IRF",
         ["instrument response irf_dec_2276.fits.gz: made for the declination line"]),
        ("Run00003_DL3",
         ["source ", "instrument response irf_dec_2276.fits.gz: made for the declination line"]),
    ],
)  # fmt: skip
def test_choices_and_their_reasons(closed: FakeNight, name: str, choices: list[str]) -> None:
    found = record(closed, name)["choices"]
    assert len(found) == len(choices)
    assert all(text.startswith(start) for text, start in zip(found, choices, strict=True)), found


def test_attempts_that_failed_are_told_with_the_product(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1)))
    control = night.environment / "control.json"
    control.write_text(json.dumps({"fail": ["lstchain_dl1ab"]}))
    assert night.luigi().returncode == 30
    control.write_text("{}")
    assert night.luigi().returncode == 0
    told = "attempt 1 failed, "
    why = night.lstosa("why", "--date", night.date, "--run", "3", "--product", "DL1B").stdout
    assert f"before: {told}" in why
    assert "RuntimeError: told to fail" in why
    answer = night.lstosa("provenance", "--date", night.date, "--no-graph", "--json")
    file = Path(json.loads(answer.stdout)["documents"][-1]["files"][0])
    activities = json.loads(file.read_text())["activity"].values()
    earlier = [one["lstosa:earlier"] for one in activities if "lstosa:earlier" in one]
    assert len(earlier) == 1
    assert earlier[0].startswith(told)
