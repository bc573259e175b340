"""What all backbones for one kind of example have in common: one row for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from transferium.data.domain import Kind
from transferium.data.modality import by_kind
from transferium.errors import BackboneError, InputError
from transferium.models.backbone import Backbone, Output
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.detection.scene_preprocess import ScenePreprocess
from transferium.models.detection.seeing_places import seeing_places
from transferium.models.listening import listening
from transferium.models.of_pairs import of_pairs
from transferium.models.pair_preprocess import ImagePairPreprocess, PairPreprocess
from transferium.models.per_word import per_token, per_word
from transferium.models.preprocess import CallablePreprocess, ImagePreprocess, Preprocess, TextPreprocess
from transferium.models.sound_preprocess import HeardPreprocess
from transferium.models.word_preprocess import WordPreprocess


@dataclass(frozen=True)
class Modality:
    """The facts of one kind of example that a backbone must know.

    ``default`` is the backbone where none is named. ``setting`` is the name of how much of an example is read,
    ``resized`` gives a preprocessing another value of it, and ``smaller`` says in words what a lower one means.
    ``wrap`` makes a ``preprocess`` of a ``transform`` of another type, as ``wants`` says: None where it is no such
    thing. ``sign`` is a file of transformers models that read such examples, ``""`` where there are none. ``through``
    says that backbones of another kind read them as well, and how one of these is made to.
    """

    preprocess: type[Preprocess]
    default: str
    setting: str
    resized: Callable[[Any, int], Preprocess]
    smaller: str
    sign: str = ""
    entry: str = ""
    """An entry of ``preprocessor_config.json`` that models have which are made for such examples; empty: none are."""
    wrap: Callable[[Any], Preprocess | None] | None = None
    wants: str = ""
    through: Through | None = None
    output: Output = "pooled"
    """Whether its backbones give a row for each example, or one for each token."""
    default_by_part: str = ""
    """The backbone where none is named and rows of parts are needed; empty: the default one."""
    any_language: Mapping[Output, str] = field(default_factory=dict)
    """The backbone that reads what the default one does not know, where there is one, by what is needed of it."""

    def wrapped(self, transform: Any) -> Preprocess:
        """The preprocessing that came with a module of one's own; raises ``InputError`` where it is none."""
        if isinstance(transform, self.preprocess):
            return transform
        made = None if self.wrap is None else self.wrap(transform)
        if made is None:
            wanted = self.wants or f"a {self.preprocess.__name__}"
            raise InputError(
                f"a module of your own needs its preprocessing: give transform={wanted}, got {transform!r}."
            )
        return made


@dataclass(frozen=True)
class Through:
    """A ``kind`` of example whose backbones read examples of another kind too, once they are ``made`` to."""

    kind: Kind
    made: Callable[[Backbone], Backbone]


def _image_transform(transform: Any) -> Preprocess | None:
    foreign = isinstance(transform, Preprocess) and not isinstance(transform, CallablePreprocess)
    return None if transform is None or foreign else CallablePreprocess(transform)


MODALITIES: dict[Kind, Modality] = {
    "image": Modality(
        ImagePreprocess,
        default="efficientnet_lite0",
        setting="size",
        resized=ImagePreprocess.resized,
        smaller="a smaller input",
        wrap=_image_transform,
        wants="a callable from a PIL picture to a tensor",
        sign="preprocessor_config.json",
    ),
    "text": Modality(
        TextPreprocess,
        default="all_minilm_l6_v2",
        setting="max_length",
        resized=TextPreprocess.shortened,
        smaller="shorter texts",
        sign="tokenizer.json",
        any_language={"pooled": "char_ngrams", "tokens": "small_transformer"},
    ),
    "pair": Modality(
        PairPreprocess,
        default="all_minilm_l6_v2",
        setting="max_length",
        resized=PairPreprocess.shortened,
        smaller="shorter texts",
        sign="tokenizer.json",
        through=Through("text", partial(of_pairs, reader=PairPreprocess)),
        any_language={"pooled": "char_ngrams"},
    ),
    "image_pair": Modality(
        ImagePairPreprocess,
        default="efficientnet_lite0",
        setting="size",
        resized=ImagePairPreprocess.resized,
        smaller="a smaller input",
        through=Through("image", partial(of_pairs, reader=ImagePairPreprocess)),
    ),
    "sentence": Modality(
        WordPreprocess,
        default="all_minilm_l6_v2",
        setting="max_length",
        resized=WordPreprocess.shortened,
        smaller="shorter windows",
        sign="tokenizer.json",
        output="tokens",
        through=Through("text", per_word),
    ),
    "scene": Modality(
        ScenePreprocess,
        default="efficientnet_lite0",
        setting="size",
        resized=ScenePreprocess.resized,
        smaller="a smaller input",
        output="tokens",
        through=Through("image", seeing_places),
    ),
    "sound": Modality(
        HeardPreprocess,  # type: ignore[type-abstract]  # its from_json makes one of its forms
        default="efficientnet_lite0",
        setting="seconds",
        resized=lambda reads, seconds: reads.lasting(seconds),
        smaller="the beginning of each sound alone",
        entry="sampling_rate",
        through=Through("image", listening),
        default_by_part="small_speech",
    ),
}
"""Feature rows have no row: they are read as they are. Table rows have one backbone alone, which is fitted."""


def _per_moment(backbone: Backbone) -> Backbone:
    raise BackboneError(
        f"{backbone.name} gives one row for a whole recording and none for each moment: what is said in it is written "
        "down from moments. Take small_speech, or a run that it was trained in."
    )


BY_PART: dict[Kind, Callable[[Backbone], Backbone]] = {"text": per_token, "sound": _per_moment}
"""How a backbone of whole examples is made to give a row for each part of them, of which a text is written."""


def giving(backbone: Backbone, output: Output) -> Backbone:
    """``backbone`` itself, or one that gives a row for each part; raises ``BackboneError`` where that cannot be."""
    usual = MODALITIES[backbone.kind].output if backbone.kind in MODALITIES else "pooled"
    if output == "tokens" and backbone.output == "pooled":
        return by_kind(BY_PART, backbone.kind, "row for each part, of which a text is written,")(backbone)
    if output == usual == "pooled" != backbone.output:
        raise BackboneError(
            f"{backbone.name} was trained to write texts: it gives a row for each part of an example, and one for the "
            "whole example is needed. Give another backbone."
        )
    return backbone


def is_ragged(kind: Kind) -> bool:
    """Whether examples of this kind are rows of tokens, of different lengths, and their networks read a mask too."""
    return kind in MODALITIES and MODALITIES[kind].preprocess.ragged


def preprocess_from_json(saved: dict[str, Any] | None) -> Preprocess | None:
    """The inverse of ``to_json``; a user's own transform cannot come back.

    >>> pre = ImagePreprocess(8, 9, "bilinear", (0.5,) * 3, (0.5,) * 3, 18)
    >>> preprocess_from_json(pre.to_json()) == pre
    True
    """
    if saved is None:
        return None
    fields = {name: value for name, value in saved.items() if name != "kind"}
    if saved["kind"] == ColumnsPreprocess.kind:
        return ColumnsPreprocess.from_json(fields)
    if saved["kind"] not in MODALITIES:
        raise InputError(f"a preprocessing of kind {saved['kind']!r} cannot be restored from its description.")
    return MODALITIES[saved["kind"]].preprocess.from_json(fields)
