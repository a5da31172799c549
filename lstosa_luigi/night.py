"""The entry tasks: a night, or a part of one, from wherever it stands to done."""

from __future__ import annotations

__all__ = [
    "CalibrateNight",
    "CloseRun",
    "DL2Night",
    "Entry",
    "NightlyClose",
    "counted",
    "entries_of",
]

import collections
import contextlib
import datetime
import json
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import luigi

from lstosa_luigi.closing import (
    ObservationOver,
    altered,
    check_unaltered,
    has_images_left,
    products_of,
    replace_images,
    versions,
)
from lstosa_luigi.errors import InputError, LstosaError
from lstosa_luigi.execution import files
from lstosa_luigi.execution.lock import RootLock
from lstosa_luigi.execution.task import SlurmTask
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.observation.night import are_there_decisions, decisions_of
from lstosa_luigi.observation.reconstruction import (
    cleaning_of,
    fallbacks_of,
    superseded_places,
)
from lstosa_luigi.outdated import find_outdated, find_unneeded, is_found_anew, remove_outdated
from lstosa_luigi.products.base import External
from lstosa_luigi.products.catalog import MergedRunSummary
from lstosa_luigi.products.dl1a import (
    calibration_of,
    copies_of,
    drs4_pedestal_of,
    is_calibrated,
)
from lstosa_luigi.reopening import read_history
from lstosa_luigi.stages import (
    NightDatacheck,
    RunEvents,
    SourceIndex,
    Stage,
    WholeRun,
    early_catb,
    early_models,
    source_table,
)

MANY = 3
"""Products of a kind that are named one by one; more are counted."""


class Entry(Stage):
    """A task that people ask for; one command at a time works on it."""

    def lock(self) -> RootLock:
        """Return the lock of this root task."""
        return RootLock(self.layout.lock(self.task_id), self.title)

    def tidy(self) -> None:
        """Remove the scratch folders of commands that were killed, and what is outdated."""
        scratch = (self.layout.scratch(), self.layout.r0g_scratch())
        for place in (*scratch, *self.layout.written_aside()):
            files.sweep(place)
        with contextlib.suppress(LstosaError):  # said when it is planned
            self._renew()
            self._renew_links()

    def is_to_be_renewed(self) -> bool:
        """Whether what was made before something else was decided, or found, is made again."""
        return True

    def _renew(self) -> None:
        night = self.night
        if night is None or not self.is_to_be_renewed():
            return
        if not night.related.all and not is_found_anew(self.layout):
            return
        removed = remove_outdated([self])
        if removed:
            what = "was" if removed == 1 else "were"
            print(
                f"{counted(removed, 'product')} {what} made before the operators decided "
                "otherwise, or a run was cleaned anew, and will be made again.",
                file=sys.stderr,
            )

    def _renew_links(self) -> None:
        """Lead the links of runs that lie in several directories to what counts."""
        night = self.night
        if night is None:
            return
        layout, settings = self.layout, self.settings
        for number, places in superseded_places(night, settings).items():
            found = cleaning_of(layout, settings, number).value
            run = night.summary.run(number)
            if found is None:
                continue
            for at, target in layout.cleaned_links(
                number, range(run.n_subruns), found.dl1_prod
            ).items():
                if target.exists():
                    files.link(at, target)
                elif at.is_symlink():  # it leads to what does not count
                    at.unlink()
            for place in places:
                for subrun in range(run.n_subruns):
                    link = layout.dl1b_link(number, subrun, place)
                    if "/" not in place and link.is_symlink():
                        link.unlink()

    @property
    def title(self) -> str:
        """The task in an operator's words."""
        return f"{self.task_family} {self.date} ({self.prod_id})"

    def conclusion(self) -> str:
        """Say how things stand."""
        return f"{self.title}: {'complete' if self.complete() else 'not complete'}."


class CalibrateNight(Entry):
    """Cat-A calibration of the night."""

    def parts(self) -> Iterator[Any]:
        """Yield the charge calibration, or what is missing for it."""
        yield from calibration_of(self)


class CloseRun(Entry, WholeRun):
    """One run from wherever it stands to closed: all its products, DL1 to DL3, and no DL1a more."""

    @property
    def title(self) -> str:
        """The run in an operator's words."""
        return f"{self.task_family} {self.unit} of {self.date} ({self.prod_id})"

    def complete(self) -> bool:
        """Whether all products are there, and links in the places of DL1a where that is due."""
        return self.is_made() and not self._is_to_be_closed()

    def _is_to_be_closed(self) -> bool:
        return self._is_over() and has_images_left(self, [self.run_id])

    def _is_over(self) -> bool:
        return bool(self.sibling(ObservationOver).complete())

    def run(self) -> Iterator[Any]:
        """Ask for all parts, then close."""
        yield from self.unfold()
        if self._is_to_be_closed():
            check_unaltered(products_of(walk(self.requires())))
            replace_images(self, [self.run_id])

    def conclusion(self) -> str:
        """Say how things stand, and what has to wait for the morning."""
        said = super().conclusion()
        if self._is_over() or not (self.is_made() and has_images_left(self, [self.run_id])):
            return said
        return f"{said} Its DL1a files stay for now. {self.sibling(ObservationOver).hint()}"


