"""From what was found to how the night stands: pure; states are decided here and nowhere else."""

from __future__ import annotations

__all__ = ["assemble", "read_status"]

import collections
import dataclasses
import datetime
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from lstosa_luigi.execution.record import Record
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.runs import DISCARDED
from lstosa_luigi.planning import RunRow
from lstosa_luigi.status.facts import Facts, Queue, gather, is_made
from lstosa_luigi.status.model import (
    Missing,
    NightStatus,
    Product,
    Progress,
    RunStatus,
    State,
    Subrun,
    worst,
)
from lstosa_luigi.status.series import Series
from lstosa_luigi.status.verdict import UNDER_WAY, find_needed, next_steps, standing_of


def read_status(
    root: NightlyClose, queue: Queue | None = None, volumes: bool = False
) -> NightStatus:
    """Return how a night stands now.

    Parameters
    ----------
    root : NightlyClose
        The night.
    queue : Queue, optional
        Slurm's queue; to be kept by whoever asks again and again.
    volumes : bool
        Whether to look at each file for its size and time.

    Raises
    ------
    LstosaError
        If a table that the whole night rests on is damaged.
    """
    return assemble(gather(root, Queue() if queue is None else queue, volumes))


def assemble(facts: Facts) -> NightStatus:
    """Return how a night stands, of what was found."""
    products: list[list[Product]] = []
    for one in facts.graph.series:
        products.append(list(_products(one, facts, products)))
    products, missing = find_needed(facts.graph, products)
    if facts.is_closed or facts.is_accepted:
        missing = ()
    progress = [
        (one.run, _progress(one, made, facts))
        for one, made in zip(facts.graph.series, products, strict=True)
        if made
    ]
    every = tuple(product for made in products for product in made)
    standing = standing_of(facts, every, missing)
    runs = tuple(_runs(facts, every, progress, missing))
    status = NightStatus(
        date=str(facts.root.date),
        telescope=str(facts.root.telescope),
        prod_id=str(facts.root.prod_id),
        asked=facts.asked.isoformat(timespec="seconds"),
        standing=standing,
        conclusion=facts.conclusion,
        is_known=facts.root.night is not None,
        is_closed=facts.is_closed,
        is_accepted=facts.is_accepted,
        closes_from="" if facts.closes_from is None else facts.closes_from.isoformat(),
        drs4_run=None if facts.drs4_run is None else facts.drs4_run.number,
        pedcalib_run=None if facts.pedcalib_run is None else facts.pedcalib_run.number,
        runs=runs,
        products=every,
        progress=_summed(part for _, part in progress),
        choices=facts.choices,
        decisions=facts.decisions,
        missing=missing,
        problems=tuple(text for _, text in facts.problems),
        fallbacks=facts.fallbacks,
        notes=facts.notes,
        unknown_runs=facts.unknown_runs,
        at_work=facts.at_work,
        next_steps=(),
    )
    return dataclasses.replace(status, next_steps=tuple(next_steps(status)))


# --- products ------------------------------------------------------------------------------


def _products(one: Series, facts: Facts, before: list[list[Product]]) -> Iterator[Product]:
    """Yield a product for each subrun, or the single one."""
    series, is_settled = facts.graph.series, facts.is_closed or facts.is_accepted
    of_same_subrun: list[int] = []
    of_all: list[int] = []
    for need in one.needs:
        (of_same_subrun if one.is_by_subrun(series[need]) else of_all).append(need)
    lacking = [p for need in of_all for p in before[need] if p.state is not State.DONE]
    external = facts.graph.missing[one.lacks[0]].name if one.lacks else ""
    for place, subrun in enumerate(one.members):
        needs = lacking + [
            before[need][place]
            for need in of_same_subrun
            if before[need][place].state is not State.DONE
        ]
        again = next((need.title for need in needs if need.is_outdated), "")
        title = one.of(one.title, subrun)
        reason = facts.outdated.get(title, "") or (again and f"{again} is made again")
        paths = tuple(path for _, path in one.files_of(subrun))
        found = [facts.files[path] for path in paths if path in facts.files]
        is_there = is_made(one, subrun, facts.files)
        product = Product(
            product=one.product,
            unit=one.of(one.unit, subrun),
            title=title,
            run=one.run,
            subrun=subrun,
            state=State.DONE,
            files=paths,
            refusal=one.refusal,
            size=sum(file.size for file in found) if facts.has_volumes else None,
            made=_time(max((file.written for file in found), default=0.0)) if is_there else "",
        )
        if is_there and (is_settled or not reason):
            yield product
            continue
        waits_for = external or (needs[0].title if needs else "")
        state = State.WAITING if waits_for else State.READY
        yield _undone(product, one, state, waits_for, reason if is_there else "", facts)


