"""Walking the graph of a night: every task that can be named by now, and what it needs."""

from __future__ import annotations

__all__ = ["Step", "walk"]

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from luigi.task import flatten

from lstosa_luigi.errors import LstosaError


@dataclasses.dataclass(frozen=True)
class Step:
    """A task, what it needs, and why it cannot be planned, if that is so."""

    task: Any
    needs: tuple[Any, ...]
    problem: str = ""


def walk(roots: Iterable[Any]) -> Iterator[Step]:
    """Yield each task once, what it needs before it; a part that cannot be planned stops no other.

    Parameters
    ----------
    roots : iterable of luigi.Task
        What is asked for.
    """
    seen: set[str] = set()

    def visit(task: Any) -> Iterator[Step]:
        if task.task_id in seen:
            return
        seen.add(task.task_id)
        needs: list[Any] = []
        problem = ""
        try:
            needs += flatten(task.requires())
        except LstosaError as error:
            problem = str(error)
        for need in needs:
            yield from visit(need)
        yield Step(task, tuple(needs), problem)

    for root in roots:
        yield from visit(root)
