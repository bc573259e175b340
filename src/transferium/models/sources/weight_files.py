"""Reading of weight files without running any code in them, and hashes of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError, refusing
from transferium.system.checked_files import check_file, hash_file

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")


def digest_files(files: Iterable[Path], *words: str) -> str:
    """SHA-256 over the files' bytes and the words that say how they are used ."""
    whole = hashlib.sha256()
    for file in files:
        hash_file(file, whole)
    for word in words:
        whole.update(b"\0" + word.encode())
    return whole.hexdigest()


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` or torch checkpoint, by name and in order.

    A checkpoint is read with ``weights_only=True``: a pickle that would run code is refused with ``BackboneError``.
    """
    import pickle

    import torch
    from safetensors.torch import load_file

    if not path.exists():
        raise BackboneError(f"there is no weights file at {path}.")
    safe = path.suffix == ".safetensors"
    with refusing(BackboneError, f"{path} cannot be read as {'safetensors' if safe else 'a torch checkpoint'}", "."):
        check_file(path)
        if safe:
            return dict(load_file(path))
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise BackboneError(
                f"{path} was not loaded: it is a pickle that holds more than tensors, and loading it would run its "
                f"code ({str(error).splitlines()[0]}). Ask for the weights as .safetensors, or save only a state_dict."
            ) from error
    return _tensors(saved, path)


def _tensors(saved: Any, path: Path) -> dict[str, Tensor]:
    import torch

    for key in _WRAPPERS:
        if isinstance(saved, dict) and isinstance(saved.get(key), dict):
            saved = saved[key]
    if not isinstance(saved, dict) or not all(isinstance(value, torch.Tensor) for value in saved.values()):
        raise BackboneError(f"{path} holds a {type(saved).__name__}, not a state_dict (names to tensors).")
    return {name.removeprefix("module."): tensor for name, tensor in saved.items()}


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a folder, safetensors before torch checkpoints."""
    for pattern in ("*.safetensors", "*.bin", "*.pth", "*.pt"):
        if found := sorted(folder.glob(pattern)):
            return found
    raise BackboneError(f"{folder} holds no weights: expected .safetensors, .bin, .pth or .pt beside config.json.")
