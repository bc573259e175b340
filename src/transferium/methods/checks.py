"""Numbers that hyper-parameters may be; what is wrong is said with its name."""

from __future__ import annotations

import math
import warnings

from transferium.errors import InputError, TransferiumWarning


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


def warn_of_batch(batch_size: int, n: int, default: int) -> None:
    """Warn of a batch that was chosen larger than the ``n`` examples there are."""
    if batch_size > n and batch_size != default:
        words = f"batch_size={batch_size} is more than the {n} examples there are to train on: every step sees all {n}."
        warnings.warn(words, TransferiumWarning, stacklevel=3)
