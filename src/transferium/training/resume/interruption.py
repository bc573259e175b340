"""Interruption by SIGTERM or Ctrl-C: the step under way is finished and saved, then the process ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from transferium.errors import Terminated

ASKED = (signal.SIGTERM, signal.SIGINT)


@dataclass(eq=False)
class Stop:
    """The signal that asked the run to end; 0 while there was none."""

    asked: int = field(default=0)


def leave(asked: int) -> NoReturn:
    """End as the signal would have: ``KeyboardInterrupt`` for Ctrl-C, else ``Terminated`` (exit code 143)."""
    if asked == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated


def asked_to_end(error: BaseException) -> int | None:
    """The signal that asked the process to end, where it caused ``error``; else None.

    Interrupted code may raise an error of its own: Python 3.11 does so while a class is being made.
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return signal.SIGINT
        if isinstance(behind, Terminated):
            return signal.SIGTERM
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    return None


@contextmanager
def soft_interruption() -> Iterator[Stop]:
    """Note the first SIGTERM or Ctrl-C instead of ending by it, in the main thread; the second ends at once.

    The code in the block ends when its state is saved; if it has not ended by the end of the block, because nothing was
    left to stop, the process ends then. A signal that is ignored (in a background job, say) stays ignored.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, _frame: object) -> None:
        if stop.asked:
            leave(number)
        stop.asked = number

    before = {number: signal.getsignal(number) for number in ASKED}
    noted = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in noted:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number in noted:
            signal.signal(number, before[number])
    if stop.asked:
        leave(stop.asked)
