"""A saved graph runs where neither the weights nor torch are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from transferium.embedding.embed import Embedder
from transferium.embedding.engines.portable import attach_graph, save_graph
from transferium.errors import BackboneError
from transferium.models.catalogue import find_backbone
from transferium.models.sources.bundled import bundled
from transferium.system.saved_folder import SavedFolder
from worlds.domains import images, texts, tiny


def travelled(backbone, folder: Path):
    save_graph(backbone, folder / "backbone.onnx")
    return attached(backbone, folder)


def attached(backbone, folder: Path):
    return attach_graph(json.loads(json.dumps(backbone.to_json())) | {"graph": "backbone.onnx"}, SavedFolder(folder))


def test_an_image_graph_gives_the_same_bits(tmp_path: Path) -> None:
    backbone = tiny()
    twin = travelled(backbone, tmp_path)
    assert (twin.width, twin.said_to_be, twin.preprocess) == (6, backbone.fingerprint, backbone.preprocess)
    assert twin.fingerprint != backbone.fingerprint, "what it claims to be is not what its features are kept under"
    expected = Embedder(None)(images(range(3)), backbone)[0]
    result = Embedder(None, engine="torch")(images(range(3)), twin)[0]
    assert (result.features == expected.features).all()
    assert result.engine == "onnx"
    with pytest.raises(BackboneError, match="as a graph that can be run but not trained"):
        twin.build()
    again = tmp_path / "again"
    again.mkdir()
    assert (Embedder(None)(images(range(3)), travelled(twin, again))[0].features == expected.features).all()


def test_a_text_graph_brings_its_tokenizer(tmp_path: Path) -> None:
    backbone = bundled("all_minilm_l6_v2")
    twin = travelled(backbone, tmp_path)
    assert twin.preprocess.tokenizer == tmp_path / "backbone.tokenizer.json"
    assert twin.preprocess.fingerprint() == backbone.preprocess.fingerprint()
    lines = texts(["one", "and another one"])
    assert (Embedder(None)(lines, twin)[0].features == Embedder(None)(lines, backbone)[0].features).all()


def test_damage_is_said(tmp_path: Path) -> None:
    backbone = tiny()
    travelled(backbone, tmp_path)
    path = tmp_path / "backbone.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BackboneError, match=r"backbone.onnx is damaged: it is not the graph that was saved"):
        attached(backbone, tmp_path)
    path.unlink()
    with pytest.raises(BackboneError, match=r"backbone.onnx is incomplete .*: copy the whole folder"):
        attached(backbone, tmp_path)


def test_a_transform_that_is_code_cannot_travel(tmp_path: Path) -> None:
    from torchvision.transforms.functional import pil_to_tensor

    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    backbone = find_backbone(module, "image", transform=lambda image: pil_to_tensor(image).float())
    with pytest.raises(BackboneError, match="cannot be saved: its transform is code"):
        save_graph(backbone, tmp_path / "g.onnx")
