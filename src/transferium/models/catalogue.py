"""The catalogue of backbones: finding one by its name, and the list of those available offline."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.data.domain import Kind
from transferium.data.modality import KINDS, by_kind, check_kind
from transferium.errors import BackboneError, InputError, did_you_mean
from transferium.models.backbone import Backbone
from transferium.models.columns.backbone_of_columns import build_identity, columns_backbone
from transferium.models.columns.row_encoder import row_encoder
from transferium.models.known_folders import known_folder, note_folder
from transferium.models.mixed.backbone_of_mixed import mixed_backbone
from transferium.models.modality import MODALITIES
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.bundled import BUNDLED, bundled
from transferium.models.sources.picture_folder import is_picture_folder, picture_folder
from transferium.models.sources.untrained import UNTRAINED, USES
from transferium.models.sources.wrapped import randomised, wrap_module
from transferium.models.surgery.chosen_layer import ALL, at_layer, split_layer
from transferium.system.extras import require_train

if TYPE_CHECKING:
    from torch import nn


__all__ = ["catalogue", "find_backbone", "randomised"]


def find_backbone(
    spec: str | Path | nn.Module | Backbone | None,
    kind: Kind,
    *,
    size: int | None = None,
    max_length: int | None = None,
    seconds: int | None = None,
    transform: Any = None,
) -> Backbone:
    """The backbone that ``spec`` names, for data of one kind.

    ``None`` is the bundled default; ``efficientnet_lite0`` and ``all_minilm_l6_v2`` are bundled, ``efficientnet_lite1``
    and ``efficientnet_lite2`` come with the extra ``backbones``; ``small_cnn`` is an untrained network for small
    pictures, ``char_ngrams`` counts what texts of any language are spelled with; ``timm/<name>`` and
    ``hf/<owner>/<name>`` come from the hub or its cache; a folder holds timm's or transformers' ``config.json`` and
    weights; ``<architecture>@<file>`` is a timm architecture with a ``.safetensors`` or ``.pth`` file; ``<name>@3`` is
    the encoder of texts ``<name>`` up to its third layer, ``<name>@mean`` the mean of all its layers; a module of your
    own needs its ``transform``. ``size`` (images), ``max_length`` (texts) and ``seconds`` (sounds) change how much is
    read. Sounds are read by backbones for images, as pictures, or by a folder of wav2vec 2.0 or HuBERT, as samples.
    Raises ``InputError`` for an unknown ``kind``, ``BackboneError`` where there is no such backbone.

    >>> find_backbone("efficientnet_lite0", "image", size=64).preprocess.resize
    73
    """
    check_kind(kind)
    amount = _amount(kind, size=size, max_length=max_length, seconds=seconds)
    if kind in OWN:
        found = OWN[kind] if spec in (None, OWN[kind].name) else row_encoder(spec) or spec
        if not isinstance(found, Backbone) or found.kind != kind:
            given = spec.name if isinstance(spec, Backbone) else spec
            raise InputError(f"{KINDS[kind]} need no other backbone than their own, but {given!r} was given.")
        return found
    through = MODALITIES[kind].through if kind in MODALITIES else None
    if through is not None and getattr(spec, "kind", "") != kind and not _is_of(spec, kind):
        return reading(through.made(find_backbone(spec, through.kind, transform=transform)), amount)
    return _found(spec, kind, amount, transform)


def _is_of(spec: Any, kind: Kind) -> bool:
    """Whether ``spec`` names what was made for that kind, and not for the one through which others read it."""
    if not isinstance(spec, str | Path):
        return False
    if str(spec) in UNTRAINED:
        return UNTRAINED[str(spec)]().kind == kind
    if not (sign := MODALITIES[kind].entry):
        return False
    from transferium.models.sources.transformers_models import folder_named

    return _has_entry(folder_named(str(spec)), sign)


def _has_entry(folder: Path, entry: str) -> bool:
    """Whether the feature extractor of a folder has that entry."""
    try:
        return entry in json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _found(spec: Any, kind: Kind, amount: int | None, transform: Any) -> Backbone:
    """The backbone of that kind, where it has several."""
    if isinstance(spec, Backbone):
        return reading(_checked(spec, kind), amount)
    if spec is not None and not isinstance(spec, str | Path):
        return reading(wrap_module(_module(spec), kind, transform), amount)
    if transform is not None:
        raise InputError(f"transform= belongs to a module of your own; {spec} brings its own preprocessing.")
    name = by_kind(MODALITIES, kind, "backbone").default if spec is None else str(spec)
    if name in BUNDLED:
        _check_kind(name, BUNDLED[name].kind, kind)
        return reading(bundled(name), amount)
    check_installed(name)
    if name in UNTRAINED:
        return reading(_checked(UNTRAINED[name](), kind), amount)
    whole, layer = split_layer(name)
    if layer and not Path(name).exists():
        return _at_layer(whole, layer, kind, amount)
    return _checked(_load(name, kind, amount), kind)


def _at_layer(whole: str, layer: str, kind: Kind, amount: int | None) -> Backbone:
    if layer == ALL:
        raise BackboneError(f"{whole}@{ALL} are several backbones, which rank compares: name one layer.")
    found = at_layer(_found(whole, kind, amount, None), layer)
    if Path(whole).is_dir():
        note_folder(found.fingerprint, Path(whole))
    return found


def check_installed(name: str) -> None:
    """Raise ``MissingExtraError`` where backbone ``name`` needs PyTorch and it is not installed; reads nothing."""
    if name in BUNDLED or (name in UNTRAINED and UNTRAINED[name]().graph is not None) or row_encoder(name):
        return
    if name in UNTRAINED or name.startswith(("hf/", "timm/")) or "@" in name or Path(name).is_dir():
        require_train(f"backbone {name}")


def _amount(kind: Kind, **given: int | None) -> int | None:
    """The value of the setting of this kind; raises ``InputError`` where the setting of another kind was given."""
    own = MODALITIES[kind].setting if kind in MODALITIES else ""
    for other, row in MODALITIES.items():
        if row.setting != own and given.get(row.setting) is not None:
            raise InputError(
                f"{row.setting} is a setting for {KINDS[other]}, and these are {KINDS[kind]}: leave it out."
            )
    return given.get(own)


def backbone_of_model(
    name: str, kind: Kind, preprocess: Mapping[str, Any] | None = None, fingerprint: str = ""
) -> Backbone:
    """The backbone that a saved model names, if it is here: no path that it names is read, and no socket opened.

    That is the folder where weights of that ``fingerprint`` were read here before, else what has this name.
    With ``preprocess``, a description of how the model reads its inputs, it reads as much of them.

    Raises ``BackboneError`` for a path, for a name that the local cache of the hub lacks, and for a folder that is not
    there any more, or whose weights are others.
    """
    from transferium.models.sources.hub import offline

    amount = None if preprocess is None else int(preprocess[MODALITIES[kind].setting])
    whole, layer = split_layer(name)
    if fingerprint and (folder := known_folder(fingerprint)) is not None:
        found = _folder(folder, kind, amount) if folder.is_dir() else None
        found = at_layer(found, layer) if found is not None and layer else found
        if found is None or found.fingerprint != fingerprint:
            why = "is not there any more" if found is None else "holds other weights now"
            raise BackboneError(f"Its weights were in {folder}, which {why}: bring them back.")
        return found
    if whole not in (*BUNDLED, *UNTRAINED) and (not name.startswith(("timm/", "hf/")) or ".." in name):
        raise BackboneError(
            f"a saved model names the backbone {name!r}, which is not in the catalogue of this program."
        )
    with offline():
        found = find_backbone(name, kind)
    return found if preprocess is None else reading_as(found, preprocess)


def _load(name: str, kind: Kind, amount: int | None) -> Backbone:
    if name.startswith("hf/"):
        from transferium.models.sources.transformers_models import transformers_named

        return transformers_named(name.removeprefix("hf/"), kind, amount)
    if name.startswith("timm/"):
        from transferium.models.sources.timm_models import timm_named

        _check_kind(name, "image", kind)
        return timm_named(name.removeprefix("timm/"), amount)
    architecture, at, file = name.partition("@")
    if at and not Path(name).exists():
        from transferium.models.sources.timm_models import timm_file

        _check_kind(name, "image", kind)
        return timm_file(architecture, Path(file), amount)
    if Path(name).is_dir():
        found = _folder(Path(name), kind, amount)
        note_folder(found.fingerprint, Path(name))
        return found
    if Path(name).is_file():
        raise BackboneError(f"{name} holds weights alone: say for which timm architecture, <architecture>@{name}")
    raise BackboneError(f"there is no backbone {name!r} here. {_suggest(name)}")


def _folder(folder: Path, kind: Kind, amount: int | None) -> Backbone:
    if (folder / "open_clip_config.json").is_file() and not (folder / "config.json").is_file():
        raise BackboneError(
            f"{folder} is of open_clip, which is not read here: save it as a CLIPModel of transformers."
        )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneError(f"{folder} is not a backbone: it has no readable config.json ({error}).") from error
    if (found := row_encoder(folder)) is not None:
        return found
    if is_picture_folder(config):
        _check_kind(str(folder), "image", kind)
        return reading(picture_folder(folder, config), amount)
    if "architecture" in config:
        from transferium.models.sources.timm_models import timm_folder

        _check_kind(str(folder), "image", kind)
        return timm_folder(folder, amount)
    if "model_type" in config:
        from transferium.models.sources.transformers_models import transformers_folder

        return transformers_folder(folder, kind, amount)
    raise BackboneError(
        f"{folder / 'config.json'} is neither timm's (with 'architecture') nor transformers' (with 'model_type')."
    )


def _identity() -> Backbone:
    return Backbone(
        name="features",
        kind="features",
        width=0,
        blocks=(),
        preprocess=None,
        fingerprint="0" * 64,
        build=build_identity,
        licence="none needed",
        pretrained=False,
        fresh=build_identity,
    )


OWN: dict[Kind, Backbone] = {"row": columns_backbone(), "mixed": mixed_backbone(), "features": _identity()}
"""The one backbone of kinds that take no other."""


def _module(spec: Any) -> nn.Module:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(spec, torch.nn.Module):
        raise InputError(f"a backbone is a name, a folder, a Backbone or an nn.Module; got {type(spec).__name__}.")
    module: nn.Module = spec
    return module


def reading(backbone: Backbone, amount: int | None) -> Backbone:
    """The same backbone reading another input side or text length; itself where no ``amount`` is given."""
    if amount is None:
        return backbone
    row, preprocess = MODALITIES[backbone.kind], backbone.preprocess
    if not isinstance(preprocess, row.preprocess):
        whose = KINDS[backbone.kind]
        raise InputError(f"{row.setting} is a setting for {whose}; {backbone.name} reads {backbone.kind} its own way.")
    if isinstance(preprocess, ImagePreprocess) and amount != preprocess.size and not backbone.any_size:
        raise InputError(f"{backbone.name} reads images of side {preprocess.size} only; size={amount} was given.")
    return replace(backbone, preprocess=row.resized(preprocess, amount))


def reading_as(backbone: Backbone, told: Mapping[str, Any]) -> Backbone:
    """The same backbone reading as a saved description of its preprocessing says."""
    found = reading(backbone, int(told[MODALITIES[backbone.kind].setting]))
    return found if found.preprocess is None else replace(found, preprocess=found.preprocess.like(told))


def _checked(backbone: Backbone, kind: Kind) -> Backbone:
    _check_kind(backbone.name, backbone.kind, kind)
    return backbone


def _check_kind(name: str, reads: str, kind: Kind) -> None:
    if reads != kind:
        wanted = by_kind(MODALITIES, kind, "backbone").default
        raise BackboneError(f"{name} reads {reads} examples, but the data are {kind} examples; try {wanted!r}.")


def _suggest(name: str) -> str:
    """The most similar name here, else the most similar one of timm, which is imported only for this message."""
    ours = [*BUNDLED, *UNTRAINED]
    if near := did_you_mean(name, ours, ""):
        return near
    import timm

    if near := did_you_mean(name, timm.list_models(), ""):
        return near.replace("'", "'timm/", 1)
    return f"{did_you_mean(name, ours)} Or timm/<name>, hf/<owner>/<name>, a folder, or <architecture>@<weights file>."


def catalogue() -> list[dict[str, Any]]:
    """The backbones that can be used offline: bundled, untrained, and in the hub's cache. Imports no torch.

    >>> [row["name"] for row in catalogue()][:2]
    ['efficientnet_lite0', 'all_minilm_l6_v2']
    """
    rows = [
        {
            "name": name,
            "kind": entry.kind,
            "width": entry.width,
            "licence": entry.licence,
            "size_bytes": entry.file.stat().st_size if entry.file else 0,
            "available": entry.file is not None,
            "source": entry.source,
        }
        for name, entry in BUNDLED.items()
    ]
    rows += [_untrained_row(name, make()) for name, make in UNTRAINED.items()]
    return rows + [row for name, folder in _cached() if (row := _cached_row(name, folder))]


def _untrained_row(name: str, backbone: Backbone) -> dict[str, Any]:
    return {
        "name": name,
        "kind": backbone.kind,
        "width": backbone.width,
        "licence": "none needed",
        "size_bytes": 0,
        "available": True,
        "source": USES[name],
    }


def _cached() -> list[tuple[str, Path]]:
    from transferium.models.sources.hub import cached_repositories

    return cached_repositories()


def _cached_row(name: str, folder: Path) -> dict[str, Any] | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    timm = "architecture" in config
    kind = next((kind for kind, row in MODALITIES.items() if row.sign and (folder / row.sign).exists()), None)
    if not timm and kind is None:
        return None
    weights = [file for file in folder.iterdir() if file.suffix in {".safetensors", ".bin"}]
    return {
        "name": f"timm/{name}" if timm else f"hf/{name}",
        "kind": "image" if timm else kind,
        "width": int(config.get("num_features") or config.get("hidden_size") or 0),
        "licence": str(config.get("pretrained_cfg", {}).get("license") or "see the model card"),
        "size_bytes": sum(file.stat().st_size for file in weights),
        "available": True,
        "source": "the local Hugging Face cache",
    }
