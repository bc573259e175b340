"""Pairs that the user gives: a source example and a target example that show the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import some
from transferium.data.domain import Domain
from transferium.errors import DataError, InputError, did_you_mean

COLUMNS = ("source", "target")
Pairs = Sequence[tuple[str, str]]
Positions = NDArray[np.intp]


def check_pairs_given(pairs: str | Path | Pairs, found: Sequence[str]) -> None:
    """Raise ``InputError`` for what is neither a way to find pairs, nor a file of them, nor a list of them."""
    if isinstance(pairs, (str, Path)):
        if str(pairs) not in found and not Path(pairs).expanduser().is_file():
            raise InputError(
                f"pairs={str(pairs)!r} is no file. {did_you_mean(str(pairs), found)} Or name a CSV file whose columns "
                "source and target name the examples of each pair."
            )
    elif any(isinstance(pair, str) or len(pair) != 2 for pair in pairs):
        raise InputError("pairs takes a list of (source, target), which name one example each.")


def read_pairs(path: str | Path) -> list[tuple[str, str]]:
    """The pairs of a CSV or TSV file: its columns ``source`` and ``target`` name examples.

    An image is named by its file, below the folder that was read, a row by its id or by its number from 0, and with
    several sources the source's name and a slash come before: what ``predictions.csv`` calls it.
    Raises ``DataError`` for a file without these columns, or with an empty cell in them.
    """
    from transferium.data.readers.delimited import Delimited

    table = Delimited(Path(path).expanduser())
    if missing := [name for name in COLUMNS if name not in table.first]:
        raise DataError(
            f"{path} has no column {missing[0]!r}; its columns are {', '.join(map(repr, table.first))}. Pairs are a "
            "table with the columns source and target, which name an example each."
        )
    columns = table.read(COLUMNS)
    pairs = list(zip(*(columns.column(name).to_pylist() for name in COLUMNS), strict=True))
    if empty := [row for row, pair in enumerate(pairs) if None in pair]:
        raise DataError(f"{path} names no example in row {empty[0] + 1} of its pairs: fill both columns.")
    return pairs


def find_pairs(pairs: Pairs, source: Domain, target: Domain) -> tuple[Positions, Positions]:
    """Where the paired examples lie in both domains.

    Raises ``InputError`` where there is no pair, or where a name is that of no example or of several.
    """
    if not len(pairs):
        raise InputError("there are no pairs: name at least one example of the source and its like in the target.")
    named = [[str(pair[side]) for pair in pairs] for side in (0, 1)]
    return _places(named[0], source, "source"), _places(named[1], target, "target")


def _places(names: Sequence[str], domain: Domain, side: str) -> Positions:
    at: dict[str, list[int]] = {}
    for i, name in enumerate(domain.ids):
        at.setdefault(name, []).append(i)
    for name in names:
        if (n := len(at.get(name, []))) > 1:
            raise InputError(
                f"the pairs name {name!r}, and {n} examples of the {side} {domain.name!r} are called so: "
                "give each a name of its own."
            )
        if n == 0:
            near = did_you_mean(name, at, f"They are called {some(map(repr, at), 3)}.")
            raise InputError(
                f"the pairs name {name!r}, and no example that is learned from of the {side} {domain.name!r} is called "
                f"so. {near}"
            )
    return np.array([at[name][0] for name in names])
