"""Several labels and amounts on the command line: what a run holds, what answers it, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferium.cli.options import PROBLEM_KINDS
from transferium.problems.catalogue import AUTO, PROBLEMS
from worlds.images import RED_GREEN, write_images
from worlds.problems import KINDS, rows

FIGURES = {
    "classes": ("accuracy", "macro_f1", "log_loss"),
    "multi-label": ("micro_f1", "macro_f1", "subset_accuracy"),
    "regression": ("mae", "rmse", "r2"),
}
REFERENCE = {"classes": "majority", "multi-label": "label_rates", "regression": "mean"}
every = pytest.mark.parametrize("kind", KINDS)


def write(path: Path, labels: Sequence[Any] | None, features: np.ndarray) -> Path:
    """A table of feature rows, and their label cells where there are any."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"f{i}" for i in range(features.shape[1])), *([] if labels is None else ["label"])])
        for i, row in enumerate(features.tolist()):
            writer.writerow([*map(repr, row), *([] if labels is None else [labels[i]])])
    return path


def table(folder: Path, kind: str, separator: str = "|", seed: int = 0) -> Path:
    """A table of one kind of problem; without a label of its own an example is a ``none``."""
    domain = rows(kind, 120, seed)
    cells = [domain.posed.cell(label).replace(";", separator) or "none" for label in domain.y]
    return write(folder / f"{kind}-{seed}.csv", cells, domain.features)


def fit(run_cli: Callable, data: Path, kind: str, *more: object) -> Any:
    ran = run_cli("fit", data, "--problem", kind, "--method", "probe", "--json", *more)
    assert ran.code == 0, ran.err
    return ran.json


