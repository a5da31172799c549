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
