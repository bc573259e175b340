"""Image encoders as folders: what a pretraining writes, for timm or for ``small_cnn``."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.modality import preprocess_from_json
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.untrained import UNTRAINED
from transferium.models.sources.weight_files import digest_files, read_weights, weight_files

if TYPE_CHECKING:
    from torch import nn

OWN = {"SmallCNN": "small_cnn"}
"""Classes of this package, and what they are called in a ``config.json``."""


def write_pictures_encoder(backbone: Backbone, module: nn.Module, folder: Path) -> None:
    """``config.json`` and ``model.safetensors`` of a trained ``small_cnn``, or of a network of timm as timm reads them.

    Raises ``BackboneError`` for any other network.
    """
    from safetensors.torch import save_file

    config = _config(backbone, module)
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _config(backbone: Backbone, module: Any) -> dict[str, Any]:
    check_writable_backbone(backbone, module)
    preprocess = backbone.preprocess
    assert isinstance(preprocess, ImagePreprocess)
    if type(module).__name__ in OWN:
        return {"architecture": OWN[type(module).__name__], "preprocess": preprocess.to_json()}
    return {
        "architecture": module.pretrained_cfg["architecture"],
        "num_classes": 0,
        "num_features": backbone.width,
        "pretrained_cfg": {
            "num_classes": 0,
            "input_size": [3, preprocess.size, preprocess.size],
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
            "interpolation": preprocess.interpolation,
            "crop_pct": preprocess.size / preprocess.resize,
            "crop_mode": preprocess.crop,
            "license": backbone.licence,
        },
    }


def check_writable_backbone(backbone: Backbone, module: Any) -> None:
    """Raise ``BackboneError`` where a trained network could not be written so that it can be read again."""
    known = type(module).__name__ in OWN or getattr(module, "pretrained_cfg", {}).get("architecture")
    if not known or not isinstance(backbone.preprocess, ImagePreprocess):
        raise BackboneError(
            f"pretraining on pictures writes small_cnn and networks of timm, and {backbone.name} is neither: "
            "name another backbone."
        )


def is_picture_folder(config: dict[str, Any]) -> bool:
    """Whether a ``config.json`` is that of an architecture of this package."""
    return config.get("architecture") in OWN.values()


def picture_folder(folder: Path, config: dict[str, Any]) -> Backbone:
    """A folder with one of the architectures of this package and its weights."""
    weights = weight_files(folder)[0]
    like = UNTRAINED[config["architecture"]]()
    assert like.fresh is not None
    return replace(
        like,
        name=folder.resolve().name,
        preprocess=preprocess_from_json(config["preprocess"]),
        fingerprint=digest_files([weights], config["architecture"]),
        build=partial(_load, like.fresh, weights),
        licence="your own",
        size_bytes=weights.stat().st_size,
        pretrained=True,
        architecture={"library": "transferium", "architecture": config["architecture"], "any_size": like.any_size},
    )


def _load(fresh: Any, weights: Path) -> nn.Module:
    module: nn.Module = fresh()
    try:
        module.load_state_dict(read_weights(weights))
    except RuntimeError as error:
        raise BackboneError(f"{weights} does not fit its config.json: {str(error)[:300]}") from error
    return module.eval()
