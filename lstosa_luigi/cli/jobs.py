"""``lstosa jobs``: list the jobs of a night, live and past, with what they cost."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from lstosa_luigi.cli.night import add_night, places_of, reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.slurm.client import Away, Slurm
from lstosa_luigi.execution.slurm.parse import QueueRow
from lstosa_luigi.execution.slurm.report import Execution, executions

HEAD = ("product", "job", "state", "exit", "elapsed", "memory", "of asked", "CPU", "where", "when")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_night(parser)
    parser.add_argument("--failed", action="store_true", help="only attempts that failed, with why")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print a line for each attempt to make a product."""
    reject(rest)
    queue = _queue()
    found: list[tuple[str, Execution]] = []
    for places in places_of(options):
        for execution in executions(places.arrays, places.records, queue):
            if not options.failed or execution.text:
                found.append((places.prod_id, execution))
    if options.json:
        rows = [{"prod_id": prod_id, **dataclasses.asdict(e)} for prod_id, e in found]
        print(json.dumps(rows, indent=1))
    elif not found:
        print(f"No jobs of {options.date} are known.")
    else:
        _print_table([execution for _, execution in found], options.failed)
    return ExitCode.OK


def _queue() -> list[QueueRow]:
    try:
        return Slurm().queue()
    except Away as away:
        print(f"Live jobs are not shown: {away}", file=sys.stderr)
        return []


def _print_table(found: list[Execution], with_texts: bool) -> None:
    rows = [HEAD, *(_row(execution) for execution in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row, execution in zip(rows, [None, *found], strict=True):
        words = [f"{word:{width}}" for word, width in zip(row, widths, strict=True)]
        print("  ".join(words).rstrip())
        if with_texts and execution is not None:
            print(f"    {execution.text}")


def _row(execution: Execution) -> tuple[str, ...]:
    share = execution.memory_mb / execution.mem_mb if execution.mem_mb else 0.0
    return (
        execution.title,
        execution.job_id or "here",
        execution.state,
        execution.exit,
        f"{execution.seconds:.1f} s" if execution.seconds else "",
        f"{execution.memory_mb:.0f} MB" if execution.memory_mb else "",
        f"{share:.0%}" if share else "",
        f"{execution.cpu:.0%}" if execution.cpu else "",
        execution.host,
        execution.when,
    )
