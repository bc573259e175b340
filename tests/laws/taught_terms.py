"""Terms by which a teacher teaches, and of several tasks, each beside plain NumPy: one example, one pair at a time."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import torch

from transferium.objectives.distillation import TaughtAnswers, TaughtFeatures, TaughtRelations
from transferium.objectives.supervised import SupervisedTasks
from transferium.problems.multi_label import MultiLabel
from transferium.problems.regression import Regression

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


PROBLEMS = {"much": Regression(("much",)), "on": MultiLabel(("on",))}
GIVEN = {"much": RNG.normal(size=10), "on": (RNG.random((10, 1)) < 0.5).astype(np.float64)}
NOISE = (0.3, -0.4)


def tasks_with_noise() -> SupervisedTasks:
    objective = SupervisedTasks(PROBLEMS, GIVEN, uncertainty=True)
    with torch.no_grad():
        objective.noise.copy_(torch.tensor(NOISE))
    return objective


def slow_tasks(model: Any, batch: Any) -> dict[str, float]:
    """The squared error of the first column, the cross-entropy of the second with a sigmoid."""
    squares, entropies = [], []
    for row, at in zip(rows_of(model, batch), batch.index.tolist(), strict=True):
        squares.append((row[0] - GIVEN["much"][at]) ** 2)
        share = 1 / (1 + np.exp(-row[1]))
        entropies.append(-np.log(share if GIVEN["on"][at, 0] else 1 - share))
    return {"task much": float(np.mean(squares)), "task on": float(np.mean(entropies))}


def slow_noisy(model: Any, batch: Any) -> dict[str, float]:
    """Kendall et al., equations 7 and 10 with s = log sigma²: amounts divide by 2 sigma², classes by sigma²."""
    plain = slow_tasks(model, batch)
    return {
        "task much": plain["task much"] / (2 * np.exp(NOISE[0])) + NOISE[0] / 2,
        "task on": plain["task on"] / np.exp(NOISE[1]) + NOISE[1] / 2,
    }


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
    (
        "tasks",
        lambda m: SupervisedTasks(PROBLEMS, GIVEN),
        lambda m, b, start: slow_tasks(m, b["target"]),
        TARGET,
    ),
    (
        "tasks by uncertainty",
        lambda m: tasks_with_noise(),
        lambda m, b, start: slow_noisy(m, b["target"]),
        TARGET,
    ),
]
