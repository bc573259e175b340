"""Bi-Tuning: contrasts beside the cross-entropy, over a queue that starts with what is trained on."""

from typing import Any

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.regularised.bi_tuning import BiTuning
from transferium.methods.task import Task
from worlds.toy import picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}


def task(n=40):
    torch.set_num_threads(1)
    return Task(pictures(n), None, picture_backbone(), Embedder(None, engine="torch"), 0)


def result(fitted):
    return weights(fitted.backbone.build()) | {"head": torch.from_numpy(fitted.head.weight)}


def test_a_strength_of_zero_is_finetune_bit_for_bit():
    assert same(result(BiTuning(strength=0.0, **SHORT).fit(task())), result(FineTune(**SHORT).fit(task())))


def test_the_queue_starts_with_the_features_of_what_is_trained_on():
    given = task()
    method = BiTuning(keys=5, projection=4, **SHORT)
    setup = method.setup(given)
    contrast = method._contrast(setup)
    features = given.embed(setup.parts.train).features
    for k in (0, 1):
        assert np.allclose(contrast.queue_h[k], features[setup.parts.train.y == k][:5])
    assert contrast.count.tolist() == [5, 5] and contrast.queue_z.shape == (2, 5, 4)
    assert torch.allclose(contrast.projector.mean, torch.from_numpy(features.mean(axis=0)), atol=1e-6)


def test_what_the_objective_owns_learns_at_the_heads_rate():
    stages = BiTuning(head_lr=0.05, **SHORT).stages(task())
    groups = {g.name: g for g in next(stages).players[0].groups}
    assert groups["objective"].lr == 0.05 and len(groups["objective"].params) == 1
    stages.close()


def test_held_strongly_both_contrasts_fall():
    given = task(60)
    knobs: dict[str, Any] = {"epochs": 6, "batch_size": 8, "lr": 0.01, "head_lr": 0.01, "layer_decay": 1.0}
    found = []
    for strength in (1e-9, 5.0):
        method = BiTuning(strength=strength, key_momentum=0.9, keys=8, temperature=0.5, augment="none", **knobs)
        late = method.fit(given).history[-12:]
        found.append({name: np.mean([r[name] / strength for r in late]) for name in ("cce", "ccl")})
    for name in ("cce", "ccl"):
        assert found[1][name] < found[0][name] - 0.02, (name, found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": -1.0}, r"strength must be 0 or more"),
        ({"keys": 0}, r"keys must be at least 1"),
        ({"projection": 0}, r"projection must be at least 1"),
        ({"key_momentum": 1.0}, r"key_momentum must be 0 or more and below 1; it was 1.0"),
        ({"temperature": 0.0}, r"temperature must be above 0"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        BiTuning(**settings)


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match=r"contrasts with one queue of keys, and 3 processes would not agree"):
        list(BiTuning(**SHORT).stages(task()))


def test_a_frozen_backbone_is_not_held_back():
    with pytest.raises(InputError, match=r"bi-tuning holds the backbone back, and unfreeze='none' moves nothing"):
        BiTuning(unfreeze="none", **SHORT).fit(task())


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_a_cached_prefix_is_read_by_both_encoders():
    settings: dict[str, Any] = {"unfreeze": 2, "augment": "none", "keys": 5, "lr": 0.01, "key_momentum": 0.5, **SHORT}
    plain, cached = (
        BiTuning(cache=cache, cache_precision="full", **settings).fit(task()).history for cache in ("off", "on")
    )
    for name in ("task", "cce", "ccl"):
        assert [r[name] for r in cached] == pytest.approx([r[name] for r in plain], abs=1e-3), name
