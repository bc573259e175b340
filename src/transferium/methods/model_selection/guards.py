"""Checks of an election: which adaptations and validators this data allows, and which candidates forgot the source.

Every check reads source labels and target inputs only, and tests an assumption *before* anything relies on it. All
validators score predictions over the frozen features that every candidate shares, so that no candidate is scored on
features that it changed itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transferium.data.domain import Domain
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import softmax
from transferium.functional.matrices import Array, Labels, unit_rows
from transferium.functional.shift.label_explains import explained_by_shares, means_differ
from transferium.functional.validators.catalogue import validate
from transferium.functional.validators.clusters import cluster_agreement
from transferium.functional.validators.ensemble import FEWEST as FEWEST_TOGETHER
from transferium.functional.validators.evidence import CannotScoreError, Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method
from transferium.methods.model_selection.evidence import held_out_logits

WITH_CLUSTERS = ("silhouette", "ami", "diversity")
"""Validators where classes are clusters: are predictions clusters of the target, and is every class predicted?"""
WITHOUT_CLUSTERS = ("reverse", "information", "diversity")
"""Validators where they are not. With clusters, reverse validation would wrongly reject predictions that follow moved
clusters; and several methods that need clusters maximise information, so it cannot compare them."""
TOGETHER = ("agreement",)
"""Validators where candidates move the backbone and enough of them are left. Such networks maximise the other measures
themselves: diversity, and clusters of the very features that source only learned, where some of them begin."""
SILENT = {
    "source-accuracy": "it sees nothing of the target; instead, a candidate that forgot the source is vetoed",
    "snd": "a collapse onto few classes pleases it",
}
CLUSTERED = 0.5
"""The least agreement of the source's classes with its clusters at which clusters are taken for classes."""
EXPLAINED = 0.5
"""The most of the difference in means that other class shares may explain; above it, means are not aligned."""
FEWEST = 20
"""The fewest target examples with which a validator can be trusted."""
CHANGED = 6
"""The fewest predictions a candidate must change. With 5, all right, a sign test shows nothing (2 · 2⁻⁵ > 0.05)."""


@dataclass(frozen=True)
class Preconditions:
    """Facts about a source and a target, measured before anything is adapted.

    ``clustered`` is the adjusted mutual information of the source's classes and clusters, None where there are too few
    rows; ``explained`` the part of the mean shift that other class shares alone explain; ``size`` the target's;
    ``trained`` whether the features are those of a network that was trained on the source; ``shifted`` whether the
    means differ beyond chance at all.
    """

    clustered: float | None
    explained: float
    size: int
    trained: bool = False
    shifted: bool = True

    @classmethod
    def of(cls, source: Domain, target: Domain, *, trained: bool = False) -> Preconditions:
        """Measure them on the features of both that every candidate shares."""
        unit = [unit_rows(d.features) for d in (source, target)]
        try:
            clustered = cluster_agreement(unit[0], source.y, classes=len(np.unique(source.y)))
        except CannotScoreError:
            clustered = None
        means = unit[0], source.y, unit[1]
        return cls(clustered, explained_by_shares(*means), len(target), trained, means_differ(*means))

    def reason_to_exclude(self, method: Method) -> str:
        """Why ``method`` should not be tried on this data; empty where it may be tried."""
        if method.needs_clusters and not self.has_clusters:
            return self._no_clusters
        if isinstance(method, AdaptedNetwork) and not self.has_clusters:
            return (
                "without clusters to look at, validators read confidence, and a network's is not on one scale with "
                "source only's"
            )
        if method.makes_alike and not self.shifted:
            return "the means of source and target differ no more than by chance: there is nothing to make alike"
        if method.makes_alike and self.explained > EXPLAINED:
            return (
                f"other class shares alone explain {100 * self.explained:.0f} % of how the target's mean differs, and "
                "making the domains alike would break what is right"
            )
        return ""

    @property
    def has_clusters(self) -> bool:
        return self.clustered is not None and self.clustered >= CLUSTERED

    @property
    def _no_clusters(self) -> str:
        if self.clustered is None:
            return "the source has too few examples to see whether its classes are clusters"
        return (
            "the source's own classes are not clusters of these features "
            f"(agreement {self.clustered:.2f}, needed {CLUSTERED})"
        )

    def together(self, standing: int) -> bool:
        """Whether the agreement of the candidates decides: see ``TOGETHER``."""
        return self.trained and standing >= FEWEST_TOGETHER

    def usable_validators(self, standing: int, named: Sequence[str] = ()) -> tuple[tuple[str, ...], dict[str, str]]:
        """The validators that are used where ``standing`` candidates are left, and why the others are not.

        Where some were ``named``, only these are used.
        """
        together = not named and self.together(standing)
        asked: tuple[str, ...] = WITH_CLUSTERS if self.has_clusters else WITHOUT_CLUSTERS
        if together:
            asked = TOGETHER
        if named:
            asked = tuple(named)
        if self.size < FEWEST:
            return (), dict.fromkeys(asked, f"{self.size} target examples are too few (fewer than {FEWEST})")
        if named:
            return asked, {}
        if together:
            left = {"source-accuracy": "a candidate that left the source behind reads it as it did before"}
            return asked, dict.fromkeys(WITH_CLUSTERS, "candidates that move the backbone maximise it") | SILENT | left
        if self.has_clusters:
            why = "classes are clusters here, and answers that rightly follow clusters would displease it"
            pleased = "several candidates maximise it"
            return asked, {"reverse": why, "information": pleased} | SILENT
        return asked, dict.fromkeys(("silhouette", "ami"), self._no_clusters) | SILENT


