"""Publishes nights: finds what changed, sends it, and keeps what was sent."""

from __future__ import annotations

__all__ = ["Outcome", "Publisher", "title_of"]

import contextlib
import dataclasses
import datetime
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from lstosa_luigi.config import Settings
from lstosa_luigi.execution import files
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.execution.lock import RootLock
from lstosa_luigi.layout import Layout, PageLayout
from lstosa_luigi.publishing import memory
from lstosa_luigi.publishing.links import relinked
from lstosa_luigi.publishing.memory import LastTry, Signature
from lstosa_luigi.publishing.selection import (
    Item,
    files_of_all,
    files_of_night,
    with_linked,
)
from lstosa_luigi.publishing.target import Package, Target, TargetError, target_of


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the files of a night, or of those of all nights.

    Parameters
    ----------
    sent : tuple of Item
        What was sent, or would be.
    unchanged : int
        Files that were there already.
    unreadable : tuple of str
        Files that could not be read, each with why; the others were sent.
    """

    sent: tuple[Item, ...]
    unchanged: int
    unreadable: tuple[str, ...]


def title_of(layout: Layout) -> str:
    """Return what the outcome of a night is called."""
    return f"{layout.date} ({layout.prod_id})"


class Publisher:
    """Publishes nights of one configuration.

    Parameters
    ----------
    settings : Settings
        Configuration.
    target : Target or None
        Where to; default: as configured. None if nothing is published.
    """

    def __init__(self, settings: Settings, target: Target | None = None) -> None:
        self.settings = settings
        self.target = target or target_of(settings.publish)
        self.pages = PageLayout.of(settings.directories, settings.pages.directory)

    def is_due(self, layout: Layout, now: datetime.datetime) -> bool:
        """Whether the target may be tried again, if it could not be reached the last time."""
        last = memory.read_try(layout.publishing())
        if last is None or self.target is None or last.target != self.target.name:
            return True
        try:
            tried = datetime.datetime.fromisoformat(last.tried)
        except ValueError:
            return True
        passed = (now - tried).total_seconds()
        # a try that is still to come was written before the clock was put back
        return not 0 <= passed < 60 * self.settings.publish.retry_minutes

    def publish(
        self,
        layouts: Sequence[Layout],
        now: datetime.datetime,
        *,
        is_dry: bool = False,
        is_anew: bool = False,
    ) -> dict[str, Outcome]:
        """Send what changed of some nights, then the pages that tell of all nights.

        Parameters
        ----------
        layouts : sequence of Layout
            The nights.
        now : datetime
            What time it is.
        is_dry : bool
            Whether nothing is sent, only found.
        is_anew : bool
            Whether what was sent before is sent again.

        Returns
        -------
        dict of str to Outcome
            Of each night, by :func:`title_of`, and of all of them.

        Raises
        ------
        TargetError
            If the target cannot be reached or written to.
        Held
            If somebody else publishes at this moment.
        """
        if self.target is None:
            return {}
        lock = RootLock(layouts[0].lock("publish"), "Publishing")
        lock.acquire()
        try:
            files.sweep(layouts[0].publishing().parent)
            if is_anew and not is_dry:
                for path in (*(layout.published() for layout in layouts), self._common(layouts[0])):
                    path.unlink(missing_ok=True)
            found = {}
            for layout in layouts:
                items = with_linked(files_of_night(layout, self.pages), layout)
                found[title_of(layout)] = self._send(items, layout, layout.published(), is_dry)
            common = files_of_all(self.pages)
            found["all nights"] = self._send(common, layouts[0], self._common(layouts[0]), is_dry)
        except TargetError as error:
            self._note(layouts[0], now, str(error))
            raise
        except OSError as error:
            problem = f"what is published cannot be kept: {os_error(error)}"
            self._note(layouts[0], now, problem)
            raise TargetError(problem) from error
        else:
            if any(outcome.sent for outcome in found.values()) and not is_dry:
                memory.forget_try(layouts[0].publishing())
        finally:
            lock.release()
        return found

    def _common(self, layout: Layout) -> Path:
        return layout.publishing().with_name("Pages.json")

    def _note(self, layout: Layout, now: datetime.datetime, problem: str) -> None:
        """Keep that the target failed; a disk too full for that has it tried again at once."""
        assert self.target is not None
        when = now.isoformat(timespec="seconds")
        last = memory.read_try(layout.publishing())
        since = last.since if last is not None and last.target == self.target.name else when
        with contextlib.suppress(OSError):
            memory.write_try(layout.publishing(), LastTry(self.target.name, since, when, problem))

    def _send(self, items: Sequence[Item], layout: Layout, state: Path, is_dry: bool) -> Outcome:
        assert self.target is not None
        sent = memory.read_sent(state, self.target.name)
        places = {os.path.realpath(item.source): str(item.to) for item in items}
        changed: dict[Item, Signature] = {}
        unreadable = []
        for item in items:
            try:
                signature = _signature(item, places)
                if sent.get(str(item.to)) == signature:
                    continue
                with item.source.open("rb") as file:
                    file.read(1)
            except OSError as error:
                unreadable.append(f"{item.source}: {os_error(error)}")
            else:
                changed[item] = signature
        if changed and not is_dry:
            unread = self._transfer(list(changed), layout, places)
            for item, why in unread.items():
                del changed[item]
                unreadable.append(f"{item.source}: {why}")
            sent.update({str(item.to): signature for item, signature in changed.items()})
            memory.write_sent(state, self.target.name, sent)
        unchanged = len(items) - len(changed) - len(unreadable)
        return Outcome(tuple(changed), unchanged, tuple(unreadable))

    def _transfer(
        self, items: Sequence[Item], layout: Layout, places: Mapping[str, str]
    ) -> dict[Item, str]:
        """Send files; return those that could not be read, each with why."""
        assert self.target is not None
        folder = layout.publishing().parent / files.scratch_name("publish")
        written, staging = folder / "pages", folder / "tree"
        try:
            written.mkdir(parents=True)
            staging.mkdir()
            packages = {
                Package(_file_of(item, self.pages, written / str(number), places), item.to): item
                for number, item in enumerate(items)
            }
            unread = self.target.send(list(packages), staging)
        finally:
            files.remove_tree(folder)
        return {packages[package]: why for package, why in unread.items()}


def _signature(item: Item, places: Mapping[str, str]) -> Signature:
    status = item.source.stat()
    found = (status.st_size, status.st_mtime_ns)
    if not item.has_links:
        return found
    return (*found, zlib.crc32("\n".join(sorted(places.values())).encode()))


def _file_of(item: Item, pages: PageLayout, written: Path, places: Mapping[str, str]) -> Path:
    """Return the file to send: a page with other links is written first."""
    if not item.has_links:
        return item.source
    text = item.source.read_text(encoding="utf-8")
    page = relinked(text, item.source, pages.root, item.to, places)
    written.write_text(page, encoding="utf-8")
    return written
