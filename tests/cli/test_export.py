"""``transferium export`` as its user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

Run = Callable[..., Any]


def test_a_run_becomes_one_file_and_a_card(tmp_path: Path, run_cli: Run) -> None:
    (data := tmp_path / "texts.csv").write_text(
        "\n".join(["text,label", *(f"{word} {i},{word}" for i in range(20) for word in ("good", "bad"))])
    )
    run, file, card = tmp_path / "run", tmp_path / "model.onnx", tmp_path / "card.md"
    assert run_cli("fit", data, "--out", run, "--method", "ncm", "--backbone", "char_ngrams").code == 0
    for form in ((), ("--format", "onnx")):  # an earlier export is replaced
        told = run_cli("export", run, *form, "--out", file)
        assert (told.code, told.err) == (0, "")
        assert f"{file}: 0.1 MB" in told.out
    metadata = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == ["bad", "good"]

    assert run_cli("export", run, "--format", "card", "--out", card).code == 0
    figures, text = json.loads((run / "metrics.json").read_text()), card.read_text(encoding="utf-8")
    assert f"| accuracy | {figures['test']['accuracy']['value']:.4g} |" in text
    assert figures["verdict_sentence"].split(":")[0] in text
    assert str(tmp_path) not in text
    (run / "metrics.json").write_text("[", encoding="utf-8")
    refused = run_cli("export", run, "--format", "card", "--out", card)
    assert refused.code == 2
    assert "metrics.json is damaged" in refused.err
    assert card.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing", "--out", "a.onnx"], "the folder does not exist"),
        (["nothing"], "Missing option '--out'"),
        (["nothing", "--format", "pickle", "--out", "a"], "'pickle' is not one of"),
        (["nothing", "--out", ""], "it is empty"),
    ],
)
def test_bad_input_is_said(arguments: list[str], said: str, run_cli: Run) -> None:
    ran = run_cli("export", *arguments)
    assert ran.code == 2
    assert said in ran.err
