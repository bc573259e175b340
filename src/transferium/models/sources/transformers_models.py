"""Backbones of the transformers library: encoders of texts, images and sounds from the hub or a folder."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.data.domain import Kind
from transferium.data.modality import by_kind
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone, WholeModel
from transferium.models.per_word import unpooled
from transferium.models.preprocess import ImagePreprocess, TextPreprocess
from transferium.models.sound_preprocess import WavePreprocess
from transferium.models.sources.description_cache import remembered
from transferium.models.sources.weight_files import digest_files, weight_files
from transferium.models.surgery.chosen_layer import stopped

if TYPE_CHECKING:
    from torch import Tensor, nn

    from transferium.models.sources.encoders import Pooling

_FILES = ("*.json", "*.safetensors", "*.bin", "*/config.json")
HEARING = ("wav2vec2", "hubert")
"""Types of models that hear samples, all of them built like wav2vec 2.0."""
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def transformers_named(name: str, kind: Kind, amount: int | None) -> Backbone:
    """``hf/<owner/name>``: any encoder on the hub that needs no code of its own."""
    return transformers_folder(folder_named(f"hf/{name}"), kind, amount, name=f"hf/{name}")


def folder_named(name: str) -> Path:
    """The folder behind ``hf/<owner>/<name>``; any other name is a path."""
    from transferium.models.sources.hub import repository

    return repository(name.removeprefix("hf/"), _FILES) if name.startswith("hf/") else Path(name)


def transformers_folder(folder: Path, kind: Kind, amount: int | None, name: str | None = None) -> Backbone:
    """A folder written by ``save_pretrained`` (model, and tokenizer or image processor).

    ``amount`` is how much of an example is read: the side of a picture, or the tokens of a text.
    """
    return by_kind(READERS, kind, "model of transformers")(folder, name or folder.resolve().name, amount)


def _describe_text(folder: Path, name: str, max_length: int | None) -> Backbone:
    preprocess = text_preprocess(folder)
    pooling, normalise = text_pooling(folder)
    files = weight_files(folder)
    fingerprint = digest_files([folder / "config.json", *files], "transformers", "text", pooling, str(normalise))
    words = ("transformers", version("transformers"), fingerprint)
    facts = remembered(words, partial(_learn_text, folder, pooling, normalise))
    return Backbone(
        name=name,
        kind="text",
        preprocess=preprocess.shortened(max_length) if max_length else preprocess,
        fingerprint=fingerprint,
        **_made(facts, files, partial(build_text, folder, pooling, normalise)),
        architecture=_architecture(folder, "text", pooling=pooling, normalise=normalise),
        whole=WholeModel(folder),
    )


def _learn_text(folder: Path, pooling: Pooling, normalise: bool) -> dict[str, Any]:
    import torch

    return _learned(build_text(folder, pooling, normalise), torch.zeros(1, 4, dtype=torch.int64))


def _learned(module: nn.Module, given: Tensor) -> dict[str, Any]:
    """The width of what a network makes of an input, and its blocks."""
    import torch

    from transferium.models.surgery.blocks import block_names

    with torch.inference_mode():
        width = int(module(given).shape[1])
    return {"width": width, "blocks": list(block_names(module))}


def _made(facts: Mapping[str, Any], files: Sequence[Path], build: Callable[..., nn.Module]) -> dict[str, Any]:
    """What backbones of a folder share: what was learned of the network, how it is built, the size of its weights."""
    return {
        "width": facts["width"],
        "blocks": tuple(facts["blocks"]),
        "build": build,
        "fresh": partial(build, pretrained=False),
        "licence": "see the model card",
        "size_bytes": sum(file.stat().st_size for file in files),
    }


def text_preprocess(folder: Path) -> TextPreprocess:
    """The tokenizer file, its padding token, and the longest text that the weights have seen."""
    if not (folder / "tokenizer.json").is_file():
        raise BackboneError(
            f"{folder} has no tokenizer.json. Load it once with transformers' AutoTokenizer and save_pretrained the "
            "fast tokenizer beside the weights."
        )
    config = _config(folder)
    positions = text_positions(config) or 512
    stated = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    stated = stated or _json(folder / "tokenizer_config.json").get("model_max_length") or positions
    return TextPreprocess(folder / "tokenizer.json", min(int(stated), positions), int(config.get("pad_token_id") or 0))


def text_positions(config: Mapping[str, Any]) -> int | None:
    """How many tokens a model of that configuration has positions for; None: it sets no limit.

    >>> text_positions({"model_type": "roberta", "max_position_embeddings": 514}), text_positions({"model_type": "t5"})
    (512, None)
    """
    positions = config.get("max_position_embeddings")
    if not positions:
        return None
    counts_from_padding = config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "mpnet"}
    return int(positions) - (2 if counts_from_padding else 0)


def text_pooling(folder: Path) -> tuple[Pooling, bool]:
    """The pooling that sentence-transformers files state, and whether to normalise; else the mean over tokens."""
    modules = _json(folder / "modules.json")
    if not modules:
        return "mean", False
    kinds = [str(part["type"]).rsplit(".", 1)[-1] for part in modules]
    if unknown := set(kinds) - {"Transformer", "Pooling", "Normalize"}:
        raise BackboneError(
            f"{folder} has the sentence-transformers module {sorted(unknown)[0]}, which is not supported."
        )
    where = [str(part["path"]) for part in modules if str(part["type"]).endswith("Pooling")]
    stated = _json(folder / where[0] / "config.json") if where else {}
    chosen = [key for key, value in stated.items() if key.startswith("pooling_mode") and value is True]
    names: dict[str, Pooling] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_max_tokens": "max",
    }
    newer = stated.get("pooling_mode")
    if newer in {"mean", "cls", "max"}:
        return newer, "Normalize" in kinds
    if len(chosen) > 1 or (chosen and chosen[0] not in names):
        raise BackboneError(f"{folder} pools by {' and '.join(chosen)}; one of mean, cls or max tokens is supported.")
    return names[chosen[0]] if chosen else "mean", "Normalize" in kinds


def build_text(folder: Path, pooling: Pooling, normalise: bool, pretrained: bool = True) -> nn.Module:
    """The encoder of a text model, without the pooler or decoder that it may come with."""
    return _text_encoder(load_whole(folder, pretrained), pooling, normalise)


def _text_encoder(model: Any, pooling: Pooling, normalise: bool) -> nn.Module:
    from transferium.models.sources.encoders import TextEncoder

    model = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
    model = getattr(model, "text_model", model)
    if pooling != "pooler" and getattr(model, "pooler", None) is not None:
        model.pooler = None
    return TextEncoder(model, pooling, normalise).eval()


def _describe_vision(folder: Path, name: str, size: int | None) -> Backbone:
    preprocess = vision_preprocess(folder)
    preprocess = preprocess.resized(size) if size else preprocess
    files = weight_files(folder)
    weights = digest_files([folder / "config.json", *files])
    words = ("transformers", version("transformers"), weights, f"side {preprocess.size}")
    facts = remembered(words, partial(_learn_vision, folder, name, preprocess.size))
    told = _config(folder).get("vision_config") or _config(folder)  # of two towers, that for pictures
    fixed = "image_size" in told and "num_attention_heads" in told
    return Backbone(
        name=name,
        kind="image",
        preprocess=preprocess,
        fingerprint=digest_files([], weights, "transformers", "vision", facts["pooling"]),
        **_made(facts, files, partial(build_vision, folder)),
        any_size=not fixed,
        architecture=_architecture(folder, "image", pooling=facts["pooling"], any_size=not fixed),
        whole=WholeModel(folder),
    )


def _describe_sound(folder: Path, name: str, seconds: int | None) -> Backbone:
    config, told = _config(folder), _json(folder / "preprocessor_config.json")
    if config.get("model_type") not in HEARING or "sampling_rate" not in told:
        raise BackboneError(
            f"{name} is a {config.get('model_type')}, which reads no sounds: give a folder of {', '.join(HEARING)} "
            "with its feature extractor, or efficientnet_lite0, a backbone for images."
        )
    preprocess = WavePreprocess(10, int(told["sampling_rate"]), bool(told.get("do_normalize", True)))
    files = weight_files(folder)
    fingerprint = digest_files([folder / "config.json", *files], "transformers", "sound")
    words = ("transformers", version("transformers"), fingerprint)
    facts = remembered(words, partial(_learn_sound, folder, preprocess.rate))
    return Backbone(
        name=name,
        kind="sound",
        preprocess=preprocess.lasting(seconds) if seconds else preprocess,
        fingerprint=fingerprint,
        **_made(facts, files, partial(build_sound, folder)),
        architecture=_architecture(folder, "sound"),
    )


def _learn_sound(folder: Path, rate: int) -> dict[str, Any]:
    import torch

    return _learned(build_sound(folder), torch.ones(1, 2, rate))


def build_sound(folder: Path, pretrained: bool = True) -> nn.Module:
    from transferium.models.sources.encoders import WaveEncoder

    return WaveEncoder(load_whole(folder, pretrained)).eval()


READERS: dict[Kind, Callable[[Path, str, int | None], Backbone]] = {
    "image": _describe_vision,
    "text": _describe_text,
    "sound": _describe_sound,
}
"""How a folder, its name and how much is read become a backbone, for each kind of example."""


def _learn_vision(folder: Path, name: str, side: int) -> dict[str, Any]:
    import torch

    module = build_vision(folder)
    try:
        return _learned(module, torch.zeros(1, 3, side, side)) | {"pooling": str(module.pooling)}
    except (ValueError, RuntimeError) as error:
        raise BackboneError(f"{name} cannot read images of side {side}: {error}") from error


def vision_preprocess(folder: Path) -> ImagePreprocess:
    """The preprocessing of ``preprocessor_config.json``, as one resize and crop."""
    config = _json(folder / "preprocessor_config.json")
    if not config:
        raise BackboneError(f"{folder} has no preprocessor_config.json, so its preprocessing is unknown.")
    side, crop = config.get("size", 224), config.get("crop_size", None)
    side = {"shortest_edge": side} if isinstance(side, int) and crop else side
    square = side if isinstance(side, int) else side.get("height")
    resize = int(square or side["shortest_edge"])
    cropped = config.get("do_center_crop", crop is not None)
    size = resize if not cropped or crop is None else int(crop if isinstance(crop, int) else crop["height"])
    plain = not config.get("do_normalize", True)
    mean = [0.0] * 3 if plain else config.get("image_mean", [0.5] * 3)
    std = [1.0] * 3 if plain else config.get("image_std", [0.5] * 3)
    return ImagePreprocess(
        size,
        resize,
        _RESAMPLING[int(config.get("resample", 2))],
        (mean[0], mean[1], mean[2]),
        (std[0], std[1], std[2]),
        decode_at_least=2 * resize,
        crop="squash" if square and not cropped else "center",
    )


def write_vision_preprocess(preprocess: ImagePreprocess, folder: Path) -> None:
    """``preprocessor_config.json``, of which :func:`vision_preprocess` makes the same again."""
    whole = {"height": preprocess.resize, "width": preprocess.resize}
    is_cropped = preprocess.crop == "center"
    told = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": preprocess.resize} if is_cropped else whole,
        "resample": next(code for code, name in _RESAMPLING.items() if name == preprocess.interpolation),
        "do_center_crop": is_cropped,
        **({"crop_size": {"height": preprocess.size, "width": preprocess.size}} if is_cropped else {}),
        "do_normalize": True,
        "image_mean": list(preprocess.mean),
        "image_std": list(preprocess.std),
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def build_vision(folder: Path, pretrained: bool = True) -> nn.Module:
    """The vision tower; pooled by the checkpoint's own pooler, else by its class token, else by the mean."""
    whole: Any = load_whole(folder, pretrained)
    model = getattr(whole, "vision_model", whole)
    untrained = "pooler" in whole.missing_parts if pretrained else False
    pooled = getattr(model, "pooler", None) is not None and not untrained
    return _vision_encoder(model, "pooler" if pooled else "cls" if _has_class_token(model) else "mean")


