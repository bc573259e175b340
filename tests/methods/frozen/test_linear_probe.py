"""The linear probe: chosen inside the training part, calibrated out of fold, honest about what it could not do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.data.split import folds
from transferium.embedding.embed import Embedder, Embedding
from transferium.errors import DataError, InputError
from transferium.methods.frozen.linear_probe import GRID, LinearProbe
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes


def table(X: np.ndarray, y: np.ndarray, classes: int | None = None) -> Domain:
    names = tuple(f"class {k}" for k in range(classes or int(y.max()) + 1))
    rows = Rows(np.asarray(X, np.float32))
    return Domain(rows, "features", [str(i) for i in range(len(y))], np.asarray(y, np.int64), Classes(names))


def task(train: Domain, **changes: object) -> Task:
    backbone = replace(find_backbone(None, "features"), width=train.features.shape[1])
    return replace(Task(train, None, backbone, Embedder(None), 0), **changes)


def digits(n: int = 300) -> Domain:
    """Handwritten digits under noise, so that the best C lies inside the default grid."""
    X, y = load_digits(return_X_y=True)
    return table(X[:n] + np.random.default_rng(0).normal(scale=8, size=(n, 64)), y[:n])


def noise(n: int, width: int, seed: int = 0) -> Domain:
    rng = np.random.default_rng(seed)
    return table(rng.normal(size=(n, width)), rng.integers(0, 2, n))


def test_it_is_as_good_as_scikit_learn_with_its_best_c_by_the_same_folds() -> None:
    X, y = load_digits(return_X_y=True)
    train, test = table(X[:900], y[:900]), table(X[900:], y[900:])
    fitted = LinearProbe().fit(task(train))
    fold, best = folds(train.y, k=5, seed=0), (np.inf, 0.0)
    scale = np.sqrt(((X[:900] - X[:900].mean(0)) ** 2).sum(1).mean())
    for C in GRID:
        loss = 0.0
        for k in range(5):
            theirs = LogisticRegression(C=C, max_iter=2000).fit(X[:900][fold != k] / scale, train.y[fold != k])
            p = theirs.predict_proba(X[:900][fold == k] / scale)
            loss -= np.log(p[np.arange(len(p)), train.y[fold == k]]).mean() / 5
        best = min(best, (loss, C))
    assert fitted.selection.chosen["C"] == pytest.approx(best[1], rel=1e-5)
    theirs = LogisticRegression(C=best[1], max_iter=2000).fit(X[:900] / scale, train.y)
    ours = (fitted.head.predict(test.features) == test.y).mean()
    assert abs(ours - theirs.score(X[900:] / scale, test.y)) <= 0.005


def test_the_choice_is_printed_and_written_down() -> None:
    fitted = LinearProbe(folds=3).fit(task(digits()))
    plain = json.loads(json.dumps(fitted.selection.to_json()))
    assert plain["rule"] == "smallest out-of-fold log-loss"
    assert plain["data"] == "3 folds of the training part"
    assert [len(c["log_loss"]) for c in plain["candidates"]] == [3] * 10
    means = [np.mean(c["log_loss"]) for c in plain["candidates"]]
    assert plain["chosen"] == {"C": plain["candidates"][int(np.argmin(means))]["C"]}
    assert str(fitted.selection).startswith(f"C = {plain['chosen']['C']:.4g} of 10 candidates")
    assert set(fitted.seconds) == {"embed", "solve"}


def test_the_temperature_is_fitted_on_examples_the_models_never_saw() -> None:
    """Sixty noisy features for sixty examples: sure of what it saw, wrong on what it did not."""
    fitted = LinearProbe(Cs=(300.0,)).fit(task(noise(60, 60)))
    assert fitted.head.temperature > 3
    assert fitted.oof_outputs is not None
    assert fitted.oof_outputs.max(axis=1).mean() < 0.75


def test_out_of_fold_probabilities_do_not_know_the_example() -> None:
    fitted = LinearProbe(Cs=(300.0,)).fit(task(noise(200, 300)))
    assert fitted.oof_outputs is not None
    seen, train = fitted.head.predict(noise(200, 300).features), noise(200, 300)
    assert (seen == train.y).mean() > 0.99
    assert 0.35 < (fitted.oof_outputs.argmax(1) == train.y).mean() < 0.65


def test_the_grid_grows_where_the_best_c_lies_on_its_edge() -> None:
    free = LinearProbe().fit(task(digits())).selection.chosen["C"]
    above = LinearProbe(Cs=(0.01, 0.1)).fit(task(digits())).selection
    assert above.chosen["C"] > 0.1
    assert abs(np.log10(above.chosen["C"] / free)) <= 0.76
    assert above.notes[0].startswith(
        "the best C lay on the edge of the grid (0.01 to 0.1), which was extended to 0.01 to"
    )
    below = LinearProbe(Cs=(10.0, 30.0)).fit(task(noise(100, 20))).selection
    assert below.chosen["C"] < 10


def test_a_grid_that_cannot_grow_enough_says_so() -> None:
    selection = LinearProbe(Cs=(1e-6, 3e-6)).fit(task(digits())).selection
    assert "the chosen C is still on the edge of the grid" in selection.notes
    assert selection.chosen["C"] == max(c["C"] for c in selection.candidates)


def test_a_single_c_is_taken_as_it_is() -> None:
    selection = LinearProbe(Cs=(0.5,)).fit(task(digits())).selection
    assert selection.chosen == {"C": 0.5}
    assert not selection.notes


def test_the_rule_can_be_accuracy() -> None:
    selection = LinearProbe(rule="accuracy").fit(task(digits())).selection
    means = {c["C"]: np.mean(c["accuracy"]) for c in selection.candidates}
    assert means[selection.chosen["C"]] == max(means.values())
    assert selection.rule == "largest out-of-fold accuracy"


def test_balanced_weights_raise_the_recall_of_a_rare_class() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.05).astype(int)
    X = rng.normal(size=(2000, 3)) + 1.2 * y[:, None]
    recalls = []
    for weighting in (None, "balanced"):
        head = LinearProbe(class_weight=weighting).fit(task(table(X, y))).head
        recalls.append((head.predict(X[y == 1])).mean())
    assert recalls[1] > recalls[0] + 0.3


def test_groups_stay_on_one_side_of_every_fold() -> None:
    """Each group holds copies of one row under a random label: only a divided group can be remembered."""
    rng = np.random.default_rng(0)
    X, y, groups = (
        np.repeat(rng.normal(size=(60, 40)), 4, 0),
        np.repeat(np.arange(60) % 2, 4),
        np.repeat(np.arange(60), 4),
    )
    probe = LinearProbe(Cs=(300.0,))
    leaked = probe.fit(task(table(X, y))).oof_outputs
    kept = probe.fit(task(table(X, y), groups=groups)).oof_outputs
    assert leaked is not None
    assert kept is not None
    assert (leaked.argmax(1) == y).mean() > 0.95
    assert (kept.argmax(1) == y).mean() < 0.7


def test_val_is_not_looked_at() -> None:
    train = digits()
    other = table(np.full((5, 64), np.nan), np.zeros(5), 10)
    alone, beside = LinearProbe().fit(task(train)), LinearProbe().fit(task(train, val=other))
    np.testing.assert_array_equal(alone.head.weight, beside.head.weight)
    assert beside.selection.notes == ("the val part was not needed and not looked at",)


def test_a_class_without_training_examples_is_never_predicted() -> None:
    X, y = digits().features, digits().y
    fitted = LinearProbe().fit(task(table(X[y < 3], y[y < 3], classes=5)))
    assert fitted.head.weight.shape == (5, 64)
    assert fitted.head.outputs(X)[:, 3:].max() == 0
    assert fitted.oof_outputs is not None
    assert fitted.oof_outputs.shape == (int((y < 3).sum()), 5)
    assert "no training example of class 3, class 4: never predicted" in fitted.selection.notes


def test_a_class_too_small_to_hold_out_is_learned_from_all_the_same() -> None:
    X, y = digits().features, digits().y
    at = np.concatenate([np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:1]])
    fitted = LinearProbe().fit(task(table(X[at], y[at])))
    assert fitted.head.predict(X[at[-1:]]) == 2
    assert "1 examples of classes too small to hold out took part in every fold" in fitted.selection.notes


def test_fewer_folds_are_explained() -> None:
    X, y = load_digits(return_X_y=True)
    at = np.concatenate([np.flatnonzero(y == k)[:3] for k in range(3)])
    selection = LinearProbe().fit(task(table(X[at], y[at]))).selection
    assert selection.data == "3 folds of the training part"
    assert "3 folds and not 5: the smallest class has only 3 independent examples" in selection.notes


@pytest.mark.parametrize("groups", [None, np.zeros(3, np.int64)], ids=["one each", "one group"])
def test_one_example_per_class_gives_a_model_and_says_what_it_lacks(groups: np.ndarray | None) -> None:
    X, y = load_digits(return_X_y=True)
    fitted = LinearProbe().fit(task(table(X[:3], y[:3]), groups=groups))
    assert fitted.head.predict(X[:3]).tolist() == [0, 1, 2]
    assert fitted.head.temperature == 1
    assert fitted.oof_outputs is None
    assert str(fitted.selection) == (
        "C = 1 of 1 candidate, by no comparison on the training part; too few examples to choose C: it is 1"
    )


@pytest.mark.parametrize("classes", [1, 3])
def test_one_class_is_refused(classes: int) -> None:
    with pytest.raises(DataError) as caught:
        LinearProbe().fit(task(table(np.ones((4, 2)), np.zeros(4), classes)))
    assert (
        str(caught.value)
        == "a classifier needs examples of 2 classes; the training part of 'data' holds 'class 0' alone."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"Cs": ()}, "Cs takes one number or more, with commas between; it was given none."),
        ({"Cs": (1.0, -1.0)}, "Cs must be above 0; it was -1.0."),
        ({"folds": 1}, "folds must be at least 2; it was 1."),
        ({"rule": "acuracy"}, "rule cannot be 'acuracy'. Did you mean 'accuracy'?"),
        ({"class_weight": "balance"}, "class_weight cannot be 'balance'. Did you mean 'balanced'?"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        LinearProbe(**settings)
    assert str(caught.value) == message
    with pytest.raises(InputError) as caught:
        LinearProbe().set_params(**settings)
    assert str(caught.value) == message


def test_scikit_learn_can_search_a_methods_settings() -> None:
    copy = clone(LinearProbe(Cs=(1.0,), folds=3), safe=False)
    assert copy.get_params() == {"Cs": (1.0,), "folds": 3, "class_weight": None, "rule": "log-loss"}
    with pytest.raises(InputError, match=r"method 'probe' has no setting 'fold'\. Did you mean 'folds'\?"):
        copy.set_params(fold=3)


def test_settings_describe_themselves() -> None:
    described = {s["name"]: s for s in LinearProbe.settings()}
    assert described["folds"]["default"] == 5
    assert described["folds"]["range"] == (2, 20)
    assert all(s["help"] for s in described.values())
    assert json.loads(json.dumps(LinearProbe().to_json()))["name"] == "probe"
    with pytest.raises(NotImplementedError, match="Method does not say how it fits"):
        Method().fit(task(digits(50)))


def test_the_same_seed_gives_the_same_bits() -> None:
    first, second, other = (LinearProbe().fit(task(digits(), seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.head.weight, second.head.weight)
    assert first.head.temperature == second.head.temperature != other.head.temperature


def test_ten_features_of_a_real_table() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    fitted = LinearProbe().fit(task(table(X[::2], y[::2])))
    assert (fitted.head.predict(X[1::2]) == y[1::2]).mean() > 0.95


def test_an_example_that_cannot_be_embedded_is_named() -> None:
    class Blind(Embedder):
        def __call__(self, domain: Domain, *backbones: Backbone) -> list[Embedding]:
            seen = super().__call__(domain, *backbones)
            ok = np.arange(len(domain)) != 2
            return [replace(e, ok=ok, problems={2: "truncated"}) for e in seen]

    with pytest.raises(DataError) as caught:
        LinearProbe().fit(task(digits(50), embedder=Blind(None)))
    assert str(caught.value) == (
        "1 of 50 examples of 'data' cannot be embedded; the first is '2': truncated. Leave them out."
    )
