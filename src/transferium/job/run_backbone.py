"""The network of a finished run as a backbone: ``--backbone RUN``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from transferium.artifact import DESCRIPTION, load_artifact
from transferium.data.domain import Kind
from transferium.embedding.engines.portable import trainable
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.modality import is_ragged


def named_backbone(spec: Any, kind: Kind, *, size: int | None = None, max_length: int | None = None) -> Backbone:
    """As ``find_backbone``; a folder that holds a saved model (a run) is the network of that model, tuned as it is.

    Its head is left out. Frozen, it runs from its graph; it can be trained further where its weights are beside that,
    or its adapter and the backbone of that are found: by name, or in the folder where it was read here before.
    """
    folder = Path(spec) if isinstance(spec, str | Path) else None
    if folder is None or not (folder / DESCRIPTION).is_file():
        return find_backbone(spec, kind, size=size, max_length=max_length)
    given = load_artifact(folder).backbone
    found = find_backbone(trainable(given) or given, kind, size=size, max_length=max_length)
    if found.preprocess != given.preprocess and not is_ragged(kind):
        return replace(found, graph=None)  # a graph of pictures reads one size
    return found
