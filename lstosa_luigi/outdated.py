"""Products that are there, but were made before the operators decided otherwise.

What a product was made of stands in its record, and what was decided when it was planned. The files
are compared with those it would be made of now only where a decision that concerns the product was
made, or undone, since: without decisions a product that is there is never made again, and a
decision about one run leaves the others alone.

But for one thing: what holds several runs is made again if one of them is cleaned or reconstructed
anew and so lies elsewhere by now, and so is DL1b if in one and the same directory it was made with
the tailcuts of a run, or its Cat-B, and would be made without now, or the other way round.
"""

from __future__ import annotations

__all__ = [
    "Outdated",
    "find_outdated",
    "find_unneeded",
    "images_needed_again",
    "is_concerned",
    "is_found_anew",
    "remove_outdated",
]

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.execution.task import is_there
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation.decisions import Decision, What, is_about_calibration
from lstosa_luigi.observation.night import Night
from lstosa_luigi.products.base import External, NightProduct, SubrunTask
from lstosa_luigi.products.calibration import Drs4Pedestal
from lstosa_luigi.products.catalog import PointedRunSummary, RunCatalog
from lstosa_luigi.products.datacheck import CherenkovTransparency, LongtermDatacheck
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.products.dl1b import DL1B, CleanedRun, CleanedSubrun
from lstosa_luigi.products.dl2 import ReconstructedRun
from lstosa_luigi.products.dl3 import DL3Index
from lstosa_luigi.products.filters import FilterWheels
from lstosa_luigi.products.gain_selection import GainSelection, RawCopy, RunInputState
from lstosa_luigi.products.interleaved import CatBCalibration, Tailcuts
from lstosa_luigi.products.irf import IRF
from lstosa_luigi.products.models import RandomForests, TestingDL2
from lstosa_luigi.products.raw import RunSummary

INDEPENDENT = (
    RunSummary,
    RunCatalog,
    PointedRunSummary,
    FilterWheels,
    RunInputState,
    GainSelection,
    RawCopy,
    Drs4Pedestal,
    RandomForests,
    TestingDL2,
    IRF,
)
"""Products that are the same whatever is decided, if they are made at all."""

OF_SEVERAL = (LongtermDatacheck, CherenkovTransparency, DL3Index)
"""Products that hold several runs, under names that do not say how these are cleaned."""


READ_IMAGES = (DL1B, Tailcuts)
"""Products that are made of the images of DL1a."""


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
    steps = list(steps)
    found: dict[str, Outdated] = {}
    records: dict[str, Record] = {}
    as_before: set[int] = set()
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
        reason = _anew(task, night, as_before) or _reason(task, night, step, records)
        if reason:
            found[task.task_id] = Outdated(reason)
    for dl1a in images_needed_again(steps, found):
        # nothing follows: but for the images it is as it was
        found.setdefault(dl1a.task_id, Outdated("its images are needed again", follows=True))
    return found


def images_needed_again(steps: Iterable[Step], again: Collection[str]) -> Iterator[DL1A]:
    """Yield each DL1A that has a link for its images, but of which something is made again.

    Parameters
    ----------
    steps : iterable of Step
        The graph.
    again : collection of str
        Ids of the tasks that are to be made again.
    """
    seen = set()
    for step in steps:
        if step.task.task_id not in again or not isinstance(step.task, READ_IMAGES):
            continue
        for need in step.needs:
            if isinstance(need, DL1A) and need.task_id not in seen and need.is_replaced():
                seen.add(need.task_id)
                yield need


def is_found_anew(layout: Layout) -> bool:
    """Whether a tool refused something, or a run lies in several directories.

    Without that, and without decisions, nothing is outdated: looking at each product takes long.
    """
    return layout.refusal("").parent.is_dir() or any(
        len(places) > 2 or len({place.partition("/")[0] for place in places}) > 1
        for places in layout.places_of_runs().values()
    )