class DL2Night(Entry):
    """All DATA runs of the night up to DL2."""

    def parts(self) -> Iterator[Any]:
        """Yield DL2 of all runs, and what need not wait for the cleaning: Cat-B, random forests."""
        yield from source_table(self)
        for run in self.known_night().data_runs:
            yield self.sibling(RunEvents, run_id=run.number)
            yield from early_catb(self, run.number)
            yield from early_models(self, run.number, response=False)


class NightlyClose(Entry):
    """The whole night, from wherever it stands to closed."""

    _is_renewed = False

    def output(self) -> luigi.LocalTarget:
        """Return the flag."""
        return luigi.LocalTarget(str(self.layout.night_finished()))

    def complete(self) -> bool:
        """Whether the flag is there, and nothing else was decided, or found for a run, since."""
        if not self.output().exists():
            return False
        flag = self._flag()
        return flag.get("decisions", []) == self._decided() and not self._cleaned_anew(flag)

    def _cleaning(self, run: int) -> str:
        """How a run is cleaned, as the flag has it; empty if it is not known."""
        try:
            found = cleaning_of(self.layout, self.settings, run).value
        except (LstosaError, OSError):
            found = None
        if found is None:
            return ""
        return f"{found.dl1_prod} ({found.fallback})" if found.fallback else found.dl1_prod

    def _cleaned_anew(self, flag: dict[str, Any]) -> list[str]:
        """Return which runs are cleaned otherwise by now than when the night was closed."""
        if self.settings.lstchain.apply_standard_dl1b_config:
            return []  # nothing is found, so nothing can be found anew
        then: dict[str, str] = flag.get("cleaning", {})
        now = {run: self._cleaning(int(run)) for run in then}
        return [
            f"run {int(run):05d} is cleaned as {now[run]} by now, not as {then[run]}"
            for run in then
            if now[run] and now[run] != then[run]
        ]

    def _flag(self) -> dict[str, Any]:
        """What the flag says; nothing if it is not ours."""
        try:
            flag = json.loads(self.layout.night_finished().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return flag if isinstance(flag, dict) else {}

    def _decided(self) -> list[list[Any]]:
        """What the operators decided, as the flag has it; also about what the night borrows."""
        # so that a closed night is known for one without reading any table
        if not are_there_decisions(self.layout, self.settings.calibration.max_days_back):
            return []
        night = self.night
        known = decisions_of(self.layout) if night is None else night.related
        return [
            [*decision.meaning, decision.night] if decision.night else [*decision.meaning]
            for decision in known.active
        ]

    def is_accepted(self) -> bool:
        """Whether the operators decided to close the night with what there is."""
        return self.night is not None and decisions_of(self.layout).acceptance is not None

    def is_to_be_renewed(self) -> bool:
        """Whether what is outdated is made again: not if the night is, or will be, closed as is."""
        return not self.complete() and not self.is_accepted()

    def requires(self) -> Iterator[Any]:
        """Need what is wanted, unless the operators do without, and the end of the night."""
        if not self.is_accepted():
            yield from self.wanted()
        over = self.sibling(ObservationOver)
        if self.night is not None and not over.complete():
            yield over

    def wanted(self) -> Iterator[Any]:
        """Yield all that makes up the night, as far as it can be named."""
        yield from super().requires()

    def lacking(self, wanted: Sequence[Any], steps: Sequence[Step]) -> list[str]:
        """Return what is wanted but not there, or outdated, in words.

        Parameters
        ----------
        wanted, steps : sequence
            What makes up the night (:meth:`wanted`), and its graph.
        """
        outdated = find_outdated(steps)
        unneeded = find_unneeded(steps, outdated, wanted)
        return [
            str(getattr(step.task, "title", step.task.task_family))
            for step in steps
            if isinstance(step.task, (SlurmTask, External))
            and step.task.task_id not in unneeded
            and (step.task.task_id in outdated or not step.task.complete())
        ]

    def parts(self) -> Iterator[Any]:
        """Yield the calibration, each run, and what is made of several runs together."""
        yield from calibration_of(self)
        yield from source_table(self)
        yield from copies_of(self)
        night = self.known_night()
        for run in night.data_runs:
            yield self.sibling(WholeRun, run_id=run.number)
        # a DRS4 run is worth its baseline even if no data need it
        drs4 = night.drs4_run.value
        if is_calibrated(self) and drs4 is not None and drs4.date == self.date:
            yield drs4_pedestal_of(self, drs4)
        yield self.sibling(NightDatacheck)
        yield self.sibling(MergedRunSummary)
        known = [night.sources[r.number] for r in night.data_runs if r.number in night.sources]
        for source in dict.fromkeys(source.name for source in known):
            yield self.sibling(SourceIndex, source=source)

    def run(self) -> Iterator[Any]:
        """Ask for all parts, then close.

        Raises
        ------
        InputError
            If a run is of a type that nobody knows: it might be data.
        """
        yield from self.unfold()
        if not self._is_renewed:
            # all is named by now and nothing at work: what could not be found outdated before, or
            # is so by a decision since; once only, so that no record can hold the night up
            self._is_renewed = True
            self._renew()
            yield from self.unfold()
        unknown = self.known_night().summary.unknown
        if unknown:
            raise InputError(
                f"Run {unknown[0].number:05d} is of the unknown type {unknown[0].type!r} in "
                f"{self.layout.run_summary()}: the night is not closed. Correct the type, or "
                "write EDATA to leave the run out; or say what it is with: lstosa decide --date "
                f"{self.date} --set-type {unknown[0].number} TYPE --why ..."
            )
        self._renew_links()
        self._link_longterm()
        self._close()

    def _link_longterm(self) -> None:
        if not self.settings.lstchain.create_longterm_symlink:
            return
        for at, target in self.layout.longterm_links().items():
            if target.exists():
                files.link(at, target)

    def _close(self) -> None:
        """Compare what is there with what was checked, put links for DL1a, and write the flag."""
        night, wanted = self.known_night(), list(self.wanted())
        steps = list(walk(wanted))
        products = list(products_of(steps))
        lacking = []
        if self.is_accepted():
            changed = [f"{p.task.title} ({why})" for p in products if (why := altered(p))]
            lacking = [*self.lacking(wanted, steps), *changed]
        else:
            check_unaltered(products)
        replace_images(self, [run.number for run in night.data_runs])
        flag = {
            "date": self.date.isoformat(),
            "telescope": self.telescope,
            "prod_id": self.prod_id,
            "lstchain": self.tools.version,
            "versions": versions(self),
            "closed": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "runs": len(night.data_runs),
            "subruns": sum(len(run.subruns) for run in night.data_runs),
            "products": dict(collections.Counter(p.task.task_family for p in products)),
            "decisions": self._decided(),
            "left_out": list(night.left_out),
            "cleaning": {str(r.number): self._cleaning(r.number) for r in night.data_runs},
            "fallbacks": fallbacks_of(night, self.settings),
            "lacking": lacking,
            "reopened": [told.as_data() for told in read_history(self.layout)],
        }
        files.write_whole(self.layout.night_finished(), json.dumps(flag, indent=1) + "\n")

    def _opened_again(self) -> str:
        """Say who opened the night again, if it had been closed."""
        try:
            history = read_history(self.layout)
        except LstosaError as error:
            return f", and {error}"
        if not history:
            return ""
        return f": {history[-1].who} opened it again on {history[-1].when} ({history[-1].why})"

    def conclusion(self) -> str:
        """Say whether the night is closed, since when, and what it holds."""
        name, flag, data = f"Night {self.date} ({self.prod_id})", self.output().path, self._flag()
        if not self.output().exists():
            return f"{name} is not closed{self._opened_again()}."
        anew = self._cleaned_anew(data)
        if anew:
            return f"{name} is not closed since {data.get('closed')}: {'; '.join(anew)}."
        if not self.complete():
            return (
                f"{name} is not closed: the operators decided otherwise since it was closed on "
                f"{data.get('closed', 'a day not known')}."
            )
        if not data:
            return f"{name} is closed. {flag}"
        lines = [
            f"{name} is closed since {data['closed']}: "
            f"{counted(data['runs'], 'run')}, {counted(data['subruns'], 'subrun')}. {flag}",
            *(f"  left out: {line}" for line in data.get("left_out", [])),
            *(f"  fallback: {line}" for line in data.get("fallbacks", [])),
        ]
        if data.get("lacking"):
            lines.append(f"  accepted as incomplete, without {_summed_up(data['lacking'])}")
        return "\n".join(lines)


def entries_of(night: NightlyClose) -> Iterator[Entry]:
    """Yield all that people ask for of a night; whoever works on it holds the lock of one."""
    yield night
    yield night.sibling(CalibrateNight)
    yield night.sibling(DL2Night)
    known = night.night
    for run in () if known is None else known.data_runs:
        yield night.sibling(CloseRun, run_id=run.number)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _summed_up(titles: Sequence[str]) -> str:
    """Name products, but only count those of a kind of which there are many."""
    kinds: dict[str, list[str]] = {}
    for title in titles:
        kinds.setdefault(title.split()[0], []).append(title)
    return ", ".join(
        text
        for kind, found in kinds.items()
        for text in (found if len(found) <= MANY else [f"{len(found)} {kind}"])
    )
