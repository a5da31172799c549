"""Calibration of the camera for a night: DRS4 baseline and charge (Cat-A)."""

from __future__ import annotations

__all__ = ["ChargeCalibration", "Drs4Pedestal", "Systematics", "TimeCalibration", "staged_cat_a"]

import abc
from pathlib import Path
from typing import Any, ClassVar

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.night import Night
from lstosa_luigi.products.base import External, NightProduct, RunTask
from lstosa_luigi.products.raw import RunSummary

BASE = "base"
"""Below the scratch directory: the tree that the onsite scripts take for their base."""

CAT_A = f"{BASE}/monitoring/PixelCalibration/Cat-A"
"""Where the onsite scripts write below their base (lstchain.onsite)."""

MONITORING = ("calibration", "flatfield", "pedestal")
"""Tables of a charge calibration (lstchain.tools.lstchain_create_calibration_file)."""


def staged_cat_a(night: Night) -> dict[str, Path]:
    """Return the tree in which the onsite scripts find what was chosen, and nothing else."""
    layout = night.layout
    staged = {
        f"{BASE}/monitoring/RunSummary/{layout.run_summary().name}": layout.run_summary(),
    }
    time, systematics = night.time_calibration.value, night.systematics.value
    if time is not None:
        staged[f"{CAT_A}/drs4_time_sampling_from_FF/{time.parents[1].name}/pro/{time.name}"] = time
    if systematics is not None:
        date = systematics.parents[1].name
        staged[f"{CAT_A}/ffactor_systematics/{date}/pro/{systematics.name}"] = systematics
    return staged


def _pro_link(product: Path) -> dict[Path, Path]:
    """Return the link by which others find the last production of a night."""
    return {product.parents[1] / "pro": product.parent}


class _FromTimeToTime(External):
    """A calibration that is not made every night: one of another night is chosen."""

    folder: ClassVar[str]
    words: ClassVar[str]

    @abc.abstractmethod
    def choice(self, night: Night) -> Choice[Path]:
        """Return the one chosen for a night."""

    def complete(self) -> bool:
        """Whether one can be chosen."""
        night = self.night
        return night is not None and self.choice(night).value is not None

    def hint(self) -> str:
        """Say why none can be chosen."""
        night = self.night
        reason = "the night is not known" if night is None else self.choice(night).reason
        root = self.layout.directories.cat_a_calib_base / self.folder
        return f"No {self.words} for {self.date}: {reason} in {root}/*/pro."


class TimeCalibration(_FromTimeToTime):
    """Time calibration of the DRS4 chips."""

    folder = "drs4_time_sampling_from_FF"
    words = "time calibration"

    def choice(self, night: Night) -> Choice[Path]:
        """Return the one not after the PEDCALIB run."""
        return night.time_calibration


class Systematics(_FromTimeToTime):
    """F-factor systematics of the charge calibration."""

    folder = "ffactor_systematics"
    words = "F-factor systematics"

    def choice(self, night: Night) -> Choice[Path]:
        """Return those not after the night."""
        return night.systematics


class Drs4Pedestal(RunTask, NightProduct):
    """Baseline of each DRS4 capacitor, of a DRS4 run."""

    def requires(self) -> Any:
        """Need the run summary, which says what kind of run it is."""
        return self.sibling(RunSummary)

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the baseline; the plots come with enough events only."""
        return self.targets({"baseline": self.layout.drs4_baseline(self.run_id)})

    def job(self) -> Job:
        """Run the onsite script on a base of its own."""
        layout = self.layout
        baseline, plot = layout.drs4_baseline(self.run_id), layout.drs4_plot(self.run_id)
        made = f"{CAT_A}/drs4_baseline/{layout.flat_date}/{layout.version}"
        return self.make_job(
            commands.drs4_baseline(
                self.settings.lstchain.drs4_baseline,
                self.run_id,
                f"{SCRATCH}/{BASE}",
                str(layout.r0_root()),
            ),
            [
                Output(str(plot), f"{made}/log/{plot.name}", required=False),
                Output(
                    str(baseline),
                    f"{made}/{baseline.name}",
                    tables=(f"/r1/monitoring/drs4_baseline/tel_{int(layout.telescope[-1]):03d}",),
                ),
            ],
            inputs=layout.r0_streams(self.run_id, 0),
            links=_pro_link(baseline),
            resource_class="calibration",
        )


class ChargeCalibration(RunTask, NightProduct):
    """Conversion of charge to photo-electrons, of a PEDCALIB run (Cat-A)."""

    drs4_run = luigi.IntParameter(description="DRS4 run that the baseline is of")

    def requires(self) -> Any:
        """Need the baseline, the time calibration and the systematics."""
        return {
            "baseline": self.sibling(Drs4Pedestal, run_id=self.drs4_run),
            "time": self.sibling(TimeCalibration),
            "systematics": self.sibling(Systematics),
        }

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the calibration and its check plots."""
        filters = self.settings.lstchain.filters
        return self.targets(
            {
                "calibration": self.layout.charge_calibration(self.run_id, filters),
                "plot": self.layout.charge_calibration_plot(self.run_id, filters),
            }
        )

    def job(self) -> Job:
        """Run the onsite script on a base that holds the chosen files only."""
        layout, options = self.layout, self.settings.lstchain
        calibration = layout.charge_calibration(self.run_id, options.filters)
        plot = layout.charge_calibration_plot(self.run_id, options.filters)
        log = layout.charge_calibration_log(self.run_id, options.filters)
        made = f"{CAT_A}/calibration/{layout.flat_date}/{layout.version}"
        baseline = layout.drs4_baseline(self.drs4_run)
        staged = staged_cat_a(self.known_night())
        staged[f"{CAT_A}/drs4_baseline/{layout.flat_date}/pro/{baseline.name}"] = baseline
        return self.make_job(
            commands.charge_calibration(
                options.charge_calibration,
                self.drs4_run,
                self.run_id,
                f"{SCRATCH}/{BASE}",
                str(layout.r0_root()),
                options.filters,
                options.use_ff_heuristic_id,
            ),
            [
                Output(str(log), f"{made}/log/{log.name}", required=False),
                Output(str(plot), f"{made}/log/{plot.name}"),
                Output(
                    str(calibration),
                    f"{made}/{calibration.name}",
                    tables=tuple(f"/tel_{layout.telescope[-1]}/{name}" for name in MONITORING),
                ),
            ],
            inputs=layout.r0_streams(self.run_id, 0),
            staged=staged,
            links=_pro_link(calibration),
            resource_class="calibration",
        )
