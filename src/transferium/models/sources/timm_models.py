"""Backbones of the timm library: by name from the hub, from a folder, or an architecture with a weights file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError, did_you_mean
from transferium.models.backbone import Backbone
from transferium.models.modality import preprocess_from_json
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.description_cache import remembered
from transferium.models.sources.weight_files import digest_files, read_weights, weight_files

if TYPE_CHECKING:
    from torch import nn


def image_preprocess(config: dict[str, Any]) -> ImagePreprocess:
    """The preprocessing that a timm configuration (``resolve_model_data_config``) asks for."""
    size = int(config["input_size"][-1])
    resize = max(size, int(size / config.get("crop_pct", 1.0)))
    interpolation = config.get("interpolation", "bicubic")
    mode = config.get("crop_mode", "center")
    if mode == "border":
        raise BackboneError("this checkpoint asks for crop mode 'border', which is not supported; use 'center'.")
    red, green, blue = (float(value) for value in config["mean"])
    deviations = tuple(float(value) for value in config["std"])
    return ImagePreprocess(
        size,
        size if mode == "squash" else resize,
        "bicubic" if interpolation == "random" else interpolation,
        (red, green, blue),
        (deviations[0], deviations[1], deviations[2]),
        decode_at_least=2 * resize,
        crop="squash" if mode == "squash" else "center",
    )


def timm_named(name: str, size: int | None) -> Backbone:
    """``timm/<name>``: any model of ``timm.list_models(pretrained=True)`` or any hub repository ``owner/name``."""
    from transferium.models.sources.hub import cached_repository, repository

    files = ("config.json", "*.safetensors", "*.bin")
    # timm publishes <architecture>.<tag> under its own name: a cached one is found without importing timm.
    folder = cached_repository(f"timm/{name}") if "/" not in name and "." in name else None
    folder = folder or repository(name if "/" in name else _hub_id(name), files)
    return timm_folder(folder, size, name=f"timm/{name}")


def _hub_id(name: str) -> str:
    import timm

    if not timm.is_model(name.split(".", maxsplit=1)[0]):
        raise BackboneError(f"timm has no model {name!r}. {_nearest(name)}")
    try:
        hub_id = getattr(timm.models.get_pretrained_cfg(name), "hf_hub_id", None)
    except RuntimeError:  # the architecture is known, the tag is not
        hub_id = None
    if not hub_id:
        known = [n.split(".", 1)[1] for n in timm.list_pretrained(f"{name.split('.', maxsplit=1)[0]}.*")]
        raise BackboneError(f"timm publishes no weights for {name!r}; tags with weights: {', '.join(known) or 'none'}.")
    return str(hub_id)


def _nearest(name: str) -> str:
    import timm

    return did_you_mean(name, timm.list_models(), "timm.list_models() lists the names it has.")


def timm_folder(folder: Path, size: int | None, name: str | None = None) -> Backbone:
    """A folder with timm's ``config.json`` (architecture, preprocessing) and its weights."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    pretrained = config.get("pretrained_cfg", {})
    data = {key: value for key, value in pretrained.items() if value is not None}
    data.setdefault("num_classes", config.get("num_classes", 1000))
    return _describe(
        config["architecture"],
        weight_files(folder)[0],
        size,
        name=name or folder.resolve().name,
        overlay=data,
        options=config.get("model_args") or {},
    )


def timm_file(architecture: str, weights: Path, size: int | None) -> Backbone:
    """A timm architecture with the weights of one file; its preprocessing is timm's for that architecture."""
    return _describe(architecture, weights, size, name=f"{architecture}@{weights.name}", overlay={}, options={})


def _describe(
    architecture: str, weights: Path, size: int | None, *, name: str, overlay: dict[str, Any], options: dict[str, Any]
) -> Backbone:
    """Builds the module once in the life of these weights and this timm; later descriptions need no torch."""
    if not weights.is_file():
        raise BackboneError(f"there is no weights file at {weights}.")
    written = json.dumps([options, size, overlay], sort_keys=True)
    fingerprint = digest_files([weights], "timm", architecture, json.dumps(options, sort_keys=True), "pooled")
    facts = remembered(
        ("timm 2", version("timm"), fingerprint, written),
        partial(_learn, architecture, weights, size, overlay, options),
    )
    options, preprocess = facts["options"], preprocess_from_json(facts["preprocess"])
    resized = size is not None and facts["fixed"]
    return Backbone(
        name=name,
        kind="image",
        width=facts["width"],
        blocks=tuple(facts["blocks"]),
        preprocess=preprocess,
        fingerprint=digest_files([], fingerprint, f"side {size}") if resized else fingerprint,
        build=partial(_build, architecture, weights, overlay, options),
        licence=str(overlay.get("license") or "see the model card"),
        size_bytes=weights.stat().st_size,
        fresh=partial(_fresh, architecture, options),
        any_size=not facts["fixed"],
        architecture={
            "library": "timm",
            "architecture": architecture,
            "options": options,
            "classifier": overlay.get("num_classes") != 0,
            "any_size": not facts["fixed"],
        },
        source_head=partial(_classifier, architecture, weights, overlay, options) if facts["classifier"] else None,
    )