def predictions(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@every
def test_a_run_of_every_kind_of_problem(kind: str, tmp_path: Path, run_cli: Callable) -> None:
    data, run = table(tmp_path, kind), tmp_path / "run"
    printed = fit(run_cli, data, kind, "--out", run)
    written = json.loads((run / "metrics.json").read_text())
    for metrics in (printed, written):
        assert metrics["problem"] == kind
        for name in FIGURES[kind]:
            figure = metrics["test"][name]
            assert figure["low"] <= figure["value"] <= figure["high"]
    assert REFERENCE[kind] in written["references"]
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")
    assert run_cli("predict", run, data, "--out", tmp_path / "p.csv").code == 0
    rows = predictions(tmp_path / "p.csv")
    outputs = [name for name in rows[0] if name.startswith("p_")]
    assert list(rows[0]) == ["id", "label", "predicted", *outputs]
    assert len(outputs) == {"classes": 4, "multi-label": 3, "regression": 0}[kind]
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert right > 0.6 or kind == "regression"
    ran = run_cli("evaluate", run, data, "--json")
    assert ran.code == 0, ran.err
    assert ran.json[FIGURES[kind][0]].keys() == {"value", "low", "high"}


@every
def test_answers_as_json(kind: str, tmp_path: Path, run_cli: Callable) -> None:
    data, run = table(tmp_path, kind), tmp_path / "run"
    fit(run_cli, data, kind, "--out", run)
    ran = run_cli("predict", run, write(tmp_path / "new.csv", None, rows(kind, 3).features), "--json")
    first = ran.json[0]
    assert isinstance(first["predicted"], {"classes": str, "multi-label": list, "regression": float}[kind])
    assert ("probabilities" in first) == (kind != "regression")


def test_another_separator_is_kept_in_the_model(tmp_path: Path, run_cli: Callable) -> None:
    data, run = table(tmp_path, "multi-label", ";"), tmp_path / "run"
    fit(run_cli, data, "multi-label", "--out", run, "--set", "separator=;")
    assert run_cli("predict", run, data, "--out", tmp_path / "p.csv").code == 0
    assert {"left;up", "left", "up"} <= {row["predicted"] for row in predictions(tmp_path / "p.csv")}
    plain, said = (run_cli("evaluate", run, data, "--json", *more).json for more in ((), ("--problem", "multi-label")))
    assert plain == said


def test_the_same_amounts_in_another_unit(tmp_path: Path, run_cli: Callable) -> None:
    domain = rows("regression", 120)
    answers = []
    for unit in (1, 1000):
        data = write(tmp_path / f"{unit}.csv", [repr(float(unit * y)) for y in domain.y], domain.features)
        fit(run_cli, data, "regression", "--out", tmp_path / f"run{unit}")
        assert run_cli("predict", tmp_path / f"run{unit}", data, "--out", tmp_path / f"p{unit}.csv").code == 0
        answers.append([float(row["predicted"]) for row in predictions(tmp_path / f"p{unit}.csv")])
    np.testing.assert_allclose(answers[1], 1000 * np.array(answers[0]), rtol=1e-6)


def test_a_model_of_amounts_answers_a_folder_of_pictures(tmp_path: Path, run_cli: Callable) -> None:
    write_images(tmp_path, RED_GREEN, 8)
    lines = [f"{name}/{i:03d}.png,{i + 10.5 * (name == 'red')}" for name in RED_GREEN for i in range(8)]
    (tmp_path / "t.csv").write_text("\n".join(["image,label", *lines]))
    fit(run_cli, tmp_path / "t.csv", "regression", "--out", tmp_path / "run", "--set", "size=32")
    ran = run_cli("predict", tmp_path / "run", tmp_path / "red", "--out", tmp_path / "p.csv")
    assert ran.code == 0, ran.err
    assert len(predictions(tmp_path / "p.csv")) == 8


@pytest.mark.parametrize("labelled", [True, False])
def test_predicted_amounts_are_replaced_and_a_table_of_names_is_not(
    labelled: bool, tmp_path: Path, run_cli: Callable
) -> None:
    data, run, out = table(tmp_path, "regression"), tmp_path / "run", tmp_path / "p.csv"
    fit(run_cli, data, "regression", "--out", run)
    asked = data if labelled else write(tmp_path / "new.csv", None, rows("regression", 9).features)
    assert [run_cli("predict", run, asked, "--out", out).code for _ in range(2)] == [0, 0]
    out.write_text("id,predicted\n1,rain\n")
    ran = run_cli("predict", run, asked, "--out", out)
    refused(ran, tmp_path / "nothing", "holds something else than predictions", "nothing was overwritten")
    assert out.read_text() == "id,predicted\n1,rain\n"


def test_a_column_of_amounts_is_found_to_be_one(tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", table(tmp_path, "regression"), "--method", "probe", "--json", "--out", tmp_path / "run")
    assert (ran.code, ran.json["problem"], ran.err) == (0, "regression", "")


def refused(ran: Any, out: Path, *words: str) -> None:
    assert ran.code == 2, (ran.out, ran.err)
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert ran.err.startswith("error: ")
    for word in words:
        assert word in ran.err, ran.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("kind", "cell", "words"),
    [
        ("multi-label", "left||up", ("an empty label in row 120", "'left||up' split at '|'", "--set separator=")),
        ("regression", "nan", ("'nan' in row 120", "must be finite")),
        ("regression", "", ("1 of 120 labels", "row 120")),
        ("regression", "inf", ("'inf' in row 120", "must be finite")),
        ("regression", "tall", ("'tall' in row 120", "is no number", "--problem classes")),
    ],
)
def test_one_bad_cell(kind: str, cell: str, words: tuple[str, ...], tmp_path: Path, run_cli: Callable) -> None:
    data = table(tmp_path, kind)
    lines = data.read_text().splitlines()
    lines[-1] = ",".join([*lines[-1].split(",")[:8], cell])
    data.write_text("\n".join(lines))
    run = tmp_path / "run"
    refused(run_cli("fit", data, "--problem", kind, "--method", "probe", "--out", run), run, *words)


def test_amounts_that_are_all_the_same(tmp_path: Path, run_cli: Callable) -> None:
    data, run = write(tmp_path / "t.csv", ["3.5"] * 40, rows("regression", 40).features), tmp_path / "run"
    ran = run_cli("fit", data, "--problem", "regression", "--method", "probe", "--out", run)
    refused(ran, run, "a regression needs amounts that differ", "the one amount 3.5 alone")


@pytest.mark.parametrize("problem", ["classes", "regression"])
def test_a_separator_for_labels_that_are_not_several(problem: str, tmp_path: Path, run_cli: Callable) -> None:
    run = tmp_path / "run"
    ran = run_cli("fit", table(tmp_path, problem), "--problem", problem, "--set", "separator=;", "--out", run)
    refused(ran, run, "separator says what stands between several labels", "--problem multi-label")


@pytest.mark.parametrize("method", ["coral", "ncm", "co-tuning", "bi-tuning", "shot", "dann", "em", "pooled"])
def test_methods_for_classes_refuse_amounts(method: str, tmp_path: Path, run_cli: Callable) -> None:
    run = tmp_path / "run"
    ran = run_cli("fit", table(tmp_path, "regression"), "--problem", "regression", "--method", method, "--out", run)
    refused(ran, run, f"method {method!r} solves classes alone", "are amounts (regression). These can: auto, probe,")
    able = ran.err.split("These can: ")[1].rstrip(".\n").split(", ")
    assert {"knn", "finetune", "lp-ft"} <= set(able)
    assert not {"coral", "kmm", "em", "pooled", "ncm", "dann"} & set(able)


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_nothing_but_classes_is_adapted(kind: str, tmp_path: Path, run_cli: Callable) -> None:
    data, run = table(tmp_path, kind), tmp_path / "run"
    target = write(tmp_path / "target.csv", None, rows(kind, 40, 1).features)
    ran = run_cli("fit", target, "--source", data, "--problem", kind, "--out", run)
    refused(ran, run, "classes alone can be carried", f"({kind})", "fit without a source")
    fit(run_cli, data, kind, "--out", tmp_path / "model")
    ran = run_cli("fit", target, "--source", tmp_path / "model", "--method", "shot", "--out", run)
    refused(ran, run, "classes alone can be carried", f"({kind})")


@pytest.mark.parametrize(
    "setting", ["label_smoothing=0.1", "mixup=0.2", "cutmix=1", "class_weights=balanced", "sampling=balanced"]
)
def test_settings_for_classes_refuse_amounts(setting: str, tmp_path: Path, run_cli: Callable) -> None:
    data, run = table(tmp_path, "regression"), tmp_path / "run"
    ran = run_cli("fit", data, "--problem", "regression", "--method", "finetune", "--set", setting, "--out", run)
    refused(ran, run, setting.partition("=")[0], "for classes, and the labels here are amounts")


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_class_weights_of_the_probe_refuse_other_labels(kind: str, tmp_path: Path, run_cli: Callable) -> None:
    run = tmp_path / "run"
    more = ("--problem", kind, "--method", "probe", "--set", "class_weight=balanced", "--out", run)
    refused(run_cli("fit", table(tmp_path, kind), *more), run, "weighs classes, and these labels are")


@pytest.mark.parametrize("kind", ["multi-label", "regression"])
def test_tune_is_for_classes(kind: str, tmp_path: Path, run_cli: Callable) -> None:
    run = tmp_path / "run"
    ran = run_cli("tune", table(tmp_path, kind), "--problem", kind, "--trials", "2", "--out", run)
    refused(ran, run, "method 'tune' solves classes alone", f"({kind})")


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        ("regression", "classes", ("which is no number", "--problem classes")),
        ("classes", "regression", ("has the class '", "was not trained on")),
        ("classes", "multi-label", ("has the class 'left'", "was not trained on")),
        ("multi-label", "classes", ("has the label 'a'", "was not trained on")),
    ],
)
def test_a_model_of_another_problem(
    model: str, data: str, words: tuple[str, ...], tmp_path: Path, run_cli: Callable
) -> None:
    fit(run_cli, table(tmp_path, model), model, "--out", tmp_path / "run")
    other = table(tmp_path, data)
    refused(run_cli("evaluate", tmp_path / "run", other), tmp_path / "nothing", *words)
    ran = run_cli("evaluate", tmp_path / "run", other, "--problem", data)
    refused(ran, tmp_path / "nothing", f"this model solves the problem {model!r}", f"say --problem {model}")


