"""An adapted model is as sure of the target as the models at hand are on the average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.functional.linear_classifier import softmax
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.catalogue import find_method
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.served_confidence import served
from transferium.methods.shallow_adaptation.prototypes import Prototypes
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from worlds.tables import clusters, table


def task_of(target: Domain) -> AdaptationTask:
    backbone = replace(find_backbone(None, "features"), width=8)
    source = table(*clusters(150, 0), "s")
    return AdaptationTask(source, None, backbone, Embedder(None), 0, unlabeled=target.unlabeled())


def log_loss(fitted: Fitted, target: Domain) -> float:
    p = fitted.head.outputs(target.features)
    return float(-np.log(np.maximum(p[np.arange(len(p)), target.y], 1e-300)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_made_itself_sure_loses_no_more_than_source_only(seed: int) -> None:
    target = table(*clusters(200, seed + 1, turn=0.9), "t")
    task = task_of(target)
    alone = SourceOnly().adapt(task)
    # As often right as source only, and sure of everything, as networks that minimise entropy are.
    wild = Head(9 * alone.head.weight, 9 * alone.head.bias, alone.head.temperature)
    sure = AdaptedModel.of(replace(alone, head=wild), sharpened=True)
    ours = served(task, sure, alone)
    assert log_loss(sure, target) > 2 * log_loss(alone, target)
    assert log_loss(ours, target) <= log_loss(alone, target) + 1e-6
    assert (ours.head.predict(target.features) == sure.head.predict(target.features)).all()
    assert "as sure as source only is; no label was there" in ours.selection.notes[-1]


def test_a_model_that_others_contradict_is_less_sure_than_they_are() -> None:
    target = table(*clusters(200, 1), "t")
    task = task_of(target)
    alone = SourceOnly().adapt(task)
    other = replace(alone, head=Head(alone.head.weight[[1, 2, 0]], alone.head.bias[[1, 2, 0]], alone.head.temperature))
    ours = served(task, replace(other, beside={"source-only": alone, "other": other}), alone)
    p, theirs = ours.head.outputs(target.features), alone.head.outputs(target.features)
    assert p.max(axis=1).mean() < 0.55 < 0.9 * theirs.max(axis=1).mean()


def test_each_candidate_that_reads_the_same_backbone_has_one_voice() -> None:
    target = table(*clusters(200, 1, turn=0.5), "t")
    task = task_of(target)
    alone, moved = SourceOnly().adapt(task), Prototypes().adapt(task)
    stranger = replace(alone, backbone=replace(alone.backbone, fingerprint="another"))
    ours = served(task, replace(moved, beside={"source-only": alone, "prototypes": moved, "x": stranger}), alone)
    assert "as sure as 2 models are on the average" in ours.selection.notes[-1], "what reads other features has none"
    third = replace(alone, head=Head(alone.head.weight / 9, alone.head.bias / 9, alone.head.temperature))
    more = served(task, replace(moved, beside={"source-only": alone, "prototypes": moved, "third": third}), alone)
    assert "as sure as 3 models are on the average" in more.selection.notes[-1]
    assert more.head.temperature > ours.head.temperature
    logits = moved.head.logits(target.features)
    mean = sum(each.head.outputs(target.features) for each in (alone, moved, third)) / 3
    loss = [-(mean * np.log(softmax(logits / (t * more.head.temperature)))).sum() for t in (0.9, 1.0, 1.1)]
    assert loss[1] == min(loss)


def test_networks_that_make_their_answers_surer_have_no_say_in_how_sure_they_are() -> None:
    task = task_of(table(*clusters(60, 1), "t"))
    mcc, cdan = (find_method(name, {"epochs": 1}).adapt(task) for name in ("mcc", "cdan"))
    alone = SourceOnly().adapt(task)
    assert "as sure as source only is" in served(task, mcc, alone).selection.notes[-1]
    assert "as sure as 2 models are" in served(task, cdan, alone).selection.notes[-1]


def test_five_examples_are_enough_not_to_fail() -> None:
    target = table(*clusters(5, 1), "t")
    task = task_of(target)
    assert 0 < served(task, Prototypes().adapt(task), SourceOnly().adapt(task)).head.temperature <= 50