def _learn(
    architecture: str, weights: Path, size: int | None, overlay: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The facts that are known only from the module: its width, its blocks, and whether its side is fixed."""
    import timm
    from timm.data import resolve_data_config

    from transferium.models.surgery.blocks import block_names

    if not timm.is_model(architecture.split(".", maxsplit=1)[0]):
        raise BackboneError(f"timm has no architecture {architecture!r}. {_nearest(architecture)}")
    config = _default_config(architecture) | overlay
    fixed = bool(config.get("fixed_input_size", False))
    options = options | ({"img_size": size} if fixed and size else {})
    whole, module = (f(architecture, weights, overlay, options) for f in (_whole, _build))
    preprocess = image_preprocess(resolve_data_config(pretrained_cfg=config))
    preprocess = preprocess.resized(size) if size else preprocess
    return {
        "width": _width(module, preprocess.size),
        "blocks": list(block_names(module)),
        "fixed": fixed,
        "options": options,
        "preprocess": preprocess.to_json(),
        "classifier": _ends_in_its_classifier(whole, module, preprocess.size),
    }


def from_architecture(told: Mapping[str, Any]) -> nn.Module:
    """The network of ``Backbone.architecture`` with random weights, its classifier taken off as :func:`_build` does."""
    import timm

    classes = int(bool(told["classifier"]))
    module: Any = timm.create_model(told["architecture"], pretrained=False, num_classes=classes, **told["options"])
    module.reset_classifier(0)
    built: nn.Module = module.eval()
    return built


def _fresh(architecture: str, options: dict[str, Any]) -> nn.Module:
    import timm

    module: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
    return module


def _width(module: nn.Module, size: int) -> int:
    import torch

    with torch.inference_mode():
        return int(module(torch.zeros(1, 3, size, size)).shape[1])


def _default_config(architecture: str) -> dict[str, Any]:
    import timm

    config = timm.models.get_pretrained_cfg(architecture.split(".", maxsplit=1)[0])
    return {} if config is None else dict(config.to_dict(remove_null=True))


def _build(architecture: str, weights: Path, overlay: dict[str, Any], options: dict[str, Any]) -> nn.Module:
    """The whole model with its classifier taken off."""
    module = _whole(architecture, weights, overlay, options)
    reset: Callable[[int], None] = module.reset_classifier  # type: ignore[assignment]
    reset(0)
    return module.eval()


def _classifier(architecture: str, weights: Path, overlay: dict[str, Any], options: dict[str, Any]) -> nn.Module:
    """The linear layer that :func:`_build` takes off."""
    whole: Any = _whole(architecture, weights, overlay, options)
    layer: nn.Module = whole.get_classifier()
    return layer.eval()


def _ends_in_its_classifier(whole: Any, module: nn.Module, size: int) -> bool:
    """Whether the whole model is one linear layer on the features, which some architectures are not."""
    import torch

    layer = whole.get_classifier()
    if not isinstance(layer, torch.nn.Linear):
        return False
    pictures = torch.linspace(-2, 2, 2 * 3 * size * size).view(2, 3, size, size)
    with torch.inference_mode():
        features = module(pictures)
        if features.shape[1] != layer.in_features:
            return False
        return bool(torch.allclose(layer(features), whole(pictures), rtol=1e-4, atol=1e-4))


def _whole(architecture: str, weights: Path, overlay: dict[str, Any], options: dict[str, Any]) -> nn.Module:
    """Built with the checkpoint's own classes, so that loading is strict."""
    import timm

    tensors = read_weights(weights)
    classes = int(overlay.get("num_classes", _classes(architecture, tensors)))
    source = {"state_dict": tensors, "num_classes": classes, "source": "", "file": None, "hf_hub_id": None}
    try:
        module: nn.Module = timm.create_model(
            architecture, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay | source, **options
        )
    except RuntimeError as error:
        raise BackboneError(f"{weights} does not fit timm's {architecture}: {str(error)[:400]}") from error
    return module.eval()


def _classes(architecture: str, tensors: dict[str, Any]) -> int:
    """How many classes a bare weights file was trained for: the height of its classifier, 0 without one."""
    classifier = _default_config(architecture).get("classifier", "")
    classifier = classifier[0] if isinstance(classifier, list | tuple) else classifier
    weight = tensors.get(f"{classifier}.weight")
    return 0 if weight is None else int(weight.shape[0])
