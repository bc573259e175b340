"""A detector from data to a saved model: it finds squares and discs, goes on exactly, and says what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.artifact import load_artifact
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.predict.apply import evaluate_domain
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import check_problem, find_method
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from worlds.scenes import scenes, write_scenes

SMALL = {"epochs": 8, "views": 2, "width": 16, "depth": 1, "batch_size": 8, "lr": 0.01}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A run on 28 small scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    domain = read(write_scenes(folder / "data", 28), problem="boxes")
    options = FitOptions(folder / "run", find_method("detector", SMALL), backbone_settings={"size": 96})
    return folder, fit_job(domain, options, Embedder(None), Stopwatch())


def test_a_run_finds_boxes_and_says_so(trained: tuple[Path, Any]) -> None:
    folder, told = trained
    assert (told["problem"], told["kind"], told["method"]) == ("boxes", "scene", "detector")
    assert told["test"]["ap50"]["value"] > 0.5 and {"value", "low", "high"} == {*told["test"]["ap"]}
    assert {"no_box", "no_transfer"} == {*told["references"]} and told["references"]["no_box"]["ap"]["value"] == 0
    assert "a detector on random weights" in told["verdict_sentence"]
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "What its boxes are" in page and "Green boxes are right" in page and "data:image/jpeg" in page


def test_a_saved_detector_answers_new_pictures(trained: tuple[Path, Any]) -> None:
    artifact = load_artifact(trained[0] / "run")
    assert evaluate_domain(artifact, scenes(16, start=100), Embedder(None))["ap50"].value > 0.5


def test_the_command_line_answers_and_measures(trained: tuple[Path, Any], run_cli: Callable[..., Any]) -> None:
    folder, _ = trained
    write_scenes(folder / "new", 6, start=200)
    measured = run_cli("evaluate", folder / "run", folder / "new", "--json").json
    assert {"ap", "ap50", "ar", "mistakes", "per_class"} <= {*measured}
    answered = run_cli("predict", folder / "run", folder / "new" / "images", "--json").json
    boxes = [box for one in answered for box in one["predicted"]]
    assert boxes and all({"label", "box", "score"} == {*box} and box["score"] >= 0.5 for box in boxes)


def test_training_goes_on_exactly(tmp_path: Path) -> None:
    small = find_method("detector", SMALL | {"epochs": 2})
    task = Task(scenes(12), None, find_backbone(None, "scene", size=64), Embedder(None), 0)
    whole = small.fit(task)
    again = small.fit(replace(task, workdir=tmp_path, checkpoint_steps=1))
    assert again.head.equals(whole.head)
    (finished,) = tmp_path.glob("stage-*.safetensors")
    finished.unlink()
    assert small.fit(replace(task, workdir=tmp_path, checkpoint_steps=1)).head.equals(whole.head)


def test_other_methods_say_that_they_do_not_solve_it() -> None:
    domain = scenes(4)
    for name in ("probe", "finetune", "lora"):
        with pytest.raises(InputError, match=r"boxes of 2 classes \(boxes\). These can: auto, detector"):
            check_problem(find_method(name, {}), domain.posed, domain.name)


def test_other_commands_say_that_they_do_not_read_it(
    trained: tuple[Path, Any], run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    data = trained[0] / "data"
    refused = [
        ("fit", data, "--problem", "boxes", "--method", "finetune", "--out", tmp_path / "x"),
        ("fit", data, "--problem", "boxes", "--label", "label", "--out", tmp_path / "x"),
    ]
    for arguments in refused:
        ran = run_cli(*arguments)
        assert ran.code == 2 and ran.err.strip() and not (tmp_path / "x").exists()
    told = json.loads(run_cli("inspect", data, "--problem", "boxes", "--json").out)
    assert (told["kind"], told["examples"]) == ("scene", 28)


def test_scores_say_how_likely_a_box_is_right(trained: tuple[Path, Any]) -> None:
    artifact = load_artifact(trained[0] / "run")
    assert artifact.head.temperature != 1 or np.isclose(artifact.head.facts()["shift"], 0)
    assert "calibrated" in trained[1]["selection"]["notes"][0]
