"""From attempts to what they cost, class by class: pure."""

from __future__ import annotations

__all__ = ["account_of_classes", "total_of"]

import collections
import statistics
from collections.abc import Iterable, Iterator, Sequence

from lstosa_luigi.accounting.attempts import CountedAttempt, CountedProduct
from lstosa_luigi.accounting.model import ORDER, CauseAccount, ClassAccount, Memory

TOTAL = "Total"


def account_of_classes(products: Iterable[CountedProduct]) -> tuple[ClassAccount, ...]:
    """Return what each class cost, in the order in which classes follow each other."""
    kinds: dict[str, list[CountedProduct]] = collections.defaultdict(list)
    for product in products:
        kinds[product.product].append(product)
    return tuple(_account(kind, kinds[kind]) for kind in sorted(kinds, key=_place))


def total_of(products: Sequence[CountedProduct]) -> ClassAccount:
    """Return what all classes cost together; of memory that would mean nothing."""
    return _account(TOTAL, products)


def _place(kind: str) -> tuple[int, str]:
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), kind)


def _account(kind: str, products: Sequence[CountedProduct]) -> ClassAccount:
    last = [product.attempts[-1] for product in products]
    ours = [a for product in products for a in product.attempts if not a.source]
    lost = [attempt for attempt in ours if attempt.is_lost]
    unknown = sum(product.unknown for product in products)
    return ClassAccount(
        product=kind,
        products=sum(not (a.is_lost or a.source) for a in last),
        by_lstosa=sum(bool(a.source) and not a.is_lost for a in last),
        not_made=sum(a.is_lost for a in last),
        attempts=len(ours) + unknown,
        lost=len(lost),
        again=sum(
            not (a.is_lost or a.source) for product in products for a in product.attempts[:-1]
        ),
        unknown=unknown,
        without_cpu=sum(attempt.cpu_seconds is None for attempt in ours),
        cpu_seconds=_cpu(ours),
        seconds=_elapsed(ours),
        lost_cpu_seconds=_cpu(lost),
        lost_seconds=_elapsed(lost),
        memory=None if kind == TOTAL else _memory(ours),
        causes=tuple(_causes(products)),
    )


def _cpu(attempts: Iterable[CountedAttempt]) -> float:
    return sum(attempt.cpu_seconds or 0.0 for attempt in attempts)


def _elapsed(attempts: Iterable[CountedAttempt]) -> float:
    return sum(attempt.seconds for attempt in attempts)


def _memory(attempts: Sequence[CountedAttempt]) -> Memory:
    asked = [a.mem_mb for a in attempts if a.mem_mb]
    used = [a.memory_kb / 1024 for a in attempts if a.memory_kb]
    asked_median = statistics.median(asked) if asked else None
    used_max = max(used, default=None)
    return Memory(
        asked_median=asked_median,
        asked_max=max(asked, default=None),
        used_median=statistics.median(used) if used else None,
        used_max=used_max,
        ratio=asked_median / used_max if asked_median and used_max else None,
    )


def _causes(products: Iterable[CountedProduct]) -> Iterator[CauseAccount]:
    groups: dict[str, list[tuple[CountedAttempt, bool]]] = collections.defaultdict(list)
    for product in products:
        for place, attempt in enumerate(product.attempts, 1):
            if attempt.is_lost and not attempt.source:
                groups[attempt.cause].append((attempt, place < len(product.attempts)))
    for cause in sorted(groups, key=lambda cause: (-len(groups[cause]), cause)):
        attempts = [attempt for attempt, _ in groups[cause]]
        yield CauseAccount(
            cause=cause,
            attempts=len(attempts),
            retried=sum(is_retried for _, is_retried in groups[cause]),
            cpu_seconds=_cpu(attempts),
            seconds=_elapsed(attempts),
        )
