"""Why two files differ: the steps behind both, side by side, and what is not the same in each."""

from __future__ import annotations

__all__ = ["Difference", "Kind", "Side", "compare"]

import dataclasses
import difflib
import enum
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lstosa_luigi.layout import RAW_NIGHT, ProvenanceLayout
from lstosa_luigi.provenance.details import Details
from lstosa_luigi.provenance.graph import Execution, Graph, role_of

Key = tuple[str, "int | None", "int | None"]
"""Product, run and subrun."""
PASSING = (
    "raw data",
    RAW_NIGHT,
    "drive log",
    "target log",
    "bending model",
    "run summary",
    "run catalogue",
    "pedestal events",
)
"""Kinds of files that each night or run has of its own."""
SHOWN = 20
"""Packages that differ and are named."""


class Kind(enum.Enum):
    """What differs."""

    STEP = "step"
    SOFTWARE = "software"
    CONFIG = "configuration"
    INPUT = "input"
    CHOICE = "choice"
    COMMAND = "command"


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two files, with all that led to it.

    Parameters
    ----------
    path : str
        The file.
    graph : Graph
        What led to it.
    about : dict of str to Details
        By record.
    """

    path: str
    graph: Graph
    about: Mapping[str, Details]

    @property
    def maker(self) -> Execution | None:
        """What made the file; None if it was given."""
        return self.graph.maker(self.path)

    def steps(self) -> dict[Key, Execution]:
        """Return the executions by what they have in common with those of the other side.

        Runs are told by what they are to the file: its own, or those that calibrate it. Of several
        of a kind the nearest counts.
        """
        own = None if self.maker is None else self.maker.run
        found: dict[Key, Execution] = {}
        for one in self.graph.above([self.path]):
            run = one.run if own is None else None if one.run is None else int(one.run == own)
            found.setdefault((one.product, run, one.subrun), one)
        return found


@dataclasses.dataclass(frozen=True)
class Difference:
    """What is not the same in one step, or in a step of one side only.

    Parameters
    ----------
    title : str
        The step; several, if they differ alike.
    kind : Kind
        What differs.
    text : str
        In which way.
    lines : tuple of str
        More of it, as a difference of texts.
    count : int
        How many steps of the kind differ alike.
    """

    title: str
    kind: Kind
    text: str
    lines: tuple[str, ...] = ()
    count: int = 1


ReadConfig = Callable[[Details, str], "str | None"]
"""Returns the text of a configuration as it was used, None if it is not kept."""


def compare(
    places: ProvenanceLayout, a: Side, b: Side, config_of: ReadConfig
) -> tuple[Difference, ...]:
    """Return what differs on the way to two files; what comes first on the way is first.

    Steps of the same product and subrun are compared, of the run of the file or of what calibrates
    it. A file that a step before made is no difference of its own: the step is. Parts of paths that
    only name production and night do not count, nor does what each run has of its own, if the two
    files are of different runs.
    """
    first, second = a.steps(), b.steps()
    found = list(_last_step(a, b))
    for key in reversed(list(dict.fromkeys([*first, *second]))):
        one, other = first.get(key), second.get(key)
        if one is not None and other is not None:
            found += _step(places, a, one, b, other, config_of)
    found += _lonely(first, second)
    return tuple(_together(found))


def _last_step(a: Side, b: Side) -> Iterator[Difference]:
    for side in (a, b):
        if side.maker is None:
            yield Difference(side.path, Kind.STEP, "was given: no record tells of its making")


def _lonely(
    first: Mapping[Key, Execution],
    second: Mapping[Key, Execution],
) -> Iterator[Difference]:
    for ones, others, which in ((first, second, "A"), (second, first, "B")):
        for key, one in reversed(list(ones.items())):
            if key not in others:
                yield Difference(one.title, Kind.STEP, f"only {which} has it")


def _step(
    places: ProvenanceLayout,
    a: Side,
    one: Execution,
    b: Side,
    other: Execution,
    config_of: ReadConfig,
) -> Iterator[Difference]:
    title = one.title if one.title == other.title else f"{one.title} / {other.title}"
    if one.record == other.record:
        return
    x, y = a.about.get(one.record), b.about.get(other.record)
    if x is None or y is None:
        yield Difference(title, Kind.STEP, "its record cannot be read, so nothing is compared")
        return
    if one.run != other.run and None not in (a.maker, b.maker):
        is_own = one.run == a.maker.run  # type: ignore[union-attr]
        if not is_own:
            yield Difference(title, Kind.INPUT, "made of another run")
    for text in _software(x, y):
        yield Difference(title, Kind.SOFTWARE, text)
    yield from _configs(title, x, y, config_of)
    for text in _inputs(places, a, x, b, y):
        yield Difference(title, Kind.INPUT, text)
    for text in (
        *_lists("choice", _choices(x), _choices(y)),
        *_lists("decision", x.decided, y.decided),
    ):
        yield Difference(title, Kind.CHOICE, text)
    for text in _command(x, y):
        yield Difference(title, Kind.COMMAND, text)


def _software(x: Details, y: Details) -> Iterator[str]:
    names = sorted(x.software.keys() | y.software.keys())
    changed = [n for n in names if x.software.get(n) != y.software.get(n)]
    if x.software and y.software:
        for name in changed[:SHOWN]:
            yield f"{name}: {x.software.get(name, 'none')} -> {y.software.get(name, 'none')}"
        if len(changed) > SHOWN:
            yield f"and {len(changed) - SHOWN} packages more"
    elif x.software_id != y.software_id:
        yield f"versions are not known of {'A' if y.software else 'B' if x.software else 'either'}"
    if x.argv and y.argv and x.argv[0] != y.argv[0] and not changed:
        yield f"the tool is another file: {x.argv[0]} -> {y.argv[0]}"
    if x.source != y.source:
        yield f"{x.source or 'made by lstosa-luigi'} -> {y.source or 'made by lstosa-luigi'}"


def _configs(title: str, x: Details, y: Details, config_of: ReadConfig) -> Iterator[Difference]:
    """Compare configurations: by their names, or by the option that they were given for."""
    ones, others = _by_role(x), _by_role(y)
    for role in dict.fromkeys([*ones, *others]):
        p, q = ones.get(role), others.get(role)
        if p is None or q is None:
            text = f"only {'B' if p is None else 'A'} has {p or q}"
            yield Difference(title, Kind.CONFIG, text)
            continue
        if x.configs[p] and x.configs[p] == y.configs[q]:
            continue
        texts = (config_of(x, p), config_of(y, q))
        name = p if p == q else f"{p} -> {q}"
        if texts[0] is None or texts[1] is None:
            is_other = x.configs[p] != y.configs[q]
            if is_other or p != q:
                what = "other content" if is_other else "other file"
                yield Difference(title, Kind.CONFIG, f"{name}: {what}, but no copy is kept")
            continue
        lines = tuple(
            difflib.unified_diff(_lines(texts[0]), _lines(texts[1]), "A", "B", n=1, lineterm="")
        )
        if lines:
            yield Difference(title, Kind.CONFIG, name, lines)


def _by_role(details: Details) -> dict[str, str]:
    return {role_of(details.argv, path) or Path(path).name: path for path in details.configs}


def _lines(text: str | None) -> list[str]:
    """Return lines to compare: of JSON in one and the same form."""
    try:
        return json.dumps(json.loads(text or ""), indent=1, sort_keys=True).splitlines()
    except ValueError:
        return (text or "").splitlines()


def _inputs(places: ProvenanceLayout, a: Side, x: Details, b: Side, y: Details) -> Iterator[str]:
    """Compare what was given: by hash where both know it, else by size, else by path."""
    ones, others = _given(places, a, x), _given(places, b, y)
    if x.execution.run != y.execution.run or x.execution.date != y.execution.date:
        ones, others = (
            {name: path for name, path in side.items() if places.kind(path) not in PASSING}
            for side in (ones, others)
        )
    for name in sorted(ones.keys() | others.keys()):
        p, q = ones.get(name), others.get(name)
        if p is None or q is None:
            yield f"only {'B' if p is None else 'A'} read {p or q}"
        elif x.hashes.get(p) and y.hashes.get(q):
            if x.hashes[p] != y.hashes[q]:
                yield f"{name} has other content"
        elif p in x.sizes and q in y.sizes:
            if x.sizes[p][0] != y.sizes[q][0]:
                yield f"{name} had {x.sizes[p][0]} bytes -> {y.sizes[q][0]} bytes"
            elif p != q or x.sizes[p] != y.sizes[q]:
                what = f"{p} -> {q}" if p != q else f"{name} was written again in between"
                yield f"{what}, with as many bytes"
        elif p != q:
            yield f"{p} -> {q}"


def _given(places: ProvenanceLayout, side: Side, details: Details) -> dict[str, str]:
    """Return inputs that no step made which is compared as well, by what they are or are called.

    What each run has of its own is called by its name: it is compared only for the same run.
    """
    found = {}
    for path in details.execution.inputs:
        if path not in details.configs and side.graph.maker(path) is None:
            kind = places.kind(path)
            role = role_of(details.argv, path)
            found[Path(path).name if kind in PASSING or not role else role] = path
    return found


def _choices(details: Details) -> tuple[str, ...]:
    """Return what was chosen and why, in words that do not depend on the run's number."""
    run = details.execution.run
    return tuple(
        text if run is None else text.replace(f"run {run:05d}", "the run")
        for text in details.choices
    )


