"""A night unlike the others: how it is made, and what can be read off it once it is closed."""

import dataclasses
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.operators import plan
from tests.real.conftest import PROD, Copy
from tests.real.tables import read_fits

CAT_A = "monitoring/PixelCalibration/Cat-A"
CAT_B = "monitoring/PixelCalibration/Cat-B"
PARAMETERS = "/dl1/event/telescope/parameters/LST_LSTCam"
IMAGES = "/dl1/event/telescope/image/LST_LSTCam"
RECONSTRUCTED = "/dl2/event/telescope/parameters/LST_LSTCam"

SHOWER = 32
"""Type of an event (ctapipe.containers.EventType, that of the trigger in R1v1)."""

GAINS = """
import json, sys
import protozfits
found = {}
for path in sys.argv[1:]:
    file = protozfits.File(path, pure_protobuf=True)
    found.update({event.event_id: (event.event_type, event.num_channels) for event in file.Events})
    file.close()
json.dump(found, sys.stdout)
"""


@dataclasses.dataclass(frozen=True)
class Special:
    """A night that was planned, and then closed."""

    night: Copy
    planned: dict[str, Any]
    code: int = -1
    printed: str = ""

    @property
    def base(self) -> Path:
        return self.night.base

    @property
    def flat(self) -> str:
        return f"{self.night.flat}/{PROD}"

    @property
    def flag(self) -> dict[str, Any]:
        return json.loads((self.base / f"OSA/Closer/{self.flat}/NightFinished.txt").read_text())

    @property
    def runs(self) -> list[int]:
        """The runs that are processed."""
        return [run["run"] for run in self.planned["runs"] if run["treatment"] == "processed"]

    def choice(self, name: str, run: int | None = None) -> dict[str, Any]:
        (found,) = [c for c in self.planned["choices"] if (c["name"], c["run"]) == (name, run)]
        return found

    def records(self) -> dict[str, dict[str, Any]]:
        """Return how each product of the night was made, by its title."""
        folder = self.base / f"running_analysis/{self.flat}/records"
        found = [json.loads(file.read_text()) for file in folder.glob("*.json")]
        return {record["title"]: record for record in found}

    def dl1a(self, name: str) -> Path:
        return self.base / f"running_analysis/{self.flat}/dl1_LST-1.{name}.h5"

    def dl1b(self, name: str) -> Path:
        return self.base / f"DL1/{self.flat}/tailcut84/dl1_LST-1.{name}.h5"

    def dl2(self, run: int) -> Path:
        prod = f"{self.flat}/tailcut84/nsb_tuning_0.14"
        return self.base / f"DL2/{prod}/dl2_LST-1.Run{run:05d}.h5"

    def dl3(self, name: str) -> dict[str, Any]:
        """Return the one table of a name that files of DL3 have."""
        prod = f"{self.flat}/tailcut84/nsb_tuning_0.14"
        tables = read_fits(self.base / f"DL3/{prod}/std_cuts/Crab/{name}.fits.gz")
        (found,) = [t for key, t in tables.items() if key.endswith((" EVENTS", " OBS INDEX"))]
        return found


def simulate(night: Copy, *options: str) -> None:
    """Write raw data, and have the runs listed."""
    words = ("--base", str(night.base), "--date", night.date, "--no-mc", "--no-progress")
    done = night.lstosa("simulate-night", *words, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    before = plan(night)
    assert (before["is_known"], before["problems"], before["missing"]) == (False, [], [])
    assert [item["product"] for item in before["products"]] == ["RunSummary"]
    listed = night.luigi("RunSummary")
    assert listed.returncode == 0, listed.stdout


def look(night: Copy, run: int) -> None:
    """Have the first events of a run looked at, where nothing else tells how it was recorded."""
    before = plan(night)
    (state,) = [c for c in before["choices"] if (c["name"], c["run"]) == ("input state", run)]
    words = f"not known yet: the first events of run {run:05d} will tell"
    assert (state["value"], state["reason"]) == (None, words)
    assert not [item for item in before["products"] if item["product"] == "DL1A"]
    done = night.luigi("RunInputState", "--run-id", str(run))
    assert done.returncode == 0, done.stdout


def gains(night: Copy, files: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Return the type of each event of raw files, and how many gains it has."""
    command = [str(night.environment / "bin/python"), "-c", GAINS, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=night.offline())
    return {event: tuple(found) for event, found in json.loads(done.stdout).items()}
