"""The demonstration night through a real Slurm: every product as on one machine."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.conftest import FLAT, PROD, REPOSITORY, Copy, MadeNight
from tests.real.tables import differences
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import cluster, slurm  # noqa: F401 - fixtures

pytestmark = [
    pytest.mark.lstchain,
    pytest.mark.night,
    pytest.mark.slurm,
    pytest.mark.timeout(3600),
]

NIGHT = f"{FLAT}/{PROD}"
CAT_A = "monitoring/PixelCalibration/Cat-A"
GIVEN = (
    "R0",
    "config",
    "mc",
    "models",  # trained with other random numbers they would give another DL2
    "monitoring/DrivePositioning",
    "monitoring/RunCatalog",
    f"{CAT_A}/drs4_time_sampling_from_FF",
    f"{CAT_A}/ffactor_systematics",
)
MADE = (f"DL1/{NIGHT}", f"DL2/{NIGHT}", f"DL3/{NIGHT}", f"running_analysis/{NIGHT}", CAT_A)


@pytest.fixture
def raw_night(made_night: MadeNight, tools_environment: Path, tmp_path: Path) -> Copy:
    """Copy what the made night was made of."""
    copy = Copy(tmp_path, tools_environment)
    for name in GIVEN:
        (copy.base / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-al", made_night.base / name, copy.base / name], check=True)
    text = (REPOSITORY / "config/luigi.cfg").read_text()
    text = re.sub(r"^environment = .*$", f"environment = {tools_environment}", text, flags=re.M)
    text = re.sub(r"\bdemo\b(?=/|$)", str(copy.base), text, flags=re.M)
    text = text.replace("backend = local", "backend = slurm")
    # the last bit of a number depends on which kernels BLAS takes, and so on these
    same = ",".join(name for name in os.environ if name.startswith("OPENBLAS_"))
    text += f"\n[slurm]\npoll_interval = 1\naccount = aswg\nexport = {same}\n"
    (tmp_path / "luigi.cfg").write_text(text)
    return copy


def products(base: Path) -> Iterator[str]:
    """Yield the names of all files with tables."""
    for folder in MADE:
        for path in sorted((base / folder).rglob("*")):
            if path.is_file() and path.name.endswith((".h5", ".fits", ".fits.gz", ".ecsv")):
                yield str(path.relative_to(base))


def test_the_night_is_closed_through_slurm_with_the_same_products(
    slurm: Cluster,  # noqa: F811
    made_night: MadeNight,
    raw_night: Copy,
) -> None:
    result = raw_night.luigi("NightlyClose")
    assert result.returncode == 0, result.stdout
    assert "Night 2024-03-02 (v0.12.3) is closed" in result.stdout
    ours, theirs = set(products(raw_night.base)), set(products(made_night.base))
    assert ours == theirs
    found, rows = [], 0
    for name in sorted(ours):
        differing, _, n_rows = differences(raw_night.base / name, made_night.base / name)
        found += differing
        rows += n_rows
    print(f"compared {len(ours)} files, {rows} rows")
    assert found == []
    assert rows > 50_000
    jobs = slurm.client("sacct", "-X", "-n", "-P", "-o", "JobName,State", "-S", "now-3hours")
    mine = [line for line in jobs.splitlines() if line.startswith("lstosa-LST1-20240302-")]
    assert len(mine) >= 20
    assert all(line.endswith("|COMPLETED") for line in mine)
