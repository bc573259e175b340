"""Numbers that hyper-parameters may be; what is wrong is said with its name."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from numbers import Integral, Real
from typing import Any

from transferium.errors import InputError, TransferiumWarning, did_you_mean


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


def require_choice(what: str, given: str, choices: Iterable[str]) -> None:
    """Raise ``InputError`` unless ``given`` is one of ``choices``."""
    legal = list(choices)
    if given not in legal:
        raise InputError(f"{what} cannot be {given!r}. {did_you_mean(given, legal)}")


BELOW_1 = {"below": 1}
SHARE = {"above": 0, "most": 1}

_ENDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "least": ("at least {}", operator.ge),
    "above": ("above {}", operator.gt),
    "most": ("at most {}", operator.le),
    "below": ("below {}", operator.lt),
}
"""The ends that a field's ``bounds`` may give, how each is said, and what it asks."""


def check_numbers(settings: Any) -> None:
    """Raise ``InputError`` for a number in a dataclass of settings that is not finite, or that its field rules out.

    A field says by ``metadata["bounds"]`` what it may be, as in ``{"least": 0, "below": 1}``. Where that gives no lower
    end, a search range does: whole numbers from 1 or more are at least 1, and whatever is searched from 0 or more is
    at least 0.
    """
    for field in fields(settings):
        for number in _numbers(getattr(settings, field.name)):
            _check(field.name, number, bounds_of(field.metadata))
            if _takes_whole(field) and not isinstance(number, Integral):
                raise InputError(f"{field.name} must be a whole number; it was {number}.")


def bounds_of(metadata: Mapping[str, Any]) -> dict[str, float]:
    """The ends of what a field may be, by their names.

    >>> bounds_of({"range": (0.5, 0.99), "bounds": {"below": 1}})
    {'least': 0, 'below': 1}
    """
    given: dict[str, float] = dict(metadata.get("bounds") or {})
    span: Sequence[Any] = metadata.get("range") or ()
    if given.keys() & {"least", "above"} or len(span) != 2 or not all(_is_number(end) for end in span) or span[0] < 0:
        return given
    return {"least": 1 if isinstance(span[0], int) and span[0] >= 1 else 0, **given}


def _takes_whole(field: Field[Any]) -> bool:
    return "int" in str(field.type) and "float" not in str(field.type)


def _check(name: str, number: float, ends: Mapping[str, float]) -> None:
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number; it was {number}.")
    if not all(_ENDS[kind][1](number, end) for kind, end in ends.items()):
        words = " and ".join(_say(kind, end) for kind, end in ends.items())
        raise InputError(f"{name} must be {words}; it was {number}.")


def _say(kind: str, end: float) -> str:
    return "0 or more" if (kind, end) == ("least", 0) else _ENDS[kind][0].format(end)


def _numbers(value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, (tuple, list)) else (value,):
        if _is_number(item):
            yield item


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
