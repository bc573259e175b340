"""A saved model as a PyTorch program, as a folder of transformers or timm, and as a folder for Docker."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from PIL import Image
from tokenizers import Tokenizer

import transferium as tm
from transferium.errors import ArtifactError, InputError
from transferium.job.export.modeling_transferium import TransferiumConfig, TransferiumForSequenceClassification
from transferium.job.export.run import export
from transferium.job.export.sign import TOLD
from transferium.job.export.torch_heads import head_module
from transferium.models.heads.base import AnyHead
from transferium.models.heads.cosine import CosineHead
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import Head
from transferium.models.sources.encoders import TextEncoder
from transferium.problems.problem import Link
from worlds.tables import amounts_with_gaps

DOCS = Path(__file__).resolve().parents[2] / "docs" / "export.md"
EARLIER = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1"


def documented(heading: str, language: str = "python") -> str:
    """The program below a heading of the documentation."""
    part = DOCS.read_text(encoding="utf-8").split(f"## {heading}\n")[1]
    return re.findall(rf"```{language}\n(.*?)```", part, re.S)[0]


def loaded(file: Path) -> dict[str, Any]:
    """What the documented lines of PyTorch have after they read ``file``."""
    found: dict[str, Any] = {}
    exec(documented("PyTorch").replace("ants.pt2", str(file)), found)
    return found


def ids_of(texts: list[str], tokenizer: Tokenizer) -> tuple[torch.Tensor, torch.Tensor]:
    """What a model of texts reads: ids, padded, and the mask."""
    coded = [torch.tensor(one.ids) for one in tokenizer.encode_batch(texts)]
    ids = torch.nn.utils.rnn.pad_sequence(coded, batch_first=True)
    return ids, (ids > 0).long()


@pytest.mark.slow
def test_rows_of_numbers_and_texts_by_the_documented_lines(tmp_path: Path) -> None:
    x, y = amounts_with_gaps()
    model = tm.TransferRegressor("probe").fit(x, y)
    model.save(tmp_path / "rows")
    export(tmp_path / "rows", file := tmp_path / "rows.pt2", "torch")
    found = loaded(file)
    x[0], x[2, 1] = np.nan, -1e300
    order = [int(name) for name in found["pre"]["columns"]]
    np.testing.assert_allclose(found["model"](torch.tensor(x[:, order]))[:, 0], model.predict(x), rtol=1e-6)

    texts = [f"{animal} {n} runs" for n in range(6) for animal in ("dog", "Katze", "猫")]
    speaker = tm.TransferClassifier("probe", backbone="char_ngrams", store=False).fit(texts, ["dog", "cat", "cat"] * 6)
    speaker.save(tmp_path / "texts")
    export(tmp_path / "texts", file, "torch")  # an earlier export is replaced
    found, new = loaded(file), ["a dog", "eine Katze im Haus, die schläft", "猫跑", "x"]
    shares = found["model"](*ids_of(new, Tokenizer.from_str(found["told"]["tokenizer"])))
    assert [found["classes"][best] for best in shares.argmax(dim=1)] == speaker.predict(new).tolist()
    np.testing.assert_allclose(shares, speaker.predict_proba(new), atol=1e-5, rtol=0)
    assert str(Path(tm.__file__).parent).encode() not in file.read_bytes(), "it says where the code lies here"


@pytest.mark.parametrize(("kind", "link"), [("linear", "sigmoid"), ("cosine", "softmax"), ("layered", "identity")])
def test_every_head_is_a_module(kind: str, link: Link) -> None:
    rng = np.random.default_rng(0)
    weight, bias, hidden = rng.normal(size=(3, 4)), rng.normal(size=3), ((rng.normal(size=(4, 5)), rng.normal(size=4)),)
    heads: dict[str, AnyHead] = {
        "linear": Head(rng.normal(size=(3, 5)), bias, 0.7, link=link),
        "cosine": CosineHead(rng.normal(size=(3, 5)), bias, 0.3, link=link),
        "layered": LayeredHead(weight, bias, 2.0, hidden, link=link),
    }
    given = np.concatenate([rng.normal(size=(9, 5)), np.zeros((1, 5))]).astype(np.float32)
    with torch.inference_mode():
        found = head_module(heads[kind])(torch.tensor(given))
    np.testing.assert_allclose(found, heads[kind].outputs(given), atol=1e-12)


@pytest.mark.slow
def test_pictures_in_torch_and_timm(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 256, 256, 3), np.uint8)
    names = [str(tmp_path / f"{i}.png") for i in range(9)]
    for name, one in zip(names, pixels, strict=True):
        Image.fromarray(one).save(name)
    model = tm.TransferClassifier("probe").fit(names, list("abcabcabc"))
    expected = model.predict_proba(names)
    model.save(tmp_path / "run")
    export(tmp_path / "run", file := tmp_path / "model.pt2", "torch")
    found = loaded(file)["model"](torch.from_numpy(pixels[:, 16:240, 16:240].copy()))
    np.testing.assert_allclose(found, expected, atol=1e-5)

    export(tmp_path / "run", folder := tmp_path / "timm", "huggingface")
    again: dict[str, Any] = {}
    exec(documented("timm").replace("ants_folder", str(folder)).replace("ant.jpg", names[0]), again)
    np.testing.assert_allclose(again["shares"], expected[0], atol=1e-5)
    assert again["classes"] == ["a", "b", "c"]


@pytest.mark.slow
def test_texts_in_a_folder_of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'very ' * (n % 4)}{animal} {n}" for n in range(8) for animal in ("dog", "cat")]
    model = tm.TransferClassifier("probe", backbone="all_minilm_l6_v2", store=False).fit(texts, ["dog", "cat"] * 8)
    model.save(tmp_path / "run")
    export(tmp_path / "run", folder := tmp_path / "exported", "huggingface")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "code"))
    found: dict[str, Any] = {}
    exec(documented("transformers").replace("dogs_and_cats", str(folder)), found)
    inputs = found["tokenizer"](texts, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        shares = found["model"].eval()(**inputs).logits.softmax(dim=1)
    np.testing.assert_allclose(shares, model.predict_proba(texts), atol=1e-5)
    assert found["model"].config.id2label == {0: "cat", 1: "dog"}
    assert str(Path(tm.__file__).parent) not in (folder / "config.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("pooling", "normalise"), [("mean", True), ("cls", False), ("max", False)])
def test_the_code_that_travels_pools_as_the_encoder_does(pooling: Any, normalise: bool) -> None:
    told = {"model_type": "bert", "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 16}
    config = TransferiumConfig(told | {"num_attention_heads": 2}, pooling, normalise, [4], num_labels=3)
    config.problem_type = "single_label_classification"
    model = TransferiumForSequenceClassification(config).eval()
    ids = torch.tensor([[2, 5, 7, 9, 3], [2, 11, 3, 0, 0]])
    encoder = TextEncoder(model.encoder, pooling, normalise)
    with torch.inference_mode():
        found = model(ids, (ids > 0).long(), labels=torch.tensor([0, 2]))
        expected = model.classifier(model.hidden[0](encoder(ids, (ids > 0).long())).relu())
    torch.testing.assert_close(found.logits, expected)
    torch.testing.assert_close(found.loss, torch.nn.functional.cross_entropy(expected, torch.tensor([0, 2])))


def test_what_has_no_place_there_is_refused_by_its_part(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Hugging Face folder for feature rows, only for texts and images"):
        export(EARLIER / "rows_probe", tmp_path / "out", "huggingface")
    with pytest.raises(ArtifactError, match=r"its head \(neighbours\) is not written as a graph"):
        export(EARLIER / "rows_knn", tmp_path / "out", "torch")
    with pytest.raises(ArtifactError, match=r"its backbone is no PyTorch module here, and --format onnx needs none"):
        export(EARLIER / "pictures_tuned", tmp_path / "out", "torch")
    with pytest.raises(ArtifactError, match=r"its network \(CharNgrams\) is no transformers encoder"):
        export(EARLIER / "texts_probe", tmp_path / "out", "huggingface")
    assert not list(tmp_path.iterdir())
    (kept := tmp_path / "mine").mkdir()
    (kept / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(InputError, match="is no earlier export of this kind; nothing was overwritten"):
        export(EARLIER / "rows_probe", kept, "docker")
    assert [file.name for file in kept.iterdir()] == ["Dockerfile"]


def test_what_a_user_put_into_an_export_and_exports_of_another_kind_are_not_replaced(tmp_path: Path) -> None:
    export(EARLIER / "rows_probe", folder := tmp_path / "image", "docker")
    with pytest.raises(InputError, match="is no earlier export of this kind"):
        export(EARLIER / "rows_probe", folder, "huggingface")
    (folder / "packages" / "mine.whl").touch()
    with pytest.raises(InputError, match=r"packages holds mine\.whl, which would be lost"):
        export(EARLIER / "rows_probe", folder, "docker")
    assert (folder / "packages" / "mine.whl").exists()


def instructions(folder: Path) -> dict[str, list[str]]:
    """What each instruction of a Dockerfile is told, in order."""
    found: dict[str, list[str]] = {}
    for line in (folder / "Dockerfile").read_text(encoding="utf-8").splitlines():
        word, told = line.split(" ", 1)
        found.setdefault(word, []).append(told)
    return found


def test_a_folder_for_docker_builds_from_packages_alone(tmp_path: Path) -> None:
    for _ in range(2):  # an earlier export is replaced
        export(EARLIER / "rows_probe", folder := tmp_path / "image", "docker")
    told = instructions(folder)
    assert set(told) == {"FROM", "RUN", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert next(iter(told)) == "FROM" and told["USER"] != ["root"]
    for source, _ in map(shlex.split, told["COPY"]):
        assert (folder / source).exists(), source
    wanted = Requirement((folder / "requirements.txt").read_text().strip())
    assert wanted.specifier.contains(version("transferium"))
    offered = (DOCS.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{extra} = [" in offered for extra in wanted.extras)
    assert tm.load(folder / "model").predict(np.zeros((1, 5))).shape == (1,)
    assert json.loads((folder / TOLD).read_text())["format"] == "docker"


@pytest.mark.slow
def test_the_commands_of_the_image_serve_the_model(tmp_path: Path) -> None:
    export(EARLIER / "rows_probe", folder := tmp_path / "image", "docker")
    told = instructions(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program, *arguments = json.loads(told["CMD"][0])
    assert program == "transferium"
    given = [port if word == "8000" else word.replace("/model", str(folder / "model")) for word in arguments]
    command = [sys.executable, "-m", "transferium", *given]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None and f":{port}" in server.stderr.readline()
        asked = json.loads(told["HEALTHCHECK"][0].split("CMD ")[1])
        health = [sys.executable, *(word.replace("8000", port) for word in asked[1:])]
        assert subprocess.run(health, check=False).returncode == 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as answer:
            assert answer.status == 200
        server.terminate()
        server.wait()
        assert subprocess.run(health, check=False, capture_output=True).returncode != 0


@pytest.mark.slow
def test_the_documented_javascript_answers_as_predict_does(tmp_path: Path) -> None:
    node = shutil.which("node")
    here = node and subprocess.run([node, "-e", "require('onnxruntime-node')"], check=False, capture_output=True)
    if not here or here.returncode:
        # A package of npm, which no extra of Python can bring: where it was installed, NODE_PATH says where it lies.
        pytest.skip("the documented JavaScript needs node with onnxruntime-node, and NODE_PATH to name it")
    assert node is not None
    pixels = np.random.default_rng(0).integers(0, 256, (9, 256, 256, 3), np.uint8)
    names = [tmp_path / f"{i}.png" for i in range(9)]
    for name, one in zip(names, pixels, strict=True):
        Image.fromarray(one).save(name)
    model = tm.TransferClassifier("probe").fit(list(map(str, names)), list("abcabcabc"))
    model.save(tmp_path / "run")
    export(tmp_path / "run", file := tmp_path / "model.onnx", "onnx")
    (raw := tmp_path / "pixels").write_bytes(pixels[:, 16:240, 16:240].tobytes())
    (script := tmp_path / "answer.js").write_text(documented("JavaScript and C#", "js"))
    ran = subprocess.run([node, script, file, raw, "224"], check=True, capture_output=True, text=True)
    found = [list(map(float, line.split("\t"))) for line in ran.stdout.splitlines()]
    np.testing.assert_allclose(found, model.predict_proba(list(map(str, names))), atol=1e-5)
