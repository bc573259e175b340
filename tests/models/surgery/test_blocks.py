"""Blocks hold every parameter exactly once, in forward order."""

from __future__ import annotations

import pytest
import timm
from torch import nn

from transferium.models.surgery.blocks import block_names


def holders(module: nn.Module, blocks: tuple[str, ...]) -> list[list[str]]:
    return [[b for b in blocks if p == b or p.startswith(b + ".")] for p, _ in module.named_parameters()]


@pytest.mark.parametrize("name", ["resnet18", "test_vit", "test_efficientnet", "test_convnext", "test_byobnet"])
def test_every_parameter_lies_in_one_block(name: str) -> None:
    module = timm.create_model(name, num_classes=0)
    blocks = block_names(module)
    assert len(blocks) == len(set(blocks))
    assert all(len(held) == 1 for held in holders(module, blocks))


def test_the_law_sees_a_planted_fault() -> None:
    module = timm.create_model("resnet18", num_classes=0)
    assert not all(len(held) == 1 for held in holders(module, block_names(module)[1:]))


def test_order_and_depth() -> None:
    blocks = block_names(timm.create_model("resnet18", num_classes=0))
    assert blocks[:3] == ("conv1", "bn1", "layer1.0")
    assert blocks[-1] == "layer4.1"
    assert block_names(timm.create_model("test_vit", num_classes=0))[:2] == ("cls_token", "pos_embed")


def test_wrappers_are_opened() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(nn.init.ones_(nn.Linear(1, 1).weight))
            self.layers = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.encoder, self.drop = nn.Linear(1, 1), Encoder(), nn.Dropout()

    assert block_names(Wrapper()) == ("embed", "encoder.scale", "encoder.layers.0", "encoder.layers.1")