def _undone(
    product: Product, one: Series, state: State, waits_for: str, again: str, facts: Facts
) -> Product:
    """Return a product that is not there, with all that is known of why."""
    last = _last_attempt(one, product.subrun, facts)
    cause = f"to be made again: {again}" if again else last.cause
    live = facts.live.get(one.of(one.name, product.subrun))
    if live is not None:
        state, waits_for = live.state, live.reason if live.state is State.QUEUED else ""
    elif one.problem:
        state, waits_for, cause = State.FAILED, "", one.problem
    elif again or last.is_passing:
        pass
    elif last.has_failed and not _is_before(last.ended, facts):
        state, waits_for = State.FAILED, ""
    if live is None and (facts.is_closed or facts.is_accepted):
        state = State.LEFT
    return dataclasses.replace(
        product,
        state=state,
        is_outdated=bool(again),
        waits_for=waits_for,
        cause=cause,
        attempts=last.attempts,
        job_id=live.job_id if live is not None else last.job_id,
        exit=last.exit,
        log=last.log,
    )


@dataclasses.dataclass(frozen=True)
class _Attempt:
    """The last attempt to make a product, whoever tells of it."""

    has_failed: bool = False
    is_passing: bool = False
    """Whether another one follows by itself, or the end was no failure."""
    ended: str = ""
    cause: str = ""
    attempts: int = 0
    job_id: str = ""
    exit: str = ""
    log: str = ""


def _last_attempt(one: Series, subrun: int | None, facts: Facts) -> _Attempt:
    name, path = one.of(one.name, subrun), one.of(one.record, subrun)
    record, told = facts.records.get(path), facts.attempts.get(name, [])
    if record is None and not told:
        cause = f"its record cannot be read: {path}" if path in facts.records else ""
        return _Attempt(cause=cause)
    attempts = max(len(told), 0 if record is None else record.attempt)
    if told and (record is None or told[-1].ended >= record.end):
        last = told[-1]
        log = one.of(one.log, subrun)
        return _Attempt(
            has_failed=True,
            is_passing=last.again is not None,
            ended=last.ended,
            cause=f"{last.text}; {last.decision}",
            attempts=attempts,
            job_id=last.element,
            exit=last.exit,
            log=str(Path(log).with_stem(f"{name}_{last.element}")) if last.element else log,
        )
    assert record is not None
    return _Attempt(
        has_failed=record.state == "failed",
        is_passing=record.state != "failed",
        ended=record.end,
        cause=record.cause,
        attempts=attempts,
        job_id=record.job_id,
        exit=_exit(record),
        log=record.log,
    )


def _exit(record: Record) -> str:
    is_over = record.exit_code is not None or record.signal is not None
    return f"{record.exit_code or 0}:{record.signal or 0}" if is_over else ""


def _is_before(ended: str, facts: Facts) -> bool:
    """Whether a command that began after an attempt has still to come to its product."""
    return any(work.since and work.since > ended for work in facts.at_work)


def _time(seconds: float) -> str:
    if not seconds:
        return ""
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.isoformat(timespec="seconds")


# --- counts --------------------------------------------------------------------------------


def _progress(one: Series, made: list[Product], facts: Facts) -> Progress:
    """Count the products of a series."""
    records = [facts.records.get(one.of(one.record, product.subrun)) for product in made]
    done = [record for record in records if record is not None and record.state == "done"]
    last = max(done, key=lambda record: record.end, default=None)
    ours = [record for record in done if not record.source]  # of others no cost is known
    live = [product.job_id for product in made if product.state in UNDER_WAY and product.job_id]
    files = collections.Counter({key: 0 for key, _ in one.files})
    for product in made:
        files.update(key for key, path in one.files_of(product.subrun) if path in facts.files)
    return Progress(
        product=one.product,
        is_of_subruns=bool(one.subruns),
        total=len(made),
        states=dict(collections.Counter(product.state for product in made)),
        files=dict(files),
        refused=sum(bool(product.refusal) for product in made),
        size=sum(product.size or 0 for product in made) if facts.has_volumes else None,
        seconds=_median(record.seconds for record in ours),
        cpu_seconds=_median(record.cpu_seconds for record in ours),
        job_id=live[-1] if live else "" if last is None else last.job_id,
        attempts=max(
            [product.attempts for product in made] + [record.attempt for record in done], default=0
        ),
    )


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None


