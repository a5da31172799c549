"""Looks at nights and tells what is new of them; nothing that fails here stops a night."""

from __future__ import annotations

__all__ = ["News", "Teller", "found_events", "look_after", "tell_obstacle"]

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterable

from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.lock import Held, RootLock
from lstosa_luigi.hours import parse_time
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.notify import command, mail
from lstosa_luigi.notify.events import Event, Kind, closing_of, events_of, obstacle
from lstosa_luigi.notify.memory import Memory, Troubles
from lstosa_luigi.sections import notify
from lstosa_luigi.status.assembly import read_status
from lstosa_luigi.status.facts import Queue

MAIL, COMMAND, PRINTED = "mail", "command", "printed"
"""Ways to tell; what needs a person is printed if there is no other way: cron mails it."""


@dataclasses.dataclass(frozen=True)
class News:
    """An event, and the ways by which it was not told yet."""

    event: Event
    ways: tuple[str, ...]


class Teller:
    """Tells events by all ways that are configured.

    Parameters
    ----------
    options : notify
        The section of the configuration.
    troubles : Troubles
        Where it is kept that a way does not work.
    say : callable
        Prints what a person is to read.
    """

    def __init__(self, options: notify, troubles: Troubles, say: Callable[[str], None]) -> None:
        self.options = options
        self.troubles = troubles
        self.say = say
        self._broken: set[str] = set()

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that are configured."""
        named = {MAIL: self.options.smtp_host, COMMAND: self.options.command}
        return tuple(way for way, is_set in named.items() if is_set) or (PRINTED,)

    def news(self, events: Iterable[Event], memory: Memory) -> list[News]:
        """Return what was not told yet."""
        found = []
        for event in events:
            ways = [way for way in self.ways if memory.is_news(event, way)]
            if event.kind is Kind.CLOSED and PRINTED in ways:
                ways = []  # that needs nobody
            if ways:
                found.append(News(event, tuple(ways)))
        return found

    def tell(self, news: News, memory: Memory) -> bool:
        """Tell an event by the ways that lack; return whether all of them worked.

        Raises
        ------
        OSError
            If it could not be kept that it was told: then it is not told either.
        """
        is_told = True
        memory.prepare()
        for way in news.ways:
            if way in self._broken:  # what waited for it once need not wait for each event
                is_told = False
            elif self._told_by(way, news.event):
                memory.keep(news.event, way)
            else:
                self._broken.add(way)
                is_told = False
        return is_told

    def _told_by(self, way: str, event: Event) -> bool:
        try:
            if way == MAIL:
                refused = mail.send(event, self.options)
                if refused:
                    self.warn("recipient", "; ".join(refused), "Correct [notify] recipients.")
                else:
                    self.troubles.end("recipient")
            elif way == COMMAND:
                command.tell(event, self.options)
            else:
                self.say(f"{event.subject}\n\n{event.message}")
        except (OSError, ValueError, LstosaError) as error:
            said = _words(error) if isinstance(error, OSError) else str(error)
            again = "It is tried again each time, and told of no more until it works."
            self.warn(way, f"nobody can be told by {way} ({said})", again)
            return False
        self.troubles.end(way)
        return True

    def warn(self, name: str, text: str, what_to_do: str) -> None:
        """Say what stands in the way, once until it is over."""
        is_new = True
        with contextlib.suppress(OSError):  # on a full disk it is told each time
            is_new = self.troubles.begin(name, text)
        if is_new:
            self.say(f"WARNING: {text}. {what_to_do}".rstrip())


def look_after(
    roots: Iterable[NightlyClose], teller: Teller, now: datetime.datetime, queue: Queue
) -> bool:
    """Tell what is new of some nights, unless another process does so at this moment.

    Returns
    -------
    bool
        Whether all that was to be told could be told.
    """
    is_told = True
    for root in roots:
        events = found_events(root, teller.options, now, queue)
        is_told &= _tell(root, teller, events)
    return is_told


def tell_obstacle(root: NightlyClose, teller: Teller, text: str, key: str) -> None:
    """Tell why a night cannot be begun."""
    night = str(root.date), str(root.telescope), str(root.prod_id)
    _tell(root, teller, [obstacle(*night, text, key)])


def _tell(root: NightlyClose, teller: Teller, events: list[Event]) -> bool:
    path = root.layout.told()
    lock = RootLock(root.layout.lock(f"Told_{root.task_id}"), f"Telling of {root.title}")
    try:
        if not teller.news(events, Memory(path)):
            return True
        lock.acquire()
        memory = Memory(path)
        told = [teller.tell(news, memory) for news in teller.news(events, memory)]
    except Held:  # whoever has it tells the same
        return True
    except OSError as error:
        teller.warn("memory", f"nobody is told, since it cannot be kept ({_words(error)})", "")
        return False
    finally:
        lock.release()
    teller.troubles.end("memory")
    return all(told)


def found_events(
    root: NightlyClose, options: notify, now: datetime.datetime, queue: Queue
) -> list[Event]:
    """Return what there is to tell of a night, told or not; nothing if nothing was observed."""
    night = str(root.date), str(root.telescope), str(root.prod_id)
    try:
        if root.complete():
            return [closing_of(*night, root.conclusion())]
        if not root.layout.has_anything():
            return []
        status = read_status(root, queue)
    except LstosaError as error:
        return [obstacle(*night, str(error))]
    return events_of(status, now, parse_time(options.closed_by), parse_time(options.missing_from))


def _words(error: OSError) -> str:
    """Say what happened; an error of smtplib has no errno."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what
