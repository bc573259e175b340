"""Domains that do not fit each other: refused, or said, from the command line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

CORAL = ("--method", "coral")


def written(file: Path, n: int = 60, width: int = 6, classes: Sequence[str] = ("a", "b"), seed: int = 0) -> Path:
    """A table of features whose first column tells the classes apart; no label column where there are no classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, max(1, len(classes)), n)
    x = rng.normal(size=(n, width))
    x[:, 0] += 3 * y
    with file.open("w", newline="") as opened:
        out = csv.writer(opened)
        out.writerow([f"f{i}" for i in range(width)] + ["label"] * bool(classes))
        out.writerows(
            [*map("{:.4f}".format, row), *([classes[k]] if classes else [])] for row, k in zip(x, y, strict=True)
        )
    return file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path / "source.csv")


@pytest.mark.parametrize(
    ("target", "extra", "message"),
    [
        ({"n": 1}, CORAL, "has 1 usable example: a domain cannot be known by one"),
        ({"classes": ("A", "b")}, CORAL, "'a' and 'A', which differ only in case"),
        ({"classes": ()}, ("--method", "dann", "--set", "lr=1e6"), "The last good weights are in"),
        (
            {"classes": ()},
            ("--method", "adda", "--set", "adapt_lr=1e30", "--set", "epochs=1"),
            "at step 0, 'fool' is nan. Nothing was learned in this stage yet",
        ),
        ({"classes": ()}, ("--method", "cdan", "--set", "tuning=full"), "table rows have none: use tuning=frozen"),
        ({"classes": ()}, ("--method", "shott"), "Did you mean 'shot'?"),
        ({"classes": ()}, ("--set", "adaptations=coral,coral"), "auto cannot try 'coral' twice"),
    ],
)
def test_what_cannot_be_adapted_is_refused(
    source: Path, tmp_path: Path, run_cli: Callable, target: dict, extra: Sequence[str], message: str
) -> None:
    given = written(tmp_path / "target.csv", seed=1, **target)
    ran = run_cli("fit", given, "--source", source, "--out", tmp_path / "run", *extra)
    assert (ran.code, message in ran.err) == (2, True), ran.err
    assert not (tmp_path / "run" / "model.json").exists()


def test_rates_and_batches_that_are_no_use_are_warned_of(source: Path, tmp_path: Path, run_cli: Callable) -> None:
    given = written(tmp_path / "target.csv", classes=(), seed=1)
    useless = ("--set", "lr=1e-9", "--set", "batch_size=500", "--set", "epochs=1")
    ran = run_cli("fit", given, "--source", source, "--out", tmp_path / "run", "--method", "dann", *useless)
    assert ran.code == 0, ran.err
    assert "warning: lr=1e-09 is so low that hardly anything moves" in ran.err and "the default is 0.001" in ran.err
    assert "warning: batch_size=500 is more than the 48 examples there are to train on" in ran.err


@pytest.mark.parametrize(
    ("setting", "hint"),
    [("sources=votes", "several sources"), ("few_weight=3.0", "labelled target examples (--few)")],
)
def test_a_setting_for_data_that_is_not_there_is_warned_of(
    source: Path, tmp_path: Path, run_cli: Callable, setting: str, hint: str
) -> None:
    given = written(tmp_path / "target.csv", classes=(), seed=1)
    asked = ("fit", given, "--source", source, "--out", tmp_path / "run", "--method", "standardise")
    ran = run_cli(*asked, "--set", setting)
    assert ran.code == 0, ran.err
    assert f"warning: {setting} has no effect here: it counts with {hint}." in ran.err
    cure = {"sources=votes": ("--source", source, written(tmp_path / "other.csv", seed=2))}
    cured = run_cli(*asked, *cure.get(setting, ("--few", written(tmp_path / "few.csv", seed=3))), "--set", setting)
    assert cured.code == 0 and "has no effect" not in cured.err, cured.err


def test_a_source_of_one_class_and_another_modality_are_refused(
    source: Path, tmp_path: Path, run_cli: Callable
) -> None:
    one = written(tmp_path / "one.csv", classes=("a",))
    ran = run_cli("fit", source, "--source", one, "--out", tmp_path / "run", *CORAL)
    assert (ran.code, "has only one class, 'a'" in ran.err) == (2, True), ran.err
    words = tmp_path / "words.csv"
    words.write_text("label,text\n" + "".join(f"{'ab'[i % 2]},text number {i}\n" for i in range(20)))
    ran = run_cli("fit", words, "--source", source, "--out", tmp_path / "run", *CORAL)
    assert (ran.code, "one model cannot read both" in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("a", "b", "c"), "unknown to the source: c"),
        (("a",), "absent from the target: b"),
        (("x", "y"), "no class name in common"),
    ],
    ids=["open", "partial", "nothing shared"],
)
def test_other_classes_are_said(
    source: Path, tmp_path: Path, run_cli: Callable, classes: Sequence[str], message: str
) -> None:
    given = written(tmp_path / "target.csv", classes=classes, seed=1)
    ran = run_cli("fit", given, "--source", source, "--out", tmp_path / "run", *CORAL)
    assert ran.code == 0, ran.err
    minded = [line for line in ran.out.splitlines() if line.startswith("Mind: ")]
    assert any(message in line for line in minded), ran.out


def test_identical_domains_are_said(source: Path, tmp_path: Path, run_cli: Callable) -> None:
    same = written(tmp_path / "same.csv")
    ran = run_cli("fit", same, "--source", source, "--out", tmp_path / "run", *CORAL)
    assert "Mind: source and target are the same examples: there is nothing to adapt to." in ran.out


@pytest.mark.parametrize("filled", [3, 0])
@pytest.mark.parametrize("named", [(), ("--label", "label")])
def test_a_target_whose_labels_have_gaps_is_adapted_to_without_any(
    tmp_path: Path, source: Path, run_cli: Callable, filled: int, named: Sequence[str]
) -> None:
    lines = written(tmp_path / "whole.csv", seed=1).read_text().splitlines()
    gaps = [line if i <= filled else line.rpartition(",")[0] + "," for i, line in enumerate(lines)]
    (tmp_path / "target.csv").write_text("\n".join(gaps) + "\n")
    given = ("fit", tmp_path / "target.csv", "--source", source, *named, "--out", tmp_path / "r", *CORAL)
    ran = run_cli(*given)
    said = "Mind: 3 of 60 target rows are labelled, and no label is looked at: name them by --few … to learn from them."
    assert (said in ran.out) == bool(filled)
    assert "Whether adapting helped cannot be said" in ran.out


def test_a_saved_model_is_not_read_as_data(source: Path, tmp_path: Path, run_cli: Callable) -> None:
    model = tmp_path / "model"
    assert run_cli("fit", source, "--out", model).code == 0
    for given in (("compare", model, source), ("compare", source, model), ("fit", model, "--source", source, *CORAL)):
        ran = run_cli(*given)
        assert ran.code == 2 and f"{model} is a saved model or run, not data" in ran.err, given
