"""``transferium methods`` for a reader: what many methods share is printed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SHARED = ("finetune", "source-network")
"""Methods whose settings are shared by others."""


def printed(described: Sequence[dict[str, Any]]) -> str:
    """Each method with its settings; of those it shares with one of ``SHARED``, only what differs."""
    settings = {method["name"]: method["settings"] for method in described}
    return "\n".join(_block(method, settings) for method in described)


def _block(method: dict[str, Any], settings: dict[str, list[dict[str, Any]]]) -> str:
    name, own = method["name"], method["settings"]
    root = next((s for s in SHARED if s != name and s in settings and _names(settings[s]) <= _names(own)), None)
    shared = [] if root is None else [(s["name"], s["default"]) for s in settings[root]]
    rows = [(f"  --set {s['name']}={s['default']}", s["help"]) for s in own if (s["name"], s["default"]) not in shared]
    lines = [f"{name}: {method['summary']}", *(f"{setting:<34} {text}" for setting, text in rows)]
    if root is not None:
        lines.append(f"  and {'the other' if rows else 'the'} settings of {root}")
    return "\n".join([*lines, ""])


def _names(settings: Sequence[dict[str, Any]]) -> set[str]:
    return {s["name"] for s in settings}
