"""Which numbers a setting may be: finite ones, from where its search range or its own word says."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from numbers import Integral, Real
from typing import Any

from transferium.errors import InputError

BELOW_1 = {"below": 1}
SHARE = {"above": 0, "most": 1}

_ENDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "least": ("at least {}", operator.ge),
    "above": ("above {}", operator.gt),
    "most": ("at most {}", operator.le),
    "below": ("below {}", operator.lt),
}
"""The ends that a field's ``legal`` may give, how each is said, and what it asks."""


def check_numbers(settings: Any) -> None:
    """Raise ``InputError`` for a number in a dataclass of settings that is not finite, or that its field rules out.

    A field says by ``metadata["legal"]`` what it may be, as in ``{"least": 0, "below": 1}``. Where that gives no lower
    end, a search range does: whole numbers from 1 or more are at least 1, and whatever is searched from 0 or more is
    at least 0.
    """
    for field in fields(settings):
        for number in _numbers(getattr(settings, field.name)):
            _check(field.name, number, legal_ends(field.metadata))
            if _takes_whole(field) and not isinstance(number, Integral):
                raise InputError(f"{field.name} must be a whole number; it was {number}.")


def legal_ends(metadata: Mapping[str, Any]) -> dict[str, float]:
    """The ends of what a field may be, by their names.

    >>> legal_ends({"range": (0.5, 0.99), "legal": {"below": 1}})
    {'least': 0, 'below': 1}
    """
    given: dict[str, float] = dict(metadata.get("legal") or {})
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
