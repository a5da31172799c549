"""Writes the pages: those of a night, then index and catalogue of all of them.

A page is whole or as it was before. Nothing of a night is read for index and catalogue but what
lies beside its page.
"""

from __future__ import annotations

__all__ = ["PageError", "places_of", "write_all", "write_index", "write_night"]

import collections
import contextlib
import datetime
import fcntl
import functools
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi import config
from lstosa_luigi.errors import ExitCode, InputError, LstosaError
from lstosa_luigi.execution.causes import last_lines, os_error
from lstosa_luigi.execution.files import sweep, write_whole
from lstosa_luigi.layout import Layout, PageLayout, ProvenanceLayout
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation import merged
from lstosa_luigi.observation.catalog import Source
from lstosa_luigi.observation.events import Taken, taken
from lstosa_luigi.observation.runs import DATA
from lstosa_luigi.pages.entries import Entry, dump_entry, entry_of, parse_entry
from lstosa_luigi.pages.gain_selection import gain_selection_rows
from lstosa_luigi.pages.index import Place, calendar_of, catalog_rows
from lstosa_luigi.pages.night import FORMS, Document, NightPage, night_page, plots_of
from lstosa_luigi.pages.render import render
from lstosa_luigi.pages.thumbnails import draw
from lstosa_luigi.pages.words import clean, href
from lstosa_luigi.status.assembly import read_status
from lstosa_luigi.status.model import NightStatus, Standing, State
from lstosa_luigi.status.table import attempts_of

EVENTS = "MergedDL1"
"""Product that holds the times of the events of a run."""
LOG_LINES = 20
LINE = 500
"""Characters of a line of a log."""


class PageError(LstosaError):
    """A page could not be written; the one that was there before still is."""

    exit_code = ExitCode.TASK_FAILED


def places_of(settings: config.Settings) -> PageLayout:
    """Return where pages lie."""
    return PageLayout.of(settings.directories, settings.pages.directory)


# --- a night -------------------------------------------------------------------------------


def write_night(root: NightlyClose) -> Path:
    """Write the pages of a night as it stands now, then index and catalogue.

    Returns
    -------
    Path
        The page of the night.

    Raises
    ------
    PageError
        If a page cannot be written.
    LstosaError
        If a table that the whole night rests on is damaged; the page then says so.
    """
    pages = places_of(root.settings)
    problem: LstosaError | None = None
    try:
        _write_night(root, pages)
    except PageError:
        raise
    except LstosaError as error:
        problem = error
        _write_unreadable(root, pages, str(error))
    write_index(root.layout, pages)
    if problem is not None:
        raise problem
    return pages.night(root.layout)


def _write_night(root: NightlyClose, pages: PageLayout) -> None:
    status = read_status(root, volumes=True)
    layout = root.layout
    at = pages.night(layout)
    sweep(at.parent)
    pictures = draw(plots_of(status), pages.thumbnails(layout))
    page = night_page(status, pictures, _log_end, list(_documents(layout)))
    common = {"command": _command(root), "written": status.asked}
    _write(
        at,
        "night.html",
        page=page,
        counts=[(state, count) for state in State if (count := _count(status, state))],
        sections=_sections(page),
        undone_title=_undone_title(status),
        attempts_of=attempts_of,
        is_file=os.path.isfile,
        nav=_nav(pages, at, layout),
        **common,
    )
    at = pages.gain_selection(layout)
    rows = gain_selection_rows(status)
    _write(
        at,
        "gain_selection.html",
        status=status,
        rows=rows,
        has_data=any(DATA in (row.run.type, row.run.observed_type) for row in rows),
        counts=collections.Counter(row.status.lower() for row in rows).items(),
        nav=_nav(pages, at, layout),
        **common,
    )
    entry = pages.entry(layout)
    times = _times(status, entry)
    _write_text(entry, dump_entry(entry_of(status, _sources(root), _starts(layout), times)))


