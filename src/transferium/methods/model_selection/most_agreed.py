"""The rule of ``auto``: the candidate with whose answers the others agree most, and which the target confirms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from transferium.functional.matrices import unit_rows
from transferium.functional.validators.agreement import Agreement, peer_agreement
from transferium.functional.validators.clusters import cluster_agreement
from transferium.functional.validators.cross_validation import cross_validated
from transferium.functional.validators.ensemble import ensemble_agreement
from transferium.functional.validators.evidence import CannotScoreError, Evidence

RULE = (
    "the candidate with whose answers the others agree most beyond chance (mean kappa), plus the cross-validation of "
    "its answers as far as classes are clusters of the target; two standard errors above source only, else source only"
)


@dataclass(frozen=True, eq=False)
class Standing:
    """One candidate: agreement of the others, cross-validation of its answers, likeness to all, and the score.

    ``score = agreement + clustered · validated``, where ``clustered`` is the same number for all candidates; its
    standard error is that of the agreement.
    """

    agreement: Agreement
    validated: float
    likeness: float
    clustered: float

    @property
    def score(self) -> Agreement:
        return replace(self.agreement, value=self.agreement.value + self.clustered * self.validated)

    @property
    def finer(self) -> float:
        """What decides between candidates whose scores are not clearly apart."""
        return self.clustered * self.validated + (1 - self.clustered) * self.likeness

    def clearly_above(self, other: Standing) -> bool:
        lead, error = self.score.lead(other.score)
        return lead > 2 * error


def together(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Each candidate's evidence with the predictions of all others."""
    logits = [seen.target_logits for seen in evidence]
    return [replace(seen, others=(*logits[:k], *logits[k + 1 :])) for k, seen in enumerate(evidence)]


def standings(evidence: Sequence[Evidence], methods: Sequence[str]) -> list[Standing]:
    """All candidates (the first is source only) over the target's features, which they share; ``methods`` made them.

    How far classes are clusters is asked of the target: the adjusted mutual information of source only's answers, which
    look for no clusters, with k-means; 0 for random partitions. What one method made twice, with the same answers, is
    one candidate, so that a copy adds no agreement. Raises ``CannotScoreError`` for fewer than three candidates.
    """
    like = copies(evidence, methods)
    distinct = sorted(set(like))
    seen = together([evidence[k] for k in distinct])
    rows, classes = unit_rows(seen[0].target_features), seen[0].target_logits.shape[1]
    agreement = [peer_agreement(each.target_logits, each.others) for each in seen]
    validated = cross_validated(rows, [each.target_predictions for each in seen], classes=classes)
    try:
        clustered = max(0.0, cluster_agreement(rows, seen[0].target_predictions, classes=classes))
    except CannotScoreError:
        clustered = 0.0
    likeness = [ensemble_agreement(each.target_logits, each.others) for each in seen]
    found = [Standing(a, v, e, clustered) for a, v, e in zip(agreement, validated, likeness, strict=True)]
    return [found[distinct.index(k)] for k in like]


def copies(evidence: Sequence[Evidence], methods: Sequence[str]) -> list[int]:
    """For each candidate the place of the first that the same method made with the same answers: often its own."""
    keys = [(name, each.target_predictions.tobytes()) for name, each in zip(methods, evidence, strict=True)]
    return [keys.index(key) for key in keys]


def most_agreed(names: Sequence[str], found: Sequence[Standing]) -> tuple[int, str]:
    """Which candidate (the first is source only) is taken, and why.

    The one with the highest score, if it leads source only by two standard errors. Of those that do, and that it does
    not lead by as much, ``finer`` decides: where classes are clusters, the one whose answers are found again best,
    where they are not, the one whose answers are most like those of all together (EnsV).
    """
    leader, kappas = int(np.argmax([each.score.value for each in found])), [each.agreement.value for each in found]
    if max(kappas) <= 0:
        return 0, "source only, since no candidate agrees with the others beyond chance"
    if min(kappas) >= 1:
        return 0, "source only, since all candidates give the same answers for the target"
    if leader == 0:
        return 0, f"source only agrees most with the others, chance set aside ({_said(found[0])})"
    why = f"{names[leader]} agrees most with the others, chance set aside ({_said(found[leader])}; of source only "
    why += f"{_said(found[0])})"
    if not found[leader].clearly_above(found[0]):
        return 0, f"source only, since the lead is not clear: {why}"
    level = [
        k for k, each in enumerate(found) if each.clearly_above(found[0]) and not found[leader].clearly_above(each)
    ]
    at = max(level, key=lambda k: found[k].finer)
    if at != leader:
        why += f"; {names[at]} not clearly less, and its answers are confirmed better by the target and all together"
    return at, why


def _said(each: Standing) -> str:
    validated = f", cross-validation {each.validated:.3f} weighing {each.clustered:.2f}"
    return f"mean kappa {each.agreement.value:.3f}{validated}"
