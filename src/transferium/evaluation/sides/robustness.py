"""What is left of a model's figure when its examples meet common mishaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from transferium.data.domain import Domain
from transferium.data.modality import by_kind
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.evaluation.corruptions.corruptions import CORRUPTIONS, SEVERITIES
from transferium.evaluation.sides.looked import Array, Looked
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead

MOST, MOST_QUICK = 75, 30
"""The most examples that are corrupted: each is embedded again for every corruption and severity."""
MIDDLE = (3,)
"""The severities of a quick look."""


def robustness(looked: Looked) -> dict[str, Any]:
    """The error of the model by corruption and severity, on a sample, beside the reference without transfer.

    ``mean_corruption_error`` is the mean over corruptions of the model's error, summed over severities, as a share of
    the reference's (1: as bad as that; null: there is no such reference, or it makes no error under one of them).
    ``mean_error`` is the plain mean, ``clean`` that of the same examples as they are. ``changes_nothing`` names what
    leaves these very texts as they are (capitals where a script has none), and says nothing. Features of corrupted
    examples are not stored. Raises ``DataError`` where nothing changes them.
    """
    kind = by_kind(CORRUPTIONS, looked.held.domain.kind, "set of common corruptions")
    rng, held = np.random.default_rng(looked.seed), looked.held.domain
    at = np.sort(rng.permutation(len(held))[: MOST_QUICK if looked.quick else MOST])
    some = kind.ready(held.take(at), looked.model.backbone)
    severities = MIDDLE if looked.quick else SEVERITIES
    models: dict[str, tuple[Backbone, AnyHead]] = {"model": (looked.model.backbone, looked.model.head)}
    if looked.reference is not None:
        models["no_transfer"] = (looked.reference.backbone, looked.reference.head)
    embedder = Embedder(None, engine=looked.embedder.engine, workers=looked.embedder.workers, stays_open=True)
    clean = _errors(looked, models, some, embedder)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in models}
    idle = []
    for name in kind.names:
        corrupted = [kind.corrupt(some, name, s, looked.seed) for s in severities]
        if not any(_changed(some, other) for other in corrupted):
            idle.append(name)
            continue
        each = [_errors(looked, models, other, embedder) for other in corrupted]
        for model in models:
            found[model][name] = [one[model] for one in each]
    if len(idle) == len(kind.names):
        raise DataError(f"{' and '.join(idle)} change nothing in these examples")
    told: dict[str, Any] = {"examples": len(some), "of": len(held), "severities": list(severities), "clean": clean}
    told["errors"] = found
    told["mean_error"] = {model: float(np.mean(list(rows.values()))) for model, rows in found.items()}
    told["mean_corruption_error"] = corruption_error(found["model"], found.get("no_transfer"))
    told["changes_nothing"] = idle
    return told | {"worst": max(found["model"], key=lambda name: sum(found["model"][name]))}


def _changed(before: Domain, after: Domain) -> bool:
    """Whether any text is another one; pictures, sounds and numbers always are."""
    pairs = ((before.samples.raw(i), after.samples.raw(i)) for i in range(len(before)))
    return any(not isinstance(was, str) or was != now for was, now in pairs)


def corruption_error(ours: Mapping[str, list[float]], theirs: Mapping[str, list[float]] | None) -> float | None:
    """The mean over corruptions of the share ``Σ ours / Σ theirs``, sums over severities; None where there is none.

    Hendrycks and Dietterich, 2019.

    >>> corruption_error({"fog": [0.1, 0.2], "blur": [0.1, 0.1]}, {"fog": [0.3, 0.3], "blur": [0.2, 0.2]})
    0.5
    >>> corruption_error({"fog": [0.1]}, {"fog": [0.0]})
    """
    if theirs is None or not all(map(sum, theirs.values())):
        return None
    return float(np.mean([sum(ours[name]) / sum(theirs[name]) for name in ours]))


def _errors(
    looked: Looked, models: dict[str, tuple[Backbone, AnyHead]], domain: Domain, embedder: Embedder
) -> dict[str, float]:
    """The error of each model; an example that a corruption left unreadable counts as nobody's."""
    seen = embedder(domain, *(backbone for backbone, _ in models.values()))
    ok: Array = np.all([one.ok for one in seen], axis=0)
    return {
        name: looked.error(domain.y[ok], head.outputs(one.features[ok]))
        for (name, (_, head)), one in zip(models.items(), seen, strict=True)
    }
