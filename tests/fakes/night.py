"""A whole night in milliseconds: empty raw files, and an environment of stand-ins for lstchain."""

import collections
import contextlib
import copy
import dataclasses
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.fakes import tool

DATE = "2024-03-02"
FLAT = "20240302"
MODEL = "20240918_v0.10.12_allsky_nsb_tuning_0.14/dec_2276"
FITS_BLOCK = 2880
TABLES = (
    "/dl1/event/telescope/parameters/LST_LSTCam",
    "/dl1/event/telescope/image/LST_LSTCam",
    "/dl2/event/telescope/parameters/LST_LSTCam",
    "/dl1datacheck/cosmics",
    "/r1/monitoring/drs4_baseline/tel_001",
    "/tel_1/calibration",
    "/tel_1/flatfield",
    "/tel_1/pedestal",
    "/cosmics/table",
    "/runsummary/table",
    "/cosmics_intensity_spectrum/table",
)
SCRATCH = re.compile(r"[^ =]*/\.scratch/([^/]*)\.\d+@[^/]*")
RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 3))


def fits(rows: int = 0, state: str = "") -> bytes:
    """Return a FITS file with an empty primary HDU and one table, which says its input state."""

    def header(*cards: str) -> bytes:
        text = "".join(f"{card:<80}" for card in (*cards, "END"))
        return text.encode().ljust(-(-len(text) // FITS_BLOCK) * FITS_BLOCK)

    data = b"\0" * rows
    return (
        header("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T")
        + header(
            "XTENSION= 'BINTABLE'",
            "BITPIX  = 8",
            "NAXIS   = 2",
            "NAXIS1  = 1",
            f"NAXIS2  = {rows}",
            "PCOUNT  = 0",
            "GCOUNT  = 1",
            "TFIELDS = 1",
            "TFORM1  = 'B'",
            "EXTNAME = 'Events'",
            f"STATE   = '{state}'",
        )
        + data.ljust(-(-rows // FITS_BLOCK) * FITS_BLOCK, b"\0")
    )


def write_environment(root: Path, version: str = "0.12.3", package: str = "lstchain") -> None:
    """Make an environment whose ``bin/`` holds a stand-in for every command of a package."""
    import numpy as np
    import tables as hdf5

    for folder in ("bin", "calls", "templates"):
        (root / folder).mkdir(parents=True)
    site = root / "lib" / "python3.11" / "site-packages" / f"{package}-{version}.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    packaged = site.parent / "lstchain/data/lstchain_standard_config.json"
    packaged.parent.mkdir(parents=True)
    cuts = {"picture_thresh": 8, "boundary_thresh": 4}
    packaged.write_text(json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts}))
    source = Path(tool.__file__).read_text()
    for name in tool.TOOLS if package == "lstchain" else tool.LSTCAM_TOOLS:
        path = root / "bin" / name
        path.write_text(f"#!{sys.executable} -IS\n{source}")
        path.chmod(0o755)
    (root / "bin" / "python").write_text(f"#!{sys.executable} -IS\n{source}")
    (root / "bin" / "python").chmod(0o755)
    (root / "control.json").write_text("{}")
    templates = root / "templates"
    with hdf5.open_file(str(templates / "template.h5"), "w") as file:
        for name in TABLES:
            where, _, last = name.rpartition("/")
            row = np.zeros(3, dtype=[("event_id", "i8"), ("value", "f8")])
            file.create_table(
                where or "/", last, row, createparents=True, chunkshape=(3,), track_times=False
            )
    (templates / "template.fits").write_bytes(fits(3))
    (templates / "template.fits.gz").write_bytes(gzip.compress(fits(9), mtime=0))
    (templates / "template.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    (templates / "template.html").write_text("<html></html>\n")
    (templates / "template.log").write_text("done\n")
    (templates / "template.sav").write_bytes(b"forest")


@dataclasses.dataclass
class FakeNight:
    """A night below ``root/base`` with stand-ins in ``root/environment``."""

    root: Path
    runs: tuple[tuple[int, str, int], ...] = RUNS
    sources: dict[int, str] = dataclasses.field(default_factory=dict)
    options: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    states: dict[int, str] = dataclasses.field(default_factory=dict)
    date: str = DATE

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        write_environment(self.environment)
        self.write_raw_data()
        self.write_auxiliary()
        self.write_config()

    @property
    def base(self) -> Path:
        return self.root / "base"

    @property
    def environment(self) -> Path:
        return self.root / "environment"

    @property
    def flat(self) -> str:
        return self.date.replace("-", "")

    @property
    def analysis(self) -> Path:
        return self.base / "running_analysis" / self.flat / "v0.12.3"

    @property
    def flag(self) -> Path:
        return self.base / "OSA/Closer" / self.flat / "v0.12.3/NightFinished.txt"

    @property
    def run_summary(self) -> Path:
        return self.base / f"monitoring/RunSummary/RunSummary_{self.flat}.ecsv"

    @property
    def drive_log(self) -> Path:
        return self.base / f"monitoring/DrivePositioning/DrivePosition_log_{self.flat}.txt"

    def r0(self, run: int, subrun: int, stream: int = 1) -> Path:
        return self.base / f"R0/{self.flat}/LST-1.{stream}.Run{run:05d}.{subrun:04d}.fits.fz"

    def r0g(self, run: int, subrun: int, stream: int = 1) -> Path:
        return self.base / "R0G" / self.r0(run, subrun, stream).relative_to(self.base / "R0")

    def write_raw_data(self) -> None:
        for run, kind, subruns in self.runs:
            state = self.state(run, kind)
            for subrun in range(subruns):
                for stream in (1, 2, 3, 4):
                    path = self.r0(run, subrun, stream)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(fits(5, state))
        rows = "".join(
            f"{run},{subruns},{kind},{PREPROCESSING.get(self.state(run, kind), 0)}\n"
            for run, kind, subruns in self.runs
        )
        self.r0(1, 0).parent.mkdir(parents=True, exist_ok=True)
        (self.r0(1, 0).parent / "runs.ecsv").write_text(
            ECSV.format(
                columns="# - {name: run_id, datatype: int64}\n"
                "# - {name: n_subruns, datatype: int64}\n"
                "# - {name: run_type, datatype: string}\n"
                "# - {name: evb_preprocessing, datatype: int64}\n",
                head="run_id,n_subruns,run_type,evb_preprocessing",
                rows=rows,
            )
        )

    def state(self, run: int, kind: str) -> str:
        return self.states.get(run, "gain_selected" if kind == "DATA" else "legacy_raw")

    def add_night(self, date: str, runs: tuple[tuple[int, str, int], ...]) -> "FakeNight":
        """Write raw data of another night below the same base, and return that night."""
        other = copy.copy(self)
        other.date, other.runs = date, runs
        other.write_raw_data()
        return other

    def write_auxiliary(self) -> None:
        monitoring = self.base / "monitoring"
        self.drive_log.parent.mkdir(parents=True)
        self.drive_log.write_text("1709409600 100.0 20.0\n")
        cat_a = monitoring / "PixelCalibration/Cat-A"
        for name in (
            "drs4_time_sampling_from_FF/20240101/pro/time_calibration.Run00001.0000.h5",
            "ffactor_systematics/20240101/pro/ffactor_systematics_20240101.h5",
        ):
            (cat_a / name).parent.mkdir(parents=True)
            shutil.copyfile(self.environment / "templates/template.h5", cat_a / name)
        sources = {run: "Crab" for run, kind, _ in self.runs if kind == "DATA"} | self.sources
        catalog = monitoring / f"RunCatalog/RunCatalog_{self.flat}.ecsv"
        catalog.parent.mkdir(parents=True)
        catalog.write_text(
            ECSV.format(
                columns="# - {name: run_id, datatype: int32}\n"
                "# - {name: source_name, datatype: string}\n"
                "# - {name: source_ra, datatype: float64}\n"
                "# - {name: source_dec, datatype: float64}\n",
                head="run_id,source_name,source_ra,source_dec",
                rows="".join(f'{run},"{name}",83.633,22.0145\n' for run, name in sources.items()),
            )
        )
        production, line = MODEL.split("/")
        for dataset, particle in (
            ("TrainingDataset", "GammaDiffuse"),
            ("TrainingDataset", "Protons"),
            ("TestingDataset", "Gamma"),
        ):
            folder = self.base / "mc/DL1/AllSky" / production / dataset / line / particle
            folder.mkdir(parents=True)
            shutil.copyfile(
                self.environment / "templates/template.h5",
                folder / f"dl1_{production}_{line}_{particle}_merged.h5",
            )

    def write_config(self, **sections: dict[str, str]) -> None:
        """Write ``luigi.cfg``; *sections* come on top of ``options``."""
        values: dict[str, dict[str, str]] = {
            "paths": {"base": str(self.base)},
            "lstchain": {"environment": str(self.environment)},
            "local": {"jobs": "2", "poll_interval": "0.02"},
            # a quarter of a second at the end of each of many hundred commands
            "pages": {"enabled": "false"},
        }
        for more in (self.options, sections):
            for section, keys in more.items():
                values.setdefault(section, {}).update(keys)
        text = "\n".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
            for section, keys in values.items()
        )
        (self.root / "luigi.cfg").write_text(text)

    def control(self, **control: object) -> None:
        """Tell the stand-ins what to do: ``delay``, ``fail``, ``message``."""
        (self.environment / "control.json").write_text(json.dumps(control))

    def calls(self, name: str = "", environment: Path | None = None) -> list[list[str]]:
        """Return the command lines that were executed to their end, in order."""
        files = sorted(((environment or self.environment) / "calls").glob("*.json"))
        notes = [json.loads(file.read_text()) for file in files]
        return [[n["name"], *n["argv"]] for n in notes if not name or n["name"] == name]

    def made(self) -> collections.Counter[str]:
        """Return how often each product was made, by its command without attempt and process."""
        files = (self.environment / "calls").glob("*.json")
        notes = [json.loads(file.read_text()) for file in files]
        return collections.Counter(
            " ".join([n["name"], *(SCRATCH.sub(r"\1", w) for w in n["argv"])])
            for n in notes
            if n["ok"]
        )

    def forget_calls(self) -> None:
        for path in (self.environment / "calls").glob("*.json"):
            path.unlink()

    def variables(self) -> dict[str, str]:
        """Return the process environment that a command of the night runs in."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LUIGI_", "LSTOSA_"))}
        return {**kept, "PATH": path, "LUIGI_CONFIG_PATH": str(self.root / "luigi.cfg")}

    def command(self, task: str = "NightlyClose", *arguments: str, port: int = 0) -> list[str]:
        """Return the command of a user; without luigid unless a port is given."""
        scheduler = ["--scheduler-port", str(port)] if port else ["--local-scheduler"]
        words = [str(Path(sys.executable).with_name("luigi")), "--module", "lstosa_luigi", task]
        if not any(word.startswith("--date") for word in arguments):
            words += ["--date", self.date]
        return [*words, *arguments, *scheduler]

    def luigi(
        self, task: str = "NightlyClose", *arguments: str, port: int = 0, timeout: float = 250
    ) -> subprocess.CompletedProcess[str]:
        """Run a task to its end, as a user would; stderr and stdout come together."""
        return self._execute(self.command(task, *arguments, port=port), timeout)

    def _execute(self, words: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=self.variables(),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, task: str = "NightlyClose", *arguments: str, port: int = 0) -> subprocess.Popen:
        """Start a task and return at once; the same pipes as :meth:`luigi`."""
        return subprocess.Popen(
            self.command(task, *arguments, port=port),
            env=self.variables(),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def lstosa(self, *arguments: str, timeout: float = 250) -> subprocess.CompletedProcess[str]:
        """Run a verb of the lstosa command."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("lstosa")), *arguments],
            env=self.variables(),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def python(self, script: str, timeout: float = 250) -> subprocess.CompletedProcess[str]:
        """Run a script as somebody would who builds on the package."""
        return self._execute([sys.executable, "-c", script], timeout)

    def everything(self) -> Iterator[Path]:
        """Yield all files and folders below the base, though some may vanish meanwhile."""
        for folder, folders, files in os.walk(self.base):
            for name in (*folders, *files):
                yield Path(folder) / name

    def products(self) -> dict[str, bytes]:
        """Return all files with their content, but raw data and what tells how they were made."""
        skip = ("R0/", "mc/DL1", "OSA/", "DrivePositioning")
        found = {}
        for path in sorted(self.everything()):
            name = str(path.relative_to(self.base))
            inside = {"log", "records", "arrays", "configs", "software"} & set(
                path.relative_to(self.base).parts
            )
            if path.is_file() and not name.startswith(skip) and not inside:
                found[name] = path.read_bytes()
        return found

    def links(self) -> dict[str, str]:
        """Return all symbolic links, with what they lead to."""
        return {
            str(path.relative_to(self.base)): str(path.readlink())
            for path in self.everything()
            if path.is_symlink()
        }

    def whole_products(self) -> dict[str, tuple[int, int]]:
        """Return the file that each product consists of or is completed by, with its identity."""
        found = {}
        for name in self.products():
            path = self.base / name
            last = re.search(r"\.(h5|json|ecsv|fits\.gz)$|muons.*\d{5}\.fits$|cls_gh\.sav$", name)
            is_other = path.is_symlink() or re.search(r"interleaved|hdu-index|/\.scratch/", name)
            if last and not is_other:
                found[name] = (path.stat().st_ino, path.stat().st_mtime_ns)
        return found

    def processes(self) -> list[str]:
        """Return the command lines of all processes that have to do with this night."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (process / "cmdline").read_bytes()
                about = line + (process / "environ").read_bytes()
                if int(process.name) != os.getpid() and str(self.root).encode() in about:
                    found.append(line.replace(b"\0", b" ").decode())
        return [line for line in found if line]

    def leftovers(self) -> list[Path]:
        """Return scratch folders and files that are on their way to a final name."""
        found = []
        for path in self.everything():
            if path.name == ".scratch" or (path.name.startswith(".") and path.is_file()):
                found.append(path)
        return found


PREPROCESSING = {"legacy_raw": 14, "gain_selected": 15, "catA_calibrated": 111}
"""What lstchain writes of simulated runs that were recorded so."""

ECSV = """# %ECSV 1.0
# ---
# delimiter: ','
# datatype:
{columns}# schema: astropy-2.0
{head}
{rows}"""
