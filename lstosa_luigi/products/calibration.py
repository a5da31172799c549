"""Calibration of the camera for a night: DRS4 baseline and charge (Cat-A)."""

from __future__ import annotations

__all__ = [
    "CAT_A",
    "ChargeCalibration",
    "Drs4Pedestal",
    "Systematics",
    "TimeCalibration",
    "log_pattern",
    "staged_cat_a",
    "told",
]

import abc
from pathlib import Path
from typing import Any, ClassVar

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.environment import LSTCAM_CALIB, LSTCHAIN
from lstosa_luigi.execution.record import read_record
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.filters import charge_calibration_of, filters_of
from lstosa_luigi.observation.night import Night
from lstosa_luigi.observation.runs import DatedRun
from lstosa_luigi.products.base import External, NightParameter, NightProduct, RunTask
from lstosa_luigi.products.filters import FilterWheels
from lstosa_luigi.products.raw import RunSummary

BASE = "base"
"""Below the scratch directory: the tree that the onsite scripts take for their base."""

CAT_A = {
    LSTCHAIN: f"{BASE}/monitoring/PixelCalibration/Cat-A",
    LSTCAM_CALIB: f"{BASE}/service/PixelCalibration/Cat-A",
}
"""Where the onsite scripts of a package read and write (lstchain.onsite, lstcam_calib.onsite)."""

FILTERS = "--filters="
"""How a command line says which filter wheels to analyse for (lstosa_luigi.commands)."""

MONITORING = ("calibration", "flatfield", "pedestal")
"""Tables of a charge calibration (lstchain.tools.lstchain_create_calibration_file)."""


def told(*choices: tuple[str, Choice[Any]]) -> list[str]:
    """Return which runs and files were chosen and why; nothing of what could not be."""
    words = [
        (name, c.value.name if isinstance(c.value, Path) else f"{c.value.number:05d}", c.reason)
        for name, c in choices
        if c.value is not None
    ]
    return [f"{name} {value}: {reason}" for name, value, reason in words]


def log_pattern(package: str, log: Path) -> str:
    """Return what the onsite script calls its log: lstcam_calib puts the time into the name."""
    return log.name if package == LSTCHAIN else f"{log.stem}_????-??-??T??:??:??{log.suffix}"


def staged_cat_a(
    night: Night, time_calibration: Choice[Path], package: str = LSTCHAIN
) -> dict[str, Path]:
    """Return the tree in which the onsite scripts find what was chosen, and nothing else."""
    layout, root = night.layout, CAT_A[package]
    staged = {
        f"{BASE}/monitoring/RunSummary/{layout.run_summary().name}": layout.run_summary(),
    }
    time, systematics = time_calibration.value, night.systematics.value
    if time is not None:
        staged[f"{root}/drs4_time_sampling_from_FF/{time.parents[1].name}/pro/{time.name}"] = time
    if systematics is not None:
        date = systematics.parents[1].name
        staged[f"{root}/ffactor_systematics/{date}/pro/{systematics.name}"] = systematics
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


