"""Makes a run catalogue: asks the telescope-control database, else looks into the Target log.

A run whose source is not known for sure is left out; why is printed, and kept in the table.
"""

from __future__ import annotations

__all__ = ["Night", "main"]

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstosa_luigi.observation.catalog import Source
    from lstosa_luigi.observation.choice import Choice
    from lstosa_luigi.observation.targets import RunTime, Track


class Night:
    """What is there to tell the sources of a night.

    Parameters
    ----------
    run_summary : Path
        Says when runs were taken.
    target_log : Path or None
        Says what was tracked; None if it is not there.
    client : pymongo.MongoClient or None
        Of the telescope-control database; None if there is none to ask.
    server : str
        Its name; empty if none is configured.
    trouble : str
        Why it cannot be asked.
    """

    def __init__(
        self,
        run_summary: Path,
        target_log: Path | None = None,
        client: Any = None,
        server: str = "",
        trouble: str = "",
    ) -> None:
        from lstosa_luigi.errors import InputError
        from lstosa_luigi.observation.targets import read_run_times, read_target_log

        self.client, self.server, self.trouble = client, server, trouble
        self.times = read_run_times(run_summary)
        self.log_name = ""
        self.tracks: tuple[Track, ...] = ()
        self.log_trouble = "there is no Target log"
        if target_log is not None:
            self.log_name, self.log_trouble = target_log.name, ""
            try:
                self.tracks = read_target_log(target_log)
            except (InputError, OSError, ValueError) as error:
                self.log_trouble = str(error)

    def source_of(self, run: int) -> Choice[Source]:
        """Return the source of a run with the reason: from the database, else from the log."""
        from lstosa_luigi.observation.choice import Choice

        asked, time = self._ask(run)
        if asked.value is not None:
            return asked
        tracked = self._look_up(time or self.times.get(run))
        reasons = [reason for reason in (asked.reason, tracked.reason) if reason]
        return Choice(tracked.value, "; ".join(reasons), tracked.candidates)

    def _ask(self, run: int) -> tuple[Choice[Source], RunTime | None]:
        from lstosa_luigi.databases.server import Unavailable, answers
        from lstosa_luigi.databases.telescope import run_time, source_of
        from lstosa_luigi.observation.choice import Choice

        if not self.server:
            return Choice(None, "no telescope-control database is configured"), None
        name, time = f"telescope-control database {self.server}", None
        if not self.trouble:
            try:
                with answers(self.server):
                    time = run_time(self.client, run)
                    found = source_of(self.client, time)
                return Choice(found.value, f"{name}: {found.reason}", found.candidates), time
            except Unavailable as error:  # not asked again: each run would wait
                self.trouble = str(error)
        return Choice(None, f"telescope-control database {self.trouble}"), time

    def _look_up(self, time: RunTime | None) -> Choice[Source]:
        from lstosa_luigi.observation.choice import Choice
        from lstosa_luigi.observation.targets import choose_target

        if self.log_trouble:
            return Choice(None, self.log_trouble)
        if time is None:
            return Choice(None, f"{self.log_name}: when the run was taken is not known")
        found = choose_target(self.tracks, time)
        return Choice(found.value, f"{self.log_name}: {found.reason}", found.candidates)


def main(arguments: Sequence[str]) -> int:
    """Write the catalogue; exit code 1, and no catalogue, if the source of no run is known."""
    from lstosa_luigi.databases.server import Unavailable, connect
    from lstosa_luigi.observation.catalog import dump_run_catalog

    options = _parse(arguments)
    client, trouble = None, ""
    if options.tcu_db:
        try:
            client = connect(options.tcu_db, options.timeout)
        except Unavailable as error:
            trouble = str(error)
    night = Night(options.run_summary, options.target_log, client, options.tcu_db, trouble)
    sources, left_out = {}, {}
    for run in options.runs:
        choice = night.source_of(run)
        if choice.value is None:
            left_out[run] = choice.reason
            print(f"Run {run:05d}: left out: {choice.reason}")
        else:
            sources[run] = choice.value
            source = choice.value
            place = f"{source.ra_deg:g}, {source.dec_deg:g}"
            print(f"Run {run:05d}: {source.name} ({place}): {choice.reason}")
    if not sources:
        first = "; ".join(dict.fromkeys(left_out.values()))
        print(f"SourceError: the source of no run is known: {first}", file=sys.stderr)
        return 1
    made_of = [f"telescope-control database {options.tcu_db}"] if options.tcu_db else []
    made_of += [options.target_log.name] if options.target_log is not None else []
    text = dump_run_catalog(sources, left_out, ", ".join(made_of))
    options.output.write_text(text, encoding="utf-8")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run_catalog", description=__doc__)
    parser.add_argument("--run-summary", type=Path, required=True)
    parser.add_argument("--runs", type=lambda text: [int(n) for n in text.split(",")], default=[])
    parser.add_argument("--target-log", type=Path)
    parser.add_argument("--tcu-db", default="")
    parser.add_argument("--timeout", type=float, default=3)
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(arguments)
