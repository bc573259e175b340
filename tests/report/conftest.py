"""A believable run of any number of classes, pictures to show in it, and a browser to look at it with."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from transferium.evaluation.verdict import verdict
from transferium.problems.multi_label import MultiLabel
from transferium.problems.problem import Problem, linked
from transferium.problems.regression import Regression


def around(value: float, half: float = 0.035, most: float = 1.0) -> dict[str, float]:
    return {"value": value, "low": max(0.0, value - half), "high": min(most, value + half)}


def make_run(classes: list[str], *, kind: str = "image", per_class: int = 40, seed: int = 0) -> dict[str, Any]:
    """A run whose tables agree with one another: the confusion matrix is drawn first, the rest follows from it."""
    draw = random.Random(seed)
    k = len(classes)
    counts = [[0] * k for _ in range(k)]
    examples = []
    for i in range(k):
        for n in range(per_class):
            j = i if draw.random() < 0.9 else draw.randrange(k)
            counts[i][j] += 1
            if i != j or n % 12 == 0:
                sure = round(draw.uniform(max(0.5, 1 / k), 0.99), 4)
                name = f"{classes[i]}/{draw.randrange(10**9)}.jpg"
                examples.append({"id": name, "label": classes[i], "predicted": classes[j], "confidence": sure})
    right = sum(counts[i][i] for i in range(k)) / (k * per_class)
    return {
        "name": "ants_bees",
        "kind": kind,
        "method": "probe",
        "backbone": "efficientnet_lite0",
        "engine": "onnx",
        "seed": 0,
        "command": "transferium fit data/ants_bees --out runs/ants_bees --seed 0",
        "verdict": "helped",
        "verdict_sentence": "Transfer helped: the probe on efficientnet_lite0 is right more often than a probe "
        "on random weights, by 31.4 points (95 % interval 23.5 to 39.2).",
        "temperature": 1.37,
        "test": {
            "accuracy": around(right),
            "balanced_accuracy": around(right - 0.002),
            **{f"{mean}_{name}": around(right - 0.003) for mean in ("macro", "weighted") for name in NAMES},
            "log_loss": around(0.171, 0.07, 9.0),
            "log_loss_before": around(0.183, 0.09, 9.0),
            "calibration_error": around(0.031, 0.015),
            "calibration_error_before": around(0.047, 0.019),
            "classes": classes,
            "per_class": [class_row(name, i, counts) for i, name in enumerate(classes)],
            "confusion": counts,
            "reliability": bins(0.0, draw, right),
            "reliability_before": bins(-0.06, draw, right),
        },
        "references": {
            "majority": {"accuracy": around(max(map(sum, counts)) / (k * per_class) * 0.98, 0.05)},
            "no_transfer": {"accuracy": around(right * 0.66, 0.07)},
            "nearest_mean": {"accuracy": around(right - 0.026, 0.04)},
        },
        "difference": {"value": 0.314, "low": 0.235, "high": 0.392},
        "selection": {
            "rule": "smallest mean log-loss, ties to the stronger regularisation",
            "data": "5 folds of the training part",
            "candidates": [candidate(e / 2, draw) for e in range(-8, 7)],
            "chosen": {"C": 10**-0.5},
            "notes": ["The grid held the best value inside its ends."],
        },
        "doctor": {"findings": FINDINGS, "quarantined": 2},
        "division": {
            "train": 244,
            "val": 0,
            "test": k * per_class,
            "rule": "The data came with train and val: val is held out, every choice is made inside train.",
        },
        "seconds": {"read": 0.21, "embed": 1.62, "fit": 0.31, "evaluate": 0.18, "write": 0.12, "total": 2.61},
        "provenance": {
            "created": "2026-01-31T12:00:00+00:00",
            "data": "9f2c" * 16,
            "python": "3.11.2",
            "versions": {"transferium": "0.1.0", "numpy": "2.3.0", "onnxruntime": "1.23.0", "pillow": "12.0.0"},
        },
        "examples": examples,
        "history": [],
    }


NAMES = ("precision", "recall", "f1")
FINDINGS: list[dict[str, Any]] = [
    {
        "kind": "unreadable",
        "severity": "error",
        "message": "2 files cannot be read as images and were put aside.",
        "ids": ["ants/imageNotFound.gif", "bees/half.jpg"],
    },
    {
        "kind": "near-duplicate",
        "severity": "warning",
        "message": "6 examples are almost the same picture as another; each pair stays on one side of every split.",
        "ids": [f"bees/{n}.jpg" for n in range(6)],
    },
    {"kind": "imbalance", "severity": "note", "message": "The largest class has 1.2 times the smallest.", "ids": []},
]
HISTORY = [
    {"step": s, "train_loss": 0.7 * math.exp(-s / 12) + 0.05, "val_loss": 0.7 * math.exp(-s / 9) + 0.16}
    | {"val_accuracy": 0.94 - 0.4 * math.exp(-s / 8), "lr": 1e-3 * (1 - s / 40)}
    for s in range(40)
]


def class_row(name: str, i: int, counts: list[list[int]]) -> dict[str, Any]:
    hit, support, taken = counts[i][i], sum(counts[i]), sum(row[i] for row in counts)
    precision, recall = hit / max(taken, 1), hit / support
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"class": name, "precision": precision, "recall": recall, "f1": f1, "support": support}


def bins(shift: float, draw: random.Random, right: float) -> list[dict[str, float]]:
    centres = [0.55, 0.65, 0.75, 0.85, 0.95]
    shares = [max(0.0, min(1.0, c + shift + draw.uniform(-0.04, 0.04))) for c in centres]
    return [
        {"confidence": c, "accuracy": a, "count": n}
        for c, a, n in zip(centres, shares, (6, 9, 12, 24, 102), strict=True)
    ] + [{"confidence": 0.0, "accuracy": 0.0, "count": 0}]


def candidate(exponent: float, draw: random.Random) -> dict[str, float]:
    mean = 0.17 + 0.035 * (exponent + 0.5) ** 2 / (1 + 0.3 * abs(exponent)) + draw.uniform(0, 0.004)
    return {"C": 10**exponent, "log_loss": mean, "log_loss_std": 0.035, "accuracy": 0.95 - mean / 10}


@pytest.fixture
def run() -> dict[str, Any]:
    """Ants and bees, with every section."""
    return make_run(["ants", "bees"], per_class=76) | {"history": HISTORY}


@pytest.fixture
def run_of() -> Callable[..., dict[str, Any]]:
    return make_run


def beside(problem: Problem, labels: Any, outputs: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A run of any problem, its figures measured by the problem itself; the first outputs are those of the model."""
    measured = {name: problem.evaluate(labels, found, seed=0).as_dict() for name, found in outputs.items()}
    ours = next(iter(outputs))
    answers = [(problem.cell(label), problem.answer(found)) for label, found in zip(labels, outputs[ours], strict=True)]
    difference = problem.compare(labels, outputs[ours], outputs["no_transfer"], seed=0)
    told = verdict(difference, "the probe", "a probe on random weights", problem.wording)
    classes = make_run(["a", "b"])
    gone = ("references", "test", "examples", "temperature", "attacked")
    return {key: value for key, value in classes.items() if key not in gone} | {
        "problem": problem.kind,
        "test": measured.pop(ours),
        "references": measured,
        "difference": told.difference_as_dict(),
        "verdict": told.word,
        "verdict_sentence": told.sentence,
        "division": {"train": 240, "val": 0, "test": len(labels)},
        "examples": [
            {"id": f"{i}.jpg", "label": label, "predicted": predicted} for i, (label, predicted) in enumerate(answers)
        ],
        **given,
    }


