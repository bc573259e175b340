"""A run of an adapter method, and the network of a finished run as a backbone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_run_keeps_an_adapter_and_is_a_backbone_itself(
    run_cli: Callable[..., Any], images: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    small = ("--backbone", "small_cnn", "--set", "epochs=1")
    ran = run_cli("fit", images, "--method", "lora", "--out", first, *small)
    assert ran.code == 0, ran.err
    assert "trainable_parameters = " in ran.out
    told = json.loads((first / "metrics.json").read_text())["selection"]
    assert told["chosen"]["trainable_parameters"] < told["chosen"]["parameters"]
    assert "parameters were trained" in (first / "report.html").read_text()
    assert (first / "adapter.safetensors").is_file() and not (first / "backbone.safetensors").exists()
    assert run_cli("predict", first, images, "--out", tmp_path / "p.csv").code == 0
    ran = run_cli("fit", images, "--backbone", first, "--method", "finetune", "--set", "epochs=1", "--out", second)
    assert ran.code == 0, ran.err
    assert (second / "backbone.safetensors").is_file()
