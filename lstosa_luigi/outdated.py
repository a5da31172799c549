"""Products that are there, but were made before the operators decided otherwise.

What a product was made of stands in its record, and what was decided when it was planned. The files
are compared with those it would be made of now only where a decision that concerns the product was
made, or undone, since: without decisions a product that is there is never made again, and a
decision about one run leaves the others alone.
"""

from __future__ import annotations

__all__ = ["Outdated", "find_outdated", "is_concerned", "remove_outdated"]

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from luigi.task import flatten

from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.observation.decisions import Decision, What, is_about_calibration
from lstosa_luigi.observation.night import Night
from lstosa_luigi.products.base import NightProduct, SubrunTask
from lstosa_luigi.products.calibration import Drs4Pedestal
from lstosa_luigi.products.dl1b import CleanedRun, CleanedSubrun
from lstosa_luigi.products.dl2 import ReconstructedRun
from lstosa_luigi.products.irf import IRF
from lstosa_luigi.products.models import RandomForests, TestingDL2
from lstosa_luigi.products.raw import RunSummary

INDEPENDENT = (RunSummary, Drs4Pedestal, RandomForests, TestingDL2, IRF)
"""Products that are the same whatever is decided, if they are made at all."""


@dataclasses.dataclass(frozen=True)
class Outdated:
    """Why a product has to be made again, and whether that is only because another one has."""

    reason: str
    follows: bool = False


def find_outdated(steps: Iterable[Step]) -> dict[str, Outdated]:
    """Return each product that has to be made again, by the id of its task.

    Parameters
    ----------
    steps : iterable of Step
        The graph, what a product needs before the product.
    """
    found: dict[str, Outdated] = {}
    records: dict[str, Record] = {}
    for step in steps:
        task = step.task
        if not isinstance(task, NightProduct) or not task.complete():
            continue
        again = [need for need in step.needs if need.task_id in found]
        if again:
            found[task.task_id] = Outdated(f"{again[0].title} is made again", follows=True)
            continue
        night = task.night
        if night is None or isinstance(task, INDEPENDENT):
            continue
        reason = _reason(task, night, step, records)
        if reason:
            found[task.task_id] = Outdated(reason)
    return found


def _reason(task: NightProduct, night: Night, step: Step, records: dict[str, Record]) -> str:
    """Say why a product has to be made again; nothing if it has not, or if nobody can tell."""
    decisions = night.related
    if not is_concerned(task, night):
        return ""
    try:
        job = task.job()
    except LstosaError:  # said when it is planned
        return ""
    record = read_record(Path(job.record))
    if record is None or record.state != "done":
        return ""
    records[task.task_id] = record
    changed = decisions.changed_since(record.decided)
    concerning = [decision for decision in changed if _concerns(decision, task, night)]
    if not concerning:
        return ""
    what = f"decision {concerning[-1].number} ({concerning[-1].text})"
    now = {*job.inputs, *job.staged.values(), *job.copied.values()}
    if now != set(record.inputs):
        return f"it was made of other files before {what} was made or undone"
    newer = [need for need in step.needs if _began(need, records) > record.start]
    return f"{newer[0].title} was made again since, after {what}" if newer else ""


def _began(need: object, records: dict[str, Record]) -> str:
    record = records.get(getattr(need, "task_id", ""))
    return "" if record is None else record.start


def is_concerned(task: NightProduct, night: Night) -> bool:
    """Whether any decision, also one that was undone, can change what a product is made of."""
    return any(_concerns(decision, task, night) for decision in night.related.all)


def _concerns(decision: Decision, task: NightProduct, night: Night) -> bool:
    """Whether a decision can change which files a product is made of."""
    if decision.what is What.ACCEPT_INCOMPLETE:
        return False
    if decision.night or is_about_calibration(decision, night.observed):
        return True
    run = getattr(task, "run_id", None)
    if run is None:  # made of several runs
        return True
    if decision.run not in (None, run):
        return False
    if decision.what is What.RF_MODEL:
        return isinstance(task, ReconstructedRun)
    if decision.what is What.TAILCUTS:
        return isinstance(task, (CleanedRun, CleanedSubrun))
    return not isinstance(task, SubrunTask)  # a subrun that is left out is nothing to the others


def remove_outdated(roots: Iterable[object]) -> int:
    """Remove the files of outdated products, what was made of others first; return how many.

    Whoever comes after an interruption finds the rest outdated as before.
    """
    steps = list(walk(roots))
    outdated = find_outdated(steps)
    for step in reversed(steps):
        if step.task.task_id in outdated:
            for target in flatten(step.task.output()):
                Path(target.path).unlink(missing_ok=True)
    return len(outdated)
