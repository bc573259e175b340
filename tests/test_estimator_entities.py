"""Entities by the estimator: tags for lists of words, spans for texts, and the same answers after a save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import transferium as tm
from transferium.errors import InputError
from transferium.functional.sequences.tag_sequences import spans_of
from worlds.entities import tagged

QUICK: dict[str, Any] = {"store": False, "settings": {"Cs": (3.0,), "folds": 2}}


def parted(sentences: list[list[tuple[str, str]]]) -> tuple[list[list[str]], list[list[str]]]:
    return [[word for word, _ in one] for one in sentences], [[tag for _, tag in one] for one in sentences]


@pytest.fixture(scope="module")
def model() -> tm.TransferTagger:
    return tm.TransferTagger(**QUICK).fit(*parted(tagged(30)))


def test_tags_are_answered_for_words_and_scored_strictly(model: tm.TransferTagger) -> None:
    words, tags = parted(tagged(12, seed=1, new=True))
    found = model.predict(words)
    assert [len(one) for one in found] == [len(one) for one in words]
    place = {"O": 0, "B-person": 1, "I-person": 2, "B-place": 3, "I-place": 4}
    ours, theirs = ([{*spans_of([place[tag] for tag in one])} for one in each] for each in (found, tags))
    right = sum(len(a & b) for a, b in zip(ours, theirs, strict=True))
    f1 = 2 * right / (sum(map(len, ours)) + sum(map(len, theirs)))
    assert 0 < f1 < 1 and model.score(words, tags) == pytest.approx(f1)
    assert model.evaluate((words, tags))["span_f1"].low < f1


def test_spans_say_where_in_the_text_and_how_sure(model: tm.TransferTagger, tmp_path: Path) -> None:
    text = "yesterday Anna travelled to Paris by train"
    (found,) = model.predict_spans([text])
    assert [text[span["start"] : span["end"]] for span in found] == [span["text"] for span in found]
    outputs = model._outputs([text])[0]  # p(begins) times (1 - p(goes on in the next word))
    assert found[-1]["confidence"] == pytest.approx(outputs[4, 3] * (1 - outputs[5, 4]), abs=1e-6)
    model.save(tmp_path / "tagger")
    loaded = tm.load(tmp_path / "tagger")
    assert isinstance(loaded, tm.TransferTagger) and loaded.predict_spans([text]) == [found]
    assert model.predict([text]) == loaded.predict([text.split()])


def test_what_cannot_be_learned_or_answered_is_said(model: tm.TransferTagger) -> None:
    words, tags = parted(tagged(6))
    domain = tm.read(words, label=tags, problem="entities")
    with pytest.raises(InputError, match="are entities of 2 types: use TransferTagger"):
        tm.TransferClassifier().fit(domain)
    with pytest.raises(InputError, match="are 2 classes, and a tagger labels entities"):
        tm.TransferTagger().fit(tm.read(["so it", "is so"] * 3, label=["a", "b"] * 3))
    with pytest.raises(InputError, match="5 values for 6 examples"):
        tm.TransferTagger().fit(words, tags[:-1])
    with pytest.raises(InputError, match="brings its own labels"):
        tm.TransferTagger().fit(domain, tags)
    with pytest.raises(InputError, match="'Anna' is one text or a path that is not there"):
        model.predict("Anna")
