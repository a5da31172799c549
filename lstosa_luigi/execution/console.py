"""What the command prints while it works: one line a product, and a progress bar on a terminal."""

from __future__ import annotations

__all__ = ["Console", "human_size"]

import datetime
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from lstosa_luigi.execution.backend import Outcome


def human_size(size: int) -> str:
    """Return bytes as people read them: ``3.4 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


class Console:
    """Prints to one stream; the bar is drawn only if it is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: Any = None
        self._done = 0

    def expect(self, products: int) -> None:
        """Set how many products are to be made in all, as far as is known."""
        if not products or not self._stream.isatty():
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=products,
                initial=self._done,
                file=self._stream,
                unit="product",
                dynamic_ncols=True,
                leave=False,
                bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
            )
        self._bar.total = products
        self._bar.refresh()

    def at_work(self, titles: Sequence[str]) -> None:
        """Show what is being made."""
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(titles))

    def product(self, title: str, outcome: Outcome) -> None:
        """Print the line of a product that was made, or was not."""
        began = datetime.datetime.fromtimestamp(outcome.began, datetime.timezone.utc)
        when = f"{began:%H:%M:%S} {outcome.seconds:7.1f} s"
        if outcome.done:
            self.say(f"{when} {human_size(outcome.size):>9}  {title}")
            self._done += 1
            if self._bar is not None:
                self._bar.update(1)
            return
        self.say(f"{when}    FAILED  {title}: {outcome.cause}")
        if outcome.detail:
            self.say("\n".join(f"    | {line}" for line in outcome.detail.splitlines()))
        self.say(f"    log: {outcome.log}")

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
