"""What each knob of a fine-tuning moves, and what it is all for: worlds whose answer is known."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import TransferiumWarning
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.finetuning.scratch import FromScratch
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.holdout import hold_out
from transferium.methods.task import Task
from transferium.models.sources.wrapped import wrap_module
from worlds.toy import PICTURE, PictureNet, picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}


def task(n=40, seed=0, backbone=None, **change):
    torch.set_num_threads(1)
    embedder = Embedder(None, engine="torch")
    return Task(pictures(n), None, backbone or picture_backbone(), embedder, seed, **change)


class Louder(PictureNet):
    """The same network with features a thousand times as large, around another origin."""

    def forward(self, x):
        return 1000 * super().forward(x) + 70


def test_a_rate_means_the_same_whatever_the_size_of_the_features():
    quiet = task()
    net = Louder()
    net.load_state_dict(quiet.backbone.build().state_dict())
    loud = task(backbone=wrap_module(net, "image", PICTURE))
    method = FineTune(epochs=4, batch_size=8, unfreeze="none", augment="none", cache_precision="full")
    first, second = method.fit(quiet), method.fit(loud)
    assert [r["task"] for r in first.history] == pytest.approx([r["task"] for r in second.history], abs=1e-3)
    assert np.allclose(first.head.weight, 1000 * second.head.weight, atol=1e-2)


def test_lpft_starts_from_the_probe_of_what_is_trained_on():
    given = task()
    parts = hold_out(given, 0.2)
    probe = LinearProbe().fit(replace(given, train=parts.train)).head
    with pytest.warns(TransferiumWarning, match="hardly anything moves"):
        still = LPFT(**SHORT | {"lr": 1e-12, "head_lr": 1e-12})
    with pytest.warns(TransferiumWarning, match="a range test .* suggests"):
        fitted = still.fit(given)
    assert np.allclose(fitted.head.weight, probe.weight, atol=1e-6)
    assert np.allclose(fitted.head.bias, probe.bias, atol=1e-6)


def test_lpft_keeps_the_probe_where_training_only_makes_it_worse():
    given = task()
    fitted = LPFT(**SHORT | {"lr": 0.1, "head_lr": 0.1}, warmup=0.0).fit(given)
    scores = [c["val_log_loss"] for c in fitted.selection.candidates]
    assert scores[0] < min(scores[1:]), "the world of this test must be one where training hurts"
    assert fitted.selection.chosen == {"epoch": 0}
    assert same(weights(fitted.backbone.build()), weights(given.backbone.build()))


@dataclass(frozen=True)
class Knob:
    """A setting at two values, and a number that must be larger at the second."""

    name: str
    low: FineTune
    high: FineTune
    measure: Any
    by: float = 1.2


def moved_by(fitted, given, prefix=""):
    before, after = weights(given.backbone.build()), weights(fitted.backbone.build())
    names = [n for n in before if n.startswith(prefix) and "running" not in n and "num_batches" not in n]
    return float(sum(((after[n] - before[n]) ** 2).sum() for n in names))


def share_of_stem(fitted, given):
    return moved_by(fitted, given, "stem") / moved_by(fitted, given, "top")


def surest(fitted, given):
    features = given.embed(given.train, fitted.backbone).features
    return 1 / (1.0001 - replace(fitted.head, temperature=1.0).outputs(features).max(axis=1).mean())


def size_of_head(fitted, _given):
    return float((fitted.head.weight**2).sum())


def epochs_run(fitted, _given):
    return fitted.history[-1]["epoch"] + 1


BASE: dict[str, Any] = {
    "epochs": 6,
    "batch_norm": "batch",
    "batch_size": 8,
    "augment": "none",
    "lr": 3e-3,
    "head_lr": 3e-2,
}
KNOBS = [
    Knob("lr", FineTune(**BASE | {"lr": 1e-6}), FineTune(**BASE), moved_by, 100),
    Knob("layer_decay", FineTune(**BASE, layer_decay=0.1), FineTune(**BASE, layer_decay=1.0), share_of_stem, 3),
    Knob("label_smoothing", FineTune(**BASE, label_smoothing=0.6), FineTune(**BASE), surest),
    Knob(
        "weight_decay",
        FineTune(**BASE | {"head_lr": 0.1}, weight_decay=5.0),
        FineTune(**BASE | {"head_lr": 0.1}, weight_decay=0.0),
        size_of_head,
    ),
    Knob(
        "clip", FineTune(**BASE, optimiser="sgd", clip=0.01), FineTune(**BASE, optimiser="sgd", clip=None), moved_by, 3
    ),
    Knob("patience", FineTune(**BASE | {"lr": 2e-7, "head_lr": 2e-7}, patience=1), FineTune(**BASE), epochs_run, 1.5),
    Knob("unfreeze", FineTune(**BASE, unfreeze=1), FineTune(**BASE, unfreeze=3), moved_by),
]


@pytest.mark.parametrize("knob", KNOBS, ids=lambda k: k.name)
def test_mechanism(knob):
    given = task(60)
    low, high = (knob.measure(method.fit(given), given) for method in (knob.low, knob.high))
    assert high > knob.by * low, (low, high)


def accuracy(fitted, given, test):
    features = given.embed(test, fitted.backbone).features
    return float((fitted.head.predict(features) == test.y).mean())


def pretrained():
    """A backbone that has learned to tell these pictures apart."""
    given = task(400, seed=5)
    fitted = FineTune(epochs=12, **SETTINGS).fit(given)
    return replace(fitted.backbone, fresh=PictureNet, pretrained=True)


def colour_blind():
    """A backbone whose first layer cannot tell red from blue, which is all that these pictures differ in."""
    net = picture_backbone().build()
    with torch.no_grad():
        net.stem[0].weight[:, [0, 2]] = net.stem[0].weight[:, [0, 2]].mean(1, keepdim=True)
    return wrap_module(net, "image", PICTURE)


SETTINGS: dict[str, Any] = {"batch_size": 16, "batch_norm": "batch", "lr": 0.01, "head_lr": 0.03, "layer_decay": 1.0}


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_moving_the_backbone_finds_what_frozen_features_miss():
    test, blind = pictures(300, 99), task(300, backbone=colour_blind())
    moving = accuracy(FineTune(epochs=10, **SETTINGS).fit(blind), blind, test)
    frozen = accuracy(FineTune(epochs=10, unfreeze="none", **SETTINGS).fit(blind), blind, test)
    assert moving > 0.9 and frozen < 0.7, (moving, frozen)


def test_transfer_beats_scratch_where_labels_are_few():
    test, few = pictures(300, 99), task(24, backbone=pretrained())
    transferred = accuracy(FineTune(epochs=4, **SETTINGS).fit(few), few, test)
    scratch = accuracy(FromScratch(epochs=4, **SETTINGS).fit(few), few, test)
    assert transferred > scratch + 0.1, (transferred, scratch)
