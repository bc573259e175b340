"""The options of ``fit``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transferium.errors import InputError
from transferium.methods.method import Method
from transferium.models.modality import MODALITIES


@dataclass(frozen=True)
class FitOptions:
    """The options of ``fit``, without the data."""

    out: Path
    method: str | Method = "auto"
    backbone: Any = None
    settings: dict[str, Any] | None = None
    seed: int = 0
    test_size: float = 0.25
    strict: bool = False
    budget_s: float | None = None
    command: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    track: tuple[str, ...] = ()
    map: str = "pca"
    """How the report draws two domains on one map: pca or tsne."""
    forget_data: bool = False
    """Whether the saved model keeps no hashes of what it learned from."""


def backbone_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Take the settings that belong to the backbone (``size``, ``max_length``) out of ``settings``."""
    taken: dict[str, Any] = {}
    for name in (row.setting for row in MODALITIES.values()):
        if name in settings:
            value = settings.pop(name)
            try:
                taken[name] = int(value)
            except ValueError as error:
                raise InputError(f"setting {name} takes a whole number; it was given {value!r}.") from error
    return taken