class TimeCalibration(RunTask, _FromTimeToTime):
    """Time calibration of the DRS4 chips, for a PEDCALIB run."""

    folder = "drs4_time_sampling_from_FF"
    words = "time calibration"

    def choice(self, night: Night) -> Choice[Path]:
        """Return the one not after the PEDCALIB run."""
        return night.time_calibration_of(self.run_id)


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
        return self.targets({"baseline": self.layout.find_drs4_baseline(self.run_id)})

    def job(self) -> Job:
        """Run the onsite script on a base of its own."""
        layout, tools = self.layout, self.calibrator("A")
        baseline, plot = layout.drs4_baseline(self.run_id), layout.drs4_plot(self.run_id)
        made = f"{CAT_A[tools.package]}/drs4_baseline/{layout.flat_date}/{layout.cat_a}"
        command = (
            commands.drs4_baseline if tools.package == LSTCHAIN else commands.lstcam_drs4_baseline
        )
        return self.make_job(
            command(
                self.settings.lstchain.drs4_baseline,
                self.run_id,
                f"{SCRATCH}/{BASE}",
                str(layout.r0_root(self.run_id)),
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
            tools=tools,
            choices=self._choices(),
        )

    def _choices(self) -> list[str]:
        """Return why this run, if it is the one of its night."""
        chosen = None if self.night is None else self.night.drs4_run
        if chosen is None or chosen.value != DatedRun(self.date, self.run_id):
            return []
        return told(("DRS4 run", chosen))


class ChargeCalibration(RunTask, NightProduct):
    """Conversion of charge to photo-electrons, of a PEDCALIB run (Cat-A)."""

    drs4_run = luigi.IntParameter(description="DRS4 run that the baseline is of")
    drs4_date = NightParameter(description="night of that run; default: the date")

    @classmethod
    def get_param_values(cls, params: Any, args: Any, kwargs: Any) -> list[tuple[str, Any]]:
        """Fill in the night of the DRS4 run, so that it stands in the identity of the task."""
        if "date" in kwargs:
            kwargs = {"drs4_date": kwargs["date"], **kwargs}
        return super().get_param_values(params, args, kwargs)

    def requires(self) -> Any:
        """Need the baseline, the time calibration and the systematics; the filters if known."""
        asks = self.settings.database.caco_db and not self._calibration().exists()
        return {
            "summary": self.sibling(RunSummary),
            "filters": self.sibling(FilterWheels, run_id=self.run_id) if asks else [],
            "baseline": self.of_night(self.drs4_date, Drs4Pedestal, run_id=self.drs4_run),
            "time": self.sibling(TimeCalibration, run_id=self.run_id),
            "systematics": self.sibling(Systematics),
        }

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the calibration and its check plots; of another version, the calibration only."""
        calibration = self._calibration()
        outputs = {"calibration": calibration}
        plot = self.layout.charge_calibration_plot(self.run_id, self.settings.lstchain.filters)
        if calibration.parent == plot.parents[1]:
            outputs["plot"] = plot.with_name(f"{calibration.stem}.pdf")
        return self.targets(outputs)

    def filters(self) -> Choice[str]:
        """Return the filter wheels to analyse the run for."""
        last = read_record(self.record)
        has_failed = last is not None and last.state == "failed" and last.exit_code is not None
        given = [w for w in last.argv if w.startswith(FILTERS)] if last and has_failed else []
        failed_with = given[-1].removeprefix(FILTERS) if given else ""
        return filters_of(self.layout, self.settings, self._run(), failed_with)

    def _run(self) -> DatedRun:
        return DatedRun(self.date, self.run_id)

    def _calibration(self) -> Path:
        return charge_calibration_of(self.layout, self.settings, self._run())

    def job(self) -> Job:
        """Run the onsite script on a base that holds the chosen files only."""
        layout, options, chosen = self.layout, self.settings.lstchain, self.filters()
        filters = chosen.value
        assert filters is not None
        night, tools = self.known_night(), self.calibrator("A")
        package = tools.package
        calibration = layout.charge_calibration(self.run_id, filters)
        plot = layout.charge_calibration_plot(self.run_id, filters)
        log = layout.charge_calibration_log(self.run_id, filters)
        made = f"{CAT_A[package]}/calibration/{layout.flat_date}/{layout.cat_a}"
        of_drs4 = layout.of(self.drs4_date)
        baseline = of_drs4.find_drs4_baseline(self.drs4_run)
        staged = staged_cat_a(night, night.time_calibration_of(self.run_id), package)
        staged[f"{CAT_A[package]}/drs4_baseline/{of_drs4.flat_date}/pro/{baseline.name}"] = baseline
        command = (
            commands.charge_calibration
            if package == LSTCHAIN
            else commands.lstcam_charge_calibration
        )
        return self.make_job(
            command(
                options.charge_calibration,
                self.drs4_run,
                self.run_id,
                f"{SCRATCH}/{BASE}",
                str(layout.r0_root(self.run_id)),
                filters,
                options.use_ff_heuristic_id,
            ),
            [
                Output(str(log), f"{made}/log/{log_pattern(package, log)}", required=False),
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
            tools=tools,
            choices=[f"filters {filters}: {chosen.reason}", *self._choices(night)],
        )

    def _choices(self, night: Night) -> list[str]:
        """Return why this run, its baseline and what does not come of the night."""
        runs = (
            ("PEDCALIB run", night.pedcalib_run, DatedRun(self.date, self.run_id)),
            ("DRS4 run", night.drs4_run, DatedRun(self.drs4_date, self.drs4_run)),
        )
        return told(
            *((name, choice) for name, choice, run in runs if choice.value == run),
            ("time calibration", night.time_calibration_of(self.run_id)),
            ("F-factor systematics", night.systematics),
        )
