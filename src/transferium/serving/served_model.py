"""The model that is served: it stays open, and a newer one that takes its place in the folder takes its place here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from transferium.artifact import DESCRIPTION, Artifact, load_artifact
from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import TransferiumError
from transferium.job.predict.apply import predict_domain
from transferium.serving.examples import Examples
from transferium.serving.intake import intake_of

Prediction = dict[str, Any]
LOG = logging.getLogger("transferium.serving")


@dataclass(frozen=True, eq=False)
class Opened:
    """An artifact and what embeds for it, which keeps its engine open and no features."""

    artifact: Artifact
    embedder: Embedder
    seen: tuple[int, ...]
    examples: Examples | None = None

    def answers(self, domain: Domain) -> list[Prediction]:
        """A record for each example: its ``label`` (with ``confidence``), ``value``, ``spans`` or ``error``."""
        predicted, problem = predict_domain(self.artifact, domain, self.embedder), self.artifact.problem
        records = predicted.as_records(problem)
        return [_prediction(record, problem.field, predicted.problems.get(str(record["id"]))) for record in records]


class ServedModel:
    """The model in a run's folder, and known ``examples`` in a folder of features, where one is given.

    Raises ``ArtifactError`` where there is no model, ``InputError`` where another backbone made the features or
    where no request can hold what the model reads.
    """

    def __init__(self, folder: Path, examples: Path | None = None) -> None:
        self.folder, self.examples = folder, examples
        self.opened = self._open()

    @property
    def artifact(self) -> Artifact:
        """The model that answers now."""
        return self.opened.artifact

    def answers(self, domains: Sequence[Domain]) -> list[list[Prediction]]:
        """What each domain is answered; those that lie in memory one by one are answered together.

        An example is answered alike, alone and among others.
        """
        opened = self.opened
        if len(domains) == 1 or not all(isinstance(domain.samples, Items) for domain in domains):
            return [opened.answers(domain) for domain in domains]
        everything = [domain.samples.raw(i) for domain in domains for i in range(len(domain))]
        together = replace(domains[0], samples=Items(everything), ids=list(map(str, range(len(everything)))))
        answers = iter(opened.answers(together))
        return [[next(answers) for _ in range(len(domain))] for domain in domains]

    def near(self, domains: Sequence[Domain]) -> list[list[Prediction]]:
        """The known examples that are nearest to those of each domain; none can be without known examples."""
        opened = self.opened
        assert opened.examples is not None
        return [opened.examples.near(opened.artifact.embed(domain, opened.embedder)) for domain in domains]

    def refresh(self) -> bool:
        """Take the model that lies in the folder now, where it is another; the old one answers until it is open.

        Where it cannot be read, the old one stays, and the log says why.
        """
        seen = _seen(self.folder)
        if seen in (self.opened.seen, ()):
            return False
        try:
            self.opened = self._open()
        except TransferiumError as error:
            LOG.warning("the model in %s was replaced, and the new one cannot be read: %s", self.folder, error)
            self.opened = replace(self.opened, seen=seen)
            return False
        LOG.info("the model in %s was replaced: the new one answers", self.folder)
        return True

    def _open(self) -> Opened:
        seen = _seen(self.folder)
        artifact = load_artifact(self.folder)
        intake_of(artifact)
        known = None if self.examples is None else Examples.read(self.examples, artifact.backbone)
        return Opened(artifact, Embedder(None, stays_open=True), seen, known)


def _seen(folder: Path) -> tuple[int, ...]:
    """What tells one description from another that took its place, without reading it."""
    try:
        found = (folder / DESCRIPTION).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _prediction(record: dict[str, Any], field: str, wrong: str | None) -> Prediction:
    """An answer as clients get it; an example that cannot be read has an ``error`` alone.

    ``missing`` are the columns of a mixed row that counted as missing.
    """
    if record["predicted"] is None:
        return {"error": wrong or "it cannot be read"}
    beside = {"missing": record["missing"]} if "missing" in record else {}
    shares = record.get("probabilities")
    if shares is None:
        return {field: record["predicted"]} | beside
    sure = {} if isinstance(record["predicted"], list) else {"confidence": float(np.max(list(shares.values())))}
    return {field: record["predicted"]} | sure | {"probabilities": shares} | beside
