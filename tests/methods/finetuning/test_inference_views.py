"""How pictures are read once training is over: larger and whole, and beside their mirror images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferium.artifact import Artifact, load_artifact
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.sources.wrapped import wrap_module
from transferium.models.surgery.mirrored import Mirrored, mirrored
from transferium.problems.classes import Classes
from worlds.tables import clusters, table
from worlds.toy import picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}
HIDDEN: dict[str, Any] = {"hidden": "7", "head_dropout": 0.3}


def task(**change: Any) -> Task:
    torch.set_num_threads(1)
    return replace(Task(pictures(40), None, of_any_size(), Embedder(None, engine="torch"), 0), **change)


def of_any_size() -> Backbone:
    return replace(picture_backbone(), any_size=True)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_mirrored_backbone_is_the_mean_of_both_views_on_either_engine(engine: str) -> None:
    backbone = find_backbone("small_cnn", "image")
    given = pictures(12, 3)
    turned = replace(given, samples=Items([np.ascontiguousarray(p[:, ::-1]) for p in given.samples.items]))
    embed = Embedder(None, engine=engine)
    plain, other = (embed(domain, backbone)[0].features for domain in (given, turned))
    both = embed(given, mirrored(backbone))[0].features
    np.testing.assert_allclose(both, (plain + other) / 2, atol=2e-5)
    assert np.abs(plain - other).max() > 1e-3 and mirrored(backbone).fingerprint != backbone.fingerprint


@pytest.mark.parametrize("more", [{}, HIDDEN, {"unfreeze": 1, "augment": "none"}], ids=["linear", "hidden", "cached"])
def test_training_is_the_same_and_answers_are_those_of_both_views_at_that_side(more: dict[str, Any]) -> None:
    fast: dict[str, Any] = {"lr": 0.01, "head_lr": 0.1, "epochs": 4, "batch_size": 8}
    plain = FineTune(**fast, **more).fit(task())
    told = FineTune(**fast, **more, answer_size=24, mirror=True).fit(task())
    assert told.history == plain.history
    assert same(weights(told.backbone.build().body), weights(plain.backbone.build()))
    assert plain.backbone.preprocess == picture_backbone().preprocess
    read = told.backbone.preprocess
    assert (read.size, read.resize) == (24, 24)
    assert "the model reads them whole, at side 24, beside their mirror images" in str(told.selection)
    given = pictures(9, 5)
    inputs = torch.stack([torch.from_numpy(read(picture_of(p))) for p in given.samples.items])
    module = Mirrored(plain.backbone.build()).eval()
    with torch.no_grad():
        expected = module(inputs).numpy()
    seen = task().embed(given, told.backbone).features
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert told.head.temperature != plain.head.temperature


def picture_of(pixels: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


def test_a_saved_model_answers_so_too(tmp_path: Path) -> None:
    given = task()
    fitted = LPFT(**SHORT, answer_size=20, mirror=True).fit(given)
    Artifact(fitted.backbone, fitted.head, Classes(given.train.classes), {"method": {"name": "lp-ft"}}).save(
        tmp_path / "model"
    )
    read, new = load_artifact(tmp_path / "model"), pictures(9, 5)
    expected = fitted.head.outputs(given.embed(new, fitted.backbone).features)
    np.testing.assert_allclose(read.outputs(read.embed(new, Embedder(None))), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"answer_size": 4}, r"answer_size: size=4 is too small for an image"),
        ({"answer_size": 20_000}, r"answer_size: size=20000 is too large for an image"),
    ],
)
def test_sides_that_no_backbone_can_read_are_refused_before_training(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FineTune(**SHORT, **asked).fit(task())


def test_what_is_no_picture_or_read_its_own_way_is_refused_before_training() -> None:
    x, y = clusters(40, 0)
    rows = Task(table(x, y, "rows"), None, replace(find_backbone(None, "features"), width=8), Embedder(None), 0)
    with pytest.raises(InputError, match=r"mirror=True is for images; .* reads features"):
        FineTune(**SHORT, mirror=True).fit(rows)
    module = picture_backbone().build()
    own = wrap_module(module, "image", lambda image: np.asarray(image.resize((16, 16)), np.float32).transpose(2, 0, 1))
    with pytest.raises(InputError, match=r"answer_size: .* reads image its own way"):
        FineTune(**SHORT, answer_size=20).fit(task(backbone=own))
    fixed = replace(picture_backbone(), any_size=False)
    with pytest.raises(InputError, match=r"answer_size: .* reads images of side 16 only; size=20 was given"):
        FineTune(**SHORT, answer_size=20).fit(task(backbone=fixed))
