"""``lstosa import-config``: convert a configuration of the old lstosa to one for luigi."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lstosa_luigi.cli.night import reject
from lstosa_luigi.errors import ExitCode, UsageError
from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.migration.conversion import Left, convert, known_keys, read_lstosa, render

NEXT = (
    "lstosa takes the tools of the environment that it runs in: set [lstchain] environment if "
    "that is not the one of this package."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("file", metavar="FILE", help="the configuration of lstosa: sequencer.cfg")
    parser.add_argument(
        "--output", metavar="FILE", default="", help="write it there; default: print it"
    )


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print or write the configuration; list what could not be carried over on standard error."""
    reject(rest)
    source, output = Path(options.file), Path(options.output) if options.output else None
    # a link that leads nowhere is somebody's as well
    if output is not None and (output.exists() or output.is_symlink()):
        raise UsageError(f"{output} is there already: name another file, or remove it")
    found = convert(read_lstosa(source), known_keys(), lambda name: Path(name).exists())
    text = render(found, str(source))
    if output is None:
        print(text, end="")
    else:
        try:
            write_whole(output, text)
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}") from error
        print(f"Written: {output}", file=sys.stderr)
    for line in _told(found.left):
        print(line, file=sys.stderr)
    print(NEXT, file=sys.stderr)
    return ExitCode.OK


def _told(left: Iterable[Left]) -> Iterator[str]:
    """Yield a line for each reason, with the keys of a section that it is that of."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for key in left:
        grouped.setdefault((key.section, key.why), []).append(key.name)
    for (section, why), names in grouped.items():
        yield f"not carried over: [{section}] {', '.join(names)}: {why}"
