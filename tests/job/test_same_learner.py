"""Beside an adapted network stands the same network without the target: what a change of learner did is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.cli.adapted import summary
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.evaluation.adapted import Answers
from transferium.job.adapt.run import adapt_job
from transferium.job.adapt.same_learner import whose_doing
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.deep_adaptation.network import SourceNetwork
from worlds.tables import clusters, table


def run(out: Path, method: str, settings: dict[str, Any], moved: float = 0.0) -> dict[str, Any]:
    z, truth = clusters(150, 1)
    z[:, 0] += moved
    source, target = table(*clusters(150, 0), "s"), table(z, truth, "t")
    asked = FitOptions(out=out, method=find_method(method, settings), command="fit")
    return adapt_job(pair_domains([source], target), asked, Embedder(None), Stopwatch())


def test_what_a_worse_learner_loses_is_not_the_targets_doing(tmp_path: Path) -> None:
    # One pass at the least rate teaches a network nothing, with the target or without.
    told = run(tmp_path / "r", "mcc", {"epochs": 1, "lr": 1e-5, "weight": 1e-6})
    accuracy = {name: found["accuracy"]["value"] for name, found in told["references"].items()}
    assert accuracy["source_only"] > accuracy["source_network"] == told["test"]["accuracy"]["value"]
    assert told["verdict"] == "hurt" and "less accurate than source only" in told["verdict_sentence"]
    assert told["verdict_sentence"].endswith("the loss is the learner's.")
    assert (
        "But the same network without the target does no better (the target is worth +0.0" in told["verdict_sentence"]
    )
    assert "source network" in summary(told)
    assert "Source network" in (tmp_path / "r" / "report.html").read_text()


def test_what_the_target_gave_is_the_targets(tmp_path: Path) -> None:
    told = run(tmp_path / "r", "adabn", {"lr": 1e-2}, moved=8.0)
    assert told["verdict"] == "helped" and "learner" not in told["verdict_sentence"]
    assert told["references"]["source_network"]["accuracy"]["value"] < told["test"]["accuracy"]["value"]


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("coral", {}),
        ("source-network", {"epochs": 1}),
        ("mcc", {"epochs": 1, "weight": 0.0}),
        ("auto", {"adaptations": ("mcc",), "epochs": 1}),
    ],
)
def test_nothing_is_trained_again_where_it_would_say_nothing(
    tmp_path: Path, method: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[float] = []
    adapt = SourceNetwork.adapt
    monkeypatch.setattr(SourceNetwork, "adapt", lambda self, task: (fitted.append(self.weight), adapt(self, task))[1])
    assert "source_network" not in run(tmp_path / "r", method, settings)["references"]
    assert len(fitted) == (method == "source-network")


def test_the_same_network_is_all_but_the_target() -> None:
    alone = find_method(
        "dann", {"epochs": 7, "bottleneck": 32, "statistics": "each", "sources": "votes"}
    ).same_learner()
    assert isinstance(alone, SourceNetwork) and not alone._each
    assert (alone.epochs, alone.bottleneck, alone.weight, alone.sources) == (7, 32, 0.0, "combined")
    assert find_method("dann", {"tuning": "full"}).same_learner() is None, "there source only is that network"


def test_only_a_difference_that_the_target_made_goes_unremarked() -> None:
    y = np.arange(100) % 2
    answers = Answers(y, ("a", "b"))
    good, bad = np.eye(2)[y], np.eye(2)[np.where(np.arange(100) < 40, 1 - y, y)]
    assert whose_doing("helped", answers, good, good, 0).endswith("the gain is the learner's.")
    assert whose_doing("helped", answers, good, bad, 0) == ""
    assert whose_doing("hurt", answers, bad, bad, 0).endswith("the loss is the learner's.")
    assert whose_doing("hurt", answers, bad, good, 0) == ""
    assert whose_doing("no evidence", answers, good, good, 0) == whose_doing("not asked", answers, bad, bad, 0) == ""
