"""The command line of ``lstosa simulate-night``: its options, presets and rules.

Standard library only, so that the help costs nothing and needs no lstchain.
"""

from __future__ import annotations

__all__ = ["NightOptions", "build_parser", "parse"]

import argparse
import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MIN_DRS4_EVENTS = 500
"""lstchain_create_run_summary says DRS4 only of runs with 500 events without a pedestal."""

FEW_PEDESTALS = 20
"""Interleaved pedestals of a subrun of which there are few: lstchain_find_tailcuts asks for 100."""

DEFAULTS: dict[str, Any] = {
    "data_runs": 2,
    "subruns": 2,
    "events": 100,
    "pedestals": 110,
    "flatfields": 50,
    "muons": 8,
    "drs4_events": MIN_DRS4_EVENTS,
    "calibration_pairs": 60,
    "mc_events": 1500,
    "mc": True,
}
"""The smallest night that passes every step of the chain."""

TINY: dict[str, Any] = {
    "data_runs": 1,
    "subruns": 2,
    "events": 10,
    "pedestals": 4,
    "flatfields": 4,
    "muons": 2,
    "drs4_events": 20,
    "calibration_pairs": 10,
    "mc_events": 0,
    "mc": False,
}
"""Readable raw files within seconds; too few events to calibrate or to train on."""


@dataclasses.dataclass(frozen=True)
class NightOptions:
    """What a simulated night consists of.

    The fields are the options of the command line; counts of events are for one subrun, but
    ``drs4_events`` and ``calibration_pairs`` for one run and ``mc_events`` for one particle.
    """

    base: Path
    date: dt.date
    seed: int = 1
    first_run: int = 1
    data_runs: int = DEFAULTS["data_runs"]
    subruns: int = DEFAULTS["subruns"]
    events: int = DEFAULTS["events"]
    pedestals: int = DEFAULTS["pedestals"]
    flatfields: int = DEFAULTS["flatfields"]
    muons: int = DEFAULTS["muons"]
    few_pedestals: tuple[int, ...] = ()
    drs4_events: int = DEFAULTS["drs4_events"]
    calibration_pairs: int = DEFAULTS["calibration_pairs"]
    mc_events: int = DEFAULTS["mc_events"]
    drs4_run: bool = True
    pedcalib_run: bool = True
    mc: bool = True
    two_gain: bool = False
    evb_calibrated: bool = False
    jobs: int = 2
    overwrite: bool = False
    progress: bool = True

    @property
    def day(self) -> str:
        """The date as the directory names have it, ``YYYYMMDD``."""
        return f"{self.date:%Y%m%d}"

    def pedestals_of(self, run: int) -> int:
        """Return the interleaved pedestals of each subrun of a run."""
        few = min(FEW_PEDESTALS, self.pedestals)
        return few if run in self.few_pedestals else self.pedestals

    def content(self) -> dict[str, Any]:
        """Return the options that decide what the raw data of the night contain."""
        silent = {"base", "jobs", "overwrite", "progress", "mc", "mc_events"}
        values = {k: v for k, v in dataclasses.asdict(self).items() if k not in silent}
        few = values.pop("few_pedestals")  # not named if there are none: as in earlier records
        named = {"few_pedestals": sorted(few)} if few else {}
        return {**values, **named, "date": self.date.isoformat()}


