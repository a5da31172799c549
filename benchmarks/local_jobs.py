"""How much faster is the real night with ``[local] jobs = 2`` than with 1?

Processes the demonstration night (``make night`` makes the raw data) from raw
to closed twice, in the same session, and prints the ratio of the wall times.
The target is 1.6 on two cores.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DATE = "2024-03-02"
RAW = ("R0", "monitoring/DrivePositioning", "monitoring/RunCatalog", "mc/DL1", "config")
CALIBRATION = "monitoring/PixelCalibration/Cat-A"


def main() -> int:
    environment = os.environ.get("LSTOSA_TOOLS_ENVIRONMENT", str(REPOSITORY / ".venv-lstchain"))
    demo = REPOSITORY / "demo"
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for jobs in (1, 2):
            base = Path(folder) / f"jobs{jobs}"
            copy_raw(demo, base)
            seconds[jobs] = close_night(base, environment, jobs)
            print(f"jobs = {jobs}: {seconds[jobs]:.0f} s", flush=True)
    print(f"ratio: {seconds[1] / seconds[2]:.2f} (target: 1.6)")
    return 0


def copy_raw(demo: Path, base: Path) -> None:
    """Link what the night is made of, and nothing that was made of it."""
    time_sampling, systematics = "drs4_time_sampling_from_FF", "ffactor_systematics"
    for name in (*RAW, f"{CALIBRATION}/{time_sampling}", f"{CALIBRATION}/{systematics}"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-al", str(demo / name), str(base / name)], check=True)


def close_night(base: Path, environment: str, jobs: int) -> float:
    """Process the night and return the wall time in seconds."""
    config = (REPOSITORY / "config/luigi.cfg").read_text().replace("demo", str(base))
    config = config.replace("environment = .venv-lstchain", f"environment = {environment}")
    (base / "luigi.cfg").write_text(config)
    luigi = str(Path(sys.executable).with_name("luigi"))
    command = [luigi, "--module", "lstosa_luigi", "NightlyClose", "--date", DATE]
    began = time.monotonic()
    subprocess.run(
        [*command, "--local-jobs", str(jobs), "--local-scheduler"],
        env={**os.environ, "LUIGI_CONFIG_PATH": str(base / "luigi.cfg")},
        check=True,
    )
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
