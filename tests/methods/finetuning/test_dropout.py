"""Dropout before the head and stochastic depth, as settings of every fine-tuning."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.task import Task
from transferium.models.heads.feature_dropout import drop_features
from transferium.models.sources.wrapped import wrap_module
from transferium.models.surgery.drop_path import DropPath
from transferium.training.run import run
from worlds.toy import PICTURE, picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.drop_path = nn.Conv2d(6, 6, 3, padding=1), nn.Identity()

    def forward(self, x):
        return x + self.drop_path(self.conv(x).relu())


class ResidualNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2)
        self.blocks = nn.Sequential(Residual(), Residual())

    def forward(self, x):
        return self.blocks(self.stem(x)).mean(dim=(2, 3))


def residual():
    torch.manual_seed(0)
    return replace(wrap_module(ResidualNet(), "image", PICTURE), blocks=("stem", "blocks.0", "blocks.1"))


def task(n=40, backbone=None, **change):
    torch.set_num_threads(1)
    return Task(pictures(n), None, backbone or residual(), Embedder(None, engine="torch"), 0, **change)


def result(fitted):
    return weights(fitted.backbone.build()) | {"head": torch.from_numpy(fitted.head.weight)}


def test_zero_is_plain_and_each_of_them_is_not():
    plain = result(FineTune(**SHORT).fit(task()))
    assert same(result(FineTune(dropout=0.0, drop_path=0.0, **SHORT).fit(task())), plain)
    assert not same(result(FineTune(dropout=0.3, **SHORT).fit(task())), plain)
    assert not same(result(FineTune(drop_path=0.3, **SHORT).fit(task())), plain)


def test_what_is_fitted_drops_nothing():
    given = task()
    fitted = LPFT(dropout=0.5, drop_path=0.5, **SHORT).fit(given)
    module = fitted.backbone.build()
    assert repr(module) == repr(given.backbone.build())
    new = given.embed(pictures(9, 5), fitted.backbone).features
    assert np.array_equal(fitted.head.logits(new), fitted.head.logits(new))
    assert fitted.head.weight.shape == (2, 6)


def test_a_frozen_block_is_never_left_out():
    seen: list[tuple[float, bool]] = []

    def watched(given):
        own = FineTune(drop_path=0.4, unfreeze=1, cache="off", **SHORT).stages(given)
        stage = next(own)

        def note(module, *_):
            seen.append((module.rate, module.training))

        for module in stage.model.modules():
            if isinstance(module, DropPath):
                module.register_forward_pre_hook(note)
        yield stage
        return own

    run(watched(task()))
    assert {rate for rate, training in seen if training} == {0.4}
    assert (0.0, False) in seen and (0.0, True) not in seen


def test_dropout_hides_features_from_the_head_while_it_trains():
    torch.manual_seed(0)
    head = nn.Linear(400, 1, bias=False)
    nn.init.ones_(head.weight)
    drop_features(head, 0.25)
    x = torch.ones(50, 400)
    assert torch.equal(head.eval()(x), torch.full((50, 1), 400.0))
    seen = head.train()(x)[:, 0] * 0.75
    assert torch.allclose(seen, seen.round(), atol=1e-2) and seen.std() > 3
    assert seen.mean().item() == pytest.approx(300, abs=5)


def test_much_dropout_makes_answers_less_sure():
    given = task(60)
    knobs: dict[str, Any] = {"epochs": 6, "batch_size": 8, "lr": 3e-3, "head_lr": 3e-2, "augment": "none"}
    losses = [np.mean([r["task"] for r in FineTune(dropout=d, **knobs).fit(given).history[-12:]]) for d in (0.0, 0.7)]
    assert losses[1] > losses[0] + 0.02, losses


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def test_interrupted_and_started_again_it_ends_the_same(tmp_path):
    method = FineTune(dropout=0.4, drop_path=0.4, **SHORT)
    expected = method.fit(task())

    def halt(_name, done, _total):
        if done == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        method.fit(task(workdir=tmp_path, checkpoint_steps=1, progress=halt))
    again = method.fit(task(workdir=tmp_path, checkpoint_steps=1))
    assert same(result(again), result(expected)) and again.history == expected.history


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, r"dropout must be 0 or more and below 1; it was 1.0"),
        ({"drop_path": -0.1}, r"drop_path must be 0 or more and below 1; it was -0.1"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        FineTune(**settings)


def test_a_backbone_without_residual_blocks_is_named():
    with pytest.raises(InputError, match=r"drop_path=0.1: PictureNet has no residual blocks that can be left out"):
        FineTune(drop_path=0.1, **SHORT).fit(task(backbone=picture_backbone()))
