"""Raw data before DL1a: how each run was recorded, gain selection (R0G), and copies of the rest."""

from __future__ import annotations

__all__ = ["GainSelection", "RawCopy", "RawRun", "RunInputState", "missing_streams"]

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import luigi

from lstosa_luigi import commands
from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.execution.task import BatchParameter
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.gain_selection import (
    COPIED,
    LST_DVR,
    choose_heuristic,
    choose_tool,
    choose_treatment,
)
from lstosa_luigi.observation.input_state import first_events_files
from lstosa_luigi.observation.raw_files import find_streams
from lstosa_luigi.periods import parse_rules
from lstosa_luigi.products.base import External, NightProduct, RunTask, SubrunTask
from lstosa_luigi.products.raw import RunSummary


class RawRun(RunTask, External):
    """Raw data of a run, as they were taken or gain-selected."""

    def complete(self) -> bool:
        """Whether there is any file of the run."""
        roots = self.layout.raw_roots()
        return any(find_streams(self.layout, root).get(self.run_id) for root in roots)

    def hint(self) -> str:
        """Say where the files are looked for."""
        places = " or ".join(str(root / self.layout.flat_date) for root in self.layout.raw_roots())
        pattern = f"{self.layout.prefix}.?.{self.unit}.*.fits.fz"
        return (
            f"No raw data of run {self.run_id:05d}: no {pattern} in {places}. Copy them "
            f"there, or leave the run out: lstosa decide --date {self.date} "
            f"--discard {self.run_id} --why ..."
        )


class RunInputState(NightProduct):
    """What the first events of a run hold: both gains, one, or one that is calibrated."""

    run_id = BatchParameter(description="run number")
    batch_key: ClassVar[str | None] = "run_id"
    is_passing = True

    @property
    def number(self) -> int:
        """The run as a number."""
        return int(str(self.run_id))

    @property
    def unit(self) -> str:
        """The run as it stands in file names."""
        return f"Run{self.number:05d}"

    @property
    def job_unit(self) -> str:
        """The night: its runs form an array."""
        return self.layout.flat_date

    @property
    def job_number(self) -> int | None:
        """The run as a number."""
        return self.number

    def requires(self) -> Any:
        """Need any raw file of the run."""
        return self.sibling(RawRun, run_id=self.number)

    def output(self) -> luigi.LocalTarget:
        """Return the file that tells."""
        return luigi.LocalTarget(str(self.layout.input_state(self.number)))

    def job(self) -> Job:
        """Look at one file; at another only if nothing can be said about that one."""
        product = self.layout.input_state(self.number)
        files = first_events_files(self.layout, self.number)
        if not files:
            raise InputError(self.sibling(RawRun, run_id=self.number).hint())
        argv = commands.first_events(map(str, files), f"{SCRATCH}/{product.name}")
        # files are not checked to their ends: only the beginning of one is read
        return self.make_job(
            argv, [Output(str(product), product.name)], resource_class="gain_selection"
        )


