"""Progress of a pretraining: beside the loss, how many examples are seen a second."""

from __future__ import annotations

import time

from transferium.system.display import Display


class Pace(Display):
    """Another display, whose figures end with the examples a second since training began, at ``batch_size`` a step."""

    def __init__(self, whole: Display, batch_size: int) -> None:
        self.whole, self.batch_size = whole, batch_size
        self.begun: dict[str, tuple[float, int]] = {}
        self.rates: dict[str, float] = {}

    @classmethod
    def of(cls, whole: Display | None, batch_size: int) -> Pace | None:
        """A pace over ``whole``, or None where nobody looks."""
        return None if whole is None else cls(whole, batch_size)

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        began, first = self.begun.setdefault(what, (now, done))
        if done > first and now > began:
            self.rates[what] = self.batch_size * (done - first) / (now - began)
        self.whole(what, done, total)

    def due(self) -> bool:
        return self.whole.due()

    def figures(self, what: str, text: str) -> None:
        pace = f", {self.rates[what]:,.0f} examples a second" if what in self.rates else ""
        self.whole.figures(what, text + pace)