def test_a_label_that_the_model_never_saw(tmp_path: Path, run_cli: Callable) -> None:
    data, run = table(tmp_path, "multi-label"), tmp_path / "run"
    fit(run_cli, data, "multi-label", "--out", run)
    (tmp_path / "new.csv").write_text(data.read_text().replace("left|up", "lefty|up"))
    ran = run_cli("evaluate", run, tmp_path / "new.csv")
    refused(ran, tmp_path / "nothing", "has the label 'lefty'", "Did you mean 'left'?")
    assert run_cli("predict", run, tmp_path / "new.csv", "--out", tmp_path / "p.csv").code == 0
    assert "lefty|up" in {row["label"] for row in predictions(tmp_path / "p.csv")}


def test_parts_that_look_like_different_problems(tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "data").mkdir()
    table(tmp_path / "data", "regression").rename(tmp_path / "data" / "train.csv")
    table(tmp_path / "data", "classes").rename(tmp_path / "data" / "test.csv")
    ran = run_cli("fit", tmp_path / "data", "--method", "probe", "--out", tmp_path / "run")
    refused(ran, tmp_path / "run", "have labels of different kinds (regression and classes)", "Say --problem")


def test_parts_that_are_copies_leave_nothing_to_learn_from(tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "data").mkdir()
    for part in ("train", "test"):
        table(tmp_path / "data", "multi-label").rename(tmp_path / "data" / f"{part}.csv")
    run = tmp_path / "run"
    ran = run_cli("fit", tmp_path / "data", "--problem", "multi-label", "--method", "probe", "--out", run)
    refused(ran, run, "needs examples whose labels differ", "holds none")


def test_folders_of_pictures_are_no_amounts(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", images, "--problem", "regression", "--out", tmp_path / "run")
    refused(ran, tmp_path / "run", "whose folders are classes, and regression was asked for", "write a table")


def test_the_option_offers_every_kind_of_problem() -> None:
    """The names are written out in the options, so that help need not import the problems."""
    assert (AUTO, *PROBLEMS) == PROBLEM_KINDS