def _vision_encoder(model: Any, pooling: Pooling) -> nn.Module:
    from transferium.models.sources.encoders import VisionEncoder

    if pooling != "pooler" and getattr(model, "pooler", None) is not None:
        model.pooler = None
    return VisionEncoder(model, pooling).eval()


def _architecture(folder: Path, kind: Kind, **facts: Any) -> dict[str, Any]:
    """What :func:`from_architecture` reads."""
    return {"library": "transformers", "kind": kind, "config": _config(folder), "any_size": True, **facts}


def from_architecture(told: Mapping[str, Any]) -> nn.Module:
    """The encoder of ``Backbone.architecture`` with random weights, in single precision; no code of others is run."""
    import transformers

    config = transformers.CONFIG_MAPPING[told["config"]["model_type"]].from_dict(dict(told["config"]))
    with quiet():
        model = transformers.AutoModel.from_config(config, dtype="float32", trust_remote_code=False)
    if told["kind"] == "text":
        encoder = _text_encoder(model, told["pooling"], told["normalise"])
        encoder = stopped(encoder, told["chain"], told["layer"]) if "layer" in told else encoder
        return unpooled(encoder) if told.get("output") == "tokens" else encoder
    if told["kind"] == "sound":
        from transferium.models.sources.encoders import WaveEncoder

        return WaveEncoder(model).eval()
    return _vision_encoder(getattr(model, "vision_model", model), told["pooling"])


