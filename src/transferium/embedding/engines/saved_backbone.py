"""The backbone of a saved model: a name where that is enough, else a graph beside its description."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from transferium.embedding.engines.portable import attach_graph, save_graph
from transferium.errors import ArtifactError
from transferium.models.backbone import Backbone
from transferium.models.catalogue import OWN, find_backbone, reading_as
from transferium.models.columns.backbone_of_columns import columns_backbone
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.mixed.backbone_of_mixed import mixed_backbone
from transferium.models.mixed.mixed_preprocess import MixedPreprocess
from transferium.models.modality import preprocess_from_json
from transferium.models.per_word import fingerprint_per_word
from transferium.models.sources.bundled import BUNDLED
from transferium.system.saved_folder import SavedFolder


def described(backbone: Backbone, folder: Path) -> dict[str, Any]:
    """The description of a backbone; those that are within it lie in the folder where naming them is not enough."""
    told = backbone.to_json()
    cells = backbone.preprocess.cells if isinstance(backbone.preprocess, MixedPreprocess) else ()
    for number, cell in enumerate(cells):
        graph = None if comes_with_a_package(cell.backbone) else f"column_{number}.onnx"
        if graph is not None:
            save_graph(cell.backbone, folder / graph)
        told["preprocess"]["cells"][number]["backbone"] |= {"graph": graph, "weights": None}
    return told


def comes_with_a_package(backbone: Backbone) -> bool:
    """Whether naming the backbone is enough: it holds no weights, or a bundled package's untouched ones."""
    if backbone.kind in OWN:
        return True
    if backbone.name not in BUNDLED:
        return False
    known = BUNDLED[backbone.name].fingerprint
    return backbone.fingerprint in (known, fingerprint_per_word(known))


def _read_own(files: SavedFolder, saved: dict[str, Any]) -> Backbone:
    """The backbone of rows or features; a table's encoding is a part of the description."""
    if saved["kind"] == MixedPreprocess.kind:
        told = saved["preprocess"]
        within = [read_backbone(files, cell["backbone"]) for cell in told["cells"]]
        return mixed_backbone(MixedPreprocess.restored(told, within))
    encoding = preprocess_from_json(saved["preprocess"])
    if encoding is None:
        return replace(OWN["features"], width=int(saved["width"]))
    if not isinstance(encoding, ColumnsPreprocess) or encoding.width != saved["width"]:
        raise ValueError(f"its columns make {saved['width']} numbers")
    return columns_backbone(encoding, str(saved["name"]))


def read_backbone(files: SavedFolder, saved: dict[str, Any]) -> Backbone:
    """The inverse of :func:`described`; raises ``ValueError`` and ``ArtifactError`` for what makes no sense."""
    if saved["graph"] is not None:
        return attach_graph(saved, files)
    if saved["kind"] in OWN:
        return _read_own(files, saved)
    if saved["name"] not in BUNDLED:
        raise ValueError(f"its backbone {saved['name']!r} should lie beside it, as a graph")
    folder = files.folder
    backbone = reading_as(find_backbone(saved["name"], saved["kind"]), saved["preprocess"])
    if backbone.fingerprint != saved["fingerprint"]:
        raise ArtifactError(
            f"{folder} was made with {saved['name']} weights {saved['fingerprint'][:12]}; the installed ones are "
            f"{backbone.fingerprint[:12]}. Install the package version named in its provenance."
        )
    return backbone
