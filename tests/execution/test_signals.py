"""Signals that end the command in order."""

import os
import signal
import threading

import pytest

from lstosa_luigi.execution.signals import Ended, exit_code_of, name_of, raise_at_end


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_becomes_an_interrupt_with_the_exit_code_of_a_shell(number, code):
    before = signal.getsignal(number)
    undo = raise_at_end()
    try:
        with pytest.raises(KeyboardInterrupt) as interrupt:
            os.kill(os.getpid(), number)
        assert exit_code_of(interrupt.value) == code
        assert name_of(interrupt.value) == "Told to end"
    finally:
        undo()
    assert signal.getsignal(number) == before


def test_ctrl_c_keeps_its_own_exit_code():
    assert exit_code_of(KeyboardInterrupt()) == 130
    assert name_of(KeyboardInterrupt()) == "Interrupted"
    assert issubclass(Ended, KeyboardInterrupt)


def test_other_threads_leave_the_signals_alone():
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: raise_at_end()())
    thread.start()
    thread.join(10)
    assert signal.getsignal(signal.SIGTERM) == before
