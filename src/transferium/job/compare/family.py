"""Which family of adaptations is likely to win, from the inputs of the target and what the source's model answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.functional.adaptation.standardise import standardise
from transferium.functional.matrices import unit_rows
from transferium.functional.validators.clusters import cluster_agreement
from transferium.functional.validators.evidence import CannotScoreError
from transferium.methods.fitted import Fitted
from transferium.methods.shallow_adaptation.prototypes import followed, source_prototypes

Array = NDArray[np.float64]
FAMILIES = {
    "clusters": ("prototypes", "shot", "mcc"),
    "statistics": ("standardise", "coral"),
    "distributions": ("dan", "dann", "cdan"),
    "class shares": ("label-shift", "bbse"),
    "none": ("source-only",),
}
"""The families, and the methods of each that stand for it; ``distributions`` is never predicted: it rarely wins."""
CLUSTERED = 0.5
"""The agreement with the target's clusters from which labels that follow them are taken for its classes."""
CHANGED = 0.1
"""The share of answers that other means and spreads change, from which these are worth matching."""


def signs(source: Domain, probe: Fitted, x: Array, z: Array) -> dict[str, float | None]:
    """Three measures of the target, without its labels; ``x`` and ``z`` are the features of both domains.

    ``clustered``: the adjusted mutual information of the target's clusters (k-means) with labels that began as the
    ``probe``'s answers and then followed the nearest class mean of the target, as ``prototypes`` does; None where there
    are too few rows. It asks the target: classes of the source may be clusters when the target's are not, and the other
    way round. ``followed``: the share of the probe's answers that these labels change; ``changed``: the share that
    changes when the target is brought to the source's mean and spread.
    """
    rows, classes = unit_rows(z), len(source.classes)
    at, _ = followed(rows, probe.head.outputs(z), source_prototypes(unit_rows(x), source.y, classes))
    answered, nearest = probe.head.predict(z), (rows @ at.T).argmax(axis=1)
    try:
        clustered = cluster_agreement(rows, nearest, classes=len(np.unique(source.y)))
    except CannotScoreError:
        clustered = None
    moved = probe.head.predict(standardise(z, x).source(z))
    changed, followed_share = (float((labels != answered).mean()) for labels in (moved, nearest))
    return {"clustered": clustered, "followed": followed_share, "changed": changed}


def likely_family(found: dict[str, Any], *, other_shares: bool) -> tuple[str, str]:
    """The family that is likely to win, and why, from :func:`signs`.

    ``other_shares``: class shares alone explain how the means differ. They leave each class where it was: where the
    target's clusters contradict many of the probe's answers, something else moved.

    >>> likely_family({"clustered": 0.8, "followed": 0.3, "changed": 0.3}, other_shares=False)[0]
    'clusters'
    >>> likely_family({"clustered": 0.1, "followed": 0.3, "changed": 0.01}, other_shares=False)[0]
    'none'
    """
    clustered, changed = found["clustered"] or 0.0, found["changed"]
    if other_shares and not (clustered >= CLUSTERED and found["followed"] >= CHANGED):
        return "class shares", "label-shift: correct the class shares, and do not make the domains alike"
    follow = f"labels that follow the target's clusters agree with these at {clustered:.2f}"
    alike = f"{100 * changed:.1f} % of the answers change under the source's mean and spread"
    if clustered >= CLUSTERED:
        return "clusters", f"self-labelling (prototypes, shot, mcc) is likely to win: {follow}"
    if changed >= CHANGED:
        few = f"classes are no clusters of the target (agreement {clustered:.2f})"
        return "statistics", f"matching of statistics (standardise, coral) is likely to win: {alike}, and {few}"
    return "none", f"source-only is likely to do as well as anything: only {alike}, and {follow} alone"
