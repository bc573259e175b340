"""Entities on the command line: a run, what it answers, and what it is worth on another file."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.artifact import load_artifact
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.job.predict.apply import predict_domain
from worlds.entities import tagged, write_conll


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A run on sentences of a few persons and places, tested on others, and what it printed."""
    from transferium.job.fit.run import fit_job
    from transferium.job.options import FitOptions
    from transferium.job.stopwatch import Stopwatch
    from transferium.methods.catalogue import find_method

    folder = tmp_path_factory.mktemp("entities")
    write_conll(folder / "train.conll", tagged(60))
    write_conll(folder / "test.conll", tagged(40, seed=1, new=True))
    method = find_method("probe", {"Cs": (3.0,), "folds": 2})
    told = fit_job(read(folder, problem="entities"), FitOptions(folder / "run", method), Embedder(None), Stopwatch())
    return folder, told


def test_a_run_holds_spans_and_references(trained: tuple[Path, Any]) -> None:
    folder, told = trained
    assert told["problem"] == "entities" and told["kind"] == "sentence"
    found = told["test"]["span_f1"]
    assert 0 < found["low"] <= found["value"] <= found["high"] <= 1 and found["value"] > 0.4
    assert told["references"]["no_entity"]["span_f1"]["value"] == 0
    assert told["references"]["known_entities"]["span_f1"]["value"] == 0, "none of these names was known"
    assert "the span F1 of" in told["verdict_sentence"] and told["difference"]["low"] > 0
    assert [row["type"] for row in told["test"]["per_type"]] == ["person", "place"]
    with (folder / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    spans = [span for row in rows for span in json.loads(row["predicted"])]
    assert len(rows) == 40 and {span["label"] for span in spans} == {"person", "place"}
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "Span F1" in page and "Known entities" in page and "<span>data</span> sentences<" in page
    assert 'class="span right" title="' in page and 'title="in truth ' in page
    assert '<h2 id="confusion">' in page and "no entity" in page


def test_sides_that_are_not_of_entities_say_so_and_the_others_are_there(
    trained: tuple[Path, Any], run_cli: Callable
) -> None:
    folder, _ = trained
    told = run_cli("evaluate", folder / "run", folder / "test.conll", "--quick", "--json").json
    reasons = {
        name: told[name].get("reason", "") for name in ("confidence", "conformal", "learning_curve", "robustness")
    }
    assert all("entities" in reasons[name] for name in ("confidence", "conformal", "learning_curve"))
    assert reasons["robustness"].startswith("there is no set of common corruptions for sentences")
    assert set(told["cka"]["features"]) == {"random_weights"} and told["latency"]["milliseconds"]["1"]["p50"] > 0


def test_evaluate_says_the_span_f1_of_a_file(trained: tuple[Path, Any], run_cli: Callable) -> None:
    folder, told = trained
    ran = run_cli("evaluate", folder / "run", folder / "test.conll", "--json")
    assert ran.code == 0, ran.err
    found = ran.json["span_f1"]
    assert found["value"] == told["test"]["span_f1"]["value"] and ran.json["examples"] == 40
    assert found["low"] < found["value"] < found["high"]
    shown = run_cli("evaluate", folder / "run", folder / "test.conll")
    assert "span F1" in shown.out


def test_predict_gives_spans_of_texts_and_words(trained: tuple[Path, Any], tmp_path: Path, run_cli: Callable) -> None:
    folder, _ = trained
    (tmp_path / "a.csv").write_text("text\nyesterday Anna travelled to Paris by train\n", encoding="utf-8")
    ran = run_cli("predict", folder / "run", tmp_path / "a.csv", "--json")
    assert ran.code == 0, ran.err
    (answer,) = ran.json
    found = {tuple(span.values())[:4]: span["confidence"] for span in answer["predicted"]}
    assert 0.5 < found[28, 33, "place", "Paris"] <= 1
    (tmp_path / "b.conll").write_text("Rome\nis\n", encoding="utf-8")
    for _ in range(2):  # earlier predictions are replaced
        ran = run_cli("predict", folder / "run", tmp_path / "b.conll", "--out", tmp_path / "out.csv")
        assert ran.code == 0, ran.err
    assert (tmp_path / "out.csv").read_text().startswith("id,predicted\n0,")


def test_two_runs_are_compared_by_their_spans(trained: tuple[Path, Any], tmp_path: Path, run_cli: Callable) -> None:
    folder, told = trained
    shutil.copytree(folder / "run", tmp_path / "silent")
    with (folder / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "silent" / "predictions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"predicted": "[]"} for row in rows)
    ran = run_cli("compare-runs", folder / "run", tmp_path / "silent", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["span_f1"] == {"a": pytest.approx(told["test"]["span_f1"]["value"]), "b": 0.0}
    assert ran.json["difference"]["low"] > 0 and ran.json["verdict"] == "run is better than silent"


def test_a_loaded_model_answers_the_same(trained: tuple[Path, Any]) -> None:
    folder, _ = trained
    artifact = load_artifact(folder / "run")
    assert artifact.problem.names == ("person", "place") and artifact.head.classes == 5
    domain = read(folder / "test.conll")
    first = predict_domain(artifact, domain, Embedder(None))
    artifact.save(folder / "copy")
    again = predict_domain(load_artifact(folder / "copy"), domain.take(np.arange(3)), Embedder(None))
    for one, other in zip(first.outputs[:3], again.outputs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_of_other_types_and_methods_that_cannot_are_said(
    trained: tuple[Path, Any], tmp_path: Path, run_cli: Callable
) -> None:
    folder, _ = trained
    write_conll(tmp_path / "other.conll", [[("Rome", "B-city")], [("so", "O")]])
    ran = run_cli("evaluate", folder / "run", tmp_path / "other.conll")
    assert ran.code == 2 and "entities of the type 'city', which this model was not trained on" in ran.err
    ran = run_cli("fit", folder / "train.conll", "--method", "ncm", "--out", tmp_path / "run")
    assert ran.code == 2 and "method 'ncm' solves classes alone" in ran.err and "probe" in ran.err
    write_conll(tmp_path / "none.conll", [[("so", "O")], [("it", "O")], [("is", "O")]])
    ran = run_cli("fit", tmp_path / "none.conll", "--out", tmp_path / "run")
    assert ran.code == 2 and "holds no entity at all" in ran.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_tuned_tagger_is_saved_answers_the_same_and_can_be_trained_further(tmp_path: Path, run_cli: Callable) -> None:
    from worlds.bert import saved_text

    saved_text(tmp_path / "bert")
    train = write_conll(tmp_path / "train.conll", tagged(60))
    asked = ("--set", "epochs=1", "--set", "head_lr=0.1", "--no-store", "--json")
    ran = run_cli("fit", train, "--backbone", tmp_path / "bert", "--method", "lora", *asked, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert ran.json["method"] == "lora" and ran.json["references"].keys() >= {"known_entities", "probe"}
    model = load_artifact(tmp_path / "run")
    domain = read([["a", "dog", "travelled"]], kind="sentence")
    answer = predict_domain(model, domain, Embedder(None)).outputs[0]
    rebuilt = predict_domain(model, domain, Embedder(None, engine="torch")).outputs[0]
    assert answer.shape == (3, 5) and (tmp_path / "run" / "adapter.safetensors").is_file()
    np.testing.assert_allclose(answer, rebuilt, atol=1e-4)
    again = run_cli("fit", train, "--backbone", tmp_path / "run", *asked[4:], "--out", tmp_path / "again")
    assert again.code == 0, again.err
