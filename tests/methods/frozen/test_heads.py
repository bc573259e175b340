"""Heads on frozen features beside the probe, and hidden layers that fine-tuning trains."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from transferium.artifact import Artifact, load_artifact
from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError, InputError, TransferiumWarning
from transferium.evaluation.attacked import attacked_accuracy
from transferium.functional.matrices import unit_rows
from transferium.methods.catalogue import find_method
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.heads import _layered, hidden_widths
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.fitted import Threat
from transferium.methods.folds import held_out_folds
from transferium.methods.frozen.cosine import CosineClassifier, learn_directions
from transferium.methods.frozen.frozen_classifier import Cached
from transferium.methods.frozen.nearest_class_mean import NearestClassMean
from transferium.methods.frozen.nearest_neighbours import NearestNeighbours
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.cosine import CosineHead
from transferium.models.heads.hidden import HiddenHead
from transferium.models.heads.neighbours import Neighbours
from transferium.models.model import Model
from transferium.problems.classes import Classes
from transferium.training.distributed.machine import Machine
from transferium.training.feeds.feeds import Feeds
from transferium.training.wrappers.dead_units import dead_units
from worlds.toy import picture_backbone, pictures

# Shuffled, since the writers come one after the other; under a little noise, since some pixels are always blank.
_ORDER, _NOISE = np.random.default_rng(0).permutation(1797), np.random.default_rng(1).normal(size=(1797, 64))
DIGITS, LABELS = (part[_ORDER] for part in load_digits(return_X_y=True))
DIGITS = (DIGITS + _NOISE).astype(np.float32).astype(np.float64)
CACHED = [NearestClassMean(), CosineClassifier(), NearestNeighbours(), NearestNeighbours(metric="euclidean")]
every = pytest.mark.parametrize("method", CACHED, ids=lambda m: f"{m.name}-{getattr(m, 'metric', '')}")


def table(X: np.ndarray, y: np.ndarray, classes: int | None = None) -> Domain:
    names = tuple(f"class {k}" for k in range(classes or int(y.max()) + 1))
    rows = Rows(np.asarray(X, np.float32))
    return Domain(rows, "features", [str(i) for i in range(len(y))], np.asarray(y, np.int64), Classes(names))


def task(train: Domain, **changes: object) -> Task:
    backbone = replace(find_backbone(None, "features"), width=train.features.shape[1])
    return replace(Task(train, None, backbone, Embedder(None), 0), **changes)


TRAIN, TEST = table(DIGITS[:400], LABELS[:400]), table(DIGITS[400:900], LABELS[400:900])


def test_the_nearest_class_mean_is_scikit_learns_nearest_centroid() -> None:
    head = NearestClassMean().fit(task(TRAIN)).head
    theirs = NearestCentroid().fit(DIGITS[:400], LABELS[:400])
    np.testing.assert_array_equal(head.predict(TEST.features), theirs.predict(DIGITS[400:900]))
    # Scores differ from -|x - m|² / 2 by one unit for all, and one number a row.
    away = -0.5 * ((DIGITS[400:900, None] - theirs.centroids_[None]) ** 2).sum(axis=2)
    scores = head.logits(TEST.features)
    ours, exact = (m - m.mean(axis=1, keepdims=True) for m in (scores, away))
    unit = (ours * exact).sum() / (ours * ours).sum()
    np.testing.assert_allclose(unit * ours, exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_vote_as_in_scikit_learn(metric: str) -> None:
    head = NearestNeighbours(ks=(5,), metric=metric).fit(task(TRAIN)).head
    theirs = KNeighborsClassifier(5, metric=metric, algorithm="brute").fit(DIGITS[:400], LABELS[:400])
    votes = theirs.predict_proba(DIGITS[400:900])
    clear = np.sort(votes, axis=1)[:, -1] > np.sort(votes, axis=1)[:, -2]
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(head.predict(TEST.features)[clear], theirs.predict(DIGITS[400:900])[clear])


def test_k_is_chosen_by_the_log_loss_of_the_folds() -> None:
    """Two noisy classes in the plane: one neighbour is wrong too often, and all of them know nothing."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    data = task(table(rng.normal(size=(300, 2)) + 1.2 * y[:, None], y))
    fitted = NearestNeighbours(metric="euclidean", ks=(1, 25, 200)).fit(data)
    assert isinstance(fitted.head, Neighbours) and fitted.head.k == 25 == fitted.selection.chosen["k"]
    means = {c["k"]: np.mean(c["log_loss"]) for c in fitted.selection.candidates}
    assert means[25] < means[1] and means[25] < means[200]


