"""Graphs are exported once, checked before they are used, and torch stands behind them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from transferium.embedding.embed import Embedder
from transferium.embedding.engines import export
from transferium.embedding.engines.check_answers import TOLERANCE
from transferium.embedding.engines.engine import checked_graph, open_engine, plan_engine
from transferium.embedding.engines.graph import graph_path
from transferium.embedding.store.store import FeatureStore
from transferium.errors import BackboneError, TransferiumWarning
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from worlds.domains import SMALL, images, tiny

PROBES = [np.random.default_rng(i).standard_normal((3, 16, 16)).astype(np.float32) for i in range(3)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def expected(backbone: Backbone) -> np.ndarray:
    with torch.no_grad():
        return backbone.build()(torch.from_numpy(np.stack(PROBES))).numpy()


def test_a_graph_is_exported_once_and_described(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny()
    assert plan_engine(backbone, "auto") == "onnx"
    engine = open_engine(backbone, "onnx", lambda: PROBES)
    assert engine.name == "onnx"
    ours = np.concatenate([engine.run(probe[None]) for probe in PROBES])
    assert np.abs(ours - expected(backbone)).max() < 1e-5
    description = json.loads(graph_path(backbone).with_suffix(".json").read_text())
    assert description["difference"] < description["tolerance"] == TOLERANCE
    assert (description["inputs"], description["status"]) == (3, "ok")
    monkeypatch.setattr(export, "export_graph", None)  # a second export would fail
    again = open_engine(backbone, "onnx", list)
    assert (again.run(PROBES[0][None]) == ours[:1]).all()


def test_other_versions_export_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny()
    open_engine(backbone, "onnx", lambda: PROBES)
    monkeypatch.setattr("transferium.embedding.engines.graph.versions", lambda: {"torch": "0", "onnxruntime": "0"})
    asked = []
    open_engine(backbone, "onnx", lambda: asked.append(1) or PROBES)
    assert asked


@pytest.mark.parametrize("damage", [lambda b: b[:500], lambda b: b[:-40] + bytes([b[-40] ^ 1]) + b[-39:]])
def test_a_damaged_graph_is_exported_again(home: Path, damage: object) -> None:
    backbone = tiny()
    before = open_engine(backbone, "onnx", lambda: PROBES).run(PROBES[0][None])
    path = graph_path(backbone)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(TransferiumWarning, match=r"graph .* is damaged and is exported again"):
        engine = open_engine(backbone, "onnx", lambda: PROBES)
    assert (engine.run(PROBES[0][None]) == before).all()


class Untraceable(nn.Module):
    """Its path depends on the values: no graph can hold that."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv(x).mean(dim=(2, 3))
        return features if float(features.sum()) > 0 else -features


def test_what_cannot_be_exported_runs_on_torch(home: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = find_backbone(Untraceable(), "image", transform=SMALL)
    with pytest.warns(
        TransferiumWarning, match="Untraceable runs on torch, several times slower: it cannot be exported"
    ):
        (first,) = Embedder(FeatureStore())(images(range(3)), backbone)
    assert first.engine == "torch"
    assert plan_engine(backbone, "auto") == "torch"  # known now, and not tried again by these versions
    (second,) = Embedder(FeatureStore())(images(range(4)), backbone)
    assert (second.engine, second.computed, second.reused) == ("torch", 1, 3)


def test_a_graph_that_differs_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parity is checked: with a fault planted in the exported module, torch takes over."""
    real = export._write_graph

    def faulty(module: nn.Module, kind: str, probe: np.ndarray, path: Path) -> None:
        class Off(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return module(x) * 1.01

        real(Off().eval(), kind, probe, path)

    monkeypatch.setattr(export, "_write_graph", faulty)
    with pytest.warns(
        TransferiumWarning, match=r"differs from torch by 1\..e-02 of the features' scale on real inputs"
    ):
        engine = open_engine(tiny(), "onnx", lambda: PROBES)
    assert engine.name == "torch"
    assert not graph_path(tiny()).exists()
    assert np.abs(np.concatenate([engine.run(p[None]) for p in PROBES]) - expected(tiny())).max() < 1e-5


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "file"))
    with pytest.warns(TransferiumWarning, match=r"cannot be written \(.*\): the exported graph is not kept"):
        engine = open_engine(tiny(), "onnx", lambda: PROBES)
    assert np.abs(engine.run(PROBES[0][None]) - expected(tiny())[:1]).max() < 1e-5


def test_a_gpu_is_used_where_torch_has_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferium.embedding.engines.engine.cuda_may_be_present", lambda: True)
    for has, planned in ((True, "torch-cuda"), (False, "onnx")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has=has: has)
        assert plan_engine(tiny(), "auto") == planned
        assert plan_engine(tiny(), "onnx") == "onnx"


def test_engines_by_name(home: Path) -> None:
    assert plan_engine(tiny(), "torch").startswith("torch")
    with pytest.raises(BackboneError, match=r"no engine 'tensorrt'. Choose from 'auto', 'onnx', 'torch'"):
        plan_engine(tiny(), "tensorrt")


def test_the_graph_depends_on_weights_and_side(home: Path) -> None:
    backbone = tiny()
    larger = replace(backbone, preprocess=SMALL.resized(32))
    brighter = replace(backbone, preprocess=replace(SMALL, mean=(0.0, 0.0, 0.0)))
    assert len({graph_path(b) for b in (backbone, larger, brighter, tiny(1))}) == 3  # normalising is not in the graph


def test_a_backbone_that_no_graph_can_stand_for_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object) -> None:
        raise export.ExportFailed("its exported graph differs from torch")

    monkeypatch.setattr(export, "export_graph", fails)
    with pytest.raises(BackboneError, match=r"torch\. Where it was tuned at a high .* lower one, as lr=auto"):
        checked_graph(tiny())
