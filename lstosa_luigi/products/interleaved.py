"""What the interleaved events of a run tell: its cleaning settings (tailcuts) and Cat-B."""

from __future__ import annotations

__all__ = ["CatBCalibration", "Tailcuts"]

from collections.abc import Iterator
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.products.base import NightProduct, RunTask
from lstosa_luigi.products.calibration import BASE, CAT_A, MONITORING, staged_cat_a
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.products.raw import each_subrun

CAT_B = f"{BASE}/monitoring/PixelCalibration/Cat-B"
"""Where the onsite script writes below its base (lstchain.onsite)."""


class _OfAllSubruns(RunTask, NightProduct):
    """Needs DL1a of the whole run."""

    def requires(self) -> Iterator[Any]:
        """Need DL1a of all subruns."""
        yield from each_subrun(self, DL1A)


class Tailcuts(_OfAllSubruns):
    """Cleaning settings of a run: thresholds that its night-sky background asks for."""

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the DL1b config, and the log that holds the NSB rate."""
        return self.targets(
            {
                "log": self.layout.tailcuts_log(self.run_id),
                "config": self.layout.tailcuts_config(self.run_id),
            }
        )

    def job(self) -> Job:
        """Let lstchain look at the interleaved pedestals of the run."""
        layout, number = self.layout, self.run_id
        run = self.known_night().summary.run(number)
        files = [layout.dl1a(number, subrun) for subrun in run.subruns]
        config, log = layout.tailcuts_config(number), layout.tailcuts_log(number)
        return self.make_job(
            commands.find_tailcuts(
                self.settings.lstchain.tailcuts_finder, f"{SCRATCH}/in", number, f"{SCRATCH}/out"
            ),
            [Output(str(log), f"out/{log.name}"), Output(str(config), f"out/{config.name}")],
            staged={f"in/{file.name}": file for file in files},
            resource_class="tailcuts",
        )


class CatBCalibration(_OfAllSubruns):
    """Calibration of a run with its own interleaved events; made if the option asks for it."""

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the calibration."""
        filters = self.settings.lstchain.filters
        return self.targets({"calibration": self.layout.cat_b_calibration(self.run_id, filters)})

    def job(self) -> Job:
        """Run the onsite script on a base that holds the chosen files only."""
        layout, options, night = self.layout, self.settings.lstchain, self.known_night()
        pedcalib = night.pedcalib_run.value
        if pedcalib is None:
            raise InputError(f"Run {self.run_id:05d}: the night has no calibration.")
        of_pedcalib = layout.of(pedcalib.date)
        calibration = of_pedcalib.find_charge_calibration(pedcalib.number, options.filters)
        product = layout.cat_b_calibration(self.run_id, options.filters)
        log = layout.cat_b_log(self.run_id, options.filters)
        plot = layout.cat_b_plot(self.run_id, options.filters)
        made = f"{CAT_B}/calibration/{layout.flat_date}/{layout.version}"
        files = [
            layout.interleaved(self.run_id, subrun)
            for subrun in night.summary.run(self.run_id).subruns
        ]
        staged = staged_cat_a(night, night.time_calibration)
        staged[f"{CAT_A}/calibration/{of_pedcalib.flat_date}/pro/{calibration.name}"] = calibration
        staged.update({f"in/interleaved/{file.name}": file for file in files})
        return self.make_job(
            commands.catb_calibration(
                options.catB_calibration,
                self.run_id,
                f"{SCRATCH}/{BASE}",
                str(layout.r0_root(self.run_id)),
                options.filters,
                pedcalib.number,
                f"{SCRATCH}/in",
            ),
            [
                Output(str(log), f"{made}/log/{log.name}", required=False),
                Output(str(plot), f"{made}/log/{plot.name}", required=False),
                Output(
                    str(product),
                    f"{made}/{product.name}",
                    tables=tuple(f"/tel_{layout.telescope[-1]}/{name}" for name in MONITORING),
                ),
            ],
            inputs=layout.r0_streams(self.run_id, 0),
            staged=staged,
            links={product.parents[1] / "pro": product.parent},
            resource_class="calibration",
        )
