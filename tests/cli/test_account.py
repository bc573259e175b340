"""Every file and row that was given is answered, or named with the reason."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from transferium.artifact import load_artifact
from transferium.data.read import read
from worlds.folders import pictures, plant
from worlds.images import RED_GREEN, write_images

SMALL = ("--method", "probe", "--set", "size=32")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of red and green pictures."""
    from transferium.estimator.classifier import TransferClassifier

    folder = tmp_path_factory.mktemp("model")
    write_images(folder / "data", RED_GREEN, 6)
    TransferClassifier(method="probe", settings={"size": 32}).fit(read(folder / "data")).save(folder / "run")
    assert load_artifact(folder / "run").kind == "image"
    return folder / "run"


def ids(text: str) -> list[str]:
    return [row[0] for row in csv.reader(text.splitlines())][1:]


def test_pictures_beside_folders_are_answered_too(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("predict", model, plant(tmp_path, *pictures("", (), 3), "old/9.png", "notes.txt"))
    assert ran.code == 0
    assert ids(ran.out) == ["0.png", "1.png", "2.png", "old/9.png"]
    assert "holds 4 images" in ran.err
    assert "note: 1 file beside the examples, not read: notes.txt" in ran.err


def test_a_part_without_labels_is_answered_too(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path, *pictures("train/", ("red", "green")), *pictures("test/", ()))
    ran = run_cli("predict", model, tmp_path, "--json")
    assert [one["id"] for one in json.loads(ran.out)][-2:] == ["test/0.png", "test/1.png"]
    assert len(json.loads(ran.out)) == 6


def test_what_folders_mean_does_not_matter_for_answers(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path, *pictures("", ("train", "other")))
    assert ids(run_cli("predict", model, tmp_path).out) == pictures("", ("other", "train"))


def test_a_table_among_pictures_does_not_hide_them(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path, *pictures("", (), 3))
    (tmp_path / "sample_submission.csv").write_text("id,share\n0,0.5\n")
    ran = run_cli("predict", model, tmp_path)
    assert len(ids(ran.out)) == 3
    assert "warning: 1 table beside the examples, not read: sample_submission.csv" in ran.err


def test_reasons_are_counted_with_the_first_names(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path, "fine.png")
    for i in range(5):
        (tmp_path / f"{i}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes([i]) * 300)
    ran = run_cli("predict", model, tmp_path)
    assert len(ids(ran.out)) == 6
    assert ran.err.count("\n") == 2
    assert "5 examples could not be used (not an image but a HEIC photo: save it as JPEG or PNG): 0.heic, 1" in ran.err


def test_evaluate_says_what_it_leaves_out(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path, *pictures("", ("red", "green")), "stray.png")
    (tmp_path / "red/empty.png").write_bytes(b"")
    ran = run_cli("evaluate", model, tmp_path)
    assert ran.code == 0
    assert "warning: 1 image left aside" in ran.err
    assert (
        "1 example could not be used (empty file (0 bytes)): red/empty.png; they are not among the figures" in ran.err
    )


def test_the_reasons_are_said_where_nothing_is_left(tmp_path: Path, run_cli: Callable) -> None:
    table = tmp_path / "t.csv"
    table.write_text("image,label\n" + "".join(f"{i}.jpg,{'ab'[i % 2]}\n" for i in range(20)))
    ran = run_cli("fit", table, "--out", tmp_path / "run", *SMALL)
    assert ran.code == 2
    assert "no usable example" in ran.err
    assert "20 examples put aside: 0.jpg (cannot be read: No such file or directory)" in ran.err
    assert "not one of these files is there" in ran.out


def test_one_class_alone_says_what_became_of_the_other(tmp_path: Path, run_cli: Callable) -> None:
    (tmp_path / "t.csv").write_text("text,label\ngood,a\nfine,a\n,b\n ,b\n")
    ran = run_cli("fit", tmp_path / "t.csv", "--out", tmp_path / "run", "--backbone", "char_ngrams")
    assert "only one class, 'a'" in ran.err
    assert "2 examples put aside: 2 (empty text), 3 (empty text)" in ran.err


def test_a_missing_text_keeps_its_row(tmp_path: Path, run_cli: Callable) -> None:
    rows = [f"{'good fun' if i % 2 else 'bad bore'} {i},{i % 2}" for i in range(12)]
    rows[3] = ",1"
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]))
    fit = run_cli("fit", tmp_path / "t.csv", "--out", tmp_path / "run", "--backbone", "char_ngrams", "--method", "ncm")
    assert fit.code == 0
    assert "3 (empty text)" in (tmp_path / "run/doctor.json").read_text()
    ran = run_cli("predict", tmp_path / "run", tmp_path / "t.csv")
    assert ran.out.splitlines()[4].split(",")[:3] == ["3", "1", ""]
    assert "warning: 1 example could not be used (empty text): 3" in ran.err


