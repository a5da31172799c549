"""A night as it was observed: its runs, their sources, and the calibration chosen for them."""

from __future__ import annotations

__all__ = ["Night", "are_there_decisions", "decisions_of", "read_night", "sketched"]

import contextlib
import contextvars
import dataclasses
import datetime
import functools
from collections.abc import Iterator
from pathlib import Path

from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation import calibration
from lstosa_luigi.observation.catalog import Source, read_run_catalog
from lstosa_luigi.observation.choice import Choice, Forced
from lstosa_luigi.observation.decisions import FORCED_RUNS, NONE, Decision, Decisions, What
from lstosa_luigi.observation.decisions_file import parse_decisions
from lstosa_luigi.observation.runs import DATA, DatedRun, Run, RunSummary, read_run_summary
from lstosa_luigi.observation.tables import FileState, state_of

_is_sketch = contextvars.ContextVar("_is_sketch", default=False)


@contextlib.contextmanager
def sketched() -> Iterator[None]:
    """See each run as if no subrun had been taken after the first one that is processed.

    The products of its subruns are alike: whoever wants to know which there are need not look at
    thousands of them.
    """
    token = _is_sketch.set(True)
    try:
        yield
    finally:
        _is_sketch.reset(token)


@dataclasses.dataclass(frozen=True)
class Night:
    """What is known of a night once its run summary exists.

    Parameters
    ----------
    layout : Layout
        Places of the night.
    summary : RunSummary
        Its runs, as the operators decided to see them.
    observed : RunSummary
        Its runs, as the run summary lists them.
    decisions : Decisions
        What the operators decided.
    max_days_back : int
        How many nights before this one a calibration run may be of.
    """

    layout: Layout
    summary: RunSummary
    observed: RunSummary
    decisions: Decisions = NONE
    max_days_back: int = 0
    whole: RunSummary | None = None
    """The run summary that :func:`sketched` shows a part of."""

    @functools.cached_property
    def sources(self) -> dict[int, Source]:
        """What each run was taken on, as far as the catalogue says; calibration needs none."""
        path = self.layout.run_catalog()
        state = state_of(path)
        return {} if state is None else _read_catalog(path, state)

    @functools.cached_property
    def sketch(self) -> Night:
        """The night as :func:`sketched` shows it."""
        runs = tuple(
            dataclasses.replace(run, n_subruns=run.subruns[0] + 1) if run.subruns else run
            for run in self.summary.runs
        )
        return dataclasses.replace(self, summary=RunSummary(runs), whole=self.summary)

    def subruns_of(self, run: int) -> tuple[int, ...]:
        """Return the subruns of a run that are processed: all of them, also in a sketch."""
        return (self.whole or self.summary).run(run).subruns

    @property
    def data_runs(self) -> tuple[Run, ...]:
        """Runs to process."""
        runs, elsewhere = self.summary.of_type(DATA), self.elsewhere
        return tuple(
            run
            for run in runs
            if self.decisions.veto(run.number) is None and run.number not in elsewhere
        )

    @property
    def elsewhere(self) -> dict[int, datetime.date]:
        """DATA runs that another night lists too and has the raw data of, with that night.

        A run is processed in the night that has its raw data. Only the nights before and after are
        looked into: a run lies in two if the date changed while it was taken.
        """
        found = {}
        for days in (-1, 1):
            other = self.layout.of(self.layout.date + datetime.timedelta(days))
            observed = _observed(other)
            listed = {run.number for run in observed.runs} if observed is not None else set()
            for run in self.summary.of_type(DATA):
                if run.number not in listed:  # as nearly all: it is asked for again by each run
                    continue
                here, there = (at.r0_file(run.number, 0) for at in (self.layout, other))
                is_begun = self.layout.dl1a(run.number, 0).exists()
                if not here.exists() and not is_begun and there.exists():
                    found[run.number] = other.date
        return found

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is left out, by the operators or for another night, a line each."""
        words = {What.VETO: "vetoed", What.DISCARD: "discarded"}
        decided = [
            f"{decision.unit} is {words[decision.what]} ({decision.source})"
            for decision in self.decisions.active
            if decision.what in words
        ]
        lying = [
            f"run {run:05d} is processed in the night of {date}, where its raw data lie"
            for run, date in self.elsewhere.items()
        ]
        return (*decided, *lying)

    @property
    def drs4_run(self) -> Choice[DatedRun]:
        """DRS4 run that the night is calibrated with."""
        return self._run_of(What.DRS4)

    @property
    def pedcalib_run(self) -> Choice[DatedRun]:
        """PEDCALIB run that the night is calibrated with."""
        return self._run_of(What.PEDCALIB)

    def _run_of(self, what: What) -> Choice[DatedRun]:
        run_type, decision = FORCED_RUNS[what], self.decisions.forced(what)
        if decision is None:
            return calibration.choose_run(self._last_nights(), run_type)
        number = int(decision.value)
        for date, summary in self._last_nights():
            if summary is None or all(run.number != number for run in summary.runs):
                continue
            forced = Forced(DatedRun(date, number), decision.source)
            chosen = calibration.choose_run([(date, summary)], run_type, forced)
            if forced.value in chosen.candidates:
                return chosen
            reason = f"{chosen.reason}, but run {forced.value} is no {run_type} run"
            return Choice(None, reason, chosen.candidates)
        reason = f"forced by {decision.source}, but run {number:05d} is in no run summary"
        return Choice(None, f"{reason} back to {self._last_date}")

    @property
    def baseline_run(self) -> Choice[DatedRun]:
        """DRS4 run that the PEDCALIB run is analysed with: the one of its own night.

        So one file has one content, whichever night asks for it first. lstosa takes the DRS4 run
        of the night that asks; here that is done only if the other night cannot have any.
        """
        pedcalib = self.pedcalib_run.value
        own = None if pedcalib is None else self.of(pedcalib.date)
        if own is None or own.drs4_run.value is None:
            return self.drs4_run
        return own.drs4_run

    def time_calibration_of(self, run: int) -> Choice[Path]:
        """Return the time calibration of a PEDCALIB run, or the one that was forced."""
        files, decision = self._time_calibrations, self.decisions.forced(What.TIME_CALIBRATION)
        if decision is None:
            return calibration.choose_time_calibration(files, run)
        name = f".Run{int(decision.value):05d}."
        named = [file for file in files if name in file.name]
        if not named:
            reason = f"no time calibration of run {int(decision.value):05d}, as forced by"
            return Choice(None, f"{reason} {decision.source}", files)
        forced = Forced(named[-1], decision.source)
        return calibration.choose_time_calibration(files, run, forced)

    @property
    def time_calibration(self) -> Choice[Path]:
        """Time calibration of the PEDCALIB run that the night is calibrated with."""
        run = self.pedcalib_run
        if run.value is None:
            return Choice(None, run.reason)
        return self.time_calibration_of(run.value.number)

    @functools.cached_property
    def _time_calibrations(self) -> tuple[Path, ...]:
        return tuple(self.layout.time_calibrations())

    @functools.cached_property
    def systematics(self) -> Choice[Path]:
        """F-factor systematics of the night."""
        return calibration.choose_systematics(self.layout.systematics(), self.layout.flat_date)

    def of(self, date: datetime.date) -> Night | None:
        """Return another night as this one is known; None while it has no run summary."""
        if date == self.layout.date:
            return self
        return read_night(self.layout.of(date), self.max_days_back)

    def find_run(self, number: int) -> Choice[DatedRun]:
        """Return a run with the night it was taken in, this one or one of those before it."""
        return calibration.find_run(self._last_nights(), number)

    def unlisted_night(self) -> datetime.date | None:
        """Return a night that has to be listed before the calibration can be chosen.

        Like lstosa, make the run summary of an earlier night if its raw data are there.
        """
        for what in FORCED_RUNS:
            for date, summary in self._searched(what):
                if summary is None and self.layout.of(date).has_raw_data():
                    return date
        lender = self._lender()
        return None if lender is None else lender.unlisted_night()

    @property
    def related(self) -> Decisions:
        """Decisions that the products of the night depend on, its own last.

        Those of other nights are those about the calibration, of each night that a run is, or but
        for them would be, borrowed from.
        """
        lent: list[Decision] = []
        for date in sorted(self._lending_nights() - {self.layout.date}):
            layout = self.layout.of(date)
            observed, decisions = _observed(layout), decisions_of(layout)
            if observed is not None:
                lent += decisions.about_calibration(observed, str(date))
        return Decisions((*lent, *self.decisions.all)) if lent else self.decisions

    def earlier(self) -> Iterator[RunSummary]:
        """Yield the runs of the nights that a calibration run may be borrowed from."""
        return (s for d, s in self._last_nights() if s is not None and d != self.layout.date)

    def _lender(self) -> Night | None:
        """Return the night that the PEDCALIB run is borrowed from; None if it is not borrowed."""
        pedcalib = self.pedcalib_run.value
        if pedcalib is None or pedcalib.date == self.layout.date:
            return None
        return self.of(pedcalib.date)

    def _lending_nights(self) -> set[datetime.date]:
        """Return the nights that decide what this one is calibrated with."""
        dates = {date for what in FORCED_RUNS for date, _ in self._searched(what)}
        chosen = (self.drs4_run.value, self.pedcalib_run.value)
        dates |= {run.date for run in chosen if run is not None}
        lender = self._lender()
        return dates if lender is None else dates | lender._lending_nights()

    def _searched(self, what: What) -> Iterator[tuple[datetime.date, RunSummary | None]]:
        """Yield the nights that a calibration run is looked for in; none if it is forced."""
        if self.decisions.forced(what) is not None:
            return
        for date, summary in self._last_nights():
            yield date, summary
            if summary is not None and summary.of_type(FORCED_RUNS[what]):
                return

    @property
    def _last_date(self) -> datetime.date:
        return self.layout.date - datetime.timedelta(self.max_days_back)

    def _last_nights(self) -> Iterator[tuple[datetime.date, RunSummary | None]]:
        yield self.layout.date, self.summary
        for days in range(1, self.max_days_back + 1):
            date = self.layout.date - datetime.timedelta(days)
            yield date, _decided_summary(self.layout.of(date))


def read_night(layout: Layout, max_days_back: int = 0) -> Night | None:
    """Return the night, or None while it has no run summary.

    Parameters
    ----------
    layout : Layout
        Places of the night.
    max_days_back : int
        How many nights before this one a calibration run may be of.

    Raises
    ------
    InputError
        If the run summary or the file of decisions is damaged; the run catalogue is read once its
        sources are asked for.
    """
    summary = state_of(layout.run_summary())
    if summary is None:
        return None
    others = (state_of(layout.run_catalog()), state_of(layout.decisions()))
    night = _read_night(layout, max_days_back, summary, others)
    return night.sketch if _is_sketch.get() else night


@functools.lru_cache(maxsize=32)
def _read_night(
    layout: Layout, max_days_back: int, state: FileState, _others: tuple[FileState, ...]
) -> Night:
    observed, decisions = _read_summary(layout.run_summary(), state), decisions_of(layout)
    summary = decisions.apply(observed, str(layout.decisions()))
    return Night(layout, summary, observed, decisions, max_days_back)


def decisions_of(layout: Layout) -> Decisions:
    """Return what the operators decided about the night, also while it has no run summary.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    state = state_of(layout.decisions())
    return NONE if state is None else _read_decisions(layout.decisions(), state)


