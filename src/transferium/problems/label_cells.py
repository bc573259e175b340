"""Cells of a label column: the one form of each, which are missing, and in which order names of classes stand."""

from __future__ import annotations

import math
import re
import unicodedata
import warnings
from collections.abc import Hashable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from transferium.errors import DataError, TransferiumWarning

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,999})")
_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]{0,999})(\.[0-9]{0,999})?(e\+[0-9]{1,3})?")
_DIGITS = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_TRUTH = {"true": "True", "false": "False"}


def label_name(value: Any) -> str:
    """The one form of a label cell, whatever file or type it came from.

    Texts are in Unicode's form NFC without blanks at their ends. Whole numbers are digits alone (``1.0``, ``+1`` and
    ``1`` are ``1``; codes such as ``007`` stay), truth values are ``True`` and ``False``, bytes are UTF-8, dates are
    written as 2026-01-31. Case stays. Raises ``DataError`` for what is no label, such as a dictionary.

    >>> label_name(1.0), label_name(" 1 "), label_name("true"), label_name("007"), label_name(-0.0), label_name(2.50)
    ('1', '1', 'True', '007', '0', '2.5')
    """
    if isinstance(value, np.generic):
        value = value.item() if not isinstance(value, np.datetime64) else value.astype("datetime64[us]").item()
    if isinstance(value, (bool, date)):
        midnight = isinstance(value, datetime) and value.time() == time() and value.tzinfo is None
        return str(value.date() if isinstance(value, datetime) and midnight else value)
    if isinstance(value, (float, Decimal)) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(float(value))
    if isinstance(value, (bytes, bytearray)):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"the label {value!r} holds bytes that are not UTF-8: give it as text.") from error
    if not isinstance(value, Hashable) or type(value).__module__.startswith("PIL."):
        raise DataError(f"a {type(value).__name__} is no label: give texts, numbers, truth values or dates.")
    text = unicodedata.normalize("NFC", str(value)).strip()
    if _NUMBER.fullmatch(text):
        number = Decimal(text)
        return str(int(number)) if number == number.to_integral_value() else text
    return _TRUTH.get(text.lower(), text)


def label_names(values: Sequence[Any], where: str) -> list[str]:
    """The form of each cell; a warning names spellings of one label that were joined."""
    if odd := [value for value in values if not isinstance(value, Hashable)]:
        label_name(odd[0])
    pairs = list(zip(map(type, values), values, strict=True))  # of which 1, 1.0 and True are three
    forms = {pair: label_name(pair[1]) for pair in dict.fromkeys(pairs)}
    _say_joined([(value, name) for (_, value), name in forms.items()], where)
    return [forms[pair] for pair in pairs]


def _say_joined(pairs: Sequence[tuple[Any, str]], where: str) -> None:
    """Warn where several spellings in ``pairs`` of a cell and its form have one form."""
    spellings: dict[str, dict[str, None]] = {}
    for value, name in pairs:
        text = str(value)
        spellings.setdefault(name, {})[(repr if unicodedata.is_normalized("NFC", text) else ascii)(text)] = None
    joined = {name: list(written) for name, written in spellings.items() if len(written) > 1}
    if joined:
        listed = "; ".join(f"{' and '.join(written)} are {name!r}" for name, written in list(joined.items())[:3])
        more = f"; and {len(joined) - 3} more" if len(joined) > 3 else ""
        words = f"{where} writes {len(joined)} label{'s' * (len(joined) > 1)} in several ways, which were joined"
        warnings.warn(f"{words}: {listed}{more}.", TransferiumWarning, stacklevel=3)


def look_alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Names that differ only in case, width of signs, blanks, ``_`` or ``-``, or in how a number is written.

    >>> look_alike(["cat", "Cat", "hot dog", "hot_dog", "7", "07", "-1", "1"])
    [('07', '7'), ('Cat', 'cat'), ('hot dog', 'hot_dog')]
    """
    sets: dict[str | Decimal, list[str]] = {}
    for name in sort_names(names):
        seen = "".join(sign for sign in name if unicodedata.category(sign) != "Cf")
        text = unicodedata.normalize("NFKC", seen).casefold().strip()
        key = Decimal(text) if _DIGITS.fullmatch(text) else re.sub(r"[\s_-]+", " ", text)
        sets.setdefault(key, []).append(name)
    return [tuple(alike) for alike in sets.values() if len(alike) > 1]


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in the order they are numbered: by value where all are whole numbers, else as text.

    >>> sort_names(["10", "9"]), sort_names(["b10", "b9"])
    (('9', '10'), ('b10', 'b9'))
    """
    listed = sorted(names)
    return tuple(sorted(listed, key=int)) if all(_INTEGER.fullmatch(name) for name in listed) else tuple(listed)


def missing_rows(values: Sequence[Any]) -> list[int]:
    """The rows without a value: None, NaN, or nothing.

    >>> missing_rows(["a", "", None])
    [1, 2]
    """
    return [row for row, value in enumerate(values) if is_missing(value)]


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, the NA of pandas, or blanks alone."""
    if isinstance(value, (str, bytes)):
        return not value.strip()
    if is_several(value) or isinstance(value, dict) or getattr(value, "ndim", 0) > 0:
        return False
    if value is None or type(value).__name__ == "NAType":
        return True
    return bool(value != value)  # noqa: PLR0124  (NaN and NaT differ from themselves)


def is_several(value: Any) -> bool:
    """Whether a cell holds several labels as a sequence rather than one value."""
    return isinstance(value, (list, tuple, set, frozenset, np.ndarray))


def as_number(value: Any) -> float | None:
    """The number that a cell holds, written out or not; None for everything else, truth values among it.

    >>> as_number("1.5"), as_number(2), as_number("two"), as_number(True)
    (1.5, 2.0, None, None)
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number, Decimal, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError, InvalidOperation):
        return None


def missing_cells(what: str, rows: Sequence[int], total: int, where: str) -> str:
    """How many cells are missing, where, and what to do."""
    listed = ", ".join(str(row + 1) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    are, s, them, these = ("is", "", "it", "this row") if len(rows) == 1 else ("are", "s", "them", "these rows")
    return (
        f"{len(rows)} of {total} {what}s in {where} {are} missing (row{s} {listed}, counted from 1). "
        f"Fill {them} in, or leave {these} out."
    )
