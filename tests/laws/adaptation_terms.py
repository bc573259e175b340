"""The terms of domain adaptation, each beside a version in plain NumPy, one sample at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from transferium.objectives.adversarial import ConditionalAdversarial, DomainAdversarial, MarginDisparity, critic
from transferium.objectives.alternating import AgainstGeneration, Fool, Generation, Generator, HeadDiscrepancy
from transferium.objectives.consistency import FixMatch, MeanTeacher
from transferium.objectives.discrepancy import MMD, ContrastiveDiscrepancy, Coral, JointMMD
from transferium.objectives.prediction import ClassConfusion, Entropy, InformationMaximisation, NuclearNorm
from transferium.objectives.spectrum import FeatureNorms, Spectrum

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
PAIR = frozenset({"source", "unlabeled"})
LONE = frozenset({"unlabeled"})


def features(model: Any, batch: Any) -> np.ndarray:
    return np.array([model.backbone(row[None])[0].detach().double().numpy() for row in batch.inputs[0]])


def logits(model: Any, batch: Any) -> np.ndarray:
    return np.array([model(row[None])[0].detach().double().numpy() for row in batch.inputs[0]])


def softmax(rows: np.ndarray) -> np.ndarray:
    return np.array([np.exp(r - r.max()) / np.exp(r - r.max()).sum() for r in rows])


def kernel(z: np.ndarray) -> np.ndarray:
    squares = np.array([[((a - b) ** 2).sum() for b in z] for a in z])
    above = np.sort(squares[np.triu_indices(len(z), 1)])
    unit = above[(len(above) - 1) // 2]
    return np.mean([np.exp(-squares / (s * unit)) for s in SCALES], axis=0)


def mean_gap(k: np.ndarray, n: int) -> float:
    return float(k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean())


def slow_mmd(m: Any, b: Any) -> float:
    x, z = features(m, b["source"]), features(m, b["unlabeled"])
    return mean_gap(kernel(np.concatenate([x, z])), len(x))


def slow_linear_mmd(m: Any, b: Any) -> float:
    x, z = (features(m, b[s])[:6] for s in ("source", "unlabeled"))
    four = [(x[0::2], x[1::2]), (z[0::2], z[1::2]), (x[0::2], z[1::2]), (x[1::2], z[0::2])]
    squares = np.array([[((p - q) ** 2).sum() for p, q in zip(a, c, strict=True)] for a, c in four])
    unit = np.sort(squares.ravel())[(squares.size - 1) // 2]
    k = np.mean([np.exp(-squares / (s * unit)) for s in SCALES], axis=0)
    return float((k[0] + k[1] - k[2] - k[3]).mean())


def slow_jmmd(m: Any, b: Any) -> float:
    x, z = features(m, b["source"]), features(m, b["unlabeled"])
    p, q = softmax(logits(m, b["source"])), softmax(logits(m, b["unlabeled"]))
    return mean_gap(kernel(np.concatenate([x, z])) * kernel(np.concatenate([p, q])), len(x))


def slow_coral(m: Any, b: Any) -> float:
    a, c = (np.cov(features(m, b[s]), rowvar=False) for s in ("source", "unlabeled"))
    return float(((a - c) ** 2).sum() / (4 * len(a) ** 2))


def slow_cdd(m: Any, b: Any) -> float:
    x, z = features(m, b["source"]), features(m, b["guessed"])
    y, g = b["source"].labels.numpy(), b["guessed"].labels.numpy()
    k, n = kernel(np.concatenate([x, z])), len(x)
    within, between = [], []
    for c in (0, 1):
        for d in (0, 1):
            i, j = np.flatnonzero(y == c), n + np.flatnonzero(g == d)
            gap = k[np.ix_(i, i)].mean() + k[np.ix_(j, j)].mean() - 2 * k[np.ix_(i, j)].mean()
            (within if c == d else between).append(gap)
    return float(np.mean(within) - np.mean(between))


def slow_entropy(p: np.ndarray) -> np.ndarray:
    return np.array([-(row * np.log(row)).sum() for row in p])


def slow_mcc(m: Any, b: Any) -> float:
    p = softmax(logits(m, b["unlabeled"]) / 2.5)
    w = 1 + np.exp(-slow_entropy(p))
    w /= w.mean()
    confusion = sum(weight * np.outer(row, row) for weight, row in zip(w, p, strict=True))
    confusion /= confusion.sum(axis=1, keepdims=True)
    return float((confusion.sum() - np.trace(confusion)) / p.shape[1])


def slow_bnm(m: Any, b: Any) -> float:
    p = softmax(logits(m, b["unlabeled"]))
    return float(-np.linalg.svd(p, compute_uv=False).sum() / len(p))


def slow_information(m: Any, b: Any) -> float:
    p = softmax(logits(m, b["unlabeled"]))
    return float(slow_entropy(p).mean() - 0.7 * slow_entropy(p.mean(axis=0)[None])[0])


def slow_bsp(m: Any, b: Any) -> float:
    return sum(float(np.linalg.svd(features(m, b[s]), compute_uv=False)[0] ** 2) for s in sorted(PAIR))


def through(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    first, _, second = network
    w, c, v, d = (p.detach().double().numpy() for p in (first.weight, first.bias, second.weight, second.bias))
    return np.array([v @ np.maximum(w @ row + c, 0) + d for row in x])


def cross(source: np.ndarray, target: np.ndarray, weights: tuple[Any, Any] = (1.0, 1.0)) -> float:
    here = (weights[0] * np.log1p(np.exp(-source[:, 0]))).mean()
    return float(0.5 * here + 0.5 * (weights[1] * np.log1p(np.exp(target[:, 0]))).mean())


def seeded(make: Callable[[], Any]) -> Any:
    """The objective with the same own parameters every time it is made."""
    torch.manual_seed(3)
    return make()


def dann() -> Any:
    return seeded(lambda: DomainAdversarial(16, hidden=8))


def cdan(entropy: bool = False) -> Any:
    return seeded(lambda: ConditionalAdversarial(16, 2, hidden=8, entropy=entropy))


def mdd() -> Any:
    return seeded(lambda: MarginDisparity(16, 2, hidden=8, margin=3.0))


def slow_dann(m: Any, b: Any) -> float:
    return cross(*(through(dann().critic, features(m, b[s])) for s in ("source", "unlabeled")))


def slow_cdan(m: Any, b: Any, entropy: bool = False) -> float:
    seen, weights = [], []
    for s in ("source", "unlabeled"):
        p = softmax(logits(m, b[s]))
        joined = np.array([np.outer(f, q).ravel() for f, q in zip(features(m, b[s]), p, strict=True)])
        seen.append(through(cdan().critic, joined))
        w = 1 + np.exp(-slow_entropy(p))
        weights.append(w / w.mean() if entropy else 1.0)
    return cross(seen[0], seen[1], (weights[0], weights[1]))


def slow_mdd(m: Any, b: Any) -> float:
    rows = []
    for s in ("source", "unlabeled"):
        chosen = logits(m, b[s]).argmax(axis=1)
        p = softmax(through(mdd().adversary, features(m, b[s])))
        rows.append(p[np.arange(len(p)), chosen])
    return float(-(3.0 * np.log(rows[0]).mean() + np.log(1 - rows[1]).mean()))


def second() -> Any:
    return seeded(lambda: torch.nn.Linear(16, 2))


def judge() -> Any:
    return seeded(lambda: critic(16, 8))


def answers(m: Any, b: Any) -> np.ndarray:
    return softmax(logits(m, b["unlabeled"]))


def slow_discrepancy(m: Any, b: Any) -> float:
    w, c = (p.detach().double().numpy() for p in second().parameters())
    return -float(np.abs(answers(m, b) - softmax(features(m, b["unlabeled"]) @ w.T + c)).mean())


def slow_fool(m: Any, b: Any) -> float:
    return float(np.log1p(np.exp(-through(judge(), features(m, b["unlabeled"])))).mean())


def maker() -> Any:
    return seeded(lambda: Generator(2, 16, noise=0, hidden=8))


def paired_judge() -> Any:
    return seeded(lambda: critic(18, 8))


def made(m: Any, b: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """What is made for the source's classes, the classes, and what the head's answers for them cost."""
    y = b["source"].labels.numpy()
    rows = through(maker().layers, np.eye(2)[y])
    p = softmax(m.head(torch.from_numpy(rows).float()).detach().double().numpy())
    return rows, np.eye(2)[y], float(np.mean([-np.log(row[k]) for row, k in zip(p, y, strict=True)]))


def slow_generation(m: Any, b: Any) -> float:
    rows, y, right = made(m, b)
    seen = np.concatenate([features(m, b["unlabeled"]), answers(m, b)], axis=1)
    here = np.concatenate([np.concatenate([x, y], axis=1) for x in (rows, features(m, b["source"]))])
    return cross(through(paired_judge(), here), through(paired_judge(), seen)) + right


def slow_against(m: Any, b: Any) -> float:
    seen = np.concatenate([features(m, b["unlabeled"]), answers(m, b)], axis=1)
    return made(m, b)[2] - float(np.log1p(np.exp(through(paired_judge(), seen))).mean())


def slow_fixmatch(m: Any, b: Any) -> float:
    return float(np.mean([-np.log(p.max()) if p.max() >= 0.6 else 0.0 for p in answers(m, b)]))


def row(name: str, make: Any, term: str, slow: Any, touches: frozenset[str] = PAIR) -> tuple[Any, ...]:
    return name, lambda m: make(), lambda m, b, start: {term: slow(m, b)}, touches


TERMS = [
    row("mmd", MMD, "mmd", slow_mmd),
    row("mmd linear", lambda: MMD(linear=True), "mmd", slow_linear_mmd),
    row("jmmd", JointMMD, "jmmd", slow_jmmd),
    row("coral", Coral, "coral", slow_coral),
    row("cdd", ContrastiveDiscrepancy, "cdd", slow_cdd, frozenset({"source", "guessed"})),
    row("mcc", ClassConfusion, "mcc", slow_mcc, LONE),
    row("bnm", NuclearNorm, "bnm", slow_bnm, LONE),
    row("entropy", Entropy, "entropy", lambda m, b: slow_entropy(softmax(logits(m, b["unlabeled"]))).mean(), LONE),
    row("information", lambda: InformationMaximisation(diversity=0.7), "information", slow_information, LONE),
    row("afn", lambda: FeatureNorms(step=0.5), "afn", lambda m, b: 2 * 0.5**2),
    row("bsp", Spectrum, "bsp", slow_bsp),
    row("dann", dann, "domain", slow_dann),
    row("cdan", cdan, "domain", slow_cdan),
    row("cdan+e", lambda: cdan(True), "domain", lambda m, b: slow_cdan(m, b, True)),
    row("mdd", mdd, "disparity", slow_mdd),
    row("discrepancy", lambda: HeadDiscrepancy(second(), sign=-1.0), "discrepancy", slow_discrepancy, LONE),
    row("fool", lambda: Fool(judge()), "fool", slow_fool, LONE),
    row("generation", lambda: Generation(maker(), paired_judge()), "generation", slow_generation),
    row("against generation", lambda: AgainstGeneration(maker(), paired_judge()), "against", slow_against),
    row("fixmatch", lambda: FixMatch(threshold=0.6, strength=0.0), "fixmatch", slow_fixmatch, LONE),
    (
        "mean teacher",
        lambda m: MeanTeacher(m, strength=0.0),
        lambda m, b, start: {"teacher": float(((answers(m, b) - answers(start, b)) ** 2).mean())},
        LONE,
    ),
]
