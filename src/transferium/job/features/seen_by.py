"""Data, and the frozen backbone that sees it: one by its name, or that of a saved model as it was tuned."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from transferium.artifact import load_artifact
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import TransferiumWarning
from transferium.job.fit.readable import unread
from transferium.job.run_backbone import saved_in
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone


def seen_by(spec: Any, domain: Domain, embedder: Embedder) -> tuple[Domain, Backbone]:
    """``domain`` as it is read, and the backbone that ``spec`` names: a run's needs no PyTorch to run.

    Another one is suited to the data: to its length and rate, or to what its columns hold. Warns where it knows too few
    pieces of the texts, whose features then say little, or where it cuts sounds short. Raises ``ArtifactError``
    where the run reads other data, ``BackboneError`` for a name that is not known.
    """
    if folder := saved_in(spec):
        artifact = load_artifact(folder)
        return artifact.as_read(domain), artifact.backbone
    found = find_backbone(spec, domain.kind)
    if found.preprocess is not None:
        found = replace(found, preprocess=found.preprocess.suited(domain))
    for finding in unread(found, domain):
        warnings.warn(finding.message, TransferiumWarning, stacklevel=3)
    return domain, embedder.fitted(found, domain)
