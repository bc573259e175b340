"""Spans are counted as seqeval counts them, and answers are the best tags that are legal."""

from __future__ import annotations

import json
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transferium.errors import DataError
from transferium.functional.sequences.ragged import flat, lengths, like, owners, pooled, ragged, unanswered, within
from transferium.functional.sequences.tag_sequences import best_tags, legal, spans_of, tags_of
from transferium.problems.catalogue import problem_from_json
from transferium.problems.entities import Entities

TYPES = ("group", "person")
TAGS = ("O", "B-group", "I-group", "B-person", "I-person")


def world(n: int = 40, seed: int = 0) -> tuple[Any, Entities, Any]:
    """Labels of sentences, their problem, and outputs that know a little about them."""
    draw = np.random.default_rng(seed)
    labels, outputs = [], []
    for _ in range(n):
        words = int(draw.integers(1, 9))
        spans, at = [], 0
        while at < words:
            long = int(draw.integers(1, 4))
            if draw.random() < 0.4:
                spans.append((at, min(words, at + long), int(draw.integers(2))))
            at += long
        labels.append(tags_of(spans, words))
        raw = 2 * np.eye(5)[labels[-1]] + draw.normal(size=(words, 5))
        outputs.append(np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True))
    return ragged(labels), Entities(TYPES), ragged(outputs)


def names(tags: Any) -> list[list[str]]:
    return [[TAGS[tag] for tag in one] for one in tags]


def test_span_f1_is_that_of_seqeval() -> None:
    seqeval = pytest.importorskip("seqeval.metrics")
    labels, problem, outputs = world(200)
    said = problem.predict(outputs)
    ours = problem.evaluate(labels, outputs, seed=0)
    report = seqeval.classification_report(names(labels), names(said), output_dict=True)
    for name, figure in (("span_f1", "f1-score"), ("span_precision", "precision"), ("span_recall", "recall")):
        assert ours[name].value == pytest.approx(report["micro avg"][figure], abs=1e-12)
        assert ours[name].low < ours[name].value < ours[name].high
    assert ours["macro_span_f1"].value == pytest.approx(report["macro avg"]["f1-score"], abs=1e-12)
    for row in ours.per_output:
        assert row["f1"].value == pytest.approx(report[row["type"]]["f1-score"], abs=1e-12)
        assert row["support"] == report[row["type"]]["support"]
    assert problem.merit(labels, outputs) == pytest.approx(ours["span_f1"].value)


def test_the_confusion_counts_every_span_once() -> None:
    labels, problem, outputs = world(100)
    matrix = np.array(problem.evaluate(labels, outputs, seed=0).as_dict()["confusion"])
    assert matrix[:-1].sum() == sum(problem.counts(labels).values())
    assert matrix[:, :-1].sum() == sum(problem.counts(problem.predict(outputs)).values())
    assert matrix[-1, -1] == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_the_answer_is_the_best_of_all_legal_sequences(words: int, seed: int) -> None:
    outputs = np.random.default_rng(seed).dirichlet(np.ones(5), size=words)
    follows = legal(5)
    allowed = [
        tags
        for tags in product(range(5), repeat=words)
        if tags[0] not in (2, 4) and all(follows[a, b] for a, b in pairwise(tags))
    ]
    best = max(allowed, key=lambda tags: float(np.log(outputs[np.arange(words), list(tags)]).sum()))
    assert best_tags(ragged([outputs]))[0].tolist() == list(best)


def test_sentences_are_answered_alone_as_together() -> None:
    _, problem, outputs = world()
    together = problem.predict(outputs)
    assert all(together[i].tolist() == problem.predict(outputs[i : i + 1])[0].tolist() for i in range(len(outputs)))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_tags_and_spans_are_the_same(tags: list[int]) -> None:
    spans = spans_of(tags)
    assert spans_of(tags_of(spans, len(tags))) == spans


