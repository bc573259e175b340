"""Several tasks on one table: one folder, the same held-out examples, one pass of the backbone; and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transferium.artifact import load_artifact
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.job.tasks.several_tasks import check_names, fit_tasks_job, read_tasks
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.several_tasks.joint import Joint

WORDS = {"cat": "animal", "dog": "animal", "oak": "plant", "rose": "plant"}


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """Texts with a coarse label, a fine one and an amount."""
    rng, path = np.random.default_rng(0), tmp_path / "said.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "kind", "thing", "legs"])
        for i in range(80):
            thing = list(WORDS)[i % 4]
            noise = " ".join(rng.choice(["one", "big", "old", "blue", "here"], 3))
            writer.writerow([f"{noise} {thing} {i}", WORDS[thing], thing, 4.5 if WORDS[thing] == "animal" else 0.25])
    return path


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The backbones of every pass that computes features."""
    seen: list[list[str]] = []
    compute = Embedder._compute

    def watched(self: Embedder, domain: object, needs: list, stack: object) -> None:
        seen.append([need.backbone.name for need in needs if need.missing])
        compute(self, domain, needs, stack)

    monkeypatch.setattr(Embedder, "_compute", watched)
    return seen


LABELS = ("--label", "kind", "--label", "thing", "--label", "legs")
HOW = ("--method", "probe", "--backbone", "char_ngrams", "--no-store")


def test_one_folder_answers_every_task(sentences: Path, passes: list, run_cli: Callable, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ran = run_cli("fit", sentences, *LABELS, *HOW, "--out", run)
    assert ran.code == 0, ran.err
    assert "are taken as amounts" in ran.err
    assert passes == [["char_ngrams"]]
    told = json.loads((run / "metrics.json").read_text())
    assert {name: one["problem"] for name, one in told["tasks"].items()} == {
        "kind": "classes",
        "thing": "classes",
        "legs": "regression",
    }
    held = {tuple(row[0] for row in csv.reader((run / name / "predictions.csv").open())) for name in told["tasks"]}
    assert len(held) == 1 and "nothing is gained or lost" in ran.out and "all tasks together" in told["rule"]
    out = tmp_path / "answers.csv"
    for _ in range(2):  # earlier predictions may be replaced
        assert run_cli("predict", run, sentences, "--out", out, "--no-store").code == 0
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0])[:4] == ["id", "predicted_kind", "p_kind_animal", "p_kind_plant"] and len(rows) == 80
    assert np.mean([WORDS[row["predicted_thing"]] == row["predicted_kind"] for row in rows]) > 0.9
    assert passes[1:] == [["char_ngrams"]] * 2
    records = run_cli("predict", run, sentences, "--json", "--no-store").json
    assert records[0]["legs"]["predicted"] == float(rows[0]["predicted_legs"])
    found = run_cli("evaluate", run, sentences, "--json", "--no-store").json["tasks"]
    assert found["kind"]["examples"] == 20 and found["legs"]["mae"]["value"] < 2
    assert load_artifact(run / "thing").classes == tuple(sorted(WORDS))
    header, *lines = sentences.read_text().splitlines()
    learned = [line for i, line in enumerate(lines) if str(i) not in next(iter(held))]
    (tmp_path / "learned.csv").write_text("\n".join([header, *learned]))
    ran = run_cli("evaluate", run, sentences, "--full")
    assert ran.code == 2 and "--full looks at one model: give its folder, as" in ran.err and "run/kind" in ran.err
    ran = run_cli("evaluate", run, tmp_path / "learned.csv", "--no-store")
    assert ran.out.count("\ntraining accuracy") == 2 and "legs, 60 examples" in ran.out, ran.out


def test_a_run_of_several_tasks_may_be_replaced_as_any_run(sentences: Path, run_cli: Callable, tmp_path: Path) -> None:
    run, two = tmp_path / "run", ("--label", "kind", "--label", "thing")
    for labels in (two, two, ("--label", "kind"), two):
        ran = run_cli("fit", sentences, *labels, *HOW, "--out", run)
        assert ran.code == 0, ran.err
    assert (run / "tasks.json").is_file() and not (run / "model.json").exists()


