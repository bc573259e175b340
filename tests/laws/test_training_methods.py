"""Laws that hold for every method that trains. A new method joins by a row."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.adversarial_training import Adversarial
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.finetuning.recipes import FrozenSGD
from transferium.methods.finetuning.scratch import FromScratch
from transferium.methods.holdout import hold_out
from transferium.methods.peft.adapter_tuning import AdapterTuning
from transferium.methods.peft.bottleneck_tuning import BottleneckTuning
from transferium.methods.peft.few_parameters import IA3, BitFit
from transferium.methods.peft.low_rank_tuning import DoRA, LoRA
from transferium.methods.peft.prompt_tuning import PrefixTuning, PromptTuning, VisualPromptTuning
from transferium.methods.regularised.bi_tuning import BiTuning
from transferium.methods.regularised.bss import BSS
from transferium.methods.regularised.co_tuning import CoTuning
from transferium.methods.regularised.delta import DELTA
from transferium.methods.regularised.l2_sp import L2SPTuning, L2Tuning
from transferium.methods.regularised.lwf import LwF
from transferium.methods.regularised.stoch_norm import StochNorm
from transferium.methods.task import Task
from transferium.models.peft.inject import inject, merge_and_unload
from transferium.training.loop.freeze import freeze
from transferium.training.loop.predict import predict
from worlds.adapted import bert_backbone, stirred, vit_backbone
from worlds.bert import sayings
from worlds.teachers import Pupil
from worlds.toy import picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}
FEW: dict[str, Any] = {"epochs": 2, "batch_size": 16}
ROWS = [
    FineTune(**SHORT),
    FineTune(unfreeze=2, batch_norm="batch", **SHORT),
    FineTune(unfreeze=1, optimiser="sgd", nesterov=True, lr=0.05, head_lr=0.05, augment="none", **SHORT),
    FineTune(unfreeze="norm", label_smoothing=0.1, accumulate=2, patience=1, best_epoch="accuracy", **SHORT),
    FineTune(unfreeze="none", val_share=0.4, clip=None, schedule="constant", best_epoch="last", **SHORT),
    FineTune(augment="strong", unfreeze=1, **SHORT),
    FromScratch(**SHORT),
    LPFT(batch_norm="batch", **SHORT),
    GradualUnfreeze(lr=0.01, batch_norm="batch", optimiser="adam", **SHORT),
    FineTune(lr="auto", schedule="one-cycle", unfreeze=1, optimiser="adam", **SHORT),
    FineTune(hidden="7,6", head_dropout=0.3, activation="gelu", unfreeze=2, **SHORT),
    FrozenSGD(drop_every=1, **SHORT),
    L2SPTuning(unfreeze=2, **SHORT),
    L2Tuning(unfreeze=1, **SHORT),
    DELTA(unfreeze=2, layers=2, batch_norm="batch", **SHORT),
    LwF(unfreeze=2, **SHORT),
    LwF(keep="features", accumulate=2, **SHORT),
    BSS(**SHORT),
    FineTune(mixup=0.4, cutmix=1.0, class_weights="balanced", average="ema", batch_norm="batch", **SHORT),
    FineTune(unfreeze=2, sampling="balanced", average="swa", swa_from=0.0, batch_norm="batch", **SHORT),
    FineTune(unfreeze=1, average="soup", batch_norm="batch", **SHORT),
    Adversarial(attack="pgd", steps=2, batch_norm="batch", **SHORT),
    FineTune(unfreeze=2, cache="on", views=2, batch_norm="batch", **SHORT),
    CoTuning(**SHORT),
    BiTuning(keys=6, batch_norm="batch", accumulate=2, **SHORT),
    StochNorm(**SHORT),
    LoRA(rank=2, **FEW),
    DoRA(rank=2, **FEW),
    BitFit(terms="both", batch_norm="batch", **FEW),
    IA3(accumulate=2, **FEW),
    BottleneckTuning(reduced=4, average="ema", **FEW),
    PrefixTuning(tokens=3, **FEW),
    PromptTuning(tokens=3, average="soup", **FEW),
    VisualPromptTuning(tokens=2, **FEW),
    Pupil(match="features", unfreeze=2, accumulate=2, **SHORT),
    Pupil(match="relations", soft=1.0, **SHORT),
    Pupil(match="attention", augment="none", batch_norm="kept", **SHORT),
]
TEXTS = (IA3, BottleneckTuning, PrefixTuning, PromptTuning)
every = pytest.mark.parametrize("method", ROWS, ids=lambda m: f"{m.name}-{m.unfreeze}-{m.optimiser}")


def examples(method, n, seed=0):
    return sayings(n, seed, "texts") if isinstance(method, TEXTS) else pictures(n, seed)


def task(method=None, n=40, seed=0, **change):
    torch.set_num_threads(1)
    embedder = Embedder(None, engine="torch")
    texts, prompts = isinstance(method, TEXTS), isinstance(method, VisualPromptTuning)
    backbone = bert_backbone() if texts else vit_backbone() if prompts else picture_backbone()
    return Task(examples(method, n), None, backbone, embedder, seed, **change)


def moving(method, net, blocks):
    """The names of the backbone's own parameters that the method moves."""
    if not isinstance(method, AdapterTuning):
        freeze(net, blocks, method.unfreeze)
        return {name for name, p in net.named_parameters() if p.requires_grad}
    before = weights(net)
    after = weights(merge_and_unload(stirred(net, inject(net, method.name, **method.settings_of_adapter()))))
    return {name for name in before if not torch.equal(before[name], after[name])}


