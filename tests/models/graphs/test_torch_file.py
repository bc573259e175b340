"""The reader of torch's old checkpoints reads what torch reads, and nothing that could run."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.errors import BackboneError
from transferium.models.graphs.torch_file import read_torch_file
from transferium.models.sources.bundled import BUNDLED


def saved(path: Path, value: object) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=False)
    return path


def state() -> OrderedDict[str, torch.Tensor]:
    torch.manual_seed(0)
    whole = torch.randn(6, 4)
    tensors = {
        "whole": whole,
        "a part of it": whole[2:4],
        "turned": whole.T,
        "halves": torch.randn(3).half(),
        "wholes": torch.arange(4),
        "one": torch.tensor(7),
        "none": torch.zeros(0, 3),
        "yes": torch.tensor([True, False]),
        "learned": torch.nn.Parameter(torch.ones(2)),
    }
    return OrderedDict(tensors)


def test_the_bundled_weights_are_read_as_torch_reads_them() -> None:
    file = BUNDLED["efficientnet_lite0"].file
    assert file is not None
    ours, theirs = read_torch_file(file), torch.load(file, map_location="cpu", weights_only=True)
    assert list(ours) == list(theirs) and len(ours) == 296
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(ours[name], tensor.numpy())


def test_views_types_and_empty_tensors(tmp_path: Path) -> None:
    tensors = {name: t for name, t in state().items() if name != "learned"}
    found = read_torch_file(saved(tmp_path / "w.pth", tensors))
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.numpy().dtype and found[name].flags.c_contiguous
        np.testing.assert_array_equal(found[name], tensor.numpy())


class Runs:
    """A pickle of this creates the file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (Runs, r"it holds more than tensors: (posix|nt).mkdir, which could run code"),
        (lambda trap: {"weight": torch.ones(2), "note": Runs(trap)}, r"mkdir, which could run code"),
        (lambda trap: torch.nn.Linear(2, 2), r"torch.nn.modules.linear.Linear, which could run code"),
        (lambda trap: {"weight": torch.ones(2), "epoch": 3}, "it holds more than tensors"),
        (lambda trap: {"state_dict": {"weight": torch.ones(2)}}, "it holds more than tensors"),
        (lambda trap: [torch.ones(2)], "it holds more than tensors"),
        (lambda trap: {"x": torch.nn.Parameter(torch.ones(2))}, r"torch._utils._rebuild_parameter"),
    ],
)
def test_what_is_more_than_tensors_is_refused_and_not_run(tmp_path: Path, what: object, told: str) -> None:
    path = saved(tmp_path / "weights.pth", what(tmp_path / "trap"))
    with pytest.raises(BackboneError, match=rf"weights\.pth was not loaded: .*{told}.* state dict of tensors alone"):
        read_torch_file(path)
    assert not (tmp_path / "trap").exists()


def test_a_trap_in_any_of_the_five_pickles_is_not_run(tmp_path: Path) -> None:
    """Whole for the first n pickles, then a trap."""
    parts = [0x1950A86A20F9469CFC6C, 1001, {}, {}, []]
    for n in range(5):
        path = tmp_path / f"{n}.pth"
        path.write_bytes(b"".join(pickle.dumps(part, 2) for part in [*parts[:n], Runs(tmp_path / "trap"), *parts[n:]]))
        with pytest.raises(BackboneError, match="which could run code"):
            read_torch_file(path)
    assert not (tmp_path / "trap").exists()


def test_a_damaged_file_is_an_error_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = saved(tmp_path / "w.pth", {"a": torch.ones(20), "b": torch.arange(3)}).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(BackboneError, match=r"cut\.pth was not loaded"):
            read_torch_file(path)


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    """Memory that is not the file's is never read, whatever offset, shape and strides it claims."""
    part = torch.arange(4.0)
    for claimed in ((0, (5,), (1,)), (3, (2,), (1,)), (-1, (2,), (1,)), (3, (2,), (-1,)), (0, (2, 2), (1, 3))):
        path = tmp_path / "w.pth"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.Tensor, "__reduce_ex__", lambda self, _, claimed=claimed: _claims(self, claimed))
            saved(path, {"a": part})
        with pytest.raises(BackboneError, match="reaches beyond its storage"):
            read_torch_file(path)


def _claims(tensor: torch.Tensor, claimed: tuple[int, tuple[int, ...], tuple[int, ...]]) -> tuple[object, ...]:
    storage = torch.storage.TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype, _internal=True)
    return torch._utils._rebuild_tensor_v2, (storage, *claimed, False, OrderedDict())


def test_no_file_and_a_zip_file(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"no\.pth was not loaded: .*No such file"):
        read_torch_file(tmp_path / "no.pth")
    torch.save({"a": torch.ones(2)}, tmp_path / "zip.pth")
    with pytest.raises(BackboneError, match=r"zip\.pth was not loaded"):
        read_torch_file(tmp_path / "zip.pth")