def vetoed(
    task: AdaptationTask, fitted: Mapping[str, Fitted], evidence: Mapping[str, Evidence], preconditions: Preconditions
) -> dict[str, str]:
    """Candidates that may not be chosen, and why; the first of ``fitted`` is source only.

    There are three reasons. The candidate changes hardly any prediction: see ``CHANGED``. Or it forgot the source: its
    loss on held-out source examples is worse than source only's by more than two standard errors of the paired
    difference, so its features lost what the classes need. (Not tested where the agreement of candidates decides:
    networks that move lose a little of a source that they fit almost perfectly, and one that keeps a separate model for
    the source could never be vetoed.) Or, where classes are no clusters, the source's labels are found again from its
    target predictions worse than from source only's, by more than three standard errors: they then group the target by
    something other than the classes. (Where classes are clusters, predictions that rightly follow them would fail.)
    """
    names = list(fitted)
    reference, found = names[0], {}
    judged = () if preconditions.has_clusters else names
    back = {name: validate(evidence[name], ("reverse",))["reverse"].value for name in judged}
    n = len(evidence[reference].source_labels)
    for name in names[1:]:
        if (changed := _changed(evidence[reference], evidence[name])) < CHANGED:
            found[name] = f"it changes {changed} of the target's answers, too few to tell whether for the better"
            continue
        if not preconditions.together(len(names)) and (why := _worse_on_source(task, fitted[reference], fitted[name])):
            found[name] = why
            continue
        ours, theirs = back.get(name), back.get(reference)
        if ours is None or theirs is None:
            continue
        middle = np.clip((ours + theirs) / 2, 1 / n, 1 - 1 / n)
        if theirs - ours > 3 * float(np.sqrt(2 * middle * (1 - middle) / n)):
            found[name] = (
                f"from its target answers the source's labels are found again with {100 * ours:.1f} % "
                f"(from source only's with {100 * theirs:.1f} %)"
            )
    return found


def _changed(reference: Evidence, candidate: Evidence) -> int:
    return int((reference.target_predictions != candidate.target_predictions).sum())


def _worse_on_source(task: AdaptationTask, reference: Fitted, candidate: Fitted) -> str:
    a, b = reference.oof_outputs, candidate.oof_outputs
    if a is not None and b is not None:
        answers, y = [a, b], task.train.y
        known = ~np.isnan(answers).any(axis=(0, 2))
    else:
        logits, y = [held_out_logits(task, model) for model in (reference, candidate)], hold_out(task, HELD).held.y
        known = ~np.isnan(logits).any(axis=(0, 2))
        # Temperatures from more or fewer rows are surer or less sure; here both are from these.
        answers = [softmax(rows / fit_temperature(rows[known], y[known])) for rows in logits] if known.any() else []
    if not known.any():
        return ""
    losses = [_loss(p[known], y[known]) for p in answers]
    extra = losses[1] - losses[0]
    error = float(extra.std() / np.sqrt(len(extra)))
    if extra.mean() <= 2 * error or extra.mean() < 1e-3:
        return ""
    return (
        f"on held-out examples of the source its log-loss is {losses[1].mean():.3f}, source only's "
        f"{losses[0].mean():.3f}: what it knows of the classes is less"
    )


def _loss(probabilities: Array, y: Labels) -> Array:
    out: Array = -np.log(np.maximum(probabilities[np.arange(len(y)), y], 1e-6))
    return out
