"""What a newcomer sees: two commands, a closed night, files where an LST user looks for them."""

import json
import re
import time

import pytest

from tests.real.conftest import FLAT, PROD, MadeNight, make_night, modified

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(3600)]

NIGHT = f"{FLAT}/{PROD}"
FILES = [
    f"monitoring/RunSummary/RunSummary_{FLAT}.ecsv",
    f"monitoring/PixelCalibration/Cat-A/drs4_baseline/{FLAT}/pro/drs4_pedestal.Run00001.0000.h5",
    f"monitoring/PixelCalibration/Cat-A/calibration/{NIGHT}/calibration_filters_52.Run00002.0000.h5",
    "auxiliary/TailCuts/dl1ab_Run00003.json",
    f"running_analysis/{NIGHT}/dl1_LST-1.Run00003.0001.h5",
    f"running_analysis/{NIGHT}/muons_LST-1.Run00003.0001.fits",
    f"DL1/{NIGHT}/interleaved/interleaved_LST-1.Run00004.0000.h5",
    f"DL1/{NIGHT}/muons/muons_LST-1.Run00004.fits",
    f"DL1/{NIGHT}/tailcut84/dl1_LST-1.Run00003.0000.h5",
    f"DL1/{NIGHT}/tailcut84/dl1_LST-1.Run00003.h5",
    f"DL1/{NIGHT}/tailcut84/datacheck/datacheck_dl1_LST-1.Run00003.pdf",
    f"DL1/datacheck_files/{FLAT}/datacheck_dl1_LST-1.Run00003.h5",
    f"DL1/datacheck_files/night_wise/{PROD}/{FLAT}/DL1_datacheck_{FLAT}.html",
    f"DL1/datacheck_files/night_wise/DL1_datacheck_{FLAT}.h5",
    "models/AllSky/20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276/reg_energy.sav",
    f"DL2/{NIGHT}/tailcut84/nsb_tuning_0.14/dl2_LST-1.Run00004.h5",
    f"DL3/{NIGHT}/tailcut84/nsb_tuning_0.14/std_cuts/irf.fits.gz",
    f"DL3/{NIGHT}/tailcut84/nsb_tuning_0.14/std_cuts/Crab/dl3_LST-1.Run00003.fits.gz",
    f"DL3/{NIGHT}/tailcut84/nsb_tuning_0.14/std_cuts/Crab/obs-index.fits.gz",
    f"OSA/Closer/{NIGHT}/NightFinished.txt",
]


def test_make_night_brings_raw_data_to_closed(made_night: MadeNight) -> None:
    flag = json.loads((made_night.base / FILES[-1]).read_text())
    assert (flag["runs"], flag["subruns"]) == (2, 4)
    assert "luigi --module lstosa_luigi NightlyClose --date 2024-03-02" in made_night.printed
    assert re.search(r"visualiser: http://\S+", made_night.printed)
    assert "Night 2024-03-02 (v0.12.3) is closed" in made_night.printed


@pytest.mark.parametrize("name", FILES)
def test_each_product_lies_where_lstosa_puts_it(made_night: MadeNight, name: str) -> None:
    assert (made_night.base / name).is_file()


def test_nothing_is_left_on_its_way(made_night: MadeNight) -> None:
    assert list(made_night.base.rglob(".scratch")) == []


def test_no_tool_tried_the_network(made_night: MadeNight) -> None:
    tried = re.compile(r"urlopen|URLError|Temporary failure in name resolution|getaddrinfo|lst101")
    for log in (made_night.base / f"running_analysis/{NIGHT}/log").glob("*.log"):
        assert not tried.search(log.read_text(errors="replace")), log.name


def test_make_night_again_finds_all_done(made_night: MadeNight) -> None:
    before = modified(made_night.base)
    began = time.monotonic()
    again = make_night()
    assert again.returncode == 0, again.stdout
    assert time.monotonic() - began < 60  # seconds on a machine of one's own
    changed = {name for name, when in modified(made_night.base).items() if before.get(name) != when}
    assert not [name for name in changed if not name.startswith("OSA/")]
