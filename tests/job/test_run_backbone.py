"""The network of a saved model as a backbone: from its graph alone, and with other data or sizes refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.artifact import Artifact
from transferium.data.domain import Kind
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, InputError
from transferium.job.run_backbone import named_backbone
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from transferium.models.peft.inject import inject
from transferium.models.sources.architectures import architecture_of
from transferium.models.sources.picture_folder import write_pictures_encoder
from transferium.models.sources.vision_transformers import untrained_vit, write_vit
from transferium.models.sources.weight_files import digest_files
from transferium.problems.classes import Classes
from worlds.bert import saved_text
from worlds.domains import images, tiny
from worlds.toy import PICTURE, blobs, same


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model whose backbone is not found by its name."""
    folder = tmp_path_factory.mktemp("run") / "model"
    Artifact(tiny(), Head(np.eye(2, tiny().width), np.zeros(2)), Classes(("a", "b"))).save(folder)
    return folder


def test_a_saved_graph_gives_features_and_is_not_trained(run: Path) -> None:
    found = named_backbone(run, "image")
    features = Embedder(None)(images(range(4)), found)[0].features
    np.testing.assert_allclose(features, Embedder(None)(images(range(4)), tiny())[0].features, atol=1e-5)
    with pytest.raises(BackboneError, match="as a graph that can be run but not trained"):
        found.build()
    with pytest.raises(InputError, match=r"reads images of side .* only"):
        named_backbone(str(run), "image", size=48)


def test_other_data_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="reads image examples, but the data are text examples"):
        named_backbone(run, "text")
    with pytest.raises(InputError, match="need no other backbone than their own, but 'Sequential' was given"):
        named_backbone(run, "features")
    rows = tm.TransferClassifier("ncm", store=False).fit(blobs(20))
    rows.save(tmp_path / "rows")
    with pytest.raises(BackboneError, match="reads features examples, but the data are image examples"):
        named_backbone(tmp_path / "rows", "image")


@pytest.fixture
def _no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes stand for a graph, which is not run."""

    def save(backbone: Backbone, path: Path) -> None:
        path.write_bytes(backbone.fingerprint.encode())
        path.with_suffix(".json").write_text(json.dumps({"sha256": digest_files([path])}))
        for name in backbone.preprocess.files:
            shutil.copy(getattr(backbone.preprocess, name), path.with_suffix(f".{name}.json"))

    monkeypatch.setattr("transferium.artifact.save_graph", save)


def _cnn(folder: Path) -> Kind:
    backbone = find_backbone("small_cnn", "image")
    write_pictures_encoder(backbone, backbone.build(), folder)
    return "image"


def _vit(folder: Path) -> Kind:
    torch.manual_seed(3)
    write_vit(untrained_vit(16, 4, 1, 16, 2), PICTURE.resized(16), folder)
    return "image"


def _bert(folder: Path) -> Kind:
    saved_text(folder, "pooling_mode_cls_token")
    return "text"


def _changed(backbone: Backbone, kind: str = "") -> Backbone:
    """``backbone`` with other weights: of an adapter of that kind alone, or all of them."""
    module = backbone.build()
    if kind:
        inject(module, kind)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad or not kind:
                parameter.add_(0.1)
    return tuned_backbone(backbone, module)


def _saved(backbone: Backbone, folder: Path) -> Backbone:
    Artifact(backbone, Head(np.eye(2, backbone.width), np.zeros(2)), Classes(("a", "b"))).save(folder)
    return named_backbone(folder, backbone.kind)


@pytest.mark.usefixtures("_no_export")
@pytest.mark.parametrize("make", [_cnn, _vit, _bert])
def test_what_was_tuned_from_a_folder_is_trained_further_without_that_folder(make: Any, tmp_path: Path) -> None:
    (tmp_path / "enc").mkdir()
    given = find_backbone(tmp_path / "enc", make(tmp_path / "enc"))
    tuned = _changed(given)
    expected = tuned.build().state_dict()
    _saved(tuned, tmp_path / "run")
    shutil.move(tmp_path / "enc", tmp_path / "gone")
    found = named_backbone(tmp_path / "run", given.kind)
    assert same(found.build().state_dict(), expected)
    assert (found.blocks, found.any_size, found.tuned) == (given.blocks, given.any_size, True)
    assert found.fingerprint not in (tuned.fingerprint, given.fingerprint)
    assert found.fresh is not None and not same(found.fresh().state_dict(), expected)
    again = _saved(_changed(found), tmp_path / "third")
    assert set(again.build().state_dict()) == set(expected) and again.fingerprint != found.fingerprint


@pytest.mark.usefixtures("_no_export")
def test_an_adapter_finds_the_folder_that_it_was_trained_in_and_says_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "enc").mkdir()
    given = find_backbone(tmp_path / "enc", _bert(tmp_path / "enc"))
    tuned = _changed(given, "lora")
    found = _saved(tuned, tmp_path / "run")
    assert same(found.build().state_dict(), tuned.build().state_dict())
    assert named_backbone(_untouched(given, tmp_path), "text").build() is not None
    shutil.move(tmp_path / "enc", tmp_path / "gone")
    with pytest.raises(BackboneError, match=r"Its weights were in .*enc, which is not there any more: bring them back"):
        named_backbone(tmp_path / "run", "text").build()
    with pytest.raises(BackboneError, match=r"run but not trained: give the folder that it came from"):
        named_backbone(tmp_path / "untouched", "text").build()
    (tmp_path / "enc").mkdir()
    saved_text(tmp_path / "enc", "pooling_mode_max_tokens")
    with pytest.raises(BackboneError, match=r"which holds other weights now"):
        named_backbone(tmp_path / "run", "text").build()


@pytest.mark.usefixtures("_no_export")
@pytest.mark.parametrize("kind", ["lora", "adapter"])
def test_an_adapter_on_a_network_that_was_tuned_before_is_trained_further(kind: str, tmp_path: Path) -> None:
    (tmp_path / "enc").mkdir()
    given = find_backbone(tmp_path / "enc", _bert(tmp_path / "enc"))
    first = _saved(_changed(given, "lora"), tmp_path / "first")
    assert first.weights is None
    tuned = _changed(first, kind)
    expected = tuned.build().state_dict()
    found = _saved(tuned, tmp_path / "second")
    for name in ("enc", "first"):
        shutil.move(tmp_path / name, tmp_path / f"{name} is gone")
    assert same(found.build().state_dict(), expected)
    assert same(_saved(found, tmp_path / "copy").build().state_dict(), expected)


def _untouched(given: Backbone, folder: Path) -> Path:
    _saved(given, folder / "untouched")
    return folder / "untouched"


def test_an_architecture_that_cannot_be_built_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="a network of 'jax', which this version does not know"):
        architecture_of({"library": "jax"})
    with pytest.raises(BackboneError, match=r"the installed transformers cannot build the network .*'nothing' is miss"):
        architecture_of({"library": "transformers", "kind": "text", "config": {"model_type": "nothing"}})
