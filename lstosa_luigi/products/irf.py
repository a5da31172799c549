"""The instrument response that DL3 carries."""

from __future__ import annotations

__all__ = ["IRF", "irf_file", "irf_reason"]

from pathlib import Path
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.products.base import NightProduct, NightTask
from lstosa_luigi.products.models import TestingDL2


def irf_file(task: NightTask, dl2_prod: str, model: str) -> Path:
    """Return the IRF of a DL2 production.

    The one of ``[mc] irf_file``; else ``irf.fits.gz`` made of ``[mc] gamma``; else one for each
    declination line, to the last of which ``irf.fits.gz`` is a link.
    """
    options = task.settings.mc
    if options.irf_file:
        return Path(options.irf_file)
    line = "" if options.gamma else model.split("/")[1]
    return task.layout.irf(dl2_prod, line)


def irf_reason(task: NightTask) -> str:
    """Return why :func:`irf_file` is the one that it is."""
    options = task.settings.mc
    if options.irf_file:
        return "the one of [mc] irf_file"
    if options.gamma:
        return "made of [mc] gamma"
    return "made for the declination line of the random forests"


class IRF(NightProduct):
    """Point-like instrument response."""

    dl2_prod = luigi.Parameter(description="directory of DL2, as tailcut84/nsb_tuning_0.14")
    model = luigi.Parameter(description="<mc_prod>nsb_tuning_X.XX/dec_NNNN")

    @property
    def unit(self) -> str:
        """DL2 production and declination line as they can stand in a file name."""
        return f"{self.dl2_prod}_{str(self.model).split('/')[1]}".replace("/", "_")

    def requires(self) -> Any:
        """Need reconstructed gammas, unless they are given."""
        options = self.settings.mc
        return (
            [] if options.irf_file or options.gamma else self.sibling(TestingDL2, model=self.model)
        )

    def output(self) -> luigi.LocalTarget:
        """Return the IRF."""
        return luigi.LocalTarget(str(irf_file(self, str(self.dl2_prod), str(self.model))))

    def job(self) -> Job:
        """Make it of gammas, and of background where that is given."""
        layout, options = self.layout, self.settings.mc
        gamma = options.gamma or str(layout.mc_dl2(str(self.model), "Gamma"))
        proton = options.proton if options.gamma else ""
        electron = options.electron if options.gamma else ""
        irf = irf_file(self, str(self.dl2_prod), str(self.model))
        common = layout.irf(str(self.dl2_prod))
        config = self.settings.lstchain.dl3_config
        return self.make_job(
            commands.irf(
                self.settings.lstchain.create_irf,
                gamma,
                f"{SCRATCH}/{irf.name}",
                config,
                proton,
                electron,
            ),
            [Output(str(irf), irf.name, min_rows=1)],
            inputs=[gamma, proton, electron, config],
            links={} if irf == common else {common: irf},
            resource_class="irf",
            choices=[f"instrument response {irf.name}: {irf_reason(self)}"],
        )
