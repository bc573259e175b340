"""The whole model of transformers that a backbone is a part of."""

from __future__ import annotations

from functools import partial
from typing import Any

from transferium.models.backbone import WholeModel
from transferium.models.sources.transformers_models import load_whole
from transferium.models.sources.wrapped import drawn


def build_whole(whole: WholeModel, auto: str) -> Any:
    """The model by that class of transformers, in evaluation mode; ``BackboneError`` where it is none of that class."""
    if whole.seed is None:
        return load_whole(whole.folder, True, auto)
    return drawn(partial(load_whole, whole.folder, False, auto), whole.seed)
