"""A saved model is not trusted: what differs from what was written is refused, and no claim is believed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.artifact import Artifact, load_artifact
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import TransferiumError
from transferium.models.backbone import Backbone
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes
from transferium.system.saved_folder import describe_folder
from worlds.domains import images, tiny

Change = Callable[[dict[str, Any]], object]


def model(backbone: Backbone, folder: Path) -> Path:
    draw = np.random.default_rng(0)
    head = Head(draw.normal(size=(2, backbone.width)), np.zeros(2))
    Artifact(backbone, head, Classes(("a", "b"))).save(folder)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model(tiny(), tmp_path_factory.mktemp("saved") / "m")


@pytest.fixture
def mine(saved: Path, tmp_path: Path) -> Path:
    """A copy of a saved model with a graph, to be damaged."""
    return shutil.copytree(saved, tmp_path / "m")


def rewrite(folder: Path, change: Change, *, sealed: bool = True) -> None:
    """Change a description as a stranger can: with fresh digests, or as one from before there were digests."""
    told = json.loads((folder / "model.json").read_text())
    del told["files"], told["seal"]
    change(told)
    if sealed:
        describe_folder(folder / "model.json", told)
    else:
        (folder / "model.json").write_text(json.dumps(told))


def test_features_of_a_strangers_graph_are_not_kept_under_the_name_that_it_claims(
    saved: Path, mine: Path, tmp_path: Path
) -> None:
    own, evil = tiny(seed=0), shutil.copytree(model(tiny(seed=1), tmp_path / "other"), tmp_path / "evil")
    rewrite(evil, lambda told: told["backbone"].update(fingerprint=own.fingerprint, name=own.name))
    honest = Embedder(None)(images(range(4)), own)[0].features
    embedder = Embedder(FeatureStore(tmp_path / "home"))
    theirs = embedder(images(range(4)), load_artifact(evil).backbone)[0]
    assert theirs.computed == 4 and not np.allclose(theirs.features, honest)
    for which in (own, load_artifact(mine).backbone):
        for asked in (embedder, Embedder(FeatureStore(tmp_path / "home"))):
            assert (asked(images(range(4)), which)[0].features == honest).all()


def test_a_flipped_bit_in_any_file_of_a_model_is_refused_with_its_name(mine: Path) -> None:
    draw = np.random.default_rng(0)
    for name in ("model.json", "model.safetensors", "backbone.json", "backbone.onnx"):
        whole = (mine / name).read_bytes()
        for _ in range(12):
            damaged = bytearray(whole)
            damaged[draw.integers(len(whole))] ^= 1 << draw.integers(8)
            (mine / name).write_bytes(damaged)
            with pytest.raises(TransferiumError, match=name):
                load_artifact(mine)
        (mine / name).write_bytes(whole)
    load_artifact(mine)


def set_to(value: object, *path: str) -> Change:
    def change(told: dict[str, Any]) -> None:
        for name in path[:-1]:
            told = told[name]
        told[path[-1]] = value

    return change


HOSTILE: dict[str, Change] = {
    "no head": set_to(None, "head"),
    "info is a list": set_to([], "info"),
    "endless format": set_to(float("inf"), "format"),
    "endless members": set_to(float("inf"), "backbone", "members"),
    "a wide backbone": set_to(10**12, "backbone", "width"),
    "a graph elsewhere": set_to("../backbone.onnx", "backbone", "graph"),
    "a graph by its whole path": set_to("/tmp/backbone.onnx", "backbone", "graph"),
    "a hub's backbone": set_to(None, "backbone", "graph"),
    **{
        f"{name} {value}": set_to(value, "backbone", "preprocess", name)
        for name, value in (
            *(("size", 0), ("size", "64"), ("size", 100_000), ("resize", 0), ("via", 0), ("via", 10**9)),
            *(("interpolation", "foo"), ("std", [0, 0, 0]), ("std", [1, 1]), ("mean", [float("nan")] * 3)),
        )
    },
}


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_description_that_makes_no_sense_is_refused(mine: Path, what: str, sealed: bool) -> None:
    shutil.copytree(mine, mine.parent, dirs_exist_ok=True)  # so that there is a graph where "../" leads
    rewrite(mine, HOSTILE[what], sealed=sealed)
    with pytest.raises(TransferiumError, match=str(mine)):
        load_artifact(mine)


@pytest.mark.parametrize("content", ["[" * 200_000, '{"format": ' + "[" * 200_000, "{" + "[" * 700_000, "[]", "1", ""])
def test_a_description_that_would_fill_the_memory_is_refused(mine: Path, content: str) -> None:
    (mine / "model.json").write_text(content)
    with pytest.raises(TransferiumError, match=r"model\.json is damaged"):
        load_artifact(mine)


def test_no_file_of_a_model_is_a_pipe_or_leads_out_of_its_folder(mine: Path, tmp_path: Path) -> None:
    for name in ("model.json", "model.safetensors", "backbone.json", "backbone.onnx"):
        (mine / name).rename(tmp_path / name)
        os.mkfifo(mine / name)
        with pytest.raises(TransferiumError, match=rf"{name}.*a pipe and not a file"):
            load_artifact(mine)
        (mine / name).unlink()
        if name != "model.json":
            (mine / name).symlink_to(tmp_path / name)
            with pytest.raises(TransferiumError, match=f"{name} is a link that leads out of the folder"):
                load_artifact(mine)
            (mine / name).unlink()
        (mine / name).symlink_to(name)
        with pytest.raises(TransferiumError, match=name):
            load_artifact(mine)
        (mine / name).unlink()
        (tmp_path / name).rename(mine / name)


def test_a_model_without_its_digests_but_with_its_seal_is_refused(mine: Path) -> None:
    text = (mine / "model.json").read_text()
    for lost in ("files", "seal"):
        kept = {name: value for name, value in json.loads(text).items() if name != lost}
        (mine / "model.json").write_text(json.dumps(kept))
        with pytest.raises(TransferiumError, match=r"model\.json is damaged"):
            load_artifact(mine)
    (mine / "model.json").write_text(text)
    rewrite(mine, lambda _: None, sealed=False)
    assert load_artifact(mine).classes == ("a", "b"), "one from before there were digests"


def test_a_model_holds_no_path_of_the_machine_that_made_it(mine: Path) -> None:
    for file in mine.iterdir():
        content = file.read_bytes()
        assert str(Path(__file__).parents[1]).encode() not in content and b"site-packages" not in content
