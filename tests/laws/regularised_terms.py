"""The terms that hold fine-tuning back, each beside a version in plain NumPy, one sample at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from transferium.models.model import Model
from transferium.objectives.distillation import Distillation, FeatureDistillation
from transferium.objectives.feature_maps import FeatureMapDistillation
from transferium.objectives.spectrum import SpectralShrinkage
from transferium.objectives.weight_distance import L2

TARGET = frozenset({"target"})
ATTENTION = [torch.softmax(torch.arange(width) / 7, 0) for width in (16, 16)]


def output_of(model: Model, layer: str, row: torch.Tensor) -> np.ndarray:
    """What one layer answers for one row."""
    seen: list[torch.Tensor] = []
    hook = model.backbone.get_submodule(layer).register_forward_hook(lambda *given: seen.append(given[2]))
    with torch.no_grad():
        model.backbone(row[None])
    hook.remove()
    return seen[0][0].double().numpy()


def slow_maps(model: Any, batch: Any, start: Any, attention: list[torch.Tensor] | None, layers: Any) -> float:
    total = 0.0
    for row in batch.inputs[0]:
        for i, layer in enumerate(layers):
            moved, was = output_of(model, layer, row), output_of(start, layer, row)
            for j in range(len(moved)):
                weight = 1 / len(moved) if attention is None else float(attention[i][j])
                total += 0.5 * len(moved) * weight * (moved[j] - was[j]) ** 2
    return total / len(batch.inputs[0])


def slow_features(model: Any, batch: Any, start: Any, scale: float) -> float:
    gaps = [(output_of(model, "high", row) - output_of(start, "high", row)) / scale for row in batch.inputs[0]]
    return float(np.mean([(gap**2).mean() for gap in gaps]))


def old_head() -> nn.Module:
    torch.manual_seed(5)
    head = nn.Linear(16, 4)
    with torch.no_grad():
        head.weight.mul_(20)
    return head


def slow_answers(model: Any, batch: Any, start: Any, temperature: float) -> float:
    weight, bias = (p.detach().double().numpy() for p in old_head().parameters())
    total = 0.0
    for row in batch.inputs[0]:
        logs = []
        for network in (start, model):
            logits = (weight @ output_of(network, "high", row) + bias) / temperature
            logs.append(logits - np.log(np.exp(logits).sum()))
        total += (np.exp(logs[0]) * (logs[0] - logs[1])).sum()
    return float(temperature**2 * total / len(batch.inputs[0]))


def slow_bss(model: Any, batch: Any, smallest: int) -> float:
    features = np.array([output_of(model, "high", row) for row in batch.inputs[0]])
    squares = np.sort(np.linalg.eigvalsh(features @ features.T))
    return float(squares[:smallest].sum())


def slow_l2(module: nn.Module) -> float:
    return 0.5 * sum(
        float(w) ** 2 for p in module.parameters() if p.ndim == 2 for w in p.detach().double().numpy().ravel()
    )


LAYERS = ("low", "high")
TERMS: list[tuple[str, Callable[[Any], Any], Callable[[Any, Any, Any], dict[str, float]], frozenset[str]]] = [
    ("l2", L2, lambda m, b, start: {"l2": slow_l2(m)}, frozenset()),
    (
        "delta",
        lambda m: FeatureMapDistillation(m, LAYERS, ATTENTION),
        lambda m, b, start: {"delta": slow_maps(m, b["target"], start, ATTENTION, LAYERS)},
        TARGET,
    ),
    (
        "delta without attention",
        lambda m: FeatureMapDistillation(m, ("high",)),
        lambda m, b, start: {"delta": slow_maps(m, b["target"], start, None, ("high",))},
        TARGET,
    ),
    (
        "kept answers",
        lambda m: Distillation(m, old_head(), temperature=1.5),
        lambda m, b, start: {"kept_answers": slow_answers(m, b["target"], start, 1.5)},
        TARGET,
    ),
    (
        "kept features",
        lambda m: FeatureDistillation(m, scale=0.3),
        lambda m, b, start: {"kept_features": slow_features(m, b["target"], start, 0.3)},
        TARGET,
    ),
    ("bss", lambda m: SpectralShrinkage(3), lambda m, b, start: {"bss": slow_bss(m, b["target"], 3)}, TARGET),
]
