"""Preparation of the data before any fit: it is read once, decoded once, and checked by the doctor."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.doctor import check_labelled, check_trainable, diagnose, used_classes
from transferium.data.doctor.findings import DECISIVE, Diagnosis, Finding, count, filled_cells, some, worst
from transferium.data.doctor.scan import scan
from transferium.data.doctor.suspicious_labels import find_suspicious
from transferium.data.domain import Domain
from transferium.data.split import Division, divide
from transferium.embedding.embed import Embedder, Embedding
from transferium.errors import DataError, TransferiumWarning
from transferium.functional.sequences.ragged import pooled
from transferium.job.stopwatch import Stopwatch
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.columns.backbone_of_columns import columns_of, unknown_to
from transferium.models.columns.encoding import ALL_RARE, NO_VALUE
from transferium.models.modality import MODALITIES
from transferium.training.logs.trackers import TRACK

QUARANTINED = ("unreadable", "truncated", "empty", "not-finite")
"""The kinds of finding that put an example aside."""


@dataclass(frozen=True)
class Prepared:
    """A domain that has been scanned, embedded and diagnosed; ``domain`` holds the usable examples only."""

    domain: Domain
    diagnosis: Diagnosis
    embedding: Embedding
    backbone: Backbone

    def saying(self, *found: Finding) -> Prepared:
        """The same data with more findings of the doctor."""
        return replace(self, diagnosis=replace(self.diagnosis, findings=(*self.diagnosis.findings, *found)))

    @property
    def aside(self) -> tuple[str, ...]:
        """Why examples are not among the usable ones."""
        return _aside(self.diagnosis)

    def of(self, kept: NDArray[np.bool_]) -> Prepared:
        """Those of its usable examples alone that are ``kept``."""
        keep = self.diagnosis.keep.copy()
        keep[keep] = kept
        return replace(self, domain=self.domain.take(kept), diagnosis=replace(self.diagnosis, keep=keep))


def prepare(
    domain: Domain,
    embedder: Embedder,
    backbone: Backbone,
    beside: tuple[Backbone, ...] = (),
    *,
    watch: Stopwatch,
    found: tuple[Finding, ...] = (),
) -> Prepared:
    """Scan, embed with every backbone in one decode, and diagnose; unusable examples are quarantined.

    ``found`` are findings from before.
    """
    if backbone.kind == "features":
        backbone = replace(backbone, width=domain.features.shape[1])
    with watch("scan"):
        scanned = scan(domain, progress=embedder.tick("read"))
        domain = replace(domain, keys=scanned.keys)
    with watch("embed"):
        embedding = embedder(domain, backbone, *beside, scan=scanned)[0]
    with watch("doctor"):
        features = pooled(embedding.features) if domain.kind in MODALITIES else None
        diagnosis = diagnose(domain, scanned, problems=embedding.problems, features=features)
        diagnosis = replace(
            diagnosis, findings=(*found, *diagnosis.findings, *filled_cells(embedding.filled, domain.ids))
        )
    aside = _aside(diagnosis)
    ignored = {**domain.ignored, "unusable": aside} if aside else domain.ignored
    usable = replace(domain, groups=diagnosis.groups, ignored=ignored)
    return Prepared(usable.take(diagnosis.keep), diagnosis, embedding, backbone)


def _aside(diagnosis: Diagnosis) -> tuple[str, ...]:
    return tuple(f.message for f in diagnosis.findings if f.kind in QUARANTINED)


def with_columns_of(prepared: Prepared, embedder: Embedder, *domains: Domain) -> Prepared:
    """The same data with its backbone fitted to ``domains``, where it can be; columns that it leaves out are said."""
    backbone = embedder.fitted(prepared.backbone, *domains)
    unread = {c["name"]: c["left_out"] for c in columns_of(backbone) if c.get("left_out") in (NO_VALUE, ALL_RARE)}
    found = [
        Finding("ignored-column", "warning", f"{some(map(repr, names))} left out: {why}", tuple(names))
        for why in (NO_VALUE, ALL_RARE)
        if (names := [name for name, reason in unread.items() if reason == why])
    ]
    if unknown := unknown_to(backbone, *domains):
        words = f"{some(map(repr, unknown))} left out: the backbone {backbone.name!r} was made without"
        found.append(Finding("ignored-column", "warning", words, unknown))
    return replace(prepared.saying(*found), backbone=backbone)


def with_suspicious(prepared: Prepared, train: Domain, out_of_fold: NDArray[np.float64] | None) -> Prepared:
    """The same data with the doctor's finding on labels of ``train`` that its ``out_of_fold`` outputs contradict."""
    return prepared.saying(*find_suspicious(train, out_of_fold))


