"""An adapter alone: saved beside a run, put into its backbone again, refused elsewhere, switched with each call."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.errors import ArtifactError, BackboneError, InputError
from transferium.models.adapter import read_adapter, write_adapter
from transferium.models.backbone import Backbone
from worlds.adapted import bert_backbone, vit_backbone
from worlds.bert import saved_text, sayings
from worlds.toy import picture_backbone, pictures

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lora": (picture_backbone, {"rank": 2}),
    "dora": (bert_backbone, {"rank": 2, "targets": "attention"}),
    "ia3": (bert_backbone, {}),
    "bitfit": (picture_backbone, {"terms": "norm", "batch_norm": "batch"}),
    "adapter": (vit_backbone, {"reduced": 3}),
    "prefix": (bert_backbone, {"tokens": 3}),
    "prompt": (bert_backbone, {"tokens": 3}),
    "vpt": (vit_backbone, {"tokens": 2}),
}


@pytest.fixture(autouse=True)
def _no_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is exported: an adapter needs no graph."""
    monkeypatch.setattr("transferium.artifact.save_graph", lambda _backbone, path: path.write_bytes(b""))


def fitted(method: str, backbone: Backbone | Path, seed: int = 0, **settings: Any) -> tm.TransferClassifier:
    texts = isinstance(backbone, Path) or backbone.kind == "text"
    model = tm.TransferClassifier(
        method,
        backbone=backbone,
        settings={} if method == "ncm" else {"epochs": 1, "batch_size": 8, "lr": 0.01, **settings},
        engine="torch",
        store=False,
        random_state=seed,
    )
    return model.fit(sayings(24, 1, "a") if texts else pictures(24, 1))


def alone(model: tm.TransferClassifier, folder: Path) -> Path:
    """The two files of the adapter, and nothing else."""
    model.save(folder / "whole")
    (folder / "alone").mkdir()
    for file in (folder / "whole").glob("adapter*"):
        shutil.copy(file, folder / "alone")
    return folder / "alone"


