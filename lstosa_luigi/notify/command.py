"""An event given to a command of the user's."""

from __future__ import annotations

__all__ = ["environment_of", "tell"]

import json
import os
import shlex
import subprocess

from lstosa_luigi.notify.events import Event
from lstosa_luigi.sections import notify


def environment_of(event: Event) -> dict[str, str]:
    """Return the facts of an event as environment variables; all of them in one as JSON."""
    facts = event.facts
    single = {f"LSTOSA_{k.upper()}": v for k, v in facts.items() if isinstance(v, str)}
    return {**single, "LSTOSA_FACTS": json.dumps(facts)}


def tell(event: Event, options: notify) -> None:
    """Run the command, without a shell.

    Raises
    ------
    OSError
        If it cannot be run, takes too long, or does not end with 0.
    """
    words = shlex.split(options.command)
    try:
        done = subprocess.run(
            words,
            input=event.message.encode(),
            env={**os.environ, **environment_of(event)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=options.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{words[0]} does not end within {options.timeout:g} s") from None
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip().splitlines()
        last = f": {said[-1]}" if said else ""
        raise OSError(f"{words[0]} ends with {done.returncode}{last}")
