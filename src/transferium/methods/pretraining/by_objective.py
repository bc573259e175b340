"""Objectives of pretraining by name, and which class pretrains by them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from transferium.data.corpora.documents import PLAIN
from transferium.data.domain import Domain, Kind, alike
from transferium.data.modality import KINDS, by_kind
from transferium.errors import InputError, did_you_mean, option
from transferium.methods.pretraining.pretraining import Pretraining
from transferium.methods.settings.parse import configure

Classes = dict[Kind, str]
"""By kind of example, the class below this folder that pretrains on it; an objective is for few kinds."""
_LANGUAGE: Classes = {"text": "language.LanguagePretraining"}
_PICTURES: Classes = {"image": "pictures.PicturePretraining"}
_ROWS: Classes = {"row": "table_rows.RowPretraining"}
_PATCHES: Classes = {"image": "vision_transformer.VisionTransformerPretraining"}
OBJECTIVES = {
    "mlm": (_LANGUAGE, "texts: guess masked tokens"),
    "nsp": (_LANGUAGE, "texts: does the second segment follow the first, or is it from another document?"),
    "same-document": (_LANGUAGE, "texts: are both segments of one document?"),
    "sop": (_LANGUAGE, "texts: are two consecutive segments in order, or swapped?"),
    "dae": (
        _PICTURES | _ROWS | _LANGUAGE,
        "draw a picture or a row, or say the words of a text, from the features of a noisy version of it",
    ),
    "vicreg": (_PICTURES, "pictures: two versions of one have the same features"),
    "mim": (_PATCHES, "pictures, for a ViT: draw hidden patches"),
}
"""By name: for each kind the class below ``transferium.methods.pretraining``, and what is learned from what."""
USUAL: dict[Kind, str] = {"text": "mlm", "image": "dae", "row": "dae"}
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
        if not kinds_of((names[0], name)):
            raise InputError(f"objectives {names[0]} and {name} are for different data: give one of them.")
    return names


def kinds_of(objectives: tuple[str, ...]) -> dict[Kind, str]:
    """The kinds of example from which all of these can be learned together, and the class that does it."""
    first, *others = (OBJECTIVES[name][0] for name in objectives)
    return {kind: made for kind, made in first.items() if all(other.get(kind) == made for other in others)}


def check_kind_learned(objectives: tuple[str, ...], kind: Kind, name: str) -> None:
    """Raise ``InputError`` where nothing is learned from the data ``name`` of that kind by these objectives."""
    if kind in (able := kinds_of(objectives)):
        return
    said, wanted = ",".join(objectives), " or ".join(KINDS[other] for other in able)
    words = f"{said} learns from {wanted}, and {name!r} holds {KINDS[kind]}"
    raise InputError(f"{words}: leave {option('objective', said)} out, or name another.")


def looked_at(corpus: Any, objectives: tuple[str, ...], columns: Mapping[str, Any]) -> tuple[Any, Kind]:
    """The corpus and its kind. It is read for that only where these objectives are learned from several kinds.

    A corpus of texts stays what was given: it is read again as a stream.
    """
    from transferium.data.read import read

    able = kinds_of(objectives)
    if len(able) == 1:
        return corpus, next(iter(able))
    if isinstance(corpus, Path) and corpus.is_file() and corpus.suffix.lower() in PLAIN:
        check_kind_learned(objectives, "text", corpus.name)
        return corpus, "text"
    domain = corpus if isinstance(corpus, Domain) else read(corpus, **columns)
    domain = next((other for kind in able if (other := alike(domain, kind)).kind == kind), domain)
    check_kind_learned(objectives, domain.kind, domain.name)
    return corpus if domain.kind in _LANGUAGE else domain, domain.kind


def find_pretraining(objectives: tuple[str, ...], settings: Mapping[str, Any], kind: Kind | None = None) -> Pretraining:
    """The pretraining by these objectives with its settings; of several kinds of example the first, where none is said.

    >>> find_pretraining(("mlm",), {"epochs": "3"}).epochs
    3
    """
    able = kinds_of(objectives)
    return configure(class_called(able[next(iter(able)) if kind is None else kind]), settings)


def class_called(name: str) -> type[Pretraining]:
    """The class of that name below ``transferium.methods.pretraining``."""
    module, _, cls = name.rpartition(".")
    return cast("type[Pretraining]", getattr(import_module(f"transferium.methods.pretraining.{module}"), cls))


def all_classes() -> list[type[Pretraining]]:
    """Every class that pretrains, each once."""
    return list(dict.fromkeys(class_called(name) for by, _ in OBJECTIVES.values() for name in by.values()))