def test_label_columns_are_no_features(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,one,two\n" + "".join(f"{i}.5,{-i}.25,{i % 2},{i % 3}\n" for i in range(30)))
    tasks = read_tasks(path, ["one", "two"], {})
    assert [domain.feature_names for domain in tasks.values()] == [("a", "b")] * 2
    assert [len(domain.classes) for domain in tasks.values()] == [2, 3]


def test_tasks_that_train_together_stand_beside_each_alone(tmp_path: Path, run_cli: Callable) -> None:
    rng, path, run = np.random.default_rng(0), tmp_path / "rows.csv", tmp_path / "run"
    x = rng.normal(size=(120, 4)).round(3)
    lines = [",".join(map(str, (*row, "pn"[int(row[0] > 0)], (row[0] + row[1]).round(2)))) for row in x]
    path.write_text("\n".join(["a,b,c,d,sign,sum", *lines]))
    how = ("--label", "sign", "--label", "sum", "--method", "joint", "--set", "epochs=2")
    ran = run_cli("fit", path, *how, "--set", "weighting=uncertainty", "--set", "ema_decay=0.9", "--out", run)
    assert ran.code == 0 and ran.err.count("ema_decay=0.9 has no effect") == 1, ran.err
    told = json.loads((run / "metrics.json").read_text())["tasks"]
    for name in ("sign", "sum"):
        assert "trained on this task alone" in told[name]["verdict_sentence"] and "alone" in told[name]["references"]
        assert told[name]["difference"]["low"] is not None and told[name]["rivals"]["decided_by"] == "alone"
    assert "gained or lost" in ran.out and not (run / "state").exists()
    few = run_cli("fit", path, *how, "--shots", 5, "--out", run)
    assert few.code == 2 and "joint learns every task from the same examples" in few.err and (run / "sign").is_dir()
    assert run_cli("predict", run, path, "--json").json[0]["sum"]["predicted"] is not None
    assert run_cli("fit", path, "--label", "sign", "--method", "joint", "--out", tmp_path / "one").code == 2


def job(tasks: dict, out: Path, method: object = None) -> None:
    fit_tasks_job(tasks, FitOptions(out=out, method=method or LinearProbe()), Embedder(None), Stopwatch())


def test_tasks_that_clash_or_disagree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the tasks 'a/b' and 'a_b' clash: both are kept as 'a_b'"):
        check_names(["a/b", "a_b"])
    with pytest.raises(InputError, match="the task 'a' was given twice"):
        check_names(["a", "b", "a"])
    rng = np.random.default_rng(0)
    given = read(rng.normal(size=(20, 3)), label=list("ab" * 10))
    with pytest.raises(DataError, match="the task 'x' has 20 labels and the task 'y' has 19"):
        job({"x": given, "y": given.take(np.arange(19))}, tmp_path / "run")
    with pytest.raises(DataError, match="of different examples"):
        job({"x": given, "y": replace(given, ids=[f"n{i}" for i in range(20)])}, tmp_path / "run")
    alike = read(given.features, label=["c"] * 20, problem="classes")
    with pytest.raises(DataError, match=r"the task 'y': .* has only one class, 'c'"):
        job({"x": given, "y": alike}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_class_that_only_an_unusable_example_has_is_no_class_of_its_task(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(41, 3))
    x[40] = np.nan
    one = read(x, kind="features", label=["b", "c"] * 20 + ["a"])
    job({"one": one, "two": read(x, kind="features", label=["d", "e"] * 20 + ["d"])}, tmp_path / "run", Joint(epochs=1))
    saved = load_artifact(tmp_path / "run" / "one")
    assert saved.classes == ("b", "c") and saved.head.to_tensors()["head.bias"].shape == (2,)


def test_what_several_labels_cannot_do(sentences: Path, run_cli: Callable, tmp_path: Path) -> None:
    two = ("--label", "kind", "--label", "thing", "--out", tmp_path / "run")
    ran = run_cli("fit", sentences, *two, "--method", "finetune")
    assert ran.code == 2 and "trains a network for one task: give --method joint" in ran.err
    ran = run_cli("fit", sentences, *two, "--source", sentences)
    assert ran.code == 2 and "--source adapts one task" in ran.err
    ran = run_cli("fit", sentences, "--label", "kind", "--label", "things", *HOW, "--out", tmp_path / "run")
    assert ran.code == 2 and "has no column 'things'" in ran.err
    ran = run_cli("fit", sentences, "--text", "text", "--label", "kind", "--label", "text", *two[4:])
    assert ran.code == 2 and "column 'text' was named twice: as the labels, and as what they are" in ran.err
    assert not (tmp_path / "run").exists()


def test_a_damaged_list_of_tasks(tmp_path: Path, run_cli: Callable, sentences: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "tasks.json").write_text('{"tasks": {"a": "a"}}')
    ran = run_cli("predict", run, sentences)
    assert ran.code == 2 and "tasks.json is damaged" in ran.err
