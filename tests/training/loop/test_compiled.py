"""A compiled backbone trains to the same answer and leaves the same names."""

import numpy as np
import pytest
import torch
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.task import Task
from transferium.models.sources.wrapped import wrap_module
from transferium.training.loop.compiled import compile_forward
from worlds.toy import PICTURE, pictures, weights

SHORT = {"epochs": 1, "batch_size": 16, "augment": "none"}


def backbone():
    """Without dropout, which draws other numbers when it is compiled."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return wrap_module(nn.Sequential(*layers), "image", PICTURE)


def fit(**change):
    torch.set_num_threads(1)
    task = Task(pictures(40), None, backbone(), Embedder(None, engine="torch"), 0)
    return FineTune(**SHORT, **change).fit(task)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_compiled_backbone_trains_to_the_same_weights_within_rounding():
    plain, compiled = fit(), fit(compile=True)
    ours, theirs = weights(compiled.backbone.build()), weights(plain.backbone.build())
    assert list(ours) == list(theirs)
    for name, tensor in ours.items():
        assert torch.allclose(tensor, theirs[name], atol=1e-4), name
    assert np.allclose(compiled.head.weight, plain.head.weight, atol=1e-3)


def test_a_machine_without_a_compiler_is_told_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="needs a C\\+\\+ compiler, and there is no 'no-such-compiler' here"):
        compile_forward(torch.nn.Linear(2, 2))
