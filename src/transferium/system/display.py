"""What a user who waits is shown: a bar where somebody looks, else a line every ten seconds, as for a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it is done, and how much there is."""
EVERY_S, FIGURES_S = 10.0, 1.0


def somebody_looks() -> bool:
    """Whether standard error is a terminal, or this is a notebook."""
    return in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules


class Display:
    """Progress on standard error; call it as ``Progress`` says.

    With ``bars``, one bar at a time, for what takes longer than a second. Without, at most one line every ten seconds
    with the share that is done and the time that is left, and what cannot be divided is announced at once. What is
    ``at_work`` and counts nothing is named with the time that it has taken so far.
    """

    def __init__(self, bars: bool) -> None:
        self.bars = bars
        self._drawn: dict[str, Any] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._figures: dict[str, str] = {}
        self._printed = time.monotonic()
        self._asked = time.monotonic()
        self._working: list[tuple[str, float]] = []
        self._waiting: Any = None
        self._lock = threading.RLock()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        with self._lock:
            (self._draw if self.bars else self._print)(what, done, total)
            if done >= total:
                self._began.pop(what, None)
                self._figures.pop(what, None)

    def at_work(self, what: str) -> AbstractContextManager[None]:
        """Name ``what`` while it lasts, whenever nothing else has been shown for a while; the innermost is named.

        An empty name is of what waits for others, as a server does: nothing is said while it lasts.
        """
        return self._at_work(what)

    @contextmanager
    def _at_work(self, what: str) -> Iterator[None]:
        with self._lock:
            self._close_waiting()
            self._working.append((what, time.monotonic()))
            first = len(self._working) == 1
        ended = threading.Event()
        clock = threading.Thread(target=self._remind_until, args=(ended,), daemon=True)
        if first:
            clock.start()
        try:
            yield
        finally:
            with self._lock:
                self._working.pop()
                self._close_waiting()
            if first:
                ended.set()
                clock.join()

    def _remind_until(self, ended: threading.Event) -> None:
        while not ended.wait(FIGURES_S):
            self.remind()

    def remind(self) -> None:
        """Name what is at work, if nothing has been shown for ten seconds; in a terminal, keep the clock running."""
        with self._lock:
            what, began = self._working[-1] if self._working else ("", 0.0)
            if not what:
                return
            now = time.monotonic()
            if self.bars:
                self._keep_running(what, now - began)
            elif now - self._printed >= EVERY_S:
                self._printed = now
                print(f"{what}: at work for {said_time(now - began)}", file=sys.stderr, flush=True)

    def _keep_running(self, what: str, seconds: float) -> None:
        from tqdm.auto import tqdm

        for bar in self._drawn.values():
            bar.refresh()
        if self._drawn or seconds < FIGURES_S:
            return
        if self._waiting is None:
            self._waiting = tqdm(bar_format="{desc}", leave=False, file=sys.stderr)
        self._waiting.set_description_str(f"{what}: at work for {said_time(seconds)}")

    def _close_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def due(self) -> bool:
        """Whether new figures are wanted: a second after the last ones."""
        return time.monotonic() - self._asked >= FIGURES_S

    def figures(self, what: str, text: str) -> None:
        """Figures of work under way, such as the loss; they are shown with its progress."""
        self._asked = time.monotonic()
        self._figures[what] = text
        if what in self._drawn:
            self._drawn[what].set_postfix_str(text, refresh=False)

    def within(self, part: str) -> Display:
        """The same display for one part of the work: its name stands before what is done there."""
        return _Part(self, part)

    def _draw(self, what: str, done: int, total: int) -> None:
        from tqdm.auto import tqdm

        bar = self._drawn.get(what)
        if bar is None and done >= total:
            return
        self._close_waiting()
        if bar is None or bar.total != total:
            # What cannot be divided, or says that it begins, is announced at once; a bar of many steps may be over
            # before anyone looks.
            delay = 0 if total == 1 or done == 0 else 1
            bar = self._drawn[what] = tqdm(total=total, desc=what, delay=delay, leave=False, file=sys.stderr)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            self._drawn.pop(what)

    def _print(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        began, first = self._began.setdefault(what, (now, done))
        at_once = total == 1 and done == 0
        if not at_once and (done >= total or now - self._printed < EVERY_S):
            return
        self._printed = now
        words = what
        if not at_once:
            words += f": {done:,} of {total:,} ({100 * done // total} %)"
        if done > first:
            words += f", about {said_time((now - began) * (total - done) / (done - first))} left"
        figures = self._figures.get(what, "")
        print("; ".join(filter(None, [words, figures])), file=sys.stderr, flush=True)


def at_work(progress: Progress | None, what: str) -> AbstractContextManager[None]:
    """``Display.at_work`` where ``progress`` is one, which work that counts nothing is not seen by otherwise."""
    return progress.at_work(what) if isinstance(progress, Display) else nullcontext()


def display(verbose: bool | None) -> Display | None:
    """The progress of a call from Python; None shows it in notebooks alone."""
    return Display(bars=somebody_looks()) if (in_notebook() if verbose is None else verbose) else None


class _Part(Display):
    """A display that shows all through another one, with a name before it."""

    def __init__(self, whole: Display, part: str) -> None:
        self.whole, self.part = whole, part

    def __call__(self, what: str, done: int, total: int) -> None:
        self.whole(f"{self.part}: {what}", done, total)

    def at_work(self, what: str) -> AbstractContextManager[None]:
        return self.whole.at_work(f"{self.part}: {what}")

    def due(self) -> bool:
        return self.whole.due()

    def figures(self, what: str, text: str) -> None:
        self.whole.figures(f"{self.part}: {what}", text)


def said_time(seconds: float) -> str:
    """A duration in words.

    >>> said_time(40), said_time(200), said_time(5400)
    ('40 s', '3 min', '1.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
