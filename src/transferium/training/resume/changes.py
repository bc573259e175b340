"""The differences between an interrupted run and the run that resumes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transferium.errors import InputError
from transferium.system.program import change_of_program

HARMLESS = ("workers",)
"""Settings of a method that change nothing in the result."""
FIRST = ("method", "backbone", "preprocessing", "stream", "training examples", "held out", "seed")
"""What the user gave. Where the method changed, the rest follows from it and is not shown."""
MOST = 6
"""The most differences that one message shows."""


def differences(before: Any, after: Any, name: str = "") -> list[str]:
    """Every leaf that differs, as ``name old → new``; dictionaries are entered, lists are leaves.

    Where two things have different names, such as two methods, only the names are listed.

    >>> differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})
    ['b.c 2 → 3']
    >>> differences({"b": {"name": "x", "c": 2}}, {"b": {"name": "y", "d": 3}})
    ['b.name x → y']
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        if name and before.get("name") != after.get("name"):
            return differences(before.get("name"), after.get("name"), f"{name}.name")
        keys = [key for key in sorted(before.keys() | after.keys()) if key not in HARMLESS]
        return [
            line
            for key in keys
            for line in differences(before.get(key), after.get(key), f"{name}.{key}" if name else str(key))
        ]
    return [f"{name} {_short(before)} → {_short(after)}"]


def refuse_changes(saved: dict[str, Any], now: dict[str, Any], folder: Path, begun_by: str | None) -> None:
    """Raise ``InputError`` where a stage is not the one that was interrupted, naming what differs.

    Where the run was begun by another program (``begun_by``), a new setting or default may be what differs, and nothing
    that the user gave.
    """
    changed = differences(saved, json.loads(json.dumps(now)))
    if not changed:
        return
    start = f"the interrupted run in {folder} cannot be resumed"
    if program := change_of_program(begun_by):
        raise InputError(
            f"{start}: this program has changed since ({program}), and what differs may come of that and not of what "
            f"you gave: {listed(changed)}. Go on with the program that began it, or name another folder, or give "
            "--restart (restart=True) to throw it away and begin anew."
        )
    raise InputError(
        f"{start}: {listed(changed)}. Give the same data, backbone and options to go on, another folder to begin "
        "beside it, or --restart (restart=True) to throw it away."
    )


def listed(changed: list[str]) -> str:
    """Up to ``MOST`` differences in a row, what the user gave first."""
    shown = sorted(changed, key=lambda line: not line.startswith(FIRST))
    if any(line.startswith("method") for line in changed):
        shown = [line for line in changed if line.startswith(FIRST)]
    more = len(shown) - MOST
    return "; ".join(shown[:MOST]) + (f"; and {more} more" if more > 0 else "")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
