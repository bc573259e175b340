"""All layers of a text encoder as candidates: ``NAME@all``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferium.data.domain import Kind
from transferium.errors import TransferiumError
from transferium.models.catalogue import find_backbone
from transferium.models.modality import MODALITIES
from transferium.models.surgery.chosen_layer import ALL, layer_names, split_layer


def every_layer(backbones: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """The candidates with each layer of ``NAME@all``, and the mean of all, in its place.

    Where that has no layers, it stays what it is: whoever scores it says why.
    """
    found: dict[str, Any] = {}
    for name, spec in backbones.items():
        whole, layer = split_layer(str(spec)) if isinstance(spec, str | Path) else ("", "")
        names = _names(whole, kind) if layer == ALL else []
        layers = {f"{name.removesuffix(f'@{ALL}')}@{one}": f"{whole}@{one}" for one in names}
        found |= layers or {name: spec}
    return found


def _names(whole: str, kind: Kind) -> list[str]:
    through = MODALITIES[kind].through if kind in MODALITIES else None
    try:
        return layer_names(find_backbone(whole, kind if through is None else through.kind))
    except TransferiumError:
        return []
