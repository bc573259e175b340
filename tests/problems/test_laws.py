"""What every kind of problem promises, written once for all three."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.artifact import DESCRIPTION, Artifact, load_artifact
from transferium.errors import DataError
from transferium.models.catalogue import find_backbone
from transferium.models.heads.base import AnyHead
from transferium.models.heads.linear import Head
from transferium.models.heads.neighbours import Neighbours
from transferium.problems.catalogue import OF_EXAMPLES, PROBLEMS, problem_from_json, read_labels
from transferium.problems.classes import Classes
from transferium.problems.multi_label import MultiLabel
from transferium.problems.problem import Labels, Problem, linked
from transferium.problems.regression import Regression
from worlds.problems import KINDS, rows

every = pytest.mark.parametrize("kind", KINDS)
N = 60


def world(kind: str, n: int = N) -> tuple[Labels, Problem, np.ndarray]:
    """Labels, their problem, and scores that know a little about them."""
    domain = rows(kind, n)
    labels, problem = domain.y, domain.posed
    truth = np.eye(4)[labels] if kind == "classes" else np.asarray(labels, float).reshape(n, -1)
    truth = truth if kind == "regression" else 2 * truth - 1
    return labels, problem, truth + np.random.default_rng(1).normal(size=truth.shape)


def test_every_kind_is_here() -> None:
    assert OF_EXAMPLES == KINDS and {*PROBLEMS} == {*KINDS, "entities", "boxes", "translation", "transcription"}, (
        "test_entities.py, test_boxes.py and test_texts.py have the others"
    )


@every
def test_cells_are_read_back_as_they_were_written(kind: str) -> None:
    labels, problem, _ = world(kind)
    some = labels.any(axis=1) if kind == "multi-label" else np.ones(N, bool)  # an empty cell is said in a warning
    cells = [problem.cell(label) for label in labels[some]]
    read, again = read_labels(cells, "y", problem)
    np.testing.assert_array_equal(read, labels[some])
    assert again == problem
    assert [again.cell(label) for label in read] == cells


@every
def test_a_problem_comes_back_from_json(kind: str) -> None:
    problem = world(kind)[1]
    assert problem_from_json(json.loads(json.dumps(problem.to_json()))) == problem
    with pytest.raises(ValueError, match="the kind of its problem, 'ranking'"):
        problem_from_json(problem.to_json() | {"kind": "ranking"})


@every
def test_losses_are_those_of_torch(kind: str) -> None:
    labels, problem, scores = world(kind)
    theirs = problem.torch_losses(torch.tensor(scores), torch.tensor(labels))
    ours = problem.losses(scores, labels)
    assert ours.shape == theirs.shape == (N,)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10)
    assert np.isfinite(problem.losses(1e4 * scores, labels)).all()


@every
def test_the_gradient_pulls_scores_towards_labels(kind: str) -> None:
    labels, problem, scores = world(kind)
    moved = torch.tensor(scores, requires_grad=True)
    problem.torch_losses(moved, torch.tensor(labels)).sum().backward()
    assert problem.losses(scores - 0.01 * moved.grad.numpy(), labels).sum() < problem.losses(scores, labels).sum()


@every
def test_the_headline_is_the_merit(kind: str) -> None:
    labels, problem, scores = world(kind)
    outputs = linked(scores, problem.link)
    result = problem.evaluate(labels, outputs, seed=0)
    assert result.headline == problem.headline
    found = result[problem.headline]
    assert found.value == pytest.approx(problem.merit(labels, outputs), rel=1e-12)
    assert found.low <= found.value <= found.high
    assert result.as_dict()[problem.headline] == {"value": found.value, "low": found.low, "high": found.high}
    assert {name for name, _ in problem.shown} <= result.metrics.keys()
    again = problem.evaluate(labels, outputs, seed=0)
    assert json.dumps(again.as_dict()) == json.dumps(result.as_dict())


@every
def test_merit_counts_examples_by_their_weight(kind: str) -> None:
    labels, problem, scores = world(kind)
    outputs, counts = linked(scores, problem.link), np.random.default_rng(2).integers(0, 4, N)
    repeated = np.repeat(np.arange(N), counts)
    weighted = problem.merit(labels, outputs, counts.astype(float))
    assert weighted == pytest.approx(problem.merit(labels[repeated], outputs[repeated]))


@every
def test_a_comparison_is_above_0_for_the_better_and_changes_its_sign(kind: str) -> None:
    labels, problem, scores = world(kind)
    good = linked(scores, problem.link)
    bad = linked(scores + 20 * np.random.default_rng(3).normal(size=scores.shape), problem.link)
    gain, loss = problem.compare(labels, good, bad, seed=0), problem.compare(labels, bad, good, seed=0)
    sign = -1 if problem.lower_is_better else 1
    assert gain.value == pytest.approx(sign * (problem.merit(labels, good) - problem.merit(labels, bad)))
    assert 0 < gain.low <= gain.value <= gain.high
    assert (loss.value, loss.low, loss.high) == pytest.approx((-gain.value, -gain.high, -gain.low))
    none = problem.compare(labels, good, good, seed=0)
    assert none.value == 0
    assert none.low <= 0 <= none.high


@every
def test_groups_are_resampled_whole(kind: str) -> None:
    labels, problem, scores = world(kind)
    labels, outputs = np.repeat(labels, 6, axis=0), np.repeat(linked(scores, problem.link), 6, axis=0)
    groups = np.repeat(np.arange(N), 6)
    apart = problem.evaluate(labels, outputs, seed=0)[problem.headline]
    whole = problem.evaluate(labels, outputs, seed=0, groups=groups)[problem.headline]
    assert whole.value == apart.value
    assert whole.high - whole.low > 1.5 * (apart.high - apart.low)


@every
def test_no_other_constant_is_better(kind: str) -> None:
    labels, problem, _ = world(kind)
    best = problem.constant(labels)
    assert best.shape == (problem.width,)
    back = {"softmax": np.log, "sigmoid": lambda p: np.log(p / (1 - p)), "identity": lambda a: a}[problem.link](best)
    np.testing.assert_allclose(linked(back[None], problem.link)[0], best)
    least = problem.losses(np.tile(back, (N, 1)), labels).mean()
    for other in back + 0.3 * np.random.default_rng(4).normal(size=(50, problem.width)):
        assert problem.losses(np.tile(other, (N, 1)), labels).mean() >= least


@every
def test_strata_number_each_example(kind: str) -> None:
    labels, problem, _ = world(kind)
    for some in (labels, labels[:3], labels[:1]):
        strata = problem.strata(some)
        assert strata.shape == (len(some),)
        assert strata.dtype.kind == "i"
        assert (strata >= 0).all()
    assert len(np.unique(problem.strata(labels))) > 1


@every
def test_outputs_of_scores_are_answers(kind: str) -> None:
    labels, problem, scores = world(kind)
    outputs = linked(scores, problem.link)
    assert outputs.shape == scores.shape == (N, problem.width)
    predicted = problem.predict(outputs)
    assert predicted.shape == labels.shape
    assert predicted.dtype.kind == labels.dtype.kind
    for row, label in zip(outputs, predicted, strict=True):
        assert problem.answer(row) == problem.cell(label)
    assert len(problem.columns) in (0, problem.width)
    json.dumps([problem.value(row) for row in outputs])


@every
def test_one_temperature_makes_scores_honest(kind: str) -> None:
    labels, problem, scores = world(kind, 400)
    temperature = problem.calibrate(5 * scores, labels)
    if problem.link == "identity":
        assert temperature == 1
        return
    losses = [
        problem.losses(5 * scores / t, labels).mean() for t in (temperature, temperature / 1.1, 1.1 * temperature)
    ]
    assert temperature > 1.5
    assert losses[0] <= min(losses[1:])


@every
def test_a_problem_matches_itself_in_any_order(kind: str) -> None:
    labels, problem, _ = world(kind)
    np.testing.assert_array_equal(problem.match(labels, problem, "'here'"), labels)
    more = problem.joined([replace(problem, names=("zz", *problem.names))]) if kind != "regression" else problem
    cells = [more.cell(label) for label in more.match(labels, problem, "'here'")]
    assert cells == [problem.cell(label) for label in labels]


@pytest.mark.parametrize(
    ("problem", "other", "labels", "message"),
    [
        (Classes(("a", "bee")), Classes(("bee", "be")), np.array([0, 1]), "has the class 'be', .* mean 'bee'"),
        (MultiLabel(("a", "bee")), MultiLabel(("be",)), np.ones((2, 1), np.uint8), "has the label 'be', .* mean 'bee'"),
    ],
    ids=["classes", "multi-label"],
)
def test_names_that_a_model_cannot_know_are_refused(
    problem: Problem, other: Problem, labels: Labels, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        problem.match(labels, other, "'there'")
    assert len(problem.match(0 * labels[:0], other, "'there'")) == 0


@pytest.mark.parametrize(
    ("problem", "labels", "message"),
    [
        (Classes(("a", "b")), np.array([1, 1]), "needs examples of 2 classes; 'here' holds 'b' alone"),
        (Classes(("a", "b")), np.empty(0, np.int64), "'here' holds no example alone"),
        (MultiLabel(("a", "b")), np.array([[1, 0], [1, 0]], np.uint8), r"every example of 'here' has .* labels \(a\)"),
        (MultiLabel(("a", "b")), np.empty((0, 2), np.uint8), "needs examples whose labels differ; 'here' holds none"),
        (Regression(), np.array([2.5, 2.5]), "'here' holds the one amount 2.5 alone"),
        (Regression(), np.array([2.5]), "'here' holds one sample alone"),
        (Regression(), np.empty(0), "'here' holds no example"),
    ],
)
def test_what_cannot_be_learned_is_refused(problem: Problem, labels: Labels, message: str) -> None:
    with pytest.raises(DataError, match=message):
        problem.check_learnable(labels, "'here'")


def heads(kind: str) -> dict[str, AnyHead]:
    """A head with weights, and one that remembers the examples."""
    domain, rng = rows(kind), np.random.default_rng(5)
    problem = domain.posed
    shape = (problem.width, 8)
    near = Neighbours(domain.features.astype(np.float32), domain.y, problem.width, 5, "cosine", link=problem.link)
    return {
        "linear": Head(rng.normal(size=shape), rng.normal(size=shape[0]), link=problem.link),
        "neighbours": near,
    }


@pytest.mark.parametrize(("head", "classes_format"), [("linear", 1), ("neighbours", 2)])
@every
def test_a_saved_model_answers_the_same_bits(kind: str, head: str, classes_format: int, tmp_path: Path) -> None:
    problem, one = rows(kind).posed, heads(kind)[head]
    Artifact(replace(find_backbone(None, "features"), width=8), one, problem).save(tmp_path / "model")
    read = load_artifact(tmp_path / "model")
    assert read.problem == problem
    x = np.random.default_rng(6).normal(size=(50, 8))
    np.testing.assert_array_equal(read.head.outputs(x), one.outputs(x))
    written = json.loads((tmp_path / "model" / DESCRIPTION).read_text())
    assert written["format"] == (classes_format if kind == "classes" else 3)
    assert ("problem" in written) == (kind != "classes")