def _summed(parts: Iterable[Progress]) -> tuple[Progress, ...]:
    """Add up what is counted of the same kind of product."""
    kinds: dict[str, list[Progress]] = {}
    for part in parts:
        kinds.setdefault(part.product, []).append(part)
    return tuple(_sum(kind) for kind in kinds.values())


def _sum(parts: list[Progress]) -> Progress:
    states: collections.Counter[State] = collections.Counter()
    files: collections.Counter[str] = collections.Counter()
    for part in parts:
        states.update(part.states)
        files.update(part.files)
    sizes = [part.size for part in parts if part.size is not None]
    return Progress(
        product=parts[0].product,
        is_of_subruns=parts[0].is_of_subruns,
        total=sum(part.total for part in parts),
        states=dict(states),
        files=dict(files),
        refused=sum(part.refused for part in parts),
        size=sum(sizes) if sizes else None,
        seconds=_median(part.seconds for part in parts if part.seconds is not None),
        cpu_seconds=_median(part.cpu_seconds for part in parts if part.cpu_seconds is not None),
        job_id=next((part.job_id for part in reversed(parts) if part.job_id), ""),
        attempts=max(part.attempts for part in parts),
    )


# --- runs ----------------------------------------------------------------------------------


def _runs(
    facts: Facts,
    products: tuple[Product, ...],
    progress: list[tuple[int | None, Progress]],
    missing: tuple[Missing, ...],
) -> Iterator[RunStatus]:
    made: dict[int | None, list[Product]] = collections.defaultdict(list)
    parts: dict[int | None, list[Progress]] = collections.defaultdict(list)
    for product in products:
        made[product.run].append(product)
    for run, part in progress:
        parts[run].append(part)
    troubled = {run for run, _ in facts.problems}
    lacking = {thing.run for thing in missing}
    for row in [*facts.runs, *_borrowed(facts)]:
        mine, vetoed = made[row.run], row.treatment.startswith("vetoed")
        states = [product.state for product in mine]
        if row.run in troubled:
            states.append(State.FAILED)
        if row.run in lacking or row.run in facts.unknown_runs:
            states.append(State.WAITING)
        state = worst(states) or State.UNUSED
        if row.type == DISCARDED:
            state = State.DISCARDED
        elif vetoed:
            state = State.VETOED
        failed = [p.exit for p in mine if p.state is State.FAILED and p.exit]
        yield RunStatus(
            run=row.run,
            night=_night_of(row.run, facts),
            type=row.type,
            observed_type=row.observed_type,
            source=row.source,
            treatment=row.treatment,
            state=state,
            exit=failed[-1] if failed else "0:0" if state is State.DONE else "",
            subruns=tuple(_subruns(row, state, mine)),
            progress=_summed(parts[row.run]),
        )


def _borrowed(facts: Facts) -> Iterator[RunRow]:
    """Yield the calibration runs that are of another night."""
    known = {row.run for row in facts.runs}
    for dated, run in facts.calibration:
        if dated.number not in known and run is not None:
            text = f"calibrates the night, borrowed of {dated.date}"
            yield RunRow(run.number, run.type, run.type, run.n_subruns, run.discarded, "", text)


def _night_of(run: int, facts: Facts) -> str:
    dates = {dated.number: dated.date for dated, _ in facts.calibration}
    return str(dates.get(run, facts.root.date))


def _subruns(row: RunRow, state: State, made: list[Product]) -> Iterator[Subrun]:
    states: dict[int, list[State]] = collections.defaultdict(list)
    for product in made:
        if product.subrun is not None:
            states[product.subrun].append(product.state)
    for number in range(row.n_subruns):
        if number in row.discarded:
            yield Subrun(number, State.DISCARDED)
        else:
            yield Subrun(number, worst(states[number]) or state)
