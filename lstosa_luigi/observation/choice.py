"""A choice and its reason: what every rule of this room returns."""

from __future__ import annotations

__all__ = ["Choice"]

import dataclasses
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Choice(Generic[T]):
    """What a rule chose, why, and from what.

    Parameters
    ----------
    value : T or None
        What was chosen; None if nothing could be.
    reason : str
        One sentence for the operator.
    candidates : tuple of T
        All that could have been chosen.
    """

    value: T | None
    reason: str
    candidates: tuple[T, ...] = ()
