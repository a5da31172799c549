"""Muon rings of a run."""

from __future__ import annotations

__all__ = ["MergedMuons"]

from collections.abc import Iterator
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.products.base import NightProduct, RunTask
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.products.raw import each_subrun


class MergedMuons(RunTask, NightProduct):
    """Muon rings of all subruns of a run in one table."""

    def requires(self) -> Iterator[Any]:
        """Need all subruns: DL1A makes the muon rings along the way."""
        yield from each_subrun(self, DL1A)

    def output(self) -> luigi.LocalTarget:
        """Return the merged table."""
        return luigi.LocalTarget(str(self.layout.muons(self.run_id, None)))

    def job(self) -> Job:
        """Merge exactly the subruns of the run."""
        layout = self.layout
        merged = layout.muons(self.run_id, None)
        parts = [
            layout.muons(self.run_id, subrun)
            for subrun in self.known_night().summary.run(self.run_id).subruns
        ]
        return self.make_job(
            commands.merge_muons(
                self.settings.lstchain.merge_muons,
                f"{SCRATCH}/in",
                f"{SCRATCH}/{merged.name}",
                self.run_id,
                layout.prefix,
            ),
            [Output(str(merged), merged.name)],
            staged={f"in/{part.name}": part for part in parts},
            resource_class="merge",
        )