def _lists(what: str, one: tuple[str, ...], other: tuple[str, ...]) -> Iterator[str]:
    for text in one:
        if text not in other:
            yield f"only A: {what} {text}"
    for text in other:
        if text not in one:
            yield f"only B: {what} {text}"


def _command(x: Details, y: Details) -> Iterator[str]:
    """Compare options, but for files that are compared by themselves."""
    one, other = _words(x), _words(y)
    for text in difflib.ndiff(one, other):
        if text[:2] in ("- ", "+ "):
            yield f"only {'A' if text[0] == '-' else 'B'}: {text[2:]}"


def _words(details: Details) -> list[str]:
    """Return the words of a command, without what names the production, the night or a file."""
    execution = details.execution
    files = {*execution.inputs, *execution.outputs, *details.configs}
    named = {
        f"/{execution.prod_id}/": "/PROD_ID/",
        f"/{execution.date.replace('-', '')}/": "/DATE/",
    }
    if execution.run is not None:
        named[f"Run{execution.run:05d}"] = "RUN"
    words = []
    for word in details.argv[1:]:
        option, equals, value = word.rpartition("=")
        if value in files or value.startswith("{scratch}"):
            value = "FILE"
        elif value == str(execution.run):
            value = "RUN"
        for text, stand_in in named.items():
            value = value.replace(text, stand_in)
        words.append(f"{option}{equals}{value}")
    return words


def _together(found: list[Difference]) -> Iterator[Difference]:
    """Yield differences that steps of the same product have in common as one."""
    groups: dict[object, list[Difference]] = {}
    for one in found:
        product = one.title.partition(" ")[0]
        groups.setdefault((product, one.kind, one.text, one.lines), []).append(one)
    for ones in groups.values():
        yield dataclasses.replace(ones[0], count=len(ones))
