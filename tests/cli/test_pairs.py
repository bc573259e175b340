"""Pairs of texts: two columns, each text embedded once, both sides compared; an empty side is said."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.data.doctor.scan import scan
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError
from transferium.models.catalogue import find_backbone
from transferium.models.of_pairs import of_one_side

ANIMALS = ("a dog barks", "two cats sleep", "the horse runs", "birds sing")
FOOD = ("bread with cheese", "a hot soup", "fresh apples", "rice and beans")


def written(path: Path, n: int = 40, seed: int = 0) -> Path:
    """Pairs of two animals, of two dishes, or of one each: whether both are of one kind is the label."""
    draw = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["one", "two", "alike"])
        for i in range(n):
            first = draw.integers(2)
            second = first if i % 2 else 1 - first
            sides = [str(draw.choice((ANIMALS, FOOD)[kind])) + f" {draw.integers(99)}" for kind in (first, second)]
            writer.writerow([*sides, "yes" if i % 2 else "no"])
    return path


def test_each_text_is_embedded_once_and_its_features_are_those_of_a_text(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    pairs = tm.read([("a", "b"), ("b", "a"), ("a", "a")], kind="pair")
    backbone = find_backbone(None, "pair")
    first = Embedder(store)(pairs, backbone)[0]
    assert first.computed == 2 and first.features.shape == (3, 4 * 384) and first.ok.all()
    texts = Embedder(store)(tm.read(["a", "b"], kind="text"), find_backbone(None, "text"))[0]
    assert texts.computed == 0, "a job on texts finds them in the store"
    u, v = texts.features
    expected = np.concatenate([u, v, np.abs(u - v), u * v * np.float32(np.sqrt(384))])
    np.testing.assert_allclose(first.features[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(first.features[0, 768:], first.features[1, 768:])
    assert of_one_side(backbone).fingerprint == find_backbone(None, "text").fingerprint


def test_a_pair_with_an_empty_side_is_put_aside_and_said() -> None:
    pairs = tm.read([("a", ""), ("a", "b"), (None, " ")], kind="pair")
    assert scan(pairs).problems == {0: "empty second text", 2: "empty first and second text"}
    embedded = Embedder(None)(pairs, find_backbone(None, "pair"))[0]
    assert embedded.ok.tolist() == [False, True, False] and embedded.problems[0] == "empty second text"
    assert not embedded.features[0].any() and embedded.features[1].any()


def test_order_and_content_decide_what_a_pair_is() -> None:
    keys = scan(tm.read([("a", "b"), ("b", "a"), ("ab", ""), ("a", "b")], kind="pair")).keys
    assert keys[0] == keys[3] != keys[1]


def test_pairs_in_memory_and_in_tables() -> None:
    table = {"q": ["a", "b"], "a": ["c", "d"], "label": [0, 1]}
    domain = tm.read(table, text=("q", "a"))
    assert domain.kind == "pair" and domain.samples.raw(1) == ("b", "d") and domain.y.tolist() == [0, 1]
    with pytest.raises(DataError, match=r"holds 'a' in row 1 \(counted from 1\): give two texts"):
        tm.read(["a", "b"], kind="pair")
    with pytest.raises(InputError, match="names one column of texts, or two different ones"):
        tm.read(table, text=("q", "q"))
    with pytest.raises(InputError, match="image and text were asked for at once"):
        tm.read(table, text=("q", "a"), image="label")
    with pytest.raises(DataError, match="no column 'x'"):
        tm.read(table, text=("q", "x"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transferium.job.fit.run import fit_job
    from transferium.job.options import FitOptions
    from transferium.job.stopwatch import Stopwatch
    from transferium.methods.catalogue import find_method

    folder = tmp_path_factory.mktemp("pairs")
    columns: dict[str, Any] = {"text": ("one", "two"), "label": "alike"}
    domain = tm.read(written(folder / "train.csv", 120), **columns)
    options = FitOptions(folder / "run", find_method("probe", {}), columns=columns)
    told = fit_job(domain, options, Embedder(None), Stopwatch())
    assert told["kind"] == "pair" and told["test"]["accuracy"]["value"] > 0.8
    return folder


def test_a_saved_model_reads_pairs_by_the_columns_that_it_learned_from(trained: Path, run_cli: Callable) -> None:
    data = written(trained / "new.csv", 40, seed=1)
    ran = run_cli("evaluate", trained / "run", data, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["accuracy"]["value"] > 0.7 and ran.json["examples"] == 40
    ran = run_cli("predict", trained / "run", data, "--text", "two", "--text", "one", "--json")
    assert ran.code == 0, ran.err
    assert len(ran.json) == 40 and {row["predicted"] for row in ran.json} == {"yes", "no"}
    page = (trained / "run" / "report.html").read_text(encoding="utf-8")
    assert "<span>data</span> pairs of texts<" in page and " ↔ " in page


def test_what_pairs_cannot_do_is_said(trained: Path, tmp_path: Path, run_cli: Callable) -> None:
    named = ("--text", "one", "--text", "two", "--label", "alike", "--out", tmp_path / "run")
    ran = run_cli("fit", trained / "train.csv", *named, "--method", "finetune")
    assert ran.code == 2 and "for pairs of texts" in ran.err
    ran = run_cli("fit", trained / "train.csv", "--text", "one", *named[2:], "--text", "alike")
    assert ran.code == 2
    assert not (tmp_path / "run").exists()
