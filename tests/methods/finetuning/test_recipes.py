"""The textbook recipes are what the textbooks say: rates, schedules, optimisers, heads, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.catalogue import find_method
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.recipes import AllAdam, AllAdamW, FrozenDense, FrozenSGD
from transferium.methods.holdout import hold_out
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.hidden import HiddenHead
from transferium.models.heads.scaled_linear import ScaledLinear
from transferium.models.model import Model
from transferium.training.augment.recipe import IMAGES
from transferium.training.feeds.order import Order
from transferium.training.loop.stage import Stage
from transferium.training.loop.step_every import StepEvery
from worlds.toy import blobs, picture_backbone, pictures

RECIPES = {"frozen-sgd": FrozenSGD, "frozen-dense": FrozenDense, "all-adam": AllAdam, "all-adamw": AllAdamW}


def task(n: int = 40) -> Task:
    torch.set_num_threads(1)
    return Task(pictures(n), None, picture_backbone(), Embedder(None, engine="torch"), 0)


def stage_of(method: FineTune) -> Stage:
    """The one stage of a recipe, before its first step."""
    return next(method.stages(task(80)))


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_does_what_its_textbook_leaves_out(name: str) -> None:
    method = find_method(name, {})
    assert type(method) is RECIPES[name]
    stage = stage_of(method)
    assert stage.clip is None and stage.accumulate == 1
    assert stage.schedule.factor(0, 100) == 1, "no warm-up"
    assert len({g.lr for g in stage.groups}) == 1, "one rate for all"
    head = stage.model.head
    first = head.hidden[0] if isinstance(head, HiddenHead) else head
    assert isinstance(first, ScaledLinear) and float(first.scale) == 1 and not first.mean.any(), "a plain new layer"


def test_frozen_sgd() -> None:
    stage = stage_of(FrozenSGD())
    assert (stage.epochs, stage.batch_size) == (25, 4)
    assert (stage.optimiser.name, stage.optimiser.momentum, stage.optimiser.nesterov) == ("sgd", 0.9, False)
    assert {(g.lr, g.weight_decay) for g in stage.groups} == {(1e-3, 0.0)}
    assert not any(p.requires_grad for p in stage.model.backbone.parameters()) and stage.keep_statistics
    assert sum(p.numel() for g in stage.groups for p in g.params) == 5 * 2 + 2
    assert IMAGES.read(FrozenSGD().augment) == {"crop": 0.92, "flip": 0.5} and FrozenSGD().best_epoch == "accuracy"


def test_its_steps_are_torchs() -> None:
    stage, per_epoch = stage_of(FrozenSGD()), 40
    layer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-3)
    theirs = torch.optim.lr_scheduler.StepLR(layer, step_size=7, gamma=0.1)
    for epoch in range(25):
        ours = [1e-3 * stage.schedule.factor(epoch * per_epoch + step, 25 * per_epoch) for step in range(per_epoch)]
        np.testing.assert_allclose(ours, theirs.get_last_lr()[0], rtol=1e-12)
        layer.step()
        theirs.step()
    assert isinstance(stage_of(FrozenSGD(schedule="cosine")).schedule, StepEvery) is False
    with pytest.raises(InputError, match=r"drop_every must be at least 1; it was 0"):
        FrozenSGD(drop_every=0)
    with pytest.raises(InputError, match=r"drops the rate every drop_every epochs.*it was given drops=2"):
        FrozenSGD(drops=2)


def test_its_steps_leave_room_for_a_warm_up_and_for_swa() -> None:
    stage = stage_of(FrozenSGD(epochs=4, drop_every=1, warmup=0.25, average="swa", swa_from=0.5))
    rates = [stage.schedule.factor(step, 16) for step in range(16)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0] + [0.1] * 4 + [0.01] * 8), "held from the third epoch on"


def test_frozen_sgd_is_the_loop_of_the_tutorial() -> None:
    """Written out: frozen features, a linear layer of the same random weights, SGD, a tenth after every two epochs."""
    given = task(50)
    method = FrozenSGD(epochs=5, drop_every=2, augment="none", cache="off", head_lr=0.05)
    history = method.fit(given).history
    layer, start = nn.Linear(5, 2), {}
    train = hold_out(given, method.val_share).train

    def remember(self: Model, backbone: nn.Module, head: nn.Module) -> None:
        start.update({name: t.clone() for name, t in head.linear.state_dict().items()})
        model_init(self, backbone, head)

    model_init = Model.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Model, "__init__", remember)
        again = method.fit(given)
    assert again.history == history
    layer.load_state_dict(start)
    features, y = torch.from_numpy(given.embed(train).features), torch.from_numpy(train.y)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=2, gamma=0.1)
    order, losses = Order(len(y), 4, seed=0), []
    for step in range(5 * order.batches_per_epoch):
        loss = nn.functional.cross_entropy(layer(features[order.at(step)[1]]), y[order.at(step)[1]])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % order.batches_per_epoch == 0:
            schedule.step()
    np.testing.assert_allclose([record["task"] for record in history], losses, atol=1e-5)


def test_frozen_dense() -> None:
    stage = stage_of(FrozenDense())
    head = stage.model.head
    assert isinstance(head, HiddenHead)
    assert [type(m).__name__ for m in head.hidden] == ["ScaledLinear", "ReLU", "Dropout"]
    assert head.widths == (256,) and head.hidden[2].p == 0.5
    assert stage.optimiser.name == "adam" and {g.lr for g in stage.groups} == {1e-4}
    assert not any(p.requires_grad for p in stage.model.backbone.parameters())
    assert IMAGES.read(FrozenDense().augment) == {"rotate": 40, "shift": 0.2, "zoom": 0.2, "flip": 0.5}


def test_all_adam() -> None:
    stage = stage_of(AllAdam())
    assert stage.epochs == 20 and stage.optimiser.name == "adam"
    assert {(g.lr, g.weight_decay) for g in stage.groups} == {(1e-4, 0.0)}
    assert all(p.requires_grad for p in stage.model.parameters()) and not stage.keep_statistics
    assert len(stage.around) == 1, "the best epoch is kept"


def test_all_adamw() -> None:
    stage = stage_of(AllAdamW())
    assert stage.batch_size == 64 and stage.optimiser.name == "adamw"
    assert {g.lr for g in stage.groups} == {1e-4} and {g.weight_decay for g in stage.groups} == {1e-4, 0.0}
    assert all(p.requires_grad for p in stage.model.parameters())


@pytest.mark.parametrize(
    "method",
    [
        FrozenSGD(epochs=6, batch_size=8),
        FrozenDense(epochs=8, hidden=16, batch_size=8, head_lr=0.01, head="scaled"),
        AllAdam(epochs=6, lr=0.01, head_lr=0.01),
        AllAdamW(epochs=8, batch_size=16, lr=0.01, head_lr=0.01),
    ],
    ids=lambda m: m.name,
)
def test_every_recipe_learns(method: FineTune) -> None:
    given = task(80)
    fitted = method.fit(given)
    losses = [row["val_log_loss"] for row in fitted.selection.candidates]
    assert min(losses[1:]) < losses[0]
    assert fitted.method == method.name and len(losses) == method.epochs


@pytest.mark.parametrize("recipe", [FrozenSGD, FrozenDense])
def test_the_changes_of_a_recipe_are_of_images_and_rows_have_none_unless_they_are_given(recipe: type[FineTune]) -> None:
    train, backbone = blobs(40), find_backbone(None, "features")
    rows = replace(task(), train=train, backbone=replace(backbone, width=train.features.shape[1]))
    assert next(recipe().stages(rows)).feeds.augment == "none"
    assert stage_of(recipe()).feeds.augment == recipe.augment
    with pytest.raises(InputError, match="changes images, texts or sounds"):
        recipe(augment="strong", epochs=1).fit(rows)


def test_everything_frozen_and_no_head_is_refused() -> None:
    given = task()
    model = Model(given.backbone.build().requires_grad_(False), nn.Identity())
    from transferium.objectives.supervised import Supervised
    from transferium.training.feeds.feeds import Feeds

    settings: dict[str, Any] = {"objective": Supervised("target"), "feeds": Feeds(given.backbone.preprocess)}
    with pytest.raises(InputError, match=r"nothing to train: every parameter is frozen. Unfreeze a block or give it"):
        Stage(model=model, streams={"target": given.train}, epochs=1, **settings)
    with pytest.raises(InputError, match=r"unfreeze='non' matches nothing"):
        replace(FrozenSGD(), unfreeze="non", epochs=1).fit(given)
