"""What there is to tell of a night, and in which words: pure, from its status."""

from __future__ import annotations

__all__ = ["Event", "Kind", "Reason", "closing_of", "events_of", "obstacle", "unpublished"]

import dataclasses
import datetime
import enum
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lstosa_luigi.hours import moment_after
from lstosa_luigi.status.model import NightStatus, Product, State

MANY = 20
"""Reasons that are written out; more are counted."""


class Kind(str, enum.Enum):
    """What people are told of."""

    CLOSED = "closed"
    """The night is closed."""
    NEEDS_PERSON = "needs_person"
    """It will not be closed unless somebody does something."""
    LATE = "late"
    """It is not closed by the time that it should be."""
    NOT_PUBLISHED = "not_published"
    """Results could not be published, or not all of them; nights are closed all the same."""


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why somebody is told; *key* stays the same as long as there is nothing new to know."""

    key: str
    text: str


@dataclasses.dataclass(frozen=True)
class Event:
    """Something to tell of a night.

    Parameters
    ----------
    kind : Kind
        What it is.
    date, telescope, prod_id, standing : str
        Which night, and how it stands.
    subject : str
        The whole in one line.
    reasons : tuple of Reason
        Each of them is told once.
    conclusion : str
        Whether the night is closed, in words.
    next_steps : tuple of str
        What to do.
    can_wait : bool
        Whether what is at work on the night may bring more of the kind: then one message is enough
        until it has ended.
    """

    kind: Kind
    date: str
    telescope: str
    prod_id: str
    standing: str
    subject: str
    reasons: tuple[Reason, ...]
    conclusion: str
    next_steps: tuple[str, ...] = ()
    can_wait: bool = False

    @property
    def is_of_night(self) -> bool:
        """Whether it is about what a night lacks."""
        return self.kind in (Kind.NEEDS_PERSON, Kind.LATE)

    @property
    def message(self) -> str:
        """What people read."""
        shown = [reason.text for reason in self.reasons[:MANY]]
        more = len(self.reasons) - len(shown)
        parts = [
            [self.conclusion],
            [] if self.kind is Kind.CLOSED else [*shown, *([f"and {more} more"] if more else [])],
            ["What to do:", *(f"  {step}" for step in self.next_steps)] if self.next_steps else [],
            ["All of it: " + self._command("status")] if self.is_of_night else [],
        ]
        return "\n\n".join("\n".join(part) for part in parts if part) + "\n"

    @property
    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "event": self.kind.value,
            "date": self.date,
            "telescope": self.telescope,
            "prod_id": self.prod_id,
            "standing": self.standing,
            "subject": self.subject,
            "conclusion": self.conclusion,
            "reasons": [reason.text for reason in self.reasons[:MANY]],
            "n_reasons": len(self.reasons),
            "next_steps": list(self.next_steps),
        }

    def _command(self, verb: str) -> str:
        telescope = f" --telescope {self.telescope}" if self.telescope != "LST1" else ""
        return f"lstosa {verb} --date {self.date}{telescope} --prod-id {self.prod_id}"


def events_of(
    status: NightStatus,
    now: datetime.datetime,
    closed_by: datetime.time | None,
    missing_from: datetime.time | None,
) -> list[Event]:
    """Return what there is to tell, whether it was told already or not.

    Parameters
    ----------
    status : NightStatus
        How the night stands.
    now : datetime
        What time it is.
    closed_by : datetime.time or None
        When on the day after it is late; None: never.
    missing_from : datetime.time or None
        From when on that day what is missing will not come by itself; None: at once.
    """
    if status.is_closed:
        return [closing_of(status.date, status.telescope, status.prod_id, status.conclusion)]
    night = datetime.date.fromisoformat(status.date)
    may_come = missing_from is not None and now < moment_after(night, missing_from)
    events = []
    reasons = list(_reasons(status, may_come))
    if reasons:
        what = reasons[0].text.splitlines()[0] if len(reasons) == 1 else f"{len(reasons)} reasons"
        events.append(_event(status, Kind.NEEDS_PERSON, f"needs a person: {what}", reasons))
    if closed_by is not None and now >= moment_after(night, closed_by):
        text = f"not closed by {closed_by:%H:%M} UTC"
        lacking = (p for p in status.progress if p.done < p.total)
        lines = [f"{part.product}: {part.done} of {part.total} are there" for part in lacking]
        reasons = [_same(line, "late") for line in (f"It is {text}.", *lines)]
        events.append(_event(status, Kind.LATE, f"is {text}", reasons))
    return events


def closing_of(date: str, telescope: str, prod_id: str, conclusion: str) -> Event:
    """Return the event of a night that is closed; the conclusion says since when."""
    return Event(
        kind=Kind.CLOSED,
        date=date,
        telescope=telescope,
        prod_id=prod_id,
        standing="closed",
        subject=f"{telescope} {date} ({prod_id}) is closed",
        reasons=(_same(conclusion),),
        conclusion=conclusion,
    )


def obstacle(date: str, telescope: str, prod_id: str, text: str, key: str = "") -> Event:
    """Return the event of a night that cannot even be looked at, or begun."""
    return Event(
        kind=Kind.NEEDS_PERSON,
        date=date,
        telescope=telescope,
        prod_id=prod_id,
        standing="failed",
        subject=_one_line(f"{telescope} {date} ({prod_id}) needs a person: {text}"),
        reasons=(_same(text, key),),
        conclusion=f"Night {date} ({prod_id}) is not closed.",
    )


def unpublished(
    date: str, telescope: str, prod_id: str, target: str, reasons: Sequence[Reason]
) -> Event:
    """Return the event of results that could not be published; it is told of one of the nights."""
    text = reasons[0].text if len(reasons) == 1 else f"{len(reasons)} files cannot be read"
    again = f"lstosa publish --date {date}"
    return Event(
        kind=Kind.NOT_PUBLISHED,
        date=date,
        telescope=telescope,
        prod_id=prod_id,
        standing="not published",
        subject=_one_line(f"{telescope} {date} ({prod_id}) is not published: {text}"),
        reasons=tuple(reasons),
        conclusion=f"Not all could be published at {target}. Nights are closed all the same.",
        next_steps=(
            "Remove the cause: it is tried again by itself, and told of no more until it works",
            f"To try it at once: {again}",
        ),
    )


def _event(status: NightStatus, kind: Kind, words: str, reasons: Iterable[Reason]) -> Event:
    name = f"{status.telescope} {status.date} ({status.prod_id})"
    return Event(
        kind=kind,
        date=status.date,
        telescope=status.telescope,
        prod_id=status.prod_id,
        standing=status.standing.name.lower(),
        subject=_one_line(f"{name} {words}"),
        reasons=tuple(reasons),
        conclusion=status.conclusion,
        next_steps=status.next_steps,
        can_wait=bool(status.at_work) or bool(status.in_state(State.RUNNING, State.QUEUED)),
    )


def _reasons(status: NightStatus, may_come: bool) -> Iterator[Reason]:
    """Yield why somebody is needed, in the words of the status."""
    if not status.is_accepted:  # else the next command closes the night without
        for product in status.in_state(State.FAILED):
            yield Reason(_key(product.title, product.cause), _failure(product))
        for problem in status.problems:
            yield _same(problem)
        if not may_come:
            for thing in status.missing:
                yield _same(thing.hint, thing.name)
    for run in status.unknown_runs:
        yield _same(f"Run {run:05d} is of an unknown type.")


def _failure(product: Product) -> str:
    attempts = "" if product.attempts < 2 else f" ({product.attempts} attempts)"
    log = f"\n    log: {product.log}" if product.log else ""
    return f"FAILED  {product.title}: {product.cause}{attempts}{log}"


def _same(text: str, key: str = "") -> Reason:
    return Reason(key or text, text)


def _key(title: str, cause: str) -> str:
    """Return what stays the same when the same fails again: numbers of processes and jobs do not.

    That of an exit code does.
    """
    words = re.sub(r"0x[0-9a-fA-F]+|(?<!exit code )(?<!\d)\d+", "#", cause)
    return f"{title}: {words}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:157]}..."
