"""A saved model as a folder of the Hugging Face libraries: transformers for texts, timm for pictures."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.artifact import Artifact
from transferium.data.domain import Kind
from transferium.data.modality import by_kind
from transferium.errors import ArtifactError
from transferium.job.export.onnx.entrances import ENTRANCES
from transferium.job.export.onnx.head_nodes import check_written
from transferium.job.export.onnx.onnx_file import check_pooled, expected_answers, metadata
from transferium.job.export.torch_program import check_alike, network_of
from transferium.models.preprocess import ImagePreprocess, TextPreprocess
from transferium.problems.problem import Link
from transferium.system.extras import require_train

if TYPE_CHECKING:
    from torch import Tensor, nn

PROBLEMS: dict[Link, str] = {
    "softmax": "single_label_classification",
    "sigmoid": "multi_label_classification",
    "identity": "regression",
}
"""What transformers calls a problem, by the link of the head."""


def fill_huggingface(artifact: Artifact, folder: Path) -> dict[str, Any]:
    """Write the folder, whose answers to made-up inputs are those of the model to 1e-5; what is to be known of it.

    Raises ``ArtifactError`` where a part of the model has no place there, ``InputError`` for a kind of example.
    """
    require_train("export --format huggingface")
    write = by_kind(FOLDERS, artifact.kind, "Hugging Face folder")
    check_pooled(artifact)
    check_written(artifact.head)
    write(artifact, folder)
    told = metadata(artifact, ENTRANCES[artifact.kind])
    parsed = {name: json.loads(told[name]) for name in ("classes", "preprocessing", "problem")}
    facts = {"format": "huggingface", "link": artifact.head.link} | parsed
    return facts | {name: told[name] for name in ("backbone", "licence", "fingerprint")}


def _texts(artifact: Artifact, folder: Path) -> None:
    """``save_pretrained`` of the encoder with its pooling and head, the file of its classes' code, the tokenizer."""
    import torch

    from transferium.job.export import modeling_transferium as written
    from transferium.models.sources.transformers_models import quiet

    encoder, head, names = _encoder_of(artifact), artifact.head, artifact.classes
    with quiet():
        config = written.TransferiumConfig(
            encoder={name: fact for name, fact in encoder.model.config.to_dict().items() if name != "_name_or_path"},
            pooling=encoder.pooling,
            normalise=encoder.normalise,
            hidden=[len(bias) for _, bias in getattr(head, "hidden", ())],
            cosine=head.kind == "cosine",
            id2label=dict(enumerate(names)),
            label2id={name: i for i, name in enumerate(names)},
            problem_type=PROBLEMS[head.link],
        )
        module = f"{Path(written.__file__).stem}."
        config.auto_map = {
            "AutoConfig": module + "TransferiumConfig",
            "AutoModelForSequenceClassification": module + "TransferiumForSequenceClassification",
        }
        model = written.TransferiumForSequenceClassification(config).eval()
        try:
            model.encoder.load_state_dict(encoder.model.state_dict())
        except RuntimeError as error:
            raise _no_place(artifact, f"its encoder is no plain {encoder.model.config.model_type}") from error
        _fill_layers(artifact, [*model.hidden, model.classifier])
        model.save_pretrained(folder)
        shutil.copyfile(written.__file__, folder / Path(written.__file__).name)
        _write_tokenizer(artifact, folder)
        again = written.TransferiumForSequenceClassification.from_pretrained(folder).eval()

    feeds, expected = expected_answers(artifact, ENTRANCES["text"])
    with torch.inference_mode():
        ids, mask = (torch.from_numpy(feeds[name]) for name in ("ids", "mask"))
        check_alike(_linked(artifact, again(ids, mask).logits), expected)


def _encoder_of(artifact: Artifact) -> Any:
    from transferium.models.sources.encoders import TextEncoder

    network = network_of(artifact)
    if type(network) is not TextEncoder or network.of_all_layers or network.pooling == "tokens":
        raise _no_place(artifact, f"its network ({type(network).__name__}) is no transformers encoder with its pooling")
    return network


def _write_tokenizer(artifact: Artifact, folder: Path) -> None:
    from tokenizers import Tokenizer

    read = artifact.backbone.preprocess
    assert isinstance(read, TextPreprocess)
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": read.max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": Tokenizer.from_file(str(read.tokenizer)).id_to_token(read.pad_id),
    }
    shutil.copyfile(read.tokenizer, folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def _pictures(artifact: Artifact, folder: Path) -> None:
    """timm's ``config.json`` and ``model.safetensors``, the head in the place of the network's own classifier."""
    import timm
    import torch
    from safetensors.torch import save_file

    network: Any = network_of(artifact)
    if not hasattr(network, "reset_classifier"):
        raise _no_place(artifact, f"its network ({type(network).__name__}) is none of timm's")
    read, head, classes = artifact.backbone.preprocess, artifact.head, len(artifact.classes)
    if not isinstance(read, ImagePreprocess) or read.via > 1:
        raise _no_place(artifact, "timm cannot read pictures as it does")
    if head.kind != "linear":
        raise _no_place(artifact, f"its head ({head.kind}) is no single linear layer")
    network.reset_classifier(classes)
    _fill_layers(artifact, [network.get_classifier()])
    save_file({name: t.contiguous() for name, t in network.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(_timm_config(artifact, network, read), indent=1) + "\n", "utf-8")

    again = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    feeds, expected = expected_answers(artifact, ENTRANCES["image"])
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (read.mean, read.std))
    pixels = (torch.from_numpy(feeds["pixels"]).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        check_alike(_linked(artifact, again(pixels)), expected)


def _timm_config(artifact: Artifact, network: Any, read: ImagePreprocess) -> dict[str, Any]:
    classes, architecture = len(artifact.classes), network.pretrained_cfg["architecture"]
    return {
        "architecture": architecture,
        "num_classes": classes,
        "num_features": network.num_features,
        "label_names": list(artifact.classes),
        "model_args": dict((artifact.backbone.architecture or {}).get("options", {})),
        "pretrained_cfg": {
            "input_size": [3, read.size, read.size],
            "interpolation": read.interpolation,
            "crop_pct": math.nextafter(read.size / read.resize, 0),  # which timm divides by, and rounds down
            "crop_mode": read.crop,
            "mean": list(read.mean),
            "std": list(read.std),
            "num_classes": classes,
            "license": artifact.backbone.licence,
        },
    }


def _fill_layers(artifact: Artifact, layers: list[nn.Module]) -> None:
    """The head's weights in single precision, the temperature in the last layer."""
    import torch

    from transferium.job.export.torch_heads import scores

    ours = [layer for layer in scores(artifact.head) if isinstance(layer, torch.nn.Linear)]
    for layer, values in zip(layers, ours, strict=True):
        if not isinstance(layer, torch.nn.Linear) or layer.weight.shape != values.weight.shape:
            raise _no_place(artifact, f"the network's own classifier is no linear layer of {values.in_features} values")
        layer.load_state_dict(values.state_dict())


def _linked(artifact: Artifact, logits: Tensor) -> Any:
    from transferium.job.export.torch_heads import LINKS

    return LINKS[artifact.head.link]()(logits.double()).numpy()


def _no_place(artifact: Artifact, part: str) -> ArtifactError:
    return ArtifactError(
        f"this model ({artifact.backbone.name}) cannot become such a folder: {part}. --format onnx or torch can hold "
        "more."
    )


FOLDERS: dict[Kind, Callable[[Artifact, Path], None]] = {"text": _texts, "image": _pictures}
"""Kinds of example that have such a folder."""
