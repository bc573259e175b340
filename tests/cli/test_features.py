"""``embed`` writes features as Parquet, a block at a time; ``near`` finds the nearest examples in them or in data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import transferium as tm
from transferium.job.features import features_folder
from worlds.images import RED_GREEN, write_images

Run = Callable[..., Any]
TEXTS = [f"{animal} {n} runs" for n in range(12) for animal in ("dog", "cat")]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of texts with labels."""
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(["text,label", *(f"{text},{text[:3]}" for text in TEXTS)]), encoding="utf-8")
    return path


def test_features_of_a_table_in_row_groups_and_what_is_near(
    table: Path, tmp_path: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_folder, "BLOCK", 10)
    out = tmp_path / "features"
    ran = run_cli("embed", table, "--backbone", "char_ngrams", "--out", out)
    assert ran.code == 0, ran.err
    assert ran.out == f"24 vectors of 4096 numbers written to {out / 'features.parquet'}\n"
    file = pq.ParquetFile(out / "features.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [10, 10, 4]
    written = file.read()
    assert written.column_names == ["id", "label", "vector"]
    assert written["label"].to_pylist() == [text[:3] for text in TEXTS]
    expected = tm.embed(TEXTS, "char_ngrams", store=False)
    assert np.array_equal(np.array(written["vector"].to_pylist(), np.float32), expected)

    found = [
        run_cli("near", "a dog that runs", "--in", place, "--count", 3, "--json", *more).json
        for place, more in ((out, ()), (table, ("--backbone", "char_ngrams")))
    ]
    assert found[0] == found[1], "what was written and what is computed are one"
    assert found[0]["searched"] == 24
    assert [near["label"] for near in found[0]["near"]] == ["dog"] * 3
    asked = tm.embed(["a dog that runs"], "char_ngrams", store=False)[0]
    cosines = expected @ asked / np.linalg.norm(expected, axis=1) / np.linalg.norm(asked)
    best = np.argsort(-cosines, kind="stable")[:3]
    assert [near["id"] for near in found[0]["near"]] == [written["id"].to_pylist()[i] for i in best]
    np.testing.assert_allclose([near["similarity"] for near in found[0]["near"]], cosines[best], rtol=1e-5)

    refused = run_cli("near", "a dog", "--in", out, "--backbone", "all_minilm_l6_v2")
    assert refused.code == 2
    assert "were made by char_ngrams, not by this all_minilm_l6_v2" in refused.err
    (out / "features.parquet").write_bytes(b"PAR1")
    refused = run_cli("near", "a dog", "--in", out)
    assert refused.code == 2
    assert "features.parquet cannot be read" in refused.err


def test_pictures_that_cannot_be_read_have_no_row_and_are_named(tmp_path: Path, run_cli: Run) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 4)
    (data / "red" / "001.png").write_bytes(b"")
    out = tmp_path / "features"
    ran = run_cli("embed", data, "--out", out)
    assert ran.code == 0
    assert "warning: 1 example could not be used (empty file (0 bytes)): red/001.png; they have no row" in ran.err
    written = pq.read_table(out / "features.parquet")
    assert (len(written), written["vector"].type.list_size) == (7, 1280)
    assert "red/001.png" not in written["id"].to_pylist()
    assert json.loads((out / "features.json").read_text())["unreadable"] == {"red/001.png": "empty file (0 bytes)"}

    Image.new("RGB", (40, 40), RED_GREEN["red"]).save(tmp_path / "new.png")
    shown = run_cli("near", tmp_path / "new.png", "--in", data)
    assert shown.code == 0
    assert "they are not searched" in shown.err
    assert [line.split()[-1] for line in shown.out.splitlines()[2:]] == ["red"] * 3 + ["green"] * 2

    refused = run_cli("near", data / "red" / "001.png", "--in", out)
    assert refused.code == 2
    assert "empty file (0 bytes)" in refused.err
    for file in data.rglob("*.png"):
        file.write_bytes(b"")
    refused = run_cli("embed", data, "--out", out)
    assert refused.code == 2
    assert "none of the 8 examples" in refused.err
    assert len(pq.read_table(out / "features.parquet")) == 7, "what was there is kept"


def test_bad_input_is_said(table: Path, tmp_path: Path, run_cli: Run) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    saved = tmp_path / "run"
    tm.TransferClassifier("ncm", backbone="char_ngrams", store=False).fit(TEXTS, [t[:3] for t in TEXTS]).save(saved)
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("a,b\n" + "1,2\n3,5\n" * 9, encoding="utf-8")
    for arguments, said in [
        (["embed", table, "--backbone", "char_ngrams", "--out", tmp_path / "mine"], "holds files that are not"),
        (["embed", tmp_path / "nothing", "--out", tmp_path / "new"], "nothing"),
        (["near", "dog", "--in", saved], "is a run, which keeps no examples: give the data that it learned from"),
        (["near", "dog", "--in", numbers], "one of table rows is not given in a word"),
        (["near", tmp_path / "no.png", "--in", write_images(tmp_path / "images", RED_GREEN, 2)], "no.png"),
        (["near", "dog", "--in", table, "--count", "0"], "is not in the range"),
    ]:
        ran = run_cli(*arguments)
        assert ran.code == 2, arguments
        assert said in ran.err
    assert not (tmp_path / "new").exists()
    assert run_cli("near", "a dog", "--in", table, "--backbone", saved).code == 0