class GainSelection(SubrunTask, NightProduct):
    """Raw data of a subrun with one gain of each shower (R0G)."""

    is_passing = True
    is_alike = False

    def requires(self) -> Any:
        """Need the raw data of the run, and the run summary."""
        if self.night is None:
            return self.sibling(RunSummary)
        return self.sibling(RawRun, run_id=self.run_id)

    def _streams(self, root: Path) -> tuple[Path, ...]:
        """Return the streams of the subrun that are there."""
        streams = self.layout.r0_streams(self.run_id, self.number, root)
        return tuple(path for path in streams if path.exists())

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return as many streams as were taken; once R0 is removed, as there are."""
        raw, selected = self.layout.raw_roots()
        there = self._streams(raw) or self._streams(selected)
        names = {path.name for path in there}
        streams = self.layout.r0_streams(self.run_id, self.number, selected)
        wanted = [path for path in streams if path.name in names] or streams
        return self.targets({path.name: path for path in wanted})

    def tool(self) -> Choice[str]:
        """Return the program that selects."""
        return choose_tool(self.settings.lstchain.gain_selection_tool, self.date)

    def treatment(self) -> Choice[str]:
        """Return whether a whole subrun is selected or copied, and by which program."""
        tool, layout = self.tool(), self.layout
        reference = self.known_night().summary.run(self.run_id).reference
        chosen = choose_treatment(
            str(tool.value), range(layout.n_streams), layout.n_streams, reference
        )
        return chosen if chosen.value == COPIED else tool

    def heuristic(self) -> Choice[bool]:
        """Return whether flat-field events are also found by their charge."""
        options = self.settings.lstchain
        rules = parse_rules(options.ff_heuristic_gain_selection)
        default = options.use_ff_heuristic_gain_selection
        return choose_heuristic(rules, default, self.date, self.run_id)

    def job(self) -> Job:
        """Select, or copy what cannot be selected."""
        layout, options = self.layout, self.settings.lstchain
        run = self.known_night().summary.run(self.run_id)
        raw, _ = layout.raw_roots()
        streams, tool = self._streams(raw), self.tool().value
        if not streams:
            raise InputError(
                missing_streams(self, layout.r0_streams(self.run_id, self.number, raw))
            )
        assert tool is not None
        if choose_treatment(tool, streams, layout.n_streams, run.reference).value == COPIED:
            return _copy(self, streams)
        # who sees stream 1 shall see all of them
        outputs = [Output(target.path, name) for name, target in self.output().items()][::-1]
        log = layout.gain_selection_log(self.run_id, self.number)
        if tool == LST_DVR:
            assert run.reference is not None
            argv = commands.lst_dvr(
                options.lst_dvr,
                str(streams[0]),
                SCRATCH,
                run.reference.time,
                run.reference.counter,
                run.reference.module_index,
                run.reference.source,
            )
        else:
            argv = commands.r0_to_r0g(
                options.r0_to_r0g,
                str(streams[0]),
                SCRATCH,
                f"{SCRATCH}/{log.name}",
                bool(self.heuristic().value),
            )
            outputs.insert(0, Output(str(log), log.name, required=False))
        job = self.make_job(argv, outputs, inputs=streams, resource_class="gain_selection")
        return job._replace(scratch=str(layout.r0g_scratch()))


class RawCopy(RunTask, NightProduct):
    """Raw data of a run that is not gain-selected, beside those that are: R0G holds all runs."""

    is_passing = True

    def _files(self, root: Path) -> list[Path]:
        """Return the files of the run that are there."""
        found = find_streams(self.layout, root).get(self.run_id, {})
        return [
            self.layout.r0_file(self.run_id, subrun, stream, root)
            for subrun in sorted(found)
            for stream in sorted(found[subrun])
        ]

    def requires(self) -> Any:
        """Need the raw data of the run."""
        return self.sibling(RawRun, run_id=self.run_id)

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return all files of the run; once R0 is removed, those that are there."""
        raw, selected = self.layout.raw_roots()
        names = [path.name for path in self._files(raw) or self._files(selected)]
        names = names or [self.layout.r0_file(self.run_id, 0).name]
        return self.targets({name: self.layout.r0g_night() / name for name in names})

    def job(self) -> Job:
        """Link or copy."""
        return _copy(self, self._files(self.layout.directories.raw_r0_dir))


def _copy(task: NightProduct, files: Iterable[Path]) -> Job:
    """Return the job that gives raw files a place in R0G, as they are: also damaged ones."""
    layout, names = task.layout, [path.name for path in files]
    raw = layout.directories.raw_r0_dir / layout.flat_date
    job = task.make_job(
        commands.link_or_copy(str(raw), names, SCRATCH),
        [Output(str(layout.r0g_night() / name), name, is_copy=True) for name in reversed(names)],
        resource_class="gain_selection",
    )
    return job._replace(scratch=str(layout.r0g_scratch()))


def missing_streams(task: SubrunTask, streams: Iterable[Path]) -> str:
    """Say which raw files of a subrun are not there, and what can be done; nothing if all are."""
    missing = [str(path) for path in streams if not path.exists()]
    if not missing:
        return ""
    are = "is" if len(missing) == 1 else "are"
    return (
        f"{task.unit} lacks {len(missing)} of its {task.layout.n_streams} streams: "
        f"{', '.join(missing)} {are} not there. Copy the subrun again, or leave it out: lstosa "
        f"decide --date {task.date} --discard {task.run_id}.{task.number} --why ..."
    )