def _anew(task: NightProduct, night: Night, as_before: set[int]) -> str:
    """Say which run is cleaned or reconstructed anew since a product was made; nothing if none.

    *as_before* are the runs of which DL1b was looked at and found made as it would be now.
    """
    if isinstance(task, OF_SEVERAL):
        now, then = _made_of(task)
        moved = sorted(name for name in now if name in then and now[name] != then[name])
        if moved:
            path = then[moved[0]]
            return f"it was made of {path}, but the run is cleaned anew: {now[moved[0]]} counts"
        if isinstance(task, DL3Index) and then:
            return _other_runs(task, night, now, then)
    if isinstance(task, DL1B) and task.run_id not in as_before:
        now, then = _made_of(task)
        wanted, had = ({n for n in names if _is_of_cleaning(n)} for names in (now, then))
        if then and wanted != had:
            return (
                f"it was made with {', '.join(sorted(had)) or 'neither'}, not with "
                f"{', '.join(sorted(wanted)) or 'neither'} (tailcuts and Cat-B of the run)"
            )
        # the subruns of a run are made again together; but beside a refusal something else may
        # have become known at any time
        if not _has_refusal(task):
            as_before.add(task.run_id)
    return ""


def _other_runs(task: DL3Index, night: Night, now: dict[str, str], then: dict[str, str]) -> str:
    """Say which event lists an index has too many, of runs that are still data, or too few."""
    data = [f"Run{run.number:05d}" for run in night.data_runs]
    many = sorted(n for n in then if n not in now and any(run in n for run in data))
    few = sorted(n for n in now if n not in then)
    if many:
        return f"it lists {many[0]}, but the run belongs into another directory by now"
    return f"it lacks {few[0]}" if few else ""


def _made_of(task: NightProduct) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files that a product would be made of and those it was made of, by their names.

    The latter are none if nobody can tell.
    """
    try:
        job = task.job()
    except LstosaError:  # said when it is planned
        return {}, {}
    record = read_record(Path(job.record))
    if record is None or not record.is_over or job.outputs[-1].path not in record.outputs:
        return {}, {}
    now = (*job.inputs, *job.staged.values(), *job.copied.values())
    return {Path(f).name: f for f in now}, {Path(f).name: f for f in record.inputs}


def _has_refusal(task: DL1B) -> bool:
    """Whether a tool refused the tailcuts or Cat-B of a run."""
    unit = f"Run{task.run_id:05d}"
    return any(
        task.layout.refusal(f"{unit}_{product.__name__}").exists()
        for product in (Tailcuts, CatBCalibration)
    )


def _is_of_cleaning(name: str) -> bool:
    return name.startswith(("dl1ab_Run", "cat_B_calibration_"))


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
    if record is None or not record.is_over:
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


def _files(task: NightProduct) -> list[Path]:
    """Return what has to go for a product to be made again: of DL1A, the link if there is one."""
    if isinstance(task, DL1A) and task.is_replaced():
        return [task.layout.dl1a(task.run_id, task.number)]
    return task.files()


def find_unneeded(
    steps: Sequence[Step], outdated: Collection[str], roots: Iterable[object]
) -> set[str]:
    """Return the ids of tasks that nobody misses: raw data and R0G that were removed, mostly.

    They are not there, but all that is made of them is, and is not made again.

    Parameters
    ----------
    steps : sequence of Step
        The graph, what a product needs before the product.
    outdated : collection of str
        Ids of the tasks whose products are made again.
    roots : iterable of luigi.Task
        What is asked for: missed in any case.
    """
    lacking = {
        step.task.task_id
        for step in steps
        if isinstance(step.task, External) or getattr(step.task, "is_passing", False)
        if not is_there(step.task)
    }
    if not lacking:  # then whether each stage is complete, which takes long, is nothing to ask
        return set()
    needed: set[str] = {getattr(root, "task_id", "") for root in roots}
    unneeded: set[str] = set()
    for step in reversed(steps):
        task = step.task
        if task.task_id in lacking and task.task_id not in needed:
            unneeded.add(task.task_id)
        elif task.task_id in outdated or task.task_id in lacking or not is_there(task):
            needed.update(need.task_id for need in step.needs)
    return unneeded


def remove_outdated(roots: Iterable[object]) -> int:
    """Remove the files of outdated products, what was made of others first; return how many.

    Whoever comes after an interruption finds the rest outdated as before.
    """
    steps = list(walk(roots))
    outdated = find_outdated(steps)
    for step in reversed(steps):
        if step.task.task_id in outdated:
            for path in _files(step.task):
                path.unlink(missing_ok=True)
    return len(outdated)
