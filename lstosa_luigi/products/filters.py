"""Filter wheels of the calibration box: what the camera-control database says of a PEDCALIB run."""

from __future__ import annotations

__all__ = ["FilterWheels"]

from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.products.base import NightProduct, RunTask


class FilterWheels(RunTask, NightProduct):
    """What the camera-control database says of the filter wheels of a run; it is asked once."""

    def requires(self) -> Any:
        """Need nothing of the night."""
        return []

    def output(self) -> luigi.LocalTarget:
        """Return the note of its answer, of all productions alike."""
        return luigi.LocalTarget(str(self.layout.filter_wheels(self.run_id)))

    def job(self) -> Job:
        """Let our own program ask."""
        path, options = self.layout.filter_wheels(self.run_id), self.settings.database
        return self.make_own_job(
            commands.filter_wheels(
                self.run_id, options.caco_db, options.timeout, f"{SCRATCH}/{path.name}"
            ),
            [Output(str(path), path.name)],
        )
