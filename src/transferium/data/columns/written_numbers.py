"""Numbers as people of other places and spreadsheets write them: ``1,23``, ``1.000.000``, ``5 %``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

_FORMS = ((".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
"""The decimal sign and the sign between thousands that are used together."""

_ALIKE = re.compile(r"[+-]?[\d.,' ]*\d[\d.,' ]*%?")


def written_numbers(cells: Sequence[str | None]) -> tuple[NDArray[np.float64] | None, str]:
    """The numbers behind ``cells`` (NaN where None), and in words how they are written; percents become shares.

    There are none where a cell is no number in any form. Where two forms fit and give different numbers, as for
    ``1,234``, there are none either, and the words say so.

    >>> written_numbers(["1,5", "12", None])
    (array([ 1.5, 12. ,  nan]), 'decimal commas')
    >>> written_numbers(["1,234", "2,345"])[1]
    "'1,234' may be 1234 or 1.234: write it without the sign between"
    """
    given = [cell for cell in cells if cell is not None]
    filled = list(takewhile(_ALIKE.fullmatch, map(_tidy, given)))
    if not filled or len(filled) < len(given):
        return None, ""
    percent = {cell.endswith("%") for cell in filled}
    if len(percent) > 1:
        return None, f"{next(c for c in filled if c.endswith('%'))!r} has a percent sign and other cells have none"
    bodies = [cell.rstrip("% ") for cell in filled]
    read = {form: values for form in _FORMS if (values := _by_form(bodies, form)) is not None}
    if not read:
        return None, ""
    (decimal, between), first = next(iter(read.items()))
    for other in read.values():
        if different := [i for i, (a, b) in enumerate(zip(first, other, strict=True)) if a != b]:
            i = different[0]
            return None, f"{filled[i]!r} may be {first[i]:g} or {other[i]:g}: write it without the sign between"
    said = ["decimal commas"] * (decimal == "," and any("," in body for body in bodies))
    said += [f"{between!r} between thousands"] * any(between in body for body in bodies)
    said += ["percent signs"] * percent.pop()
    scale = 0.01 if filled[0].endswith("%") else 1.0
    numbers = iter(first)
    return np.array([np.nan if cell is None else scale * next(numbers) for cell in cells]), " and ".join(said)


def _tidy(cell: str) -> str:
    return re.sub(r"[\u00a0\u202f\u2009\s]", " ", cell).replace("\u2212", "-").replace("’", "'").strip()


def _by_form(bodies: Sequence[str], form: tuple[str, str]) -> list[float] | None:
    """The numbers by one form; None where a cell is not written in it."""
    decimal, between = (re.escape(sign) for sign in form)
    number = re.compile(rf"[+-]?(?:[1-9]\d{{0,2}}(?:{between}\d{{3}})+|\d+)?(?:{decimal}\d+)?")
    if not all(body and number.fullmatch(body) for body in bodies):
        return None
    return [float(body.replace(form[1], "").replace(form[0], ".")) for body in bodies]
