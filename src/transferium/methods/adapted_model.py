"""The result of an adaptation: a fitted model that may read source and target in different ways."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from transferium.functional.adaptation.affine import Alignment
from transferium.methods.fitted import Fitted
from transferium.models.backbone import Backbone
from transferium.models.heads.base import AnyHead


@dataclass(frozen=True)
class AdaptedModel(Fitted):
    """A fitted model whose ``head`` reads *target* rows of ``backbone``.

    Where it reads the source otherwise, ``source_head`` does so (over ``source_backbone``, where that is another), and
    ``alignment`` holds the map of each domain's features before one linear layer reads both (already folded into the
    two heads). ``source-only`` is among the models ``beside`` it. ``sharpened`` says that training made its own answers
    for the target surer, so that how sure it is says nothing of how often it is right.
    """

    source_head: AnyHead | None = None
    source_backbone: Backbone | None = None
    alignment: Alignment | None = None
    sharpened: bool = False

    @classmethod
    def of(cls, fitted: Fitted, **changes: Any) -> AdaptedModel:
        """``fitted`` as the result of an adaptation, with ``changes`` of its fields."""
        return cls(**{each.name: getattr(fitted, each.name) for each in fields(fitted)} | changes)


def source_reader(fitted: Fitted) -> tuple[Backbone, AnyHead]:
    """The backbone and the head that read the source: of a model that was not adapted, its own."""
    if not isinstance(fitted, AdaptedModel):
        return fitted.backbone, fitted.head
    return fitted.source_backbone or fitted.backbone, fitted.source_head or fitted.head


def alignment_of(fitted: Fitted) -> Alignment | None:
    """The map of each domain's features before one linear layer reads both, where there is one."""
    return fitted.alignment if isinstance(fitted, AdaptedModel) else None
