"""Which backbone reads the data where none was named, and what is said where one cannot read its language."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from transferium.data.doctor.findings import Finding
from transferium.data.domain import Domain
from transferium.errors import option
from transferium.job.run_backbone import named_backbone, saved_in
from transferium.models.backbone import Backbone
from transferium.models.preprocess import TextPreprocess

UNREAD = 0.1
"""The share of unknown pieces from which a warning is given; a few rare signs are no reason for one."""
UNREADABLE = 0.25
"""The share from which the default backbone is not taken: it then reads too little (``benchmarks/languages.py``)."""
READS_ANY = "char_ngrams"
SAMPLE = 200


def choose_backbone(spec: Any, *domains: Domain, **settings: int) -> tuple[Backbone, tuple[Finding, ...]]:
    """The backbone that ``spec`` names, or for None the default for ``domains``, and what the doctor says of that.

    ``settings`` say how much is read of an example; else that is suited to the data where a kind of example has no one
    way to be read. Texts of which the default knows too few pieces take ``char_ngrams``, which reads any language.
    """
    backbone = named_backbone(spec, domains[0].kind, **settings)
    if backbone.preprocess is not None and not isinstance(spec, Backbone) and saved_in(spec) is None:
        backbone = replace(backbone, preprocess=backbone.preprocess.suited(*domains, fixed=bool(settings)))
    share = _unknown_share(backbone, domains)
    if spec is not None or share < UNREADABLE:
        return backbone, (*_said(backbone, share), *_too_long(backbone, domains))
    message = (
        f"{100 * share:.0f} % of the pieces of these texts are unknown to {backbone.name}, the default backbone, so "
        f"{READS_ANY} was taken, which reads any language; to choose yourself, say {option('backbone', 'NAME')}"
    )
    taken = named_backbone(READS_ANY, "text", **settings)
    return taken, (Finding("unread", "warning", message),)


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
    other = f"{option('backbone', READS_ANY)}, which reads any"
    message = f"{words} them: give a backbone that knows their language, or {other}"
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
