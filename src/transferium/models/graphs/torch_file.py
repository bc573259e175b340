"""A reader of torch's checkpoint format from before zip files, which runs no code and needs no torch."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from transferium.errors import BackboneError
from transferium.models.graphs.unbound_graph import Tensors

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_torch_file(path: Path) -> Tensors:
    """The tensors of a state dict, by name and in order.

    The file holds five pickles (a magic number, the protocol, facts of the machine, the object, the keys of its
    storages) and then each storage: how many numbers, as ``int64``, and the numbers. Its pickles may name ordered
    dictionaries, tensors and storages. Raises ``BackboneError`` for anything else, and for a damaged file.
    """
    try:
        with path.open("rb") as stream:
            return _read(stream)
    except Exception as error:  # a damaged pickle may raise anything
        why = str(error) or type(error).__name__
        raise BackboneError(f"{path} was not loaded: {why}. It should hold a state dict of tensors alone.") from error


def _read(stream: BinaryIO) -> Tensors:
    magic, protocol, _machine, saved, keys = (_Unpickler(stream).load() for _ in range(5))
    if (magic, protocol) != (_MAGIC, _PROTOCOL):
        raise pickle.UnpicklingError("it is not a torch checkpoint of the format from before zip files")
    if not isinstance(saved, dict) or not all(isinstance(tensor, _Tensor) for tensor in saved.values()):
        raise pickle.UnpicklingError("it holds more than tensors")
    kinds = {tensor.storage.key: tensor.storage for tensor in saved.values()}
    numbers = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little", signed=True)
        if count != kinds[key].count:
            raise pickle.UnpicklingError(f"storage {key} has {count} numbers, not {kinds[key].count}")
        numbers[key] = np.frombuffer(stream.read(count * kinds[key].dtype.itemsize), kinds[key].dtype, count)
    return {str(name): tensor.cut(numbers[tensor.storage.key]) for name, tensor in saved.items()}


@dataclass(frozen=True)
class _Storage:
    """A run of numbers that follows later in the file."""

    dtype: np.dtype[Any]
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A part of a storage; in the place of ``torch._utils._rebuild_tensor_v2``."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    needs_gradient: bool
    hooks: object

    def cut(self, numbers: NDArray[Any]) -> NDArray[Any]:
        steps = zip(self.shape, self.strides, strict=True)
        end = 0 if 0 in self.shape else self.offset + 1 + sum((n - 1) * step for n, step in steps)
        if min((self.offset, *self.shape, *self.strides)) < 0 or end > len(numbers):
            raise pickle.UnpicklingError(f"a tensor of shape {self.shape} reaches beyond its storage")
        bytes_apart = [step * numbers.itemsize for step in self.strides]
        return np.array(as_strided(numbers[self.offset :], self.shape, bytes_apart), order="C")


class _Unpickler(pickle.Unpickler):
    """Knows these names and no other: nothing that the file brings is run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return partial(_Tensor)  # a new one each time: a pickle may set attributes of what it is given
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        raise pickle.UnpicklingError(f"it holds more than tensors: {module}.{name}, which could run code")

    def persistent_load(self, pid: Any) -> _Storage:
        _storage, dtype, key, _location, count, view = pid
        if view is not None or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("it holds a storage of an unknown kind")
        return _Storage(dtype, key, count)