@pytest.fixture
def label_run() -> dict[str, Any]:
    """Films with any number of genres; the model finds Drama well and War badly."""
    draw = np.random.default_rng(0)
    names = ("Comedy", "Drama", "War")
    labels = (draw.random((80, 3)) < (0.4, 0.6, 0.2)).astype(np.uint8)
    noise = draw.normal(size=(80, 3))
    sharp = {"model": (1.2, 0.3, 4.0), "probe": (1.4, 0.9, 4.0), "no_transfer": (3.0, 3.0, 9.0)}
    outputs = {who: linked(3.0 * (labels - 0.5) + noise * width, "sigmoid") for who, width in sharp.items()}
    problem = MultiLabel(names)
    outputs["label_rates"] = np.tile(problem.constant(labels), (80, 1))
    tried = [{"C": C, "log_loss": [0.3, 0.2 + C / 100], "micro_f1": [0.8, 0.9]} for C in (1.0, 10.0)]
    chosen = {"rule": "smallest out-of-fold log-loss", "data": "2 folds", "chosen": {"C": 1.0}}
    return beside(problem, labels, outputs, selection=chosen | {"candidates": tried})


@pytest.fixture
def amount_run() -> dict[str, Any]:
    """Prices; the mean of them all is a reference, and weights that know nothing are worse than it."""
    draw = np.random.default_rng(0)
    labels = draw.normal(250_000.0, 60_000.0, 90)
    noise = draw.normal(size=90)
    off = {"model": 20_000.0, "probe": 30_000.0, "no_transfer": 90_000.0}
    outputs = {who: (labels + noise * width)[:, None] for who, width in off.items()}
    loss = {"C": 1.0, "squared_error": [4e8, 5e8], "mae": [2e4, 3e4]}
    chosen = {"rule": "smallest out-of-fold squared error", "data": "2 folds", "chosen": {"C": 1.0}}
    selection = chosen | {"candidates": [loss, loss | {"C": 10.0, "squared_error": [6e8, 7e8]}]}
    constant = {"mean": np.full((90, 1), labels.mean())}
    return beside(Regression(), labels, outputs | constant, selection=selection)


def picture(name: str) -> bytes:
    """A small picture of its own colour, as the bytes of a PNG file."""
    from PIL import Image

    draw = random.Random(name)
    file = io.BytesIO()
    image = Image.new("RGB", (500, 375), tuple(draw.randrange(40, 220) for _ in range(3)))
    image.paste(tuple(draw.randrange(256) for _ in range(3)), (120, 90, 380, 285))
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def pictures() -> Callable[[str], bytes]:
    return picture


@pytest.fixture
def told() -> dict[str, Any]:
    """What a run says of its source and target."""
    cloud = {"source": [[0.0, 0.5], [-1.0, 0.2]], "target": [[1.0, -0.5]], "variance": [0.6, 0.2]}
    accuracy = {"value": 0.9, "low": 0.85, "high": 0.95}
    return {
        "source": {"name": "dslr", "examples": 157, "of": ["dslr"]},
        "target": {"name": "amazon", "examples": 958},
        "rule": "all of the target is adapted to",
        "labels_stripped": True,
        "shares": [{"class": "mug", "source": 0.1, "before": 0.2, "after": 0.01}],
        "collapsed": ["mug"],
        "distance": {
            "before": {"value": 1.6, "accuracy": accuracy},
            "after": {"value": None, "reason": "too few rows"},
        },
        "maps": {"before": cloud, "after": cloud},
        "oracle": {"oracle": True, "accuracy": {"cdan": 0.91}, "best": "cdan", "chosen": "mcc", "gap": 0.012},
    }
