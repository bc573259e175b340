"""The log of a run as JSON lines: one object for each step and each event, in ``log.jsonl``."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from transferium.errors import TransferiumWarning
from transferium.system.write_atomically import write_atomically

LOG = "log.jsonl"
EVERY_S = 1.0


class Journal:
    """The log of a run. Lines are written at most once a second, and with every checkpoint.

    A step's line holds ``time``, ``stage``, ``number`` (of the stage, from 0), ``step``, ``epoch``, ``lr``, every term
    and, where an epoch ended, the ``val_`` scores. An event's line holds ``time``, ``event`` and what belongs to it.
    A value that is no number (NaN, infinity) is null: the lines are strict JSON.

    After an interruption :meth:`resume` brings the file to the checkpoint, so that each step has one line, whatever was
    written or lost after it. Events stay: they did happen.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG
        self.waiting: list[str] = []
        self.told = 0
        self.last = time.monotonic()
        self.failed = False
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            # The last line was cut by a kill: it goes.
            self._replace([line for line in _lines(self.path) if _read(line) is not None])

    def due(self) -> bool:
        """Whether a second has passed since lines were last written."""
        return time.monotonic() - self.last >= EVERY_S

    def event(self, what: str, facts: Mapping[str, Any] | None = None) -> None:
        """Something other than a step, written at once."""
        self.waiting.append(_line({"event": what, **(facts or {})}))
        self.flush()

    def open_stage(self, number: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Begin stage ``number``, of which ``rows`` are done: bring the file to that, and count on from there."""
        self.flush()
        lines, have = [], set()
        for line in _lines(self.path):
            entry = _read(line)
            if entry is None or ("step" in entry and "event" not in entry and not _before(entry, number, len(rows))):
                continue
            lines.append(line)
            if entry.get("number") == number and "event" not in entry:
                have.add(entry["step"])
        lost = [row for row in rows if row["step"] not in have]
        self.told = len(rows)
        self._replace(lines + [_line({"number": number, **row}) for row in lost])

    def steps(self, number: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take the rows of stage ``number`` that are new since the last time."""
        self.waiting += [_line({"number": number, **row}) for row in rows[self.told :]]
        self.told = len(rows)

    def flush(self) -> None:
        """Write what waits; where that fails it is kept for the next time, and said once."""
        self.last = time.monotonic()
        if not self.waiting:
            return
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in self.waiting))
            self.waiting = []
        except OSError as error:
            if self.path.exists():
                os.truncate(self.path, size)
            self._say(error)

    def _replace(self, lines: list[str]) -> None:
        if not lines and not self.path.exists():
            return
        try:
            write_atomically(self.path, "".join(f"{line}\n" for line in lines))
        except OSError as error:
            self._say(error)

    def _say(self, error: OSError) -> None:
        if not self.failed:
            warnings.warn(f"{self.path} could not be written: {error}.", TransferiumWarning, stacklevel=3)
        self.failed = True


def _before(entry: Mapping[str, Any], number: int, done: int) -> bool:
    return (entry["number"], entry["step"]) < (number, done)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _read(line: str) -> dict[str, Any] | None:
    """The entry of a line, or None for one that was cut in the middle."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None


def _line(entry: Mapping[str, Any]) -> str:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    strict = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in entry.items()}
    return json.dumps({"time": now, **strict}, ensure_ascii=False, allow_nan=False)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Every entry of a log, in order; a line that was cut by a kill is left out."""
    return [entry for line in _lines(path) if (entry := _read(line)) is not None]
