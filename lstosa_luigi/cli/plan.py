"""``lstosa plan``: show what would be made of a night, and why, without doing anything."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import dataclasses
import datetime
import enum
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.decisions_file import as_data
from lstosa_luigi.observation.reconstruction import Cleaning
from lstosa_luigi.planning import Item, Plan, RunRow, State, choice_as_data, make_plan
from lstosa_luigi.products.base import NightParameter

SCHEMA_VERSION = 1

COLUMNS = (State.THERE, State.MAKE, State.AGAIN, State.BLOCKED, State.LEFT)
MANY = 3
"""Products of a kind that are named one by one; more are counted."""

TO_MAKE = (State.MAKE, State.AGAIN)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument(
        "--commands", action="store_true", help="each product that would be made, by which command"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with all candidates")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print the plan; it is complete as far as is known."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
    plan = make_plan(root, options.commands)
    if options.json:
        print(json.dumps(as_json(plan, options.commands), indent=1))
    else:
        print("\n\n".join("\n".join(part) for part in _parts(plan, options.commands) if part))
    if plan.is_settled:
        return ExitCode.OK
    if plan.problems:
        return ExitCode.SCHEDULING_ERROR
    return ExitCode.MISSING_DATA if plan.missing else ExitCode.OK


# --- JSON ----------------------------------------------------------------------------------


def as_json(plan: Plan, with_commands: bool = False) -> dict[str, Any]:
    """Return a plan as JSON can hold it."""
    items = []
    for item in plan.items:
        data = {**dataclasses.asdict(item), "state": item.state.value}
        if not with_commands:
            del data["command"]
        items.append(data)
    return {
        "schema_version": SCHEMA_VERSION,
        "date": plan.date,
        "telescope": plan.telescope,
        "prod_id": plan.prod_id,
        "conclusion": plan.conclusion,
        "is_known": plan.is_known,
        "is_settled": plan.is_settled,
        "runs": [dataclasses.asdict(row) for row in plan.runs],
        "choices": [
            {"name": named.name, "run": named.run, **choice_as_data(named.choice)}
            for named in plan.choices
        ],
        "decisions": [as_data(decision) for decision in plan.decisions],
        "products": items,
        "missing": list(plan.missing),
        "problems": list(plan.problems),
        "notes": list(plan.notes),
    }


# --- the table -----------------------------------------------------------------------------


def _parts(plan: Plan, with_commands: bool) -> Iterator[list[str]]:
    """Yield the parts of the page, each a list of lines."""
    yield [plan.conclusion]
    runs = [
        (f"{row.run:05d}", _type(row), _subruns(row), row.source or "-", row.treatment)
        for row in plan.runs
    ]
    yield _table(("run", "type", "subruns", "source", "what becomes of it"), runs)
    choices = [
        (
            named.name if named.run is None else f"{named.name} of {named.run:05d}",
            _word(named.choice.value),
            named.choice.reason,
        )
        for named in plan.choices
    ]
    yield _table(("choice", "is", "because"), choices)
    decisions = [
        (str(d.number), d.what.value, d.unit, d.value or "-", f"{d.why} ({d.who}, {d.when})")
        for d in plan.decisions
    ]
    yield _table(("decision", "what", "of", "value", "because"), decisions)
    families: dict[str, list[Item]] = {}
    for item in plan.items:
        families.setdefault(item.product, []).append(item)
    counts = [
        (name, *(str(sum(i.state is state for i in items) or "") for state in COLUMNS))
        for name, items in families.items()
    ]
    yield _table(("product", "there", "to make", "again", "blocked", "left"), counts)
    wanted = [item for item in plan.items if item.state in TO_MAKE]
    if with_commands:
        yield [f"{item.title}: {shlex.join(item.command) or item.reason}" for item in wanted]
    else:
        yield [*_again([item for item in wanted if item.state is State.AGAIN])]
    yield [
        *(f"MISSING  {text}" for text in plan.missing),
        *(f"NOT PLANNED  {text}." for text in plan.problems),
        *(f"{note[0].upper()}{note[1:]}." for note in plan.notes),
    ]
    count = len(wanted)
    yield [f"{count} {'product' if count == 1 else 'products'} would be made, as far as is known."]


def _again(items: list[Item]) -> Iterator[str]:
    """Say why products are made again: those with the same reason together."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in items:
        if not item.follows:
            reasons.setdefault((item.product, item.reason), []).append(item.title)
    for (product, reason), titles in reasons.items():
        what = ", ".join(titles) if len(titles) <= MANY else f"{len(titles)} {product}"
        yield f"again  {what}: {reason}"
    follow = sum(item.follows for item in items)
    if follow:
        yield f"again  {follow} more, made of what is made again"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return [
        "  ".join(f"{word:{width}}" for word, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]


def _type(row: RunRow) -> str:
    return row.type if row.type == row.observed_type else f"{row.type} (was {row.observed_type})"


def _subruns(row: RunRow) -> str:
    taken = row.n_subruns
    return f"{taken - len(row.discarded)} of {taken}" if row.discarded else str(taken)


def _word(value: Any) -> str:
    """Return a value as it fits into a table."""
    if value is None:
        return "-"
    if isinstance(value, Cleaning):
        return value.dl1_prod
    if isinstance(value, enum.Enum):
        return str(value.value)
    return value.name if isinstance(value, Path) else str(value)
