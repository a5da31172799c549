"""What nights cost as operators read it."""

from __future__ import annotations

__all__ = ["hours_and_minutes", "text"]

import datetime
from collections.abc import Iterator, Sequence

from lstosa_luigi.accounting.model import (
    Account,
    CauseAccount,
    ClassAccount,
    Level,
    NightAccount,
)

NONE = "-"
"""Where there is nothing to show."""
LEFT = 1
"""Columns of words, which come first; all others are numbers."""


def text(account: Account) -> str:
    """Return the page: of one night class by class and its times, of more a row for each."""
    if len(account.nights) == 1:
        parts = _of_night(account, account.nights[0])
    else:
        parts = _of_nights(account)
    return "\n\n".join("\n".join(part) for part in parts if part)


def _of_night(account: Account, night: NightAccount) -> Iterator[list[str]]:
    yield [f"{account.telescope}, night of {night.date}, {night.prod_id}, at {account.asked}"]
    yield _classes(night.classes, night.total)
    yield _causes(night.classes)
    yield _times(night)
    yield [*_remarks(night.total), *_nights_without(account), *_damaged(night)]


def _of_nights(account: Account) -> Iterator[list[str]]:
    dates = sorted({night.date for night in account.nights})
    span = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} nights, {dates[0]} to {dates[-1]}"
    yield [f"{account.telescope}, {span}, at {account.asked}"]
    yield _nights(account)
    yield ["All of them by class:", *_classes(account.classes, account.total)]
    yield _causes(account.classes)
    damaged = [line for night in account.nights for line in _damaged(night)]
    yield [*_remarks(account.total), *_nights_without(account), *damaged]


# --- tables --------------------------------------------------------------------------------


def _nights(account: Account) -> list[str]:
    levels = [level.level for level in account.nights[0].levels]
    head = ("Night", "Production", *COUNTS, *levels)
    rows = [
        (
            str(night.date),
            night.prod_id,
            *_counts(night.total),
            *(_after(level, night.observation.end) for level in night.levels),
        )
        for night in account.nights
    ]
    rows.append(("Total", "", *_counts(account.total), *("" for _ in levels)))
    return [
        *_table(head, rows, words=2),
        "Times are hours:minutes after the end of the observation, where that is known.",
    ]


COUNTS = ("Products", "Attempts", "Lost", "CPU h", "Lost CPU h", "Elapsed h")


def _counts(one: ClassAccount) -> tuple[str, ...]:
    return (
        str(one.products),
        str(one.attempts),
        str(one.lost),
        _hours(one.cpu_seconds),
        _hours(one.lost_cpu_seconds),
        _hours(one.seconds),
    )


def _classes(classes: Sequence[ClassAccount], total: ClassAccount) -> list[str]:
    head = ("Class", *COUNTS, "Asked", "most", "Used", "most", "Asked/used")
    return _table(head, [_class(one) for one in (*classes, total)])


def _class(one: ClassAccount) -> tuple[str, ...]:
    memory = one.memory
    if memory is None:
        return (one.product, *_counts(one), *("" for _ in range(5)))
    return (
        one.product,
        *_counts(one),
        _megabytes(memory.asked_median),
        _megabytes(memory.asked_max),
        _megabytes(memory.used_median),
        _megabytes(memory.used_max),
        NONE if memory.ratio is None else f"{memory.ratio:.1f}",
    )


def _causes(classes: Sequence[ClassAccount]) -> list[str]:
    found = [(one.product, cause) for one in classes for cause in one.causes]
    if not found:
        return []
    head = ("Class", "lost for", "Attempts", "Retried", "CPU h", "Elapsed h")
    return _table(head, [_cause(product, cause) for product, cause in found], words=2)


def _cause(product: str, cause: CauseAccount) -> tuple[str, ...]:
    return (
        product,
        cause.cause,
        str(cause.attempts),
        str(cause.retried),
        _hours(cause.cpu_seconds),
        _hours(cause.seconds),
    )


def _times(night: NightAccount) -> list[str]:
    observed, began = night.observation.end, night.began
    rows = [("observation ended", _instant(observed), "", "")]
    rows.append(("first attempt", _instant(began), _after_instant(began, observed), ""))
    for level in night.levels:
        name = level.level if level.level == "closed" else f"last {level.level}"
        when = _instant(level.reached)
        rows.append((name, when, _after(level, observed), _after(level, began)))
    head = ("Time", "UTC", "after the observation", "after the first attempt")
    lines = _table(head, rows, words=2)
    return [*lines, f"End of the observation: {night.observation.how}."]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: int = LEFT) -> list[str]:
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        "  ".join(
            f"{word:<{width}}" if place < words else f"{word:>{width}}"
            for place, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


# --- remarks -------------------------------------------------------------------------------


def _remarks(total: ClassAccount) -> Iterator[str]:
    if total.by_lstosa:
        yield f"Made by lstosa, at costs that are not known: {total.by_lstosa}."
    if total.not_made:
        yield f"Not made yet: {total.not_made}, whose last attempt was lost."
    if total.again:
        yield f"Made again after they had been made: {total.again}."
    if total.without_cpu:
        yield f"Killed before they could tell their CPU time: {total.without_cpu}."
    if total.unknown:
        yield f"Attempts of which no record was kept: {total.unknown}."


def _nights_without(account: Account) -> list[str]:
    if not account.without_records:
        return []
    return ["No records: " + ", ".join(str(date) for date in account.without_records) + "."]


def _damaged(night: NightAccount) -> list[str]:
    return [f"DAMAGED  {path} cannot be read: not counted." for path in night.damaged]


# --- cells ---------------------------------------------------------------------------------


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.3f}"


def _megabytes(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f} MB"


def _instant(when: datetime.datetime | None) -> str:
    return NONE if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def _after(level: Level, since: datetime.datetime | None) -> str:
    return _after_instant(level.reached, since)


def _after_instant(when: datetime.datetime | None, since: datetime.datetime | None) -> str:
    if when is None or since is None:
        return NONE
    return hours_and_minutes((when - since).total_seconds())


def hours_and_minutes(seconds: float) -> str:
    """Return a time as hours and minutes, which are cut: ``2:05``; hours are not cut at 24."""
    hours, minutes = divmod(int(abs(seconds)) // 60, 60)
    sign = "-" if seconds <= -60 else ""
    return f"{sign}{hours}:{minutes:02d}"
