"""StochNorm: the statistics of pretraining stay in use, and the tuned backbone is an ordinary one."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.regularised.stoch_norm import StochNorm
from transferium.methods.task import Task
from transferium.models.sources.wrapped import wrap_module
from worlds.toy import PICTURE, picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}


def task(n=40, backbone=None):
    torch.set_num_threads(1)
    return Task(pictures(n), None, backbone or picture_backbone(), Embedder(None, engine="torch"), 0)


def result(fitted):
    return weights(fitted.backbone.build()) | {"head": torch.from_numpy(fitted.head.weight)}


def test_p_of_zero_is_finetune_by_batch_statistics_bit_for_bit():
    plain = FineTune(batch_norm="batch", **SHORT).fit(task())
    assert same(result(StochNorm(p=0.0, **SHORT).fit(task())), result(plain))
    assert not same(result(StochNorm(**SHORT).fit(task())), result(plain))


def test_what_is_left_is_the_architecture_it_started_from():
    given = task()
    fitted = StochNorm(**SHORT).fit(given)
    before, after = given.backbone.build(), fitted.backbone.build()
    assert repr(before) == repr(after) and list(before.state_dict()) == list(after.state_dict())
    assert not torch.equal(before.stem[1].running_mean, after.stem[1].running_mean)
    features = given.embed(given.train, fitted.backbone).features
    assert np.isfinite(features).all()


class NoNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x).mean(dim=(2, 3))


@pytest.mark.parametrize(
    ("method", "backbone", "message"),
    [
        (
            StochNorm(**SHORT),
            wrap_module(NoNorm(), "image", PICTURE),
            r"stochnorm needs batch norm, and NoNorm has none",
        ),
        (StochNorm(unfreeze=1, **SHORT), None, r"every batch norm of PictureNet is frozen with unfreeze=1"),
    ],
)
def test_a_backbone_without_batch_norm_is_named(method, backbone, message):
    with pytest.raises(InputError, match=message):
        method.fit(task(backbone=backbone))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"p": -0.1}, r"p must be 0 or more and at most 1; it was -0.1"),
        ({"p": 1.5}, r"p must be 0 or more and at most 1; it was 1.5"),
        ({"batch_norm": "kept"}, r"batch_norm=kept has only the pretrained ones: use batch_norm=batch"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        StochNorm(**settings)
    StochNorm(p=1.0)
    StochNorm(p=0.0, batch_norm="kept")
