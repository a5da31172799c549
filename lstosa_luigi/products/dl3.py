"""DL3: selected events with their instrument response, as Gammapy reads them."""

from __future__ import annotations

__all__ = ["DL3", "DL3Index"]

from collections.abc import Iterator
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.models import dl2_prod_id
from lstosa_luigi.products.base import NightProduct
from lstosa_luigi.products.catalog import source_entry
from lstosa_luigi.products.dl2 import DL2, ReconstructedRun
from lstosa_luigi.products.irf import IRF, irf_file, irf_reason


class DL3(ReconstructedRun):
    """Event list of a run."""

    source = luigi.Parameter(description="name of the source")

    def requires(self) -> Any:
        """Need DL2, the IRF and the coordinates of the source."""
        return {
            "dl2": self.clone(DL2),
            "irf": self.sibling(IRF, dl2_prod=self.dl2_prod, model=self.model),
            "source": source_entry(self, self.run_id),
        }

    def output(self) -> luigi.LocalTarget:
        """Return the event list."""
        return luigi.LocalTarget(str(self.layout.dl3(self.run_id, self.dl2_prod, str(self.source))))

    def job(self) -> Job:
        """Select."""
        layout, config = self.layout, self.settings.lstchain.dl3_config
        source = self.known_night().sources.get(self.run_id)
        if source is None:
            raise InputError(f"Run {self.run_id:05d} is not in {layout.run_catalog()}.")
        dl2 = layout.dl2(self.run_id, self.dl2_prod)
        dl3 = layout.dl3(self.run_id, self.dl2_prod, source.name)
        irf = irf_file(self, self.dl2_prod, str(self.model))
        return self.make_job(
            commands.dl3(
                self.settings.lstchain.create_dl3,
                str(dl2),
                SCRATCH,
                str(irf.parent),
                irf.name,
                source.name,
                source.ra_deg,
                source.dec_deg,
                config,
            ),
            [Output(str(dl3), dl3.name, min_rows=1)],
            inputs=[dl2, irf, config],
            resource_class="dl3",
            choices=[
                f"source {source.name} at {source.ra_deg:.5f}, {source.dec_deg:.5f} deg: as "
                f"{layout.run_catalog().name} has it",
                f"instrument response {irf.name}: {irf_reason(self)}",
            ],
        )


class DL3Index(NightProduct):
    """Index of the event lists of a source."""

    source = luigi.Parameter(description="name of the source")
    dl2_prod = luigi.Parameter(description="directory of DL2, as tailcut84/nsb_tuning_0.14")
    runs = luigi.DictParameter(description="run number to directory of DL1b and model")

    @property
    def unit(self) -> str:
        """The source as it can stand in a file name."""
        directory = self.layout.dl3_source_dir(str(self.dl2_prod), str(self.source))
        return f"{self.dl2_prod}_{directory.name}".replace("/", "_")

    def _event_lists(self) -> Iterator[DL3]:
        for run, (dl1_prod, model) in sorted(self.runs.items()):
            assert dl2_prod_id(dl1_prod, model) == self.dl2_prod
            yield self.sibling(
                DL3, run_id=int(run), dl1_prod=dl1_prod, model=model, source=self.source
            )

    def requires(self) -> Iterator[Any]:
        """Need the event lists of the source."""
        yield from self._event_lists()

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the two tables of Gammapy's DataStore."""
        hdus, observations = self.layout.dl3_index(str(self.dl2_prod), str(self.source))
        return self.targets({"hdu": hdus, "obs": observations})

    def job(self) -> Job:
        """List the event lists."""
        hdus, observations = self.layout.dl3_index(str(self.dl2_prod), str(self.source))
        files = [
            self.layout.dl3(task.run_id, str(self.dl2_prod), str(self.source))
            for task in self._event_lists()
        ]
        return self.make_job(
            commands.dl3_index(self.settings.lstchain.create_dl3_index, SCRATCH, SCRATCH),
            [
                Output(str(hdus), hdus.name, min_rows=1),
                Output(str(observations), observations.name, min_rows=len(files)),
            ],
            staged={file.name: file for file in files},
            resource_class="dl3",
        )
