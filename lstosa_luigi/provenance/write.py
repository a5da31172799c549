"""Writes the documents of a night and of its runs, and draws them.

They lie where lstosa puts its own: those of a run in ``log/`` beside its DL1b and DL2, that of the
night in the logs of the running analysis.
"""

from __future__ import annotations

__all__ = ["Part", "Written", "parts_of", "write_documents"]

import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi.errors import InputError
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.provenance.details import Details
from lstosa_luigi.provenance.document import Counts, counts_of, document_of
from lstosa_luigi.provenance.drawing import dot_of, draw
from lstosa_luigi.provenance.graph import Execution, Graph
from lstosa_luigi.provenance.index import Index

RECONSTRUCTED = ("DL2", "DL3")
"""Products of a run beyond DL1."""


@dataclasses.dataclass(frozen=True)
class Part:
    """What one document is about.

    Parameters
    ----------
    title : str
        In words.
    place : Path
        Where it goes, without the end of its name.
    targets : tuple of str
        Files: all that led to them is in the document.
    """

    title: str
    place: Path
    targets: tuple[str, ...]


def parts_of(
    places: ProvenanceLayout, executions: Sequence[Execution], run: int | None = None
) -> Iterator[Part]:
    """Yield what there are documents of: of each data run DL1 and DL2, and the night.

    Parameters
    ----------
    places : ProvenanceLayout
        Where they go.
    executions : sequence of Execution
        Those of one night of one production.
    run : int, optional
        Only this run, and not the night.
    """
    graph = Graph(executions)
    runs = sorted({one.run for one in graph.executions if one.run is not None})
    for number in runs:
        if run not in (None, number):
            continue
        of_run = [one for one in graph.executions if one.run == number]
        dl1 = [one for one in of_run if one.product not in RECONSTRUCTED]
        for level, ones, marks in (
            ("dl1", dl1, ("MergedDL1", "DL1B")),
            ("dl2", of_run, ("DL2",)),
        ):
            mark = next((o for m in marks for o in of_run if o.product == m), None)
            if mark is not None:
                place = places.run_document(Path(mark.outputs[-1]).parent, level, number)
                if not places.is_own(place):
                    continue
                targets = tuple(path for one in ones for path in one.outputs)
                title = f"Run {number:05d} from calibration to {level.upper()}"
                yield Part(f"{title}, {mark.date}, {mark.prod_id}", place, targets)
    if run is None and graph.executions:
        first = graph.executions[0]
        targets = tuple(path for one in graph.executions for path in one.outputs)
        place = places.night_document(Path(first.record), first.date)
        yield Part(f"Night {first.date}, {first.prod_id}", place, targets)


@dataclasses.dataclass(frozen=True)
class Written:
    """A document that was written, what it holds, and its files."""

    part: Part
    counts: Counts
    files: tuple[Path, ...]


def write_documents(
    index: Index,
    date: str,
    prod_id: str,
    read: Callable[[Iterable[Execution]], Mapping[str, Details]],
    run: int | None = None,
    full: bool = False,
    drawn: bool = True,
) -> Iterator[Written]:
    """Write the documents of a night, or of one of its runs; yield each when it is there.

    Parameters
    ----------
    index : Index
        The records.
    date, prod_id : str
        Night (``YYYY-MM-DD``) and production.
    read : callable
        Returns the details of executions by their records.
    run : int, optional
        Only this run.
    full : bool
        Every subrun by itself.
    drawn : bool
        Draw them too.

    Raises
    ------
    InputError
        At the end, if one could not be written or drawn.
    """
    parts = list(parts_of(index.places, index.of_night(date, prod_id), run))
    # each record is read once, however many documents it is in
    whole = index.above([path for part in parts for path in part.targets])
    about = read(whole.executions)
    problem: InputError | None = None
    for part in parts:
        graph = Graph(whole.above(part.targets))
        try:
            yield Written(part, *_write(index.places, part, graph, about, full, drawn))
        except InputError as error:
            problem = problem or error
    if problem is not None:
        raise problem


def _write(
    places: ProvenanceLayout,
    part: Part,
    graph: Graph,
    about: Mapping[str, Details],
    full: bool,
    drawn: bool,
) -> tuple[Counts, tuple[Path, ...]]:
    document = document_of(places, graph, about, full)
    name = f"{part.place.name}{'_full' if full else ''}"
    files = []
    try:
        for suffix, text in _forms(document):
            path = part.place.with_name(f"{name}.{suffix}")
            write_whole(path, text)
            files.append(path)
        if drawn:
            dot = dot_of(document, part.title, part.place.parent)
            for form in ("svg", "pdf"):
                path = part.place.with_name(f"{name}.{form}")
                write_whole(path, draw(dot, form))
                files.append(path)
    except OSError as error:
        raise InputError(f"{part.place.parent}: {error.strerror or error}") from error
    return counts_of(document), tuple(files)


def _forms(document: Any) -> Iterator[tuple[str, str]]:
    """Yield a document as PROV-JSON, PROV-N and PROV-XML, with the ends of their names."""
    text = io.StringIO()
    document.serialize(text, format="json", indent=1)
    yield "json", text.getvalue()
    yield "provn", document.get_provn() + "\n"
    data = io.BytesIO()
    document.serialize(data, format="xml")
    yield "xml", data.getvalue().decode("utf-8")
