"""Objectives of pretraining by name, and which class pretrains by them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from transferium.data.domain import Kind
from transferium.data.modality import by_kind
from transferium.errors import InputError, did_you_mean
from transferium.methods.pretraining.pretraining import Pretraining
from transferium.methods.settings.parse import configure

_LANGUAGE, _PICTURES = "language.LanguagePretraining", "pictures.PicturePretraining"
OBJECTIVES = {
    "mlm": (_LANGUAGE, "texts: guess masked tokens"),
    "nsp": (_LANGUAGE, "texts: does the second segment follow the first, or is it from another document?"),
    "same-document": (_LANGUAGE, "texts: are both segments of one document?"),
    "sop": (_LANGUAGE, "texts: are two consecutive segments in order, or swapped?"),
    "dae": (_PICTURES, "pictures: draw one from the features of a noisy version of it"),
    "vicreg": (_PICTURES, "pictures: two versions of one have the same features"),
    "mim": ("vision_transformer.VisionTransformerPretraining", "pictures, for a ViT: draw hidden patches"),
}
"""By name: the class below ``transferium.methods.pretraining``, and what is learned from what."""


USUAL: dict[Kind, str] = {"text": "mlm", "image": "dae"}
"""What is learned where no objective is named, by what there is to learn from."""


def usual_objective(kind: Kind) -> str:
    """The objective for examples of that kind where none is named; ``InputError`` where there is none."""
    return by_kind(USUAL, kind, "pretraining")


def objectives_of(text: str) -> tuple[str, ...]:
    """``"mlm,nsp"`` by name; ``InputError`` for one that is not there, that comes twice, or that does not go along."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in OBJECTIVES:
            raise InputError(f"there is no objective {name!r}. {did_you_mean(name, OBJECTIVES)}")
        if names.count(name) > 1:
            raise InputError(f"objective {name!r} was given twice.")
        if OBJECTIVES[name][0] != OBJECTIVES[names[0]][0]:
            raise InputError(f"objectives {names[0]} and {name} are for different data: give one of them.")
    return names


def find_pretraining(objectives: tuple[str, ...], settings: Mapping[str, Any]) -> Pretraining:
    """The pretraining by these objectives with its settings.

    >>> find_pretraining(("mlm",), {"epochs": "3"}).epochs
    3
    """
    return configure(class_of(objectives[0]), settings)


def class_of(objective: str) -> type[Pretraining]:
    """The class that pretrains by one objective."""
    module, _, cls = OBJECTIVES[objective][0].rpartition(".")
    return cast("type[Pretraining]", getattr(import_module(f"transferium.methods.pretraining.{module}"), cls))
