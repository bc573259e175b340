"""A saved model as an ONNX file answers as ``predict`` does, alone; what cannot be one says which part."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import transferium as tm
from transferium.artifact import Artifact, load_artifact
from transferium.errors import ArtifactError, InputError
from transferium.job.export.model_card import model_card
from transferium.job.export.onnx.onnx_file import onnx_file
from transferium.job.export.onnx.onnx_graph import ReadGraph
from transferium.job.export.onnx.wire import fields
from transferium.job.export.run import export
from transferium.models.catalogue import OWN
from transferium.models.heads.base import AnyHead
from transferium.models.heads.cosine import CosineHead
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes
from transferium.problems.problem import Link
from worlds.tables import amounts_with_gaps

DOCS = Path(__file__).resolve().parents[2] / "docs" / "export.md"
EARLIER = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1"
ALONE = "import sys\nsys.modules['transferium'] = None\n"
"""Before a documented program: it has to do without this one."""


def documented(heading: str) -> str:
    """The program below a heading of the documentation."""
    part = DOCS.read_text(encoding="utf-8").split(f"## {heading}\n")[1]
    return ALONE + re.findall(r"```python\n(.*?)```", part, re.S)[0]


def answers(heading: str, *arguments: object, stdin: str = "") -> list[list[str]]:
    """The cells that a documented program prints."""
    command = [sys.executable, "-c", documented(heading), *map(str, arguments)]
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr, "onnxruntime has something to say about the file"
    return [line.split("\t") for line in ran.stdout.splitlines()]


def opened(file: Path) -> tuple[Any, dict[str, Any]]:
    """A session, and the classes and preprocessing of a file that the package onnx finds nothing wrong with."""
    onnx.checker.check_model(file, full_check=True)
    session = onnxruntime.InferenceSession(file)
    told = session.get_modelmeta().custom_metadata_map
    return session, {name: json.loads(told[name]) for name in ("classes", "preprocessing", "problem")}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of several forms: sizes, a turned JPEG, a large one, greys, a palette, something transparent."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    made = []
    for i in range(8):
        low, (height, width) = rng.integers(0, 256, (6, 8, 3), np.uint8), (150 + 41 * i, 230 + 17 * i)
        image = Image.fromarray(low).resize((width, height), Image.Resampling.BICUBIC)
        made.append(image)
    exif = Image.Exif()
    exif[0x0112] = 6
    for i, (image, mode) in enumerate(zip(made, ["RGB", "RGB", "L", "P", "RGBA", "LA", "1", "RGB"], strict=True)):
        converted = image.convert("RGBA" if mode == "LA" else mode)
        if "A" in mode:
            converted.putalpha(image.convert("L"))
            converted = converted.convert(mode)
        converted.save(folder / f"{i}.{'png' if i else 'jpg'}", exif=exif)
    large = made[1].resize((2400, 1300))
    large.save(folder / "8.jpg", exif=exif)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def of_pictures(tmp_path_factory: pytest.TempPathFactory, pictures: list[Path]) -> Path:
    """A saved model of pictures."""
    folder = tmp_path_factory.mktemp("model") / "run"
    labels = [("odd", "even", "third")[i % 3] for i in range(len(pictures))]
    tm.TransferClassifier("probe").fit(list(map(str, pictures)), labels).save(folder)
    return folder


def test_pictures_from_their_bytes_on_by_the_documented_program(
    of_pictures: Path, pictures: list[Path], tmp_path: Path
) -> None:
    export(of_pictures, file := tmp_path / "model.onnx", "onnx")
    _, told = opened(file)
    assert told["classes"] == list(load_artifact(of_pictures).classes)
    assert told["preprocessing"]["size"] == 224
    model = tm.load(of_pictures)
    expected = model.predict_proba(list(map(str, pictures)))
    found = answers("Pictures in Python", file, *pictures)
    assert [row[1] for row in found] == model.classes_[expected.argmax(axis=1)].tolist()
    np.testing.assert_allclose([list(map(float, row[2:])) for row in found], expected, atol=1e-5, rtol=0)


def test_a_network_that_reads_one_picture_at_a_time_answers_several(
    of_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(of_pictures, together := tmp_path / "together.onnx", "onnx")
    monkeypatch.setattr(ReadGraph, "of_any_number", property(lambda self: self))
    export(of_pictures, singly := tmp_path / "singly.onnx", "onnx")
    assert [b"Scan" in file.read_bytes() for file in (together, singly)] == [False, True]
    given = {"pixels": np.random.default_rng(1).integers(0, 256, (3, 224, 224, 3), np.uint8)}
    found = [opened(file)[0].run(None, given)[0] for file in (together, singly)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert found[0].std(axis=0).min() > 1e-6, "the pictures are told apart"


def test_texts_of_several_lengths_by_the_documented_program(tmp_path: Path) -> None:
    texts = [f"{'very ' * (n % 4)}{animal} {n} runs" for n in range(6) for animal in ("dog", "Katze", "猫")]
    labels = ["dog", "cat", "cat"] * 6
    model = tm.TransferClassifier("probe", backbone="char_ngrams", store=False).fit(texts, labels)
    model.save(tmp_path / "run")
    export(tmp_path / "run", file := tmp_path / "model.onnx", "onnx")
    opened(file)
    new = ["a dog", "eine Katze im Haus", "猫跑", "x"]
    found = answers("Texts in Python", file, stdin="\n".join(new))
    expected = model.predict_proba(new)
    assert [row[0] for row in found] == model.predict(new).tolist()
    np.testing.assert_allclose([list(map(float, row[1:])) for row in found], expected, atol=1e-5, rtol=0)


def test_fitted_ngrams_by_the_documented_program(tmp_path: Path) -> None:
    texts = [f"{animal} {n} 跑, very {'well ' * (n % 3)}" for n in range(100) for animal in ("dog", "Katze", "猫")]
    model = tm.TransferClassifier("probe", backbone="char_ngrams", store=False).fit(texts, ["dog", "cat", "cat"] * 100)
    model.save(tmp_path / "run")
    export(tmp_path / "run", file := tmp_path / "model.onnx", "onnx")
    assert "vocabulary" in opened(file)[1]["preprocessing"]
    new = ["a dog", "eine  Katze im Haus", "猫跑 ＡＢ", "x", "Ω", "dog " * 900]
    found = answers("Texts in Python", file, stdin="\n".join(new))
    np.testing.assert_allclose(
        [list(map(float, row[1:])) for row in found], model.predict_proba(new), atol=1e-5, rtol=0
    )


def test_a_tuned_network_that_came_as_a_graph(tmp_path: Path) -> None:
    export(run := EARLIER / "pictures_tuned", file := tmp_path / "model.onnx", "onnx")
    opened(file)
    found = answers("Pictures in Python", file, *sorted((run / "input").rglob("*.*")))
    expected = json.loads((run / "answers.json").read_text())["."]
    assert [row[1] for row in found] == expected["predicted"]
    np.testing.assert_allclose([list(map(float, row[2:])) for row in found], expected["probabilities"], atol=1e-5)


@pytest.mark.parametrize("name", ["rows_coral", "rows_dann"])
def test_adapted_models_of_features(name: str, tmp_path: Path) -> None:
    export(run := EARLIER / name, file := tmp_path / "model.onnx", "onnx")
    rows = np.genfromtxt(run / "input.csv", np.float32, delimiter=",", names=True)
    columns = [column for column in rows.dtype.names if column != "label"]
    given = np.stack([rows[column] for column in columns], axis=1)
    expected = json.loads((run / "answers.json").read_text())["."]["probabilities"]
    np.testing.assert_allclose(opened(file)[0].run(None, {"features": given})[0], expected, atol=1e-5)


def test_pairs_of_texts(tmp_path: Path) -> None:
    texts = [f"{animal} {n}" for n in range(8) for animal in ("dog", "cat")]
    pairs = tm.read({"a": texts, "b": texts[::-1], "y": ["no", "yes"] * 8}, text=("a", "b"), label="y")
    model = tm.TransferClassifier("probe", backbone="char_ngrams", store=False).fit(pairs)
    model.save(tmp_path / "run")
    export(tmp_path / "run", file := tmp_path / "model.onnx", "onnx")
    session, told = opened(file)
    assert told["preprocessing"]["kind"] == "pair"
    given = {name: np.zeros((2, 2, 9), np.int64) for name in ("ids", "mask")}
    for row, pair in enumerate((("dog 1", "a cat"), ("cat 3 x", "dog"))):
        for side, text in enumerate(pair):
            given["ids"][row, side, : len(text)] = [byte + 1 for byte in text.encode()]
            given["mask"][row, side, : len(text)] = 1
    new = tm.read({"a": ["dog 1", "cat 3 x"], "b": ["a cat", "dog"]}, text=("a", "b"))
    np.testing.assert_allclose(session.run(None, given)[0], model.predict_proba(new), atol=1e-5, rtol=0)


def test_rows_of_numbers_their_missing_cells_and_amounts_of_any_size(tmp_path: Path) -> None:
    x, y = amounts_with_gaps()
    model = tm.TransferRegressor("probe").fit(x, y)
    model.save(tmp_path / "run")
    export(tmp_path / "run", file := tmp_path / "model.onnx", "onnx")
    session, told = opened(file)
    assert told["problem"]["kind"] == "regression"
    x[0], x[2, 1] = np.nan, -1e300
    given = {"rows": x[:, [int(name) for name in told["preprocessing"]["columns"]]]}
    np.testing.assert_allclose(session.run(["amounts"], given)[0][:, 0], model.predict(x), rtol=1e-6)


@pytest.mark.parametrize("link", ["softmax", "sigmoid", "identity"])
@pytest.mark.parametrize("kind", ["linear", "cosine", "layered"])
def test_every_head_and_what_its_scores_mean(kind: str, link: Link, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weight, bias, hidden = rng.normal(size=(3, 4)), rng.normal(size=3), ((rng.normal(size=(4, 5)), rng.normal(size=4)),)
    wide = rng.normal(size=(3, 5))
    heads: dict[str, AnyHead] = {
        "linear": Head(wide, bias, 0.7, link=link),
        "cosine": CosineHead(wide, bias, 0.3, link=link),
        "layered": LayeredHead(weight, bias, 2.0, hidden, link=link),
    }
    head = heads[kind]
    artifact = Artifact(replace(OWN["features"], width=5), head, Classes(("a", "b", "ç")))
    (file := tmp_path / "model.onnx").write_bytes(onnx_file(artifact))
    session, told = opened(file)
    assert told["classes"] == ["a", "b", "ç"]
    given = np.concatenate([rng.normal(size=(9, 5)), np.zeros((1, 5))]).astype(np.float32)
    np.testing.assert_allclose(session.run(None, {"features": given})[0], head.outputs(given), atol=1e-12)


def test_what_cannot_be_exported_says_which_part(tmp_path: Path) -> None:
    frame = {"size": np.arange(60.0), "colour": ["red", "blue"] * 30}
    labels = np.where(np.arange(60) < 30, "small", "big")
    domain = tm.read(frame | {"y": labels.tolist()}, label="y")
    tm.TransferClassifier("probe").fit(domain).save(tmp_path / "table")
    with pytest.raises(ArtifactError, match=r"column 'colour' \(category\) becomes numbers is no part"):
        export(tmp_path / "table", tmp_path / "model.onnx", "onnx")
    with pytest.raises(ArtifactError, match=r"its head \(neighbours\) is not written as a graph"):
        export(EARLIER / "rows_knn", tmp_path / "model.onnx", "onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_graph_that_answers_otherwise_is_not_written(
    of_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transferium.models.heads.linear.Head._scores", lambda self, block: block[:, : self.classes])
    with pytest.raises(ArtifactError, match="does not answer as the model does"):
        export(of_pictures, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_a_model_card_of_a_model_alone(of_pictures: Path, tmp_path: Path) -> None:
    export(of_pictures, file := tmp_path / "card.md", "card")
    assert "No evaluation lies beside this model" in file.read_text(encoding="utf-8")


def test_names_in_a_model_card_change_nothing_around_them(of_pictures: Path) -> None:
    artifact = load_artifact(of_pictures)
    named = replace(artifact.backbone, name="<b>a\n# b", licence="MIT\nlicense: apache-2.0")
    card = model_card(replace(artifact, backbone=named), of_pictures.parent / "none").decode()
    assert "<b>" not in card and not {"# b", "license: apache-2.0"} & set(card.splitlines())


def test_other_files_are_not_overwritten(of_pictures: Path, tmp_path: Path) -> None:
    (kept := tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds something else than an earlier export"):
        export(of_pictures, kept, "onnx")
    with pytest.raises(InputError, match="is a folder or a device"):
        export(of_pictures, tmp_path, "onnx")
    with pytest.raises(InputError, match="cannot be written"):
        export(of_pictures, kept / "model.onnx", "card")
    assert kept.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("damage", [b"\x0a\xff", b"\x0b", b"\x80" * 12, b"\x0d\x00"])
def test_what_is_no_message_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match="no message of Protocol Buffers"):
        list(fields(damage))
