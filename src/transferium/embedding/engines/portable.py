"""The backbone inside a saved model: its exported graph and, for texts, its tokenizer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.data.domain import Kind
from transferium.embedding.engines.bound import write_bound
from transferium.embedding.engines.engine import checked_graph
from transferium.embedding.engines.graph import attached_graph
from transferium.errors import BackboneError, TransferiumError, refusing
from transferium.models import adapter as adapters
from transferium.models.adapter import Adapter, read_adapter
from transferium.models.backbone import Backbone
from transferium.models.catalogue import backbone_of_model
from transferium.models.graphs.unbound_graph import UnboundGraph
from transferium.models.modality import MODALITIES, preprocess_from_json
from transferium.models.peft.adapted_backbone import adapted, check_belongs, with_adapter
from transferium.models.preprocess import CallablePreprocess
from transferium.models.sources.architectures import architecture_of
from transferium.models.sources.weight_files import digest_files, read_weights
from transferium.system.saved_folder import SavedFolder

if TYPE_CHECKING:
    from torch import nn

_MOST_MEMBERS, _WIDEST = 64, 1 << 20
"""More networks or features than any saved model has."""


def save_graph(backbone: Backbone, path: Path) -> None:
    """Write the graph to ``path``, its description and, for texts, its tokenizer beside it.

    Raises ``BackboneError`` where the backbone cannot be exported, or reads through a function of your own.
    """
    if isinstance(backbone.preprocess, CallablePreprocess):
        raise BackboneError(
            f"{backbone.name} cannot be saved: its transform is code. Wrap the module with an ImagePreprocess, which "
            "is data and travels with it."
        )
    if isinstance(backbone.graph, UnboundGraph):
        description = write_bound(backbone, backbone.graph, path)
    else:
        graph = checked_graph(backbone)
        shutil.copyfile(graph.path, path)
        description = graph.description
    path.with_suffix(".json").write_text(json.dumps(description, indent=1), encoding="utf-8")
    for name in backbone.preprocess.files if backbone.preprocess else ():
        shutil.copyfile(getattr(backbone.preprocess, name), _beside(path, name))


def save_weights(backbone: Backbone, path: Path) -> dict[str, str]:
    """Write the weights of a tuned backbone, to train from, to ``path``; what must be known to find and trust them.

    Those of one that came with a saved model are copied.
    """
    if backbone.weights is not None:
        _check_weights(backbone.weights, backbone.sha256.get("weights"))
        shutil.copyfile(backbone.weights, path)
    else:
        from safetensors.torch import save

        path.write_bytes(save({name: t.contiguous() for name, t in backbone.build().state_dict().items()}))
    return {"file": path.name, "sha256": digest_files([path])}


def attach_graph(saved: dict[str, Any], files: SavedFolder) -> Backbone:
    """The backbone that ``Backbone.to_json`` described, run from its graph in a folder alone: no torch, no weights.

    Only to be trained on does it need those: they lie beside the graph of a backbone that was tuned. It is known by the
    files that came and by nothing that the description claims: what it computes is kept apart from everything else.

    Raises ``BackboneError`` where a file is missing or is not the one that was saved.
    """
    named = files.folder / str(saved["graph"])
    with refusing(BackboneError, f"the saved model's graph {named} is incomplete", ": copy the whole folder."):
        path, description, told = files.path(saved["graph"]), saved["preprocess"], saved.get("weights") or {}
        if description is not None and description["kind"] in MODALITIES:
            beside = {name: _beside(path, name) for name in MODALITIES[description["kind"]].preprocess.files}
            for file in beside.values():
                files.digest(file.name)
            description = description | {name: str(file) for name, file in beside.items()}
        files.digest(path.with_suffix(".json").name)
        graph = attached_graph(path, files.digest(path.name))
        name, kind = str(saved["name"]), saved["kind"]
        members, width = int(saved.get("members", 1)), int(saved["width"])
        if kind not in MODALITIES or not (0 < members <= _MOST_MEMBERS and 0 < width <= _WIDEST):
            raise ValueError(f"{members} networks of {kind!r} with {width} features")
        sha256 = {"graph": graph.description["sha256"]} | ({"weights": str(told["sha256"])} if told else {})
        weights = files.folder / Path(told["file"]).name if told else None
        adapter = None
        if saved.get("adapter"):
            adapter = read_adapter(files.folder)[0]
            files.digest(adapters.DESCRIPTION)  # raises unless it is the file that was saved
            sha256["adapter"] = files.digest(adapters.TENSORS)
        architecture = saved.get("architecture")
        fresh = None if architecture is None else partial(_fresh, architecture, members)
        written = () if architecture is None else (json.dumps(architecture, sort_keys=True),)
        return Backbone(
            name=name,
            kind=kind,
            width=width,
            blocks=() if architecture is None else tuple(map(str, architecture["blocks"])),
            preprocess=preprocess_from_json(description),
            fingerprint=digest_files([], "came with a model", *sha256.values(), *written),
            build=partial(_build, name, kind, members, weights, sha256.get("weights"), adapter, fresh),
            licence=str(saved.get("licence", "unknown")),
            size_bytes=path.stat().st_size,
            pretrained=bool(saved.get("pretrained", True)),
            fresh=fresh,
            any_size=False,
            graph=path,
            weights=weights,
            adapter=adapter,
            architecture=architecture,
            members=members,
            output="tokens" if saved.get("output") == "tokens" else MODALITIES[kind].output,
            claimed=str(saved["fingerprint"]),
            sha256=sha256,
        )


def base_of(adapter: Adapter) -> Backbone:
    """The backbone that an adapter was trained in, found by the name that it has here.

    Raises ``BackboneError`` where there is none of that name, ``InputError`` where it has other weights.
    """
    told = adapter.backbone
    try:
        base = backbone_of_model(str(told["name"]), told["kind"], told["preprocess"], str(told["fingerprint"]))
    except BackboneError as error:
        raise BackboneError(
            f"this {adapter.kind} adapter belongs to the backbone {told['name']}, which is not found by that name: "
            f"give it, as in load(folder, backbone=…). {error}"
        ) from error
    check_belongs(adapter, base)
    return base


def trainable(backbone: Backbone) -> Backbone | None:
    """A backbone that came with a saved model, as a network that can be trained further; None where it cannot.

    It lies there as a graph. Its weights, or its adapter, are beside that, and its architecture came along or is found
    by its name; or it is the pretrained one of that name or folder, untouched.
    """
    base, moved, told = None, backbone.weights is not None or backbone.adapter is not None, backbone.architecture
    if moved and told is not None:
        return replace(backbone, any_size=bool(told["any_size"]), tuned=True)
    with suppress(TransferiumError):
        base = backbone_of_model(backbone.name, backbone.kind, fingerprint="" if moved else backbone.said_to_be)
        if backbone.members > 1:
            from transferium.models.surgery.side_by_side import side_by_side

            base = side_by_side([base] * backbone.members)
    if base is None:
        return None
    if moved:
        return replace(backbone, blocks=base.blocks, any_size=base.any_size, fresh=base.fresh, tuned=True)
    same = base.pretrained and base.fingerprint == backbone.said_to_be
    return replace(base, preprocess=backbone.preprocess) if same else None


def _build(
    name: str,
    kind: Kind,
    members: int,
    weights: Path | None,
    sha256: str | None,
    adapter: Adapter | None,
    fresh: Callable[[], nn.Module] | None,
) -> nn.Module:
    """The architecture that came along or has that name, with the weights or adapter beside the graph.

    Weights beside an adapter are those of the whole network with the adapter in it.
    """
    if adapter is not None and weights is None:
        return adapted(base_of(adapter), adapter).build()
    if weights is None:
        words = f"{name} came with a saved model, as a graph that can be run but not trained"
        raise BackboneError(f"{words}: give the folder that it came from." if fresh else f"{words}.")
    _check_weights(weights, sha256)
    from transferium.models.surgery.side_by_side import side_by_side

    module = (fresh or side_by_side([backbone_of_model(name, kind)] * members).build)()
    if adapter is not None:
        module = with_adapter(module, adapter)
    try:
        module.load_state_dict(read_weights(weights))
    except RuntimeError as error:
        raise BackboneError(f"{weights} does not fit {name}: {str(error).splitlines()[0]}") from error
    return module.eval()


def _fresh(architecture: Mapping[str, Any], members: int) -> nn.Module:
    """The architecture that came along, ``members`` of it side by side, with random weights."""
    if members == 1:
        return architecture_of(architecture)
    from transferium.models.surgery.side_by_side import SideBySide

    return SideBySide([architecture_of(architecture) for _ in range(members)])


def _beside(path: Path, name: str) -> Path:
    """Where the file lies that a preprocessing knows as ``name``, such as ``tokenizer``."""
    return path.with_suffix(f".{name}.json")


def _check_weights(weights: Path, sha256: str | None) -> None:
    if not weights.is_file() or digest_files([weights]) != sha256:
        raise BackboneError(f"{weights} is missing or damaged, and only its graph can be run. Copy the model again.")
