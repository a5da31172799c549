"""DL1b: images cleaned with the settings of their run, by subrun and merged."""

from __future__ import annotations

__all__ = ["DL1B", "CleanedRun", "CleanedSubrun", "MergedDL1"]

from collections.abc import Iterator
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.reconstruction import (
    cat_b_of,
    cleaning_of,
    known_cleaning,
    lacks_pedestals,
    tailcuts_needed,
)
from lstosa_luigi.products.base import FIRST, NightProduct, RunTask, SubrunTask
from lstosa_luigi.products.dl1a import DL1A, IMAGES, PARAMETERS
from lstosa_luigi.products.interleaved import CatBCalibration, Tailcuts
from lstosa_luigi.products.raw import each_subrun


class CleanedSubrun(SubrunTask, NightProduct):
    """A product of a subrun after cleaning."""

    dl1_prod = luigi.Parameter(description="directory of DL1b, as tailcut84")


class CleanedRun(RunTask, NightProduct):
    """A product of a run after cleaning."""

    dl1_prod = luigi.Parameter(description="directory of DL1b, as tailcut84")

    def of_subruns(self, task: type[CleanedSubrun]) -> Iterator[Any]:
        """Yield a task for each subrun of the run."""
        yield from each_subrun(self, task, dl1_prod=self.dl1_prod)


class DL1B(CleanedSubrun):
    """Images of a subrun, cleaned and parametrised again."""

    priority = FIRST + 1

    def requires(self) -> Iterator[Any]:
        """Need DL1a, the cleaning settings of the run, and Cat-B if the option asks for it.

        Raises
        ------
        InputError
            If the run cannot be cleaned at all.
        """
        settings, night = self.settings, self.night
        lacks = "" if night is None else lacks_pedestals(night, settings, self.run_id)
        if lacks:
            raise InputError(lacks)
        yield self.sibling(DL1A, run_id=self.run_id, subrun=self.subrun)
        for run in tailcuts_needed(self.layout, settings, self.run_id):
            yield self.sibling(Tailcuts, run_id=run)
        if settings.lstchain.apply_catB_calibration:
            yield self.sibling(CatBCalibration, run_id=self.run_id)

    def output(self) -> luigi.LocalTarget:
        """Return DL1b."""
        path = self.layout.dl1b(self.run_id, self.number, str(self.dl1_prod))
        return luigi.LocalTarget(str(path))

    def _config(self) -> str:
        """Return the DL1b config of the run: that of the directory, or none."""
        cleaning = known_cleaning(self.layout, self.settings, self.run_id)
        if cleaning.dl1_prod != self.dl1_prod:
            raise InputError(
                f"Run {self.run_id:05d} is cleaned with {cleaning.config}, which belongs into "
                f"{cleaning.dl1_prod}, not into {self.dl1_prod}. Ask for --dl1-prod "
                f"{cleaning.dl1_prod}, or change the configuration."
            )
        return cleaning.config

    def job(self) -> Job:
        """Clean again."""
        layout, options = self.layout, self.settings.lstchain
        dl1a = layout.dl1a(self.run_id, self.number)
        dl1b = layout.dl1b(self.run_id, self.number, str(self.dl1_prod))
        config = self._config()
        chosen = cat_b_of(layout, self.settings, self.run_id).value
        catb = "" if chosen is None else str(chosen)
        images = (IMAGES,) if options.store_image_dl1ab else ()
        return self.make_job(
            commands.dl1ab(
                options.dl1ab,
                str(dl1a),
                f"{SCRATCH}/{dl1b.name}",
                config,
                options.store_image_dl1ab,
                catb,
            ),
            [Output(str(dl1b), dl1b.name, tables=(PARAMETERS, *images))],
            inputs=[dl1a, config, catb],
            real=[dl1a],
            links={layout.dl1b_link(self.run_id, self.number, str(self.dl1_prod)): dl1b},
            choices=self._choices(),
        )

    def _choices(self) -> list[str]:
        """Return how the run is cleaned and calibrated again, and why."""
        cleaning = cleaning_of(self.layout, self.settings, self.run_id)
        cat_b = cat_b_of(self.layout, self.settings, self.run_id)
        return [f"cleaning {self.dl1_prod}: {cleaning.reason}", f"Cat-B: {cat_b.reason}"]


class MergedDL1(CleanedRun):
    """DL1b of a run in one file, without images."""

    def requires(self) -> Iterator[Any]:
        """Need DL1b of all subruns."""
        yield from self.of_subruns(DL1B)

    def output(self) -> luigi.LocalTarget:
        """Return the merged file."""
        return luigi.LocalTarget(str(self.layout.dl1b(self.run_id, None, str(self.dl1_prod))))

    def job(self) -> Job:
        """Merge exactly the subruns of the run, whatever else lies in the directory."""
        layout = self.layout
        merged = layout.dl1b(self.run_id, None, str(self.dl1_prod))
        parts = [
            layout.dl1b(self.run_id, subrun, str(self.dl1_prod))
            for subrun in self.known_night().summary.run(self.run_id).subruns
        ]
        return self.make_job(
            commands.merge_dl1(
                self.settings.lstchain.merge_dl1,
                f"{SCRATCH}/in",
                f"{SCRATCH}/{merged.name}",
                self.run_id,
                layout.prefix,
            ),
            [Output(str(merged), merged.name, tables=(PARAMETERS,))],
            staged={f"in/{part.name}": part for part in parts},
            resource_class="merge",
        )
