"""The backbone of tables: an encoding of their columns, which is fitted to the training part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.models.backbone import Backbone
from transferium.models.columns.encoding import ColumnsPreprocess

if TYPE_CHECKING:
    from torch import nn

NAME = "columns"


def columns_backbone(encoding: ColumnsPreprocess | None = None, name: str = NAME) -> Backbone:
    """The backbone of an encoding; without one it reads nothing yet, until it is ``fitted_to`` some."""
    return Backbone(
        name=name,
        kind="row",
        width=0 if encoding is None else encoding.width,
        blocks=(),
        preprocess=encoding,
        fingerprint="0" * 64 if encoding is None else encoding.fingerprint(),
        build=build_identity,
        licence="none needed",
        size_bytes=0 if encoding is None or encoding.learned is None else len(encoding.learned.content),
        pretrained=encoding is not None and encoding.learned is not None,
        fresh=build_identity,
    )


def fitted_to(backbone: Backbone, *domains: Domain) -> Backbone:
    """The backbone of tables itself; where it was not fitted yet, fitted to the columns of ``domains``.

    Their labels are not looked at. Raises ``DataError`` where no column is left to learn from.
    """
    if backbone.preprocess is not None:
        return backbone
    tables = [domain.samples for domain in domains if isinstance(domain.samples, Table)]
    return columns_backbone(ColumnsPreprocess.fit(tables))


def columns_of(backbone: Backbone) -> list[dict[str, Any]]:
    """Each column of the table that a fitted backbone reads, as plain data; none of other examples."""
    encoding = backbone.preprocess
    return encoding.about() if isinstance(encoding, ColumnsPreprocess) else []


def unknown_to(backbone: Backbone, *domains: Domain) -> tuple[str, ...]:
    """The columns of ``domains`` that a fitted backbone has never seen, where both know columns by their names."""
    encoding = backbone.preprocess
    if not isinstance(encoding, ColumnsPreprocess) or not encoding.named:
        return ()
    tables = [domain.samples for domain in domains if isinstance(domain.samples, Table) and domain.samples.named]
    return tuple(dict.fromkeys(name for table in tables for name in table.names if name not in encoding.inputs))


def build_identity() -> nn.Module:
    """The module of numbers that are read as they are."""
    from torch import nn

    return nn.Identity()
