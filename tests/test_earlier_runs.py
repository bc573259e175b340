"""What version 0.1.0 saved is still read, answers the same, and is found in the feature store."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm

EARLIER = Path(__file__).parent / "fixtures" / "version_0_1"
RUNS = sorted(path.parent.name for path in EARLIER.glob("*/model.json"))
KNOWN: dict[str, Any] = json.loads((EARLIER / "known.json").read_text(encoding="utf-8"))
HERE = "@HERE@"
TOLERANCE = 1e-6
"""Not zero, for the linear algebra of another machine may end in other last bits."""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of everything, so that nothing here is written to what is kept."""
    return shutil.copytree(EARLIER, tmp_path / "earlier")


@pytest.mark.parametrize("name", RUNS)
def test_a_saved_model_answers_as_it_did(copied: Path, name: str) -> None:
    run = copied / name
    given = run / "input" if (run / "input").is_dir() else run / "input.csv"
    for part, expected in json.loads((run / "answers.json").read_text()).items():
        model = tm.load(run / part)
        assert model.classes_.tolist() == expected["classes"]
        assert model.predict(given).tolist() == expected["predicted"]
        np.testing.assert_allclose(model.predict_proba(given), expected["probabilities"], rtol=0, atol=TOLERANCE)
        assert hasattr(model, "source_only_") == (part == "." and (run / "source_only").is_dir())


def test_every_kind_of_run_is_here() -> None:
    assert {name.split("_")[0] for name in RUNS} == {"rows", "texts", "pictures"}
    assert any((EARLIER / name / "source_only").is_dir() for name in RUNS)


def test_an_interrupted_run_goes_on_or_says_why_not(copied: Path) -> None:
    folder = copied / "interrupted"
    told = folder / "run" / "state" / "command.json"
    told.write_text(told.read_text().replace(HERE, json.dumps(str(folder))[1:-1]))
    command = [sys.executable, "-m", "transferium", "fit", "--resume", str(folder / "run")]
    ran = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False)
    if ran.returncode == 0:
        answers = tm.load(folder / "run").predict_proba(folder / "input.csv")
        expected = json.loads((folder / "answers.json").read_text())["probabilities"]
        np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-4)  # of training to its end, on any machine
    else:
        assert ran.returncode == 2, ran.stderr
        assert "cannot be resumed: this program has changed since" in ran.stderr
        assert "Go on with the program that began it" in ran.stderr


@pytest.mark.parametrize("name", KNOWN["backbones"])
def test_backbones_are_known_by_the_same_fingerprints(name: str) -> None:
    facts = KNOWN["backbones"][name]
    options = {key: facts[key] for key in ("size", "max_length") if key in facts}
    backbone = tm.find_backbone(name.partition(" ")[0], facts["kind"], **options)
    assert backbone.fingerprint == facts["fingerprint"]
    assert backbone.width == facts["width"]
    assert (backbone.preprocess and backbone.preprocess.fingerprint()) == facts["preprocess"]


def test_stored_features_are_found_under_the_same_file_and_keys(own_home: Path) -> None:
    texts, facts, store = KNOWN["texts"], KNOWN["backbones"]["char_ngrams"], KNOWN["store"]
    words = "\n".join((facts["fingerprint"], facts["preprocess"], store["engine"], str(facts["width"])))
    assert store["file"] == f"{hashlib.sha256(words.encode()).hexdigest()[:40]}.sqlite"
    tm.TransferClassifier(backbone="char_ngrams", engine=store["engine"]).fit(texts, ["a", "b", "a", "b"])
    file = own_home / "features" / store["file"]
    assert file.exists()
    connection = sqlite3.connect(file)
    try:
        kept = {row[0].hex() for row in connection.execute("SELECT key FROM features")}
    finally:
        connection.close()
    assert set(store["keys"]) <= kept
