"""A chain as a shell script, to be read, changed and run by hand."""

from __future__ import annotations

__all__ = ["script_of"]

import os
import re
import shlex
from collections.abc import Iterator, Mapping

from lstosa_luigi.execution.spec import SCRATCH, Job
from lstosa_luigi.reproduction.chain import Chain

HEAD = """\
#!/usr/bin/env bash
# Makes again {path}
set -euo pipefail
again={directory}
put() { mkdir -p "$(dirname "$2")"; ln -sfn "$1" "$2"; }
copy() { mkdir -p "$(dirname "$2")"; cp -L "$1" "$2"; }
keep() { mkdir -p "$(dirname "$2")"; mv "$1" "$2"; }
begin() { work=$again/work/$1; mkdir -p "$work"; cd "$work"; }
"""
NAMED = re.compile(r"\$\{(?:again|work)\}")
SAFE = re.compile(r"[\w./?*\[\]%+:,@-]*")
"""What a shell takes as it is, patterns of files among it."""


def script_of(chain: Chain) -> Iterator[str]:
    """Yield the lines of a script for bash that makes a file again.

    What is not as it was when the file was made stands in comments at its head.
    """
    head = HEAD.replace("{path}", chain.path)
    yield head.replace("{directory}", shlex.quote(str(chain.directory)))
    yield from (f"# Note: {text}" for text in (*chain.problems, *chain.notes))
    script = _Script(str(chain.directory))
    yield "# what was given"
    for given in chain.given:
        yield f"put {script.word(given.source)} {script.word(given.at)}"
    environment: Mapping[str, str] = {}
    for number, step in enumerate(chain.steps, 1):
        yield f"\n# {number} of {len(chain.steps)}: {step.job.title}"
        changed = {k: v for k, v in step.job.environment.items() if environment.get(k) != v}
        environment = {**environment, **changed}
        yield from (f"export {key}={shlex.quote(_value(key, v))}" for key, v in changed.items())
        yield f"begin {number:04d}"
        yield from script.job(step.job)
    yield f"\necho {script.word(chain.again)}"


def _value(key: str, value: str) -> str:
    """Return a variable without what PATH had in the session of whoever asks."""
    if key != "PATH":
        return value
    session = f"{os.pathsep}{os.environ.get(key, '')}"
    return f"{value.removesuffix(session)}{os.pathsep}{os.defpath}"


class _Script:
    """Words of the shell, in which the directory of the chain goes by a name."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def job(self, job: Job) -> Iterator[str]:
        """Yield the lines that do one job."""
        for verb, files in (("put", job.staged), ("copy", job.copied)):
            for name, file in files.items():
                yield f"{verb} {self.word(file)} {self.word(f'{SCRATCH}/{name}')}"
        yield " ".join(map(self.word, job.argv))
        for output in job.outputs:
            made = self.word(f"{SCRATCH}/{output.made}", is_pattern=True)
            yield f"keep {made} {self.word(output.path)}"

    def word(self, text: str, is_pattern: bool = False) -> str:
        """Return a text as one word of the shell; a pattern stays one."""
        named = text.replace(SCRATCH, "${work}").replace(f"{self.directory}/", "${again}/")
        found, end = "", 0
        for match in NAMED.finditer(named):
            found += _quoted(named[end : match.start()], is_pattern) + f'"{match[0]}"'
            end = match.end()
        return found + _quoted(named[end:], is_pattern) or "''"


def _quoted(text: str, is_pattern: bool) -> str:
    return text if not text or (is_pattern and SAFE.fullmatch(text)) else shlex.quote(text)
