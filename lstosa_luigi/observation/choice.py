"""A choice and its reason: what every rule of this room returns."""

from __future__ import annotations

__all__ = ["Choice", "Forced"]

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


@dataclasses.dataclass(frozen=True)
class Forced(Generic[T]):
    """What somebody decided, whatever a rule would choose.

    Parameters
    ----------
    value : T
        What is to be taken.
    by : str
        Who, when and why, as it is to stand in the reason.
    """

    value: T
    by: str

    def choice(self, candidates: tuple[T, ...] = ()) -> Choice[T]:
        """Return it as a choice among what the rule found."""
        return Choice(self.value, f"forced by {self.by}", candidates)
