"""A saved model takes the place of an earlier one, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import Artifact, load_artifact, replacing
from transferium.errors import ArtifactError
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes

X, Y = np.array([[0.0, 0.1], [0.1, 0.0], [0.2, 0.1], [1.0, 1.1], [1.1, 1.0], [0.9, 1.0]]), list("aaabbb")


def artifact() -> Artifact:
    return Artifact(
        replace(find_backbone(None, "features"), width=2), Head(np.eye(2), np.zeros(2)), Classes(("a", "b"))
    )


def fitted() -> tm.TransferClassifier:
    return tm.TransferClassifier(store=False, settings={"folds": 2}).fit(X, Y)


@pytest.mark.parametrize("model", [artifact, fitted])
def test_files_that_are_no_model_are_not_overwritten(model, tmp_path: Path) -> None:
    ants = tmp_path / "ants"
    (ants / "day").mkdir(parents=True)
    (ants / "1.jpg").write_bytes(b"a picture")
    with pytest.raises(ArtifactError) as refused:
        model().save(ants)
    assert str(refused.value) == (
        f"{ants} holds files that are not a run or model (there is no model.json; there is 1.jpg, day); nothing was "
        "overwritten. Name another folder."
    )
    assert (ants / "1.jpg").read_bytes() == b"a picture" and (ants / "day").is_dir()
    assert [p.name for p in tmp_path.iterdir()] == ["ants"]


@pytest.mark.parametrize("model", [artifact, fitted])
def test_a_file_is_no_place_for_a_model(model, tmp_path: Path) -> None:
    (tmp_path / "ants").write_text("words")
    with pytest.raises(ArtifactError, match=r"ants is a file; name a folder that does not exist yet"):
        model().save(tmp_path / "ants")
    assert (tmp_path / "ants").read_text() == "words"


@pytest.mark.parametrize("model", [artifact, fitted])
def test_an_empty_folder_and_an_earlier_model_are_replaced(model, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    model().save(tmp_path / "m")
    (tmp_path / "m" / "report.html").write_text("of the earlier one")
    model().save(tmp_path / "m")
    assert load_artifact(tmp_path / "m").classes == ("a", "b")
    assert not (tmp_path / "m" / "report.html").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_what_fails_leaves_the_earlier_model(tmp_path: Path) -> None:
    artifact().save(tmp_path / "m")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "m") as fresh:
        (fresh / "half").write_text("")
        raise ZeroDivisionError
    assert load_artifact(tmp_path / "m").classes == ("a", "b")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_run_takes_the_place_of_its_own_state_and_of_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "run" / "state").mkdir(parents=True)
    with replacing(tmp_path / "run", own=("state",)) as fresh:
        (fresh / "done").write_text("")
    assert (tmp_path / "run" / "done").exists()
    (tmp_path / "run" / "state").mkdir()
    with pytest.raises(ArtifactError, match=r"there is done, state\)"), replacing(tmp_path / "run", own=("state",)):
        pass
