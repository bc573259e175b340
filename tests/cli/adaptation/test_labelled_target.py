"""``fit TARGET --source SOURCE --few LABELLED`` as its user would give it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.errors import InputError
from worlds.images import RED_GREEN, write_images
from worlds.tables import clusters, write_table

FEW = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source, a target turned by more than the classes' distance, and some of its examples with labels."""
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, turn=1.4)
    write_table(tmp_path / "s.csv", x, y)
    write_table(tmp_path / "t.csv", z, None)
    write_table(tmp_path / "labelled.csv", z, truth)
    write_table(tmp_path / "few.csv", z[:FEW], truth[:FEW])
    return tmp_path


@pytest.mark.parametrize("method", ["auto", "pooled", "mcc"])
def test_they_are_learned_from_and_not_evaluated_on(folder: Path, run_cli: Callable, method: str) -> None:
    asked = ("fit", folder / "labelled.csv", "--source", folder / "s.csv", "--out", folder / "run", "--method", method)
    light = ("--set", "adaptations=standardise") if method == "auto" else ("--set", "few_weight=20")
    light = ("--set", "epochs=5") if method == "mcc" else light
    told = run_cli(*asked, "--few", folder / "few.csv", "--json", *light).json
    assert told["adaptation"]["few"]["examples"] == FEW
    assert sum(told["adaptation"]["few"]["by_class"].values()) == FEW
    assert told["test"]["examples"] == told["division"]["test"] == 150 - FEW
    assert "except 30 labelled examples, which are learned from" in told["division"]["rule"]
    alone = {name: told["references"][name]["accuracy"]["value"] for name in ("source_only", "few_alone")}
    assert alone["few_alone"] > alone["source_only"]
    assert told["test"]["accuracy"]["value"] > alone["source_only"]
    with (folder / "run" / "predictions.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 150 - FEW
    page = (folder / "run" / "report.html").read_text()
    assert "30 labelled target examples were learned from too" in page and "Labelled target examples alone" in page


def test_a_source_that_does_harm_is_called_so(folder: Path, run_cli: Callable) -> None:
    asked = ("fit", folder / "labelled.csv", "--source", folder / "s.csv", "--few", folder / "few.csv", "--json")
    named = run_cli(*asked, "--out", folder / "named", "--method", "pooled", "--set", "few_weight=1").json
    assert "But a probe of the labelled target examples alone is" in named["verdict_sentence"]
    assert "the source does harm" in named["verdict_sentence"]
    z, truth = clusters(150, 1, turn=1.4)
    write_table(folder / "few.csv", z[: 2 * FEW], truth[: 2 * FEW])
    chosen = run_cli(*asked, "--out", folder / "auto", "--set", "adaptations=standardise").json
    assert chosen["method"] == "few-alone" and chosen["verdict"] == "not asked"
    assert chosen["test"]["accuracy"] == chosen["references"]["few_alone"]["accuracy"]
    again = run_cli("evaluate", folder / "auto", folder / "labelled.csv", "--json").json
    assert again["oracle"]["chosen"] == "few-alone" and again["examples"] == 150 - 2 * FEW


def test_the_words_at_the_end_and_a_later_evaluation(folder: Path, run_cli: Callable) -> None:
    out = folder / "run"
    ran = run_cli(
        "fit", folder / "t.csv", "--source", folder / "s.csv", "--few", folder / "few.csv", "--out", out,
        "--method", "pooled",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "30 labelled target examples were learned from too (a " in ran.out
    assert "each counting as 2.24" in ran.out
    later = run_cli("evaluate", out, folder / "labelled.csv")
    assert "120 examples of labelled" in later.out
    assert "30 of these 150 were learned from, and are not evaluated on" in later.out
    assert run_cli("evaluate", out, folder / "labelled.csv", "--json").json["examples"] == 120
    ran = run_cli("evaluate", out, folder / "few.csv")
    assert ran.code == 0 and "30 of these 30 were learned from: the figures are of training" in ran.out
    assert "was not asked: all of these examples were learned from" in ran.out and "Oracle" not in ran.out


def test_target_labels_beside_the_few_still_change_nothing(folder: Path, run_cli: Callable) -> None:
    heads = []
    for name in ("t", "labelled"):
        out = folder / name
        ran = run_cli(
            "fit", folder / f"{name}.csv", "--source", folder / "s.csv", "--few", folder / "few.csv", "--out", out,
            "--method", "standardise",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        heads.append((out / "model.safetensors").read_bytes())
    assert heads[0] == heads[1]


def test_pictures_and_a_folder_of_few(tmp_path: Path, run_cli: Callable) -> None:
    source = write_images(tmp_path / "s", RED_GREEN, 8)
    target = write_images(tmp_path / "t", RED_GREEN, 8, seed=1)
    few = tmp_path / "few" / "green"
    few.mkdir(parents=True)
    (few / "a.png").write_bytes((target / "green" / "003.png").read_bytes())
    asked = ("fit", target, "--source", source, "--out", tmp_path / "run", "--method", "pooled", "--set", "size=32")
    told = run_cli(*asked, "--few", tmp_path / "few", "--json").json
    assert told["adaptation"]["few"] == {"name": "few", "examples": 1, "by_class": {"green": 1}}
    assert told["test"]["examples"] == 15 and "few_alone" not in told["references"]


def test_bad_few_exit_with_2_and_say_what_to_do(folder: Path, run_cli: Callable) -> None:
    x, y = clusters(12, 5)
    write_table(folder / "case.csv", x, y)
    (folder / "case.csv").write_text((folder / "case.csv").read_text().replace(",a\n", ",A\n"))
    (folder / "other.csv").write_text(
        (folder / "few.csv").read_text().replace(",a\n", ",x\n").replace(",b\n", ",y\n").replace(",c\n", ",z\n")
    )
    write_images(folder / "pictures", RED_GREEN, 2)
    cases = {
        "have no labels: put the images of each class": ("--few", folder / "t.csv"),
        "differ only in case": ("--few", folder / "case.csv"),
        "share no class name with the source (x, y, z and a, b, c)": ("--few", folder / "other.csv"),
        "holds table rows and the labelled target 'pictures' images": ("--few", folder / "pictures"),
        "method 'adabn' cannot learn from the 30 labelled": ("--few", folder / "few.csv", "--method", "adabn"),
        "every example of the target 'labelled' that could be": ("--few", folder / "labelled.csv"),
        "nothing": ("--few", folder / "nothing.csv"),
        "'pooled' learns from a few labelled target examples, and there are none": ("--method", "pooled"),
    }
    for message, arguments in cases.items():
        ran = run_cli("fit", folder / "labelled.csv", "--source", folder / "s.csv", *arguments, "--out", folder / "bad")
        assert (ran.code, message in ran.err) == (2, True), ran.err
        assert not (folder / "bad").exists()
    ran = run_cli("fit", folder / "labelled.csv", "--few", folder / "few.csv", "--out", folder / "bad")
    assert ran.code == 2 and "there is no --source" in ran.err


def test_few_out_of_the_source_are_named(folder: Path, run_cli: Callable) -> None:
    told = run_cli(
        "fit", folder / "t.csv", "--source", folder / "s.csv", "--few", folder / "s.csv", "--out", folder / "run",
        "--method", "pooled", "--json",
    ).json  # fmt: skip
    found = [f["message"] for f in told["doctor"]["findings"] if f["kind"] == "shared-examples"]
    assert found == ["150 of the 150 labelled target examples are also in the source, byte for byte"]


@pytest.mark.filterwarnings("ignore:.*predicts the label alone")  # the world has two dimensions that matter
def test_the_estimator_takes_them_too() -> None:
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, turn=1.4)
    model = tm.TransferClassifier("pooled", store=False, settings={"few_weight": 20.0})
    model.fit(z, source=(x[y < 2], y[y < 2] + 10), few=(z[:FEW], truth[:FEW] + 10))
    assert model.classes_.tolist() == [10, 11, 12]
    alone = np.array(model.source_only_.classes)[model.source_only_.head.predict(z)]
    assert model.score(z[FEW:], truth[FEW:] + 10) > (alone == (truth + 10).astype(str)).mean() + 0.3
    assert json.dumps(model.artifact_.info["few"]) and model.artifact_.info["few"]["examples"] == FEW
    with pytest.raises(InputError, match="few are labelled examples of a target beside a source"):
        model.fit(x, y, few=(z, truth))
