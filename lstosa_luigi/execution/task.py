"""The Luigi task that is made by a job, and how many of them become one batch."""

from __future__ import annotations

__all__ = ["BatchParameter", "SlurmTask", "is_there"]

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import luigi
import luigi.task

from lstosa_luigi import config
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output

MAX_BATCH = 200
"""Subruns in one batch: luigid passes their numbers around as text, and real runs have 50-150."""


class BatchParameter(luigi.Parameter):
    """A whole number of which luigid may put many, separated by commas, into one task."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(batch_method=_join, **kwargs)

    def normalize(self, x: Any) -> str:
        """Return the number without leading zeros, as text; a batch as it is."""
        return ",".join(str(int(part)) for part in str(x).split(","))


def _join(values: Iterable[Any]) -> str:
    return ",".join(str(value) for value in values)


class SlurmTask(luigi.Task):
    """A task made by one command: it says what it needs, what it makes, and which command.

    Subclasses give :meth:`requires` and :meth:`output` as any Luigi task, and
    :meth:`command` (or all of :meth:`job`). It is executed where ``[execution] backend``
    says. If :attr:`batch_key` names a :class:`BatchParameter`, luigid may merge tasks that
    differ only in it, and they become one job array; :meth:`members` takes them apart
    again, and each keeps its own Target, state and error text.

    A task may name in :attr:`follows` another that it has all parameters in common with: where
    jobs have to queue, it is then done in the same job, if that is all it lacks.
    """

    batch_key: ClassVar[str | None] = None
    follows: ClassVar[type[SlurmTask] | None] = None
    resource_class: ClassVar[str] = "data"
    max_batch_size = MAX_BATCH
    _following: ClassVar[tuple[type[SlurmTask], ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "follows" in vars(cls) and cls.follows is not None:
            cls.follows._following = (*cls.follows._following, cls)

    @property
    def title(self) -> str:
        """The task in a reader's words."""
        return str(self)

    def remarked_title(self) -> str:
        """Return the title, with what is to be said about how the task was made."""
        return self.title

    def command(self) -> Sequence[str]:
        """Return the command of a single member, which leaves its files at :meth:`aside`.

        Instead of it, :meth:`job` may be given.
        """
        raise NotImplementedError(f"{self.task_family} has neither command() nor job()")

    def aside(self, name: str = "") -> str:
        """Return where the command has to leave a file of :meth:`output`.

        Parameters
        ----------
        name : str
            Key of the file in :meth:`output`; empty if there is only one.
        """
        output = self.output()
        target = output[name] if name else output
        return f"{SCRATCH}/{Path(target.path).name}"

    def job(self) -> Job:
        """Return the command of a single member, with all that is to be known about it."""
        outputs = [Path(target.path).absolute() for target in luigi.task.flatten(self.output())]
        inputs = [Path(target.path).absolute() for target in luigi.task.flatten(self.input())]
        root = Path(config.load_execution()[0].directory).absolute()
        name = re.sub(r"[^\w.+-]+", "_", self.task_id)
        others = {k: v for k, v in self.to_str_params().items() if k != self.batch_key}
        number = str(getattr(self, self.batch_key)) if self.batch_key else ""
        return Job(
            name=name,
            title=self.title,
            argv=tuple(self.command()),
            outputs=tuple(Output(str(path), path.name) for path in outputs),
            inputs=tuple(str(path) for path in inputs),
            log=str(root / "log" / f"{name}.log"),
            record=str(root / "records" / f"{name}.json"),
            scratch=str(outputs[0].parent / ".scratch"),
            arrays=str(root / "arrays"),
            product=str(self.task_family),
            unit="_".join(others.values()),
            number=int(number) if number else None,
            resource_class=self.resource_class,
            priority=self.priority,
        )

    def followers(self) -> list[SlurmTask]:
        """Return the tasks that may be done right after this one, in the same job."""
        return [self.clone(follower) for follower in self._following]

    def members(self) -> list[SlurmTask]:
        """Return the single tasks that this one stands for."""
        if self.batch_key is None:
            return [self]
        numbers = str(getattr(self, self.batch_key)).split(",")
        if len(numbers) == 1:
            return [self]
        return [self.clone(**{self.batch_key: number}) for number in numbers]

    def complete(self) -> bool:
        """Whether the products of all members are there."""
        members = self.members()
        if members == [self]:
            return bool(super().complete())
        return all(member.complete() for member in members)

    def run(self) -> None:
        """Never called: the worker of this package gives jobs to its backend."""
        raise RuntimeError(
            f"{self.task_family} needs the worker of lstosa_luigi: import lstosa_luigi before "
            "luigi.build, or use luigi --module lstosa_luigi"
        )


def is_there(task: luigi.Task) -> bool:
    """Whether a task is complete; not if its inputs became unreadable meanwhile."""
    try:
        return bool(task.complete())
    except LstosaError:
        return False
