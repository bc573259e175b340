"""The terms by which a teacher teaches, each beside a version in plain NumPy, one example and one pair at a time."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import torch

from transferium.objectives.distillation import TaughtAnswers, TaughtFeatures, TaughtRelations

TARGET, BOTH = frozenset({"target"}), frozenset({"target", "unlabeled"})
RNG = np.random.default_rng(4)
LOGITS = {"target": 3 * RNG.normal(size=(10, 2)), "unlabeled": 3 * RNG.normal(size=(9, 2))}
FEATURES = {"target": RNG.normal(size=(10, 5)).astype(np.float32)}


def taught_features() -> TaughtFeatures:
    torch.manual_seed(6)
    return TaughtFeatures(FEATURES, 16, scale=0.7)


def log_softmax(row: np.ndarray) -> np.ndarray:
    return row - row.max() - np.log(np.exp(row - row.max()).sum())


def rows_of(network: Any, batch: Any) -> list[np.ndarray]:
    with torch.no_grad():
        return [network(row[None])[0].double().numpy() for row in batch.inputs[0]]


def slow_answers(model: Any, batches: dict[str, Any], temperature: float) -> float:
    """Hinton et al., section 2: soft targets at a high temperature, gradients scaled back by its square."""
    streams = []
    for name, told in LOGITS.items():
        total = 0.0
        for student, at in zip(rows_of(model, batches[name]), batches[name].index.tolist(), strict=True):
            p, q = log_softmax(told[at] / temperature), log_softmax(student / temperature)
            total += sum(np.exp(a) * (a - b) for a, b in zip(p, q, strict=True))
        streams.append(temperature**2 * total / len(batches[name]))
    return float(np.mean(streams))


def slow_hints(model: Any, batch: Any) -> float:
    """Romero et al., equation 3, the mean over units in the place of their sum, in units of the teacher's spread."""
    weight, bias = (p.detach().double().numpy() for p in taught_features().regressor.parameters())
    told = FEATURES["target"][batch.index.numpy()].astype(np.float64)
    gaps = [weight @ x + bias - t for x, t in zip(rows_of(model.backbone, batch), told, strict=True)]
    return float(np.mean([0.5 * ((gap / 0.7) ** 2).mean() for gap in gaps]))


def huber(x: float, y: float) -> float:
    """Park et al., equation 4."""
    gap = abs(x - y)
    return 0.5 * gap**2 if gap <= 1 else gap - 0.5


def slow_relations(model: Any, batch: Any) -> float:
    """Park et al., equations 5 and 9 (distances over their mean, cosines), weights 1 and 2 as in their section 4."""
    student = rows_of(model.backbone, batch)
    teacher = list(FEATURES["target"][batch.index.numpy()].astype(np.float64))

    def distances(rows: list[np.ndarray]) -> dict[Any, float]:
        found = {(i, j): float(np.linalg.norm(rows[i] - rows[j])) for i, j in permutations(range(len(rows)), 2)}
        return {pair: value / np.mean(list(found.values())) for pair, value in found.items()}

    def cosine(rows: list[np.ndarray], i: int, j: int, k: int) -> float:
        a, b = rows[i] - rows[j], rows[k] - rows[j]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    ours, theirs = distances(student), distances(teacher)
    angles = [huber(cosine(student, *three), cosine(teacher, *three)) for three in permutations(range(len(student)), 3)]
    return float(np.mean([huber(ours[pair], theirs[pair]) for pair in ours]) + 2 * np.mean(angles))


TERMS = [
    (
        "taught answers",
        lambda m: TaughtAnswers(LOGITS, temperature=3.0),
        lambda m, b, start: {"taught_answers": slow_answers(m, b, 3.0)},
        BOTH,
    ),
    (
        "taught features",
        lambda m: taught_features(),
        lambda m, b, start: {"taught_features": slow_hints(m, b["target"])},
        TARGET,
    ),
    (
        "taught relations",
        lambda m: TaughtRelations(FEATURES),
        lambda m, b, start: {"taught_relations": slow_relations(m, b["target"])},
        TARGET,
    ),
]
