"""References that anyone can recompute."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.neighbors import NearestCentroid

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.evaluation.references import constant, nearest_mean, probe_on
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.class_evaluation import ClassEvaluation
from transferium.problems.classes import Classes

X, Y = load_digits(return_X_y=True)
TRAIN, TEST = slice(0, 900), slice(900, None)
NAMES = [str(k) for k in range(10)]


def test_majority_answers_the_most_frequent_training_class() -> None:
    y = np.array([0, 1, 1, 2])
    problem = Classes(("a", "b", "c"))
    found = problem.evaluate(y, constant(problem, np.array([1, 1, 1, 0]), len(y)), seed=0)
    assert found.accuracy.value == 0.5
    assert found.confusion == [[0, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert found["log_loss"].value == pytest.approx(-np.mean(np.log([0.25, 0.75, 0.75, np.finfo(float).eps])))


def of_nearest_mean(train: slice, test: slice, classes: int = 10) -> ClassEvaluation:
    found = nearest_mean(X[train], Y[train], classes)(X[test])
    return Classes(tuple(NAMES[:classes])).evaluate(Y[test], found, seed=0)


def test_nearest_mean_equals_scikit_learns() -> None:
    found = of_nearest_mean(TRAIN, TEST)
    varied = X[TRAIN].std(0) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NearestCentroid remarks on pixels that are constant in a class
        theirs = NearestCentroid().fit(X[TRAIN][:, varied], Y[TRAIN])
    assert found.accuracy.value == pytest.approx(theirs.score(X[TEST][:, varied], Y[TEST]))


def test_nearest_mean_is_calibrated_on_the_training_part() -> None:
    found = of_nearest_mean(TRAIN, TEST)
    assert found["log_loss"].value < log_loss(Y[TEST], np.full((len(Y[TEST]), 10), 0.1)) / 2
    assert found["calibration_error"].value < 0.15


def test_nearest_mean_with_one_example_each_and_one_class_missing() -> None:
    found = of_nearest_mean(slice(3), slice(3), 4)
    assert found.accuracy.value == 1
    assert found.confusion[3] == [0, 0, 0, 0]


def test_nearest_mean_of_features_that_say_nothing() -> None:
    found = nearest_mean(np.ones((4, 2)), np.array([0, 0, 1, 1]), 2)(np.ones((2, 2)))
    assert found.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_the_probe_on_another_backbone_sees_that_backbones_features_alone() -> None:
    """The other "backbone" here shuffles rows, so that nothing is left to learn."""

    class Shuffling(Embedder):
        def __call__(self, domain: Domain, *backbones: object, **options: object) -> list:
            seen = super().__call__(domain, *backbones, **options)
            order = np.random.default_rng(0).permutation(len(domain))
            blind = [b.name == "blind" for b in backbones]
            return [replace(e, features=e.features[order]) if b else e for e, b in zip(seen, blind, strict=True)]

    def part(rows: slice) -> Domain:
        return Domain(Rows(X[rows].astype(np.float32)), "features", [""] * len(X[rows]), Y[rows], Classes(tuple(NAMES)))

    own = find_backbone(None, "features")
    task = Task(part(TRAIN), part(slice(0, 9)), own, Shuffling(None), 0)
    problem = task.problem
    blind, _ = probe_on(task, replace(own, name="blind", fingerprint="0" * 64), part(TEST))
    assert problem.evaluate(Y[TEST], blind, seed=0)["accuracy"].high < 0.2
    same, before = probe_on(task, own, part(TEST), LinearProbe(Cs=(1.0,)))
    measured = problem.evaluate(Y[TEST], same, seed=0, before=before)
    assert measured["accuracy"].low > 0.85
    assert measured["log_loss_before"].value > 0
