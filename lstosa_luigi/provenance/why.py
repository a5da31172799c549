"""What made a file, from what, and with which choices: as a tree, and as data."""

from __future__ import annotations

__all__ = ["given_kinds", "tree", "why_data"]

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.provenance.details import Details, is_earlier, state_of
from lstosa_luigi.provenance.graph import Execution, Graph, role_of

SCHEMA_VERSION = 1
ALIKE = 2
"""Inputs of one kind that a tree shows one by one; of more, the first, and how many they are."""
AGAIN = "  (made again since it was read for this)"
PACKAGES = ("lstosa-luigi", "lstosa_luigi", "lstchain", "ctapipe", "lstcam_calib", "python")
"""Software that a tree names, as far as it is known; the others are in the data."""

About = Mapping[str, Details]
"""Details of executions by their records; those that cannot be read are not in it."""


def why_data(places: ProvenanceLayout, graph: Graph, path: str, about: About) -> dict[str, Any]:
    """Return what led to a file, nearest first, as JSON holds it."""
    steps = graph.above([path])
    maker = graph.maker(path)
    return {
        "schema_version": SCHEMA_VERSION,
        "file": path,
        "state": state_of(path, about.get(maker.record) if maker else None),
        "made_by": maker.title if maker else None,
        "executions": [_step(places, graph, one, about) for one in steps],
        "given": [{"path": p, "kind": places.kind(p)} for p in graph.given([path])],
    }


def _step(places: ProvenanceLayout, graph: Graph, one: Execution, about: About) -> dict[str, Any]:
    details = about.get(one.record)
    known = {} if details is None else dataclasses.asdict(details)
    del_keys = ("execution", "hashes", "sizes")
    hashes = known.get("hashes", {})
    argv = known.get("argv", ())
    return {
        **{field: getattr(one, field) for field in ("title", "product", "date", "prod_id")},
        **{field: getattr(one, field) for field in ("run", "subrun", "start", "end", "record")},
        **{key: value for key, value in known.items() if key not in del_keys},
        "inputs": [
            {
                "path": path,
                "role": role_of(argv, path) or places.kind(path),
                "sha256": hashes.get(path),
                "made_by": maker.title if (maker := graph.maker(path)) else None,
                "is_made_again_since": is_earlier(graph, about, path, one),
            }
            for path in one.inputs
        ],
        "outputs": [{"path": path, "sha256": hashes.get(path)} for path in one.outputs],
    }


def given_kinds(places: ProvenanceLayout, graph: Graph, path: str) -> set[str]:
    """Return the kinds of what a file comes from in the end, as ``raw data``."""
    return {places.kind(one) for one in graph.given([path])}


def tree(
    places: ProvenanceLayout, graph: Graph, path: str, about: About, full: bool = False
) -> Iterator[str]:
    """Yield the lines of a tree: a file, what made it, and below it the same of its inputs.

    Parameters
    ----------
    places : ProvenanceLayout
        What tells raw data from a drive log.
    graph : Graph
        All that led to the file.
    path : str
        The file.
    about : dict of str to Details
        By record.
    full : bool
        Every input, and every step with command and choices; default: many alike as one, and
        only the step that made the file in full.
    """
    seen: set[str] = set()

    def visit(path: str, head: str, tail: str, more: int, since: str = "") -> Iterator[str]:
        maker = graph.maker(path)
        name = path if not head else path.rpartition("/")[2]
        others = since + (f"  and {more} more like it" if more else "")
        if maker is None:
            yield f"{head}{name}  [{places.kind(path) or 'given'}]{others}"
            return
        details = about.get(maker.record)
        is_known = maker.record in seen
        end = "  (see above)" if is_known else f", {maker.end}{_where(details)}"
        yield f"{head}{name}  <- {maker.title}{end}{others}"
        if is_known:
            return
        seen.add(maker.record)
        groups = list(_groups(places, graph, maker, full))
        lines = _about(maker, details, is_first=not head or full)
        for line in lines:
            yield f"{tail}{'|  ' if groups else '   '}{line}"
        for i, (first, count) in enumerate(groups):
            last = i + 1 == len(groups)
            since = AGAIN if is_earlier(graph, about, first, maker) else ""
            ends = ("`- ", "   ") if last else ("|- ", "|  ")
            yield from visit(first, tail + ends[0], tail + ends[1], count, since)

    yield from visit(path, "", "", 0)


def _where(details: Details | None) -> str:
    if details is None:
        return ", its record cannot be read"
    if details.source:
        return f", {details.source}"
    where = f" on {details.host}" if details.host else ""
    where += f", job {details.job_id}" if details.job_id else ""
    return where + (f", attempt {details.attempt}" if details.attempt > 1 else "")


def _about(one: Execution, details: Details | None, is_first: bool) -> Iterator[str]:
    if details is None:
        return
    if is_first:
        yield f"command: {' '.join(details.argv)}"
        versions = [f"{n} {details.software[n]}" for n in PACKAGES if n in details.software]
        if versions:
            yield f"software: {', '.join(versions)}"
        if details.agent:
            yield f"by: {details.agent}{f', {details.service}' if details.service else ''}"
        yield from (f"before: {text}" for text in details.earlier)
        yield from (f"decided: {text}" for text in details.decided)
    for text in details.choices:
        yield f"choice: {text}"


def _groups(
    places: ProvenanceLayout, graph: Graph, one: Execution, full: bool
) -> Iterator[tuple[str, int]]:
    """Yield the inputs of an execution, each with how many more are like it and not shown."""
    groups: dict[Any, list[str]] = {}
    for path in one.inputs:
        maker = graph.maker(path)
        suffix = path.rpartition(".")[2]
        kind = places.kind(path) if maker is None else (maker.product, maker.run, suffix)
        groups.setdefault(kind or path, []).append(path)
    for paths in groups.values():
        shown: Sequence[str] = paths if full or len(paths) <= ALIKE else paths[:1]
        for path in shown:
            yield path, len(paths) - len(shown)
