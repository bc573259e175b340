"""Graphs of this package with bound weights give what torch gives, at every side and length."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.embedding.engines.check_answers import TOLERANCE
from transferium.embedding.engines.check_inputs import noise
from transferium.embedding.engines.engine import open_engine, plan_engine
from transferium.embedding.engines.export import export_graph
from transferium.embedding.engines.onnx_engine import OnnxEngine
from transferium.embedding.engines.portable import attach_graph, save_graph
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.sources.bundled import BUNDLED, bundled
from transferium.models.sources.untrained import char_ngrams
from transferium.system.saved_folder import SavedFolder
from worlds.domains import images

NAMES = [*BUNDLED, "char_ngrams"]


def here(name: str) -> Backbone:
    return bundled(name) if name in BUNDLED else char_ngrams()


def no_probes() -> list[np.ndarray]:
    raise AssertionError("nothing is to be exported")


def nothing(backbone: Backbone) -> Backbone:
    return backbone


def at_65(backbone: Backbone) -> Backbone:
    return find_backbone(backbone, backbone.kind, **({"size": 65} if backbone.kind == "image" else {}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [nothing, at_65, randomised, lambda b: randomised(b, seed=5)])
def test_bound_graphs_give_what_torch_gives(name: str, change: Callable[[Backbone], Backbone]) -> None:
    backbone = change(here(name))
    assert plan_engine(backbone, "auto") == "onnx"
    engine = open_engine(backbone, "onnx", no_probes)
    module = backbone.build()
    for probe in noise(backbone):
        with torch.no_grad():
            expected = module(torch.from_numpy(probe)[None]).numpy()
        found = engine.run(probe[None])
        assert np.abs(found - expected).max() < 0.1 * TOLERANCE * np.sqrt(np.mean(expected**2))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [nothing, randomised])
def test_the_graphs_of_the_package_are_what_an_export_gives(
    name: str, change: Callable[[Backbone], Backbone], tmp_path: Path
) -> None:
    """Features are the same bits, so that those stored by versions that exported stay valid."""
    backbone = change(here(name))
    exported = OnnxEngine(export_graph(backbone, tmp_path / "exported.onnx", noise(backbone)))
    bound = open_engine(backbone, "onnx", no_probes)
    assert isinstance(bound, OnnxEngine) and bound.tokens == exported.tokens
    for probe in noise(backbone):
        np.testing.assert_array_equal(bound.run(probe[None]), exported.run(probe[None]))


@pytest.mark.slow
def test_the_graphs_can_be_made_anew(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "tools" / "bundled_graphs.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    for name in NAMES:
        backbone = here(name)
        fresh = replace(backbone, graph=replace(backbone.graph, file=tmp_path / backbone.graph.file.name))
        ours, theirs = (open_engine(each, "onnx", no_probes) for each in (backbone, fresh))
        for probe in noise(backbone):
            np.testing.assert_array_equal(ours.run(probe[None]), theirs.run(probe[None]))


def test_texts_run_together_where_that_changes_no_bit() -> None:
    assert open_engine(bundled("all_minilm_l6_v2"), "onnx", no_probes).tokens == 512


def test_nothing_is_kept_and_no_home_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So there is nothing that an older version could have left, or that two processes could write at once."""
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "home", tmp_path / "file"):
        monkeypatch.setenv("TRANSFERIUM_HOME", str(home))
        (found,) = Embedder(None)(images(range(2)), bundled("efficientnet_lite0"))
        assert found.engine == "onnx" and found.ok.all()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", BUNDLED)
def test_wrong_answers_are_noticed(name: str) -> None:
    """Weights other than those that the answers were computed with stand for any fault of binding."""
    backbone = bundled(name)
    graph = replace(randomised(backbone).graph, answers="pretrained")
    told = rf"{name}: its graph differs from torch by .* on stored inputs .*--force-reinstall transferium onnxruntime"
    with pytest.raises(BackboneError, match=told):
        open_engine(replace(backbone, graph=graph), "onnx", no_probes)


def test_a_damaged_graph_of_the_package(tmp_path: Path) -> None:
    backbone = bundled("efficientnet_lite0")
    for name in ("efficientnet_lite0.onnx", "efficientnet_lite0.safetensors"):
        whole = backbone.graph.file.with_name(name).read_bytes()
        (tmp_path / name).write_bytes(whole)
    for name in ("efficientnet_lite0.onnx", "efficientnet_lite0.safetensors"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-30])
        damaged = replace(backbone, graph=replace(backbone.graph, file=tmp_path / "efficientnet_lite0.onnx"))
        with pytest.raises(BackboneError, match="python -m pip install --force-reinstall transferium onnxruntime"):
            open_engine(damaged, "onnx", no_probes)
        (tmp_path / name).write_bytes(whole)


def test_a_bound_graph_travels_with_its_weights_inside(tmp_path: Path) -> None:
    backbone = randomised(bundled("efficientnet_lite0"))
    save_graph(backbone, tmp_path / "backbone.onnx")
    assert json.loads((tmp_path / "backbone.json").read_text())["difference"] < TOLERANCE
    saved = json.loads(json.dumps(backbone.to_json())) | {"graph": "backbone.onnx"}
    twin = attach_graph(saved, SavedFolder(tmp_path))
    expected, found = Embedder(None)(images(range(2)), backbone, twin)
    np.testing.assert_array_equal(found.features, expected.features)
