"""The settings and ranges of a search: declared by methods beside their defaults, or given by the user instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transferium.errors import InputError, did_you_mean

_DECADES = 2.0
"""A positive range this many powers of ten wide, or wider, is searched on a logarithmic axis."""


@dataclass(frozen=True)
class Dial:
    """One setting: whole numbers or numbers from ``low`` to ``high``, or one of ``choices``."""

    name: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def logarithmic(self) -> bool:
        """Whether equal steps multiply.

        >>> Dial("lr", 1e-5, 1e-2).logarithmic, Dial("share", 0.0, 1.0).logarithmic
        (True, False)
        """
        return not self.choices and self.low > 0 and self.high / self.low >= 10**_DECADES * (1 - 1e-9)

    def to_json(self) -> list[Any]:
        """Name and range, plain."""
        return [self.name, *(self.choices or (self.low, self.high))]


def find_dials(
    settings: Sequence[Mapping[str, Any]], asked: Sequence[str], default: Sequence[str] = ()
) -> tuple[Dial, ...]:
    """The dials of a search over a method's ``settings`` (records with ``name``, ``default`` and ``range``).

    ``asked`` holds names, which take the declared range, and ``name=low:high`` or ``name=a,b,c``
    (texts, read as the setting's type when a method is made). Where nothing is
    asked, ``default`` names the dials; where that is empty too, everything with a range is one.

    >>> find_dials([{"name": "lr", "default": 1e-3, "range": (1e-4, 1e-2)}], ["lr=1e-5:1e-3"])
    (Dial(name='lr', low=1e-05, high=0.001, whole=False, choices=()),)
    """
    known = {str(s["name"]): s for s in settings}
    declared = [name for name, s in known.items() if s.get("range") is not None]
    wanted = list(asked) or [name for name in default if name in declared] or declared
    dials = [_dial(text, known, declared) for text in wanted]
    twice = {d.name for d in dials if sum(e.name == d.name for e in dials) > 1}
    if twice:
        raise InputError(f"--search names {sorted(twice)} more than once.")
    if not dials:
        raise InputError("this method declares no range to search; give one, as in --search lr=1e-4:1e-2.")
    return tuple(dials)


def _dial(text: str, known: Mapping[str, Mapping[str, Any]], declared: Sequence[str]) -> Dial:
    name, equals, span = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in known:
        raise InputError(f"there is no setting {name!r} to search. {did_you_mean(name, declared)}")
    if not equals:
        if name not in declared:
            raise InputError(f"setting {name!r} declares no range: give one, as in --search {name}=1:10.")
        return _from_range(name, known[name]["range"])
    low, colon, high = span.partition(":")
    if not colon:
        return Dial(name, choices=tuple(choice.strip() for choice in span.split(",")))
    try:
        ends = float(low), float(high)
    except ValueError as error:
        raise InputError(f"--search {text!r} is not a range; write {name}=low:high or {name}=a,b,c.") from error
    if not ends[0] < ends[1]:
        raise InputError(f"--search {text!r}: the lower end must come first and be less than the upper.")
    whole = isinstance(known[name]["default"], int) and not isinstance(known[name]["default"], bool)
    return Dial(name, *ends, whole=whole)


def _from_range(name: str, given: Sequence[Any]) -> Dial:
    numbers = [v for v in given if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(given) != 2 or len(numbers) != 2:
        return Dial(name, choices=tuple(given))
    return Dial(name, float(given[0]), float(given[1]), whole=all(isinstance(v, int) for v in given))
