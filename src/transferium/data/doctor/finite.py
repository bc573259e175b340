"""Which feature rows are finite: models read float32, so every value must be finite in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import some

NOT_FINITE = "NaN or infinite"
TOO_LARGE = "too large for single precision"


def finite_rows(values: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Rows whose values are all finite in float32: above 3.4e38 a float64 is not. Nothing large is allocated.

    >>> finite_rows(np.array([[0.0, 1e38], [0.0, 1e39], [np.nan, 0.0]])).tolist()
    [True, False, False]
    """
    with np.errstate(over="ignore"):
        ends = [end(axis=1, initial=0).astype(np.float32) for end in (values.min, values.max)]
    rows: NDArray[np.bool_] = np.asarray(np.isfinite(ends).all(axis=0))
    return rows


def what_is_wrong(row: NDArray[np.floating[Any]], names: Sequence[str] | None) -> str:
    """The reason why a row is not in :func:`finite_rows`; it gives the columns by name, or by number without names."""
    with np.errstate(over="ignore"):
        large = np.isfinite(row) & ~np.isfinite(row.astype(np.float32))
    kinds = {NOT_FINITE: ~np.isfinite(row), TOO_LARGE: large}
    at = {words: [names[i] if names else str(i) for i in np.flatnonzero(bad).tolist()] for words, bad in kinds.items()}
    return "; ".join(f"{words} in {some(columns, 5)}" for words, columns in at.items() if columns)
