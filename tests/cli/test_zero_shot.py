"""Zero-shot from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from worlds.images import RED_GREEN, write_images

TEXTS = ["the dog barks", "a puppy and a hound", "stock prices fell", "the bank raised its interest rates"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sayings.csv"
    path.write_text(
        "text,label\n" + "".join(f"{t} {i},{y}\n" for i in range(3) for t, y in zip(TEXTS, "0011", strict=True))
    )
    (tmp_path / "names.json").write_text(json.dumps({"0": ["a dog", "an animal"], "1": "finance"}))
    return path


def test_every_row_is_evaluated_on_and_none_is_learned_from(table: Path, run_cli: Callable) -> None:
    out = table.parent / "run"
    ran = run_cli(
        "fit", table, "--method", "zero-shot", "--labels", table.parent / "names.json", "--out", out, "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json["division"] | {"rule": ""} == {"train": 0, "val": 0, "test": 12, "held_out": "test", "rule": ""}
    assert ran.json["references"].keys() == {
        *("majority", "no_transfer", "template '{}'", "template 'This is {}.'", "template 'It is about {}.'")
    }
    assert ran.json["test"]["accuracy"]["value"] == 1.0 and ran.json["verdict_sentence"].count("on random weights")
    assert json.loads((out / "model.json").read_text())["info"]["method"]["labels"]["1"] == ["finance"]
    judged = run_cli("evaluate", out, table, "--json")
    assert judged.json["learned_from"] == 0 and judged.json["accuracy"] == ran.json["test"]["accuracy"]


def test_names_that_say_nothing_are_told_before_anything_is_embedded(table: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", table, "--method", "zero-shot", "--out", table.parent / "run")
    assert ran.code == 2 and "--labels names.json" in ran.err and "embed" not in ran.err
    assert not (table.parent / "run").exists()


def test_descriptions_are_for_methods_that_read_them(table: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", table, "--method", "probe", "--labels", table.parent / "names.json")
    assert ran.code == 2 and "'probe' has no setting 'labels'" in ran.err


def test_pictures_without_words_for_them_are_refused_alone_and_left_out_beside_others(
    tmp_path: Path, run_cli: Callable
) -> None:
    photos = write_images(tmp_path / "photos", RED_GREEN, 8)
    alone = run_cli("fit", photos, "--method", "zero-shot", "--out", tmp_path / "run")
    assert alone.code == 2 and "model of the CLIP kind, and efficientnet_lite0 is none" in alone.err
    assert "embed" not in alone.err and not (tmp_path / "run").exists()
    several = ("--shots", 2, "--draws", 2, "--method", "ncm,zero-shot", "--set", "size=32", "--out", tmp_path / "run")
    ran = run_cli("fit", photos, *several, "--json")
    assert ran.code == 0, ran.err
    assert "efficientnet_lite0 is none" in ran.json["few_shots"]["methods"][1]["left_out"]
