"""A progress bar for work longer than a second; none where the output is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from transferium.system.processes import rank


def terminal_progress() -> Callable[[str, int, int], None] | None:
    """A function of (what, done, all) that draws one bar at a time on standard error; None without a terminal."""
    if rank() > 0 or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    reason_to_exclude: dict[str, tqdm[None]] = {}

    def show(what: str, done: int, total: int) -> None:
        bar = reason_to_exclude.get(what)
        if bar is None and done >= total:
            return
        if bar is None or bar.total != total:
            # What cannot be divided, or says that it begins, is announced at once; a bar of many steps may be over
            # before anyone looks.
            delay = 0 if total == 1 or done == 0 else 1
            bar = reason_to_exclude[what] = tqdm(total=total, desc=what, delay=delay, leave=False, file=sys.stderr)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            reason_to_exclude.pop(what)

    return show
