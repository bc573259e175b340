"""One file of features: everything that one backbone, with one preprocessing, on one engine, has ever computed."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT, engine TEXT, width INTEGER);
CREATE TABLE IF NOT EXISTS features (
  key BLOB PRIMARY KEY, vector BLOB, checksum INTEGER NOT NULL, reason TEXT, created REAL NOT NULL
);
"""
_ASK = 500  # keys per question: below every build's limit on variables


@dataclass(frozen=True)
class Row:
    """The stored row of one example: its features, or the reason why it has none."""

    key: str
    vector: NDArray[np.floating[Any]] | None
    reason: str | None = None


class Space:
    """A SQLite file, written ahead (WAL) so that runs may share it and a killed one leaves it whole.

    Every row carries a checksum of its key and content (those of before, of the content alone); one that does not fit
    is reported to ``on_damage`` and treated as absent. Rows are ``dtype`` numbers, ``width`` of them (0: each row has a
    length of its own).
    Errors of SQLite pass through: what they mean is for the store to say.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        engine: str,
        width: int,
        on_damage: Callable[[int], None],
        dtype: str = "float32",
    ) -> None:
        self.path, self.width, self.on_damage, self.dtype = path, width, on_damage, np.dtype(dtype)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        try:
            self._db.executescript(
                "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                "PRAGMA wal_autocheckpoint=256;" + _SCHEMA
            )
            if self._db.execute("SELECT count(*) FROM about").fetchone()[0] == 0:
                self._db.execute("INSERT INTO about VALUES (?, ?, ?)", (name, engine, width))
        except sqlite3.Error:
            self._db.close()
            raise

    def __enter__(self) -> Space:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def read(self, keys: Sequence[str]) -> Iterator[Row]:
        """The rows that are here, in no particular order."""
        damaged = 0
        for start in range(0, len(keys), _ASK):
            asked = [bytes.fromhex(key) for key in keys[start : start + _ASK]]
            marks = ",".join("?" * len(asked))
            found = self._db.execute(
                f"SELECT key, vector, checksum, reason FROM features WHERE key IN ({marks})", asked
            )
            for key, vector, checksum, reason in found:
                content = vector if vector is not None else str(reason).encode()
                whole = checksum in (zlib.crc32(content, zlib.crc32(key)), zlib.crc32(content))
                if not whole or (vector is not None and self.width and len(vector) != self.dtype.itemsize * self.width):
                    damaged += 1
                    continue
                features = None if vector is None else np.frombuffer(vector, self.dtype)
                yield Row(key.hex(), features, reason)
        if damaged:
            self.on_damage(damaged)

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows in one transaction: all of them or none."""
        now = time.time()
        values = []
        for row in rows:
            vector = None if row.vector is None else np.ascontiguousarray(row.vector, self.dtype).tobytes()
            key = bytes.fromhex(row.key)
            checksum = zlib.crc32(vector if vector is not None else str(row.reason).encode(), zlib.crc32(key))
            values.append((key, vector, checksum, row.reason, now))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?)", values)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def describe_space(path: Path) -> dict[str, object]:
    """Name, engine, width and number of examples of a space file; ``sqlite3.Error`` where it is damaged."""
    with closing(sqlite3.connect(path, timeout=5)) as db:
        name, engine, width = db.execute("SELECT name, engine, width FROM about").fetchone() or ("?", "?", 0)
        examples = db.execute("SELECT count(*) FROM features").fetchone()[0]
    return {"name": name, "engine": engine, "width": width, "examples": examples}


def space_files(path: Path) -> list[Path]:
    """The files of a space: the database and what it writes ahead."""
    every = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]
    return [file for file in every if file.exists()]