def test_candidates_answer_for_what_they_have_not_seen() -> None:
    """The out-of-fold answers of one fold are those of a head made by hand from the other folds."""
    data = task(TRAIN)
    fold = held_out_folds(TRAIN.y, 5, data)
    for method in CACHED:
        chosen = method.fit(data)
        rest = task(TRAIN.take(np.flatnonzero(fold != 2)))
        X, y = np.asarray(rest.train.features, np.float64), rest.train.y
        by_hand = method._head(X, y, TRAIN.problem, chosen.selection.chosen, chosen.head.temperature)
        held = TRAIN.take(np.flatnonzero(fold == 2)).features
        assert chosen.oof_outputs is not None
        np.testing.assert_allclose(chosen.oof_outputs[fold == 2], by_hand.outputs(held), atol=1e-9)


@every
def test_it_is_accurate_calibrated_and_says_how_it_was_chosen(method: Cached) -> None:
    fitted = method.fit(task(TRAIN))
    p = fitted.head.outputs(TEST.features)
    assert (p.argmax(axis=1) == TEST.y).mean() > 0.8
    loss = -np.log(p[np.arange(len(p)), TEST.y]).mean()
    for other in (0.5, 2.0):
        worse = fitted.head.with_temperature(other * fitted.head.temperature).outputs(TEST.features)
        assert loss < -np.log(worse[np.arange(len(p)), TEST.y]).mean()
    said = json.loads(json.dumps(fitted.selection.to_json()))
    assert said["data"] == "5 folds of the training part" and set(fitted.seconds) == {"embed", "solve"}
    assert fitted.method == method.name and fitted.backbone.kind == "features"
    again = method.fit(task(TRAIN))
    assert again.head.equals(fitted.head) and again.head.temperature == fitted.head.temperature


@every
def test_a_class_without_examples_is_never_predicted(method: Cached) -> None:
    y = np.where(LABELS[:200] == 3, 9, LABELS[:200])
    fitted = method.fit(task(table(DIGITS[:200], y, 10)))
    p = fitted.head.outputs(TEST.features)
    assert p[:, 3].max() < 1e-6 and fitted.head.predict(np.zeros((1, 64)))[0] != 3
    assert "no training example of class 3: never predicted" in fitted.selection.notes
    assert fitted.oof_outputs is not None and (fitted.oof_outputs[:, 3] == 0).all()


@every
def test_copies_stay_on_one_side_of_a_fold(method: Cached) -> None:
    """Noise with every example twice: whoever finds a copy in another fold looks clever."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 30)), rng.integers(0, 2, 60)
    twice = table(np.concatenate([X, X]), np.concatenate([y, y]))
    honest = method.fit(task(twice, groups=np.tile(np.arange(60), 2)))
    fooled = method.fit(task(twice))
    loss = [min(np.mean(c["log_loss"]) for c in f.selection.candidates) for f in (honest, fooled)]
    assert loss[0] > 0.55
    assert loss[1] < loss[0]


@every
def test_one_example_per_class_gives_a_model_and_says_what_it_lacks(method: Cached) -> None:
    first = [int(np.flatnonzero(k == LABELS)[0]) for k in range(3)]
    fitted = method.fit(task(table(DIGITS[first], LABELS[first])))
    assert fitted.head.predict(DIGITS[first]).tolist() == [0, 1, 2]
    assert fitted.oof_outputs is None and fitted.selection.rule == "no comparison"
    assert "too few examples to hold any out: nothing was chosen, and probabilities are not calibrated" in str(
        fitted.selection
    )


@every
def test_one_class_is_refused(method: Cached) -> None:
    with pytest.raises(DataError, match=r"needs examples of 2 classes; .* holds 'class 0' alone"):
        method.fit(task(table(np.ones((4, 2)), np.zeros(4))))


def test_a_cosine_classifier_does_not_see_lengths() -> None:
    """Ten directions under lengths that vary a hundredfold: Euclidean means are lost, cosines are not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 600)
    X = np.eye(10)[y] + 0.2 * rng.normal(size=(600, 10))
    X *= np.exp(rng.normal(scale=2, size=(600, 1)))
    train, test = table(X[:300], y[:300]), table(X[300:], y[300:])
    right = [(m.fit(task(train)).head.predict(test.features) == test.y).mean() for m in CACHED[:2]]
    assert right[1] > 0.95 and right[0] < 0.8


