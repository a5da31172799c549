"""Asks the camera-control database (CaCo) for the filter wheels of a run, and notes the answer.

That it could not tell is an answer as well: the run is then analysed for the configured filters.
"""

from __future__ import annotations

__all__ = ["ask", "main"]

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lstosa_luigi.observation.choice import Choice


def ask(server: str, timeout: float, run: int) -> Choice[str]:
    """Return what the database says, or why it does not.

    Parameters
    ----------
    server : str
        Of the database.
    timeout : float
        Seconds to wait for it.
    run : int
        Run number.
    """
    from lstosa_luigi.databases.camera import filters_of
    from lstosa_luigi.databases.server import Unavailable, answers, connect
    from lstosa_luigi.observation.choice import Choice

    try:
        client = connect(server, timeout)
        with answers(server):
            found = filters_of(client, run)
    except Unavailable as error:
        return Choice(None, f"CaCo database {error}")
    return Choice(found.value, f"CaCo database {server}: {found.reason}")


def main(arguments: Sequence[str]) -> int:
    """Write the answer (JSON)."""
    parser = argparse.ArgumentParser(prog="filter_wheels", description=__doc__)
    parser.add_argument("--run", type=int, required=True)
    parser.add_argument("--caco-db", required=True)
    parser.add_argument("--timeout", type=float, default=3)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    answer = ask(options.caco_db, options.timeout, options.run)
    print(f"Run {options.run:05d}: filters {answer.value or 'not known'}: {answer.reason}")
    note = {"run": options.run, "filters": answer.value or "", "reason": answer.reason}
    options.output.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    return 0
