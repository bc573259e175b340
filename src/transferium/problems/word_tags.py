"""Tags of words as they are written in files: BIO, IOB and BIOES."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from transferium.errors import DataError
from transferium.problems.label_cells import is_missing, is_several, label_name

OUTSIDE = "O"
BEGINS, GOES_ON, ENDS = ("B", "S", "U"), ("I", "M", "E", "L"), ("E", "L", "S", "U")
"""Prefixes of a tag: S or U is an entity of one word, E or L the last word of a longer one."""


def read_tags(cell: Any, where: str) -> tuple[list[tuple[int, int, str]], int]:
    """The entities of one sentence from its tags: first word, the word behind the last, and type.

    The second number counts entities of which the first word says that one goes on (``I-``), as in IOB. Raises
    ``DataError`` for what is no such tag.

    >>> read_tags(["B-place", "I-place", "O", "S-name"], "x")
    ([(0, 2, 'place'), (3, 4, 'name')], 0)
    """
    if not is_several(cell):
        raise DataError(f"{where} holds {cell!r}, and entities are a tag for each word, as in ['B-place', 'O'].")
    found: list[tuple[int, int, str]] = []
    bare, going = 0, False
    for i, tag in enumerate(cell):
        prefix, kind = _parted(tag, where)
        if prefix == OUTSIDE:
            going = False
            continue
        if prefix in GOES_ON and going and found[-1][2] == kind:
            found[-1] = (found[-1][0], i + 1, kind)
        else:
            bare += prefix in ("I", "M")
            found.append((i, i + 1, kind))
        going = prefix not in ENDS
    return found, bare


def written_tags(tags: Iterable[int], names: Sequence[str]) -> list[str]:
    """Tags by number as they are written (BIO): of ``names[k]``, ``1 + 2 k`` begins one and ``2 + 2 k`` goes on.

    >>> written_tags([1, 2, 0], ("place",))
    ['B-place', 'I-place', 'O']
    """
    written = [OUTSIDE, *(f"{prefix}-{name}" for name in names for prefix in "BI")]
    return [written[tag] for tag in tags]


def _parted(tag: Any, where: str) -> tuple[str, str]:
    text = "" if is_missing(tag) else str(tag).strip()
    if text in (OUTSIDE, "_"):
        return OUTSIDE, ""
    prefix, sign, kind = text.partition("-")
    if sign and prefix in (*BEGINS, *GOES_ON) and kind.strip():
        return prefix, label_name(kind)
    numbers = " Numbers mean nothing without their names." if text.isdigit() else ""
    raise DataError(
        f"{where} holds the tag {tag!r}: a tag is O outside of entities, B-TYPE on the first word of one and I-TYPE on "
        f"those after it (BIO); E-TYPE and S-TYPE may mark a last and an only word (BIOES).{numbers}"
    )
