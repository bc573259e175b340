"""What labels that come later say of the source, and of candidates that were never trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.artifact import load_artifact
from transferium.cli.adapted import beside_source_only, summary
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.job.adapt.evaluate_adapted import evaluate_adapted
from transferium.job.adapt.run import adapt_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from worlds.tables import clusters, table


def run(out: Path, sources: list[Domain], target: Domain, method: str = "standardise", **asked: Any) -> dict[str, Any]:
    settings = {"adaptations": ("standardise",)} if method == "auto" else {}
    options = FitOptions(out=out, method=find_method(method, settings), command="fit")
    return adapt_job(pair_domains(sources, target), options, Embedder(None), Stopwatch(), **asked)


def target(n: int = 150) -> Domain:
    return table(*clusters(n, 1, shift=2.0), "t")


def source(seed: int = 0, renamed: int = 0) -> Domain:
    x, y = clusters(150, seed)
    return table(x, (y + renamed) % 3, f"s{seed}")


def test_a_source_with_other_names_is_called_harmful_in_fit_evaluate_and_report(tmp_path: Path) -> None:
    told = run(tmp_path / "r", [source(renamed=1)], target())
    said = told["source_harm"]
    assert said.startswith("The source does harm: source only is right in ") and said in summary(told)
    accuracy = {name: each["accuracy"]["value"] for name, each in told["references"].items()}
    assert accuracy["source_only"] < accuracy["majority"] < 0.5 and accuracy["target_alone"] > 0.9
    page = (tmp_path / "r" / "report.html").read_text()
    assert "The source does harm" in page and "Target labels alone" in page
    later = evaluate_adapted(load_artifact(tmp_path / "r"), tmp_path / "r", target(), Embedder(None), seed=0)
    assert later["source_harm"] == said and said in beside_source_only(later)
    assert later["references"] == told["references"], "the same labels, now or later, say the same"


def test_an_honest_source_is_not(tmp_path: Path) -> None:
    told = run(tmp_path / "r", [source()], target())
    assert told["source_harm"] == "" and "harm" not in summary(told)


@pytest.mark.parametrize("labels", ["one class", "five", "contradicted"])
def test_poor_labels_and_sources_that_contradict_each_other_say_no_more_than_they_know(
    tmp_path: Path, labels: str
) -> None:
    sources, given = [source()], target()
    if labels == "one class":
        given = given.take(given.y == 0)
    elif labels == "five":
        given = target(5)
    else:
        sources = [source(), source(2, renamed=1)]
    told = run(tmp_path / "r", sources, given)
    assert told["references"]["majority"]["accuracy"]["value"] > 0
    assert labels == "five" or ("target_alone" in told["references"]) == (labels == "contradicted")
    assert labels == "contradicted" or told["source_harm"] == ""
    assert ("source 2 ('s2') contradicts the other: " in summary(told)) == (labels == "contradicted")
    assert summary(told) and (tmp_path / "r" / "report.html").exists()


def test_the_oracle_trains_what_was_barred_and_evaluate_says_how_many_there_are(tmp_path: Path) -> None:
    skewed = table(*clusters(300, 1, shares=(0.8, 0.15, 0.05)), "t")  # other shares explain all: nothing to make alike
    told = run(tmp_path / "r", [source()], skewed, "auto", oracle=True)
    oracle = told["adaptation"]["oracle"]
    assert told["method"] == "source-only" and oracle["barred"] == ["standardise"]
    assert oracle["accuracy"].keys() == {"source-only", "standardise"} and oracle["gap"] >= 0
    assert "1 candidate that did not stand (standardise) was trained for it" in summary(told)
    assert (
        "standardise did not stand and was trained for this table alone" in (tmp_path / "r" / "report.html").read_text()
    )
    later = evaluate_adapted(load_artifact(tmp_path / "r"), tmp_path / "r", skewed, Embedder(None), seed=0)
    assert later["oracle"]["barred"] == ["standardise"] and set(later["oracle"]["accuracy"]) == {"source-only"}
    said = "1 candidate that did not stand (standardise) is not among these, and may be better still: fit --oracle"
    assert f"{said} trains it." in beside_source_only(later)


def test_a_collapse_before_adapting_is_said(tmp_path: Path) -> None:
    far = table(clusters(150, 1)[0] + 40.0 * np.eye(8)[0], clusters(150, 1)[1], "t")
    told = run(tmp_path / "r", [source()], replace(far, labels=None).unlabeled())
    said = told["adaptation"]["source_only_collapse"]
    assert said.startswith("source only never answers 2 of 3 classes") and f"Mind: {said}." in summary(told)
    assert "Collapse before adapting" in (tmp_path / "r" / "report.html").read_text()
    assert run(tmp_path / "h", [source()], target())["adaptation"]["source_only_collapse"] == ""


def test_the_temperature_of_what_is_served_is_explained_and_source_only_keeps_its_own(tmp_path: Path) -> None:
    told = run(tmp_path / "r", [source()], target())
    assert "no label was there to measure it by" in told["selection"]["notes"][-1]
    assert load_artifact(tmp_path / "r").head.temperature == told["temperature"]
    still = run(tmp_path / "s", [source()], target(), "source-only")
    assert "no label was there" not in str(still["selection"]["notes"])
