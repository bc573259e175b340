"""Text from files (names, labels) made safe for the terminal and for spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def shown(text: str) -> str:
    """``text`` with control characters, line ends and changes of direction written out: ``\\x1b``, ``\\n``.

    So it cannot steer a terminal or look like a line of its own. Halves of characters, which stand for bytes that are
    no UTF-8, become the sign for an unknown character.

    >>> shown("a.png\\nerror: all is lost")
    'a.png\\\\nerror: all is lost'
    """
    return _CONTROL.sub(_escape, text)


def printable(names: Sequence[str]) -> Sequence[str]:
    """:func:`shown` of every name; the same list where nothing had to be changed.

    >>> printable(["caf\\udce9.png", "猫.png", "a\\x1b[2J.png"])
    ['caf\\ufffd.png', '猫.png', 'a\\\\x1b[2J.png']
    """
    return [shown(name) for name in names] if any(map(_CONTROL.search, names)) else names


def without_controls(text: str) -> str:
    """Lines of text for a terminal: :func:`shown`, but line ends and tabs of our own stay."""
    return re.sub(r"[^\n\t]+", lambda line: shown(line[0]), text)


def for_spreadsheet(cell: str) -> str:
    """``cell``, with ``'`` before it where a spreadsheet would take it for a formula; numbers stay as they are.

    >>> for_spreadsheet("=cmd"), for_spreadsheet("-1.5"), for_spreadsheet("cat")
    ("'=cmd", '-1.5', 'cat')
    """
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    return "\ufffd" if "\ud800" <= sign <= "\udfff" else sign.encode("unicode_escape").decode("ascii")
