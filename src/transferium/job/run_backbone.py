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


def named_backbone(spec: Any, kind: Kind, **settings: int) -> Backbone:
    """As ``find_backbone``; a folder that holds a saved model (a run) is the network of that model, tuned as it is.

    ``settings`` say how much is read, as those of ``find_backbone`` do. Its head is left out. Frozen, it runs from its
    graph; it can be trained further where its weights are beside that, or its adapter and the backbone of that are
    found: by name, or in the folder where it was read here before.
    """
    folder = saved_in(spec)
    if folder is None:
        return find_backbone(spec, kind, **settings)
    given = load_artifact(folder).backbone
    found = find_backbone(trainable(given) or given, kind, **settings)
    found = replace(found, pretrained=found.pretrained or found.tuned)  # it has learned, whatever it began with
    if found.preprocess != given.preprocess and not is_ragged(kind):
        return replace(found, graph=None)  # a graph of pictures reads one size
    return found


def saved_in(spec: Any) -> Path | None:
    """The folder of a saved model that ``spec`` names, None where it names anything else."""
    folder = Path(spec) if isinstance(spec, str | Path) else None
    return folder if folder is not None and (folder / DESCRIPTION).is_file() else None
