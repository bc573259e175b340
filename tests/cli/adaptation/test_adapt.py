"""Adapting and comparing from the command line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferium.cli.sources import spread_words
from transferium.methods.model_selection.guards import WITHOUT_LABELS
from worlds.images import RED_GREEN, write_images
from worlds.tables import clusters, spread_alike, write_table

SMALL = ("--set", "size=32")
LIGHT = ("--set", "adaptations=prototypes", "--set", "validators=cross-validation,silhouette,ami")
CORAL = ("--method", "coral")


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A source, a target without labels, and the same target with them; every column is of the same spread."""
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, turn=0.8)
    x, z = spread_alike(x), spread_alike(z)
    names = ("s.csv", x, y), ("t.csv", z, None), ("labelled.csv", z, truth)
    return tuple(write_table(tmp_path / name, rows, labels) for name, rows, labels in names)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("t --source a b --method cdan", "t --source a --source b --method cdan"),
        ("t --source a --source b", "t --source a --source b"),
        ("--source a t", "--source a t"),
        ("--source a b t", "--source a --source b t"),
        ("--method mcc --source a t --json", "--method mcc --source a t --json"),
        ("--source a --json t", "--source a --json t"),
        ("t --source", "t --source"),
        ("t --json", "t --json"),
    ],
)
def test_sources_may_follow_one_option_or_several(given: str, meant: str) -> None:
    assert spread_words(given.split(), {"--source", "--method"}, ("--source",)) == meant.split()


