"""Exported graphs on disk: one ONNX file and one description each, replaced as a whole or not at all."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transferium.errors import BackboneError, refusing
from transferium.models.backbone import Backbone
from transferium.models.graphs.unbound_graph import Tensors
from transferium.models.sources.weight_files import digest_files
from transferium.system.cache_dir import home
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file
from transferium.system.write_atomically import write_atomically


@dataclass(frozen=True)
class Graph:
    """A checked graph: its file, what its check against torch found, and weights that lie outside of the file."""

    path: Path
    description: dict[str, Any]
    weights: Tensors = field(default_factory=dict)


class DamagedGraph(Exception):  # noqa: N818  (it is never shown: the caller exports again and says so)
    """The graph's file is not the one that was checked."""


def graph_path(backbone: Backbone) -> Path:
    """Where the graph of this backbone lies: known by its weights and by the shape that it reads."""
    shape = backbone.kind if backbone.preprocess is None else backbone.preprocess.shape
    name = hashlib.sha256(f"{backbone.fingerprint} {shape} graph 1".encode()).hexdigest()[:40]
    return home() / "graphs" / f"{name}.onnx"


def read_description(path: Path) -> dict[str, Any] | None:
    """The JSON written beside a graph by these versions of torch and onnxruntime, or None."""
    try:
        description: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return description if description.get("versions") == versions() else None


def find_graph(path: Path) -> Graph | None:
    """The checked graph at ``path``, or None where there is none; raises ``DamagedGraph``."""
    description = read_description(path)
    if description is None or description.get("status") != "ok":
        return None
    if not path.is_file() or digest_files([path]) != description.get("sha256"):
        raise DamagedGraph
    return Graph(path, description)


def attached_graph(path: Path, sha256: str | None = None) -> Graph:
    """The graph inside a saved model, if its file is unchanged (and, where that is given, has this SHA-256)."""
    with refusing(BackboneError, f"the saved model's graph {path} is incomplete", ": copy the whole folder."):
        description = parse_json(read_file(path.with_suffix(".json"), LONGEST_JSON))
        found, saved = digest_files([path]), description["sha256"]
    if found != saved or sha256 not in (None, found):
        raise BackboneError(f"{path} is damaged: it is not the graph that was saved. Copy the saved model again.")
    return Graph(path, description)


def known_to_fail(path: Path) -> str | None:
    """Why these versions could not export this backbone, where that was tried before."""
    description = read_description(path)
    return str(description["reason"]) if description and description.get("status") == "failed" else None


def versions() -> dict[str, str]:
    """The versions that a graph and its check depend on, read without importing anything."""
    return {name: version(name) for name in ("torch", "onnxruntime")}


def save_description(path: Path, description: dict[str, Any]) -> None:
    """Write the JSON beside a graph; a failure is silent here, because it is reported elsewhere, once."""
    text = json.dumps(description | {"versions": versions()}, indent=1)
    with suppress(OSError):
        write_atomically(path.with_suffix(".json"), text)
