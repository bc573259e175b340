"""An encoder of table rows as a folder: what a pretraining on a table leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transferium.errors import BackboneError, refusing
from transferium.models.backbone import Backbone
from transferium.models.columns.backbone_of_columns import columns_backbone
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file

ARCHITECTURE = "row_encoder"
"""What it is called in its ``config.json``, which is all there is: how columns are encoded, and the layers on them."""


def write_row_encoder(encoding: ColumnsPreprocess, folder: Path) -> None:
    """Write an encoding with trained layers into ``folder``."""
    told = {"architecture": ARCHITECTURE, "preprocess": encoding.to_json()}
    (folder / "config.json").write_text(json.dumps(told, ensure_ascii=False) + "\n", encoding="utf-8")


def row_encoder(spec: Any) -> Backbone | None:
    """The encoder of rows in the folder ``spec``; None where that is no such folder.

    Raises ``BackboneError`` for a damaged one.
    """
    folder = Path(spec) if isinstance(spec, str | Path) else None
    if folder is None or not (folder / "config.json").is_file():
        return None
    with refusing(BackboneError, f"{folder / 'config.json'} is damaged", ": make the encoder again."):
        told = parse_json(read_file(folder / "config.json", LONGEST_JSON))
        if told.get("architecture") != ARCHITECTURE:
            return None
        fields = {name: value for name, value in told["preprocess"].items() if name != "kind"}
        return columns_backbone(ColumnsPreprocess.from_json(fields), folder.resolve().name)