def are_there_decisions(layout: Layout, max_days_back: int) -> bool:
    """Whether the operators decided anything about the night, or one that it may borrow from.

    The night that is borrowed from may borrow in its turn.
    """
    days = range(2 * max_days_back + 1)
    nights = (layout.of(layout.date - datetime.timedelta(days=back)) for back in days)
    return any(state_of(night.decisions()) is not None for night in nights)


@functools.lru_cache(maxsize=32)
def _read_decisions(path: Path, _state: FileState) -> Decisions:
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise InputError(f"{path}: cannot be read as operators' decisions ({error}).") from error
    return parse_decisions(text, str(path))


def _decided_summary(layout: Layout) -> RunSummary | None:
    """Return the runs of a night as it was decided to see them; None if there is no summary."""
    observed = _observed(layout)
    return (
        None if observed is None else decisions_of(layout).apply(observed, str(layout.decisions()))
    )


def _observed(layout: Layout) -> RunSummary | None:
    """Return the runs of a night of which nothing else matters; None if there is no summary."""
    path = layout.run_summary()
    state = state_of(path)
    return None if state is None else _read_summary(path, state)


@functools.lru_cache(maxsize=32)
def _read_summary(path: Path, _state: FileState) -> RunSummary:
    return read_run_summary(path)


@functools.lru_cache(maxsize=32)
def _read_catalog(path: Path, _state: FileState) -> dict[int, Source]:
    return read_run_catalog(path)
