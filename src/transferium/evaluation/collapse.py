"""What a model answers of a domain, where it has given up classes: those never answered, and one that takes most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import some

EXPECTED = 10
"""A class is missing among answers where so many of them would be its own by its share in the source."""
MOST = 0.5
"""The share of all answers from which one class takes most of them."""
SURE = 0.025
"""How likely so many answers of one class may be by chance."""
NAMED = 5
"""How many missing classes are named."""


def collapse(answered: NDArray[np.int64], classes: Sequence[str], shares: NDArray[np.float64] | None) -> str:
    """A sentence on ``answered (n,)``, the class given to each example, if it leaves classes out; else empty.

    ``shares`` are those of the classes among the labels that were learned from; None: not known, and taken as equal.
    A class that these make expect at least 10 answers has none; or one class has surely more than half of the answers,
    and more than twice its share.

    >>> collapse(np.repeat(0, 100), ["cat", "dog"], np.array([0.4, 0.6]))  # doctest: +ELLIPSIS
    "source only never answers 1 of 2 classes ('dog'), and answers 'cat' for 100.0 % (40.0 % of the source): unless..."
    """
    counts = np.bincount(answered, minlength=len(classes))
    n, top = len(answered), int(counts.argmax())
    there = "" if shares is None else f" ({100 * shares[top]:.1f} % of the source)"
    shares = np.full(len(classes), 1 / len(classes)) if shares is None else shares
    missing = [
        name for name, hits, due in zip(classes, counts, n * shares, strict=True) if not hits and due >= EXPECTED
    ]
    said = []
    if missing:
        said.append(f"never answers {len(missing)} of {len(classes)} classes ({some(map(repr, missing), NAMED)})")
    if _surely_above(int(counts[top]), n, max(MOST, 2 * float(shares[top]))):
        said.append(f"answers {classes[top]!r} for {100 * counts[top] / n:.1f} %{there}")
    if not said:
        return ""
    return (
        f"source only {', and '.join(said)}: unless the target is truly like that, it has collapsed there, and what "
        "adapts its answers begins with few right ones; label some target examples and give them by --few"
    )


def _surely_above(hits: int, n: int, share: float) -> bool:
    from scipy.stats import binomtest

    return share < 1 and n > 0 and bool(binomtest(hits, n, share, alternative="greater").pvalue < SURE)
