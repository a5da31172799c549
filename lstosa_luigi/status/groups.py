"""Products that stand alike, told together: of thousands of subruns few things differ."""

from __future__ import annotations

__all__ = ["Group", "failed_alike", "undone_alike"]

import dataclasses
from collections.abc import Iterable

from lstosa_luigi.status.model import Product, State


@dataclasses.dataclass(frozen=True)
class Group:
    """Products of one kind that are in one state for one reason.

    Parameters
    ----------
    product : str
        Kind.
    state : State
        How they stand.
    reason : str
        Why, in words; empty if there is nothing to say. Where each of several subruns waits for
        its own, without the unit.
    members : tuple of Product
        All of them.
    """

    product: str
    state: State
    reason: str
    members: tuple[Product, ...]

    @property
    def title(self) -> str:
        """The product by its name, or how many there are of its kind."""
        count = len(self.members)
        return self.members[0].title if count == 1 else f"{count} {self.product}"


def failed_alike(failed: Iterable[Product]) -> list[Group]:
    """Put products together that failed for one cause."""
    return _grouped((product, product.cause) for product in failed)


def undone_alike(undone: Iterable[Product]) -> list[Group]:
    """Put products together that are not there for one reason."""
    return _grouped((product, _reason(product)) for product in undone)


def _reason(product: Product) -> str:
    if product.cause:
        return product.cause
    own = product.waits_for.rpartition(" ")[0] if product.subrun is not None else ""
    waits_for = own or product.waits_for
    return f"waits for {waits_for}" if waits_for and product.state is State.WAITING else waits_for


def _grouped(reasons: Iterable[tuple[Product, str]]) -> list[Group]:
    alike: dict[tuple[str, State, str], list[Product]] = {}
    for product, reason in reasons:
        alike.setdefault((product.product, product.state, reason), []).append(product)
    return [Group(*key, tuple(found)) for key, found in alike.items()]
