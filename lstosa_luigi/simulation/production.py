"""The work of a night: which files there are to write, in which processes, and how far they are."""

from __future__ import annotations

__all__ = ["write_night"]

import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from tqdm import tqdm

from lstosa_luigi.simulation import auxiliary, montecarlo, runs
from lstosa_luigi.simulation.options import NightOptions
from lstosa_luigi.simulation.raw import N_STREAMS, stream_path
from lstosa_luigi.simulation.schedule import schedule_subrun
from lstosa_luigi.simulation.sky import NightPlan, altaz


@dataclasses.dataclass(frozen=True)
class _Job:
    """Something one process writes: its name, its number of events, and how to do it."""

    name: str
    events: int
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def write_night(
    options: NightOptions, plan: NightPlan, raw: bool, mc: bool
) -> tuple[list[Path], list[Path]]:
    """Write raw data, Monte Carlo or both, and return the files of each.

    Parameters
    ----------
    options
        Of the night.
    plan
        Its source and runs.
    raw, mc
        What to write.
    """
    directory = options.base / "R0" / options.day
    jobs = []
    raw_files = _write_small_files(options, plan)
    mc_files: list[Path] = []
    if raw:
        _clear(directory)
        jobs += _raw_jobs(directory, options, plan)
        raw_files += _raw_paths(directory, options, plan)
    if mc:
        jobs += _mc_jobs(options, plan)
        mc_files += [options.base / sample.path for sample in _samples(options, plan)]
    truth: list[runs.Truth] = []
    for job, result in _execute(jobs, options):
        if job.function is runs.write_data_subrun:
            truth += result
    if raw:
        raw_files.append(_write_truth(options, truth))
    return raw_files, mc_files


def _raw_jobs(raw: Path, options: NightOptions, plan: NightPlan) -> list[_Job]:
    """Return the raw files to be written, the longest first."""
    jobs = []
    for run in plan.runs:
        if run.kind == "DATA":
            for subrun in range(options.subruns):
                events = len(schedule_subrun(options, run.number, subrun).labels)
                arguments = (raw, options, plan.source, run, subrun)
                name = f"DATA run {run.number:05d}.{subrun:04d}"
                jobs.append(_Job(name, events, runs.write_data_subrun, arguments))
        elif run.kind == "DRS4":
            function, events = runs.write_drs4_run, options.drs4_events
            jobs.append(_Job(f"DRS4 run {run.number:05d}", events, function, (raw, options, run)))
        else:
            function, events = runs.write_pedcalib_run, 2 * options.calibration_pairs
            name = f"PEDCALIB run {run.number:05d}"
            jobs.append(_Job(name, events, function, (raw, options, run)))
    return sorted(jobs, key=lambda job: -job.events)


def _mc_jobs(options: NightOptions, plan: NightPlan) -> list[_Job]:
    """Return the Monte Carlo to be made, at the pointing of the first run on the source."""
    run = (plan.data_runs or plan.runs)[0]
    altitude, azimuth = altaz(run.ra, run.dec, np.array([run.start]))
    pointing = (float(np.deg2rad(altitude[0])), float(np.deg2rad(azimuth[0])))
    return [
        _Job(
            f"MC {sample.path.parts[-4]} {sample.path.parts[-2]}",
            sample.events,
            montecarlo.write_sample,
            (options.base, sample, options.seed, *pointing),
        )
        for sample in _samples(options, plan)
    ]


def _samples(options: NightOptions, plan: NightPlan) -> tuple[montecarlo.McSample, ...]:
    return montecarlo.mc_samples(plan.source.declination_line, options.mc_events)


def _raw_paths(raw: Path, options: NightOptions, plan: NightPlan) -> list[Path]:
    return [
        stream_path(raw, stream, run.number, subrun)
        for run in plan.runs
        for subrun in range(options.subruns if run.kind == "DATA" else 1)
        for stream in range(1, N_STREAMS + 1)
    ]


def _write_small_files(options: NightOptions, plan: NightPlan) -> list[Path]:
    return [
        *auxiliary.write_drive_logs(options.base, plan),
        auxiliary.write_run_catalog(options.base, plan),
        *auxiliary.write_standing_calibration(options.base, options.date),
        *auxiliary.write_configs(options.base),
    ]


def _write_truth(options: NightOptions, truth: list[runs.Truth]) -> Path:
    """Write what every event of the DATA runs is."""
    rows = [dataclasses.astuple(event) for event in sorted(truth, key=lambda e: (e.run, e.event))]
    names = [field.name for field in dataclasses.fields(runs.Truth)]
    types = ["i4", "i4", "i8", "U9", "f8", "f8", "f8"]
    path = options.base / f"simulation/events_{options.day}.ecsv"
    with auxiliary.atomic(path) as partial:
        table = Table(rows=rows or None, names=names, dtype=types)
        table.write(partial, format="ascii.ecsv", delimiter=",")
    return path


def _clear(raw: Path) -> None:
    """Remove what an earlier simulation has left."""
    raw.mkdir(parents=True, exist_ok=True)
    for path in [*raw.glob("LST-1.*.fits.fz"), *raw.glob(".LST-1.*.part")]:
        path.unlink()


def _execute(jobs: list[_Job], options: NightOptions) -> Iterator[tuple[_Job, Any]]:
    """Do the jobs in processes and show how far they are: a bar on a terminal, else lines."""
    bar = tqdm(
        total=sum(job.events for job in jobs),
        unit="event",
        disable=not (options.progress and sys.stderr.isatty()),
    )
    # Forked workers share the imported lstchain, which takes seconds to import.
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(options.jobs, mp_context=context, initializer=_hush)
    try:
        pending = {pool.submit(job.function, *job.arguments): job for job in jobs}
        for future in as_completed(pending):
            job = pending[future]
            result = future.result()
            bar.update(job.events)
            if bar.disable:
                print(f"{job.name}: {job.events} events", flush=True)
            else:
                bar.set_postfix_str(job.name)
            yield job, result
    finally:
        bar.close()
        pool.shutdown(wait=True, cancel_futures=True)


def _hush() -> None:
    """Keep protozfits, which prints from C++, off the standard output of a worker."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.close(sink)
