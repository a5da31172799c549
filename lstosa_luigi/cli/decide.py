"""``lstosa decide``: make, undo and list the operators' decisions about a night."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import datetime
import functools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from lstosa_luigi.cli.night import reject, signature
from lstosa_luigi.errors import ExitCode, InputError, UsageError
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.execution.lock import RootLock
from lstosa_luigi.layout import Layout
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.cleaning import parse_tailcuts
from lstosa_luigi.observation.decisions import Decision, Decisions, Undone, What
from lstosa_luigi.observation.decisions_file import as_data, dump_decisions
from lstosa_luigi.observation.night import Night, decisions_of
from lstosa_luigi.observation.reconstruction import available_models
from lstosa_luigi.products.base import NightParameter

EPILOG = """\
examples:
  lstosa decide --date 2024-03-02 --discard 1808.8 --why "last subrun without pedestals"
  lstosa decide --date 2024-03-02 --rf-model MODEL --run 1808 --why "sky brighter than it looks"
  lstosa decide --date 2024-03-02 --undo 2 --why "the file was repaired"
  lstosa decide --date 2024-03-02

A decision takes effect with the next command on the night; lstosa plan shows it before."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--discard", metavar="RUN[.SUBRUN]", help="leave a run or a subrun out")
    act.add_argument(
        "--set-type", nargs=2, metavar=("RUN", "TYPE"), help="take a run for one of another type"
    )
    act.add_argument(
        "--veto", metavar="RUN", help="do not process a DATA run; the night closes without it"
    )
    act.add_argument("--unveto", metavar="RUN", help="undo the veto of a run")
    act.add_argument("--drs4", metavar="RUN", help="calibrate the night with this DRS4 run")
    act.add_argument("--pedcalib", metavar="RUN", help="calibrate it with this PEDCALIB run")
    act.add_argument(
        "--time-calibration", metavar="RUN", help="calibrate it with the time calibration of a run"
    )
    act.add_argument(
        "--filters",
        metavar="NN",
        help="analyse the PEDCALIB runs of the night for these filter wheels, a digit each, as 52",
    )
    act.add_argument(
        "--tailcuts",
        metavar="FILE",
        help="clean with this DL1b config, as dl1ab_RunRRRRR.json of another run",
    )
    act.add_argument(
        "--rf-model",
        metavar="MODEL",
        help="reconstruct with these random forests: <mc_prod>nsb_tuning_X.XX/dec_NNNN",
    )
    act.add_argument(
        "--accept-incomplete",
        action="store_true",
        help="close the night with what there is; nothing more is made until another decision",
    )
    act.add_argument("--undo", type=int, metavar="N", help="undo decision number N")
    parser.add_argument(
        "--run", metavar="RUN", help="with --tailcuts, --rf-model: only of this run; default: all"
    )
    parser.add_argument("--why", default="", help="the reason; needed for every decision")
    parser.add_argument("--who", default="", help="who decides; default: the login name")
    parser.add_argument("--json", action="store_true", help="list as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Do what is asked for, then list how things stand."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, telescope=options.telescope)
    layout, change = root.layout, _change_of(options)
    if options.run is not None and not (options.tailcuts or options.rf_model):
        raise UsageError("--run goes with --tailcuts and --rf-model only")
    if change is None:
        if options.why:
            raise UsageError("--why: nothing is decided. Name a decision, as --discard RUN")
        _print(decisions_of(layout), layout, options.json)
        return ExitCode.OK
    if not options.why.strip():
        raise UsageError("say why: --why TEXT. It is kept with the decision.")
    name = f"decide_{layout.prefix}_{layout.flat_date}"
    lock = RootLock(layout.lock(name), f"The file of decisions of {date}")
    lock.acquire()
    try:
        changed = change(decisions_of(layout), root)
        write_whole(layout.decisions(), dump_decisions(changed, str(date)))
    finally:
        lock.release()
    _print(decisions_of(layout), layout, options.json)
    return ExitCode.OK


Change = Callable[[Decisions, NightlyClose], Decisions]
Maker = Callable[[What, argparse.Namespace, Night], Decision]


def _change_of(options: argparse.Namespace) -> Change | None:
    """Return what is to be done with the decisions there are; None if they are only listed."""
    if options.undo is not None:
        return lambda decisions, _root: decisions.undo(options.undo, _undone(options))
    if options.unveto is not None:
        return lambda decisions, _root: _unveto(decisions, options)
    for what, make in MAKERS.items():
        if getattr(options, what.value.replace("-", "_")):
            return functools.partial(_decide, what, make, options)
    return None


def _decide(
    what: What, make: Maker, options: argparse.Namespace, decisions: Decisions, root: NightlyClose
) -> Decisions:
    night = _night(root)
    return decisions.decide(make(what, options, night), night.observed, night.earlier())


def _night(root: NightlyClose) -> Night:
    night = root.night
    if night is None:
        raise InputError(
            f"{root.layout.run_summary()} is not there yet: which runs there are is not known. "
            f"Have it made first: luigi --module lstosa_luigi RunSummary --date {root.date}"
        )
    return night