def test_predict_reads_a_table_whose_labels_have_gaps(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path, *pictures("", (), 2))
    (tmp_path / "t.csv").write_text("image,label\n0.png,red\n1.png,\n")
    assert ids(run_cli("predict", model, tmp_path / "t.csv").out) == ["0.png", "1.png"]


def test_formulas_do_not_reach_a_spreadsheet(model: Path, tmp_path: Path, run_cli: Callable) -> None:
    plant(tmp_path / "d", "=cmd.png", "+1.png", "@x.png", "-y.png", "ok.png")
    run_cli("predict", model, tmp_path / "d", "--out", tmp_path / "p.csv")
    assert ids((tmp_path / "p.csv").read_text()) == ["'+1.png", "'-y.png", "'=cmd.png", "'@x.png", "ok.png"]


@pytest.mark.parametrize("command", [("inspect",), ("predict",)])
def test_names_of_files_cannot_steer_the_terminal(
    model: Path, tmp_path: Path, run_cli: Callable, command: tuple[str, ...]
) -> None:
    plant(tmp_path / "d", "a\x1b[2J/1.png", "b\nerror: all is lost/2.png", "c\x1b]0;x\x07.txt")
    (tmp_path / "d/a\x1b[2J/bad\rname.png").write_bytes(b"")
    ran = run_cli(*command, *([model] if command == ("predict",) else []), tmp_path / "d")
    printed = ran.out + ran.err
    assert not {"\x1b", "\r", "\x07"} & set(printed)
    assert not any(line.startswith("error: all is lost") for line in printed.splitlines())
    assert "bad\\rname.png" in printed


class Refusing:
    """A standard output that takes nothing."""

    encoding = "utf-8"

    def __init__(self, error: OSError) -> None:
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


@pytest.mark.parametrize(
    "error, code, said",
    [
        (
            OSError(28, "No space left on device"),
            2,
            "error: predictions cannot be written to standard output: No space",
        ),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_output_that_takes_no_more(
    model: Path,
    tmp_path: Path,
    run_cli: Callable,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    code: int,
    said: str,
) -> None:
    plant(tmp_path, "1.png")
    monkeypatch.setattr(sys, "stdout", Refusing(error))
    ran = run_cli("predict", model, tmp_path)
    assert ran.code == code
    assert said in ran.err
    assert "fault of transferium" not in ran.err


def test_what_the_system_refuses_is_no_fault_of_this_program(model: Path, run_cli: Callable) -> None:
    ran = run_cli("predict", model, "x" * 300)
    assert ran.code == 2
    assert "File name too long" in ran.err


def test_commands_print_in_one_place() -> None:
    from transferium import cli

    folder = Path(cli.__file__).parent
    printing = [file.name for file in folder.glob("*.py") if "click.echo(" in file.read_text(encoding="utf-8")]
    assert printing == ["echo.py"]


def test_new_rows_need_no_names(tmp_path: Path, run_cli: Callable) -> None:
    rows = [f"n{i},{i % 7},{i},{'a' if i < 20 else 'b'}" for i in range(40)]
    (tmp_path / "known.csv").write_text("\n".join(["name,x,y,label", *rows]) + "\n")
    (tmp_path / "new.csv").write_text("x,y\n1,2\n3,35\n")
    run = tmp_path / "run"
    assert run_cli("fit", tmp_path / "known.csv", "--id", "name", "--method", "ncm", "--out", run).code == 0
    assert ids(run_cli("predict", run, tmp_path / "known.csv").out)[:2] == ["n0", "n1"]
    assert ids(run_cli("predict", run, tmp_path / "new.csv").out) == ["0", "1"]
    assert run_cli("predict", run, tmp_path / "new.csv", "--id", "name").code == 2


def test_pictures_beside_annotations_are_told_how_they_are_read(tmp_path: Path, run_cli: Callable) -> None:
    data = plant(tmp_path / "scenes", *pictures("images/", (), 3), "annotations/0.xml")
    ran = run_cli("fit", data, "--out", tmp_path / "run")
    assert ran.code == 2 and "annotations (if it holds boxes of the pictures: --problem boxes)." in ran.err
    assert (
        "--problem boxes" not in run_cli("fit", plant(tmp_path / "other", *pictures("images/", (), 3), "old/0.xml")).err
    )
