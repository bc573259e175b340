"""The sides that learn or embed again: learning curve, robustness, CKA, and whether transfer helped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError
from transferium.evaluation.sides.block_probes import block_probes
from transferium.evaluation.sides.layer_similarity import layer_similarity
from transferium.evaluation.sides.learn_and_test import order_of
from transferium.evaluation.sides.learning_curve import learning_curve
from transferium.evaluation.sides.looked import Looked
from transferium.evaluation.sides.robustness import corruption_error, robustness
from transferium.evaluation.sides.transfer_gain import by_class, transfer_gain
from transferium.job.predict.all_sides import look
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.sources.wrapped import wrap_module
from transferium.problems.classes import Classes
from worlds.toy import PICTURE, PictureNet, blobs, pictures


def of_pictures(backbone: Backbone, n: int = 40, held: int = 60, *, learned: bool = True) -> Looked:
    """A probe of ``n`` pictures that looks at ``held`` others, and at what it learned from."""
    train, embedder = pictures(n), Embedder(None, engine="torch")
    fitted = LinearProbe().fit(Task(train, None, backbone, embedder, 0))
    model = Artifact(backbone, fitted.head, train.posed).having_learned(train)
    both = pictures(held, seed=1)
    if learned:
        items = [d.samples.raw(i) for d in (train, both) for i in range(len(d))]
        both = Domain(type(both.samples)(items), "image", [str(i) for i in range(n + held)],
                      np.concatenate([train.y, both.y]), train.problem)  # fmt: skip
    return look(model, both, embedder, seed=0, quick=True)


def network(seed: int) -> PictureNet:
    torch.manual_seed(seed)
    return PictureNet().eval()


def wrapped(module: PictureNet, **changes: object) -> Backbone:
    return replace(wrap_module(module, "image", PICTURE), **changes)


def test_a_curve_goes_down_and_the_law_says_what_more_would_bring() -> None:
    train, held = blobs(160, classes=3), blobs(300, seed=1, classes=3)
    backbone = replace(find_backbone(None, "features"), width=8)
    fitted = LinearProbe().fit(Task(train, None, backbone, Embedder(None), 0))
    model = Artifact(backbone, fitted.head, train.posed).having_learned(train)
    both = replace(blobs(460, classes=3), labels=np.concatenate([train.y, held.y]))
    both = both.embedded(np.concatenate([train.features, held.features]))
    told = learning_curve(look(model, both, Embedder(None), seed=0))
    points = told["points"]
    assert [points[0]["n"], points[-1]["n"]] == [10, 160] and points[0]["error"] > points[-1]["error"]
    assert (points[0]["draws"], points[-1]["draws"]) == (5, 1)
    assert "learned from what the model learned from" in told["data"]
    more = told["more"]
    assert more["n"] == 320 and more["error"]["low"] <= more["error"]["value"] <= points[0]["error"]
    assert told["worth"]["reason"] == "there is no reference without transfer: no pretrained backbone"
    alone = learning_curve(look(model, held, Embedder(None), seed=0, quick=True))
    assert "the training part is not given" in alone["data"] and alone["points"][-1]["n"] == 200
    tied = learning_curve(look(model, replace(held, groups=np.arange(300) // 2), Embedder(None), seed=0, quick=True))
    n = tied["points"][-1]["n"]
    assert 100 < n < 200 and n % 2 == 0, "half a pair on the other side teaches nothing"
    with pytest.raises(DataError, match="needs 20 or more examples to learn from; there are 8"):
        learning_curve(look(model, held.take(range(12)), Embedder(None), seed=0))


def test_every_beginning_of_an_order_has_the_shares_of_all() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    order = order_of(Classes(("a", "b", "c")), y, (0, 1))
    for n in (10, 20, 50):
        assert np.abs(np.bincount(y[order[:n]], minlength=3) - n * np.array([0.6, 0.3, 0.1])).max() <= 1
    assert (order != order_of(Classes(("a", "b", "c")), y, (0, 2))).any()


def test_corruptions_are_told_beside_the_reference_without_transfer() -> None:
    found = of_pictures(wrapped(network(0), fresh=lambda: network(7)))
    told = robustness(found)
    assert (told["examples"], told["of"], told["severities"]) == (30, 60, [3])
    assert set(told["errors"]) == {"model", "no_transfer"} and len(told["errors"]["model"]) == 7
    assert told["mean_corruption_error"] == corruption_error(told["errors"]["model"], told["errors"]["no_transfer"])
    without_error = {"blur": [0.2], "fog": [0.0]}
    assert corruption_error({"blur": [0.1], "fog": [0.1]}, without_error) is None, "not a share of nothing"
    assert told["mean_error"]["model"] == pytest.approx(np.mean(list(told["errors"]["model"].values())))
    alone = robustness(of_pictures(wrapped(network(0)), learned=False))
    assert alone["mean_corruption_error"] is None and set(alone["errors"]) == {"model"}


def test_a_corruption_that_changes_no_text_is_no_proof_of_robustness() -> None:
    texts = [f"{word}{place}第{i}天" for i in range(12) for word, place in (("很好", "上海"), ("太差", "北京"))]
    train = tm.read(texts, label=["good", "bad"] * 12)
    backbone, embedder = find_backbone("char_ngrams", "text"), Embedder(None)
    head = LinearProbe().fit(Task(train, None, backbone, embedder, 0)).head
    model = Artifact(backbone, head, train.posed)
    words = tm.read([text.replace("天", " day 天") for text in texts], label=["good", "bad"] * 12)
    told = robustness(look(model, words, embedder, seed=0, quick=True))
    assert told["changes_nothing"] == [] and "capitals" in told["errors"]["model"]
    told = robustness(look(model, train, embedder, seed=0, quick=True))
    assert "capitals" in told["changes_nothing"] and "capitals" not in told["errors"]["model"]


def test_cka_of_features_and_of_layers_that_moved() -> None:
    before, moved = network(0), network(0)
    with torch.no_grad():
        for p in moved.top.parameters():
            p.add_(torch.randn_like(p))
    first = wrapped(before, fresh=lambda: network(7))
    found = replace(of_pictures(wrapped(moved, tuned=True)), before=first, quick=False)
    told = layer_similarity(found)
    assert 0 < told["features"]["before"] < 0.999 and told["features"]["random_weights"] < 1
    rows = {row["block"]: row for row in told["layers"]}
    still = [row for name, row in rows.items() if not name.startswith("top")]
    assert all(row["drift"] == 0 and row["cka"] == pytest.approx(1) for row in still) and still
    (top,) = [row for name, row in rows.items() if name.startswith("top")]
    assert top["drift"] > 0.1 and top["cka"] == pytest.approx(told["features"]["before"], abs=0.05)
    still = layer_similarity(replace(found, before=found.model.backbone))
    assert "the head alone moved" in still["reasons"]["before"] and set(still["features"]) == {"random_weights"}
    bare = replace(found.model, backbone=replace(found.model.backbone, fresh=None))
    with pytest.raises(DataError, match=r"the head alone moved; how to draw random weights for .* is not known"):
        layer_similarity(replace(found, model=bare, before=bare.backbone))


def test_a_probe_of_each_block_says_where_the_information_is_and_which_channels_are_dead() -> None:
    dead = network(0)
    with torch.no_grad():
        first = next(dead.parameters())
        first[:3] = 0
    found = replace(of_pictures(wrapped(dead)), quick=False)
    told = block_probes(found)
    assert (told["learned_from"], told["tested_on"], told["examples"]) == (40, 60, 100)
    rows = {row["block"]: row for row in told["blocks"]}
    assert list(rows) == [name for name in found.model.backbone.blocks if name in rows] and len(rows) >= 3
    first_row = told["blocks"][0]
    assert first_row["dead"] == pytest.approx(3 / first_row["channels"])
    assert all(0 <= row["probe"]["low"] <= row["probe"]["value"] <= row["probe"]["high"] <= 1 for row in rows.values())
    assert rows[told["best"]]["probe"]["value"] == max(row["probe"]["value"] for row in rows.values())


def test_blocks_that_cannot_be_looked_into_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    found = of_pictures(wrapped(network(0)))
    with pytest.raises(DataError, match="a quick look does not run the network again"):
        block_probes(found)
    found = replace(found, quick=False)
    with pytest.raises(DataError, match=r"need 20 or more examples .* there are 40 and 1"):
        block_probes(replace(found, held=found.held.take([0])))
    for blocks, words in (((), "no blocks of layers of .* are known"), (("nowhere",), "no block of .* is a module")):
        backbone = replace(found.model.backbone, blocks=blocks)
        with pytest.raises(BackboneError, match=words):
            block_probes(replace(found, model=replace(found.model, backbone=backbone)))
    monkeypatch.setattr("transferium.evaluation.layers.block_outputs.find_spec", lambda _name: None)
    with pytest.raises(BackboneError, match="PyTorch is not installed"):
        block_probes(found)


def test_transfer_is_judged_overall_and_by_class_with_control_for_all() -> None:
    found = of_pictures(wrapped(network(0), fresh=lambda: network(7)))
    told = transfer_gain(found)
    assert (told["verdict"] in ("helped", "hurt", "no evidence") and "at side 8" in told["sentence"]) or told["verdict"]
    y = found.held.domain.y
    right = np.eye(2)[y]
    never = right[:, ::-1]
    words = [[row["word"] for row in by_class("ab", y, ours, right, seed=0)] for ours in (never, right)]
    assert words == [["hurt", "hurt"], ["no evidence", "no evidence"]]
    with pytest.raises(DataError, match="there is no reference without transfer"):
        transfer_gain(replace(found, train=None))


def test_a_class_that_is_merely_named_more_often_was_not_helped() -> None:
    y = np.repeat(np.arange(4), 25)
    ours, theirs = (np.eye(4)[np.full(100, k)] for k in (0, 1))
    told = by_class("abcd", y, ours, theirs, seed=0)
    assert [row["word"] for row in told] == ["no evidence"] * 4 and told[0]["model"] - told[0]["no_transfer"] == 1.0
    guess = y.copy()
    guess[25:] = np.roll(guess[25:], 25)
    told = by_class("abcd", y, np.eye(4)[guess], theirs, seed=0)
    assert [row["word"] for row in told] == ["helped", "hurt", "no evidence", "no evidence"]


def test_copies_count_once_in_the_word_on_a_class() -> None:
    y = np.zeros(20, np.int64)
    right, wrong = np.eye(2)[y], np.eye(2)[1 - y]
    told = [by_class("ab", y, right, wrong, seed=0, groups=tied)[0] for tied in (None, np.arange(20) // 5)]
    assert [row["word"] for row in told] == ["helped", "no evidence"]
    assert [row["p_value"] for row in told] == pytest.approx([2 / 2**20, 2 / 2**4])
