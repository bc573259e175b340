"""The web application: what it answers, and what it refuses and in which words."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.serving.limits import Limits
from transferium.serving.served_model import ServedModel
from transferium.serving.web_app import create_app
from worlds.images import RED_GREEN, write_images
from worlds.served import KINDS, saved_texts

TestClient = pytest.importorskip("fastapi.testclient", reason="the extra serve is not installed").TestClient


@contextmanager
def client(folder: Path, limits: Limits | None = None, token: str | None = None) -> Iterator[Any]:
    with TestClient(create_app(ServedModel(folder), limits, token)) as opened:
        yield opened


def refused(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    return str(response.json()["detail"])


def test_texts_are_answered_as_predict_answers_them(texts: Path) -> None:
    asked = ["dog 99 runs", "a cat", "dog dog", "x"]
    expected = tm.load(texts).predict_proba(asked)
    with client(texts) as opened:
        found = opened.post("/predict", json={"texts": asked}).json()["predictions"]
        alone = [opened.post("/predict", json={"texts": [text]}).json()["predictions"][0] for text in asked]
    assert found == alone
    assert [[one["probabilities"][name] for name in ("cat", "dog")] for one in found] == expected.tolist()
    assert [one["label"] for one in found] == tm.load(texts).predict(asked).tolist()
    assert [one["confidence"] for one in found] == expected.max(axis=1).tolist()


def test_images_come_as_base64_or_as_files_and_a_bad_one_has_an_error_of_its_own(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 6)
    tm.TransferClassifier("probe", store=False).fit(tm.read(data)).save(tmp_path / "run")
    paths = sorted(data.glob("*/*.png"))[4:8]
    content = [path.read_bytes() for path in paths]
    text = [base64.b64encode(one).decode() for one in content]
    expected = tm.load(tmp_path / "run").predict_proba(list(map(str, paths)))
    with client(tmp_path / "run") as opened:
        encoded = opened.post("/predict", json={"images": [*text, "data:image/png;base64," + text[0]]}).json()
        uploaded = opened.post("/predict", files=[("files", (path.name, path.read_bytes())) for path in paths]).json()
        mixed = opened.post("/predict", files=[("files", ("a", content[0])), ("files", ("b", b"no image"))]).json()
        assert refused(opened.post("/predict", json={"images": ["abcd"]}), 422).startswith("not an image")
        assert "entry 0 is no base64" in refused(opened.post("/predict", json={"images": [str(paths[0])]}), 422)
        assert "'other'" in refused(opened.post("/predict", files=[("other", ("a", content[0]))]), 422)
    assert uploaded["predictions"] == encoded["predictions"][:4]
    assert encoded["predictions"][4] == encoded["predictions"][0]
    assert [list(one["probabilities"].values()) for one in uploaded["predictions"]] == expected.tolist()
    assert mixed["predictions"][0]["label"] in RED_GREEN and "error" in mixed["predictions"][1]


def test_rows_go_by_the_names_of_columns(rows: Path) -> None:
    with client(rows) as opened:
        found = opened.post("/predict", json={"rows": [{"colour": "red", "size": 2.5}, {"size": -2, "x": 1}]}).json()
        assert [one["label"] for one in found["predictions"]] == ["big", "small"]
        assert "'size'" in refused(opened.post("/predict", json={"rows": [{"colour": "red"}]}), 422)
        assert "all objects" in refused(opened.post("/predict", json={"rows": [{"size": 1}, [1, 2]]}), 422)
        assert "no files" in refused(opened.post("/predict", files=[("files", ("a", b"1"))]), 422)


def test_entities_are_spans_of_the_text(sentences: Path) -> None:
    text = "yesterday 😀 Anna travelled to Paris by train"
    with client(sentences) as opened:
        found = opened.post("/predict", json={"texts": [text, " ", "so it is"]}).json()["predictions"]
        assert "is ['Anna'] and no text" in refused(opened.post("/predict", json={"texts": [["Anna"]]}), 422)
        assert opened.get("/health").json()["classes"] == ["person", "place"]
    assert found[0] == {"spans": tm.load(sentences).predict_spans([text])[0]}
    assert {(span["text"], span["label"]) for span in found[0]["spans"]} >= {("Paris", "place")}
    assert found[1:] == [{"error": "empty sentence"}, {"spans": []}]


def test_amounts_and_features(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    tm.TransferRegressor(store=False).fit(tm.read(x, kind="features", label=x[:, 0] * 1.5)).save(tmp_path / "run")
    with client(tmp_path / "run") as opened:
        (one,) = opened.post("/predict", json={"rows": [[1.0, 0.0, 0.0]]}).json()["predictions"]
        assert one == {"value": pytest.approx(1.5, abs=0.2)}
        assert "3 features" in refused(opened.post("/predict", json={"rows": [[1.0, 0.0]]}), 422)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON object"),
        (b"{", "no JSON object"),
        (b"[1]", "holds list and no object"),
        (b"[" * 5_000_000, "more entries"),
        (b"{}", "it has no fields"),
        (b'{"text": ["a"]}', "its fields are 'text'"),
        (b'{"texts": "a"}', "a list with at least one entry"),
        (b'{"texts": []}', "a list with at least one entry"),
        (b'{"texts": [1]}', "texts[0] is 1 and no text"),
        (b'{"texts": ["a", "b", "c", "d", "e"]}', "5 entries, and a request at most 4"),
    ],
)
def test_what_is_no_request_is_refused_in_words(texts: Path, body: bytes, said: str) -> None:
    with client(texts, Limits(examples=4)) as opened:
        assert said in refused(opened.post("/predict", content=body), 422)
        assert opened.post("/predict", json={"texts": ["dog"]}).status_code == 200


def test_too_many_bytes_are_refused_before_they_are_read(texts: Path) -> None:
    with client(texts, Limits(body=1000, held=2000)) as opened:
        assert "at most 1,000 bytes" in refused(opened.post("/predict", content=b"x" * 1001), 413)
        assert "at most 1,000 bytes" in refused(opened.post("/predict", content=iter([b"x" * 600] * 2)), 413)
        assert opened.post("/predict", json={"texts": ["dog"]}).status_code == 200
    with client(texts, Limits(held=10)) as opened:
        busy = opened.post("/predict", json={"texts": ["dog"]})
        assert "try again in 1 s" in refused(busy, 429) and busy.headers["retry-after"] == "1"


def test_with_a_token_only_who_sends_it_is_answered(texts: Path) -> None:
    with client(texts, token="abc") as opened:
        asked = {"texts": ["dog"]}
        for headers in ({}, {"Authorization": "Bearer abd"}, {"Authorization": "abc"}):
            assert "Bearer" in refused(opened.post("/predict", json=asked, headers=headers), 401)
        assert opened.post("/predict", json=asked, headers={"Authorization": "Bearer abc"}).status_code == 200
        assert opened.get("/health").status_code == 200


def test_health_figures_page_and_description(texts: Path) -> None:
    with client(texts) as opened:
        opened.post("/predict", json={"texts": ["dog", "cat"]})
        opened.post("/predict", json={})
        health = opened.get("/ready").json()
        assert health["classes"] == ["cat", "dog"] and health["request"] == {"texts": ["a text"]}
        counted = opened.get("/metrics").text
        assert 'transferium_requests_total{status="200"} 1.0' in counted
        assert 'transferium_requests_total{status="422"} 1.0' in counted
        assert "transferium_examples_total 2.0" in counted and "transferium_waiting_examples 0.0" in counted
        described = opened.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        assert described["application/json"]["example"] == {"texts": ["a text"]}
        page = opened.get("/")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for name in ("page.css", "page.js"):
            assert f"/{name}" in page.text and opened.get(f"/{name}").status_code == 200
        assert "http" not in page.text + opened.get("/page.js").text, "nothing from elsewhere"


def test_a_model_that_takes_its_place_answers_and_a_damaged_one_does_not(tmp_path: Path, texts: Path) -> None:
    shutil.copytree(texts, tmp_path / "run")
    model = ServedModel(tmp_path / "run")
    before = model.artifact.fingerprint
    assert not model.refresh()
    saved_texts(tmp_path / "run", [name.upper() for name in KINDS])
    assert model.refresh() and model.artifact.classes == ("CAT", "DOG") and model.artifact.fingerprint != before
    description = tmp_path / "run" / "model.json"
    description.write_text(json.dumps({"format": 99}))
    assert not model.refresh() and model.artifact.classes == ("CAT", "DOG")
    shutil.rmtree(tmp_path / "run")
    assert not model.refresh() and model.artifact.classes == ("CAT", "DOG")
