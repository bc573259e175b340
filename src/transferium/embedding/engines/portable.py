"""The backbone inside a saved model: its exported graph and, for texts, its tokenizer."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.data.domain import Kind
from transferium.embedding.engines.bound import write_bound
from transferium.embedding.engines.engine import checked_graph
from transferium.embedding.engines.graph import attached_graph
from transferium.errors import BackboneError
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.graphs.unbound_graph import UnboundGraph
from transferium.models.modality import MODALITIES, preprocess_from_json
from transferium.models.preprocess import CallablePreprocess
from transferium.models.sources.weight_files import digest_files, read_weights

if TYPE_CHECKING:
    from torch import nn


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
        shutil.copyfile(backbone.weights, path)
    else:
        from safetensors.torch import save

        path.write_bytes(save({name: t.contiguous() for name, t in backbone.build().state_dict().items()}))
    return {"file": path.name, "sha256": digest_files([path])}


def attach_graph(saved: dict[str, Any], path: Path) -> Backbone:
    """The backbone that ``Backbone.to_json`` described, run from the graph at ``path`` alone: no torch, no weights.

    Only to be trained on does it need those: they lie beside the graph of a backbone that was tuned.

    Raises ``BackboneError`` where a file is missing or is not the one that was saved.
    """
    description = saved["preprocess"]
    if description is not None and description["kind"] in MODALITIES:
        files = MODALITIES[description["kind"]].preprocess.files
        description = description | {name: str(_beside(path, name)) for name in files}
    graph, told = attached_graph(path), saved.get("weights") or {}
    name, kind = str(saved["name"]), saved["kind"]
    weights = path.with_name(told["file"]) if told else None
    members = int(saved.get("members", 1))
    return Backbone(
        name=name,
        kind=kind,
        width=int(saved["width"]),
        blocks=(),
        preprocess=preprocess_from_json(description),
        fingerprint=str(saved["fingerprint"]),
        build=partial(_build, name, kind, members, weights, told.get("sha256")),
        licence=str(saved.get("licence", "unknown")),
        size_bytes=graph.path.stat().st_size,
        pretrained=bool(saved.get("pretrained", True)),
        any_size=False,
        graph=path,
        weights=weights,
        members=members,
    )


def _build(name: str, kind: Kind, members: int, weights: Path | None, sha256: str | None) -> nn.Module:
    """The architecture of that name, ``members`` of it side by side, with the weights beside the graph."""
    if weights is None:
        raise BackboneError(f"{name} came with a saved model, as a graph that can be run but not trained.")
    if not weights.is_file() or digest_files([weights]) != sha256:
        raise BackboneError(f"{weights} is missing or damaged, and only its graph can be run. Copy the model again.")
    from transferium.models.surgery.side_by_side import side_by_side

    base = side_by_side([find_backbone(name, kind)] * members)
    module = base.build()
    try:
        module.load_state_dict(read_weights(weights))
    except RuntimeError as error:
        raise BackboneError(f"{weights} does not fit {base.name}: {str(error).splitlines()[0]}") from error
    return module.eval()


def _beside(path: Path, name: str) -> Path:
    """Where the file lies that a preprocessing knows as ``name``, such as ``tokenizer``."""
    return path.with_suffix(f".{name}.json")
