"""Every kind of head keeps the same promises: a row by itself, saved and read again, refused where it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from transferium.artifact import DESCRIPTION, Artifact, load_artifact
from transferium.errors import ArtifactError, DataError
from transferium.functional.nearest import nearest
from transferium.models.catalogue import find_backbone
from transferium.models.heads.base import BLOCK, AnyHead
from transferium.models.heads.cosine import CosineHead
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import Head, linear
from transferium.models.heads.neighbours import Neighbours, vote
from transferium.models.heads.saved import FORMATS
from transferium.problems.classes import Classes

WIDTH, CLASSES = 33, 4
RNG = np.random.default_rng(3)
X = (RNG.normal(size=(2 * BLOCK + 9, WIDTH)) + 5).astype(np.float32)


def matrix(rows: int, width: int = WIDTH) -> np.ndarray:
    return RNG.normal(size=(rows, width))


def neighbours(metric: str = "cosine", k: int = 5, m: int = 200) -> Neighbours:
    rng = np.random.default_rng(m)
    examples = (rng.normal(size=(m, WIDTH)) + 5).astype(np.float32)
    return Neighbours(examples, rng.integers(0, CLASSES, m), CLASSES, k, metric, 1.4)


HEADS: list[AnyHead] = [
    Head(matrix(CLASSES), matrix(CLASSES)[:, 0], 0.7),
    LayeredHead(matrix(CLASSES, 7), matrix(CLASSES)[:, 0], 1.7, ((matrix(7), matrix(7)[:, 0]),)),
    CosineHead(10 * matrix(CLASSES), matrix(CLASSES)[:, 0], 1.3),
    neighbours(),
    neighbours("euclidean"),
]
every = pytest.mark.parametrize("head", HEADS, ids=lambda h: f"{h.kind}-{getattr(h, 'metric', '')}")


def artifact(head: AnyHead) -> Artifact:
    return Artifact(replace(find_backbone(None, "features"), width=WIDTH), head, Classes(("a", "b", "c", "d")))


@every
def test_bit_identical_alone_or_in_any_batch(head: AnyHead) -> None:
    whole = head.outputs(X)
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    for i in (0, 1, BLOCK - 1, BLOCK, len(X) - 1):
        np.testing.assert_array_equal(head.outputs(X[i : i + 1])[0], whole[i])
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(head.outputs(X[order]), whole[order])
    np.testing.assert_array_equal(head.predict(X), head.logits(X).argmax(axis=1))


@every
def test_saved_and_read_again_it_answers_the_same_bits(head: AnyHead, tmp_path) -> None:
    artifact(head).save(tmp_path / "model")
    read = load_artifact(tmp_path / "model").head
    assert type(read) is type(head) and read.equals(head) and read.temperature == head.temperature
    np.testing.assert_array_equal(read.outputs(X), head.outputs(X))
    written = json.loads((tmp_path / "model" / DESCRIPTION).read_text())
    assert written["format"] == FORMATS[head.kind] == (1 if isinstance(head, Head) and head.kind != "cosine" else 2)
    assert written["head"] == head.facts()


@every
def test_another_temperature_changes_the_probabilities_alone(head: AnyHead) -> None:
    other = head.with_temperature(5.0)
    np.testing.assert_array_equal(other.logits(X), head.logits(X))
    assert other.outputs(X).max() < head.outputs(X).max() and other.equals(head)
    with pytest.raises(DataError, match=r"a temperature is positive and finite; this one is 0"):
        head.with_temperature(0.0)


@every
def test_features_of_another_width_are_refused(head: AnyHead) -> None:
    with pytest.raises(DataError, match=rf"this head reads features \(n, {WIDTH}\); it was given \(3, 5\)"):
        head.outputs(np.zeros((3, 5)))


def test_a_model_saved_before_heads_had_kinds_is_still_read(tmp_path) -> None:
    artifact(HEADS[0]).save(tmp_path)
    described = json.loads((tmp_path / DESCRIPTION).read_text())
    del described["head"], described["seal"], described["files"]  # there were none of these
    (tmp_path / DESCRIPTION).write_text(json.dumps(described))
    assert load_artifact(tmp_path).head.equals(HEADS[0])


def test_a_kind_that_there_is_not_is_damage(tmp_path) -> None:
    artifact(HEADS[3]).save(tmp_path)
    described = json.loads((tmp_path / DESCRIPTION).read_text())
    del described["seal"], described["files"]
    (tmp_path / DESCRIPTION).write_text(json.dumps(described | {"head": {"kind": "forest"}}))
    with pytest.raises(ArtifactError, match=r"lacks or garbles something \(the kind of its head, 'forest'\)"):
        load_artifact(tmp_path)


def test_whoever_needs_weights_is_told_where_there_are_none() -> None:
    assert linear(HEADS[0]) is HEADS[0]
    with pytest.raises(DataError, match=r"needs a linear head with weights; a neighbours head has none"):
        linear(HEADS[3])
    assert not HEADS[3].equals(HEADS[4]) and not HEADS[0].equals(HEADS[3])


def test_a_cosine_head_is_the_cosine() -> None:
    head = HEADS[2]
    assert isinstance(head, CosineHead)
    for x, scores in zip(X, head.logits(X), strict=True):
        np.testing.assert_allclose(scores, head.weight @ x.astype(float) / np.linalg.norm(x.astype(float)) + head.bias)
    np.testing.assert_allclose(head.logits(2 * X), head.logits(X), rtol=1e-6)
    np.testing.assert_array_equal(head.logits(np.zeros((1, WIDTH)))[0], head.bias)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5, 200])
def test_neighbours_are_those_of_scikit_learn(metric: str, k: int) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    head = neighbours(metric, k)
    theirs = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(head.examples.astype(float), head.labels)
    expected = theirs.predict_proba(X.astype(float))
    shares = np.bincount(head.labels) / len(head.labels)
    np.testing.assert_allclose(np.exp(head.logits(X)), (k * expected + shares) / (k + 1), atol=1e-12)
    if k < 200:
        found = theirs.kneighbors(X.astype(float), return_distance=False)
        np.testing.assert_array_equal(head.neighbours(X), found)


def test_neighbours_that_rounding_confuses_are_told_apart() -> None:
    """Rows a millionth apart, far from the origin: single precision cannot order them, the answer can."""
    rng = np.random.default_rng(1)
    rows = (1000 + rng.normal(scale=1e-4, size=(300, 8))).astype(np.float32)
    asked = rows[:40].astype(np.float64) + rng.normal(scale=1e-5, size=(40, 8))
    exact = ((asked[:, None] - rows[None].astype(np.float64)) ** 2).sum(axis=2).argsort(axis=1, kind="stable")[:, :7]
    squares = (rows.astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_array_equal(nearest(asked, rows, squares, 7), exact)
    coarse = (squares - 2 * (asked.astype(np.float32) @ rows.T)).argsort(axis=1)[:, :7]
    assert (coarse != exact).any(), "the world of this test must be one where single precision is not enough"


def test_equal_examples_are_equally_far_and_the_first_wins() -> None:
    head = Neighbours(np.ones((40, 3)), np.arange(40) % 2, 2, 4, "euclidean")
    assert head.neighbours(np.zeros((1, 3))).tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(head.outputs(np.zeros((2, 3))), 0.5)


def test_what_has_no_direction_or_no_examples() -> None:
    head = Neighbours(np.eye(3), np.array([0, 0, 2]), 3, 1, "cosine")
    assert np.isfinite(head.logits(np.zeros((1, 3)))).all()
    assert head.outputs(np.ones((1, 3)))[0, 1] == 0
    assert vote(np.array([[2]]), np.array([2, 0, 1]) / 3, (1,)).argmax() == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(3, int)}, r"neighbours need examples \(m, width\) and labels \(m,\); got \(4, 2\) \(3,\)"),
        ({"examples": np.full((4, 2), np.nan)}, r"neighbours need finite features"),
        ({"metric": "manhattan"}, r"a distance is cosine or euclidean; this one is 'manhattan'"),
        ({"k": 5}, r"k lies from 1 to the number of examples, 4; it was 5"),
        ({"labels": np.array([0, 1, 2, 3])}, r"labels count 3 classes from 0; these go from 0 to 3"),
    ],
)
def test_neighbours_that_cannot_be_are_refused(change: dict, message: str) -> None:
    good = {"examples": np.ones((4, 2)), "labels": np.zeros(4, int), "count": 3, "k": 2, "metric": "cosine"}
    with pytest.raises(DataError, match=message):
        Neighbours(**good | change)
