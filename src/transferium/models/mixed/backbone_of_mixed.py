"""The backbone of mixed rows: the encoding of typed columns, and a backbone for each column of examples."""

from __future__ import annotations

from transferium.models.backbone import Backbone
from transferium.models.columns.backbone_of_columns import NAME, build_identity
from transferium.models.mixed.mixed_preprocess import MixedPreprocess


def mixed_backbone(read: MixedPreprocess | None = None) -> Backbone:
    """The backbone that ``read`` describes; without one, it takes the usual backbones once it is fitted."""
    read = MixedPreprocess((), (), {}) if read is None else read
    within = list({cell.backbone.fingerprint: cell.backbone for cell in read.cells}.values())
    names = dict.fromkeys([*(one.name for one in within), *([NAME] if read.codes or not read.fitted else [])])
    return Backbone(
        name=" + ".join(names) if within else "mixed",
        kind="mixed",
        width=read.width if read.fitted else 0,
        blocks=(),
        preprocess=read,
        fingerprint=read.fingerprint(),
        build=build_identity,
        licence=", ".join(dict.fromkeys(one.licence for one in within)) or "none needed",
        size_bytes=sum(one.size_bytes for one in within),
        pretrained=any(one.pretrained for one in within),
        fresh=build_identity,
    )
