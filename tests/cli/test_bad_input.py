"""Every planted fault ends with exit code 2 and one message that says what to do (``run_cli`` allows no traceback)."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from transferium.errors import ArtifactError
from transferium.job.fit.run import check_writable
from worlds.images import RED_GREEN, write_images

SMALL = ("--method", "probe", "--set", "size=32")


class Harm:
    """A pickle that would run a command when it is read without care."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.witness,))


def fails(ran: object, *words: str) -> None:
    assert ran.code == 2, (ran.out, ran.err)
    assert ran.err.startswith(("error: ", "Usage: ")), ran.err
    for word in words:
        assert word in ran.err, ran.err


def test_empty_folder(tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "empty").mkdir()
    fails(
        run_cli("fit", tmp_path / "empty", "--out", tmp_path / "run"),
        "is an empty folder",
        "one folder of images for each class",
    )
    assert not (tmp_path / "run").exists()


def test_missing_path_names_a_sibling(tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "photos").mkdir()
    fails(run_cli("fit", tmp_path / "photoz"), "photoz", "Did you mean", "photos")


def test_settings_are_read_before_data(tmp_path: Path, run_cli: Callable) -> None:
    missing, out = tmp_path / "nothing", tmp_path / "run"
    fails(run_cli("fit", missing, "--method", "prob", "--out", out), "there is no method 'prob'")
    fails(run_cli("fit", missing, "--method", "probe", "--set", "fold=3", "--out", out), "no setting 'fold'")
    fails(run_cli("fit", missing, "--set", "size=small", "--out", out), "size takes a whole number")
    assert not out.exists()


def test_one_class_only(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "data", {"red": (200, 0, 0)}, 4)
    fails(run_cli("fit", data, "--out", tmp_path / "run", *SMALL), "one class", "red")


def test_one_example_per_class(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 1)
    fails(run_cli("fit", data, "--out", tmp_path / "run", *SMALL), "one example")


def test_a_class_of_bad_files_only(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "data", {"red": (200, 0, 0)}, 4)
    (data / "green").mkdir()
    for i in range(3):
        (data / "green" / f"{i}.png").write_bytes(b"not an image at all")
    fails(run_cli("fit", data, "--out", tmp_path / "run", *SMALL), "green")


def test_label_column_missing(tmp_path: Path, run_cli: Callable) -> None:
    table = tmp_path / "t.csv"
    table.write_text("text,sentiment\ngood,1\nbad,0\n")
    fails(run_cli("fit", table, "--text", "text", "--label", "sentimnt"), "sentimnt", "Did you mean 'sentiment'?")


def test_csv_that_is_not_utf8(tmp_path: Path, run_cli: Callable) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes("text,label\nschön,1\nübel,0\n".encode("latin-1"))
    fails(run_cli("fit", table, "--text", "text", "--label", "label"), "UTF-8")


def test_read_only_output(tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 4)
    # The tests may run as root, whom permissions do not stop: ask the same question with the answer given.
    monkeypatch.setattr("os.access", lambda _path, mode: mode != os.W_OK)
    fails(run_cli("fit", data, "--out", tmp_path / "no" / "run", *SMALL), "read-only", "Name another folder")


def test_out_that_is_somebody_elses_folder(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    fails(run_cli("fit", images, "--out", tmp_path / "thesis", *SMALL), "nothing was overwritten")
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


def test_malicious_checkpoint(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    weights, witness = tmp_path / "weights.pth", tmp_path / "harm"
    weights.write_bytes(pickle.dumps(Harm(witness)))
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--backbone", f"resnet18@{weights}", "--method", "probe")
    fails(ran, "safetensors")
    assert not witness.exists()


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("--backbone", "efficientnet_lit0"), "Did you mean 'efficientnet_lite0'?"),
        (("--method", "prob"), "Did you mean 'probe'?"),
        (("--method", "probe", "--set", "fold=3"), "Did you mean 'folds'?"),
        (("--sed", "3"), "--seed"),
    ],
)
def test_near_misses_are_suggested(images: Path, run_cli: Callable, arguments: tuple[str, ...], near: str) -> None:
    ran = run_cli("fit", images, *arguments)
    assert ran.code == 2
    assert near in ran.err


def test_a_mistyped_command(run_cli: Callable) -> None:
    ran = run_cli("fot", "x")
    assert ran.code == 2
    assert "Did you mean 'fit'?" in ran.err


@pytest.fixture
def finished(images: Path, tmp_path: Path, run_cli: Callable) -> Path:
    assert run_cli("fit", images, "--out", tmp_path / "run", *SMALL).code == 0
    return tmp_path / "run"


def test_a_run_from_a_newer_version(finished: Path, images: Path, run_cli: Callable) -> None:
    description = json.loads((finished / "model.json").read_text())
    (finished / "model.json").write_text(json.dumps(description | {"format": 99}))
    fails(run_cli("predict", finished, images), "newer version", "Upgrade")


def test_damaged_tensors(finished: Path, images: Path, run_cli: Callable) -> None:
    (finished / "model.safetensors").write_bytes(b"\0" * 40)
    fails(run_cli("predict", finished, images), "model.safetensors", "damaged")


