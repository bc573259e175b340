"""An adapter: the small trained part of a network, apart from the backbone that it belongs to. No torch is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import ArtifactError, refusing
from transferium.system.checked_files import LONGEST_JSON, digest, read_file, to_sealed_json
from transferium.system.saved_folder import SavedFolder

DESCRIPTION = "adapter.json"
TENSORS = "adapter.safetensors"
FORMAT = 1
ADAPTER_KINDS = ("lora", "dora", "ia3", "bitfit", "adapter", "prefix", "prompt", "vpt")
"""The kinds of adapters; ``models/peft/inject.py`` has the classes behind these names."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """What was trained of a network: its ``kind`` (lora, prefix …), settings, and every tensor that differs.

    ``tensors`` are called as in the network that holds it; running statistics of batch normalisation are among them.
    ``backbone`` is ``Backbone.to_json`` of the one that it was trained in, whose fingerprint it is known by, and
    whether that was ``tuned`` before.
    """

    kind: str
    settings: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]
    backbone: Mapping[str, Any] = field(default_factory=dict)

    @property
    def on_tuned(self) -> bool:
        """Whether it was trained in a network that had been tuned before, which is not found by its name."""
        return bool(self.backbone.get("tuned"))

    @property
    def size_bytes(self) -> int:
        """What its tensors take on disk."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


def write_adapter(adapter: Adapter, folder: Path, head: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write an adapter and the head that goes with it into ``folder``, as two files; ``facts`` describe the head."""
    from safetensors.numpy import save

    tensors = {f"backbone/{name}": np.asarray(t, order="C") for name, t in adapter.tensors.items()}
    content = save(tensors | {f"head/{name}": np.asarray(t, order="C") for name, t in head.items()})
    (folder / TENSORS).write_bytes(content)
    described = {
        "format": FORMAT,
        "kind": adapter.kind,
        "settings": dict(adapter.settings),
        "backbone": dict(adapter.backbone),
        **facts,
        "files": {TENSORS: digest(content)},
    }
    (folder / DESCRIPTION).write_bytes(to_sealed_json(described, indent=1))


def read_adapter(path: Path) -> tuple[Adapter, dict[str, NDArray[Any]], dict[str, Any]]:
    """The adapter in a folder (or of one of its two files), the tensors of its head, and the facts beside them.

    Raises ``ArtifactError`` where a file is missing or is not the one that was written.
    """
    from safetensors.numpy import load

    folder = path if path.is_dir() else path.parent
    if not (folder / DESCRIPTION).is_file():
        raise ArtifactError(f"{folder} holds no adapter: there is no {DESCRIPTION}. A run of lora, say, keeps one.")
    with refusing(ArtifactError, f"the adapter in {folder} cannot be read", ": copy both of its files again."):
        told, files = SavedFolder.described(folder, read_file(folder / DESCRIPTION, LONGEST_JSON))
        if int(told["format"]) > FORMAT:
            raise ArtifactError(f"{folder / DESCRIPTION} was written by a newer version: upgrade transferium.")
        tensors = {name: array.copy() for name, array in load(files.read(TENSORS)).items()}
        under = {
            part: {n.removeprefix(f"{part}/"): t for n, t in tensors.items() if n.startswith(f"{part}/")}
            for part in ("backbone", "head")
        }
        kind, backbone = str(told.pop("kind")), dict(told.pop("backbone"))
        if kind not in ADAPTER_KINDS or "fingerprint" not in backbone:
            raise ValueError(f"no kind {kind!r} is known here, or it does not say which backbone it belongs to")
        return Adapter(kind, dict(told.pop("settings")), under["backbone"], backbone), under["head"], told
