"""What the interleaved events of a run tell: its cleaning settings (tailcuts) and Cat-B."""

from __future__ import annotations

__all__ = ["CatBCalibration", "Tailcuts"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.environment import LSTCHAIN
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.layout import Layout
from lstosa_luigi.observation.evb_calibration import CatBStart
from lstosa_luigi.observation.input_state import InputState, input_state_of
from lstosa_luigi.observation.reconstruction import (
    cat_b_filters,
    cat_b_place,
    cat_b_refusal,
    cat_b_start,
    tailcuts_refusal,
)
from lstosa_luigi.products.base import NightProduct, RunTask
from lstosa_luigi.products.calibration import (
    BASE,
    CAT_A,
    MONITORING,
    log_pattern,
    staged_cat_a,
)
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.products.raw import each_subrun
from lstosa_luigi.refusals import Refusal

CAT_B = f"{BASE}/monitoring/PixelCalibration/Cat-B"
"""Where the onsite scripts of both packages write (lstchain.onsite, lstcam_calib.onsite)."""


class _OfAllSubruns(RunTask, NightProduct):
    """Needs DL1a of the whole run; the tool may refuse to make it of too few interleaved events."""

    def requires(self) -> Iterator[Any]:
        """Need DL1a of all subruns."""
        yield from each_subrun(self, DL1A)

    def refusal(self) -> Refusal | None:
        """Return the tool's own verdict, if it counts instead of the product."""
        raise NotImplementedError

    def complete(self) -> bool:
        """Whether it is made, or was refused and the run goes on without."""
        return bool(super().complete()) or self.refusal() is not None

    def files(self) -> list[Path]:
        """Return the outputs and the refusal."""
        return [*super().files(), self.layout.refusal(self.record_name)]

    def refused(self) -> str:
        """Return the reason of the refusal, unless the product is there all the same."""
        refusal = None if super().complete() else self.refusal()
        return "" if refusal is None else refusal.reason

    def remarked_title(self) -> str:
        """Return the title, with the refusal if there is one."""
        reason = self.refused()
        return f"{self.title}: refused: {reason}" if reason else self.title


class Tailcuts(_OfAllSubruns):
    """Cleaning settings of a run: thresholds that its night-sky background asks for."""

    def refusal(self) -> Refusal | None:
        """Return why the tailcuts cannot be found."""
        return tailcuts_refusal(self.layout, self.settings, self.run_id)

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
        is_refusable = self.settings.fallback.tailcuts != "none"
        return self.make_job(
            commands.find_tailcuts(
                self.settings.lstchain.tailcuts_finder, f"{SCRATCH}/in", number, f"{SCRATCH}/out"
            ),
            [Output(str(log), f"out/{log.name}"), Output(str(config), f"out/{config.name}")],
            staged={f"in/{file.name}": file for file in files},
            real=files,
            resource_class="tailcuts",
            refusal=layout.refusal(self.record_name) if is_refusable else None,
        )


class CatBCalibration(_OfAllSubruns):
    """Calibration of a run with its own interleaved events; made if the option asks for it."""

    def refusal(self) -> Refusal | None:
        """Return why it cannot be made."""
        return cat_b_refusal(self.layout, self.settings, self.run_id)

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the calibration."""
        return self.targets({"calibration": cat_b_place(self.layout, self.settings, self.run_id)})

    def job(self) -> Job:
        """Run the onsite script on a base that holds the chosen files only."""
        layout, night = self.layout, self.known_night()
        tools = self.calibrator("B")
        state = input_state_of(night, self.settings, self.run_id).value
        is_calibrated = state is InputState.CATA_CALIBRATED
        start = cat_b_start(night, self.settings, self.run_id, is_calibrated)
        if start.value is None:
            raise InputError(f"Run {self.run_id:05d}: {start.reason}.")
        filters = cat_b_filters(layout, self.settings)
        product = layout.cat_b_calibration(self.run_id, filters)
        log = layout.cat_b_log(self.run_id, filters)
        plot = layout.cat_b_plot(self.run_id, filters)
        made = f"{CAT_B}/calibration/{layout.flat_date}/{layout.cat_b}"
        staged, argv = self._command(tools.package, start.value)
        return self.make_job(
            argv,
            [
                Output(str(log), f"{made}/log/{log_pattern(tools.package, log)}", required=False),
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
            tools=tools,
            refusal=(
                layout.refusal(self.record_name) if self.settings.fallback.catB != "none" else None
            ),
            choices=[f"calibration to start from {start.value.calibration.name}: {start.reason}"],
        )

    def _command(self, package: str, start: CatBStart) -> tuple[dict[str, Path], tuple[str, ...]]:
        """Return the tree to work on and the command, in the words of a package."""
        layout, options, night = self.layout, self.settings.lstchain, self.known_night()
        subruns = night.summary.run(self.run_id).subruns
        files = [layout.interleaved(self.run_id, subrun) for subrun in subruns]
        base, r0_root = f"{SCRATCH}/{BASE}", str(layout.r0_root(self.run_id))
        filters = cat_b_filters(layout, self.settings)
        staged = {
            **(
                {}
                if start.is_of_event_builder
                else staged_cat_a(night, night.time_calibration, package)
            ),
            **_staged_start(start, layout, package),
        }
        if package == LSTCHAIN:
            staged.update({f"in/interleaved/{file.name}": file for file in files})
            explicit = (start.calibration, start.systematics) if start.is_of_event_builder else ()
            return staged, commands.catb_calibration(
                options.catB_calibration,
                self.run_id,
                base,
                r0_root,
                filters,
                start.calibration_run,
                f"{SCRATCH}/in",
                *(str(file) for file in explicit),
            )
        version = ".".join(self.tools.version.split(".")[:2])
        night_dir = f"in/{layout.flat_date}/v{version}/interleaved"
        staged.update({f"{night_dir}/{file.name}": file for file in files})
        return staged, commands.lstcam_catb_calibration(
            options.catB_calibration,
            self.run_id,
            base,
            r0_root,
            filters,
            start.calibration_run,
            _format(start.calibration),
            f"{SCRATCH}/in",
            version,
        )


def _staged_start(start: CatBStart, layout: Layout, package: str) -> dict[str, Path]:
    """Return where the onsite script of a package finds the Cat-A calibration to start from."""
    root, date = CAT_A[package], layout.flat_date
    if not start.is_of_event_builder:
        return {f"{root}/calibration/{start.date}/pro/{start.calibration.name}": start.calibration}
    if package == LSTCHAIN:  # is told the files
        return {}
    name = f"calibration_evb.Run{start.calibration_run:05d}.0000.{_format(start.calibration)}"
    return {
        f"{root}/calibration/{start.date}/pro/{name}": start.calibration,
        f"{root}/ffactor_systematics/{date}/pro/ffactor_systematics_{date}.h5": start.systematics,
    }


def _format(calibration: Path) -> str:
    """Return the format of a calibration file, as lstcam_calib calls it."""
    return "fits.gz" if calibration.name.endswith(".fits.gz") else calibration.suffix.lstrip(".")