def _has_class_token(model: nn.Module) -> bool:
    return any(name.endswith(("cls_token", "class_embedding")) for name, _ in model.named_parameters())


def load_whole(folder: Path, pretrained: bool, auto: str = "AutoModel") -> Any:
    """The model of a folder by that class of transformers: no socket, no code from it, no pickle beyond tensors.

    ``missing_parts`` names what it has no weights for: its pooler, or a head that ``auto`` puts on it.
    """
    import pickle

    import transformers

    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with quiet():
        if not pretrained:
            return getattr(transformers, auto).from_config(config)
        try:
            model, info = getattr(transformers, auto).from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                weights_only=True,
                output_loading_info=True,
                dtype="float32",
            )
        except pickle.UnpicklingError as error:
            raise BackboneError(
                f"the weights in {folder} were not loaded: they are a pickle that holds more than tensors, and loading "
                "it would run its code. Ask for model.safetensors."
            ) from error
        except (OSError, ValueError, RuntimeError) as error:
            raise BackboneError(f"{folder} cannot be loaded by transformers: {str(error)[:400]}") from error
    missing = {key for key in info["missing_keys"] if "pooler" not in key}
    of_head = {key for key in missing if auto != "AutoModel" and not key.startswith(f"{model.base_model_prefix}.")}
    if missing - of_head:
        raise BackboneError(
            f"{folder} lacks weights for {sorted(missing - of_head)[:3]}: they do not fit its config.json."
        )
    model.missing_parts = {"head"} if of_head else {"pooler"} if info["missing_keys"] else set()
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and loading reports: what matters in them is checked above."""
    from transformers.utils import logging

    level, reason_to_exclude = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if reason_to_exclude:
            logging.enable_progress_bar()


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = _json(folder / "config.json")
    return config


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
