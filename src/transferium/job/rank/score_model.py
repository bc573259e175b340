"""What a saved run is worth for a target as a source: its answers, since its data is not there any more."""

from __future__ import annotations

import time

import numpy as np

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.job.adapt.given_model import GivenModel
from transferium.job.fit.prepare import prepare
from transferium.job.rank.on_labels import label_overlap, on_labels
from transferium.job.rank.scored import Scored
from transferium.job.stopwatch import Stopwatch


def score_model(name: str, model: GivenModel, target: Domain, embedder: Embedder) -> Scored:
    """The scores of a saved model that need no example of its source: those of its answers for labelled target ones.

    Target examples that it learned from count in none of them. Raises ``TransferiumError`` for a target without labels,
    or that the model cannot read.
    """
    started = time.perf_counter()
    pair, artifact = model.pair(target), model.artifact
    if pair.answers is None:
        raise DataError(
            f"of the saved model {name} there are answers and no data: label some examples of {target.name!r}, so that "
            "there is something to compare them with."
        )
    there = prepare(pair.target, embedder, artifact.backbone, watch=Stopwatch())
    z = np.asarray(there.embedding.features[there.diagnosis.keep], np.float64)
    known, learned = pair.answers.take(there.diagnosis.keep), artifact.learned.marks(there.domain)
    scores, outputs = on_labels(artifact.head, artifact.classes, z, known, ~learned, name)
    scores["label_overlap"] = label_overlap(known.take(~learned), artifact.classes)
    return Scored(name, scores, time.perf_counter() - started, outputs, there.aside)
