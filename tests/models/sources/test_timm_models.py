"""timm backbones from folders, files and the hub's cache, without a network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import catalogue, find_backbone
from transferium.models.preprocess import ImagePreprocess


def saved(folder: Path, name: str = "test_efficientnet", classes: int = 7, **settings: object) -> torch.nn.Module:
    """A folder as timm publishes them: config.json with the preprocessing, and model.safetensors."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=classes).eval()
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architecture": name,
        "num_classes": classes,
        "pretrained_cfg": {
            "input_size": [3, 96, 96],
            "interpolation": "bilinear",
            "crop_pct": 0.9,
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
            "license": "apache-2.0",
            "num_classes": classes,
            **settings,
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    return model


def test_a_folder_brings_its_preprocessing_and_weights(tmp_path: Path) -> None:
    model = saved(tmp_path / "tiny")
    backbone = find_backbone(tmp_path / "tiny", "image")
    assert backbone.preprocess == ImagePreprocess(96, 106, "bilinear", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 212)
    assert backbone.licence == "apache-2.0"
    assert backbone.size_bytes == (tmp_path / "tiny" / "model.safetensors").stat().st_size
    pictures = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(pictures), pre_logits=True)
        assert torch.equal(backbone.build()(pictures), expected)
    assert backbone.width == expected.shape[1]


def test_size_and_fixed_sizes(tmp_path: Path) -> None:
    saved(tmp_path / "free")
    small = find_backbone(tmp_path / "free", "image", size=64).preprocess
    assert isinstance(small, ImagePreprocess)
    assert (small.size, small.resize) == (64, 70)
    saved(tmp_path / "fixed", "test_vit", input_size=[3, 160, 160], fixed_input_size=True)
    fixed = find_backbone(tmp_path / "fixed", "image")
    assert not fixed.any_size
    smaller = find_backbone(tmp_path / "fixed", "image", size=96)  # timm resamples the position embedding
    assert smaller.build()(torch.zeros(1, 3, 96, 96)).shape == (1, smaller.width)
    assert smaller.fingerprint != fixed.fingerprint
    with pytest.raises(InputError, match=r"reads images of side 160 only; size=96 was given"):
        find_backbone(fixed, "image", size=96)


def test_the_fingerprint_is_that_of_the_weights(tmp_path: Path) -> None:
    model = saved(tmp_path / "a")
    saved(tmp_path / "b")
    first, second = (find_backbone(tmp_path / name, "image").fingerprint for name in "ab")
    assert first == second
    next(model.parameters()).data[0] += 1
    save_file(model.state_dict(), tmp_path / "b" / "model.safetensors")
    assert find_backbone(tmp_path / "b", "image").fingerprint != first


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_an_architecture_with_a_file(tmp_path: Path, suffix: str) -> None:
    model = saved(tmp_path)
    file = tmp_path / f"weights{suffix}"
    (torch.save if suffix == ".pth" else save_file)(model.state_dict(), file)
    backbone = find_backbone(f"test_efficientnet@{file}", "image")
    for mine, theirs in zip(backbone.build().parameters(), model.parameters(), strict=False):
        assert torch.equal(mine, theirs)
    with pytest.raises(BackboneError, match=r"holds weights alone: say for which timm architecture"):
        find_backbone(file, "image")
    with pytest.raises(BackboneError, match=r"does not fit timm's resnet18"):
        find_backbone(f"resnet18@{file}", "image")
    with pytest.raises(BackboneError, match=r"no architecture 'resnt18'. Did you mean 'resnet18'\?"):
        find_backbone(f"resnt18@{file}", "image")
    with pytest.raises(BackboneError, match="there is no weights file at"):
        find_backbone(f"resnet18@{tmp_path / 'none.pth'}", "image")


def test_border_crops_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, crop_mode="border")
    with pytest.raises(BackboneError, match="crop mode 'border'"):
        find_backbone(tmp_path, "image")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no network: every connection fails."""
    import socket

    def refuse(*_: object) -> None:
        raise OSError("a socket was opened")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path / "hub"


def cached(hub: Path, name: str) -> Path:
    """The folder of a repository in the layout of the hub's cache."""
    repo = hub / f"models--{name.replace('/', '--')}"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    return snapshot


def test_the_cache_is_used_without_a_socket(hub_cache: Path) -> None:
    saved(cached(hub_cache, "timm/test_efficientnet.r160_in1k"))
    backbone = find_backbone("timm/test_efficientnet.r160_in1k", "image")
    assert (backbone.name, backbone.width) == ("timm/test_efficientnet.r160_in1k", 256)
    named = find_backbone("timm/timm/test_efficientnet.r160_in1k", "image")
    assert named.fingerprint == backbone.fingerprint
    row = next(row for row in catalogue() if row["name"].startswith("timm/"))
    assert row["name"] == "timm/timm/test_efficientnet.r160_in1k"
    assert row["available"]
    assert row["licence"] == "apache-2.0"
    assert find_backbone(row["name"], row["kind"]).fingerprint == backbone.fingerprint


def test_what_is_not_cached_needs_a_network(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HF_HUB_DISABLE_TELEMETRY", "1")
    with pytest.raises(BackboneError, match=r"not in the local Hugging Face cache and could not be fetched"):
        find_backbone("timm/resnet18.a1_in1k", "image")


def test_near_misses_of_timm_names() -> None:
    with pytest.raises(BackboneError, match=r"timm has no model 'resnt50'. Did you mean 'resnet50'\?"):
        find_backbone("timm/resnt50", "image")
    with pytest.raises(BackboneError, match=r"publishes no weights for 'resnet50.nonsense'"):
        find_backbone("timm/resnet50.nonsense", "image")
