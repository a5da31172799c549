"""Checks of the data for people: by subrun, by run, and of the whole night."""

from __future__ import annotations

__all__ = ["CherenkovTransparency", "DL1Check", "LongtermDatacheck", "RunDatacheck"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi

from lstosa_luigi import commands
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.products.base import FIRST, NightProduct
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.products.dl1b import DL1B, CleanedRun, CleanedSubrun
from lstosa_luigi.products.raw import each_subrun

COSMICS = "/dl1datacheck/cosmics"
"""Table of a datacheck file (lstchain.datachecks.dl1_checker)."""


class DL1Check(CleanedSubrun):
    """Datacheck of a subrun."""

    follows = DL1B
    priority = FIRST + 1

    def requires(self) -> Iterator[Any]:
        """Need DL1b, and the muon rings, which are there since DL1a."""
        yield self.clone(DL1B)
        yield self.sibling(DL1A, run_id=self.run_id, subrun=self.subrun)

    def output(self) -> luigi.LocalTarget:
        """Return the datacheck."""
        path = self.layout.datacheck(self.run_id, self.number, str(self.dl1_prod))
        return luigi.LocalTarget(str(path))

    def job(self) -> Job:
        """Check one subrun, without plots."""
        layout = self.layout
        dl1b = layout.dl1b(self.run_id, self.number, str(self.dl1_prod))
        check = layout.datacheck(self.run_id, self.number, str(self.dl1_prod))
        return self.make_job(
            commands.check_dl1(
                self.settings.lstchain.check_dl1, str(dl1b), SCRATCH, str(layout.muons_dir())
            ),
            [Output(str(check), check.name, tables=(COSMICS,))],
            inputs=[dl1b, layout.muons(self.run_id, self.number)],
            links={layout.common_datacheck_dir() / check.name: check},
        )


class RunDatacheck(CleanedRun):
    """Datacheck of a run, with its pages of plots."""

    priority = FIRST

    def requires(self) -> Iterator[Any]:
        """Need the datachecks of all subruns, and their muon rings."""
        yield from self.of_subruns(DL1Check)
        yield from each_subrun(self, DL1A)

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the table and the plots."""
        dl1_prod = str(self.dl1_prod)
        return self.targets(
            {
                "plot": self.layout.datacheck_plot(self.run_id, dl1_prod),
                "table": self.layout.datacheck(self.run_id, None, dl1_prod),
            }
        )

    def job(self) -> Job:
        """Merge and plot; lstchain writes the table beside its inputs, so these are staged."""
        layout, dl1_prod = self.layout, str(self.dl1_prod)
        subruns = self.known_night().summary.run(self.run_id).subruns
        parts = [layout.datacheck(self.run_id, subrun, dl1_prod) for subrun in subruns]
        table = layout.datacheck(self.run_id, None, dl1_prod)
        plot = layout.datacheck_plot(self.run_id, dl1_prod)
        # of a single subrun lstchain plots under the subrun's name and merges nothing
        single = len(parts) == 1
        pattern = parts[0].name if single else f"{table.stem}.????.h5"
        return self.make_job(
            commands.check_dl1_run(
                self.settings.lstchain.check_dl1,
                f"{SCRATCH}/in/{pattern}",
                SCRATCH,
                str(layout.muons_dir()),
            ),
            [
                Output(str(plot), parts[0].with_suffix(".pdf").name if single else plot.name),
                Output(
                    str(table),
                    f"copy/{table.name}" if single else f"in/{table.name}",
                    tables=(COSMICS,),
                ),
            ],
            inputs=[layout.muons(self.run_id, subrun) for subrun in subruns],
            staged={f"in/{part.name}": part for part in parts},
            copied={f"copy/{table.name}": parts[0]} if single else None,
            links={layout.common_datacheck_dir() / file.name: file for file in (table, plot)},
            resource_class="datacheck",
        )


class _OfNight(NightProduct):
    """A datacheck of the whole night."""

    runs = luigi.DictParameter(description="run number to directory of DL1b")

    def requires(self) -> Iterator[Any]:
        """Need the datachecks of all runs."""
        for run, dl1_prod in sorted(self.runs.items()):
            yield self.sibling(RunDatacheck, run_id=int(run), dl1_prod=dl1_prod)

    def tables(self) -> list[Path]:
        """Return the run-wise datachecks."""
        return [
            self.layout.datacheck(int(run), None, dl1_prod)
            for run, dl1_prod in sorted(self.runs.items())
        ]

    def staged(self) -> dict[str, Path]:
        """Return the directory in which lstchain finds exactly the runs of this production."""
        return {f"in/{table.name}": table for table in self.tables()}


class LongtermDatacheck(_OfNight):
    """Datachecks of all runs together, with an interactive page."""

    priority = FIRST + 2

    def output(self) -> dict[str, luigi.LocalTarget]:
        """Return the page, the log, and the table that the transparency is still to be added to."""
        return self.targets(
            {
                "table": self.layout.longterm_draft(),
                "page": self.layout.longterm(".html"),
                "log": self.layout.longterm(".log"),
            }
        )

    def job(self) -> Job:
        """Put the runs together."""
        layout = self.layout
        draft = layout.longterm_draft()
        return self.make_job(
            commands.longterm_check(
                self.settings.lstchain.longterm_check,
                f"{SCRATCH}/in",
                f"{SCRATCH}/{draft.name}",
                str(layout.muons_dir()),
            ),
            [
                Output(str(layout.longterm(suffix)), draft.with_suffix(suffix).name)
                for suffix in (".log", ".html")
            ]
            + [Output(str(draft), draft.name, tables=("/cosmics/table", "/runsummary/table"))],
            staged=self.staged(),
            resource_class="datacheck",
        )


class CherenkovTransparency(_OfNight):
    """The night-wise datacheck, complete with the intensity spectrum of the cosmic rays."""

    priority = FIRST + 2

    def requires(self) -> Iterator[Any]:
        """Need the table to add to, and the datachecks that it was made of."""
        yield self.clone(LongtermDatacheck)
        yield from super().requires()

    def output(self) -> luigi.LocalTarget:
        """Return the complete table."""
        return luigi.LocalTarget(str(self.layout.longterm()))

    def job(self) -> Job:
        """Add to a copy: lstchain changes the table in place."""
        layout = self.layout
        final = layout.longterm()
        return self.make_job(
            commands.cherenkov_transparency(
                self.settings.lstchain.cherenkov_transparency,
                f"{SCRATCH}/{final.name}",
                f"{SCRATCH}/in",
            ),
            [Output(str(final), final.name, tables=("/cosmics_intensity_spectrum/table",))],
            staged=self.staged(),
            copied={final.name: layout.longterm_draft()},
            resource_class="datacheck",
        )
