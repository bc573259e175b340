"""Which backbone or source suits a target: order, reason and doubt on worlds whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.job.rank.every_layer import every_layer
from transferium.job.rank.ranking import ranked
from transferium.job.rank.score_backbone import score_backbone
from transferium.job.rank.scored import Scored
from transferium.problems.classes import Classes
from transferium.problems.entities import Entities

CENTRES = np.array([[4.0, 0.0, 0.0, 0.0], [0.0, 4.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0]])


def rows(n: int, seed: int, name: str, *, shift: float = 0.0, turn: int = 0) -> Domain:
    """Three clouds, moved by ``shift``; ``turn`` gives each the name of another."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = rng.normal(size=(n, 4)) + CENTRES[y] + [0.4 * shift, 0.0, 0.0, shift]
    ids = [f"{name} {i}" for i in range(n)]
    return Domain(Rows(x.astype(np.float32)), "features", ids, (y + turn) % 3, Classes(("a", "b", "c")), name=name)


def texts(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    good, bad, things = ["good", "fine", "great"], ["bad", "poor", "awful"], ["film", "book", "meal", "trip", "song"]
    label = ["+", "-"] * (n // 2)
    pick = [rng.choice(good if one == "+" else bad) for one in label]
    return [f"a {word} {rng.choice(things)} {i}" for i, word in enumerate(pick)], label


def test_sources_by_what_their_models_get_right_on_target_labels() -> None:
    sources = {
        "far": rows(90, 1, "far", shift=6.0),
        "wrong names": rows(90, 2, "wrong", turn=1),
        "near": rows(90, 3, "near", shift=0.3),
    }
    found = tm.rank(rows(60, 0, "t"), sources=sources, store=False)
    assert list(found) == ["candidates", "recommended", "reason", "doubt"]
    assert [list(c) for c in found["candidates"]] == [["name", "scores", "seconds"]] * 3
    assert found["recommended"] == found["candidates"][0]["name"] == "near"
    assert found["candidates"][-1]["name"] == "wrong names"
    scores = {c["name"]: c["scores"] for c in found["candidates"]}
    assert scores["near"]["accuracy"] > 0.9 and scores["wrong names"]["accuracy"] < 0.1
    assert scores["wrong names"]["loss"] > 0.8 and scores["wrong names"]["label_overlap"] == 1.0
    assert scores["far"]["a_distance"] > 1.5 > scores["near"]["a_distance"]
    assert scores["far"]["mmd"] > scores["near"]["mmd"]
    # Names do not matter to LEEP and NCE: what is called b there is surely c here.
    assert scores["wrong names"]["leep"] > -0.3 and scores["wrong names"]["nce"] > -0.3
    assert "near: what learned from the source reaches " in found["reason"] and "next comes far with" in found["reason"]
    assert "measure the adapted model on others" in found["doubt"]
    assert all(c["seconds"] > 0 for c in found["candidates"])


def test_of_two_sources_that_are_right_as_often_the_nearer_is_first() -> None:
    near, far = ({"accuracy": 0.9, "a_distance": d} for d in (1.1, 1.9))
    ranking = ranked([Scored("far", far, 0.1), Scored("near", near, 0.1)], rows(9, 0, "t"), seed=0)
    assert [c.name for c in ranking.candidates] == ["near", "far"] and ranking.by == "accuracy"


def test_without_target_labels_the_nearest_source_is_first_and_that_is_doubted() -> None:
    target = rows(60, 0, "t").unlabeled()
    sources = [rows(90, 1, "far", shift=6.0), rows(90, 2, "wrong names", turn=1, shift=0.5)]
    found = tm.rank(target, sources=sources, store=False)
    assert [c["name"] for c in found["candidates"]] == ["wrong names", "far"]
    assert "accuracy" not in found["candidates"][0]["scores"]
    assert "near inputs do not prove that labels mean the same" in found["doubt"]


def test_examples_in_both_domains_prove_nothing() -> None:
    target, other = rows(60, 0, "t"), rows(90, 1, "other")
    with pytest.warns(TransferiumWarning, match="itself was left out: every example of the target is in 't' too"):
        found = tm.rank(target, sources={"itself": target, "other": other}, store=False)
    assert found["recommended"] == "other" and "itself was left out" in found["doubt"]


def test_a_source_that_cannot_be_used_is_named_and_the_rest_ranked(tmp_path: Path) -> None:
    alone = rows(30, 4, "one class")
    alone = replace(alone, labels=np.zeros(30, np.int64))
    sources = {"absent": tmp_path / "absent.csv", "one class": alone, "near": rows(90, 3, "near")}
    with pytest.warns(TransferiumWarning, match="was left out") as warned:
        found = tm.rank(rows(60, 0, "t"), sources=sources, store=False)
    assert len(warned) == 2
    assert [c["name"] for c in found["candidates"]] == ["near"]
    assert "It is the only candidate." in found["reason"]
    assert "absent was left out" in found["doubt"] and "one class was left out" in found["doubt"]


def test_a_saved_run_is_a_source_by_its_answers_and_none_without_target_labels(tmp_path: Path) -> None:
    near, target = rows(90, 3, "near", shift=0.3), rows(60, 0, "t")
    named = {"kind": "features", "label": [near.classes[c] for c in near.y]}
    tm.TransferClassifier(method="probe").fit(tm.read(near.features, **named)).save(tmp_path / "run")
    sources = {"run": tmp_path / "run", "wrong names": rows(90, 2, "wrong", turn=1)}
    found = tm.rank(target, sources=sources, store=False)
    scores = {c["name"]: c["scores"] for c in found["candidates"]}
    assert found["recommended"] == "run" and set(scores["run"]) == {"accuracy", "leep", "nce", "label_overlap"}
    assert scores["run"]["accuracy"] > 0.9 and scores["run"]["leep"] > scores["run"]["nce"] - 0.5 > -1.0
    other = replace(target, problem=Classes(("a", "b", "d")))
    overlap = tm.rank(other, sources=sources, store=False)["candidates"][0]["scores"]["label_overlap"]
    assert overlap == pytest.approx(2 / 3)
    with pytest.warns(TransferiumWarning, match="of the saved model run there are answers and no data"):
        left = tm.rank(target.unlabeled(), sources=sources, store=False)
    assert left["recommended"] == "wrong names" and "run was left out" in left["doubt"]
    with pytest.raises(DataError, match="every example of the target is in 'run' too"), pytest.warns():
        tm.rank(near, sources={"run": tmp_path / "run"}, store=False)


def test_features_that_say_nothing_and_examples_that_are_not_usable_are_told() -> None:
    target = rows(40, 0, "t")
    broken = np.where(np.arange(40)[:, None] < 3, np.nan, target.features)
    found = tm.rank(replace(target, samples=Rows(broken.astype(np.float32))), backbones=["features"], store=False)
    assert "3 examples put aside" in found["doubt"]
    flat = replace(target, samples=Rows(np.ones((40, 4), np.float32)))
    told = score_backbone("flat", "features", flat, Embedder(None), seed=0)
    assert told.notes[0] == "flat gives every example the same features, so that its scores say nothing"
    assert np.isfinite(list(told.scores.values())).all()


def test_each_layer_of_an_encoder_is_a_candidate() -> None:
    found = every_layer({"mini": "all_minilm_l6_v2@all", "char_ngrams": "char_ngrams"}, "pair")
    assert list(found) == [*(f"mini@{i}" for i in range(1, 7)), "mini@mean", "char_ngrams"]
    assert found["mini@2"] == "all_minilm_l6_v2@2"
    words, label = texts(20)
    with pytest.raises(DataError, match="no candidate can be scored: char_ngrams@all was left out"), pytest.warns():
        tm.rank(words, backbones=["char_ngrams@all"], label=label, store=False)


def test_backbones_on_texts_with_one_that_cannot_be_loaded() -> None:
    words, label = texts(60)
    with pytest.warns(TransferiumWarning, match="all_minilm_l6_v3 was left out: there is no backbone"):
        found = tm.rank(
            words, backbones=["all_minilm_l6_v3", "char_ngrams", "all_minilm_l6_v2"], label=label, store=False
        )
    assert {c["name"] for c in found["candidates"]} == {"char_ngrams", "all_minilm_l6_v2"}
    for candidate in found["candidates"]:
        wanted = {"probe", "knn", "logme", "h_score", "regularised_h_score", "transrate", "gbc", "parc"}
        assert wanted <= set(candidate["scores"])
    probes = [c["scores"]["probe"] for c in found["candidates"]]
    assert probes == sorted(probes, reverse=True) and found["recommended"] == found["candidates"][0]["name"]
    assert "all_minilm_l6_v3 was left out" in found["doubt"]


def test_a_test_part_is_never_looked_at() -> None:
    words, label = texts(60)
    part = ["train"] * 40 + ["test"] * 20
    turned = [*label[:40], *("-" if one == "+" else "+" for one in label[40:])]
    found = [tm.rank(words, backbones=["char_ngrams"], label=y, part=part, store=False) for y in (label, turned)]
    first, second = (one["candidates"][0]["scores"] for one in found)
    assert first == second


def test_an_amount_is_ranked_by_the_probe_alone() -> None:
    words, _ = texts(60)
    amounts = [len(word) + 0.5 * (i % 3) for i, word in enumerate(words)]
    found = tm.rank(words, backbones=["char_ngrams"], label=amounts, problem="regression", store=False)
    assert set(found["candidates"][0]["scores"]) == {"probe", "knn"}
    assert "mae" in found["reason"] or "error" in found["reason"]


def test_what_cannot_be_ranked_is_refused_with_a_reason() -> None:
    words, label = texts(20)
    with pytest.raises(DataError, match=r"backbones are ranked by labels, and .* has none"):
        tm.rank(words, backbones=["char_ngrams"], store=False)
    with pytest.raises(DataError, match="no candidate can be scored: char_ngrm was left out"), pytest.warns():
        tm.rank(words, backbones=["char_ngrm"], label=label, store=False)
    with pytest.raises(DataError, match="ranked by one answer for each example, and 't' has"):
        tm.rank(replace(rows(6, 0, "t"), problem=Entities(("O", "B-x"))), backbones=["char_ngrams"], store=False)
    with pytest.raises(InputError, match="candidates need different names"):
        tm.rank(words, backbones=["char_ngrams", "char_ngrams"], label=label, store=False)


def test_a_draw_is_called_one_and_the_other_scores_are_compared() -> None:
    target = rows(40, 0, "t")
    truth = np.eye(3)[target.y]
    nearly = truth.copy()
    nearly[0] = np.roll(nearly[0], 1)
    half = np.roll(truth, 1, axis=1)
    scored = [
        Scored("half", {"probe": 0.0, "gbc": -3.0, "size_mb": 5.0}, 0.1, half),
        Scored("nearly", {"probe": 0.975, "gbc": -2.0, "size_mb": 9.0}, 0.1, nearly),
        Scored("best", {"probe": 1.0, "gbc": -1.0, "size_mb": 7.0}, 0.1, truth),
    ]
    ranking = ranked(scored, target, seed=0)
    assert [c.name for c in ranking.candidates] == ["best", "nearly", "half"]
    assert "Not surely better than nearly: nearly differs by 0.025 (-0.0" in ranking.doubt()
    assert "gbc +1.00, size_mb +0.33" in ranking.doubt()