def test_directions_are_learned_where_means_mislead() -> None:
    """Two coordinates share a noise that only their difference is free of; the means differ in one of them."""
    rng = np.random.default_rng(1)
    y, shared = rng.integers(0, 2, 600), rng.normal(scale=2, size=600)
    X = 0.3 * rng.normal(size=(600, 6))
    X[:, 0] += np.where(y == 1, 0.7, -0.7) + shared
    X[:, 1] += shared
    X[:, 2] += 10
    data = task(table(X[:300], y[:300]))
    fitted = CosineClassifier(scales=(5.0, 20.0)).fit(data)
    assert fitted.selection.chosen["directions"] == "learned"
    plain = CosineClassifier(learn=False).fit(data)
    assert [c["directions"] for c in plain.selection.candidates] == ["means"]
    assert isinstance(plain.head, CosineHead)
    right = [(f.head.predict(X[300:]) == y[300:]).mean() for f in (fitted, plain)]
    assert right[0] > right[1]


def test_the_gradient_of_the_directions_is_the_slope_of_the_loss() -> None:
    from scipy.optimize import check_grad

    rng = np.random.default_rng(0)
    rows, y, start = unit_rows(rng.normal(size=(30, 4))), rng.integers(0, 3, 30), rng.normal(size=(3, 4))
    seen = {}

    with pytest.MonkeyPatch.context() as patch:
        import scipy.optimize

        original = scipy.optimize.minimize
        patch.setattr(scipy.optimize, "minimize", lambda f, x, **o: (seen.update(f=f), original(f, x, **o))[1])
        found = learn_directions(rows, y, start, 10.0, 5)
    f = seen["f"]
    assert check_grad(lambda w: f(w)[0], lambda w: f(w)[1], start.ravel()) < 1e-5
    assert f(found.ravel())[0] < f(start.ravel())[0]
    np.testing.assert_allclose((found**2).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("knn", {"ks": "0,5"}, r"ks must be at least 1; it was 0"),
        ("knn", {"metric": "euclidian"}, r"metric"),
        ("knn", {"folds": "1"}, r"folds must be at least 2; it was 1"),
        ("ncm", {"folds": "0"}, r"folds must be at least 2"),
        ("cosine", {"scales": "-1"}, r"scales must be above 0; it was -1.0"),
        ("cosine", {"steps": "0"}, r"steps must be at least 1"),
        ("finetune", {"hidden": "25x"}, r"hidden takes widths, as in 256 or 512,128, or none; it was given '25x'"),
        ("finetune", {"hidden": "0"}, r"hidden takes widths"),
        ("finetune", {"hidden": "8", "activation": "rely"}, r"activation cannot be 'rely'. Did you mean 'relu'"),
        ("finetune", {"hidden": "8", "head_dropout": "1"}, r"head_dropout must be 0 or more and below 1; it was 1.0"),
        ("finetune", {"head_dropout": "0.5"}, r"drops hidden units, and there are none: give hidden=256"),
        ("finetune", {"head": "plain"}, r"head cannot be 'plain'"),
        ("lp-ft", {"hidden": "64"}, r"lp-ft starts from the linear probe.* hidden=64. Use finetune for hidden layers"),
    ],
)
def test_settings_that_cannot_work_are_named(name: str, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_method(name, settings)


def test_methods_on_cached_features_need_no_torch() -> None:
    code = (
        "import sys, numpy as np, transferium as tm; from transferium.methods.catalogue import find_method\n"
        "X = np.random.default_rng(0).normal(size=(40, 4)); X[:20] -= 3; X[20:] += 3; y = [0] * 20 + [1] * 20\n"
        "for name in ('ncm', 'cosine', 'knn'):\n"
        "    assert tm.TransferClassifier(method=name).fit(X, y).score(X, y) > 0.9\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def images(n: int = 40) -> Task:
    torch.set_num_threads(1)
    return Task(pictures(n), None, picture_backbone(), Embedder(None, engine="torch"), 0)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "elu", "tanh"])
