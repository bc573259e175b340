"""Dates as people write them: ``2026-01-31``, ``31.01.2026``, ``31/01/2026``, ``Jan 31, 2026``, with a time or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T ,]+(?P<h>\d{1,2}):(?P<mi>\d\d)(?::(?P<s>\d\d)(?:\.\d+)?)?\s*(?P<z>Z|[+-]\d\d:?\d\d)?)?"
_ISO = re.compile(rf"(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_TIME}")
_TURNED = re.compile(rf"(?P<a>\d{{1,2}})(?P<sign>[-/.])(?P<b>\d{{1,2}})(?P=sign)(?P<y>\d{{4}}){_TIME}")
_WORDS = re.compile(
    rf"(?:(?P<d>\d{{1,2}})\.?[ -](?P<name>[A-Za-z]{{3,9}})|(?P<name2>[A-Za-z]{{3,9}})\.? (?P<d2>\d{{1,2}}))"
    rf"(?:[ -]|, ?)(?P<y>\d{{4}}){_TIME}"
)


def written_dates(levels: Sequence[str]) -> tuple[NDArray[np.datetime64] | None, str]:
    """Seconds of the dates that all ``levels`` are, and what is to be said of how they are written.

    Several forms may stand beside one another. There are none where a text is no date, and where day and month of
    ``03/04/2026`` can change places throughout and that gives other dates; the words say so then.

    >>> written_dates(["2026-01-31", "31.01.2026", "Jan 31, 2026"])[0].astype("datetime64[D]").tolist()[1:]
    [datetime.date(2026, 1, 31), datetime.date(2026, 1, 31)]
    >>> written_dates(["03/04/2026"])[1]
    "'03/04/2026' may be 2026-04-03 or 2026-03-04: write the year first"
    """
    day_first, month_first = _all_read(levels, True), _all_read(levels, False)
    if day_first and month_first:
        for level, a, b in zip(levels, day_first, month_first, strict=True):
            if a != b:
                return None, f"{level!r} may be {a:%Y-%m-%d} or {b:%Y-%m-%d}: write the year first"
        return np.array(day_first, "datetime64[s]"), ""
    if read := day_first or month_first:
        return np.array(read, "datetime64[s]"), f"{'the day' if day_first else 'the month'} first"
    return None, ""


def _all_read(levels: Sequence[str], day_first: bool) -> list[datetime] | None:
    """The moments of all ``levels``; None as soon as one is no date, as most texts are none."""
    moments = []
    for level in levels:
        if (moment := _read(level, day_first)) is None:
            return None
        moments.append(moment)
    return moments


def _read(text: str, day_first: bool) -> datetime | None:
    match = _ISO.fullmatch(text) or _TURNED.fullmatch(text) or _WORDS.fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    if "a" in parts:
        first = day_first or parts["sign"] == "."
        day, month = (parts["a"], parts["b"]) if first else (parts["b"], parts["a"])
    elif "name" in parts:
        name = (parts["name"] or parts["name2"])[:3].lower()
        day, month = parts["d"] or parts["d2"], str(1 + _MONTHS.index(name) if name in _MONTHS else 0)
    else:
        day, month = parts["d"], parts["m"]
    hour, minute, second = (int(parts[unit] or 0) for unit in ("h", "mi", "s"))
    try:
        moment = datetime(int(parts["y"]), int(month), int(day), hour, minute, second)
    except ValueError:
        return None
    zone = (parts["z"] or "Z").replace(":", "")
    if zone != "Z":
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        moment += -shift if zone[0] == "+" else shift
    return moment
