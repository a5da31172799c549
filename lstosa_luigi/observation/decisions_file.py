"""The file of the operators' decisions about a night: YAML that is easy to read and to compare."""

from __future__ import annotations

__all__ = ["as_data", "dump_decisions", "parse_decisions"]

import dataclasses
import datetime
from typing import Any

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.decisions import Decision, Decisions, Undone, What

SCHEMA_VERSION = 1


def dump_decisions(decisions: Decisions, night: str) -> str:
    """Return the decisions as they stand in the file: a block each, in the order of numbers."""
    import yaml

    head = (
        f"# Operators' decisions about the night of {night} (times are UTC).\n"
        f"# Listed, made and undone with: lstosa decide --date {night}\n"
    )
    data = {"schema_version": SCHEMA_VERSION, "decisions": [as_data(d) for d in decisions.all]}
    return head + str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))


def as_data(decision: Decision) -> dict[str, Any]:
    """Return a decision as YAML and JSON have it: without what does not apply."""
    data = {**dataclasses.asdict(decision), "what": decision.what.value}
    keys = ("number", "night", "what", "run", "subrun", "value", "why", "who", "when", "undone")
    applies = {key: data[key] is not None for key in keys}
    applies |= {"value": bool(decision.value), "night": bool(decision.night)}
    return {key: data[key] for key in keys if applies[key]}


def parse_decisions(text: str, name: str) -> Decisions:
    """Read decisions.

    Parameters
    ----------
    text : str
        YAML as :func:`dump_decisions` writes it.
    name : str
        The file, for the message.

    Raises
    ------
    InputError
        If the text is not such a file.
    """
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = "" if where is None else f" in line {where.line + 1}"
        raise InputError(
            f"{name}: cannot be read as operators' decisions (no YAML{line}). Correct the file."
        ) from error
    if not isinstance(data, dict) or not isinstance(data.get("decisions"), list):
        raise InputError(f"{name}: no list 'decisions' in it. Correct the file.")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(f"{name}: schema_version is {version}; only {SCHEMA_VERSION} is known.")
    found = [_parse(entry, position, name) for position, entry in enumerate(data["decisions"], 1)]
    numbers = [decision.number for decision in found]
    if numbers != sorted(set(numbers)):
        raise InputError(f"{name}: the decisions are not numbered in ascending order. Correct it.")
    return Decisions(tuple(found))


def _parse(entry: Any, position: int, name: str) -> Decision:
    try:
        given = dict(entry)
        undone = given.pop("undone", None)
        return Decision(
            number=_number(given.pop("number")),
            what=What(given.pop("what")),
            who=str(given.pop("who")),
            when=_time(given.pop("when")),
            why=str(given.pop("why")),
            run=_number_or_none(given.pop("run", None)),
            subrun=_number_or_none(given.pop("subrun", None)),
            value=str(given.pop("value", "")),
            undone=None if undone is None else _parse_undone(undone),
            night="",
            **given,
        )
    except KeyError as error:
        raise InputError(
            f"{name}: entry {position} has no {error.args[0]}. Correct the file."
        ) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: entry {position} is no decision ({error}).") from error


def _parse_undone(entry: Any) -> Undone:
    given = dict(entry)
    return Undone(str(given["who"]), _time(given["when"]), str(given["why"]))


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return value


def _number_or_none(value: Any) -> int | None:
    return None if value is None else _number(value)


def _time(value: Any) -> str:
    """Return a time as ISO 8601 in UTC; YAML makes a date of what has no quotes."""
    moment = (
        value
        if isinstance(value, datetime.datetime)
        else datetime.datetime.fromisoformat(str(value))
    )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment.astimezone(datetime.timezone.utc).isoformat(timespec="seconds")
