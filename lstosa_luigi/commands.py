"""The command lines of the tools, as pure functions.

Each function returns one argument vector and touches no disk. Options and their
order are the ones lstosa gives to the tools; where lstchain 0.12 refuses one of
them, the function says what is given instead. The first argument of each
function is the command as configured: a program and, perhaps, options of its own.
"""

from __future__ import annotations

__all__ = [
    "account_plot",
    "catb_calibration",
    "charge_calibration",
    "check_dl1",
    "check_dl1_run",
    "cherenkov_transparency",
    "dl1_to_dl2",
    "dl1ab",
    "dl3",
    "dl3_index",
    "drs4_baseline",
    "filter_wheels",
    "find_tailcuts",
    "first_events",
    "irf",
    "link_or_copy",
    "longterm_check",
    "lst_dvr",
    "lstcam_catb_calibration",
    "lstcam_charge_calibration",
    "lstcam_drs4_baseline",
    "mc_trainpipe",
    "merge_dl1",
    "merge_muons",
    "merge_run_summaries",
    "r0_to_dl1",
    "r0_to_r0g",
    "run_catalog",
    "run_summary",
]

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

Argv = tuple[str, ...]

PROGRAMS = Path(__file__).parent / "programs"
"""Programs of ours; those called by their own path are run with the Python of the tools."""

NO_DATABASE = "127.0.0.1:1"
"""Server given to tools that insist on asking a database: refused at once, no name is resolved."""


def _program(name: str, *arguments: str) -> Argv:
    """Start a program of ours that needs the packages of the orchestrator."""
    return (sys.executable, str(PROGRAMS / "execute.py"), name, *arguments)


def _argv(command: str, *arguments: str) -> Argv:
    return (*shlex.split(command), *arguments)


def _given(option: str, value: str) -> tuple[str, ...]:
    return (f"{option}={value}",) if value else ()


def run_summary(command: str, date: str, r0_root: str, output_dir: str, tcu_db: str = "") -> Argv:
    """Make the table of runs of a night (*date* as ``YYYYMMDD``)."""
    return _argv(
        command,
        f"--date={date}",
        f"--r0-path={r0_root}",
        f"--output-dir={output_dir}",
        f"--tcu-server={tcu_db or NO_DATABASE}",
    )


def run_catalog(
    runs: Iterable[int],
    run_summary: str,
    target_log: str,
    tcu_db: str,
    timeout: float,
    output_file: str,
) -> Argv:
    """Find the source of each run in the telescope-control database, else in the Target log."""
    return _program(
        "run_catalog",
        f"--runs={','.join(str(run) for run in runs)}",
        f"--run-summary={run_summary}",
        *_given("--target-log", target_log),
        *_given("--tcu-db", tcu_db),
        *((f"--timeout={timeout:g}",) if tcu_db else ()),
        f"--output={output_file}",
    )


def filter_wheels(run: int, caco_db: str, timeout: float, output_file: str) -> Argv:
    """Ask the camera-control database for the filter wheels of a run."""
    return _program(
        "filter_wheels",
        f"--run={run}",
        f"--caco-db={caco_db}",
        f"--timeout={timeout:g}",
        f"--output={output_file}",
    )


def merge_run_summaries(command: str, output_file: str, monitoring: str) -> Argv:
    """Put all run summaries below *monitoring* together, with where the telescope pointed.

    lstosa gives ``-d``, which appends to a file that must be there, in place and each time again.
    """
    return _argv(command, output_file, f"--monitoring-path={monitoring}")


def drs4_baseline(command: str, run: int, base: str, r0_root: str) -> Argv:
    """Make the DRS4 baseline of a run below *base*."""
    return _argv(command, "-r", f"{run:05d}", "-b", base, f"--r0-dir={r0_root}", "--no-progress")


def charge_calibration(
    command: str,
    drs4_run: int,
    run: int,
    base: str,
    r0_root: str,
    filters: str,
    flatfield_heuristic: bool = False,
) -> Argv:
    """Make the charge calibration of a run below *base*."""
    heuristic = ("--flatfield-heuristic",) if flatfield_heuristic else ()
    return _argv(
        command,
        "-p",
        f"{drs4_run:05d}",
        "-r",
        f"{run:05d}",
        "-b",
        base,
        f"--r0-dir={r0_root}",
        *heuristic,
        f"--filters={filters}",
    )


NO_LSTCAM_DATABASE = ("--output-format=h5", "--no-db")
"""For Cat-A of lstcam_calib: a file that lstchain reads, and no entry in its database, which would
hold the place that the file is made in."""


def lstcam_drs4_baseline(command: str, run: int, base: str, r0_root: str) -> Argv:
    """Make the DRS4 baseline of a run below *base* with lstcam_calib 0.3."""
    return (*drs4_baseline(command, run, base, r0_root), *NO_LSTCAM_DATABASE)


