"""Weights are read without running anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from transferium.errors import BackboneError
from transferium.models.sources.weight_files import digest_files, read_weights, weight_files


class Malicious:
    """Unpickled, this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"weight": Malicious(tmp_path / "owned")}, tmp_path / "bad.pth")
    with pytest.raises(BackboneError, match=r"bad.pth was not loaded: it is a pickle .* as .safetensors"):
        read_weights(tmp_path / "bad.pth")
    assert not (tmp_path / "owned").exists()
    torch.load(tmp_path / "bad.pth", weights_only=False)
    assert (tmp_path / "owned").exists()  # the file really would have done it


def test_checkpoints_are_unwrapped(tmp_path: Path) -> None:
    tensors = {"module.a.weight": torch.ones(2), "module.b": torch.zeros(1)}
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "wrapped.pth")
    assert list(read_weights(tmp_path / "wrapped.pth")) == ["a.weight", "b"]
    save_file({"x": torch.ones(3)}, tmp_path / "x.safetensors")
    assert read_weights(tmp_path / "x.safetensors")["x"].sum() == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.pth", None, "there is no weights file"),
        ("empty.pth", b"", "cannot be read as a torch checkpoint"),
        ("half.safetensors", b"\xff" * 20, "cannot be read as safetensors"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BackboneError, match=message):
        read_weights(tmp_path / name)


def test_a_checkpoint_of_something_else_is_named(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(BackboneError, match="holds a list, not a state_dict"):
        read_weights(tmp_path / "list.pth")


def test_the_digest_depends_on_bytes_and_words(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_bytes(b"abc")
    first = digest_files([file], "timm", "a")
    assert digest_files([file], "timm", "a") == first
    assert len({first, digest_files([file], "timma"), digest_files([file], "timm", "b")}) == 3
    file.write_bytes(b"abd")
    assert digest_files([file], "timm", "a") != first


def test_safetensors_come_first(tmp_path: Path) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        (tmp_path / name).touch()
    assert [f.name for f in weight_files(tmp_path)] == ["model.safetensors"]
    with pytest.raises(BackboneError, match="holds no weights"):
        weight_files(tmp_path / "nowhere")