def _decision(
    what: What,
    options: argparse.Namespace,
    run: int | None = None,
    subrun: int | None = None,
    value: str = "",
) -> Decision:
    undone = _undone(options)
    return Decision(0, what, undone.who, undone.when, undone.why, run, subrun, value)


def _undone(options: argparse.Namespace) -> Undone:
    return Undone(*signature(options.who), options.why.strip())


def _unveto(decisions: Decisions, options: argparse.Namespace) -> Decisions:
    run = _number(options.unveto)
    veto = decisions.veto(run)
    if veto is None:
        raise UsageError(f"Run {run:05d} is not vetoed.")
    return decisions.undo(veto.number, _undone(options))


# --- one function a kind of decision -------------------------------------------------------


def _discard(what: What, options: argparse.Namespace, _night: Night) -> Decision:
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?", options.discard)
    if match is None:
        raise UsageError(f"--discard {options.discard}: write RUN or RUN.SUBRUN, as 1808.3")
    subrun = None if match[2] is None else int(match[2])
    return _decision(what, options, int(match[1]), subrun)


def _set_type(what: What, options: argparse.Namespace, _night: Night) -> Decision:
    run, run_type = options.set_type
    return _decision(what, options, _number(run), value=run_type)


def _veto(what: What, options: argparse.Namespace, _night: Night) -> Decision:
    return _decision(what, options, _number(options.veto))


def _calibration_run(what: What, options: argparse.Namespace, _night: Night) -> Decision:
    run = _number(options.drs4 if what is What.DRS4 else options.pedcalib)
    return _decision(what, options, value=str(run))


def _time_calibration(what: What, options: argparse.Namespace, night: Night) -> Decision:
    run, files = _number(options.time_calibration), night.layout.time_calibrations()
    runs = sorted({int(file.name.split(".")[1].removeprefix("Run")) for file in files})
    if run not in runs:
        there = ", ".join(f"{number:05d}" for number in runs) or "none"
        raise UsageError(f"There is no time calibration of run {run:05d}; there are {there}.")
    return _decision(what, options, value=str(run))


def _filters(what: What, options: argparse.Namespace, night: Night) -> Decision:
    if re.fullmatch(r"\d\d", options.filters) is None:
        raise UsageError(f"--filters {options.filters}: write the two wheels, a digit each, as 52")
    run = night.pedcalib_run.value
    if run is not None and run.date != night.layout.date:
        raise UsageError(
            f"The night is calibrated with run {run}: decide about the filters of that night, "
            f"lstosa decide --date {run.date} --filters {options.filters}"
        )
    return _decision(what, options, value=options.filters)


def _tailcuts(what: What, options: argparse.Namespace, _night: Night) -> Decision:
    file = Path(options.tailcuts).absolute()
    if not file.is_file():
        raise UsageError(f"--tailcuts {file}: no such file")
    parse_tailcuts(file.read_text(encoding="utf-8"), str(file))
    return _decision(what, options, _run(options), value=str(file))


def _rf_model(what: What, options: argparse.Namespace, night: Night) -> Decision:
    models = sorted(available_models(night.layout))
    if options.rf_model not in models:
        raise UsageError(
            f"There are no random forests {options.rf_model}, nor simulated events to train them "
            f"of; there are {', '.join(models) or 'none'}."
        )
    return _decision(what, options, _run(options), value=options.rf_model)


def _accept_incomplete(what: What, options: argparse.Namespace, _night: Night) -> Decision:
    return _decision(what, options)


MAKERS: dict[What, Maker] = {
    What.DISCARD: _discard,
    What.SET_TYPE: _set_type,
    What.VETO: _veto,
    What.DRS4: _calibration_run,
    What.PEDCALIB: _calibration_run,
    What.TIME_CALIBRATION: _time_calibration,
    What.FILTERS: _filters,
    What.TAILCUTS: _tailcuts,
    What.RF_MODEL: _rf_model,
    What.ACCEPT_INCOMPLETE: _accept_incomplete,
}


def _run(options: argparse.Namespace) -> int | None:
    return None if options.run is None else _number(options.run)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text} is no run number; write it as 1808")
    return int(text)


# --- the list ------------------------------------------------------------------------------


def _print(decisions: Decisions, layout: Layout, as_json: bool) -> None:
    if as_json:
        rows = [as_data(decision) for decision in decisions.all]
        print(json.dumps({"schema_version": 1, "date": str(layout.date), "decisions": rows}))
    elif not decisions.all:
        print(f"Nothing is decided about {layout.date}.")
    else:
        for decision in decisions.all:
            print(_line(decision))
        print(f"\n{layout.decisions()}")


def _line(decision: Decision) -> str:
    line = (
        f"{decision.number:>3}  {decision.text}: {decision.why} ({decision.who}, {decision.when})"
    )
    if decision.undone is None:
        return line
    undone = decision.undone
    return f"{line}\n     undone: {undone.why} ({undone.who}, {undone.when})"
