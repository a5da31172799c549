"""The entry tasks: a night, or a part of one, from wherever it stands to done."""

from __future__ import annotations

__all__ = ["CalibrateNight", "CloseRun", "DL2Night", "NightlyClose", "counted"]

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
    Product,
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
from lstosa_luigi.observation.night import decisions_of
from lstosa_luigi.outdated import find_outdated, remove_outdated
from lstosa_luigi.products.base import External
from lstosa_luigi.products.dl1a import calibration_of, drs4_pedestal_of
from lstosa_luigi.reopening import read_history
from lstosa_luigi.stages import (
    NightDatacheck,
    RunEvents,
    SourceIndex,
    Stage,
    WholeRun,
    early_models,
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
        for place in (self.layout.scratch(), *self.layout.written_aside()):
            files.sweep(place)
        with contextlib.suppress(LstosaError):  # said when it is planned
            self._renew()

    def is_to_be_renewed(self) -> bool:
        """Whether what was made before the operators decided otherwise is made again."""
        return True

    def _renew(self) -> None:
        night = self.night
        if night is None or not night.related.all or not self.is_to_be_renewed():
            return
        removed = remove_outdated([self])
        if removed:
            what = "was" if removed == 1 else "were"
            print(
                f"{counted(removed, 'product')} {what} made before the operators decided "
                "otherwise, and will be made again.",
                file=sys.stderr,
            )

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
        """Yield DL2 of all runs, and the random forests, which need not wait for the cleaning."""
        for run in self.known_night().data_runs:
            yield self.sibling(RunEvents, run_id=run.number)
            yield from early_models(self, run.number, response=False)


class NightlyClose(Entry):
    """The whole night, from wherever it stands to closed."""

    _is_renewed = False

    def output(self) -> luigi.LocalTarget:
        """Return the flag."""
        return luigi.LocalTarget(str(self.layout.night_finished()))

    def complete(self) -> bool:
        """Whether the flag is there, and the operators have not decided otherwise since."""
        return bool(self.output().exists()) and self._flag().get("decisions", []) == self._decided()

    def _flag(self) -> dict[str, Any]:
        """What the flag says; nothing if it is not ours."""
        try:
            flag = json.loads(self.layout.night_finished().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return flag if isinstance(flag, dict) else {}

    def _decided(self) -> list[list[Any]]:
        """What the operators decided, as the flag has it; also about what the night borrows."""
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

    def lacking(self, steps: Sequence[Step]) -> list[str]:
        """Return what is wanted but not there, outdated, or not what was checked, in words."""
        outdated = find_outdated(steps)
        return [
            str(getattr(step.task, "title", step.task.task_family))
            for step in steps
            if isinstance(step.task, (SlurmTask, External))
            and (step.task.task_id in outdated or not step.task.complete())
        ]

    def parts(self) -> Iterator[Any]:
        """Yield the calibration, each run, and what is made of several runs together."""
        yield from calibration_of(self)
        night = self.known_night()
        for run in night.data_runs:
            yield self.sibling(WholeRun, run_id=run.number)
        # a DRS4 run is worth its baseline even if no data need it
        drs4 = night.drs4_run.value
        if drs4 is not None and drs4.date == self.date:
            yield drs4_pedestal_of(self, drs4)
        yield self.sibling(NightDatacheck)
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
        steps = list(walk(self.wanted()))
        products = list(products_of(steps))
        if not self.is_accepted():
            check_unaltered(products)
        self._link_longterm()
        replace_images(self, [run.number for run in self.known_night().data_runs])
        self._close(steps, products)

    def _link_longterm(self) -> None:
        if not self.settings.lstchain.create_longterm_symlink:
            return
        for at, target in self.layout.longterm_links().items():
            if target.exists():
                files.link(at, target)

    def _close(self, steps: Sequence[Step], products: Sequence[Product]) -> None:
        night = self.known_night()
        lacking = []
        if self.is_accepted():
            changed = [f"{p.task.title} ({why})" for p in products if (why := altered(p))]
            lacking = [*self.lacking(steps), *changed]
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
            "lacking": lacking,
            "reopened": [told.as_data() for told in read_history(self.layout)],
        }
        files.write_whole(self.layout.night_finished(), json.dumps(flag, indent=1) + "\n")

    def conclusion(self) -> str:
        """Say whether the night is closed, since when, and what it holds."""
        name, flag, data = f"Night {self.date} ({self.prod_id})", self.output().path, self._flag()
        if not self.output().exists():
            return f"{name} is not closed."
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
        ]
        if data.get("lacking"):
            lines.append(f"  accepted as incomplete, without {_summed_up(data['lacking'])}")
        return "\n".join(lines)


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