def build_parser(prog: str = "lstosa simulate-night") -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Write a night of raw data that the unmodified lstchain reads.",
        epilog=(
            "examples:\n"
            f"  {prog} --base DIR --date 2024-03-02          the whole chain works on it\n"
            f"  {prog} --base DIR --date 2024-03-02 --tiny   a few readable files in seconds\n"
        ),
    )
    add = parser.add_argument
    add("--base", type=Path, required=True, help="directory to write the data tree into")
    add("--date", type=_date, required=True, metavar="YYYY-MM-DD", help="evening of the night")
    add("--seed", type=_whole(0), default=1, help="seed of all random numbers (default 1)")
    add("--first-run", type=_whole(1), default=1, help="number of the first run (default 1)")
    add("--tiny", action="store_true", help="preset: few events, no Monte Carlo, takes seconds")
    add("--overwrite", action="store_true", help="replace a night made with other options")
    add("--jobs", type=_whole(1), default=2, help="processes at work (default 2)")
    add("--no-progress", dest="progress", action="store_false", help="no progress bar")

    add = parser.add_argument_group("runs").add_argument
    add("--data-runs", type=_whole(0), help=_default("DATA runs", "data_runs"))
    add(
        "--subruns",
        type=_whole(1),
        help=_default("subruns of a DATA run; tailcuts need 2", "subruns"),
    )
    add(
        "--drs4-events",
        type=_whole(1),
        help=_default("events of the DRS4 run; its type is recognised from 500", "drs4_events"),
    )
    add(
        "--calibration-pairs",
        type=_whole(1),
        help=_default("pairs of flat field and pedestal of the PEDCALIB run", "calibration_pairs"),
    )
    add("--no-drs4-run", dest="drs4_run", action="store_false", help="write no DRS4 run")
    add("--no-pedcalib-run", dest="pedcalib_run", action="store_false", help="no PEDCALIB run")

    add = parser.add_argument_group("events of one subrun").add_argument
    add(
        "--events",
        type=_whole(0),
        help=_default("showers; the first subrun of a run may get more", "events"),
    )
    add(
        "--pedestals",
        type=_whole(0),
        help=_default("interleaved pedestals; tailcuts need 100", "pedestals"),
    )
    add(
        "--few-pedestals",
        type=_whole(1),
        action="append",
        default=[],
        metavar="RUN",
        help=f"give a DATA run {FEW_PEDESTALS} of them, too few to find tailcuts; may be repeated",
    )
    add("--flatfields", type=_whole(0), help=_default("interleaved flat fields", "flatfields"))
    add("--muons", type=_whole(0), help=_default("muon rings; merging needs 5", "muons"))

    group = parser.add_argument_group("state of the raw data").add_mutually_exclusive_group()
    group.add_argument(
        "--two-gain",
        action="store_true",
        help="both gains of all events, as before gain selection (lstchain_r0_to_r0g)",
    )
    group.add_argument(
        "--evb-calibrated",
        action="store_true",
        help="DATA calibrated to p.e. by the event builder",
    )

    add = parser.add_argument_group("Monte Carlo").add_argument
    add("--mc-events", type=_whole(1), help=_default("gammas and protons to train on", "mc_events"))
    add("--no-mc", dest="mc", action="store_false", default=None, help="write no Monte Carlo")
    return parser


def parse(argv: Sequence[str], prog: str = "lstosa simulate-night") -> NightOptions:
    """Return the options of a command line; bad ones end the process with one line and code 2.

    Parameters
    ----------
    argv
        Arguments without the program's name.
    prog
        Name of the program in messages.
    """
    parser = build_parser(prog)
    given = vars(parser.parse_args(argv))
    tiny = given.pop("tiny")
    preset = TINY if tiny else DEFAULTS
    values = {k: preset[k] if v is None and k in preset else v for k, v in given.items()}
    if given["mc"] is None and given["mc_events"] is not None:
        values["mc"] = True
    values["few_pedestals"] = tuple(sorted(set(given["few_pedestals"])))
    options = NightOptions(**values)
    problem = _problem(options, tiny)
    if problem:
        parser.exit(2, f"{prog}: {problem}\n")
    return options


def _problem(options: NightOptions, tiny: bool) -> str | None:
    """Return what is wrong with options that are good one by one, or None."""
    per_subrun = options.events + options.pedestals + options.flatfields + options.muons
    if options.data_runs and not per_subrun:
        return "a subrun needs at least one event: give --events, --pedestals or others"
    if not (options.data_runs or options.drs4_run or options.pedcalib_run):
        return "nothing to write: no DRS4 run, no PEDCALIB run and no DATA run"
    if options.drs4_run and options.drs4_events < MIN_DRS4_EVENTS and not tiny:
        return (
            f"--drs4-events {options.drs4_events}: lstchain recognises a DRS4 run from "
            f"{MIN_DRS4_EVENTS} events on (fewer only with --tiny)"
        )
    first = options.first_run + 2  # after the calibration runs, whether they are written or not
    last = first + options.data_runs - 1
    for run in options.few_pedestals:
        if not first <= run <= last:
            return f"--few-pedestals {run}: the DATA runs are {first} to {last}"
    if options.first_run + options.data_runs + 1 > 99_999:
        return f"--first-run {options.first_run}: run numbers have at most five digits"
    if options.base.exists() and not options.base.is_dir():
        return f"--base {options.base}: not a directory"
    return None


def _default(text: str, name: str) -> str:
    return f"{text} (default {DEFAULTS[name]}, tiny {TINY[name]})"


def _whole(least: int) -> Any:
    """Return the argparse type of a whole number that is not below ``least``."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a whole number: {text!r}") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
        return value

    return number


def _date(text: str) -> dt.date:
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            return dt.datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(f"not a date like 2024-03-02: {text!r}")
