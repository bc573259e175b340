"""One block more at each stage: what moves when, at which rate, and which epoch is kept."""

from typing import Any

import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.task import Task
from worlds.toy import picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8, "batch_norm": "batch", "augment": "none", "lr": 0.01}


def task(n=40, seed=0, **change):
    torch.set_num_threads(1)
    return Task(pictures(n), None, picture_backbone(), Embedder(None, engine="torch"), seed, **change)


def stages_of(method, given=None):
    """Each stage as it was asked for, with the backbone before and after it, and its records; no epoch is chosen."""
    from transferium.training.distributed.machine import Machine
    from transferium.training.loop.episode import Episode, train

    seen, generator, machine = [], method.stages(given or task()), Machine()
    for stage in generator:
        before = weights(stage.model.backbone)
        episode = Episode(stage, machine)
        history = list(train(episode))
        seen.append((stage, before, weights(stage.model.backbone), history))
    return seen


def moved(before, after):
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_each_stage_moves_one_block_more_and_nothing_else_not_even_statistics():
    seen = stages_of(GradualUnfreeze(**SHORT, epochs_per_stage=1, patience=None))
    assert [stage.name for stage, *_ in seen] == ["head", "down to top", "down to body", "down to stem"]
    assert [stage.epochs for stage, *_ in seen] == [1, 1, 1, 2]
    allowed = [set(), {"top"}, {"top", "body"}, {"top", "body", "stem"}]
    for (stage, *_), names in zip(seen, allowed, strict=True):
        groups = {g.name.split(" ")[0] for p in stage.players for g in p.groups}
        assert groups == names | {"head"}
    before = [b for _, b, _, _ in seen]
    for first, (_, start, end, _), names in zip(before, seen, allowed, strict=True):
        assert moved(start, end) <= names and same(first, start)
    assert moved(seen[-1][1], seen[-1][2]) == {"top", "body", "stem"}, "the world of this test must be one that moves"


def test_rates_fall_by_the_decay_from_block_to_block_along_a_slanted_triangle():
    stage, _, _, history = stages_of(GradualUnfreeze(**SHORT, head_lr=0.02))[-1]
    rates = {g.name: g.lr for p in stage.players for g in p.groups}
    assert rates["head"] == 0.02 and rates["top"] == 0.01
    assert rates["body"] == pytest.approx(0.01 / 2.6) and rates["stem"] == pytest.approx(0.01 / 2.6**2)
    assert stage.schedule.name == "slanted"
    assert [r["lr"] for r in history] == [0.02 * stage.schedule.factor(i, len(history)) for i in range(len(history))]


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"blocks_per_stage": 2}, ["head", "down to body", "down to stem"]),
        ({"blocks_per_stage": 9}, ["head", "down to stem"]),
        ({"unfreeze": 1}, ["head", "down to top"]),
        ({"unfreeze": "none"}, ["head"]),
        ({"unfreeze": "norm"}, ["head", "down to body", "down to stem"]),
        ({"unfreeze": "stem,top"}, ["head", "down to top", "down to stem"]),
    ],
    ids=str,
)
def test_unfreeze_says_how_far_it_goes_and_blocks_how_fast(settings, names):
    given = stages_of(GradualUnfreeze(**SHORT, **settings))
    assert [stage.name for stage, *_ in given] == names
    assert given[-1][0].epochs == 2
    wanted = given[-1][0].model.backbone
    from transferium.training.loop.freeze import freeze

    net = picture_backbone().build()
    freeze(net, ("stem", "body", "top"), settings.get("unfreeze", "all"))
    expected = {n for n, p in net.named_parameters() if p.requires_grad}
    assert {n for n, p in wanted.named_parameters() if p.requires_grad} == expected


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_with_nothing_to_unfreeze_it_is_fine_tuning_of_the_head():
    frozen = SHORT | {"unfreeze": "none", "schedule": "cosine"}
    first = GradualUnfreeze(**frozen).fit(task())
    second = FineTune(**frozen).fit(task())
    assert [r["task"] for r in first.history] == [r["task"] for r in second.history]
    assert (first.head.weight == second.head.weight).all()
    assert first.selection.chosen.keys() == {"epoch"}, "one stage needs no name"


def test_every_look_says_its_stage_and_the_best_of_all_is_kept():
    looks = (fitted := GradualUnfreeze(**SHORT).fit(task())).selection.candidates
    assert [look["stage"] for look in looks] == ["head", "down to top", "down to body", *["down to stem"] * 2]
    assert [look["epoch"] for look in looks] == [1, 2, 3, 4, 5]
    best = min(looks, key=lambda look: look["val_log_loss"])
    assert fitted.selection.chosen == {"stage": best["stage"], "epoch": best["epoch"]}


def test_what_a_late_stage_spoils_is_not_kept():
    given = task()
    fitted = GradualUnfreeze(**SHORT | {"lr": 3.0, "head_lr": 0.01, "optimiser": "sgd"}).fit(given)
    scores = [look["val_log_loss"] for look in fitted.selection.candidates]
    assert scores[0] < min(scores[1:]), "the world of this test must be one where moving blocks hurts"
    assert fitted.selection.chosen == {"stage": "head", "epoch": 1}
    assert same(weights(fitted.backbone.build()), weights(given.backbone.build()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs_per_stage": 0}, r"epochs_per_stage must be at least 1; it was 0"),
        ({"blocks_per_stage": 0}, r"blocks_per_stage must be at least 1"),
        ({"average": "soup"}, r"gradual starts each stage from the best epoch so far.*take average='ema'"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        GradualUnfreeze(**settings)
