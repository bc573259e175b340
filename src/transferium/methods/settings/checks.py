"""The values that hyper-parameters may have; an error names the wrong setting."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from transferium.errors import InputError, TransferiumWarning, did_you_mean
from transferium.methods.settings.field import declared


def warn_of_batch(batch_size: int, n: int, default: int) -> None:
    """Warn of a batch that was chosen larger than the ``n`` examples there are."""
    if batch_size > n and batch_size != default:
        words = f"batch_size={batch_size} is more than the {n} examples there are to train on: every step sees all {n}."
        warnings.warn(words, TransferiumWarning, stacklevel=3)


BELOW_1 = {"below": 1}
SHARE = {"above": 0, "most": 1}
RATE: dict[str, float] = {}
"""No ends: of a learning rate, ``check_rate`` says which one to take instead."""

_ENDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "least": ("at least {}", operator.ge),
    "above": ("above {}", operator.gt),
    "most": ("at most {}", operator.le),
    "below": ("below {}", operator.lt),
}
"""The ends that a field's ``bounds`` may give, how each is said, and what it asks."""
_NUMBERS = {"int", "float", "None"}
_SEVERAL = ("tuple[int, ...]", "tuple[float, ...]")


def check_values(settings: Any) -> None:
    """Raise ``InputError`` for a value in a dataclass of settings that its field rules out, and for an infinite number.

    A field says by ``metadata["bounds"]`` what numbers it may hold, as in ``{"least": 0, "below": 1}``. Where that
    gives no lower end, a search range does: whole numbers from 1 or more are at least 1, and whatever is searched from
    0 or more is at least 0. Texts are one of ``metadata["choices"]``, where there are any. None is legal where the type
    names it.
    """
    metadata = declared(type(settings))
    for field in fields(settings):
        said, types, value = metadata[field.name], str(field.type), getattr(settings, field.name)
        if value is None and "None" in types:
            continue
        if set(types.split(" | ")) <= _NUMBERS and not _is_number(value):
            raise InputError(f"{field.name} takes {types.replace(' | ', ' or ')}; it was given {value!r}.")
        if said.get("choices") and value not in said["choices"]:
            raise InputError(f"{field.name} cannot be {value!r}. {did_you_mean(str(value), said['choices'])}")
        values = list(value) if types.startswith("tuple[") else [value]
        if types in _SEVERAL and not values:
            raise InputError(f"{field.name} takes one number or more, with commas between; it was given none.")
        for number in filter(_is_number, values):
            if said.get("bounds") != RATE:
                _check(field.name, number, bounds_of(said), none="None" in types)
            if "int" in types and "float" not in types and not isinstance(number, Integral):
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


def _check(name: str, number: float, ends: Mapping[str, float], *, none: bool) -> None:
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number; it was {number}.")
    if not all(_ENDS[kind][1](number, end) for kind, end in ends.items()):
        words = " and ".join(_say(kind, end) for kind, end in ends.items())
        raise InputError(f"{name} must be {words}{', or none' if none else ''}; it was {number}.")


def _say(kind: str, end: float) -> str:
    return "0 or more" if (kind, end) == ("least", 0) else _ENDS[kind][0].format(end)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
