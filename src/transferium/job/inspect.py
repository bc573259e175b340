"""``transferium inspect``: the doctor alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transferium.data.domain import Domain
from transferium.data.findings import Diagnosis
from transferium.embedding.embed import Embedder
from transferium.job.prepare import Stopwatch, count_by_class, look
from transferium.models.catalogue import find_backbone


@dataclass(frozen=True)
class Inspected:
    """A domain as the doctor found it."""

    domain: Domain
    diagnosis: Diagnosis
    counts: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: what was read, how many of each class, and the findings."""
        about = {"name": self.domain.name, "kind": self.domain.kind, "examples": len(self.domain)}
        return about | {"classes": self.counts} | self.diagnosis.to_json()


def inspect_domain(domain: Domain, backbone: str | None, embedder: Embedder) -> Inspected:
    """Read every example once and diagnose; the features stay in the store for the ``fit`` that follows."""
    looked = look(domain, embedder, find_backbone(backbone, domain.kind), watch=Stopwatch())
    counts = count_by_class(looked.domain) if looked.domain.labels is not None else {}
    return Inspected(domain, looked.diagnosis, counts)
