"""What holds fine-tuning back: nothing at strength 0, and what its formula says at a great one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.catalogue import find_method
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.regularised.bss import BSS
from transferium.methods.regularised.delta import DELTA
from transferium.methods.regularised.l2_sp import L2SPTuning, L2Tuning
from transferium.methods.regularised.lwf import LwF
from transferium.methods.task import Task
from transferium.objectives.distillation import Distillation, FeatureDistillation
from transferium.objectives.spectrum import SpectralShrinkage
from transferium.objectives.weight_distance import L2, L2SP
from worlds.toy import picture_backbone, pictures, row_model, same, weights

FAST: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 8,
    "batch_norm": "batch",
    "augment": "none",
    "lr": 3e-3,
    "head_lr": 3e-2,
    "weight_decay": 0.0,
}
PLAIN = FineTune(**FAST)


def old_classifier():
    """What the weights of :func:`task` were trained with, as if."""
    layer = nn.Linear(5, 3)
    with torch.no_grad():
        layer.weight.copy_(10 * torch.arange(15.0).reshape(3, 5).sin()), layer.bias.zero_()
    return layer


def task(n=40, backbone=None):
    torch.set_num_threads(1)
    known = backbone or replace(picture_backbone(), source_head=old_classifier)
    return Task(pictures(n), None, known, Embedder(None, engine="torch"), 0)


@cache
def plainly(n=40):
    return (PLAIN if n == 40 else FREE).fit(task(n))


def everything(fitted):
    return weights(fitted.backbone.build()) | {"head": torch.from_numpy(fitted.head.weight)}


NEXT_TO_NOTHING = 1e-30


def weak(strength: float) -> list[FineTune]:
    return [
        L2SPTuning(alpha=strength, beta=strength, **FAST),
        L2Tuning(alpha=strength, **FAST),
        DELTA(alpha=strength, beta=strength, layers=2, **FAST),
        DELTA(alpha=strength, beta=strength, attention=False, **FAST),
        LwF(strength=strength, keep="features", **FAST),
        LwF(strength=strength, keep="answers", **FAST),
        BSS(eta=strength, **FAST),
    ]


@pytest.mark.parametrize("method", weak(0.0), ids=lambda m: m.name)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method):
    fitted = method.fit(task())
    assert same(everything(fitted), everything(plainly()))
    assert fitted.history == plainly().history


@pytest.mark.parametrize("method", weak(NEXT_TO_NOTHING), ids=lambda m: m.name)
def test_asking_alone_disturbs_neither_modes_nor_random_numbers(method):
    fitted = method.fit(task())
    assert same(everything(fitted), everything(plainly()))
    assert len(fitted.history[0]) > len(plainly().history[0]), "its term must have been asked"


@dataclass(frozen=True)
class Knob:
    """A great strength, and a number that must be ``by`` times as large without it."""

    name: str
    low: FineTune
    measure: Callable[..., float]
    by: float


def from_start(fitted, given):
    before, after = weights(given.backbone.build()), weights(fitted.backbone.build())
    return float(sum(((after[n] - before[n]) ** 2).sum() for n in before if n.endswith(("weight", "bias"))))


def size(fitted, given):
    found = weights(fitted.backbone.build())
    return float(sum((t**2).sum() for n, t in found.items() if n.endswith("weight") and t.ndim > 1))


def size_of_head(fitted, given):
    return float((fitted.head.weight**2).sum())


def features_moved(fitted, given):
    before, after = (given.embed(given.train, b).features for b in (given.backbone, fitted.backbone))
    return float(((after - before) ** 2).mean())


def old_answers_moved(fitted, given):
    with torch.no_grad():
        before, after = (
            old_classifier()(torch.from_numpy(given.embed(given.train, b).features)).softmax(1)
            for b in (given.backbone, fitted.backbone)
        )
    return float((after - before).abs().mean())


def smallest_singular(fitted, given):
    features = given.embed(given.train, fitted.backbone).features
    return float(np.linalg.svd(features, compute_uv=False)[-2:].sum())


LONG: dict[str, Any] = FAST | {"epochs": 6, "batch_norm": "kept", "warmup": 0.0}
FREE = FineTune(**LONG)
KNOBS = [
    Knob("l2-sp", L2SPTuning(alpha=100.0, beta=0.0, **LONG), from_start, 5),
    Knob("l2-sp head", L2SPTuning(alpha=0.0, beta=1.0, **LONG), size_of_head, 2),
    Knob("l2", L2Tuning(alpha=10.0, **LONG), size, 1.2),
    Knob("l2 head", L2Tuning(alpha=10.0, **LONG), size_of_head, 2),
    Knob("delta", DELTA(alpha=100.0, beta=0.0, **LONG), features_moved, 5),
    Knob("delta flat", DELTA(alpha=100.0, beta=0.0, attention=False, **LONG), features_moved, 5),
    Knob("delta head", DELTA(alpha=0.0, beta=1.0, **LONG), size_of_head, 2),
    Knob("lwf", LwF(strength=100.0, keep="features", **LONG), features_moved, 5),
    Knob("lwf answers", LwF(strength=100.0, keep="answers", **LONG), old_answers_moved, 5),
    Knob("bss", BSS(eta=1000.0, smallest=2, **LONG), smallest_singular, 1.2),
]


@pytest.mark.parametrize("knob", KNOBS, ids=lambda k: k.name)
def test_mechanism(knob):
    given = task(60)
    low, high = knob.measure(knob.low.fit(given), given), knob.measure(plainly(60), given)
    assert high > knob.by * low, (low, high)


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
@pytest.mark.parametrize("method", weak(1.0), ids=lambda m: m.name)
def test_a_cached_prefix_changes_nothing_that_can_be_seen(method):
    method = replace(method, unfreeze=1, batch_norm="kept", cache_precision="full")
    cached, plain = (replace(method, cache=cache).fit(task()) for cache in ("on", "off"))
    for with_cache, without in zip(cached.history, plain.history, strict=True):
        assert with_cache.pop("stage") == without.pop("stage")
        assert with_cache == pytest.approx(without, rel=1e-3, abs=1e-5)


def test_lwf_keeps_answers_where_it_can_and_says_which():
    old = LwF(epochs=1, batch_size=8).fit(task())
    lost = LwF(epochs=1, batch_size=8).fit(task(backbone=replace(picture_backbone(), source_head=None)))
    assert "kept_answers" in old.history[0] and "kept_features" in lost.history[0]
    with pytest.raises(InputError, match=r"keep=answers needs the classifier .* PictureNet came without one: use keep"):
        LwF(keep="answers").fit(task(backbone=replace(picture_backbone(), source_head=None)))


def test_the_old_classifier_learns_along_at_the_backbones_rate():
    method = LwF(epochs=1, batch_size=8, lr=2e-3)
    stage = next(method.stages(task()))
    rates = {group.name: group.lr for group in stage.players[0].groups}
    assert rates["objective"] == rates["top"] == 2e-3


def test_catalogue_knows_them():
    names = [find_method(name, {}).name for name in ("l2-sp", "l2", "delta", "lwf", "bss")]
    assert names == ["l2-sp", "l2", "delta", "lwf", "bss"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L2SPTuning(alpha=-1), r"alpha must be 0 or more; it was -1"),
        (lambda: L2SPTuning(beta=-1), r"beta must be 0 or more"),
        (lambda: L2Tuning(alpha=-0.1), r"alpha must be 0 or more"),
        (lambda: DELTA(alpha=-1), r"alpha must be 0 or more"),
        (lambda: DELTA(layers=0), r"layers must be at least 1"),
        (lambda: LwF(strength=-1), r"strength must be 0 or more"),
        (lambda: LwF(temperature=0.0), r"temperature must be above 0; it was 0.0"),
        (lambda: LwF(keep="answer"), r"keep cannot be 'answer'. Did you mean 'answers'"),
        (lambda: Distillation(row_model(), nn.Linear(16, 3), temperature=0.0), r"temperature above 0; it was 0.0"),
        (lambda: BSS(eta=-1), r"eta must be 0 or more"),
        (lambda: BSS(smallest=0), r"smallest must be at least 1"),
        (lambda: BSS(accumulate=2), r"spectrum of a whole batch, and accumulate=2 would split it: use accumulate=1"),
        (lambda: SpectralShrinkage(0), r"at least 1; it was 0"),
        (lambda: FeatureDistillation(row_model(), scale=0.0), r"scale, which must be above 0; it was 0.0"),
        (lambda: L2SP(row_model().requires_grad_(False)), r"no parameter of this Model moves: unfreeze a block of it"),
        (lambda: L2(row_model().requires_grad_(False)), r"no weight matrix of this Model moves: unfreeze a block"),
    ],
)
def test_settings_that_cannot_work_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


NONE: dict[str, Any] = {"epochs": 1, "batch_size": 8, "unfreeze": "none"}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            L2SPTuning(**NONE),
            r"l2-sp holds the backbone back, and unfreeze='none' moves nothing of it: unfreeze a block",
        ),
        (DELTA(**NONE), r"delta holds the backbone back, and unfreeze='none' moves nothing of it: .* use finetune"),
        (LwF(**NONE), r"lwf holds the backbone back, and unfreeze='none' moves nothing"),
        (BSS(**NONE), r"bss holds the backbone back, and unfreeze='none' moves nothing"),
        (DELTA(layers=4, epochs=1), r"layers=4: this backbone has 3 blocks .*\(stem, body, top\).* from 1 to 3"),
        (BSS(smallest=6, epochs=1), r"smallest=6: batches of 32 examples with 5 features have 5 singular values"),
        (BSS(smallest=4, batch_size=3, epochs=1), r"batches of 3 examples .* give a number from 1 to 3"),
    ],
)
def test_what_does_not_fit_the_backbone_is_named(method, message):
    with pytest.raises(InputError, match=message):
        method.fit(task())


def test_a_spectrum_is_not_shared_between_processes(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    method = BSS(epochs=1, batch_size=8)
    setup = method.setup(task())
    method._groups(setup)
    with pytest.raises(InputError, match=r"spectrum of a whole batch, and 2 processes would not agree"):
        method._objective(setup)


def test_a_spectrum_sees_whole_batches_only():
    fitted = BSS(epochs=2, batch_size=10, augment="none").fit(task())
    assert len(fitted.history) == 2 * 3, "32 examples in batches of 10"
    assert len(BSS(eta=0.0, epochs=2, batch_size=10, augment="none").fit(task()).history) == 2 * 4
