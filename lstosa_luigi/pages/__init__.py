"""The pages that people look at: views of the status of nights, as HTML that needs nothing else."""

from __future__ import annotations

__all__ = ["write_at_end"]

from pathlib import Path
from typing import Any

from lstosa_luigi.errors import LstosaError
from lstosa_luigi.night import NightlyClose


def write_at_end(root: Any) -> None:
    """Write the pages of a night on which work has ended, if ``[pages] enabled``.

    Of a night that is closed the PROV documents are written first, for the page leads to them.

    Parameters
    ----------
    root : luigi.Task
        What was worked on; only a whole night has pages.

    Raises
    ------
    LstosaError
        If any cannot be written.
    """
    if not isinstance(root, NightlyClose) or not root.settings.pages.enabled:
        return
    # takes as long to import as all the rest
    from lstosa_luigi.pages.build import PageError, write_night

    try:
        if root.complete():
            _write_documents(root)
    finally:
        try:
            write_night(root)
        except PageError:
            raise
        except LstosaError:
            pass  # what is wrong with the night was said when it was planned, and the page says it


def _write_documents(root: NightlyClose) -> None:
    from lstosa_luigi.layout import ProvenanceLayout
    from lstosa_luigi.provenance.details import read_known
    from lstosa_luigi.provenance.index import Index
    from lstosa_luigi.provenance.write import write_documents

    places = ProvenanceLayout(root.settings.directories)
    if _is_newer(places.of_night(root.layout), root.layout.night_finished()):
        return  # nothing was made since the night was closed
    index = Index(places)
    for _ in write_documents(
        index,
        str(root.date),
        str(root.prod_id),
        lambda executions: read_known(index.places, executions)[0],
    ):
        pass


def _is_newer(file: Path, other: Path) -> bool:
    try:
        return file.stat().st_mtime_ns >= other.stat().st_mtime_ns
    except OSError:
        return False