def everything(fitted):
    return weights(fitted.backbone.build()) | {
        "head": torch.from_numpy(fitted.head.weight),
        "bias": torch.from_numpy(fitted.head.bias),
        "temperature": torch.tensor(fitted.head.temperature, dtype=torch.float64),
    }


def tuned(method, fitted):
    """The weights of what was there before: hidden layers of the head come after them."""
    module = fitted.backbone.build()
    return weights(module if method.hidden is None else module.body)


@dataclass(frozen=True)
class Watched:
    """One fit of a method, and what was seen beside it: most laws only look, and share it."""

    given: Task
    fitted: Any
    start: dict[str, torch.Tensor]
    """The weights of the given backbone before."""
    drawn: torch.Tensor
    """What the caller draws at random after the fit, from seed 4 before it."""
    asked: dict[str, Any]
    """The network that was asked last, and its feeds."""


ONCE: dict[int, Watched] = {}


def once(method):
    if id(method) not in ONCE:
        ONCE[id(method)] = _watched(method)
    return ONCE[id(method)]


def _watched(method):
    asked = {}

    def watch(model, domain, feeds, machine, **options):
        asked["model"], asked["feeds"] = model, feeds
        return predict(model, domain, feeds, machine, **options)

    given = task(method)
    start = weights(given.backbone.build())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transferium.training.loop.predict.predict", watch)
        torch.manual_seed(4)
        fitted = method.fit(given)
    return Watched(given, fitted, start, torch.rand(3), asked)


@every
def test_what_is_fitted_is_what_was_trained(method):
    given, fitted, seen = once(method).given, once(method).fitted, once(method).asked
    new = examples(method, 15, 7)
    features = given.embed(new, fitted.backbone).features
    from transferium.training.distributed.machine import Machine

    expected = predict(seen["model"], new, seen["feeds"], Machine())
    assert np.allclose(fitted.head.logits(features), expected, atol=1e-5)
    assert fitted.head.outputs(features).shape == (15, 2)
    assert 0.02 <= fitted.head.temperature <= 50


@every
def test_what_is_frozen_is_bit_identical_and_the_rest_moved(method):
    given = once(method).given
    start = method._start(task(method))
    before, after = weights(start.build()), tuned(method, once(method).fitted)
    may_move = moving(method, start.build(), given.backbone.blocks)
    for name, parameter in start.build().named_parameters():
        assert torch.equal(before[name], after[name]) != (name in may_move) or parameter.numel() == 0, name
    statistics = {n for n in before if "running" in n}
    moved = {n for n in statistics if not torch.equal(before[n], after[n])}
    expected = {
        n
        for n in statistics
        if method.batch_norm == "batch" and any(m.rsplit(".", 2)[0] == n.rsplit(".", 2)[0] for m in may_move)
    }
    assert moved == expected


