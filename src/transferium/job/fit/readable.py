"""Which backbone reads the data where none was named, and what is said where one cannot read its language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from transferium.data.doctor.findings import Finding
from transferium.data.domain import Domain
from transferium.data.mixed_table import MixedTable
from transferium.errors import InputError, option
from transferium.job.run_backbone import named_backbone, saved_in
from transferium.models.backbone import Backbone
from transferium.models.mixed.backbone_of_mixed import mixed_backbone
from transferium.models.mixed.embedded_column import EmbeddedColumn
from transferium.models.mixed.mixed_preprocess import MixedPreprocess
from transferium.models.modality import MODALITIES, giving
from transferium.models.preprocess import TextPreprocess

UNREAD = 0.1
"""The share of unknown pieces from which a warning is given; a few rare signs are no reason for one."""
UNREADABLE = 0.25
"""The share from which the default backbone is not taken: it then reads too little (``benchmarks/languages.py``)."""
SAMPLE = 200


def choose_backbone(spec: Any, *domains: Domain, **settings: int) -> tuple[Backbone, tuple[Finding, ...]]:
    """The backbone that ``spec`` names, or for None the default for ``domains``, and what the doctor says of that.

    ``settings`` say how much is read of an example; else that is suited to the data where a kind of example has no one
    way to be read. Texts of which the default knows too few pieces take one that reads any language, where there is
    one.
    """
    if isinstance(domains[0].samples, MixedTable) and not isinstance(spec, Backbone) and saved_in(spec) is None:
        return _of_each_column(spec, domains, settings)
    output = "pooled" if domains[0].problem is None else domains[0].problem.output
    if spec is None and output == "tokens":
        spec = MODALITIES[domains[0].kind].default_by_part or None
    backbone = giving(named_backbone(spec, domains[0].kind, **settings), output)
    if backbone.preprocess is not None and not isinstance(spec, Backbone) and saved_in(spec) is None:
        backbone = replace(backbone, preprocess=backbone.preprocess.suited(*domains, fixed=bool(settings)))
    share, other = _unknown_share(backbone, domains), _reads_any(backbone)
    if spec is not None or share < UNREADABLE or not other:
        return backbone, (*_said(backbone, share), *_too_long(backbone, domains))
    message = (
        f"{100 * share:.0f} % of the pieces of these texts are unknown to {backbone.name}, the default backbone, so "
        f"{other} was taken, which reads any language; to choose yourself, say {option('backbone', 'NAME')}"
    )
    taken = giving(named_backbone(other, backbone.kind, **settings), output)
    return taken, (Finding("unread", "warning", message),)


def _of_each_column(
    spec: Any, domains: tuple[Domain, ...], settings: dict[str, int]
) -> tuple[Backbone, tuple[Finding, ...]]:
    """The backbone of mixed rows: for each column of examples the one that ``spec`` names for it, or the usual one."""
    tables = [domain.samples for domain in domains if isinstance(domain.samples, MixedTable)]
    named, cells, found = _by_column(spec, tables[0]), [], []
    for name, column in tables[0].cells.items():
        own = {one: value for one, value in settings.items() if one == MODALITIES[column.kind].setting}
        backbone, said = choose_backbone(named.get(name), *(table.examples(name) for table in tables), **own)
        cells.append(EmbeddedColumn(name, column.kind, backbone))
        found += [replace(finding, message=f"column {name!r}: {finding.message}") for finding in said]
    if odd := set(settings) - {MODALITIES[column.kind].setting for column in tables[0].cells.values()}:
        raise InputError(f"no column is read by the setting {min(odd)}: leave it out.")
    return mixed_backbone(MixedPreprocess((), (), {}, cells=tuple(cells))), tuple(found)


def _by_column(spec: Any, table: MixedTable) -> dict[str, Any]:
    """The backbones that were named, by column: a mapping, or ``title=char_ngrams,poster=efficientnet_lite0``."""
    if spec is None or isinstance(spec, Mapping):
        given: dict[str, Any] = dict(spec or {})
    else:
        pairs = [pair.rpartition("=") for pair in str(spec).split(",")]
        if not all(name and found for name, _, found in pairs):
            how = option("backbone", f"{next(iter(table.cells))}={spec}")
            raise InputError(
                f"columns of mixed rows have a backbone each: say which one is to have {spec!r}, as {how}."
            )
        given = {name.strip(): found.strip() for name, _, found in pairs}
    for name in given:
        table.examples(name)  # raises where there is none
    return given


def _reads_any(backbone: Backbone) -> str:
    """The backbone that reads any language, for examples of the kind that ``backbone`` reads; empty for none."""
    return MODALITIES[backbone.kind].any_language.get(backbone.output, "") if backbone.kind in MODALITIES else ""


def unread(backbone: Backbone, *domains: Domain) -> tuple[Finding, ...]:
    """What the backbone cannot read: texts in a language that its vocabulary lacks, and sounds that last too long."""
    return (*_said(backbone, _unknown_share(backbone, domains)), *_too_long(backbone, domains))


def _too_long(backbone: Backbone, domains: tuple[Domain, ...]) -> tuple[Finding, ...]:
    said = "" if backbone.preprocess is None else backbone.preprocess.unread(*domains)
    return (Finding("cut-short", "warning", said),) if said else ()


def _said(backbone: Backbone, share: float) -> tuple[Finding, ...]:
    if share < UNREAD:
        return ()
    words = f"{100 * share:.0f} % of the pieces of these texts are unknown to {backbone.name}, which reads nothing in"
    other = _reads_any(backbone)
    other = "" if other == backbone.name else other
    instead = f", or {option('backbone', other)}, which reads any" if other else ""
    message = f"{words} them: give a backbone that knows their language{instead}"
    return (Finding("unread", "warning", message),)


def _unknown_share(backbone: Backbone, domains: tuple[Domain, ...]) -> float:
    """The share of the pieces of a sample of texts that the vocabulary lacks; 0 for anything but texts."""
    if not isinstance(backbone.preprocess, TextPreprocess):
        return 0.0
    texts = [
        str(domain.samples.raw(int(i)))
        for domain in domains
        for i in np.linspace(0, len(domain) - 1, min(SAMPLE, len(domain))).astype(int)
    ]
    return backbone.preprocess.unknown_share(texts)
