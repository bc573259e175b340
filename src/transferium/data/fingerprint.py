"""The fingerprint of a domain, to check whether its examples are the same as before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from transferium.data.domain import Domain
from transferium.functional.sequences.ragged import is_ragged_array


def fingerprint(domain: Domain) -> str:
    """The numbers of examples and classes, and a hash of the contents and the labels.

    Contents count where they were scanned, else names; of feature rows a thousand, spread over the table.
    """
    sha = hashlib.sha256(
        f"{domain.kind} {len(domain)} {() if domain.problem is None else domain.problem.names}".encode()
    )
    names: Iterable[str] = domain.keys if domain.keys is not None else domain.ids
    for name in names:
        sha.update(name.encode() + b"\0")
    if domain.kind == "features":
        # Enough to see a change, cheap for a table on disk.
        sha.update(np.ascontiguousarray(domain.features[:: max(1, len(domain) // 1000)]).tobytes())
    if domain.labels is not None:
        rows = domain.labels.tolist() if is_ragged_array(domain.labels) else [domain.labels]
        for row in rows:
            sha.update(row.tobytes())
    said = "0 classes" if domain.problem is None else domain.problem.said()
    return f"{len(domain)} {domain.kind} examples, {said}, {sha.hexdigest()[:16]}"