def lstcam_charge_calibration(
    command: str,
    drs4_run: int,
    run: int,
    base: str,
    r0_root: str,
    filters: str,
    flatfield_heuristic: bool = False,
) -> Argv:
    """Make the charge calibration of a run below *base* with lstcam_calib 0.3.

    It corrects for the DRS4 chips only if the command carries ``--apply-drs4-corrections``.
    """
    argv = charge_calibration(command, drs4_run, run, base, r0_root, filters, flatfield_heuristic)
    return (*argv, *NO_LSTCAM_DATABASE)


def first_events(input_files: Iterable[str], output_file: str) -> Argv:
    """Say what the first events of a run hold, by the first of these raw files that tells."""
    program = str(PROGRAMS / "first_events.py")
    return ("python", program, f"--output-file={output_file}", *input_files)


def account_plot(output_file: str, file_format: str) -> Argv:
    """Draw what nights cost, which is read from standard input."""
    return ("python", str(PROGRAMS / "account_plot.py"), output_file, file_format)


def link_or_copy(directory: str, names: Iterable[str], output_dir: str) -> Argv:
    """Give files a second place."""
    program = str(PROGRAMS / "link_or_copy.py")
    return ("python", program, f"--output-dir={output_dir}", f"--from={directory}", *names)


def r0_to_r0g(
    command: str, input_file: str, output_dir: str, log: str, flatfield_heuristic: bool = False
) -> Argv:
    """Select the gain of one subrun, all four streams of it."""
    return _argv(
        command,
        f"--R0-file={input_file}",
        f"--output-dir={output_dir}",
        f"--log={log}",
        *(() if flatfield_heuristic else ("--no-flatfield-heuristic",)),
    )


def lst_dvr(
    command: str,
    input_file: str,
    output_dir: str,
    reference_time: int,
    reference_counter: int,
    module_index: int,
    reference_source: str,
) -> Argv:
    """Select the gain of one subrun of before 2023-12-05, as lstosa does."""
    return _argv(
        command,
        input_file,
        output_dir,
        str(reference_time),
        str(reference_counter),
        str(module_index),
        reference_source,
    )


def r0_to_dl1(
    command: str,
    input_file: str,
    output_dir: str,
    config: str,
    drive_log: str,
    run_summary: str,
    pedestal: str = "",
    calibration: str = "",
    time_calibration: str = "",
    systematics: str = "",
    pedestal_ids: str = "",
) -> Argv:
    """Calibrate and parametrise one subrun.

    Data that the event builder calibrated are given no calibration at all.
    """
    return _argv(
        command,
        f"--input-file={input_file}",
        f"--output-dir={output_dir}",
        *_given("--config", config),
        f"--pointing-file={drive_log}",
        f"--run-summary-path={run_summary}",
        *_given("--pedestal-file", pedestal),
        *_given("--calibration-file", calibration),
        *_given("--time-calibration-file", time_calibration),
        *_given("--systematic-correction-file", systematics),
        *_given("--pedestal-ids-path", pedestal_ids),
    )


def find_tailcuts(command: str, input_dir: str, run: int, output_dir: str) -> Argv:
    """Find the cleaning settings of a run."""
    return _argv(command, f"--input-dir={input_dir}", f"--run={run}", f"--output-dir={output_dir}")


def catb_calibration(
    command: str,
    run: int,
    base: str,
    r0_root: str,
    filters: str,
    calibration_run: int,
    interleaved_dir: str,
    calibration_file: str = "",
    systematics_file: str = "",
) -> Argv:
    """Calibrate a run with its own interleaved events (Cat-B) below *base*.

    Given a *calibration_file*, it and *systematics_file* are what to start from, not the Cat-A
    calibration of *calibration_run* below *base*: so for data that the event builder calibrated.
    """
    start = (
        (
            f"--cat_A_calibration_file={calibration_file}",
            *_given("--systematics_file", systematics_file),
        )
        if calibration_file
        else (f"--catA_calibration_run={calibration_run}",)
    )
    return _argv(
        command,
        "-r",
        f"{run:05d}",
        "-b",
        base,
        f"--r0-dir={r0_root}",
        f"--filters={filters}",
        *start,
        f"--interleaved-dir={interleaved_dir}",
    )


def lstcam_catb_calibration(
    command: str,
    run: int,
    base: str,
    r0_root: str,
    filters: str,
    calibration_run: int,
    calibration_format: str,
    dl1_dir: str,
    lstchain_version: str,
) -> Argv:
    """Calibrate a run with its own interleaved events (Cat-B) with lstcam_calib 0.3.

    lstosa writes ``--catA_calibration_run``, or ``--cat_A_calibration_file`` and
    ``--systematics_file``; lstcam_calib knows none of them and spells the first
    ``--catA-calibration-run``. So what is to be used must be what it finds below *base*.

    Parameters
    ----------
    calibration_format : str
        Suffix of the Cat-A calibration: ``h5``, ``fits`` or ``fits.gz``.
    dl1_dir, lstchain_version : str
        Interleaved events are looked for in ``<dl1_dir>/<date>/v<lstchain_version>/interleaved``.
    """
    return _argv(
        command,
        "-r",
        f"{run:05d}",
        "-b",
        base,
        f"--r0-dir={r0_root}",
        f"--filters={filters}",
        f"--catA-calibration-run={calibration_run}",
        f"--catA-format={calibration_format}",
        f"--dl1-dir={dl1_dir}",
        f"--lstchain-version={lstchain_version}",
    )


