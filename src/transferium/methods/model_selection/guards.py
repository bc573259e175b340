"""First do no harm: which adaptations this data allows, which validators it allows, and which candidates forgot.

Every guard reads source labels and target inputs only, and asks about an assumption *before* anything relies on it. All
validators judge answers over the frozen features that every candidate shares, so that none is judged by features it
tore apart itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transferium.data.domain import Domain
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import softmax
from transferium.functional.matrices import Array, Labels
from transferium.functional.shift.label_explains import explained_by_shares, means_differ
from transferium.functional.validators.catalogue import validate
from transferium.functional.validators.clusters import cluster_agreement
from transferium.functional.validators.ensemble import FEWEST as FEWEST_TOGETHER
from transferium.functional.validators.evidence import CannotScoreError, Evidence
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method
from transferium.methods.model_selection.evidence import held_out_logits
from transferium.methods.task import Task

WITH_CLUSTERS = ("silhouette", "ami", "diversity")
"""Who votes where classes are clusters: whether the answers are clusters of the target, and whether all are given."""
WITHOUT_CLUSTERS = ("reverse", "information", "diversity")
"""Who votes where they are not. Reverse validation would wrongly oppose answers that follow clusters which moved;
information is what several methods that live on clusters maximise, so that it cannot judge between those."""
TOGETHER = ("agreement",)
"""Who decides where candidates move the backbone and enough of them stand. Networks that move freely are what they
maximise: diversity, and clusters of the very features that source only learned, where some of them begin."""
SILENT = {
    "source-accuracy": "it sees nothing of the target; instead, a candidate that forgot the source is vetoed",
    "snd": "a collapse onto few classes pleases it",
}
CLUSTERED = 0.5
"""Agreement of the source's own classes with its clusters below which clusters say nothing about classes."""
EXPLAINED = 0.5
"""How much of the difference in means other class shares may explain before bringing means together is refused."""
FEWEST = 20
"""Target examples below which no validator can be trusted."""
CHANGED = 6
"""Answers a candidate must change. Were all of fewer right, a sign test could still not tell (2 · 2⁻⁵ > 0.05)."""


@dataclass(frozen=True)
class Preconditions:
    """What can be known about a source and a target before anything is adapted.

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
        """Look at the features of both that every candidate shares."""
        unit = [_unit_rows(np.asarray(d.features, np.float64)) for d in (source, target)]
        try:
            clustered = cluster_agreement(unit[0], source.y, classes=len(np.unique(source.y)))
        except CannotScoreError:
            clustered = None
        means = unit[0], source.y, unit[1]
        return cls(clustered, explained_by_shares(*means), len(target), trained, means_differ(*means))

    def reason_to_exclude(self, method: Method) -> str:
        """Why ``method`` should not be tried on this data; empty where it may stand."""
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
        """Whether what the candidates say together decides: see ``TOGETHER``."""
        return self.trained and standing >= FEWEST_TOGETHER

    def usable_validators(self, standing: int, named: Sequence[str] = ()) -> tuple[tuple[str, ...], dict[str, str]]:
        """The validators that have something to say where so many candidates stand, and why the others have not.

        Where some were ``named``, these are asked and no others.
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
    task: Task, fitted: Mapping[str, Fitted], evidence: Mapping[str, Evidence], preconditions: Preconditions
) -> dict[str, str]:
    """Candidates that may not be chosen, and why; the first of ``fitted`` is source only.

    One that changes hardly any answer: see ``CHANGED``. One that forgot the source: its loss on held-out source
    examples is worse than source only's by more than two standard errors of the paired difference; whatever was done to
    the features threw away what the classes need. (Not where candidates are judged together: networks that move give up
    a little of a source that they know almost by heart, and one that left it behind reads it as it did before and could
    never be vetoed.) And where classes are no clusters, one from whose target answers
    the source's labels cannot be found again as well as from source only's, by more than three standard errors: the
    answers then group the target by something that is not the classes. (Where classes are clusters, answers that
    rightly follow them would fail that test.)
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


def _worse_on_source(task: Task, reference: Fitted, candidate: Fitted) -> str:
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


def _unit_rows(x: Array) -> Array:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    scaled: Array = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    return scaled
