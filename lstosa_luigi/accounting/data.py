"""What nights cost as JSON: what ``schema.json`` beside this file describes."""

from __future__ import annotations

__all__ = ["SCHEMA", "SCHEMA_VERSION", "as_data"]

import datetime
from pathlib import Path
from typing import Any

from lstosa_luigi.accounting.model import Account, CauseAccount, ClassAccount, Level, NightAccount

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("schema.json")
"""JSON Schema of what :func:`as_data` returns."""


def as_data(account: Account) -> dict[str, Any]:
    """Return what nights cost as JSON can hold it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "telescope": account.telescope,
        "asked": account.asked,
        "nights": [_night(night) for night in account.nights],
        "classes": [_class(one) for one in account.classes],
        "total": _class(account.total),
        "without_records": [str(date) for date in account.without_records],
    }


def _night(night: NightAccount) -> dict[str, Any]:
    observation = night.observation
    return {
        "date": str(night.date),
        "prod_id": night.prod_id,
        "observation": {"end": _instant(observation.end), "how": observation.how},
        "began": _instant(night.began),
        "levels": [_level(level, night) for level in night.levels],
        "classes": [_class(one) for one in night.classes],
        "total": _class(night.total),
        "damaged": list(night.damaged),
    }


def _level(level: Level, night: NightAccount) -> dict[str, Any]:
    return {
        "level": level.level,
        "reached": _instant(level.reached),
        "hours_after_observation": _hours_after(level.reached, night.observation.end),
        "hours_after_beginning": _hours_after(level.reached, night.began),
    }


def _class(one: ClassAccount) -> dict[str, Any]:
    memory = one.memory
    return {
        "product": one.product,
        "products": one.products,
        "by_lstosa": one.by_lstosa,
        "not_made": one.not_made,
        "attempts": one.attempts,
        "lost": one.lost,
        "again": one.again,
        "unknown": one.unknown,
        "without_cpu": one.without_cpu,
        "cpu_hours": _hours(one.cpu_seconds),
        "elapsed_hours": _hours(one.seconds),
        "lost_cpu_hours": _hours(one.lost_cpu_seconds),
        "lost_elapsed_hours": _hours(one.lost_seconds),
        "memory": None if memory is None else {k: _rounded(v) for k, v in vars(memory).items()},
        "causes": [_cause(cause) for cause in one.causes],
    }


def _cause(cause: CauseAccount) -> dict[str, Any]:
    return {
        "cause": cause.cause,
        "attempts": cause.attempts,
        "retried": cause.retried,
        "cpu_hours": _hours(cause.cpu_seconds),
        "elapsed_hours": _hours(cause.seconds),
    }


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 6)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _instant(when: datetime.datetime | None) -> str | None:
    return None if when is None else when.isoformat(timespec="seconds")


def _hours_after(when: datetime.datetime | None, since: datetime.datetime | None) -> float | None:
    return None if when is None or since is None else _hours((when - since).total_seconds())
