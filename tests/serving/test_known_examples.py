"""Known examples beside a model: the nearest are shown, what is like none is said, and nobody has to have any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.embedding.embed import Embedder
from transferium.errors import InputError, TransferiumWarning
from transferium.job.features.features_folder import write_features
from transferium.job.features.seen_by import seen_by
from transferium.serving.examples import Examples, usual_floor
from transferium.serving.intake import INTAKES
from transferium.serving.served_model import ServedModel
from transferium.serving.web_app import create_app
from worlds.served import KINDS, TEXTS, serving

TestClient = pytest.importorskip("fastapi.testclient", reason="the extra serve is not installed").TestClient


@pytest.fixture
def known(texts: Path, tmp_path: Path) -> Path:
    """Features of the texts that the model learned from, as it sees them."""
    domain, backbone = seen_by(texts, tm.read(TEXTS, label=KINDS), Embedder(None))
    write_features(domain, backbone, Embedder(None), tmp_path / "features")
    return tmp_path / "features"


def test_the_nearest_are_told_and_what_is_strange(texts: Path, known: Path) -> None:
    with TestClient(create_app(ServedModel(texts, known))) as opened:
        assert opened.get("/health").json()["examples"] == 24
        asked = {"texts": ["dog 7 runs", "Ωμέγα"]}
        told = opened.post("/near", json=asked).json()["examples"]
        before = opened.post("/predict", json=asked).json()
    assert told[0]["near"][0] == {"id": str(TEXTS.index("dog 7 runs")), "label": "dog", "similarity": pytest.approx(1)}
    assert [one["familiar"] for one in told] == [True, False]
    rows = tm.embed(["Ωμέγα", *TEXTS], "char_ngrams", store=False)
    assert told[1]["near"][0]["similarity"] == pytest.approx(float((rows[1:] @ rows[0]).max()), abs=1e-6)
    with TestClient(create_app(ServedModel(texts))) as opened:
        assert opened.post("/predict", json=asked).json() == before, "an answer is the same with and without"
        refused = opened.post("/near", json=asked)
        assert (refused.status_code, opened.get("/health").json()["examples"]) == (404, 0)
        assert "--examples FEATURES" in refused.json()["detail"]


def test_about_one_in_a_hundred_known_examples_is_strange() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 12))
    directions = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -1)
    assert 0.005 < (cosines.max(axis=1) < usual_floor(directions)).mean() < 0.02


def test_features_of_another_backbone_and_of_too_many_are_refused(
    texts: Path, known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="were made by char_ngrams, not by this all_minilm_l6_v2"):
        Examples.read(known, tm.find_backbone("all_minilm_l6_v2", "text"))
    with pytest.raises(InputError, match="holds no features: transferium embed"):
        ServedModel(texts, texts)
    monkeypatch.setattr("transferium.serving.examples.MOST_BYTES", 1000)
    with pytest.raises(InputError, match=r"24 vectors of 4,096 numbers, more than the 1,000 bytes"):
        ServedModel(texts, known)


def test_the_page_shows_them(browser: Any, texts: Path, known: Path) -> None:
    with serving(texts, "--examples", str(known)) as (address, _), browser.new_page() as tab:
        tab.goto(address)
        tab.wait_for_selector("#write:not([hidden])")
        tab.fill("#text", "Ωμέγα")
        tab.click("button")
        tab.wait_for_selector("#answer ul li")
        assert tab.inner_text("#answer .error") == "This is like none of the 24 known examples."
        assert tab.locator("#answer ul li").count() == 5


def test_a_kind_that_no_request_holds_is_refused_before_anything_listens(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(INTAKES, "text")
    with pytest.raises(InputError, match="form of a request"):
        ServedModel(texts)


def test_features_of_a_language_that_the_backbone_cannot_read_are_told() -> None:
    chinese = tm.read([f"这本书很好看，第{i}次读了" for i in range(4)])
    with pytest.warns(TransferiumWarning, match="unknown to all_minilm_l6_v2, which reads nothing in them"):
        seen_by(None, chinese, Embedder(None))
