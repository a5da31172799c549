"""Products asked for by name on a night of which nothing is known yet."""

import pytest

from tests.fakes.night import FakeNight


@pytest.mark.parametrize(
    ("task", "arguments", "made"),
    [
        ("MergedMuons", ["--run-id", "3"], "DL1/20240302/v0.12.3/muons/muons_LST-1.Run00003.fits"),
        (
            "DL1A",
            ["--run-id", "4", "--subrun", "1"],
            "running_analysis/20240302/v0.12.3/dl1_LST-1.Run00004.0001.h5",
        ),
        ("Tailcuts", ["--run-id", "3"], "auxiliary/TailCuts/dl1ab_Run00003.json"),
        (
            "MergedDL1",
            ["--run-id", "4", "--dl1-prod", "tailcut84"],
            "DL1/20240302/v0.12.3/tailcut84/dl1_LST-1.Run00004.h5",
        ),
    ],
)
def test_a_product_asked_for_first_brings_all_that_it_needs(
    fake_night: FakeNight, task: str, arguments: list[str], made: str
) -> None:
    done = fake_night.luigi(task, *arguments)
    assert done.returncode == 0, done.stdout
    assert (fake_night.base / made).is_file()
    assert fake_night.leftovers() == []


def test_subruns_merged_into_one_batch_wait_for_what_became_known_meanwhile(
    fake_night: FakeNight, luigid: int
) -> None:
    """All subruns are planned before the run summary is made, so before their calibration is."""
    script = """
import datetime, luigi, lstosa_luigi
date = datetime.date(2024, 3, 2)
tasks = [lstosa_luigi.DL1A(date=date, run_id=4, subrun=s) for s in range(3)]
done = luigi.build(tasks, scheduler_port=PORT, detailed_summary=True)
print(done.status)
"""
    done = fake_night.python(script.replace("PORT", str(luigid)))
    assert "LuigiStatusCode.SUCCESS" in done.stdout, done.stdout
    assert len(fake_night.calls("lstchain_data_r0_to_dl1")) == 3
    assert len(fake_night.calls("onsite_create_calibration_file")) == 1


TINY = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
CLEANING = """{"tailcuts_clean_with_pedestal_threshold":
{"picture_thresh": %d, "boundary_thresh": %d}}"""


@pytest.mark.parametrize("task", ["MergedDL1", "RunDatacheck"])
def test_the_standard_cleaning_is_taken_even_if_other_settings_were_found_once(
    make_night, task: str
) -> None:
    night = make_night(runs=TINY)
    standard = night.root / "standard.json"
    standard.write_text(CLEANING % (8, 4))
    found = night.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    found.parent.mkdir(parents=True)
    found.write_text(CLEANING % (10, 5))
    found.with_name("log_find_tailcuts_Run00003.log").write_text(
        "Additional NSB rate (over dark MC): 0.4 p.e./ns"
    )
    night.write_config(
        lstchain={
            "apply_standard_dl1b_config": "true",
            "dl1b_config": str(standard),
            "dl1_prod_id": "standard84",
        }
    )
    done = night.luigi(task, "--run-id", "3", "--dl1-prod", "standard84")
    assert done.returncode == 0, done.stdout
    (call,) = night.calls("lstchain_dl1ab")
    assert f"--config={standard}" in call
    assert list(night.base.glob("DL1/*/*/standard84/dl1_LST-1.Run00003.0000.h5"))


def test_a_product_is_not_put_where_products_of_another_cleaning_belong(make_night) -> None:
    night = make_night(runs=TINY)
    done = night.luigi("MergedDL1", "--run-id", "3", "--dl1-prod", "tailcut1005")
    assert done.returncode == 30, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "FAILED" in line]
    found = night.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    assert f"DL1B Run00003.0000: Run 00003 is cleaned with {found}, which belongs into" in line
    assert "tailcut84, not into tailcut1005" in line
    assert night.calls("lstchain_dl1ab") == []
