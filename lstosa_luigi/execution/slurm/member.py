"""A job on its way through Slurm, as the backend follows it."""

from __future__ import annotations

__all__ = ["Member"]

import dataclasses
from collections.abc import Sequence

from lstosa_luigi.execution.slurm.arrays import Array
from lstosa_luigi.execution.slurm.manifest import element_log
from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.slurm.parse import ElementId
from lstosa_luigi.execution.slurm.policy import Faults
from lstosa_luigi.execution.spec import Job


@dataclasses.dataclass
class Member:
    """A job whose product is not there yet."""

    job: Job
    resources: Resources
    followers: Sequence[Job] = ()
    faults: Faults = Faults()  # noqa: RUF009 - frozen
    not_before: float = 0.0
    array: Array | None = None
    index: int = -1
    state: str = "waiting"
    gone_since: float | None = None
    ended_by: str = ""
    """What the last attempt failed of."""
    leader: Job | None = None
    """The job that it goes along with, while nobody has asked for it itself."""

    @property
    def element(self) -> ElementId | None:
        """Where it is made, if Slurm is known to have it."""
        if self.array is None or self.array.number is None:
            return None
        return ElementId(self.array.number, self.index)

    def log(self) -> str:
        """Return the log of its last execution."""
        return self.job.log if self.element is None else element_log(self.job, self.element)