def test_hidden_layers_become_the_end_of_the_backbone(activation: str) -> None:
    given = images()
    method = FineTune(epochs=1, batch_size=8, hidden="12,6", activation=activation, head_dropout=0.3)
    fitted = method.fit(given)
    assert fitted.backbone.width == 6 == fitted.head.width
    assert fitted.backbone.blocks == ("body.stem", "body.body", "body.top", "end")
    module = fitted.backbone.build()
    kinds = [type(m).__name__ for m in module.end]
    name = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "elu": "ELU", "tanh": "Tanh"}[activation]
    assert kinds == ["ScaledLinear", name, "Dropout", "Linear", name, "Dropout"]
    assert not module.training
    x = torch.randn(3, 3, 16, 16)
    body = module.body(x)
    h = (body - module.end[0].mean) / module.end[0].scale @ module.end[0].linear.weight.T + module.end[0].linear.bias
    h = module.end[1](h) @ module.end[3].weight.T + module.end[3].bias
    assert torch.allclose(module(x), module.end[4](h), atol=1e-6)


def test_hidden_layers_on_feature_rows_are_saved_in_the_head(tmp_path) -> None:
    torch.manual_seed(0)
    head = HiddenHead(64, (12, 6), 10, "relu", 0.3).eval()
    head.look(TRAIN.features)
    with torch.no_grad():
        exact = head(torch.from_numpy(TEST.features.astype(np.float32))).numpy()
    np.testing.assert_allclose(_layered(head, 1.0, "softmax").logits(TEST.features), exact, rtol=1e-4, atol=1e-4)

    given = task(TRAIN, embedder=Embedder(None), workdir=tmp_path / "state")
    fitted = FineTune(epochs=3, hidden="12,6", head_lr=0.01).fit(given)
    model = Artifact(fitted.backbone, fitted.head, Classes(TRAIN.classes))
    seen = model.outputs(model.embed(TEST, Embedder(None)))
    some = TEST.take(np.arange(200))
    attacked = attacked_accuracy(fitted.backbone, fitted.head, TRAIN, some, Threat("pgd", 1e-6), seed=0)
    assert attacked.clean.value == np.mean(seen[:200].argmax(axis=1) == some.y)
    model.save(tmp_path / "model")
    again = load_artifact(tmp_path / "model")
    np.testing.assert_array_equal(again.outputs(again.embed(TEST, Embedder(None))), seen)
    with pytest.raises(InputError, match="hidden layers on feature rows take activation=relu; it was 'gelu'"):
        FineTune(hidden=8, activation="gelu").fit(task(TRAIN, workdir=tmp_path / "other"))


def test_a_model_with_hidden_layers_travels_as_one_graph(tmp_path) -> None:
    given = images()
    fitted = FineTune(epochs=1, batch_size=8, hidden=12).fit(given)
    Artifact(fitted.backbone, fitted.head, Classes(("a", "b"))).save(tmp_path / "model")
    read = load_artifact(tmp_path / "model")
    new = pictures(9, 5)
    expected = fitted.head.outputs(given.embed(new, fitted.backbone).features)
    found = read.outputs(read.embed(new, Embedder(None)))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert read.backbone.graph is not None and type(read.head).__name__ == "Head"
    with pytest.raises(BackboneError):
        read.backbone.build()


