"""Facts about a source and a target that are measured before anything is adapted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.functional.matrices import unit_rows
from transferium.functional.shift.label_explains import explained_by_shares, means_differ
from transferium.methods.method import Method

EXPLAINED = 0.5
"""The most of the difference in means that other class shares may explain; above it, means are not aligned."""
TYPED: frozenset[Kind] = frozenset({"row", "mixed"})
"""Kinds of example that are made of typed columns."""
WITHOUT_LABELS = (
    "source only: a column of a table means the same in both, so that what differs is whom they are about, and no "
    "method for inputs without labels was found to help there; labelled target examples (few) may decide otherwise"
)
FEWEST = 20
"""The fewest target examples with which a validator can be trusted."""


@dataclass(frozen=True)
class Preconditions:
    """Facts about a source and a target, measured before anything is adapted.

    ``explained`` is the part of the mean shift that other class shares alone explain; ``size`` the target's;
    ``shifted`` whether the means differ beyond chance at all. Of several sources each is asked by itself, since what
    differs between them would hide it, and the least ``explained`` counts.
    """

    explained: float
    size: int
    shifted: bool = True

    @classmethod
    def of(cls, source: Domain, target: Domain, origin: NDArray[np.int64] | None = None) -> Preconditions:
        """Measure them on the features of both; ``origin[i]`` says which of several sources row ``i`` came from."""
        rows, z = unit_rows(source.features), unit_rows(target.features)
        asked = [np.full(len(rows), True)] if origin is None else [origin == s for s in np.unique(origin)]
        explained = min(explained_by_shares(rows[s], source.y[s], z) for s in asked)
        return cls(explained, len(target), any(means_differ(rows[s], source.y[s], z) for s in asked))

    def reason_to_exclude(self, method: Method) -> str:
        """Why ``method`` should not be tried on this data; empty where it may be tried."""
        if method.makes_alike and self.shifted and self.explained > EXPLAINED:
            return (
                f"other class shares alone explain {100 * self.explained:.0f} % of how the target's mean differs, and "
                "making the domains alike would break what is right"
            )
        return ""
