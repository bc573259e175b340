"""A stopwatch: seconds of each step by name, which is shown to who waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from transferium.system.display import Progress, at_work


@dataclass
class Stopwatch:
    """Seconds by name; ``total`` counts from the start. ``progress`` names the step that is under way."""

    progress: Progress | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            with at_work(self.progress, name):
                yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def as_dict(self) -> dict[str, float]:
        """All laps and the total, rounded to milliseconds."""
        laps = self.seconds | {"total": time.perf_counter() - self.started}
        return {name: round(value, 3) for name, value in laps.items()}
