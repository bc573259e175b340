"""What the doctor finds is said aloud: the two worst findings, with what to do."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import transferium as tm
from transferium.errors import TransferiumWarning

UNKNOWN = "% of the pieces of these texts are unknown to all_minilm_l6_v2"
BUNDLED = ("--backbone", "all_minilm_l6_v2")


@pytest.fixture
def hotels(tmp_path: Path) -> Path:
    """Reviews in Chinese, good and bad."""
    rows = [f"{'好坏'[i % 2]}," + "这家宾馆的服务员态度很" * (1 + i % 3) + "好差"[i % 2] + str(i) for i in range(24)]
    data = tmp_path / "hotels.csv"
    data.write_text("\n".join(["label,text", *rows]), encoding="utf-8")
    return data


def minded(out: str) -> list[str]:
    return [line.removeprefix("Mind: ") for line in out.splitlines() if line.startswith("Mind: ")]


def test_texts_that_the_default_cannot_read_take_a_backbone_that_can(
    hotels: Path, tmp_path: Path, run_cli: Callable
) -> None:
    ran = run_cli("fit", hotels, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert "probe on char_ngrams" in ran.out or "ncm on char_ngrams" in ran.out
    said = f"{UNKNOWN}, the default backbone, so char_ngrams was taken, which reads any language; to choose yourself, "
    assert any(said in line and "--backbone NAME" in line for line in minded(ran.out))
    assert tm.load(tmp_path / "run").artifact_.backbone.name == "char_ngrams"
    ran = run_cli("inspect", hotels)
    assert ran.code == 0 and said in ran.out, ran.err
    with pytest.warns(TransferiumWarning, match="so char_ngrams was taken"):
        assert tm.TransferClassifier().fit(tm.read(hotels)).artifact_.backbone.name == "char_ngrams"


def test_the_source_and_the_target_take_one_backbone(hotels: Path, tmp_path: Path, run_cli: Callable) -> None:
    english = tmp_path / "english.csv"
    rows = [f"{'好坏'[i % 2]},the room was {['good', 'bad'][i % 2]} {i}" for i in range(24)]
    english.write_text("\n".join(["label,text", *rows]), encoding="utf-8")
    ran = run_cli("fit", hotels, "--source", english, "--out", tmp_path / "run", "--method", "source-only")
    assert ran.code == 0, ran.err
    assert "on char_ngrams" in ran.out
    assert any("so char_ngrams was taken" in line for line in minded(ran.out))
    ran = run_cli("compare", english, hotels)
    assert ran.code == 0 and "so char_ngrams was taken" in ran.out, ran.err


def test_a_backbone_that_was_named_is_kept_and_warned_of(hotels: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("inspect", hotels, *BUNDLED)
    assert ran.code == 0, ran.err
    assert UNKNOWN + ", which reads nothing in them: give" in ran.out
    assert "--backbone char_ngrams, which reads any" in ran.out
    ran = run_cli("inspect", hotels, "--backbone", "char_ngrams")
    assert ran.code == 0 and "unknown to" not in ran.out, ran.err
    assert run_cli("fit", hotels, "--out", tmp_path / "run", *BUNDLED).code == 0
    assert tm.load(tmp_path / "run").artifact_.backbone.name == "all_minilm_l6_v2"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A table with a column that names its rows, one rare class and one copy."""
    data = tmp_path / "shop.csv"
    with data.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["price", "weight", "sku", "kind"])
        for i in range(40):
            kind = "rare" if i < 3 else ["cheap", "dear"][i % 2]
            writer.writerow([i * 1.5 + 40 * (i % 2), "" if i == 9 else i * 0.7, f"SKU-{i}", kind])
        writer.writerow([39 * 1.5 + 40, 39 * 0.7, "SKU-39", "dear"])
    return data


def test_the_two_worst_findings_are_printed(shop: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", shop, "--label", "kind", "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    first, second = minded(ran.out)
    assert first.startswith("1 of 3 columns is left out, nearly every row has a value of its own") and "'sku'" in first
    assert second == "1 exact copy of another example: 39 = 40."
    assert "The doctor found 3 warnings" in ran.out


def test_python_warns_of_what_was_left_out_and_of_columns(shop: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = tm.TransferClassifier().fit(tm.read(shop, label="kind"))
    said = [str(w.message) for w in caught if w.category is TransferiumWarning]
    assert said[0].startswith("1 of 3 columns is left out, nearly every row has a value of its own")
    assert len(said) == 1  # copies and small classes are in diagnosis_
    assert {f.kind for f in model.diagnosis_.findings} >= {"duplicate", "few-examples"}