def answers(model: Any, kind: str) -> Any:
    model.engine, model.store = "torch", False
    return model.predict_proba(sayings(9, 2, "b") if kind == "text" else pictures(9, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_saved_alone_and_put_into_its_backbone_it_answers_as_before(kind: str, tmp_path: Path) -> None:
    make, settings = KINDS[kind]
    backbone = make()
    model = fitted(kind, backbone, **settings)
    folder = alone(model, tmp_path)
    assert {p.name for p in folder.iterdir()} == {"adapter.json", "adapter.safetensors"}
    assert (folder / "adapter.safetensors").stat().st_size < 20_000
    assert not (tmp_path / "whole" / "backbone.safetensors").exists()
    expected = answers(model, backbone.kind)
    for where in (folder, folder / "adapter.safetensors", tmp_path / "whole"):
        again = tm.load(where, backbone=backbone)
        assert np.array_equal(answers(again, backbone.kind), expected)
        assert again.artifact_.fingerprint == model.artifact_.fingerprint
    assert list(again.classes_) == list(model.artifact_.classes)


def test_another_backbone_and_one_that_is_not_here_are_refused(tmp_path: Path) -> None:
    folder = alone(fitted("lora", picture_backbone()), tmp_path)
    with pytest.raises(
        InputError, match=r"this lora adapter belongs to PictureNet with the fingerprint .* it was given"
    ):
        tm.load(folder, backbone=picture_backbone(1))
    with pytest.raises(
        BackboneError, match=r"belongs to the backbone PictureNet, which is not found by that name: give"
    ):
        tm.load(folder)


@pytest.mark.parametrize("file", ["adapter.json", "adapter.safetensors"])
def test_a_changed_or_missing_file_is_refused(file: str, tmp_path: Path) -> None:
    folder = alone(fitted("lora", picture_backbone()), tmp_path)
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"the adapter in .*cannot be read"):
        tm.load(folder, backbone=picture_backbone())
    (folder / file).unlink()
    with pytest.raises(ArtifactError):
        tm.load(folder, backbone=picture_backbone())


def test_a_kind_that_is_not_known_here_is_refused(tmp_path: Path) -> None:
    adapter, head, facts = read_adapter(alone(fitted("lora", picture_backbone()), tmp_path))
    write_adapter(replace(adapter, kind="later"), tmp_path, head, facts)
    with pytest.raises(ArtifactError, match=r"the adapter in .*cannot be read \(no kind 'later' is known here"):
        read_adapter(tmp_path)


def test_a_model_without_an_adapter_takes_no_backbone(tmp_path: Path) -> None:
    fitted("ncm", picture_backbone()).save(tmp_path / "m")
    with pytest.raises(ArtifactError, match=r"holds no adapter: there is no adapter\.json"):
        tm.load(tmp_path / "m", backbone=picture_backbone())


def test_a_folder_names_its_backbone(tmp_path: Path) -> None:
    """The folder that the adapter was trained in can be given by its path, and another is told apart from it."""
    saved_text(tmp_path / "encoder")
    saved_text(tmp_path / "other", "pooling_mode_cls_token")
    model = fitted("bitfit", tmp_path / "encoder", max_length=12)
    folder = alone(model, tmp_path)
    again = tm.load(folder, backbone=tmp_path / "encoder")
    assert again.artifact_.backbone.preprocess.max_length == 12
    assert np.array_equal(answers(again, "text"), answers(model, "text"))
    with pytest.raises(InputError, match=r"belongs to encoder with .* it was given other with"):
        tm.load(folder, backbone=tmp_path / "other")


def test_several_adapters_share_one_network_and_are_switched_with_each_call(tmp_path: Path) -> None:
    backbone = bert_backbone()
    models = {
        "low rank": fitted("lora", backbone, rank=2),
        "biases": fitted("bitfit", backbone, seed=1),
        "prefix": fitted("prefix", backbone, seed=2),
        "prompt": fitted("prompt", backbone, seed=3),
    }
    folders = {}
    for name, model in models.items():
        (tmp_path / name).mkdir()
        folders[name] = alone(model, tmp_path / name)
    shared = tm.load_adapters(folders, backbone=backbone)
    assert shared.names == tuple(models)
    given, expected = sayings(9, 2, "b"), {name: answers(model, "text") for name, model in models.items()}
    for name in (*models, *reversed(models)):
        found = shared.predict_proba(given, adapter=name)
        np.testing.assert_allclose(found, expected[name], atol=1e-6)
        assert list(shared.predict(given, adapter=name)) == list(models[name].predict(given))
    with pytest.raises(InputError, match=r"there is no adapter 'prefx'\. Did you mean 'prefix'"):
        shared.predict(given, adapter="prefx")
    with pytest.raises(InputError, match="no adapters were given"):
        tm.load_adapters({})


def test_an_adapter_of_another_backbone_does_not_join_the_others(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    mine, other = picture_backbone(), picture_backbone(1)
    folders = {"a": alone(fitted("lora", mine), tmp_path / "a"), "b": alone(fitted("lora", other), tmp_path / "b")}
    with pytest.raises(InputError, match="belongs to PictureNet"):
        tm.load_adapters(folders, backbone=mine)


def test_the_description_says_what_it_belongs_to(tmp_path: Path) -> None:
    backbone = picture_backbone()
    folder = alone(fitted("lora", backbone, rank=2), tmp_path)
    told = json.loads((folder / "adapter.json").read_text())
    assert (told["kind"], told["settings"]["rank"]) == ("lora", 2)
    assert told["backbone"]["fingerprint"] == backbone.fingerprint
    adapter, head, _ = read_adapter(folder)
    assert "stem.1.running_mean" in adapter.tensors and "top.weight" not in adapter.tensors and head
