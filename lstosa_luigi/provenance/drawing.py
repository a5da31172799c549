"""A PROV document as a drawing, by graphviz: files are rounded, what was done is a box.

Time goes from top to bottom. Files that the same activities made and used are one node.
"""

from __future__ import annotations

__all__ = ["dot_of", "draw"]

import collections
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lstosa_luigi.errors import InputError

COLUMNS = 36
"""Characters of a line of a label."""
RAW = ".fits.fz"
NAMED = 3
"""Files of a node that are named; of more, how many."""
SECONDS = 120
"""A drawing that takes longer is given up."""
HEAD = """digraph provenance {
graph [rankdir=TB, ranksep=0.28, nodesep=0.12, margin=0.2, fontname="Helvetica", fontsize=18,
 labelloc=t, size="11.1,16.1", label=%s]
node [fontname="Helvetica", fontsize=12, margin="0.08,0.04", penwidth=0.8]
edge [color="#555555", arrowsize=0.6, penwidth=0.8]
"""
ACTIVITY = 'shape=box, style=filled, fillcolor="#cfe2f3"'
ENTITY = 'shape=box, style="rounded,filled", fillcolor="#fff2cc"'
GIVEN = 'shape=box, style="rounded,filled", fillcolor="#d9ead3"'


def dot_of(document: Any, title: str, beside: Path) -> str:
    """Return a document in graphviz's language.

    Parameters
    ----------
    document : prov.model.ProvDocument
        What is drawn of it: entities, activities, used and wasGeneratedBy.
    title : str
        Stands above it.
    beside : Path
        Directory that the drawing is to lie in: links lead from there.
    """
    from prov.model import ProvActivity, ProvEntity, ProvGeneration, ProvUsage

    users: dict[str, set[str]] = collections.defaultdict(set)
    makers: dict[str, set[str]] = collections.defaultdict(set)
    for relation in document.get_records(ProvUsage):
        activity, entity = (str(value) for value in relation.args[:2])
        users[entity].add(activity)
    for relation in document.get_records(ProvGeneration):
        entity, activity = (str(value) for value in relation.args[:2])
        makers[entity].add(activity)
    nodes: dict[Any, list[Any]] = collections.defaultdict(list)
    for entity in document.get_records(ProvEntity):
        name = str(entity.identifier)
        is_raw = _of(entity, "prov:label").endswith(RAW)  # never behind "and 2 more"
        nodes[frozenset(users[name]), frozenset(makers[name]), is_raw].append(entity)
    lines = [HEAD % _quoted(title)]
    for activity in document.get_records(ProvActivity):
        label = _wrapped(_of(activity, "prov:label").replace(" ", "\n", 1))
        tip = _of(activity, "lstosa:command") or _of(activity, "lstosa:tool")
        lines.append(
            f"{_quoted(str(activity.identifier))} [{ACTIVITY}, label={_quoted(label)},"
            f" tooltip={_quoted(tip)}]"
        )
    for (used, made, _), entities in nodes.items():
        at = str(entities[0].identifier)
        names = [_wrapped(_of(entity, "prov:label")) for entity in entities]
        more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED + 1 else []
        label = "\n".join([*(names[:NAMED] if more else names), *more])
        location = _of(entities[0], "prov:location")
        if "*" in location or len(entities) > 1:
            location = str(Path(location).parent)
        url = quote(os.path.relpath(location, beside))
        lines.append(
            f"{_quoted(at)} [{ENTITY if made else GIVEN}, label={_quoted(label)},"
            f" URL={_quoted(url)}, tooltip={_quoted(location)}]"
        )
        lines += [f"{_quoted(activity)} -> {_quoted(at)}" for activity in sorted(made)]
        lines += [f"{_quoted(at)} -> {_quoted(activity)}" for activity in sorted(used)]
    return "\n".join([*lines, "}\n"])


def draw(dot: str, form: str) -> bytes:
    """Return a drawing.

    Parameters
    ----------
    dot : str
        In graphviz's language.
    form : str
        ``svg`` or ``pdf``.

    Raises
    ------
    InputError
        If graphviz is not there, or cannot draw it.
    """
    try:
        done = subprocess.run(
            ["dot", f"-T{form}"],
            input=dot.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise InputError(
            "No graph is drawn: there is no command dot. Install graphviz, on Debian with: sudo "
            "apt-get install graphviz"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"No graph is drawn: dot takes longer than {SECONDS} s.") from error
    if done.returncode:
        raise InputError(f"No graph is drawn: dot says {done.stderr.decode(errors='replace')}")
    return done.stdout


def _of(element: Any, name: str) -> str:
    """Return an attribute of an element; empty if it has none."""
    return next((str(value) for key, value in element.attributes if str(key) == name), "")


def _wrapped(text: str) -> str:
    """Break a name into lines, after a mark that a reader would break it at."""
    lines = []
    for line in text.split("\n"):
        rest = line
        while len(rest) > COLUMNS:
            at = max(rest.rfind(mark, 8, COLUMNS) for mark in "_.- ")
            at = at + 1 if at > 0 else COLUMNS
            lines.append(rest[:at])
            rest = rest[at:]
        lines.append(rest)
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
