"""Rare classes: balanced accuracy rises, probabilities are of equal shares, and what is looked at is counted alike."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import norm

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.errors import InputError, TransferiumWarning
from transferium.functional.calibration import fit_temperature
from transferium.methods.finetuning.class_balance import at_equal_shares, counted_alike
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.holdout import hold_out
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes

GAP = 0.8
SHARE = 0.08


def overlapping(n, seed, share=SHARE):
    """Two unit normals ``2 GAP`` apart, the second of them rare: the best balanced accuracy is ``Phi(GAP)``."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int64)
    x = rng.normal(size=(n, 8)).astype(np.float32)
    x[:, 0] += np.where(y, GAP, -GAP)
    return Domain(
        Rows(x), "features", [f"{seed}-{i}" for i in range(n)], y, Classes(("often", "rare")), name="overlapping"
    )


def task(n=600, seed=0, **change):
    torch.set_num_threads(1)
    given = Task(
        overlapping(n, 1),
        None,
        replace(find_backbone(None, "features"), width=8, pretrained=True),
        Embedder(None, engine="torch"),
        seed,
    )
    return replace(given, **change)


SETTINGS = {"epochs": 5, "head_lr": 0.03, "val_share": 0.3}
WAYS = {"plain": {}, "weights": {"class_weights": "balanced"}, "drawn": {"sampling": "balanced"}}


@cache
def fitted(way, method=FineTune):
    return method(**SETTINGS, **WAYS[way]).fit(task())


def answers(found, domain):
    head = found.head
    return head.outputs(task().embed(domain, found.backbone).features)


def balanced_accuracy(found, domain):
    right = answers(found, domain).argmax(1) == domain.y
    return float(np.mean([right[domain.y == c].mean() for c in range(2)]))


@pytest.mark.parametrize("method", [FineTune, LPFT])
def test_balanced_accuracy_rises_towards_what_is_known_to_be_best(method):
    test = overlapping(4000, 9)
    best = norm.cdf(GAP)
    plain, weighted, drawn = (balanced_accuracy(fitted(way, method), test) for way in WAYS)
    assert plain < 0.6
    # 34 rare examples place the line in eight dimensions only roughly.
    assert best - 0.06 < weighted < best + 0.03 and best - 0.06 < drawn < best + 0.03, (weighted, drawn, best)


@pytest.mark.parametrize("way", ["weights", "drawn"])
def test_probabilities_are_honest_where_classes_are_equally_common_and_correctable_where_not(way):
    found, plain = fitted(way), fitted("plain")

    def loss(p, y):
        return -np.log(p[np.arange(len(y)), y]).mean()

    alike, rare = overlapping(4000, 10, share=0.5), overlapping(4000, 11)
    assert loss(answers(found, alike), alike.y) < loss(answers(plain, alike), alike.y) - 0.2
    as_it_is = answers(found, rare)
    corrected = as_it_is * [1 - SHARE, SHARE]
    corrected /= corrected.sum(1, keepdims=True)
    assert loss(corrected, rare.y) == pytest.approx(loss(answers(plain, rare), rare.y), abs=0.02)
    assert loss(as_it_is, rare.y) > loss(corrected, rare.y) + 0.1


@pytest.mark.parametrize("way", ["weights", "drawn"])
def test_what_is_held_out_counts_each_class_alike(way):
    found, parts = fitted(way), hold_out(task(), SETTINGS["val_share"])
    p, y = np.log(answers(replace(found, head=replace(found.head, temperature=1.0)), parts.held)), parts.held.y
    losses = -p[np.arange(len(y)), y]
    expected = np.mean([losses[y == c].mean() for c in range(2)])
    chosen = next(c for c in found.selection.candidates if c["epoch"] == found.selection.chosen["epoch"])
    assert chosen["val_log_loss"] == pytest.approx(expected, rel=1e-4)
    assert "lowest log-loss, every class counting alike" in str(found.selection)
    assert "alike" not in str(fitted("plain").selection)
    w = counted_alike(parts).weights
    assert found.head.temperature == pytest.approx(fit_temperature(p, y, w), rel=1e-4)


def test_the_probe_that_lpft_starts_from_is_brought_to_equal_shares():
    slow = {"epochs": 1, "lr": 1e-12, "head_lr": 1e-12}
    with pytest.warns(TransferiumWarning, match="hardly anything moves"):
        methods = LPFT(**slow), LPFT(**slow, sampling="balanced")
    with pytest.warns(TransferiumWarning, match="a range test .* suggests"):
        plain, alike = (method.fit(task()) for method in methods)
    y = hold_out(task(), 0.2).train.y
    assert np.allclose(alike.head.weight, plain.head.weight, atol=1e-6)
    assert np.allclose(alike.head.bias, at_equal_shares(plain.head.bias, y), atol=1e-6)
    assert np.diff(alike.head.bias) > np.diff(plain.head.bias) + 2


def test_the_rare_class_is_mixed_by_its_weight_too():
    found = FineTune(**SETTINGS, class_weights="balanced", mixup=0.2).fit(task())
    assert balanced_accuracy(found, overlapping(4000, 9)) == pytest.approx(norm.cdf(GAP), abs=0.07)


def test_both_at_once_and_names_there_are_not_are_refused():
    with pytest.raises(InputError, match=r"would count a rare class twice over: use one of them"):
        FineTune(class_weights="balanced", sampling="balanced")
    with pytest.raises(InputError, match=r"class_weights cannot be 'balance'. Did you mean 'balanced'"):
        FineTune(class_weights="balance")
    with pytest.raises(InputError, match=r"sampling cannot be 'shufled'. Did you mean 'shuffled'"):
        FineTune(sampling="shufled")
