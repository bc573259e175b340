"""Texts run with others of their length; what they are near changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.embedding.engines.engine import open_engine
from transferium.embedding.texts import WINDOW, text_tasks
from transferium.models.sources.bundled import bundled
from worlds.domains import texts

LINES = [f"{'very ' * (i % 9)}short text number {i % 53}" for i in range(120)]


@pytest.fixture(scope="module")
def backbone() -> object:
    return bundled("all_minilm_l6_v2")


def test_a_text_has_the_same_bits_alone_and_in_any_company(backbone: object) -> None:
    together = Embedder(None)(texts(LINES), backbone)[0].features
    assert open_engine(backbone, "onnx", list).tokens > 1, "they did run together"
    for i in (0, 8, 57):
        alone = Embedder(None)(texts([LINES[i]]), backbone)[0].features
        pair = Embedder(None)(texts([LINES[i], LINES[i + 9]]), backbone)[0].features
        assert (alone[0] == together[i]).all()
        assert (pair[0] == together[i]).all()


def test_features_are_those_of_torch(backbone: object) -> None:
    few = texts(["Where is Belize located?", "x", " ".join(["long"] * 300)])
    graph = Embedder(None, engine="onnx")(few, backbone)[0]
    module = Embedder(None, engine="torch")(few, backbone)[0]
    assert (graph.engine, module.engine) == ("onnx", "torch")
    assert np.abs(graph.features - module.features).max() < 1e-5
    assert np.allclose(np.linalg.norm(graph.features, axis=1), 1, atol=1e-5)


def test_empty_texts_are_problems(backbone: object) -> None:
    (result,) = Embedder(None)(texts(["fine", "", "  "]), backbone)
    assert result.ok.tolist() == [True, False, False]
    assert result.problems == {1: "empty text", 2: "empty text"}


def test_batches_hold_one_length_and_each_text_once(backbone: object) -> None:
    from transferium.embedding.images import Wanted
    from transferium.embedding.store.missing import Need

    domain = texts([f"{'a ' * (i % 7)}{i}" for i in range(WINDOW + 300)])
    keys = [f"{i:064x}" for i in range(len(domain))]
    need = Need(backbone, keys, "onnx")

    class Counted:
        name, images, tokens = "onnx", 1, 64

    wanted = [Wanted(i, key, (need,)) for i, key in enumerate(keys)]
    tasks = list(text_tasks(domain.samples, wanted, {id(need): Counted()}))
    assert sorted(key for task in tasks for key in task.keys) == sorted(keys)
    preprocess = bundled("all_minilm_l6_v2").preprocess
    assert all(task.ids.size <= 64 or len(task.keys) == 1 for task in tasks)
    task = tasks[5]
    lines = [domain.samples.raw(int(key, 16)) for key in task.keys]
    assert task.ids.tolist() == preprocess(lines)


def test_the_store_serves_texts(backbone: object, tmp_path: Path) -> None:
    from transferium.embedding.store.store import FeatureStore

    first = Embedder(FeatureStore(tmp_path))(texts(LINES[:20]), backbone)[0]
    again = Embedder(FeatureStore(tmp_path))(texts(LINES[:25]), backbone)[0]
    assert (again.computed, again.reused) == (5, 20)
    assert (again.features[:20] == first.features).all()


def test_padding_is_what_torch_would_have_hidden(backbone: object) -> None:
    """The exported graph knows no mask: without padding it needs none."""
    module = bundled("all_minilm_l6_v2").build()
    ids = torch.tensor([[101, 2023, 102, 0, 0]])
    with torch.no_grad():
        masked = module(ids, torch.tensor([[1, 1, 1, 0, 0]]))
        assert torch.allclose(masked, module(ids[:, :3]), atol=1e-5)
        assert not torch.allclose(module(ids), masked, atol=1e-2)
