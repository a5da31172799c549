"""``lstosa reproduce``: make a file again by the commands that made it, and compare the two."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstosa_luigi.cli.files import add_file, file_of, open_index, warn_of_damage
from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, InputError, UsageError
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.reproduction.chain import Chain, chain_of
from lstosa_luigi.reproduction.comparison import Comparison, compare
from lstosa_luigi.reproduction.script import script_of
from lstosa_luigi.reproduction.task import keep_chain, make_again

SCHEMA_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_file(
        parser, nargs="?", const="", metavar="RUN",
        help="after FILE: make it again and compare; with --date: run number",
    )  # fmt: skip
    parser.add_argument(
        "--execute", action="store_true", help="as --run after FILE; default: print a script"
    )
    parser.add_argument(
        "--depth",
        type=int,
        metavar="N",
        help="only the last N steps back from the file; what they read is taken as it is",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where, to be kept; default: in OSA/Reproduced, removed again if all is the same",
    )
    parser.add_argument("--json", action="store_true", help="with --run: as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print the commands as a script; or execute them, compare, and say what differs."""
    reject(rest)
    _settle(options)
    index = open_index(options)
    path = file_of(index, options)
    warn_of_damage(index.damaged())
    graph = index.above([path])
    maker = graph.maker(path)
    directory = _directory(index.places, options.directory, "" if maker is None else maker.title)
    chain = chain_of(index.places, graph, path, directory, options.depth)
    if not options.execute:
        print("\n".join(script_of(chain)))
        return ExitCode.OK
    return _execute(chain, options)


def _settle(options: argparse.Namespace) -> None:
    """Tell the two meanings of ``--run``: the number of a run, or that it is to be done.

    Raises
    ------
    UsageError
        If what is given cannot be meant.
    """
    given, options.run = options.run, None
    if options.depth is not None and options.depth < 1:
        raise UsageError(f"--depth {options.depth}: must be at least 1")
    if given is None:
        return
    if given == "":
        options.execute = True
    elif options.date:
        if not given.isdigit():
            raise UsageError(f"--run {given}: is no run number")
        options.run = int(given)
    elif options.file:
        raise UsageError(f"--run {given}: a FILE is named already")
    else:
        options.file, options.execute = given, True


def _directory(places: ProvenanceLayout, chosen: Path | None, title: str) -> Path:
    """Return where it is made again: nowhere that products of nights lie.

    Raises
    ------
    UsageError
        If it would be there.
    """
    directory = (chosen or places.reproduced(title.replace(" ", "_").replace("/", "_"))).absolute()
    if any(directory.is_relative_to(root) for root in places.made_below()):
        raise UsageError(f"--directory {directory}: products lie there; choose another place")
    return directory


def _execute(chain: Chain, options: argparse.Namespace) -> int:
    """Make all of it again, and compare.

    Raises
    ------
    InputError
        If something is not as it was then.
    """
    for note in chain.notes:
        print(f"Note: {note}.", file=sys.stderr)
    if chain.problems:
        told = "\n  ".join(chain.problems)
        raise InputError(
            f"{chain.path} cannot be made again as it was:\n  {told}\nPut back what is missing; "
            "or go fewer steps back: --depth N."
        )
    keep_chain(chain)
    if not make_again(chain):
        raise InputError(
            f"Not all was made again: see above, and {chain.directory}. Give the same command "
            "again to go on."
        )
    compared = {
        there: compare(Path(again), Path(there))
        for step in chain.steps
        for again, there in step.compared.items()
    }
    verdict = compared[chain.path]
    is_kept = options.directory is not None or not verdict.is_equal
    if not is_kept:
        shutil.rmtree(chain.directory)
    if options.json:
        print(json.dumps(_data(chain, compared, is_kept), indent=1))
    else:
        _tell(chain, compared, is_kept)
    if verdict.is_equal:
        return ExitCode.OK
    return ExitCode.TASK_FAILED if verdict.differences else ExitCode.NOT_RUN


def _tell(chain: Chain, compared: dict[str, Comparison], is_kept: bool) -> None:
    for step in chain.steps:
        print(step.job.title)
        for there in step.compared.values():
            print(f"  {there.rpartition('/')[2]}: {compared[there].text}")
    print(f"\n{chain.path}: {compared[chain.path].text}.")
    if is_kept:
        print(f"Made again as {chain.again}")


def _data(chain: Chain, compared: dict[str, Comparison], is_kept: bool) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "file": chain.path,
        "again": chain.again if is_kept else None,
        "is_equal": compared[chain.path].is_equal,
        "notes": list(chain.notes),
        "steps": [
            {
                "title": step.job.title,
                "files": [
                    {
                        "path": path,
                        "is_equal": compared[path].is_equal,
                        **dataclasses.asdict(compared[path]),
                    }
                    for path in step.compared.values()
                ],
            }
            for step in chain.steps
        ],
    }
