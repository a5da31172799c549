"""Publishing after a tick: nights that are looked after, and what is told if it fails."""

from __future__ import annotations

__all__ = ["publish_nights"]

import datetime
from collections.abc import Sequence

from lstosa_luigi.config import Settings
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.lock import Held, holder_of
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.notify.events import Reason, unpublished
from lstosa_luigi.notify.memory import Memory
from lstosa_luigi.notify.telling import Teller

TARGET = "target"
HANGING = "publishing hangs"
HANGS_S = 3600.0
"""How long publishing may take before somebody is told: a directory has no time limit."""


def publish_nights(
    roots: Sequence[NightlyClose], settings: Settings, teller: Teller, now: datetime.datetime
) -> None:
    """Publish what changed of some nights; a failure is told once, until all works again.

    The page of a night that is being worked on is written anew before, else it would tell how the
    night stood when the last command for it ended.

    Parameters
    ----------
    roots : sequence of NightlyClose
        The nights.
    settings : Settings
        Configuration.
    teller : Teller
        Tells people.
    now : datetime
        What time it is.
    """
    if not settings.publish.target.strip():
        return
    # only who publishes loads it
    from lstosa_luigi.publishing.publisher import Publisher, title_of
    from lstosa_luigi.publishing.target import TargetError

    begun = [root for root in roots if root.layout.has_anything()]
    publisher = Publisher(settings)
    if not begun or not publisher.is_due(begun[0].layout, now):
        return
    if settings.pages.enabled:
        _refresh(begun)
    reasons: list[Reason] = []
    night = begun[0]
    try:
        outcomes = publisher.publish([root.layout for root in begun], now)
    except Held as held:
        _look_after(held, night, teller, now)
        return
    except TargetError as error:
        reasons.append(Reason(TARGET, str(error)))
    else:
        bad = (root for root in begun if outcomes[title_of(root.layout)].unreadable)
        night = next(bad, night)
        for outcome in outcomes.values():
            reasons += (Reason(text, text) for text in outcome.unreadable)
    teller.troubles.end(HANGING)
    memory = Memory(night.layout.told_of_publishing())
    if not reasons:
        memory.path.unlink(missing_ok=True)
        return
    named = str(night.date), str(night.telescope), str(night.prod_id)
    event = unpublished(*named, settings.publish.target, reasons)
    for news in teller.news([event], memory):
        teller.tell(news, memory)


def _look_after(held: Held, night: NightlyClose, teller: Teller, now: datetime.datetime) -> None:
    """Tell if another process has been publishing for so long that its target must hang."""
    holder = holder_of(night.layout.lock("publish")) or {}
    try:
        since = datetime.datetime.fromisoformat(str(holder.get("since")))
    except ValueError:
        return
    if (now - since).total_seconds() > HANGS_S:
        text = f"{str(held).rstrip('.')}, so long that its target may hang"
        teller.warn(HANGING, text, "Look at the target; end that process if it does not go on")


def _refresh(roots: Sequence[NightlyClose]) -> None:
    for root in roots:
        if holder_of(root.layout.lock(root.task_id)) is None:
            continue
        from lstosa_luigi.pages.build import write_night

        try:
            write_night(root)
        except LstosaError:  # the page says so, or is as it was; told where it is asked for
            continue