@every
def test_same_seed_same_result_and_another_seed_another(method):
    first, second = once(method).fitted, method.fit(task(method))
    assert same(everything(first), everything(second))
    assert first.history == second.history and first.backbone.fingerprint == second.backbone.fingerprint
    assert not same(everything(first), everything(method.fit(task(method, seed=1))))


@every
def test_the_given_backbone_and_the_callers_random_numbers_are_left_alone(method):
    given, fitted = once(method).given, once(method).fitted
    torch.manual_seed(4)
    assert torch.equal(once(method).drawn, torch.rand(3))
    assert same(once(method).start, weights(given.backbone.build()))
    moved = method.unfreeze != "none"
    assert fitted.backbone.fingerprint != given.backbone.fingerprint or not moved
    blocks = given.backbone.blocks if method.hidden is None else ("body.stem", "body.body", "body.top", "end")
    assert fitted.backbone.preprocess == given.backbone.preprocess and fitted.backbone.blocks == blocks


@every
def test_history_and_selection_are_plain_and_say_which_epoch_was_kept(method):
    fitted = once(method).fitted
    assert json.loads(json.dumps(fitted.history)) == fitted.history
    said = fitted.selection.to_json()
    json.dumps(said)
    key = "val_accuracy" if method.best_epoch == "accuracy" else "val_log_loss"
    scores = {look["epoch"]: look[key] for look in said["candidates"]}
    kept = {"log_loss": min(scores.values()), "accuracy": max(scores.values()), "last": scores[max(scores)]}
    assert scores[said["chosen"]["epoch"]] == kept[method.best_epoch]
    assert method.best_epoch != "last" or said["chosen"]["epoch"] == method.epochs
    assert (0 in scores) == (method.name == "lp-ft")
    held = round(40 * method.val_share)
    assert said["data"] == f"a held-out part of train ({held} of 40 examples, stratified)"
    assert fitted.seconds.keys() == {"train", "calibrate"}


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@every
def test_interrupted_and_started_again_it_ends_the_same_and_another_method_does_not_go_on(method, tmp_path):
    expected = once(method).fitted
    done, end = 0, len(expected.history)
    for stop in (end // 3, end // 2, end):
        steps = iter(range(done + 1, end + 1))

        def halt(_name, _done, _total, stop=stop, steps=steps):
            if next(steps) == stop:
                raise StoppedError

        done = stop - 1
        with pytest.raises(StoppedError):
            method.fit(task(method, workdir=tmp_path, checkpoint_steps=1, progress=halt))
    again = method.fit(task(method, workdir=tmp_path, checkpoint_steps=1))
    assert same(everything(again), everything(expected)) and again.history == expected.history
    assert again.selection == expected.selection
    other = replace(method, weight_decay=0.02)
    with pytest.raises(InputError, match=r"cannot be resumed: method.weight_decay"):
        other.fit(task(method, workdir=tmp_path))


@every
def test_groups_stay_on_one_side(method):
    groups = np.repeat(np.arange(10), 4)
    parts = hold_out(task(method, groups=groups), method.val_share)
    held = {groups[i] for i in range(40) if i not in set(parts.kept)}
    assert held and not held & {groups[i] for i in parts.kept}
    assert len(parts.train) + len(parts.held) == 40


def test_a_val_part_is_what_stops_and_nothing_is_taken_from_train():
    fitted = FineTune(**SHORT).fit(replace(task(), val=pictures(11, 5)))
    assert fitted.selection.data == "the val part (11 examples)"
    assert len([r for r in fitted.history if r["epoch"] == 0]) == 5


def test_another_val_part_does_not_go_on_from_this_ones_state(tmp_path):
    FineTune(**SHORT).fit(replace(task(workdir=tmp_path), val=pictures(11, 5)))
    with pytest.raises(InputError, match=r"cannot be resumed: held out 11 image examples.* → 12 image examples"):
        FineTune(**SHORT).fit(replace(task(workdir=tmp_path), val=pictures(12, 5)))
