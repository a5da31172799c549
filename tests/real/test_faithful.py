"""Every table of every product equals what plain lstchain makes of the same raw data."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tables
from astropy.io import fits

from tests.real.by_hand import ByHand
from tests.real.conftest import FLAT, PROD, MadeNight
from tests.real.tables import differences

pytestmark = [pytest.mark.lstchain, pytest.mark.night, pytest.mark.timeout(3600)]

NIGHT = f"{FLAT}/{PROD}"


@pytest.fixture(scope="module")
def by_hand(
    made_night: MadeNight, tools_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> ByHand:
    hand = ByHand(made_night.base, tmp_path_factory.mktemp("by-hand"), tools_environment)
    hand.process()
    return hand


def pairs(night: Path, hand: ByHand) -> dict[str, tuple[Path, Path]]:
    """Return what is to be equal: our product, and the one made by hand."""
    dl1 = night / "DL1" / NIGHT
    found = {
        "drs4 baseline": (
            night / hand.baseline.relative_to(hand.base),
            hand.baseline,
        ),
        "charge calibration": (
            night / hand.calibration.relative_to(hand.base),
            hand.calibration,
        ),
        "run summary": (
            night / f"monitoring/RunSummary/RunSummary_{FLAT}.ecsv",
            hand.base / f"monitoring/RunSummary/RunSummary_{FLAT}.ecsv",
        ),
        "simulated gammas": (hand.gammas_of(night / "mc/DL2/AllSky"), hand.gammas),
        "longterm datacheck": (
            night / f"DL1/datacheck_files/night_wise/{PROD}/{FLAT}/DL1_datacheck_{FLAT}.h5",
            hand.longterm_file,
        ),
    }
    for run, subrun in hand.subruns():
        name = f"Run{run:05d}.{subrun:04d}"
        cleaned = dl1 / hand.dl1_prod(run)
        found |= {
            f"DL1a {name}": (
                night / f"running_analysis/{NIGHT}/dl1_LST-1.{name}.h5",
                hand.dl1a / f"dl1_LST-1.{name}.h5",
            ),
            f"muons {name}": (
                dl1 / f"muons/muons_LST-1.{name}.fits",
                hand.dl1a / f"muons_LST-1.{name}.fits",
            ),
            f"interleaved {name}": (
                dl1 / f"interleaved/interleaved_LST-1.{name}.h5",
                hand.dl1a / f"interleaved/interleaved_LST-1.{name}.h5",
            ),
            f"DL1b {name}": (
                cleaned / f"dl1_LST-1.{name}.h5",
                hand.dl1b / f"dl1_LST-1.{name}.h5",
            ),
            f"datacheck {name}": (
                cleaned / f"datacheck/datacheck_dl1_LST-1.{name}.h5",
                hand.dl1b / f"datacheck_dl1_LST-1.{name}.h5",
            ),
        }
    for run in {run for run, _ in hand.subruns()}:
        name, cleaned = f"Run{run:05d}", dl1 / hand.dl1_prod(run)
        dl2_prod = f"{hand.dl1_prod(run)}/nsb_tuning_0.14"
        source = night / f"DL3/{NIGHT}/{dl2_prod}/std_cuts/Crab"
        found |= {
            f"merged DL1 {name}": (cleaned / f"dl1_LST-1.{name}.h5", hand.merged(run)),
            f"merged muons {name}": (
                dl1 / f"muons/muons_LST-1.{name}.fits",
                hand.base / f"muons_LST-1.{name}.fits",
            ),
            f"run datacheck {name}": (
                cleaned / f"datacheck/datacheck_dl1_LST-1.{name}.h5",
                hand.dl1b / f"datacheck_dl1_LST-1.{name}.h5",
            ),
            f"DL2 {name}": (
                night / f"DL2/{NIGHT}/{dl2_prod}/dl2_LST-1.{name}.h5",
                hand.base / f"dl2/dl2_LST-1.{name}.h5",
            ),
            f"DL3 {name}": (
                source / f"dl3_LST-1.{name}.fits.gz",
                hand.base / f"dl3/dl3_LST-1.{name}.fits.gz",
            ),
            f"IRF {name}": (source.parent / "irf.fits.gz", hand.base / "irf/irf.fits.gz"),
            f"HDU index {name}": (
                source / "hdu-index.fits.gz",
                hand.base / "dl3/hdu-index.fits.gz",
            ),
            f"observation index {name}": (
                source / "obs-index.fits.gz",
                hand.base / "dl3/obs-index.fits.gz",
            ),
        }
    return found


def test_every_table_equals_the_one_made_by_hand(made_night: MadeNight, by_hand: ByHand) -> None:
    found, compared, rows = [], 0, 0
    for title, (ours, theirs) in pairs(made_night.base, by_hand).items():
        differing, n_tables, n_rows = differences(ours, theirs)
        assert n_tables > 0, title
        found += [f"{title}: {text}" for text in differing]
        compared, rows = compared + n_tables, rows + n_rows
    print(f"compared {compared} tables, {rows} rows")
    assert found == []
    assert rows > 50_000


def test_the_index_tells_the_size_of_each_event_list(made_night: MadeNight) -> None:
    """The one column of DL3 that is not compared, for a packed file depends on when it was made."""
    (index,) = (made_night.base / f"DL3/{NIGHT}").rglob("hdu-index.fits.gz")
    with fits.open(index) as hdus:
        rows = [(row["FILE_NAME"], row["SIZE"]) for row in hdus["HDU INDEX"].data]
    assert len(rows) == 10
    assert all(index.with_name(name).stat().st_size == size for name, size in rows)


def test_the_cleaning_is_the_one_found_by_hand(made_night: MadeNight, by_hand: ByHand) -> None:
    for run in (3, 4):
        ours = made_night.base / f"auxiliary/TailCuts/dl1ab_Run{run:05d}.json"
        assert ours.read_text() == by_hand.cleaning(run).read_text()


def test_a_difference_would_be_seen(made_night: MadeNight, tmp_path: Path) -> None:
    ours = made_night.base / f"DL1/{NIGHT}/tailcut84/dl1_LST-1.Run00003.h5"
    changed = tmp_path / ours.name
    shutil.copyfile(ours, changed)
    with tables.open_file(str(changed), "a") as file:
        table = file.get_node("/dl1/event/telescope/parameters/LST_LSTCam")
        changed_values = np.nan_to_num(table.col("intensity")) + 1
        table.modify_column(column=changed_values, colname="intensity")
    assert differences(ours, changed)[0] == [
        "dl1_LST-1.Run00003.h5 /dl1/event/telescope/parameters/LST_LSTCam.intensity"
    ]
