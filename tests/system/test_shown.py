"""What results show at a prompt and in a notebook fits a screen and says what matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import load_artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.methods.catalogue import find_method
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.system.shown import MOST, WIDTH, Face
from worlds.tables import clusters, table

X, Y = clusters(120, 0)
NEW, TRUTH = clusters(60, 1)


def fits_a_screen(result: object) -> str:
    text = repr(result)
    assert max(map(len, text.splitlines())) <= WIDTH and len(text.splitlines()) <= 24
    page = result._repr_html_()
    assert page.startswith("<div>") and page.endswith("</div>")
    return text


def test_results_fit_a_screen(tmp_path: Path) -> None:
    model = tm.TransferClassifier(store=False).fit(X, Y)
    found = fits_a_screen(model.evaluate((NEW, TRUTH)))
    assert "Evaluation of 60 examples" in found and "  accuracy " in found and "learned from" not in found
    with pytest.warns(UserWarning, match="learned from"):
        assert "training accuracy" in fits_a_screen(model.evaluate((X, Y)))
    assert "120 of 120 examples can be used" in fits_a_screen(model.diagnosis_)
    assert "out-of-fold log-loss" in fits_a_screen(model.selection_)
    model.save(tmp_path / "m")
    saved = fits_a_screen(load_artifact(tmp_path / "m"))
    assert "Model: probe on columns" in saved and "3 classes: 0, 1, 2" in saved and "120 different examples" in saved
    assert "classifier" in repr(model).lower()


def test_a_fitted_method_and_an_adaptation_fit_a_screen() -> None:
    rows = table(X, Y, "t")
    backbone = find_backbone(None, "features")
    fitted = find_method("ncm", {}).fit(Task(rows, None, backbone, Embedder(None), 0))
    assert "Fitted model: ncm on features" in fits_a_screen(fitted)
    model = tm.TransferClassifier("coral", store=False).fit(NEW + 1, source=(X, Y))
    found = model.evaluate((NEW + 1, TRUTH))
    assert "source only: accuracy" in fits_a_screen(found) and found.verdict.sentence[:20] in repr(found)
    assert repr(found.verdict).startswith(f"Verdict: {found.verdict.word}\n")


def test_a_domain_shows_its_parts_and_classes_in_a_notebook() -> None:
    domain: Domain = tm.read(X, label=Y, part=np.repeat(["train", "test"], 60))
    page = domain._repr_html_()
    assert "train 60, val 0, test 60" in page and page.count("<tr>") == 4
    assert repr(domain) == "Domain('data', 120 row examples, 3 classes)"


def test_long_tables_are_cut_and_say_so_and_texts_are_no_markup() -> None:
    face = Face("<b>", [(f"row {i}", "x" * 200) for i in range(40)])
    lines = face.as_text().splitlines()
    assert len(lines) == MOST + 2 and lines[-1].split() == ["…", "24", "more"] and lines[1].endswith("…")
    assert "&lt;b&gt;" in face.as_html() and "<b>" not in face.as_html()
