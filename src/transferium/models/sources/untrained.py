"""Architectures that come with no weights: described here, with no torch. ``char_ngrams`` runs without it as well."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import GRAPHS, Tensors, UnboundGraph
from transferium.models.ngrams.backbone_of_ngrams import fit_ngrams
from transferium.models.preprocess import ImagePreprocess, TextPreprocess
from transferium.models.sound_preprocess import SoundPreprocess
from transferium.models.sources.wrapped import randomised
from transferium.models.writing.small_transformer import BLOCKS, fit_transformer

if TYPE_CHECKING:
    from torch import nn

_HALF = (0.5, 0.5, 0.5)


def small_cnn() -> Backbone:
    """A LeNet for pictures of 28 pixels: it learns everything from the examples it is given."""
    architecture = Backbone(
        name="small_cnn",
        kind="image",
        width=1024,
        blocks=("first", "second"),
        preprocess=ImagePreprocess(28, 28, "bilinear", _HALF, _HALF, decode_at_least=28),
        fingerprint=hashlib.sha256(b"small_cnn 28 32 64").hexdigest(),
        build=_small_cnn,
        licence="none: random weights",
        pretrained=False,
        fresh=_small_cnn,
        any_size=False,
    )
    return replace(randomised(architecture), name=architecture.name)


def _small_cnn() -> nn.Module:
    from transferium.models.sources.small_cnn import SmallCNN

    return SmallCNN()


def char_ngrams() -> Backbone:
    """Character n-grams for texts in any language: hashed, until a vocabulary is fitted to some texts."""
    graph = UnboundGraph(GRAPHS / "char_ngrams.onnx", _scale, _as_they_are, _as_they_are, _load_char_ngrams)
    return Backbone(
        name="char_ngrams",
        kind="text",
        width=4096,
        blocks=("scale",),
        preprocess=TextPreprocess(Path(__file__).with_name("bytes.tokenizer.json"), max_length=2048),
        fingerprint=hashlib.sha256(b"char_ngrams 1 to 4, 6 bytes, 4096").hexdigest(),
        build=_char_ngrams,
        licence="none needed",
        pretrained=False,
        fresh=_char_ngrams,
        graph=graph,
        fitting=fit_ngrams,
    )


def _char_ngrams() -> nn.Module:
    from transferium.models.sources.char_ngrams import CharNgrams

    return CharNgrams()


def _scale() -> Tensors:
    """What it learns where it is trained, as it starts."""
    return {"scale": np.ones(4096, np.float32)}


def _as_they_are(tensors: Tensors, seed: int = 0) -> Tensors:
    del seed  # nothing in it is random
    return tensors


def _load_char_ngrams(tensors: Tensors) -> nn.Module:
    del tensors  # those that it starts with
    return _char_ngrams()


def small_transformer() -> Backbone:
    """A small encoder for texts. Until there are texts to learn a tokenizer from, it counts n-grams."""
    fitting = partial(fit_transformer, _of_transformers)
    return replace(char_ngrams(), name="small_transformer", blocks=BLOCKS, fitting=fitting)


def _of_transformers(told: Mapping[str, Any]) -> nn.Module:
    from transferium.models.sources.transformers_models import from_architecture

    return from_architecture(told)


def small_speech() -> Backbone:
    """A small network for speech: a row for each fiftieth of a second, of 64 bands of pitch."""
    architecture = Backbone(
        name="small_speech",
        kind="sound",
        width=128,
        blocks=("first", "layers.0", "layers.1", "layers.2"),
        preprocess=SoundPreprocess(seconds=10, step=10.0, bands=64),
        fingerprint=hashlib.sha256(b"small_speech 64 128 1 2 4").hexdigest(),
        build=_small_speech,
        licence="none: random weights",
        pretrained=False,
        fresh=_small_speech,
        any_size=False,
        output="tokens",
        architecture={"library": "transferium", "architecture": "small_speech", "output": "tokens", "any_size": False},
    )
    return replace(randomised(architecture), name=architecture.name)


def _small_speech() -> nn.Module:
    from transferium.models.writing.speech_network import SpeechNetwork

    return SpeechNetwork(64, 128)


UNTRAINED: dict[str, Callable[[], Backbone]] = {
    "small_cnn": small_cnn,
    "char_ngrams": char_ngrams,
    "small_transformer": small_transformer,
    "small_speech": small_speech,
}
USES = {
    "small_cnn": "no weights: for --source with tuning=full, or finetune",
    "char_ngrams": "no weights: counts character n-grams, for texts in any language",
    "small_transformer": "no weights: an encoder with a tokenizer of the training texts, for translate and finetune",
    "small_speech": "no weights: hears moments of recordings, for ctc",
}
"""The purpose of each, as shown in the list of backbones."""
