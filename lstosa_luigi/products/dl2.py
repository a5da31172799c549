"""DL2: events with energy, direction and gammaness."""

from __future__ import annotations

__all__ = ["DL2", "ReconstructedRun"]

from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.models import dl2_prod_id
from lstosa_luigi.observation.reconstruction import known_cleaning, model_of
from lstosa_luigi.products.dl1b import CleanedRun, MergedDL1
from lstosa_luigi.products.models import DL2_PARAMETERS, FORESTS, RandomForests


class ReconstructedRun(CleanedRun):
    """A product of a run after reconstruction."""

    model = luigi.Parameter(description="<mc_prod>nsb_tuning_X.XX/dec_NNNN")

    @property
    def dl2_prod(self) -> str:
        """Directory of DL2."""
        return dl2_prod_id(str(self.dl1_prod), str(self.model))


class DL2(ReconstructedRun):
    """Reconstructed events of a run."""

    def requires(self) -> Any:
        """Need the merged DL1b and the random forests."""
        return {
            "dl1": self.sibling(MergedDL1, run_id=self.run_id, dl1_prod=self.dl1_prod),
            "forests": self.sibling(RandomForests, model=self.model),
        }

    def output(self) -> luigi.LocalTarget:
        """Return DL2."""
        return luigi.LocalTarget(str(self.layout.dl2(self.run_id, self.dl2_prod)))

    def job(self) -> Job:
        """Reconstruct."""
        layout, options = self.layout, self.settings.lstchain
        dl1 = layout.dl1b(self.run_id, None, str(self.dl1_prod))
        dl2 = layout.dl2(self.run_id, self.dl2_prod)
        forests = layout.model(str(self.model))
        return self.make_job(
            commands.dl1_to_dl2(
                options.dl1_to_dl2, str(dl1), SCRATCH, str(forests), options.dl2_config
            ),
            [Output(str(dl2), dl2.name, tables=(DL2_PARAMETERS,))],
            inputs=[dl1, *(forests / name for name in FORESTS), options.dl2_config],
            resource_class="dl2",
            choices=self._choices(),
        )

    def _choices(self) -> list[str]:
        """Return why these random forests."""
        night, settings = self.known_night(), self.settings
        try:
            found = known_cleaning(self.layout, settings, self.run_id)
            reason = model_of(night, settings, self.run_id, found).reason
        except LstosaError:  # said where they are chosen
            return []
        return [f"random forests {self.model}: {reason}"]
