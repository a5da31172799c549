"""Random forests, trained of simulated events where the site has none."""

from __future__ import annotations

__all__ = ["ModelsOrSimulation", "RandomForests", "TestingDL2", "TestingDataset", "TrainingDataset"]

from typing import Any, ClassVar

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.products.base import External, NightProduct

FORESTS = ("reg_energy.sav", "reg_disp_norm.sav", "cls_disp_sign.sav", "cls_gh.sav")
"""What lstchain_mc_trainpipe leaves (lstchain.reco.dl1_to_dl2.build_models)."""

DL2_PARAMETERS = "/dl2/event/telescope/parameters/LST_LSTCam"
"""Table of DL2 (lstchain.io.io)."""


class ModelsOrSimulation(External):
    """Any random forests, or simulated events to train them of."""

    run_id = luigi.IntParameter()
    reason = luigi.Parameter(significant=False, default="")

    def complete(self) -> bool:
        """Never: this task is only asked for if nothing could be chosen."""
        return False

    def hint(self) -> str:
        """Say where models and simulated events are looked for."""
        directories = self.layout.directories
        return (
            f"No random forests for run {self.run_id:05d}: {self.reason} in "
            f"{directories.rf_models}, nor a TrainingDataset below "
            f"{directories.mc_dir / 'DL1' / 'AllSky'}. Put either there; DL2 and DL3 cannot be "
            "made without."
        )


class _Dataset(External):
    """Simulated events at DL1 of one NSB level and declination line."""

    model = luigi.Parameter(description="<mc_prod>nsb_tuning_X.XX/dec_NNNN")
    particles: ClassVar[tuple[str, ...]]
    purpose: ClassVar[str]

    def complete(self) -> bool:
        """Whether all particles are there."""
        return all(
            self.layout.mc_dl1(str(self.model), type(self).__name__, particle) is not None
            for particle in self.particles
        )

    def hint(self) -> str:
        """Say what is looked for."""
        root = self.layout.directories.mc_dir / "DL1" / "AllSky"
        return (
            f"No simulated events {self.purpose} {self.model}: no dl1_*_merged.h5 of "
            f"{' and '.join(self.particles)} in {type(self).__name__} below {root}."
        )


class TrainingDataset(_Dataset):
    """What random forests are trained of."""

    particles = ("GammaDiffuse", "Protons")
    purpose = "to train"


class TestingDataset(_Dataset):
    """What the instrument response is made of."""

    particles = ("Gamma",)
    purpose = "for the IRF (or set [mc] irf_file or gamma) of"


class RandomForests(NightProduct):
    """Random forests of one NSB level and declination line; shared by all nights."""

    is_random = True  # which events train what (lstchain.reco.dl1_to_dl2.build_models)
    model = luigi.Parameter(description="<mc_prod>nsb_tuning_X.XX/dec_NNNN")

    @property
    def unit(self) -> str:
        """The model as it can stand in a file name."""
        return str(self.model).replace("/", "_")

    def requires(self) -> Any:
        """Need simulated events."""
        return self.sibling(TrainingDataset, model=self.model)

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the forests."""
        directory = self.layout.model(str(self.model))
        return self.targets({name: directory / name for name in FORESTS})

    def job(self) -> Job:
        """Train."""
        layout, model = self.layout, str(self.model)
        gamma = layout.mc_dl1(model, "TrainingDataset", "GammaDiffuse")
        proton = layout.mc_dl1(model, "TrainingDataset", "Protons")
        options = self.settings.lstchain
        return self.make_job(
            commands.mc_trainpipe(
                options.mc_trainpipe, str(gamma), str(proton), SCRATCH, options.dl2_config
            ),
            [Output(str(layout.model(model) / name), name) for name in FORESTS],
            inputs=[str(gamma), str(proton), options.dl2_config],
            resource_class="models",
        )


class TestingDL2(NightProduct):
    """Simulated gammas, reconstructed with the random forests that the data are."""

    model = luigi.Parameter(description="<mc_prod>nsb_tuning_X.XX/dec_NNNN")

    @property
    def unit(self) -> str:
        """The model as it can stand in a file name."""
        return str(self.model).replace("/", "_")

    def requires(self) -> Any:
        """Need the gammas and the forests."""
        return {
            "gammas": self.sibling(TestingDataset, model=self.model),
            "forests": self.sibling(RandomForests, model=self.model),
        }

    def complete(self) -> bool:
        """Whether they are reconstructed; not while there are none to reconstruct."""
        return self.layout.mc_dl2(str(self.model), "Gamma") is not None and super().complete()

    def output(self) -> luigi.LocalTarget:
        """Return the reconstructed gammas."""
        path = self.layout.mc_dl2(str(self.model), "Gamma")
        return luigi.LocalTarget(str(path))

    def job(self) -> Job:
        """Reconstruct."""
        layout, options, model = self.layout, self.settings.lstchain, str(self.model)
        dl1, dl2 = layout.mc_dl1(model, "TestingDataset", "Gamma"), layout.mc_dl2(model, "Gamma")
        assert dl1 is not None
        assert dl2 is not None
        forests = layout.model(model)
        return self.make_job(
            commands.dl1_to_dl2(
                options.dl1_to_dl2, str(dl1), SCRATCH, str(forests), options.dl2_config
            ),
            [Output(str(dl2), dl2.name, tables=(DL2_PARAMETERS,))],
            inputs=[dl1, *(forests / name for name in FORESTS), options.dl2_config],
            resource_class="dl2",
        )
