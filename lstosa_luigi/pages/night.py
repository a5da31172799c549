"""What the page of a night shows: the status put together for reading. Nothing is found out here.

The same rows, counts and words as ``lstosa status``; the parts that only a page has room for are
the ends of logs and the plots.
"""

from __future__ import annotations

__all__ = ["FORMS", "Document", "Gallery", "NightPage", "night_page", "plots_of"]

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lstosa_luigi.pages.thumbnails import Picture, Pictures, Plot
from lstosa_luigi.pages.words import subruns_in_words, units_in_words
from lstosa_luigi.status.groups import Group, failed_alike, undone_alike
from lstosa_luigi.status.model import NightStatus, Product, Progress, RunStatus, State
from lstosa_luigi.status.table import HEAD, RIGHT, rows, state_of_word, value_in_words
from lstosa_luigi.status.verdict import accept_command, discard_command, headline

SHOWN = 5
"""Products that failed for one cause and are shown with their logs; of more, the first only."""
LOGS = 20
"""Ends of logs on a page."""
GROUPS = 100
"""Causes that are told; more are counted."""
FORMS = {"svg": "drawing", "pdf": "PDF", "json": "PROV-JSON", "provn": "PROV-N", "xml": "PROV-XML"}
"""Forms of a PROV document, in the order in which a page has them."""
TITLE_PAGES = {"RunDatacheck": 1}
"""Pages before the plots (lstchain.datachecks.dl1_checker.plot_datacheck writes a title first)."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """A product that failed, or several for one cause.

    Parameters
    ----------
    group : Group
        All of them.
    shown : tuple of (Product, str)
        Those that are shown one by one, with the end of the log; empty if there is none.
    others : str
        The rest, named together.
    command : str
        What leaves it out.
    """

    group: Group
    shown: tuple[tuple[Product, str], ...]
    others: str
    command: str


@dataclasses.dataclass(frozen=True)
class Bar:
    """How far one kind of product is; *parts* are states with their shares in percent."""

    progress: Progress
    parts: tuple[tuple[State, float], ...]
    others: tuple[tuple[State, int], ...]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What was chosen for the night, or alike for some of its runs."""

    name: str
    runs: tuple[int, ...]
    value: str
    reason: str


