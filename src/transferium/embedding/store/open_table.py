"""One space of the feature store, open during one run: the run goes on even if the space fails."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from transferium.embedding.store.table import Row, Space, space_files

T = TypeVar("T")
_DAMAGED = re.compile("malformed|not a database|corrupt|no such (table|column)")
_AT_ONCE = 2000


class OpenSpace:
    """Reads and writes that never raise; ``say(what, message)`` is called once for each kind of failure."""

    def __init__(self, path: Path, make: Callable[[], Space], limit: int, say: Callable[[str, str], None]) -> None:
        self.path, self._make, self._limit, self._say = path, make, limit, say
        self._full = False
        self._space: Space | None = None
        try:
            self._space = make()
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        with suppress(OSError):
            os.utime(path)

    @property
    def works(self) -> bool:
        """Whether what was written can be read again."""
        return self._space is not None and not self._full

    def read(self, keys: Sequence[str]) -> Iterator[Row]:
        """The rows that are stored and whole, a part at a time."""
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            yield from self._attempt(partial(_read, part)) or ()

    def write(self, rows: Sequence[Row]) -> None:
        """Store rows, all or none of them."""
        if not rows or not self.works:
            return
        if self._bytes() > self._limit:
            self._full = True
            self._say(
                "limit",
                f"the feature store's limit of {self._limit:,} bytes is reached by one backbone alone; the rest of "
                "this run's features are not kept. Raise TRANSFERIUM_STORE_LIMIT to keep them.",
            )
            return
        self._attempt(lambda space: space.write(rows))

    def close(self) -> None:
        """Close the file."""
        if self._space is not None:
            with suppress(sqlite3.Error):
                self._space.close()
        self._space = None

    def _bytes(self) -> int:
        with suppress(OSError):
            return sum(file.stat().st_size for file in space_files(self.path))
        return 0

    def _attempt(self, action: Callable[[Space], T]) -> T | None:
        if self._space is None:
            return None
        try:
            return action(self._space)
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        self.close()
        if not (_DAMAGED.search(str(error)) and self._begin_anew(error)):
            self._give_up(error)

    def _begin_anew(self, error: Exception) -> bool:
        """Set the damaged file aside and begin another; False where even that is not possible."""
        aside = self.path.with_name(f"{self.path.stem}.damaged-{time.time_ns()}")
        try:
            self.path.rename(aside)
            for file in space_files(self.path):
                file.unlink()
            self._space = self._make()
        except (sqlite3.Error, OSError):
            return False
        self._say("damaged", f"the stored features in {self.path} are damaged ({error}): set aside as {aside.name}.")
        return True

    def _give_up(self, error: Exception) -> None:
        full = "full" in str(error) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else str(error)
        self._say("lost", f"features are not stored in {self.path.parent}: {why}. The run goes on without.")


def _read(keys: Sequence[str], space: Space) -> list[Row]:
    return list(space.read(keys))
