"""The status of a night as JSON: what ``schema.json`` beside this file describes."""

from __future__ import annotations

__all__ = ["SCHEMA", "SCHEMA_VERSION", "as_data"]

from pathlib import Path
from typing import Any

from lstosa_luigi.observation.decisions_file import as_data as decision_as_data
from lstosa_luigi.planning import choice_as_data
from lstosa_luigi.status.model import NightStatus, Product, Progress, RunStatus, State

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("schema.json")
"""JSON Schema of what :func:`as_data` returns."""


def as_data(status: NightStatus) -> dict[str, Any]:
    """Return the status as JSON can hold it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "date": status.date,
        "telescope": status.telescope,
        "prod_id": status.prod_id,
        "asked": status.asked,
        "standing": status.standing.name.lower(),
        "exit_code": int(status.standing),
        "conclusion": status.conclusion,
        "is_known": status.is_known,
        "is_closed": status.is_closed,
        "is_accepted": status.is_accepted,
        "closes_from": status.closes_from,
        "drs4_run": status.drs4_run,
        "pedcalib_run": status.pedcalib_run,
        "runs": [_run(run) for run in status.runs],
        "progress": [_progress(part) for part in status.progress],
        "products": [_product(product) for product in status.products],
        "choices": [
            {"name": named.name, "run": named.run, **choice_as_data(named.choice)}
            for named in status.choices
        ],
        "decisions": [decision_as_data(decision) for decision in status.decisions],
        "missing": [vars(thing) for thing in status.missing],
        "problems": list(status.problems),
        "notes": list(status.notes),
        "fallbacks": list(status.fallbacks),
        "unknown_runs": list(status.unknown_runs),
        "at_work": [vars(work) for work in status.at_work],
        "next_steps": list(status.next_steps),
    }


def _run(run: RunStatus) -> dict[str, Any]:
    return {
        **vars(run),
        "state": run.state.value,
        "subruns": [{"number": s.number, "state": s.state.value} for s in run.subruns],
        "progress": [_progress(part) for part in run.progress],
    }


def _progress(part: Progress) -> dict[str, Any]:
    states = {state.value: part.states.get(state, 0) for state in State if state in part.states}
    return {**vars(part), "done": part.done, "states": states}


def _product(product: Product) -> dict[str, Any]:
    return {**vars(product), "state": product.state.value, "files": list(product.files)}
