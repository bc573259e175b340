"""Laws that hold for every method that trains, and a table of what each knob does. A new method joins by a row."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from toy_world import PICTURE, PictureNet, picture_backbone, pictures, same, weights
from transferium.embedding.embed import Embedder
from transferium.errors import InputError, TransferiumWarning
from transferium.methods.adversarial import Adversarial
from transferium.methods.base import Task
from transferium.methods.bi_tuning import BiTuning
from transferium.methods.bss import BSS
from transferium.methods.co_tuning import CoTuning
from transferium.methods.delta import DELTA
from transferium.methods.finetune import FineTune
from transferium.methods.gradual import GradualUnfreeze
from transferium.methods.held_out import hold_out
from transferium.methods.l2sp import L2SPTuning, L2Tuning
from transferium.methods.lpft import LPFT
from transferium.methods.lwf import LwF
from transferium.methods.probe import LinearProbe
from transferium.methods.recipes import FrozenSGD
from transferium.methods.scratch import FromScratch
from transferium.methods.stochnorm import StochNorm
from transferium.models.wrapped import wrap_module
from transferium.training.freeze import freeze
from transferium.training.predict import predict

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}
ROWS = [
    FineTune(**SHORT),
    FineTune(unfreeze=2, batch_norm="batch", **SHORT),
    FineTune(unfreeze=1, optimiser="sgd", nesterov=True, lr=0.05, head_lr=0.05, augment="none", **SHORT),
    FineTune(unfreeze="norm", label_smoothing=0.1, accumulate=2, patience=1, best_epoch="accuracy", **SHORT),
    FineTune(unfreeze="none", val_share=0.4, clip=None, schedule="constant", **SHORT),
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
]
every = pytest.mark.parametrize("method", ROWS, ids=lambda m: f"{m.name}-{m.unfreeze}-{m.optimiser}")


def task(n=40, seed=0, backbone=None, **change):
    torch.set_num_threads(1)
    embedder = Embedder(None, engine="torch")
    return Task(pictures(n), None, backbone or picture_backbone(), embedder, seed, **change)


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


@every
def test_what_is_fitted_is_what_was_trained(method, monkeypatch):
    seen = {}

    def watch(model, domain, feeds, machine, **options):
        seen["model"], seen["feeds"] = model, feeds
        return predict(model, domain, feeds, machine, **options)

    monkeypatch.setattr("transferium.training.predict.predict", watch)
    given = task()
    fitted = method.fit(given)
    new = pictures(15, 7)
    features = given.embed(new, fitted.backbone).features
    from transferium.training.machine import Machine

    expected = predict(seen["model"], new, seen["feeds"], Machine())
    assert np.allclose(fitted.head.logits(features), expected, atol=1e-5)
    assert fitted.head.probabilities(features).shape == (15, 2)
    assert 0.02 <= fitted.head.temperature <= 50


@every
def test_what_is_frozen_is_bit_identical_and_the_rest_moved(method):
    given = task()
    start = method._start(given)
    before, after = weights(start.build()), tuned(method, method.fit(given))
    net = start.build()
    freeze(net, given.backbone.blocks, method.unfreeze)
    moving = {name for name, p in net.named_parameters() if p.requires_grad}
    for name, parameter in net.named_parameters():
        assert torch.equal(before[name], after[name]) != (name in moving) or parameter.numel() == 0, name
    statistics = {n for n in before if "running" in n}
    moved = {n for n in statistics if not torch.equal(before[n], after[n])}
    expected = {
        n
        for n in statistics
        if method.batch_norm == "batch" and any(m.rsplit(".", 2)[0] == n.rsplit(".", 2)[0] for m in moving)
    }
    assert moved == expected


@every
def test_same_seed_same_result_and_another_seed_another(method):
    first, second = method.fit(task()), method.fit(task())
    assert same(everything(first), everything(second))
    assert first.history == second.history and first.backbone.fingerprint == second.backbone.fingerprint
    assert not same(everything(first), everything(method.fit(task(seed=1))))


@every
def test_the_given_backbone_and_the_callers_random_numbers_are_left_alone(method):
    given = task()
    before = weights(given.backbone.build())
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    fitted = method.fit(given)
    assert torch.equal(torch.rand(3), expected)
    assert same(before, weights(given.backbone.build()))
    moved = method.unfreeze != "none"
    assert fitted.backbone.fingerprint != given.backbone.fingerprint or not moved
    blocks = given.backbone.blocks if method.hidden is None else ("body.stem", "body.body", "body.top", "end")
    assert fitted.backbone.preprocess == given.backbone.preprocess and fitted.backbone.blocks == blocks


@every
def test_history_and_selection_are_plain_and_say_which_epoch_was_kept(method):
    given = task()
    fitted = method.fit(given)
    assert json.loads(json.dumps(fitted.history)) == fitted.history
    said = fitted.selection.to_json()
    json.dumps(said)
    key = f"val_{method.best_epoch}"
    scores = {look["epoch"]: look[key] for look in said["candidates"]}
    best = (min if method.best_epoch == "log_loss" else max)(scores.values())
    assert scores[said["chosen"]["epoch"]] == best
    assert (0 in scores) == (method.name == "lp-ft")
    held = round(40 * method.val_share)
    assert said["data"] == f"a held-out part of train ({held} of 40 examples, stratified)"
    assert fitted.seconds.keys() == {"train", "calibrate"}


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@every
def test_interrupted_and_started_again_it_ends_the_same(method, tmp_path, monkeypatch):
    from transferium.training.checkpoint import Checkpoints

    expected = method.fit(task())
    monkeypatch.setattr(Checkpoints, "due", lambda self, step: True)
    done, end = 0, len(expected.history)
    for stop in (end // 3, end // 2, end):
        steps = iter(range(done + 1, end + 1))

        def halt(_name, _done, _total, stop=stop, steps=steps):
            if next(steps) == stop:
                raise StoppedError

        done = stop - 1
        with pytest.raises(StoppedError):
            method.fit(task(workdir=tmp_path, progress=halt))
    again = method.fit(task(workdir=tmp_path))
    assert same(everything(again), everything(expected)) and again.history == expected.history
    assert again.selection == expected.selection


@every
def test_another_method_does_not_go_on_from_this_ones_state(method, tmp_path):
    method.fit(task(workdir=tmp_path))
    other = replace(method, weight_decay=0.02)
    with pytest.raises(InputError, match=r"cannot be resumed: method.weight_decay"):
        other.fit(task(workdir=tmp_path))


@every
def test_groups_stay_on_one_side(method):
    groups = np.repeat(np.arange(10), 4)
    parts = hold_out(task(groups=groups), method.val_share)
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
    fitted = LPFT(**SHORT | {"lr": 1e-12, "head_lr": 1e-12}).fit(given)
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
    return 1 / (1.0001 - replace(fitted.head, temperature=1.0).probabilities(features).max(axis=1).mean())


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
    Knob("patience", FineTune(**BASE | {"lr": 1e-9, "head_lr": 1e-9}, patience=1), FineTune(**BASE), epochs_run, 1.5),
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.0}, r"lr=0.0 trains nothing: give a number above 0, as in lr=0.0001"),
        ({"lr": -1.0}, r"lr=-1.0 trains nothing"),
        ({"head_lr": float("nan")}, r"head_lr=nan trains nothing"),
        ({"nesterov": True}, r"nesterov is a kind of SGD, and the optimiser is adamw: use optimiser=sgd"),
        ({"optimiser": "sgd", "nesterov": True, "momentum": 0.0}, r"momentum=0 has none: use momentum=0.9"),
        ({"optimiser": "sgd", "momentum": -1.0}, r"momentum lies from 0 to below 1; it was -1.0"),
        ({"optimiser": "adamx"}, r"no optimiser 'adamx'. Did you mean 'adam'"),
        ({"lr": "aut"}, r"lr is a number, as in lr=0.0001, or auto, to have a range of rates tested; it was 'aut'"),
        ({"schedule": "plateau", "gamma": 1.0}, r"gamma lies above 0 to below 1; it was 1.0"),
        ({"schedule": "plateau", "average": "swa"}, r"swa takes the mean of epochs at one rate, and schedule=plateau"),
        ({"plateau_patience": 0}, r"plateau_patience must be at least 1"),
        ({"schedule": "cos"}, r"no schedule 'cos'"),
        ({"augment": "simpl"}, r"no augmentation preset 'simpl'. Did you mean 'simple'"),
        ({"best_epoch": "acuracy"}, r"best_epoch cannot be 'acuracy'. Did you mean 'accuracy'"),
        ({"batch_norm": "keep"}, r"batch_norm cannot be 'keep'. Did you mean 'kept'"),
        ({"precision": "bf8"}, r"precision cannot be 'bf8'. Choose from 'auto'"),
        ({"epochs": 0}, r"epochs must be at least 1; it was 0"),
        ({"patience": 0}, r"patience must be at least 1; it was 0"),
        ({"workers": -1}, r"workers must be at least 0"),
        ({"layer_decay": 0.0}, r"layer_decay lies above 0 up to 1; it was 0.0"),
        ({"layer_decay": 1.5}, r"layer_decay lies above 0 up to 1"),
        ({"val_share": 0.6}, r"val_share lies above 0 up to 0.5"),
        ({"label_smoothing": 1.0}, r"label_smoothing lies from 0 to below 1"),
        ({"clip": 0.0}, r"clip is the largest gradient norm.*must be above 0, or none"),
        ({"warmup": 1.0}, r"warmup is the share of all steps"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        FineTune(**settings)
    method = FineTune()
    with pytest.raises(InputError, match=message):
        method.set_params(**settings)


def test_an_absurd_rate_is_a_warning():
    with pytest.warns(
        TransferiumWarning,
        match=r"lr=5.0 is far above what adamw can use .*about 0.1.*default is 0.0001, and lr=auto tests",
    ):
        FineTune(lr=5.0)
    FineTune(lr=5.0, head_lr=5.0, optimiser="sgd")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (FineTune(unfreeze=9), r"unfreeze=9: this backbone has 3 blocks \(stem, body, top\)"),
        (FineTune(unfreeze="bdy"), r"unfreeze='bdy' matches nothing in this backbone. Did you mean 'body'"),
        (FineTune(batch_size=1, batch_norm="batch"), r"gives batches of 1, and batch normalisation needs 2 examples"),
    ],
)
def test_what_does_not_fit_the_backbone_is_named(method, message):
    with pytest.raises(InputError, match=message):
        method.fit(task())


def test_a_batch_of_one_is_fine_where_norms_are_frozen_or_kept():
    assert FineTune(unfreeze="top", batch_norm="batch", batch_size=1, epochs=1).fit(task(12)).history[0]["task"] > 0
    assert FineTune(batch_size=1, epochs=1).fit(task(12)).history[0]["task"] > 0


def test_a_batch_larger_than_the_data_is_a_warning():
    with pytest.warns(
        TransferiumWarning, match=r"batch_size=100 is more than the 32 examples .* every step sees all 32"
    ):
        fitted = FineTune(batch_size=100, epochs=2).fit(task())
    assert len(fitted.history) == 2
    assert len(FineTune(epochs=2).fit(task(20)).history) == 2, "the default adapts without a word"


def test_methods_are_described_without_torch():
    import subprocess
    import sys

    code = (
        "import sys; from transferium.methods.finetune import FineTune; from transferium.methods.lpft import LPFT; "
        "from transferium.methods.scratch import FromScratch; "
        "rows = [s for m in (FineTune, LPFT, FromScratch) for s in m.settings()]; "
        "assert all(s['help'] and s['default'] is not s for s in rows); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
