"""The feature store: no example is embedded twice. It may fail in any way without stopping a run."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from transferium.embedding.store.open_table import OpenSpace
from transferium.embedding.store.table import Space, describe_space, space_files
from transferium.errors import InputError, TransferiumWarning, did_you_mean
from transferium.models.backbone import Backbone
from transferium.system.cache_dir import home

LIMIT = 10 << 30
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class FeatureStore:
    """Features by (content, preprocessing, backbone, engine), one SQLite file for each of the last three together.

    ``home`` defaults to ``$TRANSFERIUM_HOME``; ``limit`` in bytes to ``$TRANSFERIUM_STORE_LIMIT`` or 10 GiB. Above it
    the spaces that were used least recently go first. A full disk, a read-only home or a damaged file give one
    ``TransferiumWarning``, and the run goes on without what was lost.
    """

    def __init__(self, home_: Path | None = None, *, limit: int | None = None) -> None:
        self.home = home_ or home()
        self.limit = limit if limit is not None else parse_size(os.environ.get("TRANSFERIUM_STORE_LIMIT", str(LIMIT)))
        self._said: set[str] = set()

    @property
    def folder(self) -> Path:
        return self.home / "features"

    @contextmanager
    def open(self, backbone: Backbone, engine: str, *, dtype: str = "float32") -> Iterator[OpenSpace]:
        """The space of one backbone on one engine, for reading and writing rows of ``dtype`` numbers."""
        preprocess = "" if backbone.preprocess is None else backbone.preprocess.fingerprint()
        words = "\n".join((backbone.fingerprint, preprocess, engine, str(backbone.width)))
        path = self.folder / f"{hashlib.sha256(words.encode()).hexdigest()[:40]}.sqlite"

        def make() -> Space:
            name, width = backbone.name, backbone.width if backbone.output == "pooled" else 0
            return Space(path, name=name, engine=engine, width=width, on_damage=self._damaged_rows, dtype=dtype)

        space = OpenSpace(path, make, self.limit, self.say)
        try:
            yield space
        finally:
            space.close()

    def _damaged_rows(self, count: int) -> None:
        self.say("rows", f"{count} stored feature rows in {self.folder} are damaged and are computed again.")

    def say(self, what: str, message: str) -> None:
        """Warn, once for each thing that can go wrong."""
        if what not in self._said:
            self._said.add(what)
            warnings.warn(message, TransferiumWarning, stacklevel=4)

    def spaces(self) -> list[dict[str, Any]]:
        """The spaces of the store, most recently used first: name, engine, width, examples, bytes, used, space."""
        rows = []
        for path, size, used in self._files():
            try:
                about = describe_space(path)
            except sqlite3.Error:
                about = {"name": "damaged", "engine": "", "width": 0, "examples": 0}
            stamp = datetime.fromtimestamp(used, timezone.utc).isoformat(timespec="seconds")
            rows.append({**about, "bytes": size, "used": stamp, "space": path.stem})
        return rows

    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(size for _, size, _ in self._files())

    def prune(self, what: str | int | None = None) -> int:
        """Remove ``"all"``, one backbone's spaces by name, or the least recently used down to a size; bytes freed."""
        before = self.size_bytes()
        if what == "all":
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.rmtree(self.home / "graphs", ignore_errors=True)
            return before
        names = {str(space["name"]) for space in self.spaces()}
        if isinstance(what, str) and what in names:
            chosen = {space["space"] for space in self.spaces() if space["name"] == what}
            for path, _, _ in self._files():
                if path.stem in chosen:
                    _remove(path)
            return before - self.size_bytes()
        if isinstance(what, str) and re.fullmatch(r"\s*[0-9.]+\s*", what):
            raise InputError(
                f"cannot prune to {what.strip()}: it has no unit, and as bytes it might remove all of "
                f"{', '.join(sorted(names)) or 'nothing'} ({before / 1e6:.1f} MB). Nothing was removed; write "
                f"{what.strip()}GB or {what.strip()}MB."
            )
        try:
            goal = self.limit if what is None else parse_size(str(what))
        except InputError:
            hint = did_you_mean(str(what), {*names, "all"})
            raise InputError(f"cannot prune {what!r}: give 'all', a size such as 500MB, or a name. {hint}") from None
        self._shrink(goal, keep=set())
        return before - self.size_bytes()

    def enforce_limit(self, keep: set[Path]) -> None:
        """Remove the least recently used spaces above the limit, but none of those in use by this run."""
        self._shrink(self.limit, keep)

    def _shrink(self, goal: int, keep: set[Path]) -> None:
        files = self._files()
        total = sum(size for _, size, _ in files)
        for path, size, _ in reversed(files):
            if total <= goal:
                return
            if path not in keep:
                _remove(path)
                total -= size

    def _files(self) -> list[tuple[Path, int, float]]:
        """(path, bytes, last use) of every space, most recently used first."""
        found = []
        for path in self.folder.glob("*.sqlite"):
            with suppress(OSError):
                size = sum(file.stat().st_size for file in space_files(path))
                found.append((path, size, path.stat().st_mtime))
        return sorted(found, key=lambda file: -file[2])


def parse_size(text: str) -> int:
    """Bytes of ``"500MB"``, ``"2 GiB"`` or ``"1000"``.

    >>> parse_size("2.5 MB")
    2500000
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)\s*", text.lower())
    if match is None or match[2] not in _UNITS:
        raise InputError(f"{text!r} is not a size: write a number of bytes, or 500MB, 2GB, 1GiB.")
    return int(float(match[1]) * _UNITS[match[2]])


def _remove(path: Path) -> None:
    for file in space_files(path):
        with suppress(OSError):
            file.unlink()
