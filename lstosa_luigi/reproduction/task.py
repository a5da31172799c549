"""The Luigi task that makes one step of a chain again, wherever the configuration has jobs run."""

from __future__ import annotations

__all__ = ["Again", "keep_chain", "make_again"]

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import luigi

from lstosa_luigi.errors import UsageError
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.execution.spec import Job
from lstosa_luigi.execution.task import SlurmTask
from lstosa_luigi.reproduction.chain import Chain, Step

CHAIN = "chain.json"


def keep_chain(chain: Chain) -> None:
    """Write what is to be done into its directory, and link what was given.

    What another chain left there is removed first; what the same one left is gone on with.

    Raises
    ------
    UsageError
        If something else lies in the directory.
    """
    steps = [
        {"job": step.job.to_json(), "needs": step.needs, "compared": dict(step.compared)}
        for step in chain.steps
    ]
    given = {one.at: one.source for one in chain.given}
    text = json.dumps({"path": chain.path, "given": given, "steps": steps}, indent=1) + "\n"
    kept = chain.directory / CHAIN
    if kept.exists():
        if kept.read_text(encoding="utf-8") == text:
            return
        shutil.rmtree(chain.directory)
    elif chain.directory.exists() and any(chain.directory.iterdir()):
        raise UsageError(f"{chain.directory} holds something else; choose an empty directory")
    for at, source in given.items():
        Path(at).parent.mkdir(parents=True, exist_ok=True)
        Path(at).symlink_to(source)
    write_whole(kept, text)  # last: without it nothing is gone on with


@functools.lru_cache(maxsize=4)
def _steps(directory: str) -> tuple[Step, ...]:
    data = json.loads((Path(directory) / CHAIN).read_text(encoding="utf-8"))
    return tuple(
        Step(Job.from_json(step["job"]), tuple(step["needs"]), step["compared"])
        for step in data["steps"]
    )


class Again(SlurmTask):
    """A product made once more."""

    directory = luigi.Parameter(description="where the chain lies")
    step = luigi.IntParameter(description="number of the step, from 0")

    @property
    def _it(self) -> Step:
        return _steps(str(self.directory))[self.step]

    @property
    def title(self) -> str:
        """The product in an operator's words."""
        return self._it.job.title

    def requires(self) -> Iterator[luigi.Task]:
        """Need the steps that make what it reads."""
        yield from (self.clone(step=number) for number in self._it.needs)

    def output(self) -> list[luigi.LocalTarget]:
        """Return what it makes."""
        return [luigi.LocalTarget(output.path) for output in self._it.job.outputs]

    def job(self) -> Job:
        """Return what was done then."""
        return self._it.job


def make_again(chain: Chain) -> bool:
    """Do all steps of a chain that :func:`keep_chain` wrote; return whether all is there.

    What is there already, of a command before that was ended, is not made once more.
    """
    last = Again(directory=str(chain.directory), step=len(chain.steps) - 1)
    return luigi.build([last], local_scheduler=True, no_lock=True, log_level="ERROR")