def be_strict(diagnosis: Diagnosis) -> None:
    """``--strict``: raise ``DataError`` where the doctor found an error."""
    if errors := [f.message for f in diagnosis.findings if f.severity == "error"]:
        raise DataError("--strict: the doctor found errors, and nothing was fitted.\n  " + "\n  ".join(errors))


def warn_of_findings(diagnosis: Diagnosis) -> None:
    """Warn of the examples that were left out, and of the two worst of the ``DECISIVE`` findings.

    Copies and small classes are left to ``diagnosis_``: searches fit parts of the same data many times.
    """
    if out := int((~diagnosis.keep).sum()):
        warnings.warn(
            f"{out} examples could not be used: {'; '.join(_aside(diagnosis))}", TransferiumWarning, stacklevel=3
        )
    warn_of_the_worst(diagnosis.findings)


def warn_of_the_worst(findings: Iterable[Finding]) -> None:
    """Warn of the two worst of the ``DECISIVE`` findings."""
    for finding in worst(f for f in findings if f.kind in DECISIVE):
        warnings.warn(finding.message, TransferiumWarning, stacklevel=4)


def warn_if_untracked(task: Task, fitted: Fitted) -> None:
    """Warn that the named trackers recorded nothing, where the job took no training step."""
    if task.track and task.workdir is not None and not any(task.workdir.rglob(TRACK)):
        names = " and ".join(task.track)
        words = f"nothing was sent to {names}: {fitted.method} takes no training steps, which are what trackers follow"
        warnings.warn(words, TransferiumWarning, stacklevel=3)


@dataclass(frozen=True)
class Divided:
    """The three parts of the usable examples, none of which shares an example or its copy with another."""

    train: Domain
    val: Domain | None
    test: Domain
    division: Division


def separate(prepared: Prepared, *, seed: int, test_size: float = 0.25, learns: bool = True) -> Divided:
    """Divide by the given parts, or split a test part off; copies of held-out examples leave the training part.

    Where nothing ``learns``, there may be no training part.
    """
    check = check_trainable if learns else check_labelled
    check(prepared.domain)
    domain = used_classes(prepared.domain)
    division = divide(domain, seed=seed, groups=domain.groups, test_size=test_size, learns=learns)
    leaked = prepared.diagnosis.leaked[prepared.diagnosis.keep]
    train = domain.take(division.train[~leaked[division.train]])
    if copies := len(division.train) - len(train):
        said = f"{count(copies, 'training example')} are not learned from: their copies are held out"
        train = replace(train, ignored={**train.ignored, "unusable": (*train.ignored.get("unusable", ()), said)})
    check(train)
    val = domain.take(division.val[~leaked[division.val]]) if len(division.val) else None
    return Divided(train, val, domain.take(division.test), division)


def training_parts(prepared: Prepared) -> tuple[Domain, Domain | None]:
    """The examples for ``fit`` of an estimator: all of an undivided domain, else train and, beside a test part, val."""
    if prepared.domain.parts is None:
        check_trainable(prepared.domain)
        return used_classes(prepared.domain), None
    divided = separate(prepared, seed=0)
    return divided.train, divided.val


def count_by_class(domain: Domain) -> dict[str, int]:
    """Number of examples of each class or label, of entities of each type; none of amounts."""
    return domain.posed.counts(domain.y)
