"""``lstosa diff``: why two files differ, the first cause first."""

import json

import pytest

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight, write_environment
from tests.operators import decide, make

CUTS = {"tailcuts_clean_with_pedestal_threshold": {"picture_thresh": 6, "boundary_thresh": 3}}
RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1), (4, "DATA", 2), (5, "PEDCALIB", 1))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night in three productions: as ever, with other cuts and tools, with an older PEDCALIB."""
    night = FakeNight(tmp_path_factory.mktemp("diff") / "night", runs=RUNS)
    make(night)
    cuts, own = night.root / "my cuts.json", night.root / "own"
    cuts.write_text(json.dumps(CUTS))
    write_environment(own, "0.12.4")
    other = {"environment": str(own), "dl1b_config": str(cuts)}
    night.write_config(lstchain={**other, "apply_standard_dl1b_config": "true"})
    produce(night, "cuts")
    night.write_config()
    decide(night, "--pedcalib", "2")
    produce(night, "two")
    return night


def produce(night: FakeNight, prod_id: str) -> None:
    result = night.luigi("NightlyClose", "--prod-id", prod_id)
    assert result.returncode == 0, result.stdout


def dl2(night: FakeNight, prod_id: str, run: int = 3) -> str:
    return str(next(night.base.glob(f"DL2/*/{prod_id}/*/*/dl2_LST-1.Run{run:05d}.h5")))


def differences(night: FakeNight, a: str, b: str) -> list[tuple[str, str, str]]:
    answer = night.lstosa("diff", a, b, "--json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    found = json.loads(answer.stdout)["differences"]
    return [(one["step"], one["kind"], one["text"]) for one in found]


def test_a_file_does_not_differ_from_itself(night: FakeNight) -> None:
    a = dl2(night, "v0.12.3")
    assert "Nothing that is recorded differs." in night.lstosa("diff", a, a).stdout


def test_of_two_runs_only_what_was_done_otherwise_differs(night: FakeNight) -> None:
    found = differences(night, dl2(night, "v0.12.3"), dl2(night, "v0.12.3", 4))
    assert found == [
        ("DL1A Run00004.0001", "step", "only B has it"),
        ("DL1B Run00004.0001", "step", "only B has it"),
    ]


def test_configuration_and_software_of_two_productions_are_compared(night: FakeNight) -> None:
    a, b = dl2(night, "v0.12.3"), dl2(night, "cuts")
    found = differences(night, a, b)
    assert ("Tailcuts Run00003", "step", "only A has it") in found
    assert any(step == "DL1A Run00003.0000" and kind == "software" for step, kind, _ in found)
    answer = night.lstosa("diff", a, b).stdout
    assert '    -  "picture_thresh": 8\n' in answer
    assert '    +  "picture_thresh": 6\n' in answer
    assert not any(kind == "input" for _, kind, _ in found), "the same files were given"


def test_another_calibration_run_is_named(night: FakeNight) -> None:
    found = differences(night, dl2(night, "v0.12.3"), dl2(night, "two"))
    calibration = "ChargeCalibration Run00005 / ChargeCalibration Run00002"
    assert (calibration, "input", "made of another run") in found
    assert any(kind == "choice" and text.startswith("only B: ") for _, kind, text in found)
    assert {step for step, kind, _ in found if kind in ("configuration", "software")} == set()