def dl1ab(
    command: str,
    input_file: str,
    output_file: str,
    config: str,
    store_image: bool = True,
    catb_calibration_file: str = "",
) -> Argv:
    """Clean and parametrise the images of a subrun again.

    lstosa writes ``--no-image=True``; since lstchain 0.11 it is a flag without value.
    """
    return _argv(
        command,
        f"--input-file={input_file}",
        f"--output-file={output_file}",
        *_given("--config", config),
        *(() if store_image else ("--no-image",)),
        *_given("--catB-calibration-file", catb_calibration_file),
    )


def check_dl1(command: str, input_file: str, output_dir: str, muons_dir: str) -> Argv:
    """Check the data of one subrun."""
    return _argv(
        command,
        f"--input-file={input_file}",
        f"--output-dir={output_dir}",
        f"--muons-dir={muons_dir}",
        "--omit-pdf",
        "--batch",
    )


def check_dl1_run(command: str, input_pattern: str, output_dir: str, muons_dir: str) -> Argv:
    """Merge the datachecks of a run and plot them; the table is written beside the inputs."""
    return _argv(
        command,
        f"--input-file={input_pattern}",
        f"--output-dir={output_dir}",
        f"--muons-dir={muons_dir}",
    )


def merge_dl1(command: str, input_dir: str, output_file: str, run: int, prefix: str) -> Argv:
    """Merge the subruns of a run, without images."""
    return _argv(
        command,
        f"--input-dir={input_dir}",
        f"--output-file={output_file}",
        "--no-image",
        "--no-progress",
        f"--run-number={run}",
        f"--pattern=dl1_{prefix}.Run?????.????.h5",
    )


def merge_muons(command: str, input_dir: str, output_file: str, run: int, prefix: str) -> Argv:
    """Merge the muon rings of a run."""
    return _argv(
        command,
        f"--input-dir={input_dir}",
        f"--output-file={output_file}",
        f"--run-number={run}",
        f"--pattern=muons_{prefix}.Run?????.????.fits",
    )


def longterm_check(command: str, input_dir: str, output_file: str, muons_dir: str) -> Argv:
    """Put the datachecks of all runs of a night together."""
    return _argv(
        command,
        f"--input-dir={input_dir}",
        f"--output-file={output_file}",
        f"--muons-dir={muons_dir}",
        "--batch",
    )


def cherenkov_transparency(command: str, night_file: str, input_dir: str) -> Argv:
    """Add the intensity spectrum of cosmic rays to a night-wise datacheck, in place."""
    return _argv(command, f"--update-datacheck-file={night_file}", f"--input-dir={input_dir}")


def mc_trainpipe(command: str, gamma: str, proton: str, output_dir: str, config: str) -> Argv:
    """Train the random forests."""
    return _argv(
        command,
        f"--input-file-gamma={gamma}",
        f"--input-file-proton={proton}",
        f"--output-dir={output_dir}",
        *_given("--config", config),
    )


def dl1_to_dl2(command: str, input_file: str, output_dir: str, models: str, config: str) -> Argv:
    """Reconstruct the events of a run.

    lstosa writes ``--input-file``; lstchain 0.12 names the option ``--input-files``.
    """
    return _argv(
        command,
        f"--input-files={input_file}",
        f"--output-dir={output_dir}",
        f"--path-models={models}",
        *_given("--config", config),
    )


def irf(
    command: str,
    gamma: str,
    output_file: str,
    config: str,
    proton: str = "",
    electron: str = "",
) -> Argv:
    """Make a point-like instrument response of simulated events at DL2."""
    return _argv(
        command,
        f"--input-gamma-dl2={gamma}",
        *_given("--input-proton-dl2", proton),
        *_given("--input-electron-dl2", electron),
        f"--output-irf-file={output_file}",
        "--point-like",
        "--overwrite",
        *_given("--config", config),
    )


def dl3(
    command: str,
    input_file: str,
    output_dir: str,
    irf_dir: str,
    irf_name: str,
    source: str,
    ra_deg: float,
    dec_deg: float,
    config: str,
) -> Argv:
    """Select the events of a run.

    lstosa names the file in ``--input-irf``; lstchain 0.12 wants a directory and a pattern.
    """
    return _argv(
        command,
        f"--input-dl2={input_file}",
        f"--output-dl3-path={output_dir}",
        f"--input-irf-path={irf_dir}",
        f"--irf-file-pattern={irf_name}",
        f"--source-name={source}",
        f"--source-ra={ra_deg}deg",
        f"--source-dec={dec_deg}deg",
        "--gzip",
        "--overwrite",
        *_given("--config", config),
    )


def dl3_index(command: str, dl3_dir: str, output_dir: str) -> Argv:
    """Index the event lists of a source."""
    return _argv(
        command,
        f"--input-dl3-dir={dl3_dir}",
        f"--output-index-path={output_dir}",
        "--file-pattern=dl3*.fits.gz",
        "--overwrite",
    )
