"""Adaptation of texts through an encoder that moves: it takes ids and mask, and all else takes its features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from laws.moved_backbone import LORA, QUICK, SHORT
from transferium.embedding.embed import Embedder
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import source_reader
from transferium.methods.catalogue import method_class
from transferium.models.catalogue import find_backbone
from worlds.bert import saved_text, sayings
from worlds.toy import same, weights


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> AdaptationTask:
    folder: Path = tmp_path_factory.mktemp("bert")
    saved_text(folder)
    torch.set_num_threads(1)
    backbone, embedder = find_backbone(folder, "text"), Embedder(None, engine="torch")
    target = sayings(24, 1, "target").unlabeled()
    return AdaptationTask(sayings(32, 0, "source"), None, backbone, embedder, 0, unlabeled=target)


@pytest.mark.parametrize(("name", "settings"), [*((name, SHORT) for name in QUICK), ("cdan", LORA)])
def test_every_method_adapts_texts_through_an_encoder_that_moves(
    task: AdaptationTask, name: str, settings: dict[str, object]
) -> None:
    model = method_class(name)(**settings | {"epochs": 1}, **QUICK[name]).adapt(task)
    before, after = (weights(backbone.build()) for backbone in (task.backbone, model.backbone))
    assert before.keys() == after.keys() and not same(before, after)
    for backbone, head in (source_reader(model), (model.backbone, model.head)):
        assert np.isfinite(head.logits(task.embed(task.unlabeled, backbone).features)).all()
