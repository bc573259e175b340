"""Methods on every kind of problem: the reference solution, more than a constant answer, the same again."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.methods.catalogue import find_method
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from worlds.problems import KINDS, coloured, rows
from worlds.toy import picture_backbone

every = pytest.mark.parametrize("kind", KINDS)
QUICK = {"epochs": 6, "batch_size": 16, "lr": 3e-3, "head_lr": 1e-2, "augment": "none"}


def fitted(name: str, train: Domain, backbone: Backbone | None = None, **settings: object) -> tuple[Fitted, Task]:
    task = Task(train, None, backbone or find_backbone(None, "features"), Embedder(None), 0)
    return find_method(name, settings).fit(task), task


def outputs(found: Fitted, task: Task, test: Domain) -> np.ndarray:
    return found.head.outputs(task.embed(test, found.backbone).features)


@every
def test_the_probe_is_scikit_learns_solution_at_the_chosen_c(kind: str) -> None:
    train, test = rows(kind), rows(kind, seed=1)
    found, task = fitted("probe", train)
    X, scale = train.features, np.sqrt(((train.features - train.features.mean(axis=0)) ** 2).sum(axis=1).mean())
    C = found.selection.chosen["C"] / scale**2
    ours = found.head.with_temperature(1.0).outputs(test.features)
    if kind == "regression":
        theirs = Ridge(alpha=1 / C).fit(X, train.y).predict(test.features)[:, None]
    elif kind == "multi-label":
        models = [LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(X, y) for y in train.y.T]
        theirs = np.stack([model.predict_proba(test.features)[:, 1] for model in models], axis=1)
    else:
        theirs = LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(X, train.y).predict_proba(test.features)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-3)
    assert outputs(found, task, test).shape == (len(test), train.posed.width)


@every
def test_neighbours_are_scikit_learns(kind: str) -> None:
    train, test = rows(kind), rows(kind, seed=1)
    found, _ = fitted("knn", train, ks=(5,), metric="euclidean")
    ours = found.head.with_temperature(1.0).outputs(test.features)
    model = (KNeighborsRegressor if kind == "regression" else KNeighborsClassifier)(5)
    model.fit(train.features.astype(np.float32), train.y)
    if kind == "regression":
        np.testing.assert_allclose(ours[:, 0], model.predict(test.features.astype(np.float32)))
        return
    votes = model.predict_proba(test.features.astype(np.float32))
    shares = np.stack([v[:, 1] for v in votes], axis=1) if kind == "multi-label" else votes
    np.testing.assert_allclose(ours, (5 * shares + train.posed.constant(train.y)) / 6, atol=1e-9)


@pytest.mark.parametrize("method", ["finetune", "lp-ft", "gradual", "knn", "probe"])
@every
def test_what_is_learned_beats_the_constant_and_comes_out_the_same_again(kind: str, method: str) -> None:
    world = coloured(kind)
    train, test = world.take(np.arange(150)), world.take(np.arange(150, 200))
    settings = {} if method in ("knn", "probe") else QUICK
    answers = [outputs(*fitted(method, train, picture_backbone(), **settings), test) for _ in range(2)]
    np.testing.assert_array_equal(*answers)
    problem = world.posed
    alike = np.tile(problem.constant(train.y), (len(test), 1))
    gain = problem.compare(test.y, answers[0], alike, seed=0)
    assert gain.low > 0
    assert problem.merit(test.y, answers[0]) < 3 if kind == "regression" else problem.merit(test.y, answers[0]) > 0.6


@pytest.mark.parametrize(("method", "close"), [("probe", 1e-6), ("knn", 1e-6), ("finetune", 1e-3), ("lp-ft", 1e-3)])
def test_amounts_in_another_unit_are_answered_in_that_unit(method: str, close: float) -> None:
    world = coloured("regression")
    train, test = world.take(np.arange(150)), world.take(np.arange(150, 200))
    settings = {} if method in ("knn", "probe") else QUICK
    answers = []
    for unit in (1.0, 1000.0):
        own = Domain(train.samples, train.kind, train.ids, unit * train.y, train.problem, name=train.name)
        answers.append(outputs(*fitted(method, own, picture_backbone(), **settings), test))
    np.testing.assert_allclose(answers[1], 1000 * answers[0], rtol=close)


def test_amounts_far_from_0_cost_nothing() -> None:
    train, test = rows("regression"), rows("regression", seed=1)
    far = Domain(train.samples, train.kind, train.ids, train.y + 1e6, train.problem, name=train.name)
    near, moved = (outputs(*fitted("probe", one), test) for one in (train, far))
    np.testing.assert_allclose(moved - 1e6, near, atol=1e-6)
