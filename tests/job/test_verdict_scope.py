"""What took nothing of the target over is neither praised nor blamed for it, when it is made or later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.artifact import load_artifact
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.job.adapt.evaluate_adapted import evaluate_adapted
from transferium.job.adapt.run import adapt_job
from transferium.job.adapt.verdict_scope import reason_without_verdict
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import find_method
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from worlds.tables import clusters, table


def world(turn: float = 0.8) -> tuple[Domain, Domain]:
    return table(*clusters(150, 0), "s"), table(*clusters(150, 1, turn=turn), "t")


def run(out: Path, method: str, settings: dict[str, Any], turn: float = 0.8) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``fit`` says, and what ``evaluate`` says later of the same labels."""
    source, target = world(turn)
    asked = FitOptions(out=out, method=find_method(method, settings), command="fit")
    told = adapt_job(pair_domains([source], target), asked, Embedder(None), Stopwatch())
    return told, evaluate_adapted(load_artifact(out), out, target, Embedder(None), seed=0)


@pytest.mark.parametrize(
    ("method", "settings", "reason"),
    [
        ("source-network", {"epochs": 2}, "source-network, as it was set, does not look at the target"),
        ("mcc", {"epochs": 2, "weight": 0.0}, "mcc, as it was set, does not look at the target"),
        ("ncm", {}, "ncm, as it was set, does not look at the target"),
        ("source-only", {}, "the model is source only"),
        ("coral", {"strength": 0.0}, "the model is source only"),
    ],
)
def test_no_verdict_on_a_model_that_adapted_nothing(
    tmp_path: Path, method: str, settings: dict[str, Any], reason: str
) -> None:
    for told in run(tmp_path / "r", method, settings):
        assert told["verdict_sentence"] == f"Whether transfer helped was not asked: {reason}: nothing was adapted."
        assert told["verdict"] == "not asked" and told["difference"] == {"value": None, "low": None, "high": None}
        assert {row["word"] for row in told["by_class"]} == {"not asked"}, "nor on any class"


def test_nor_where_auto_fell_back(tmp_path: Path) -> None:
    for told in run(tmp_path / "r", "auto", {"adaptations": ("prototypes",)}, turn=0.0):
        assert told["verdict_sentence"].endswith("the model is source only: nothing was adapted.")


def test_what_adapted_has_its_verdict_both_times(tmp_path: Path) -> None:
    told, later = run(tmp_path / "r", "prototypes", {})
    assert told["verdict"] == later["verdict"] == "helped"
    assert told["verdict_sentence"].split(" points more")[1] == later["verdict_sentence"].split(" points more")[1]


def test_a_run_of_before_is_judged_by_its_weights_alone() -> None:
    backbone, head = find_backbone(None, "features"), Head(np.eye(2), np.zeros(2))
    other = replace(head, bias=np.ones(2))
    assert reason_without_verdict({"name": "mcc"}, (backbone, head), (backbone, other)) == ""
    assert reason_without_verdict({"name": "shot"}, (backbone, head), (replace(backbone, fingerprint="x"), head)) == ""
    assert "is source only" in reason_without_verdict({"name": "auto"}, (backbone, head), (backbone, head))


@pytest.mark.parametrize(
    ("method", "settings", "inputs", "labels_too"),
    [
        ("mcc", {}, True, True),
        ("mcc", {"weight": 0.0}, False, True),
        ("noisy-student", {"strength": 0.0}, True, True),  # that of a disturbance, not of the term
        ("coral", {"strength": 0.0}, False, True),
        ("source-network", {}, False, True),
        ("source-network", {"statistics": "each"}, True, True),
        ("pooled", {}, False, True),
        ("adabn", {"weight": 0.0}, False, False),
        ("probe", {}, False, False),
        ("auto", {}, True, True),
    ],
)
def test_a_method_says_whether_it_looks_at_the_target(
    method: str, settings: dict[str, Any], inputs: bool, labels_too: bool
) -> None:
    source, target = world()
    task = AdaptationTask(
        source, None, find_backbone(None, "features"), Embedder(None), 0, unlabeled=target.unlabeled()
    )
    made = find_method(method, settings)
    assert (made.looks_at_inputs(task), made.adapts(task)) == (inputs, inputs)
    assert made.adapts(replace(task, target=target.take([0, 1, 2]))) is labels_too
    several = replace(task, sources=np.arange(len(source)) % 2)
    assert made.looks_at_inputs(several) is inputs
    if "sources" in made.get_params() and method != "auto":
        assert made.set_params(sources="weighted").looks_at_inputs(several), "likeness to the target weighs them"
