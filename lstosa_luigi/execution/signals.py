"""Signals that end the command in order: every command is ended, nothing half-made is left."""

from __future__ import annotations

__all__ = ["Ended", "exit_code_of", "name_of", "raise_at_end"]

import signal
import threading
from collections.abc import Callable
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Ask a process to end, as Ctrl-C (SIGINT) does; by default it would end on the spot."""


class Ended(KeyboardInterrupt):
    """Somebody told the process to end. Luigi lets a KeyboardInterrupt pass everywhere."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def raise_at_end() -> Callable[[], None]:
    """Let the signals that end a process raise :class:`Ended`.

    Returns
    -------
    callable
        Puts back what was before.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None  # only the main thread may choose

    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in ENDING}

    def undo() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return undo


def name_of(interrupt: KeyboardInterrupt) -> str:
    """Say in a word what happened."""
    return "Told to end" if isinstance(interrupt, Ended) else "Interrupted"


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code that a shell shows for a process that a signal ended."""
    return 128 + (interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT)