@dataclasses.dataclass(frozen=True)
class RunLine:
    """A run of the night; *notable* names the subruns that are not simply done, by state."""

    run: RunStatus
    notable: tuple[tuple[State, str], ...]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Files of one kind that people look at, with pictures of some of their pages."""

    product: str
    files: tuple[tuple[str, Path, tuple[Picture, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Document:
    """What a PROV document is about, and its forms that are there, by their names for people."""

    title: str
    forms: tuple[tuple[str, Path], ...]


@dataclasses.dataclass(frozen=True)
class NightPage:
    """What the page of a night shows."""

    status: NightStatus
    headline: str
    head: tuple[str, ...]
    right: frozenset[str]
    rows: tuple[tuple[State, tuple[str, ...]], ...]
    bars: tuple[Bar, ...]
    failures: tuple[Failure, ...]
    more_failures: int
    undone: tuple[tuple[Group, str], ...]
    more_undone: int
    runs: tuple[RunLine, ...]
    choices: tuple[Chosen, ...]
    galleries: tuple[Gallery, ...]
    documents: tuple[Document, ...]
    done: int
    total: int
    size: int | None
    first_made: str
    last_made: str


def night_page(
    status: NightStatus,
    pictures: Pictures,
    log_end: Callable[[str], str],
    documents: Sequence[Document] = (),
) -> NightPage:
    """Put the page of a night together.

    Parameters
    ----------
    status : NightStatus
        The night, with volumes.
    pictures : dict
        Pictures of the pages of PDF files, by file.
    log_end : callable
        Returns the end of a log, empty if there is none.
    documents : sequence of Document
        PROV documents that are there.
    """
    failed = failed_alike(status.in_state(State.FAILED))
    rest = [p for p in status.products if p.state not in (State.DONE, State.FAILED)]
    undone = undone_alike(rest)
    made = sorted(product.made for product in status.products if product.made)
    sizes = [part.size for part in status.progress if part.size is not None]
    return NightPage(
        status=status,
        headline=headline(status),
        head=HEAD,
        right=RIGHT,
        rows=tuple((state_of_word(row[HEAD.index("State")]), row) for row in rows(status)),
        bars=tuple(_bar(part) for part in status.progress),
        failures=tuple(_failures(status, failed[:GROUPS], log_end)),
        more_failures=sum(len(group.members) for group in failed[GROUPS:]),
        undone=tuple((group, units_in_words(group.members)) for group in undone[:GROUPS]),
        more_undone=sum(len(group.members) for group in undone[GROUPS:]),
        runs=tuple(_run(run) for run in status.runs),
        choices=tuple(_choices(status)),
        galleries=tuple(_galleries(status, pictures)),
        documents=tuple(documents),
        done=sum(part.done for part in status.progress),
        total=sum(part.total for part in status.progress),
        size=sum(sizes) if sizes else None,
        first_made=made[0] if made else "",
        last_made=made[-1] if made else "",
    )


# --- products ------------------------------------------------------------------------------


def _bar(part: Progress) -> Bar:
    states = [state for state in State if part.states.get(state)]
    order = [State.DONE, *(state for state in states if state is not State.DONE)]
    shares = tuple(
        (state, 100 * part.states[state] / part.total) for state in order if part.states.get(state)
    )
    others = tuple((s, part.states[s]) for s in states if s is not State.DONE)
    return Bar(part, shares if part.total else (), others)


def _failures(
    status: NightStatus, groups: Sequence[Group], log_end: Callable[[str], str]
) -> Iterator[Failure]:
    logs = 0
    for group in groups:
        members = group.members if len(group.members) <= SHOWN else group.members[:1]
        shown = []
        for product in members:
            has_room = bool(product.log) and logs < LOGS
            shown.append((product, log_end(product.log) if has_room else ""))
            logs += has_room
        first = group.members[0]
        if first.subrun is None:
            command = accept_command(status)
        else:
            command = discard_command(status, first.unit.removeprefix("Run"))
        yield Failure(group, tuple(shown), units_in_words(group.members[len(shown) :]), command)


# --- runs and choices ----------------------------------------------------------------------


def _run(run: RunStatus) -> RunLine:
    """Tell the subruns that differ from what the run is as a whole, or that did not work."""
    states: dict[State, list[int]] = collections.defaultdict(list)
    for subrun in run.subruns:
        is_plain = subrun.state in (State.DONE, State.UNUSED) or (
            subrun.state is run.state and subrun.state is not State.FAILED
        )
        if not is_plain:
            states[subrun.state].append(subrun.number)
    return RunLine(run, tuple((s, subruns_in_words(states[s])) for s in State if s in states))


def _choices(status: NightStatus) -> Iterator[Chosen]:
    alike: dict[tuple[str, str, str], list[int]] = {}
    for named in status.choices:
        key = (named.name, value_in_words(named.choice.value), named.choice.reason)
        alike.setdefault(key, []).extend([] if named.run is None else [named.run])
    for (name, value, reason), runs in alike.items():
        yield Chosen(name, tuple(runs), value, reason)


# --- plots ---------------------------------------------------------------------------------


def plots_of(status: NightStatus) -> list[Plot]:
    """Return the PDF files of a night that are there."""
    return [
        Plot(Path(file), 1 + TITLE_PAGES.get(product.product, 0))
        for product in status.products
        for file in _files_for_people(product)
        if file.endswith(".pdf")
    ]


def _galleries(status: NightStatus, pictures: Pictures) -> Iterator[Gallery]:
    kinds: dict[str, list[tuple[str, Path, tuple[Picture, ...]]]] = {}
    for product in status.products:
        for name in _files_for_people(product):
            path = Path(name)
            shown = tuple(pictures.get(path, ()))
            kinds.setdefault(product.product, []).append((product.title, path, shown))
    for kind, files in kinds.items():
        yield Gallery(kind, tuple(files))


def _files_for_people(product: Product) -> list[str]:
    """Return the files of a product that people look at, if they are there and count."""
    if product.state is not State.DONE or product.refusal:
        return []
    return [file for file in product.files if file.endswith((".pdf", ".html"))]
