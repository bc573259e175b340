"""What parts of examples add to their answers, where it is known which part does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import transferium as tm
from transferium.artifact import Artifact
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError
from transferium.evaluation.layers.multiply_adds import multiply_adds
from transferium.evaluation.occlusion.occlusion import OCCLUSIONS
from transferium.evaluation.sides.looked import Looked, Seen
from transferium.evaluation.sides.why import why
from transferium.job.predict.all_sides import look
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from transferium.models.sources.wrapped import wrap_module
from transferium.problems.classes import Classes
from transferium.system.energy import energy_counters, joules_since
from worlds.toy import PICTURE, blobs, pictures


def seen_by(backbone: str, train: Domain, held: Domain, *, quick: bool = False) -> Looked:
    """A probe of ``train`` that looks at ``held``."""
    embedder = Embedder(None)
    found = find_backbone(backbone, train.kind)
    fitted = LinearProbe().fit(Task(train, None, embedder.fitted(found, train), embedder, 0))
    model = Artifact(fitted.backbone, fitted.head, train.posed)
    return look(model, held, embedder, seed=0, quick=quick)


def test_the_word_that_decides_adds_most() -> None:
    def texts(some: range) -> Domain:
        said = [f"the {('good', 'awful')[i % 2]} film number {i} of a week" for i in some]
        return tm.read(said, label=[("yes", "no")[i % 2] for i in some])

    told = why(seen_by("char_ngrams", texts(range(80)), texts(range(100, 140))))
    assert told["of"] == 40 and 3 <= len(told["examples"]) <= 6
    for row in told["examples"]:
        assert row["parts"][int(np.argmax(row["adds"]))] in ("good", "awful") and row["shape"] == [8]
        assert row["nearest"] == []


def test_only_the_column_that_decides_is_worth_something() -> None:
    held = blobs(300, seed=1)
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=300), rng.normal(size=300)], axis=1)
    table = Domain(Table.of_array(x, ("tells", "noise")), "row", held.ids, (x[:, 0] > 0).astype(np.int64), held.problem)
    told = why(seen_by("columns", table.take(range(100)), table.take(range(100, 300))))
    rows = {row["column"]: row["adds"] for row in told["columns"]}
    assert told["columns"][0]["column"] == "tells" and rows["tells"]["low"] > 0.3
    assert rows["noise"]["low"] <= 0.02 and (told["rows"], told["times"], told["of_columns"]) == (200, 5, 2)


def test_the_patch_that_decides_adds_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that answers by how red the corner is, its only feature."""
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    pictures = [rng.integers(0, 80, (28, 28, 3)).astype(np.uint8) for _ in y]
    for picture, k in zip(pictures, y, strict=True):
        picture[:4, :4, 0] = 10 + 240 * k
    backbone = replace(find_backbone(None, "features"), width=1, kind="image")
    model = Artifact(backbone, Head(np.array([[-9.0], [9.0]]), np.array([4.0, -4.0])), Classes(("blue", "red")))
    domain = Domain(Items(pictures), "image", [str(i) for i in range(12)], y, model.problem)

    def outputs(_looked: Looked, changed: Domain) -> np.ndarray:
        rows = [changed.samples.raw(i)[:4, :4, 0].mean() / 255 for i in range(len(changed))]
        return model.head.outputs(np.array(rows)[:, None])

    monkeypatch.setattr("transferium.evaluation.sides.why._answers", outputs)
    features = np.array([[p[:4, :4, 0].mean() / 255] for p in pictures])
    seen = Seen(domain, features, model.head.outputs(features))
    told = why(Looked(model, seen, seen, Embedder(None), 0))
    assert len(told["examples"]) == 3
    for row in told["examples"]:
        adds = np.array(row["adds"]).reshape(row["shape"])
        assert row["shape"] == [7, 7] and (np.delete(adds.ravel(), 0) == 0).all()
        assert row["nearest"][0]["similarity"] == pytest.approx(1) and row["answer"] == row["label"]
    assert adds[0, 0] != 0


def test_amounts_are_looked_into_and_other_problems_say_why_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    table = tm.read(x, columns=["a", "b"], label=3 * x[:, 1])
    told = why(seen_by("columns", table.take(range(60)), table.take(range(60, 90)), quick=True))
    assert told["columns"][0]["column"] == "b" and told["method"].endswith("absolute error rises by")
    found = seen_by("columns", table.take(range(60)), table.take(range(60, 90)))
    with pytest.raises(DataError, match="one example, whose cells cannot be permuted"):
        why(replace(found, held=found.held.take([0])))


def test_small_and_empty_examples_have_parts() -> None:
    picture = OCCLUSIONS["image"].apart(np.zeros((3, 2, 3), np.uint8))
    assert picture.shape == (3, 2) and len(picture.names) == len(picture.without) == 6
    assert OCCLUSIONS["text"].apart("").names == [] and OCCLUSIONS["text"].apart("很好").names == ["很", "好"]
    sound = OCCLUSIONS["sound"].apart((np.ones(20, np.float32), 10))
    assert sound.names[0] == "0.00 to 0.20 s" and [float(s.sum()) for s, _ in sound.without] == [18] * 10


def test_multiply_adds_are_those_of_convolutions_and_products() -> None:
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    backbone = wrap_module(nn.Sequential(*layers), "image", PICTURE)
    assert multiply_adds(backbone, pictures(1)) == 16 * 16 * 4 * 3 * 9 + 4 * 5
    with pytest.raises(BackboneError, match=r"no network of .* is known whose multiply-adds"):
        multiply_adds(find_backbone(None, "features"), blobs(1))


def test_a_saved_backbone_that_tells_no_blocks_is_looked_into_by_its_name() -> None:
    saved = replace(find_backbone("efficientnet_lite0", "sound"), blocks=(), fresh=None)
    seen = Seen(pictures(2), np.zeros((2, 1)), np.zeros((2, 2)))
    model = Artifact(saved, Head(np.zeros((2, 1)), np.zeros(2)), seen.domain.posed)
    found = Looked(model, seen, None, Embedder(None), 0)
    assert "body.blocks.6" in found.network.blocks and found.network.kind == "sound"
    tuned = replace(found, model=replace(model, backbone=replace(saved, tuned=True)))
    assert tuned.network.blocks == (), "what it was before it moved is not what it is"


@pytest.mark.slow
def test_a_known_network_has_its_published_multiply_adds() -> None:
    count = multiply_adds(find_backbone("efficientnet_lite0", "image"), pictures(1))
    assert 380e6 < count < 410e6, "0.4 billion are published for pictures of 224"


def test_energy_is_read_where_the_system_tells(tmp_path: Path) -> None:
    assert energy_counters(tmp_path) == {} and joules_since({}, {}) is None
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text("900\n")
        (tmp_path / name / "max_energy_range_uj").write_text("1000\n")
    before = energy_counters(tmp_path)
    assert [zone.name for zone in before] == ["intel-rapl:0", "intel-rapl:1"]
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100\n")
    assert joules_since(before, energy_counters(tmp_path)) == pytest.approx(200e-6)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("nothing\n")
    assert energy_counters(tmp_path) == {}