def _documents(layout: Layout) -> Iterator[Document]:
    """Yield the PROV documents of a night that are there."""
    for path in ProvenanceLayout(layout.directories).documents(layout):
        _, _, level, run, *_ = (*path.name.split("_"), "")
        title = f"Run {run}, to {level.upper()}" if level.startswith("dl") else "The night"
        forms = ((word, path.with_suffix(f".{suffix}")) for suffix, word in FORMS.items())
        yield Document(title, tuple((word, file) for word, file in forms if file.exists()))


def _count(status: NightStatus, state: State) -> int:
    return 0 if state is State.DONE else len(status.in_state(state))


def _write_unreadable(root: NightlyClose, pages: PageLayout, problem: str) -> None:
    """Write a page that says why nothing can be said of the night."""
    layout, now = root.layout, _now()
    headline = "Failed: the night cannot be read"
    named = {"date": str(root.date), "telescope": layout.telescope, "prod_id": layout.prod_id}
    for at in (pages.night(layout), pages.gain_selection(layout)):
        _write(
            at,
            "unreadable.html",
            headline=headline,
            problem=problem,
            command=_command(root),
            written=now,
            nav=_nav(pages, at, layout),
            **named,
        )
    standing = Standing.FAILED.name.lower()
    entry = Entry(
        **named, standing=standing, headline=headline, written=now,
        done=0, total=0, failed=0, size=0, runs=(),
    )  # fmt: skip
    _write_text(pages.entry(layout), dump_entry(entry))


def _command(root: NightlyClose) -> str:
    telescope = f" --telescope {root.telescope}" if root.telescope != "LST1" else ""
    return f"lstosa pages --date {root.date}{telescope} --prod-id {root.prod_id}"


def _sections(page: NightPage) -> list[tuple[str, str]]:
    """Return the parts that the page has, with their names in it."""
    status = page.status
    remarks = (status.problems, status.fallbacks, status.notes)
    parts = (
        ("Remarks", "remarks", any(remarks)),
        ("What failed", "failures", page.failures),
        ("Table", "table", page.rows),
        ("Products", "progress", page.bars),
        (_undone_title(status), "undone", page.undone),
        ("Runs", "runs", page.runs),
        ("Plots", "plots", page.galleries),
        ("Decisions", "decisions", status.decisions),
        ("Choices", "choices", page.choices),
        ("Provenance", "provenance", page.documents),
    )
    return [(name, key) for name, key, is_there in parts if is_there]


def _undone_title(status: NightStatus) -> str:
    return "What was left" if status.is_closed else "What is not there yet"


def _log_end(name: str) -> str:
    """Return the end of a log, as a page can show it."""
    text = clean(last_lines(Path(name), LOG_LINES))
    return "\n".join(
        line if len(line) <= LINE else f"{line[:LINE]} ..." for line in text.split("\n")
    )


def _sources(root: NightlyClose) -> dict[int, Source]:
    """Return the source of each run; a damaged catalogue is said where it matters."""
    with contextlib.suppress(LstosaError, OSError):
        night = root.night
        return {} if night is None else night.sources
    return {}


def _starts(layout: Layout) -> dict[int, str]:
    """Return when runs began, as far as the table of the runs of all nights has it."""
    with contextlib.suppress(LstosaError, OSError, ValueError):
        text = layout.pointed_run_summary().read_text(encoding="utf-8")
        return merged.starts_of(text, str(layout.date))
    return {}


def _times(status: NightStatus, entry: Path) -> dict[int, Taken]:
    """Return when runs were taken by their events, read anew only of files that changed."""
    known: dict[int, Taken] = {}
    with contextlib.suppress(InputError, OSError, ValueError):
        before = parse_entry(entry.read_text(encoding="utf-8"), str(entry))
        for run in before.runs:
            if run.of and run.minutes is not None:
                known[run.run] = Taken(run.start, run.minutes, run.of)
    found = {}
    for product in status.products:
        is_there = product.state is State.DONE and not product.refusal
        if product.product == EVENTS and product.run is not None and is_there:
            told = taken(Path(product.files[0]), known.get(product.run))
            if told is not None:
                found[product.run] = told
    return found