def test_a_run_that_is_none(tmp_path: Path, images: Path, run_cli: Callable) -> None:
    fails(run_cli("predict", tmp_path / "nothing", images), "does not exist")
    fails(run_cli("predict", images, images), "is not a saved model", "model.json")


def test_evaluating_a_class_the_model_never_saw(finished: Path, tmp_path: Path, run_cli: Callable) -> None:
    other = write_images(tmp_path / "other", {"red": (200, 0, 0), "gren": (0, 200, 0)}, 2)
    fails(run_cli("evaluate", finished, other), "gren", "Did you mean 'green'?")


def test_unreadable_files_are_quarantined_and_strict_stops(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    (images / "red" / "broken.png").write_bytes(b"")
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--json", *SMALL)
    assert ran.code == 0
    assert any("broken.png" in name for f in ran.json["doctor"]["findings"] for name in f["ids"])
    assert ran.json["division"]["train"] + ran.json["division"]["test"] == 32
    fails(run_cli("fit", images, "--out", tmp_path / "strict", "--strict", *SMALL), "--strict", "broken.png")
    assert not (tmp_path / "strict").exists()


def test_one_picture_under_two_labels_is_named(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    (images / "green" / "copy.png").write_bytes((images / "red" / "000.png").read_bytes())
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--json", *SMALL)
    assert ran.code == 0
    found = {f["kind"]: f for f in ran.json["doctor"]["findings"]}
    assert {"green/copy.png", "red/000.png"} <= set(found["two-labels"]["ids"])


def test_a_path_with_spaces_chinese_and_emoji(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "my 图片 🐜", {"ant 蚂蚁": (200, 60, 60), "bee 🐝": (60, 200, 60)}, 8)
    out = tmp_path / "my run 🐝"
    ran = run_cli("fit", data, "--out", out, "--json", *SMALL)
    assert ran.code == 0, ran.err
    assert "p_bee 🐝" in (out / "predictions.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "蚂蚁" in (out / "report.html").read_text(encoding="utf-8")


def test_a_big_picture_passes_and_a_bomb_does_not(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    Image.new("RGB", (5000, 4000), (200, 60, 60)).save(images / "red" / "twenty_megapixels.jpg")
    Image.new("1", (20000, 20000)).save(images / "red" / "bomb.png")
    ran = run_cli("fit", images, "--out", tmp_path / "run", "--json", *SMALL)
    assert ran.code == 0, ran.err
    named = {name for f in ran.json["doctor"]["findings"] if f["severity"] == "error" for name in f["ids"]}
    assert named == {"red/bomb.png"}


def test_only_the_first_of_several_processes_asks_whether_a_run_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "begun").write_text("by the first of them")
    monkeypatch.setenv("RANK", "1")
    check_writable(tmp_path)
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ArtifactError, match=r"holds files that are not a run .*there is begun\)"):
        check_writable(tmp_path)


@pytest.mark.parametrize("command", ["fit", "tune", "evaluate", "compare"])
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_some_library_does_not_take(command: str, seed: int, images: Path, run_cli: Callable) -> None:
    places = [images] * (2 if command in ("evaluate", "compare") else 1)
    fails(run_cli(command, *places, "--seed", seed), "--seed", "0<=x<=4294967295")


def test_a_budget_without_end(images: Path, run_cli: Callable) -> None:
    fails(run_cli("fit", images, "--budget", "inf"), "'inf' is not a duration")


@pytest.mark.parametrize("command", ["fit", "tune", "inspect"])
def test_a_link_to_itself_as_data(command: str, tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "self").symlink_to("self")
    fails(run_cli(command, tmp_path / "self"), "does not exist")


@pytest.mark.parametrize("command", ["fit", "tune", "inspect"])
def test_an_empty_path_is_not_the_current_folder(
    command: str, images: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)
    fails(run_cli(command, ""), "it is empty")


def test_a_class_name_cannot_forge_a_line(tmp_path: Path, run_cli: Callable) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,label\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(8)) + '8,"x\nerror: all is lost"\n')
    ran = run_cli("inspect", table)
    assert ran.code == 0
    assert "\\nerror: all is lost" in ran.out
    assert "\nerror" not in ran.out


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04" + bytes(90), "a ZIP archive (a workbook is one)"),
        (b"\x1f\x8b" + bytes(90), "a gzip archive"),
        (b"<!DOCTYPE html><p>404, not found", "an HTML page"),
    ],
)
def test_a_table_that_is_something_else(content: bytes, what: str, tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    fails(run_cli("inspect", tmp_path / "t.csv"), what, "as CSV")


def test_a_comma_without_quotes(tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "t.csv").write_text("text,label\ngood, really,1\nbad,0\n")
    fails(run_cli("inspect", tmp_path / "t.csv"), "good, really,1", "must stand in double quotes")


def test_an_argument_cannot_forge_a_line(tmp_path: Path, run_cli: Callable) -> None:
    fails(run_cli("inspect", tmp_path / "x\nerror: all is lost"), "x\\nerror: all is lost does not exist")
