"""The commands of a night as an expert types them, one after the other, without any orchestrator.

Nothing here comes from the package: this is what it is held against.
"""

import concurrent.futures
import json
import os
import shutil
import subprocess
from pathlib import Path

DATE, PROD = "20240302", "v0.12.3"
RUNS = {3: (0, 1), 4: (0, 1)}
MODEL = "20240918_v0.10.12_allsky_nsb_tuning_0.14"


class ByHand:
    """Processes the raw data of *night* below *base*."""

    def __init__(self, night: Path, base: Path, environment: Path) -> None:
        self.night, self.base, self.bin = night, base, environment / "bin"
        self.config = night / "config/lstchain_config.json"
        self.dl3_config = night / "config/dl3_config.json"
        self.cat_a = base / "monitoring/PixelCalibration/Cat-A"
        self.dl1a, self.dl1b = base / "dl1a", base / "dl1b"
        self.xdg = base / "xdg"

    def process(self) -> None:
        self.prepare()
        self.run(self.run_summary(), *self.simulated_gammas())
        self.run(self.drs4())
        self.run(self.charge(), *self.irf())
        self.run(*[self.r0_to_dl1(run, subrun) for run, subrun in self.subruns()])
        self.run(*[self.tailcuts(run) for run in RUNS], *[self.merge_muons(run) for run in RUNS])
        self.run(*[self.dl1ab(run, subrun) for run, subrun in self.subruns()])
        self.run(
            *[self.check(run, subrun) for run, subrun in self.subruns()],
            *[self.merge_dl1(run) for run in RUNS],
        )
        self.run(*[self.check_run(run) for run in RUNS], *[self.dl2(run) for run in RUNS])
        self.run(*[self.dl3(run) for run in RUNS], self.longterm())
        self.run(self.index(), self.transparency())

    def prepare(self) -> None:
        shutil.copytree(self.night / "monitoring/PixelCalibration/Cat-A", self.cat_a, ignore=made)
        (self.base / "monitoring/RunSummary").mkdir(parents=True)
        for folder in ("dl1a", "dl1b", "tailcuts", "mc", "irf", "dl2", "dl3", "longterm"):
            (self.base / folder).mkdir()
        (self.xdg / "astropy").mkdir(parents=True)
        (self.xdg / "astropy/astropy.cfg").write_text("[utils.iers.iers]\nauto_download = False\n")

    def run(self, *commands: list[str]) -> None:
        """Run commands that do not need each other, two at a time."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self.run_one, commands))

    def run_one(self, command: list[str]) -> None:
        variables = {
            **os.environ,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(self.xdg),
            "MPLCONFIGDIR": str(self.base / "matplotlib"),
        }
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.base,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}"

    def subruns(self) -> list[tuple[int, int]]:
        return [(run, subrun) for run, subruns in RUNS.items() for subrun in subruns]

    def run_summary(self) -> list[str]:
        return [
            "lstchain_create_run_summary",
            *("-d", DATE, "--r0-path", str(self.night / "R0"), "--tcu-server", "127.0.0.1:1"),
            *("-o", str(self.base / "monitoring/RunSummary")),
        ]

    def drs4(self) -> list[str]:
        return [
            "onsite_create_drs4_pedestal_file",
            *("-r", "1", "-b", str(self.base), "--r0-dir", str(self.night / "R0")),
            *("--no-progress", "-y"),
        ]

    def charge(self) -> list[str]:
        return [
            "onsite_create_calibration_file",
            *("-p", "1", "-r", "2", "-b", str(self.base), "--r0-dir", str(self.night / "R0")),
            *("-f", "52", "-s", "50", "--events_to_skip=10", "-y"),
        ]

    def r0_to_dl1(self, run: int, subrun: int) -> list[str]:
        raw = self.night / f"R0/{DATE}/LST-1.1.Run{run:05d}.{subrun:04d}.fits.fz"
        drive = self.night / f"monitoring/DrivePositioning/DrivePosition_log_{DATE}.txt"
        (time,) = self.cat_a.glob("drs4_time_sampling_from_FF/*/pro/*.h5")
        (systematics,) = self.cat_a.glob("ffactor_systematics/*/pro/*.h5")
        return [
            "lstchain_data_r0_to_dl1",
            *("-f", str(raw), "-o", str(self.dl1a), "-c", str(self.config)),
            f"--pointing-file={drive}",
            f"--run-summary-path={self.base}/monitoring/RunSummary/RunSummary_{DATE}.ecsv",
            f"--pedestal-file={self.baseline}",
            f"--calibration-file={self.calibration}",
            f"--time-calibration-file={time}",
            f"--systematic-correction-file={systematics}",
        ]

    @property
    def baseline(self) -> Path:
        return self.cat_a / f"drs4_baseline/{DATE}/{PROD}/drs4_pedestal.Run00001.0000.h5"

    @property
    def calibration(self) -> Path:
        name = "calibration_filters_52.Run00002.0000.h5"
        return self.cat_a / f"calibration/{DATE}/{PROD}/{name}"

    def tailcuts(self, run: int) -> list[str]:
        out = str(self.base / "tailcuts")
        return ["lstchain_find_tailcuts", "-d", str(self.dl1a), "-r", str(run), "-o", out]

    def cleaning(self, run: int) -> Path:
        return self.base / f"tailcuts/dl1ab_Run{run:05d}.json"

    def dl1ab(self, run: int, subrun: int) -> list[str]:
        name = f"dl1_LST-1.Run{run:05d}.{subrun:04d}.h5"
        return [
            "lstchain_dl1ab",
            *("-f", str(self.dl1a / name), "-o", str(self.dl1b / name)),
            *("-c", str(self.cleaning(run))),
        ]

    def check(self, run: int, subrun: int) -> list[str]:
        name = f"dl1_LST-1.Run{run:05d}.{subrun:04d}.h5"
        return [
            "lstchain_check_dl1",
            *("--input-file", str(self.dl1b / name), "--output-dir", str(self.dl1b)),
            *("--muons-dir", str(self.dl1a), "--omit-pdf", "--batch"),
        ]

    def check_run(self, run: int) -> list[str]:
        # without the plots, which no test compares and which take three minutes
        return [
            "lstchain_check_dl1",
            *("--input-file", str(self.dl1b / f"datacheck_dl1_LST-1.Run{run:05d}.????.h5")),
            *("--output-dir", str(self.dl1b), "--muons-dir", str(self.dl1a), "--omit-pdf"),
        ]

    def merge_dl1(self, run: int) -> list[str]:
        return [
            "lstchain_merge_hdf5_files",
            *("-d", str(self.dl1b), "-o", str(self.merged(run)), "--no-image", "--no-progress"),
            *("-r", str(run), "--pattern", "dl1_LST-1.Run?????.????.h5"),
        ]

    def merged(self, run: int) -> Path:
        return self.base / f"dl1_LST-1.Run{run:05d}.h5"

    def merge_muons(self, run: int) -> list[str]:
        return [
            "lstchain_merge_muon_files",
            *("--input-dir", str(self.dl1a), "--run-number", str(run)),
            *("--output-file", str(self.base / f"muons_LST-1.Run{run:05d}.fits")),
            *("--pattern", "muons_LST-1.Run?????.????.fits"),
        ]

    def simulated(self, dataset: str, particle: str) -> Path:
        folder = self.night / "mc/DL1/AllSky" / MODEL / dataset / "dec_2276" / particle
        (file,) = folder.glob("*.h5")
        return file

    @property
    def models(self) -> Path:
        """The night's own: lstchain divides the training events at random, without a seed."""
        return self.night / "models/AllSky" / MODEL / "dec_2276"

    def reconstruct(self, dl1: Path, folder: str) -> list[str]:
        return [
            "lstchain_dl1_to_dl2",
            *("-f", str(dl1), "-o", str(self.base / folder)),
            *("-p", str(self.models), "-c", str(self.config)),
        ]

    def simulated_gammas(self) -> list[list[str]]:
        return [self.reconstruct(self.simulated("TestingDataset", "Gamma"), "mc")]

    @property
    def gammas(self) -> Path:
        (file,) = (self.base / "mc").glob("dl2_*.h5")
        return file

    def gammas_of(self, tree: Path) -> Path:
        """Return the same gammas in a tree of simulated events at DL2."""
        return tree / MODEL / "TestingDataset/dec_2276/Gamma" / self.gammas.name

    def irf(self) -> list[list[str]]:
        out = str(self.base / "irf/irf.fits.gz")
        command = ["lstchain_create_irf_files", "-g", str(self.gammas), "-o", out, "--point-like"]
        return [[*command, "--overwrite", "--config", str(self.dl3_config)]]

    def dl2(self, run: int) -> list[str]:
        return self.reconstruct(self.merged(run), "dl2")

    def dl3(self, run: int) -> list[str]:
        return [
            "lstchain_create_dl3_file",
            *("-d", str(self.base / f"dl2/dl2_LST-1.Run{run:05d}.h5")),
            *("-o", str(self.base / "dl3"), "-i", str(self.base / "irf"), "-p", "irf.fits.gz"),
            *("--source-name", "Crab", "--source-ra", "83.633deg", "--source-dec", "22.0145deg"),
            *("--gzip", "--overwrite", "--config", str(self.dl3_config)),
        ]

    def index(self) -> list[str]:
        folder = str(self.base / "dl3")
        command = ["lstchain_create_dl3_index_files", "-d", folder, "-o", folder]
        return [*command, "-p", "dl3*.fits.gz", "--overwrite"]

    def longterm(self) -> list[str]:
        return [
            "lstchain_longterm_dl1_check",
            *("-d", str(self.dl1b), "-o", str(self.longterm_file), "--muons-dir", str(self.dl1a)),
            "--batch",
        ]

    @property
    def longterm_file(self) -> Path:
        return self.base / f"longterm/DL1_datacheck_{DATE}.h5"

    def transparency(self) -> list[str]:
        command = ["lstchain_cherenkov_transparency", "-u", str(self.longterm_file)]
        return [*command, "-d", str(self.dl1b)]

    def dl1_prod(self, run: int) -> str:
        cuts = json.loads(self.cleaning(run).read_text())["tailcuts_clean_with_pedestal_threshold"]
        return f"tailcut{cuts['picture_thresh']}{cuts['boundary_thresh']}"


def made(folder: str, names: list[str]) -> list[str]:
    """Leave out what the night itself made."""
    return [name for name in names if name in ("drs4_baseline", "calibration")]
