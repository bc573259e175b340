"""The terms of Co-Tuning, Bi-Tuning and SetFit, each beside a version in plain NumPy, one sample at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from transferium.objectives.co_tuning import SourceCategories
from transferium.objectives.contrast import BiContrast, PairCosine
from worlds.toy import blobs

RELATION = np.array([[0.7, 0.2, 0.1], [0.0, 0.4, 0.6]])
KEYS = 4


def source_categories() -> SourceCategories:
    torch.manual_seed(3)
    return SourceCategories(torch.nn.Linear(16, 3), RELATION)


def numbers(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def log_softmax(row: np.ndarray) -> np.ndarray:
    return row - row.max() - np.log(np.exp(row - row.max()).sum())


def slow_source_categories(model: Any, batch: Any) -> float:
    classifier, total = source_categories().classifier, 0.0
    for row, label in zip(batch.inputs[0], batch.labels, strict=True):
        logs = log_softmax(numbers(classifier(model.backbone(row[None]))[0]))
        total -= sum(RELATION[label][s] * logs[s] for s in range(3))
    return total / len(batch)


def bi_contrast(model: Any) -> BiContrast:
    """Its queue full for the first class, with three of four for the second."""
    torch.manual_seed(5)
    objective = BiContrast(model, 16, 2, keys=KEYS, temperature=0.5, dimensions=6)
    given = blobs(30, 11)
    few = [*np.flatnonzero(given.y == 0)[:9], *np.flatnonzero(given.y == 1)[:3]]
    with torch.no_grad():
        features = model.backbone(torch.from_numpy(given.features[few])).numpy()
    objective.fill(features, given.y[few])
    return objective


def slow_bi_contrast(model: Any, batch: Any, start: Any) -> dict[str, float]:
    own = bi_contrast(start)
    queued = [(k, slot) for k, full in enumerate((KEYS, 3)) for slot in range(full)]
    cce, ccl = [], []
    for row, label in zip(batch.inputs[0], batch.labels.tolist(), strict=True):
        h, key = model.backbone(row[None]), start.backbone(row[None])
        z, key_z = (numbers(own.projector(t))[0] for t in (h, key))
        z, key_z = z / np.linalg.norm(z), key_z / np.linalg.norm(key_z)
        close = [z @ key_z / 0.5]
        scores = [numbers(model.head(h))[0, label]]
        wanted = [1.0]
        for k, slot in queued:
            close.append(z @ numbers(own.queue_z[k, slot]) / 0.5)
            scores.append(numbers(model.head(own.queue_h[k, slot][None]))[0, label])
            wanted.append(float(k == label))
        share = np.array(wanted) / sum(wanted)
        cce.append(-(share * log_softmax(np.array(scores))).sum())
        ccl.append(-(share * log_softmax(np.array(close))).sum())
    return {"cce": float(np.mean(cce)), "ccl": float(np.mean(ccl))}


def slow_pair_cosine(model: Any, batch: Any) -> float:
    total, pairs = 0.0, len(batch) // 2
    for i in range(pairs):
        a, b = (numbers(model.backbone(batch.inputs[0][k][None]))[0] for k in (2 * i, 2 * i + 1))
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        total += (cosine - float(batch.labels[2 * i] == batch.labels[2 * i + 1])) ** 2
    return total / pairs


TARGET = frozenset({"target"})
TERMS = [
    (
        "source categories",
        lambda m: source_categories(),
        lambda m, b, start: {"co_tuning": slow_source_categories(m, b["target"])},
        TARGET,
    ),
    (
        "pair cosine",
        lambda m: PairCosine(),
        lambda m, b, start: {"pairs": slow_pair_cosine(m, b["target"])},
        TARGET,
    ),
    ("bi contrast", bi_contrast, lambda m, b, start: slow_bi_contrast(m, b["target"], start), TARGET),
]