# --- all nights ----------------------------------------------------------------------------


def write_all(roots: Sequence[NightlyClose], say: Callable[[str], None]) -> LstosaError | None:
    """Write the pages of several nights, then index and catalogue once.

    Parameters
    ----------
    roots : sequence of NightlyClose
        The nights.
    say : callable
        Takes a line about each.

    Returns
    -------
    LstosaError or None
        The last thing that was wrong with a night; the pages of the others are written.

    Raises
    ------
    PageError
        If a page cannot be written.
    """
    problem: LstosaError | None = None
    for root in roots:
        pages = places_of(root.settings)
        try:
            _write_night(root, pages)
            say(str(pages.night(root.layout)))
        except PageError:
            raise
        except LstosaError as error:
            _write_unreadable(root, pages, str(error))
            say(f"{root.date}: {error}")
            problem = error
    if roots:
        write_index(roots[-1].layout, places_of(roots[-1].settings))
    return problem


def write_index(layout: Layout, pages: PageLayout) -> None:
    """Write index and catalogue from what lies beside the pages of nights.

    Raises
    ------
    PageError
        If one cannot be written.
    """
    with _lock(layout.lock("pages")):  # two nights may end at once: one would be lost
        sweep(pages.root)
        places, problems = _read_entries(pages)
        at = pages.index()
        standings = [standing.name.lower() for standing in reversed(Standing)]
        counts = collections.Counter(entry.standing for entry, _ in places)
        _write(
            at,
            "index.html",
            places=places,
            problems=problems,
            open=[p for p in places if p[0].standing != Standing.CLOSED.name.lower()],
            years=calendar_of(places),
            counts=[(word, counts[word]) for word in standings if counts[word]],
            nav=_nav(pages, at),
            written=_now(),
        )
        at = pages.catalog()
        rows = catalog_rows(places)
        _write(
            at,
            "catalog.html",
            rows=rows,
            links={page: href(page, at) for _, page in places},
            several=len({(entry.telescope, entry.prod_id) for entry, _ in places}) > 1,
            sources=len({run.source for run, _, _ in rows if run.source}),
            nav=_nav(pages, at),
            written=_now(),
        )


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("a")
    except OSError as error:
        raise PageError(f"{path} cannot be opened: {os_error(error)}") from error
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _read_entries(pages: PageLayout) -> tuple[list[Place], list[str]]:
    """Return the nights, newest first, and what cannot be read."""
    places: list[Place] = []
    problems = []
    for path in reversed(pages.entries()):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            places.append((parse_entry(text, str(path)), path.with_suffix(".html")))
        except (InputError, OSError) as error:
            problems.append(f"{error}. Write it again: lstosa pages --all")
    return places, problems


# --- files ---------------------------------------------------------------------------------


def _nav(pages: PageLayout, at: Path, night: Layout | None = None) -> list[tuple[str, str]]:
    """Return the pages that each page links to, without a link for itself."""
    found = [("Nights", pages.index()), ("Source catalogue", pages.catalog())]
    if night is not None:
        found.append((f"Night of {night.date}", pages.night(night)))
        found.append(("Gain selection", pages.gain_selection(night)))
    return [(name, "" if to == at else href(to, at)) for name, to in found]


def _write(at: Path, template: str, **shown: Any) -> None:
    link = functools.partial(_link, at)
    version = importlib.metadata.version("lstosa-luigi")
    _write_text(at, render(template, link=link, version=version, **shown))


def _link(page: Path, to: str | Path) -> str:
    return href(Path(to), page)


def _write_text(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise PageError(
            f"The page {path} could not be written, and stays as it was: {os_error(error)}"
        ) from error


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
