"""Numbers that hyper-parameters may be; what is wrong is said with its name."""

from __future__ import annotations

import math

from transferium.errors import InputError


def at_least(name: str, value: float | None, least: float) -> None:
    """Raise ``InputError`` for a number below ``least``, and for an infinite one; None is no number."""
    if value is not None and not least <= value < math.inf:
        end = ", and finite" if value == math.inf else ""
        raise InputError(f"{name} must be at least {least}{end}; it was {value}.")


def between(name: str, value: float, low: float, high: float, *, ends: str) -> None:
    """Raise ``InputError`` outside ``low`` to ``high``; ``ends`` says which of the two belong: ``"[)"`` or ``"(]"``."""
    if not (low < value < high or (ends[0] == "[" and value == low) or (ends[1] == "]" and value == high)):
        words = f"{'from' if ends[0] == '[' else 'above'} {low} {'up to' if ends[1] == ']' else 'to below'} {high}"
        raise InputError(f"{name} lies {words}; it was {value}.")