def test_losses_of_numpy_and_torch_are_the_same() -> None:
    labels, problem, outputs = world(6)
    scores = ragged(np.log(one) for one in outputs)
    longest = int(lengths(labels).max())
    padded, given_ = np.zeros((6, longest, 5)), np.full((6, longest), -1)
    for i, (one, tags) in enumerate(zip(scores, labels, strict=True)):
        padded[i, : len(one)], given_[i, : len(tags)] = one, tags
    ours = problem.torch_losses(torch.from_numpy(padded), torch.from_numpy(given_)).numpy()
    np.testing.assert_allclose(ours, problem.losses(scores, labels), rtol=1e-12)
    means = [-np.log(o[np.arange(len(t)), t]).mean() for o, t in zip(outputs, labels, strict=True)]
    np.testing.assert_allclose(ours, means, rtol=1e-9)


def test_a_model_is_compared_with_itself_and_with_nothing() -> None:
    labels, problem, outputs = world(80)
    assert problem.compare(labels, outputs, outputs, seed=0).value == 0
    nothing = problem.alike(labels, labels)
    gain = problem.compare(labels, outputs, nothing, seed=0)
    assert gain.value == pytest.approx(problem.merit(labels, outputs)) and gain.low > 0
    assert problem.merit(labels, nothing) == 0
    weights = np.arange(80.0)
    repeated = problem.merit(labels[np.repeat(np.arange(80), 1)], outputs, weights)
    assert repeated != problem.merit(labels, outputs)


def test_labels_of_another_order_are_matched_and_unknown_types_are_said() -> None:
    labels, problem = Entities.read([["B-person", "I-person", "B-group"]], "x")
    more = problem.joined([Entities(("a", "z"))])
    assert more.names == ("a", "group", "person", "z")
    assert spans_of(more.match(labels, problem, "x")[0]) == [(0, 2, 2), (2, 3, 1)]
    with pytest.raises(DataError, match=r"has entities of the type 'group', which this model was not trained on"):
        Entities(("groups", "person")).match(labels, problem, "the file")
    assert problem_from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_what_cannot_be_learned_from_is_said() -> None:
    labels, problem = Entities.read([["O", "O"], ["O"]], "x")
    with pytest.raises(DataError, match="holds no entity at all"):
        problem.check_learnable(labels, "x")
    with pytest.raises(DataError, match="a tag for each word"):
        Entities.read(["B-person", "O"], "x")
    with pytest.raises(DataError, match="labels in x are missing"):
        Entities.read([["O"], None, None], "x")


def test_strata_are_the_rarest_type() -> None:
    tags = [["B-a", "B-b"], ["B-a"], ["B-a"], ["O"]]
    labels, problem = Entities.read(tags, "x")
    assert problem.strata(labels).tolist() == [2, 1, 1, 0]


def test_ragged_arrays() -> None:
    rows = ragged([np.ones((1, 2)), np.zeros((2, 2))])
    assert lengths(rows).tolist() == [1, 2] and owners(rows).tolist() == [0, 1, 1] and flat(rows).shape == (3, 2)
    again = like(rows, flat(rows) + 1)
    assert again[1].tolist() == [[1, 1], [1, 1]]
    assert within(np.ones_like, np.zeros(2)).tolist() == [1, 1]
    assert pooled(rows).tolist() == [[1, 1], [0, 0]]
    rows[0] = np.nan
    assert unanswered(rows).tolist() == [True, False]
    same = ragged([np.zeros(2), np.ones(2)])
    assert same.shape == (2,), "sentences of one length stay sentences"


def test_what_was_known_is_answered_wherever_it_stands() -> None:
    from transferium.evaluation.known_entities import answer_known, known_phrases

    labels, _ = Entities.read([["B-a", "I-a", "O"], ["B-b"], ["O"], ["O"]], "x")
    phrases = known_phrases([["New", "York", "is"], ["May"], ["May"], ["May"]], labels)
    assert phrases == {("New", "York"): 0}, "what mostly was no entity is none"
    found = answer_known([["in", "New", "York"]], phrases, 5)
    assert found[0].argmax(axis=1).tolist() == [0, 1, 2]