def test_dead_units_are_counted() -> None:
    """Five of twelve rectifiers are pushed below everything, and four of six tanhs far beyond their bend."""
    given = images()
    model = Model(picture_backbone().build(), HiddenHead(5, (12,), 2, "relu", 0.5))
    feeds = Feeds(given.backbone.preprocess)
    with torch.no_grad():
        model.head.hidden[0].linear.bias.fill_(5.0)
        model.head.hidden[0].linear.bias[:5] = -100.0
    assert dead_units(model, given.train, feeds, Machine()) == [(5, 12)]
    assert model.training and model.head.hidden[2].training
    model.head = HiddenHead(5, (12, 6), 2, "tanh", 0.0)
    with torch.no_grad():
        model.head.hidden[3].bias[:4] = 100.0
    assert dead_units(model, given.train, feeds, Machine()) == [(0, 12), (4, 6)]
    assert not any(m._forward_hooks for m in model.modules())
    model.head = torch.nn.Linear(5, 2)
    assert dead_units(model, given.train, feeds, Machine()) == []


def test_a_fit_whose_units_are_dead_says_so(monkeypatch) -> None:
    look = HiddenHead.look

    def look_and_kill(head: HiddenHead, features: np.ndarray) -> None:
        look(head, features)
        with torch.no_grad():
            head.hidden[0].linear.bias[:20] = -100.0

    monkeypatch.setattr(HiddenHead, "look", look_and_kill)
    method = FineTune(epochs=1, batch_size=8, hidden=32)
    with pytest.warns(TransferiumWarning, match=r"2\d of 32 hidden units never fire: .* activation=gelu"):
        fitted = method.fit(images())
    assert any("of 32 hidden units never fire" in note for note in fitted.selection.notes)


def test_a_hidden_layer_tells_apart_what_a_plane_cannot() -> None:
    """Frozen features in which the classes are an exclusive or."""

    class Corners(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(4.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scale * x[:, :2, 0, 0]

    from transferium.data.samples import Items
    from transferium.models.sources.wrapped import wrap_module
    from worlds.toy import PICTURE

    rng = np.random.default_rng(0)
    corners = rng.integers(0, 2, (200, 2))
    items = [np.broadcast_to(np.array([*(c * 200 + 20), 0], np.uint8), (20, 20, 3)).copy() for c in corners]
    y = (corners[:, 0] ^ corners[:, 1]).astype(np.int64)
    # Every corner under a little noise, so that no two pictures are copies.
    items = [(i + rng.integers(0, 20, i.shape)).astype(np.uint8) for i in items]
    domain = Domain(Items(items), "image", [str(i) for i in range(200)], y, Classes(("a", "b")))
    given = replace(images(), train=domain, backbone=wrap_module(Corners(), "image", PICTURE))
    settings = {"epochs": 12, "unfreeze": "none", "head_lr": 0.03, "augment": "none", "batch_size": 16}
    right = []
    for hidden in (None, 16):
        fitted = FineTune(hidden=hidden, **settings).fit(given)
        right.append((fitted.head.predict(given.embed(domain, fitted.backbone).features) == y).mean())
    assert right[0] < 0.8 and right[1] > 0.95, right


def test_widths_may_be_numbers_or_words() -> None:
    assert hidden_widths(256) == hidden_widths("256") == (256,)
    assert find_method("finetune", {"hidden": "512,128"}).hidden == "512,128"
    assert find_method("finetune", {"hidden": "none"}).hidden is None
    assert LPFT().hidden is None


def test_hidden_layers_over_a_cached_prefix_are_those_without_a_cache() -> None:
    settings = {"epochs": 2, "batch_size": 8, "hidden": 12, "unfreeze": 1, "augment": "none"}
    given = images()
    plain = FineTune(cache="off", **settings).fit(given)
    cached = FineTune(cache="on", cache_precision="full", **settings).fit(given)
    assert plain.backbone.blocks == cached.backbone.blocks
    new = pictures(12, 3)
    answers = [f.head.logits(given.embed(new, f.backbone).features) for f in (plain, cached)]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)
