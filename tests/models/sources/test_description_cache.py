"""A backbone is built once to be described, and not again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from transferium.models.catalogue import find_backbone
from transferium.models.sources.description_cache import remembered


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_it_is_learned_once_for_the_same_words(home: Path) -> None:
    asked = []
    for words in (("a", "b"), ("a", "b"), ("ab",)):
        assert remembered(words, lambda: asked.append(1) or {"width": 3}) == {"width": 3}
    assert len(asked) == 2
    for file in (home / "backbones").iterdir():
        file.write_text("{half")
    assert remembered(("ab",), lambda: {"width": 4}) == {"width": 4}  # damaged: learned again


def test_without_a_home_it_is_learned_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "file"))
    assert [remembered(("x",), lambda i=i: {"width": i}) for i in range(2)] == [{"width": 0}, {"width": 1}]


def test_a_described_folder_needs_no_torch(home: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", num_classes=3)
    folder = tmp_path / "model"
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    settings = {"num_classes": 3, "input_size": [3, 96, 96], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9}
    config = {"architecture": "test_efficientnet", "num_classes": 3, "pretrained_cfg": settings}
    (folder / "config.json").write_text(json.dumps(config))
    first = find_backbone(folder, "image")
    code = f"""
import sys
from transferium.models.catalogue import find_backbone
backbone = find_backbone({str(folder)!r}, "image")
print(backbone.fingerprint, backbone.width, len(backbone.blocks), "torch" in sys.modules)
"""
    out = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert out == [first.fingerprint, str(first.width), str(len(first.blocks)), "False"]