def test_fit_without_target_labels_then_evaluate_with_them(
    tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    source, target, labelled = tables
    out = tmp_path / "run"
    ran = run_cli("fit", target, "--source", source, "--out", out, "--method", "auto", *LIGHT)
    assert ran.code == 0, ran.err
    assert "prototypes leads the vote" in ran.out and "cannot be said without target labels" in ran.out
    assert "labels were stripped" not in ran.out
    assert "label" not in (out / "predictions.csv").read_text().splitlines()[0]
    later = run_cli("evaluate", out, labelled)
    assert "Transfer helped: prototypes is" in later.out and "than source only" in later.out
    assert "a domain classifier is right " in ran.out and "the head alone moved" in ran.out
    row = next(line for line in later.out.splitlines() if line.startswith("a  "))
    assert re.fullmatch(r"a +[\d.]+ % +[\d.]+ % +\+[\d.]+ \(\+[\d.]+ to \+[\d.]+\) +helped +\d+", row), row
    assert "Oracle: of 2 models these labels would choose prototypes" in later.out
    assert "the gap of prototypes is 0.0 points." in later.out
    told = run_cli("evaluate", out, labelled, "--json").json
    assert told["verdict"] == "helped" and told["references"]["source_only"]["accuracy"]["value"] < 0.95
    assert {row["class"] for row in told["by_class"]} == set("abc")
    assert run_cli("predict", out, target).code == 0


def test_a_class_that_collapsed_is_named(tmp_path: Path, run_cli: Callable) -> None:
    """Maximum likelihood takes a moved boundary for other class shares, and gives one class nearly all."""
    rng, y = np.random.default_rng(0), np.arange(200) % 2
    x = rng.normal(size=(200, 3)) + np.outer(2 * y - 1, [0.5, 0.5, 0.0])
    source = write_table(tmp_path / "s.csv", x, y)
    target = write_table(tmp_path / "t.csv", x + np.array([0.8, 0.8, 0.0]), None)
    ran = run_cli("fit", target, "--source", source, "--out", tmp_path / "run", "--method", "em")
    assert ran.code == 0, ran.err
    assert "Class collapse: a all but stopped being predicted." in ran.out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "the adapted model all but stopped predicting a." in page
    assert "validators chose nothing, for the method was named" in ran.out


def test_a_labelled_target_is_stripped_and_said(
    tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    source, _, labelled = tables
    ran = run_cli("fit", labelled, "--source", source, "--out", tmp_path / "run", "--oracle", *LIGHT)
    assert ran.code == 0, ran.err
    assert "labels were stripped before anything was learned" in ran.out
    assert "Oracle (target labels were looked at): best prototypes" in ran.out


def test_candidates_that_cannot_be_compared_stand_in_the_table_without_scores(
    tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    source, _, _ = tables
    few, _ = clusters(10, 5, turn=0.8)
    target = write_table(tmp_path / "few.csv", spread_alike(few), None)
    ran = run_cli("fit", target, "--source", source, "--out", tmp_path / "run", "--set", "adaptations=prototypes")
    assert ran.code == 0, ran.err
    assert "source only: 10 target examples are too few (fewer than 20)" in ran.out
    row = next(line for line in ran.out.splitlines() if line.startswith("prototypes  "))
    assert row.split()[1:] == ["–"]


def test_of_a_candidate_that_diverged_no_weights_are_promised(
    tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    """The state of an election is deleted at its end."""
    source, target, _ = tables
    asked = ("--set", "adaptations=prototypes,mcc@1e39", "--set", "epochs=5")
    ran = run_cli("fit", target, "--source", source, "--out", tmp_path / "run", "--method", "auto", *asked)
    assert ran.code == 0, ran.err
    assert "mcc@1e39 was left out: at step 1, " in ran.out
    assert "last good weights" not in ran.out + (tmp_path / "run" / "report.html").read_text()
    assert not (tmp_path / "run" / "state").exists()


def test_several_sources(tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable) -> None:
    source, target, _ = tables
    x, y = clusters(60, 7, turn=-0.2)
    other = write_table(tmp_path / "o.csv", x, y)
    told = run_cli(
        "fit", target, "--source", source, other, "--out", tmp_path / "r", "--json", "--method", "probe"
    ).json
    assert told["adaptation"]["source"]["of"] == ["s", "o"]
    assert told["division"]["train"] == 210
    assert not any(f["kind"] == "shared-sources" for f in told["doctor"]["findings"])
    twice = run_cli("fit", target, "--source", source, other, source, "--out", tmp_path / "r2", "--method", "probe")
    assert "Mind: 150 examples of 150 of source 3 ('s') are also in an earlier source, byte for byte" in twice.out


def test_bad_input_exits_with_2_and_says_what_to_do(
    tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    source, target, labelled = tables
    cases = {
        "Did source and target change places?": ("fit", labelled, "--source", target),
        "--source needs the path of labelled data, and the option --method": ("fit", target, "--source", *CORAL),
        "give labelled data beside it, as --source": ("fit", target, *CORAL),
        "--test-size divides data": ("fit", target, "--source", source, "--test-size", "0.5", *CORAL),
        "--budget is time for --method auto to try more, and the method is coral": (
            *("fit", target, "--source", source, "--budget", "60s", *CORAL),
        ),
        "--oracle asks a target's labels beside a --source": ("fit", labelled, "--oracle"),
        "--map draws a target beside a --source": ("fit", labelled, "--map", "pca"),
        "size is a setting for images, and these are tabl": (
            "fit",
            target,
            "--source",
            source,
            "--set",
            "size=64",
            *CORAL,
        ),
        "max_length is a setting for texts, and these are tabl": ("fit", labelled, "--set", "max_length=9"),
        "there is no target": ("fit", labelled, "--method", "prototypes"),
        "--oracle chooses by target labels": ("fit", target, "--source", source, "--oracle", *LIGHT),
    }
    for message, arguments in cases.items():
        ran = run_cli(*arguments, "--out", tmp_path / "bad")
        assert (ran.code, message in ran.err) == (2, True), ran.err
        assert not (tmp_path / "bad").exists()


def test_compare_names_the_shift_and_the_family(tmp_path: Path, run_cli: Callable) -> None:
    x, y = clusters(200, 0)
    z, _ = clusters(200, 1, shift=3.0)
    skewed, _ = clusters(400, 2, shares=(0.85, 0.1, 0.05))
    same, _ = clusters(200, 3)
    source = write_table(tmp_path / "s.csv", x, y)
    told = {
        name: run_cli("compare", source, write_table(tmp_path / f"{name}.csv", rows, None), "--json").json
        for name, rows in (("moved", z), ("skewed", skewed), ("same", same))
    }
    assert told["moved"]["covariate"]["mmd"]["p_value"] < 0.01
    assert any("strong covariate shift" in kind for kind in told["moved"]["kinds"])
    assert told["moved"]["advice"] == [WITHOUT_LABELS], "its columns are a table's"
    assert told["moved"]["surface"]["notable"] == ["f5 (standardised difference 2.93)"]
    assert any("label shift: 3 of 3" in kind for kind in told["skewed"]["kinds"])
    assert any(a.startswith("label-shift:") for a in told["skewed"]["advice"])
    assert told["same"]["covariate"]["mmd"]["p_value"] > 0.01
    assert any("it takes target labels" in kind for kind in told["moved"]["kinds"])
    printed = run_cli("compare", source, tmp_path / "moved.csv").out
    assert "What fits:" in printed and "A domain classifier is right" in printed


def test_compare_looks_at_pictures_and_words(tmp_path: Path, run_cli: Callable) -> None:
    write_images(tmp_path / "dull", {"a": (90, 90, 90), "b": (110, 110, 110)}, 8)
    write_images(tmp_path / "red", {"a": (220, 30, 30), "c": (200, 60, 30)}, 8)
    told = run_cli("compare", tmp_path / "dull", tmp_path / "red", "--json").json
    assert "colourfulness" in told["surface"]["notable"]
    assert told["surface"]["file_types"]["source"] == {"png": 16}
    assert any("open: 1 class" in kind for kind in told["kinds"]) and any("partial: 1" in k for k in told["kinds"])
    assert "classes" in told["conditional"]


def test_other_modes_of_pictures_are_said_by_fit_and_by_compare(tmp_path: Path, run_cli: Callable) -> None:
    source = write_images(tmp_path / "s", RED_GREEN, 10)
    target = write_images(tmp_path / "t", RED_GREEN, 8, seed=1)
    said = "pictures have other modes: 20 RGB in the source, 12 grey, 2 RGBA, 2 palette in the target; all are read as"
    for i, file in enumerate(sorted(target.rglob("*.png"))):
        mode = "RGBA" if i < 2 else "P" if i < 4 else "L"
        Image.open(file).convert(mode).save(file)
    ran = run_cli("fit", target, "--source", source, "--out", tmp_path / "r", "--method", "prototypes", *SMALL)
    assert f"Mind: {said}" in ran.out
    assert f"- {said}" in run_cli("compare", source, target).out
    assert "other modes" not in run_cli("compare", source, source).out


def test_broken_pictures_on_either_side_are_put_aside_and_the_rest_stays_aligned(
    tmp_path: Path, run_cli: Callable
) -> None:
    source = write_images(tmp_path / "s", RED_GREEN, 10)
    target = write_images(tmp_path / "t", RED_GREEN, 8, seed=1)
    for broken in (source / "red" / "004.png", target / "green" / "000.png"):
        broken.write_bytes(broken.read_bytes()[:40])
    told = run_cli(
        "fit", target, "--source", source, "--out", tmp_path / "r", "--method", "prototypes", "--json", *SMALL
    ).json
    assert told["division"]["train"] == 19 and told["test"]["examples"] == 15
    assert told["doctor"]["quarantined"] == 2
    assert {f["message"].split(":")[0] for f in told["doctor"]["findings"] if "put aside" in f["message"]} == {
        "source",
        "target",
    }
    assert told["test"]["accuracy"]["value"] == 1.0
    with (tmp_path / "r" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["id"].startswith(row["predicted"]) for row in rows) and len(rows) == 15


def test_what_cannot_be_evaluated_is_said_by_its_reason(
    tables: tuple[Path, Path, Path], tmp_path: Path, run_cli: Callable
) -> None:
    source, target, labelled = tables
    out = tmp_path / "run"
    assert run_cli("fit", target, "--source", source, "--out", out, "--method", "prototypes").code == 0
    header, *rows = labelled.read_text().splitlines()
    (tmp_path / "verdicts.csv").write_text("\n".join([header.replace("label", "verdict"), *rows]))
    (tmp_path / "strange.csv").write_text(
        "\n".join([header, *(row[:-1] + "xyz"["abc".index(row[-1])] for row in rows)])
    )
    write_images(tmp_path / "pictures", RED_GREEN, 3)
    columns = ", ".join(f"'f{i}'" for i in range(8))
    cases = {
        target: f"'t' has no labels; its columns are {columns}; name one with --label",
        tmp_path / "verdicts.csv": "'f7', 'verdict'; name one with --label",
        tmp_path / "pictures": "this model reads row examples; 'pictures' holds image examples",
        tmp_path / "strange.csv": "'strange' shares no class name with this model (x, y, z and a, b, c)",
    }
    for data, message in cases.items():
        ran = run_cli("evaluate", out, data)
        assert (ran.code, message in ran.err) == (2, True), ran.err
    assert run_cli("evaluate", out, tmp_path / "verdicts.csv", "--label", "verdict").code == 0
