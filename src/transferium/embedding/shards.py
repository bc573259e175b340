"""Embedding by several processes: each computes one shard of a domain, and all get the whole result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.scan import Scan
from transferium.data.domain import Domain
from transferium.embedding.embed import WAYS, Embedder, Embedding
from transferium.errors import DataError, TransferiumError
from transferium.models.backbone import Backbone
from transferium.system.processes import everyone, rank, world


class ShardedEmbedder(Embedder):
    """An ``Embedder`` for one of several processes, all of which ask for the same embeddings in the same order.

    Process ``r`` of ``w`` embeds examples ``r, r + w, r + 2 w, …`` through its own store, and the parts are exchanged.
    An example's features do not depend on its neighbours, so the result is what one process computes. An error in one
    process is raised in all of them, so that none waits for ever.
    """

    def __call__(self, domain: Domain, *backbones: Backbone, scan: Scan | None = None) -> list[Embedding]:
        if domain.kind not in WAYS or len(domain) < world():
            return super().__call__(domain, *backbones, scan=scan)
        mine = _shard(len(domain), rank())
        part: list[Embedding] | str
        try:
            part = super().__call__(domain.take(mine), *backbones, scan=None if scan is None else _part(scan, mine))
        except TransferiumError as error:
            part = str(error)
        parts = everyone(part)
        for number, given in enumerate(parts):
            if isinstance(given, str):
                raise DataError(f"process {number} could not embed its part of {domain.name!r}: {given}")
        return [_whole([given[i] for given in parts], len(domain)) for i in range(len(backbones))]


def _shard(n: int, number: int) -> NDArray[np.intp]:
    return np.arange(number, n, world())


def _part(scan: Scan, at: NDArray[np.intp]) -> Scan:
    problems = {i: scan.problems[int(row)] for i, row in enumerate(at) if int(row) in scan.problems}
    return Scan(tuple(scan.keys[i] for i in at), tuple(scan.formats[i] for i in at), problems)


def _whole(parts: list[Embedding], n: int) -> Embedding:
    """The shards dealt back into the domain's order."""
    features = np.zeros((n, *parts[0].features.shape[1:]), parts[0].features.dtype)
    ok = np.zeros(n, bool)
    keys = [""] * n
    problems: dict[int, str] = {}
    for number, part in enumerate(parts):
        at = _shard(n, number)
        features[at], ok[at] = part.features, part.ok
        for i, row in enumerate(at.tolist()):
            keys[row] = part.keys[i]
        problems |= {int(at[i]): why for i, why in part.problems.items()}
    return Embedding(
        features,
        ok,
        dict(sorted(problems.items())),
        tuple(keys),
        parts[0].engine,
        sum(p.computed for p in parts),
        sum(p.reused for p in parts),
        max(p.seconds for p in parts),
    )
