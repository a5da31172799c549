"""Calibrations of another package or environment: Cat-A and Cat-B by lstcam_calib."""

from pathlib import Path

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight, write_environment
from tests.operators import plan

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
CAT_A = "monitoring/PixelCalibration/Cat-A"
CAT_B = "monitoring/PixelCalibration/Cat-B"
COMMANDS = {
    "drs4_baseline": "lstcam_calib_onsite_create_drs4_pedestal_file",
    "charge_calibration": "lstcam_calib_onsite_create_calibration_file",
}
CAT_B_COMMAND = {"catB_calibration": "lstcam_calib_onsite_create_cat_B_calibration_file"}


@pytest.fixture
def lstcam(tmp_path: Path) -> Path:
    """An environment of lstcam_calib, and ``run`` in it, which starts commands there."""
    root = tmp_path / "lstcam env"
    write_environment(root, "0.3.1", "lstcam_calib")
    site = next(root.glob("lib/python3*/site-packages"))
    (root / "run").write_text(
        f'#!/bin/sh\necho "$*" >> "{root}/started"\n'
        f'PATH="{root}/bin:$PATH" PYTHONPATH="{site}" exec "$@"\n'
    )
    (root / "run").chmod(0o755)
    return root


def elsewhere(lstcam: Path, is_prefix: bool) -> dict[str, str]:
    if is_prefix:
        return {"calib_command_prefix": f"'{lstcam}/run'"}
    return {"calib_environment": str(lstcam)}


@pytest.mark.parametrize("is_prefix", [False, True])
def test_cat_a_and_cat_b_come_from_another_environment(make_night, lstcam, is_prefix) -> None:
    options = {
        **elsewhere(lstcam, is_prefix),
        **COMMANDS,
        **CAT_B_COMMAND,
        "use_lstcam_env_for_CatA_calib": "True",
        "use_lstcam_env_for_CatB_calib": "True",
        "apply_catB_calibration": "True",
    }
    night: FakeNight = make_night(runs=RUNS, options={"lstchain": options})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    for name in (
        f"{CAT_A}/drs4_baseline/20240302/v0.3.1/drs4_pedestal.Run00001.0000.h5",
        f"{CAT_A}/calibration/20240302/v0.3.1/calibration_filters_52.Run00002.0000.h5",
        f"{CAT_A}/calibration/20240302/v0.3.1/log/calibration_filters_52.Run00002.0000.log",
        f"{CAT_A}/calibration/20240302/pro/calibration_filters_52.Run00002.0000.h5",
        f"{CAT_B}/calibration/20240302/v0.3.1/cat_B_calibration_filters_52.Run00003.h5",
        f"{CAT_B}/calibration/20240302/v0.3.1/log/cat_B_calibration_filters_52.Run00003.log",
    ):
        assert (night.base / name).is_file(), name
    names = {call[0] for call in night.calls(environment=lstcam)}
    assert names == {*COMMANDS.values(), *CAT_B_COMMAND.values()}
    assert not {call[0] for call in night.calls()} & names, "all else by the production's tools"
    (dl1a, *_) = night.calls("lstchain_data_r0_to_dl1")
    assert any("/v0.3.1/calibration_filters_52.Run00002" in word for word in dl1a)
    (dl1b, *_) = night.calls("lstchain_dl1ab")
    assert any("/v0.3.1/cat_B_calibration_filters_52.Run00003" in word for word in dl1b)
    night.flag.unlink()
    night.forget_calls()
    assert night.luigi().returncode == 0
    assert night.calls() == [], "its products are found again"


def test_the_plan_names_the_prefix_of_each_command(make_night, lstcam) -> None:
    options = {**elsewhere(lstcam, True), **COMMANDS, "use_lstcam_env_for_CatA_calib": "True"}
    night = make_night(runs=RUNS, options={"lstchain": options})
    assert night.luigi("RunSummary").returncode == 0
    commands = {i["title"]: i["command"] for i in plan(night, "--commands")["products"]}
    assert commands["Drs4Pedestal Run00001"][:2] == [f"{lstcam}/run", COMMANDS["drs4_baseline"]]
    assert commands["DL1A Run00003.0000"][0] == str(
        night.environment / "bin/lstchain_data_r0_to_dl1"
    )
    asked = (lstcam / "started").read_text().splitlines()
    assert len(asked) == 2, "once for each of the two commands that were given"


def test_an_environment_for_cat_b_is_not_asked_while_there_is_no_cat_b(make_night, lstcam) -> None:
    options = {**elsewhere(lstcam, True), "use_lstcam_env_for_CatB_calib": "True"}
    night = make_night(runs=RUNS, options={"lstchain": options})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert not (lstcam / "started").exists()
    assert not list(night.base.glob(f"{CAT_B}/**/*.h5"))


def test_cat_b_of_lstcam_calib_starts_from_cat_a_of_lstchain(make_night, lstcam) -> None:
    options = {
        **elsewhere(lstcam, False),
        **CAT_B_COMMAND,
        "use_lstcam_env_for_CatB_calib": "True",
        "apply_catB_calibration": "True",
    }
    night = make_night(runs=RUNS, options={"lstchain": options})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    (call,) = night.calls(environment=lstcam)
    assert {"--catA-calibration-run=2", "--catA-format=h5", "--lstchain-version=0.12"} <= set(call)


def test_an_environment_without_the_package_is_named(make_night, lstcam) -> None:
    options = {
        **CAT_B_COMMAND,
        "apply_catB_calibration": "True",
    }
    night = make_night(runs=RUNS, options={"lstchain": options})
    result = night.luigi()
    assert result.returncode == ExitCode.UNHANDLED
    assert f"lstcam_calib is not installed in {night.environment}. Set [lstchain]" in result.stdout
