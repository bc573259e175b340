"""Models to serve, made in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from worlds.entities import tagged
from worlds.served import KINDS, saved_texts


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of texts: which animal runs."""
    return saved_texts(tmp_path_factory.mktemp("texts") / "run", KINDS)


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of entities: persons and places."""
    parts = [list(zip(*one, strict=True)) for one in tagged(30)]
    folder = tmp_path_factory.mktemp("sentences") / "run"
    tagger = tm.TransferTagger(store=False, settings={"Cs": (3.0,), "folds": 2})
    tagger.fit([list(words) for words, _ in parts], [list(tags) for _, tags in parts]).save(folder)
    return folder


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a table with a number and a word."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    size = rng.normal(size=60)
    frame = pandas.DataFrame({"size": size, "colour": rng.choice(["red", "blue"], 60)})
    folder = tmp_path_factory.mktemp("rows") / "run"
    tm.TransferClassifier("probe", store=False).fit(frame, np.where(size > 0, "big", "small")).save(folder)
    return folder
