"""A night as lstosa leaves it, made of a night of stand-ins that was processed to its end.

Places and history files are those of lstosa 0.11.10: products in ``running_analysis`` until the
night is closed, a line of history an attempt.
"""

import copy
import shutil
import tarfile
from pathlib import Path

from tests.fakes.night import FakeNight

DL1P = "tailcut84"
NAMES = {
    "r0_to_dl1": "lstchain_data_r0_to_dl1",
    "dl1ab": "lstchain_dl1ab",
    "check_dl1": "lstchain_check_dl1",
    "drs4_baseline": "onsite_create_drs4_pedestal_file",
    "charge_calibration": "onsite_create_calibration_file",
}


def copied(night: FakeNight, root: Path) -> FakeNight:
    """Return a copy of a night below another directory."""
    shutil.copytree(night.root, root, symlinks=True)
    other = copy.copy(night)
    other.root = root
    other.write_config()
    other.forget_calls()
    return other


def forget_us(night: FakeNight) -> None:
    """Remove all that lstosa would not leave."""
    for name in ("records", "log", "arrays", "longterm", ".scratch"):
        shutil.rmtree(night.analysis / name, ignore_errors=True)
    for name in ("Closer", "InputState", "locks", "Catalog"):
        shutil.rmtree(night.base / "OSA" / name, ignore_errors=True)
    shutil.rmtree(night.base / "DL3", ignore_errors=True)


def dl1(night: FakeNight) -> Path:
    return night.base / "DL1" / night.flat / "v0.12.3"


def line(step: str, unit: str, code: int = 0, minute: int = 0) -> str:
    prod = DL1P if step in ("dl1ab", "check_dl1") else "v0.12.3"
    return f"{unit} {NAMES[step]} {prod} 2024-03-03 08:{minute:02d} in.fits.fz conf.json {code}\n"


def write_history(night: FakeNight, unit: str, *attempts: tuple[str, int]) -> Path:
    """Write what was tried of a subrun ``00003.0001``, or of a calibration run ``00002``."""
    path = night.analysis / f"sequence_LST1_{unit}.history"
    lines = [line(step, unit, code, minute) for minute, (step, code) in enumerate(attempts)]
    path.write_text("".join(lines))
    return path


def as_begun(night: FakeNight) -> None:
    """Let the night be one that lstosa has not closed: all subruns up to the datacheck."""
    forget_us(night)
    for name in ("DL2", "DL1/datacheck_files"):
        shutil.rmtree(night.base / name)
    for path in [p for p in night.analysis.rglob("*") if p.is_symlink()]:
        target = path.resolve()
        path.unlink()
        if path.parent == night.analysis and path.name.startswith("dl1_"):
            shutil.copyfile(target, path)  # a link to DL1b stands for DL1a once a run is closed
    work, final = night.analysis, dl1(night)
    for source, target in (
        (final / "muons", work),
        (final / "interleaved", work / "interleaved"),
        (final / DL1P / "datacheck", work / DL1P),
        (final / DL1P, work / DL1P),
    ):
        target.mkdir(exist_ok=True)
        for path in source.glob("*.Run?????.????.*"):
            path.rename(target / path.name)
    shutil.rmtree(final)
    write_history(night, "00002", ("drs4_baseline", 0), ("charge_calibration", 0))
    for run, _kind, subruns in (r for r in night.runs if r[1] == "DATA"):
        for subrun in range(subruns):
            steps = (("r0_to_dl1", 0), ("dl1ab", 0), ("check_dl1", 0))
            write_history(night, f"{run:05d}.{subrun:04d}", *steps)


def as_closed(night: FakeNight) -> None:
    """Let the night be one that lstosa closed and whose history was packed away."""
    forget_us(night)
    work, final = night.analysis, dl1(night)
    for path in sorted(work.glob("dl1_*.h5")):
        path.unlink()
        path.symlink_to(Path("../../..") / final.relative_to(night.base) / DL1P / path.name)
    histories = [
        write_history(
            night, f"{run:05d}.{subrun:04d}", ("r0_to_dl1", 0), ("dl1ab", 0), ("check_dl1", 0)
        )
        for run, kind, subruns in night.runs
        if kind == "DATA"
        for subrun in range(subruns)
    ]
    with tarfile.open(work / "all_history_2024-03-04_060000.tar.gz", "w:gz") as packed:
        for path in histories:
            packed.add(path, arcname=path.name)
            path.unlink()
    night.flag.parent.mkdir(parents=True)
    night.flag.write_text("cp01:4711")
