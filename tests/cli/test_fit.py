"""The main job from the command line: what it writes, and that everything agrees with everything else."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from worlds.images import RED_GREEN, write_images

SMALL = ("--set", "size=32")


@pytest.fixture
def finished(images: Path, tmp_path: Path, run_cli: Callable) -> Path:
    out = tmp_path / "run"
    ran = run_cli("fit", images, "--out", out, "--method", "probe", "--seed", 3, "--json", *SMALL)
    assert ran.code == 0, ran.err
    return out


def test_metrics_hold_the_fixed_points(finished: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["method"] == "probe"
    assert metrics["backbone"] == "efficientnet_lite0"
    assert metrics["seed"] == 3
    assert metrics["seconds"]["total"] > 0
    for name in ("accuracy", "macro_f1", "log_loss", "calibration_error"):
        interval = metrics["test"][name]
        assert interval["low"] <= interval["value"] <= interval["high"]
    assert {"majority", "no_transfer", "nearest_mean"} <= metrics["references"].keys()
    assert metrics["verdict"] in ("helped", "no evidence", "hurt")
    assert metrics["verdict_sentence"]
    assert metrics["division"]["train"] + metrics["division"]["test"] == 32


def test_predictions_agree_with_the_metrics(finished: Path) -> None:
    with (finished / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "label", "predicted", "p_green", "p_red"]
    accuracy = np.mean([row["label"] == row["predicted"] for row in rows])
    metrics = json.loads((finished / "metrics.json").read_text())
    assert accuracy == pytest.approx(metrics["test"]["accuracy"]["value"])
    for row in rows:
        assert float(row["p_green"]) + float(row["p_red"]) == pytest.approx(1.0)


def test_predict_gives_the_same_bits_as_fit(finished: Path, images: Path, tmp_path: Path, run_cli: Callable) -> None:
    again = tmp_path / "again.csv"
    assert run_cli("predict", finished, images, "--out", again, "--no-store").code == 0
    with again.open(newline="") as file:
        by_id = {row["id"]: row for row in csv.DictReader(file)}
    with (finished / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(by_id) == 32
    assert all(by_id[row["id"]]["p_red"] == row["p_red"] for row in rows)


def test_evaluate_prints_the_test_object(finished: Path, tmp_path: Path, run_cli: Callable) -> None:
    fresh = write_images(tmp_path / "fresh", RED_GREEN, 6, seed=9)
    ran = run_cli("evaluate", finished, fresh, "--json")
    assert ran.code == 0, ran.err
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["test"].keys() <= ran.json.keys()
    assert 0 <= ran.json["accuracy"]["low"] <= ran.json["accuracy"]["value"] <= 1
    assert ran.json["examples"] == 12


def test_the_same_command_again_gives_the_same_result(finished: Path, images: Path, run_cli: Callable) -> None:
    before = (finished / "predictions.csv").read_bytes()
    ran = run_cli("fit", images, "--out", finished, "--method", "probe", "--seed", 3, "--json", *SMALL)
    assert ran.code == 0
    assert (finished / "predictions.csv").read_bytes() == before
    assert not list(finished.parent.glob(".*partial")) and not list(finished.parent.glob(".*old"))


def test_val_beside_train_is_held_out_and_shuffling_its_labels_changes_no_choice(
    tmp_path: Path, run_cli: Callable
) -> None:
    data = tmp_path / "parted"
    write_images(data / "train", RED_GREEN, 10)
    write_images(data / "val", RED_GREEN, 5, seed=1)
    first = run_cli("fit", data, "--out", tmp_path / "a", "--method", "probe", "--json", *SMALL).json
    assert (first["division"]["train"], first["division"]["test"]) == (20, 10)
    (data / "val" / "red").rename(data / "val" / "tmp")
    (data / "val" / "green").rename(data / "val" / "red")
    (data / "val" / "tmp").rename(data / "val" / "green")
    second = run_cli("fit", data, "--out", tmp_path / "b", "--method", "probe", "--json", *SMALL).json
    assert first["selection"] == second["selection"]
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in "ab"]
    assert weights[0] == weights[1]
    assert first["test"]["accuracy"]["value"] == pytest.approx(1 - second["test"]["accuracy"]["value"])


def test_a_table_of_numbers_needs_no_backbone(tmp_path: Path, run_cli: Callable) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    x = rng.normal(size=(120, 4)) + 3 * np.eye(3, 4)[y]
    lines = ["a,b,c,d,label", *(",".join(f"{v:.4f}" for v in row) + f",k{c}" for row, c in zip(x, y, strict=True))]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(lines))
    run = run_cli("fit", table, "--out", tmp_path / "run", "--json").json
    assert run["kind"] == "row"
    assert run["method"] == "probe"  # as accurate out of fold as the nearest class mean, and surer: 0.15 against 0.18
    assert run["test"]["accuracy"]["value"] > 0.8
    assert "no_transfer" not in run["references"]
    assert run["verdict"] == "not asked"
    assert run_cli("evaluate", tmp_path / "run", table, "--json").json["accuracy"]["value"] > 0.8


def test_the_summary_is_short_and_says_the_verdict(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--method", "probe", *SMALL)
    assert ran.code == 0
    assert "accuracy" in ran.out and "no transfer" in ran.out and "majority" in ran.out
    assert len(ran.out.splitlines()) < 30
    assert ran.err == ""


def test_a_class_whose_files_are_all_bad_is_left_out_of_the_answers(
    images: Path, tmp_path: Path, run_cli: Callable
) -> None:
    (images / "blue").mkdir()
    (images / "blue" / "only.png").write_bytes(b"no image")
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--method", "probe", "--json", *SMALL)
    assert ran.code == 0, ran.err
    assert ran.json["test"]["classes"] == ["green", "red"]
    assert any(f["kind"] == "missing-class" or "blue" in f["message"] for f in ran.json["doctor"]["findings"])


def test_fine_tuning_and_training_from_scratch_leave_the_same_kind_of_run(
    images: Path, tmp_path: Path, run_cli: Callable
) -> None:
    for method in ("finetune", "scratch"):
        out = tmp_path / method
        settings = ("--set", "epochs=1", "--set", "batch_size=16")
        ran = run_cli("fit", images, "--out", out, "--method", method, "--json", *SMALL, *settings)
        assert ran.code == 0, ran.err
        assert ran.json["method"] == method
        assert (ran.json["verdict"] == "not asked") == (method == "scratch"), "scratch transfers nothing"
        assert not (out / "state").exists()
        assert run_cli("predict", out, images, "--out", tmp_path / "p.csv", "--no-store").code == 0
        with (tmp_path / "p.csv").open(newline="") as file:
            by_id = {row["id"]: row["p_red"] for row in csv.DictReader(file)}
        with (out / "predictions.csv").open(newline="") as file:
            assert all(by_id[row["id"]] == row["p_red"] for row in csv.DictReader(file))
