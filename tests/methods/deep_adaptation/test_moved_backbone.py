"""Adaptation through a backbone that moves: images whose style changed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from laws.moved_backbone import LORA, QUICK, SHORT, everything
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import source_reader
from transferium.methods.catalogue import method_class
from transferium.methods.deep_adaptation.inference import restate_batch_norm
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.model_selection.evidence import evidence_of
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.stage import Stage
from worlds.tables import clusters, table
from worlds.toy import picture_backbone, pictures, restyled, same, weights


def task(n: int = 48, seed: int = 0, **change: Any) -> AdaptationTask:
    torch.set_num_threads(1)
    embedder = Embedder(None, engine="torch")
    target = restyled(pictures(n, 50)).unlabeled()
    return replace(AdaptationTask(pictures(n), None, picture_backbone(), embedder, seed, unlabeled=target), **change)


@pytest.mark.parametrize("name", QUICK)
def test_it_moves_the_backbone_and_answers_through_it(name: str) -> None:
    given = task()
    model = method_class(name)(**SHORT, **QUICK[name]).adapt(given)
    assert model.backbone.fingerprint != given.backbone.fingerprint
    seen = evidence_of(given, model)
    assert seen.target_logits.shape == (48, 2) and np.isfinite(seen.target_logits).all()
    assert same(weights(given.backbone.build()), weights(picture_backbone().build())), (
        "the given backbone is left alone"
    )
    if name in ("dann", "shot", "tent"):
        again = method_class(name)(**SHORT, **QUICK[name]).adapt(task())
        assert same(everything(again), everything(model))


def test_the_term_reaches_the_backbone_and_at_nought_it_does_not() -> None:
    models = [method_class("dann")(**SHORT, weight=w).adapt(task()) for w in (0.0, 1.0)]
    alone = method_class("source-network")(**SHORT).fit(task().without_target())
    assert same(everything(models[0]), everything(alone))
    assert not same(weights(models[1].backbone.build()), weights(alone.backbone.build()))


@pytest.mark.parametrize("name", QUICK)
def test_at_nought_a_pretrained_backbone_ends_as_source_only_leaves_it(name: str) -> None:
    def given(**change: Any) -> AdaptationTask:
        made = task(**change)
        return replace(made, backbone=replace(made.backbone, pretrained=True))

    method = method_class(name)(**SHORT, **QUICK[name], weight=0.0)
    assert same(everything(method.adapt(given())), everything(method.source_only().fit(given().without_target())))


@pytest.mark.parametrize("pretrained", [False, True])
@pytest.mark.parametrize("name", ["dann", "pseudo-label"])
def test_batch_normalisation_of_each_domain_undoes_a_change_of_style(name: str, pretrained: bool) -> None:
    test, home, given = restyled(pictures(100, 99)), pictures(100, 98), task(100)
    given = replace(given, backbone=replace(given.backbone, pretrained=pretrained))
    settings = SHORT | {"epochs": 8, "lr": 0.01, "backbone_lr": 0.01, "layer_decay": 1.0}
    scores = {}
    for statistics in ("shared", "each"):
        model = method_class(name)(**settings, statistics=statistics, weight=0.1).adapt(given)
        scores[statistics] = (model.head.predict(given.embed(test, model.backbone).features) == test.y).mean()
    backbone, head = source_reader(model)
    assert scores["each"] > max(0.9, scores["shared"] + 0.1), scores
    assert (head.predict(given.embed(home, backbone).features) == home.y).mean() > 0.9, "the source by its own"


def test_partial_tuning_leaves_the_lower_blocks_bit_identical() -> None:
    given = task()
    model = method_class("mcc")(**SHORT | {"tuning": "partial"}, unfreeze=1).adapt(given)
    before, after = weights(given.backbone.build()), weights(model.backbone.build())
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"top"}


def test_the_targets_statistics_undo_a_change_of_style() -> None:
    test = restyled(pictures(200, 99))
    given, scores = task(200), []
    for weight in (0.0, 1.0):
        settings = SHORT | {"epochs": 8, "lr": 0.01, "backbone_lr": 0.01, "layer_decay": 1.0}
        model = method_class("adabn")(**settings, weight=weight).adapt(given)
        scores.append((model.head.predict(given.embed(test, model.backbone).features) == test.y).mean())
    assert scores[1] > scores[0] + 0.1 and scores[1] > 0.75, scores


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_restated_statistics_are_those_of_all_rows_at_once_in_any_order(share: float) -> None:
    # Sorted, the classes would share no part, and the last part would hold three rows.
    x, y = clusters(515, 0, shift=9.0, shares=(0.5, 0.3, 0.2))
    target = table(x, None, "t")
    for order in (np.argsort(y, kind="stable"), np.random.default_rng(0).permutation(515)):
        norm = torch.nn.BatchNorm1d(8)
        one = torch.nn.BatchNorm1d(8, momentum=share).train()
        under_way: Any = SimpleNamespace(
            tuned=torch.nn.Sequential(norm), feeds=Feeds(), streams={"unlabeled": target.take(order)}
        )
        restate_batch_norm(under_way, "unlabeled", share)
        one(torch.from_numpy(x.astype(np.float32)))
        torch.testing.assert_close(norm.running_mean, one.running_mean, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(norm.running_var, one.running_var, rtol=1e-5, atol=1e-5)
        assert not norm.training and norm.momentum == 0.1 and not norm._forward_pre_hooks


def test_restated_statistics_of_deeper_layers_hardly_depend_on_the_order() -> None:
    x, y = clusters(515, 0, shift=9.0)
    found = []
    for order in (np.argsort(y, kind="stable"), np.random.default_rng(0).permutation(515)):
        torch.manual_seed(0)
        deep = torch.nn.Sequential(
            torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.BatchNorm1d(8)
        )
        under_way: Any = SimpleNamespace(tuned=deep, feeds=Feeds(), streams={"unlabeled": table(x[order], None, "t")})
        restate_batch_norm(under_way, "unlabeled", 1.0)
        found.append(deep[3].running_mean)
    torch.testing.assert_close(found[0], found[1], rtol=0.02, atol=0.02)


def watched(method: AdaptedNetwork) -> tuple[AdaptedNetwork, dict[str, Any]]:
    """The method, and the weights and some features of its backbone as they are just before merging."""
    seen: dict[str, Any] = {}
    stages = method.stages

    def look(task: Task) -> Generator[Stage, None, AdaptationState]:
        state = yield from stages(task)
        assert state.tuned is not None
        with torch.no_grad():
            seen.update(weights=weights(state.tuned), features=state.tuned(PROBE))
        return state

    method.stages = look
    return method, seen


PROBE = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", QUICK)
def test_low_rank_updates_leave_the_weights_alone_and_are_merged(name: str) -> None:
    given = task()
    method, seen = watched(method_class(name)(**LORA, **QUICK[name]))
    model = method.adapt(given)
    before = weights(given.backbone.build())
    held = {n.replace("parametrizations.", "").replace(".original", ""): t for n, t in seen["weights"].items()}
    moved = {n for n in before if not torch.equal(before[n], held[n])}
    statistics = {"running_mean", "running_var", "num_batches_tracked"}
    allowed = {"adabn": statistics, "tent": statistics | {"weight", "bias"}}
    assert {n.split(".")[-1] for n in moved} <= allowed.get(name, set()), moved
    assert all(n.split(".")[:2] in (["stem", "1"], ["body", "1"]) for n in moved), "normalisation alone"
    assert any(n.endswith(".B") and t.abs().sum() > 0 for n, t in seen["weights"].items()), "the updates moved"
    merged = model.backbone.build()
    assert weights(merged).keys() == before.keys(), "an ordinary backbone is left"
    with torch.no_grad():
        torch.testing.assert_close(merged(PROBE), seen["features"], rtol=1e-5, atol=1e-5)
    assert "numbers move in 3 layers of a backbone of " in str(model.selection)


@pytest.mark.parametrize("tuning", ["dora", "bitfit"])
def test_another_adapter_is_trained_and_kept_apart(tuning: str) -> None:
    given = task()
    method, seen = watched(method_class("dann")(**SHORT | {"tuning": tuning, "lr": 0.01}))
    model = method.adapt(given)
    assert model.backbone.adapter is not None and model.backbone.adapter.kind == tuning
    assert model.backbone.adapter.backbone["fingerprint"] == given.backbone.fingerprint
    built = model.backbone.build()
    assert weights(built).keys() == weights(given.backbone.build()).keys()
    with torch.no_grad():
        torch.testing.assert_close(built(PROBE), seen["features"], rtol=1e-5, atol=1e-5)


def test_low_rank_updates_at_weight_nought_are_source_only_and_otherwise_not() -> None:
    models = [method_class("dann")(**LORA, weight=w).adapt(task()) for w in (0.0, 1.0)]
    alone = method_class("source-network")(**LORA).fit(task().without_target())
    assert same(everything(models[0]), everything(alone))
    assert not same(weights(models[1].backbone.build()), weights(alone.backbone.build()))


def test_low_rank_updates_interrupted_and_started_again_end_the_same(tmp_path: Any) -> None:
    method = method_class("shot")(**LORA, rounds=2)
    expected = method.adapt(task())

    def halt(stage: str, done: int, _total: int) -> None:
        if stage == "round 2" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.adapt(task(workdir=tmp_path, checkpoint_steps=1, progress=halt))
    assert same(everything(method.adapt(task(workdir=tmp_path))), everything(expected))


def test_settings_of_low_rank_updates_are_checked() -> None:
    with pytest.raises(InputError, match="rank must be at least 1; it was 0"):
        method_class("dann")(tuning="lora", rank=0)
    with pytest.raises(InputError, match=r"alpha must be above 0; it was 0.0"):
        method_class("dann")(tuning="lora", alpha=0.0)
    features = replace(task(), backbone=find_backbone(None, "features"))
    with pytest.raises(InputError, match="tuning='lora' moves a backbone, and feature rows have none"):
        method_class("source-network")(tuning="lora").adapt(features)
