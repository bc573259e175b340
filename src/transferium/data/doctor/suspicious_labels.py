"""The doctor's finding on suspicious labels: a model that did not learn from an example is sure of another class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import Finding, count, some
from transferium.data.domain import Domain
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import softmax
from transferium.problems.classes import Classes

ROUNDS = 15
EXPECTED = 0.1
"""The largest share of the suspicious labels that may be right, if the probabilities are calibrated.

Of 12,540 labels of eight sets 1 is named; where 377 of them were changed at random, 219 of these are, and 25 others
(``benchmarks/doctor.py``)."""


def find_suspicious(domain: Domain, outputs: NDArray[np.float64] | None) -> list[Finding]:
    """The finding on labels of ``domain`` that its out-of-fold ``outputs`` contradict, the surest first."""
    if outputs is None or not isinstance(domain.problem, Classes):
        return []
    at, other = suspicious(outputs, domain.y)
    if not len(at):
        return []
    names, labels = domain.classes, domain.y[at]
    listed = [
        f"{domain.ids[i]} (labelled {names[given]!r}, looks like {names[k]!r})"
        for i, given, k in zip(at.tolist(), labels.tolist(), other.tolist(), strict=True)
    ]
    message = (
        f"{count(len(at), 'label looks', 'labels look')} wrong: {some(listed)}; look at "
        f"{'it' if len(at) == 1 else 'them'}, and correct what is wrong (nothing was changed)"
    )
    return [Finding("suspicious-label", "warning", message, tuple(domain.ids[i] for i in at.tolist()))]


def suspicious(
    outputs: NDArray[np.float64], labels: NDArray[np.int64], expected: float = EXPECTED
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of suspicious labels, the surest first, and the class that each seems to be.

    ``outputs (n, classes)`` are calibrated probabilities from models that did not learn from the example; rows of NaN
    are left aside. As in confident learning, the threshold of a class is the mean probability of its own examples, and
    an example is a candidate where the most probable class above its threshold is not its label. Among the candidates
    those with the least probability ``p`` of their own label are taken, as long as at most the share ``expected`` of
    them would be there by chance: calibrated probabilities expect as many right labels up to ``p`` as all outputs up to
    ``p`` sum to. Wrong labels make probabilities too unsure, so thresholds and temperature are those of the labels that
    were not taken: first all candidates are, and then this is repeated until the same are taken again.
    Northcutt et al., Confident learning: estimating uncertainty in dataset labels, JAIR 2021.
    """
    known = np.flatnonzero(~np.isnan(outputs).any(axis=1))
    p, y = outputs[known], labels[known]
    logits, trusted = np.log(np.maximum(p, 1e-12)), np.ones(len(y), np.bool_)
    taken, other = _contradicted(p, y, trusted, np.inf)
    for _ in range(ROUNDS if len(taken) else 0):
        before, trusted = trusted, ~np.isin(np.arange(len(y)), taken)
        if (trusted == before).all():
            break
        if not trusted.any():  # the outputs contradict every label, and tell nothing of any
            return known[:0], other[:0]
        p = softmax(logits / fit_temperature(logits[trusted], y[trusted]))
        taken, other = _contradicted(p, y, trusted, expected)
    return known[taken], other


def _contradicted(
    p: NDArray[np.float64], y: NDArray[np.int64], trusted: NDArray[np.bool_], expected: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows whose label the probabilities contradict, and the class that each seems to be."""
    own, classes = p[np.arange(len(y)), y], p.shape[1]
    support = np.bincount(y[trusted], minlength=classes)
    sums = np.bincount(y[trusted], own[trusted], minlength=classes)
    above = np.where(p >= np.where(support > 0, sums / np.maximum(support, 1), np.inf), p, -1.0)
    other = above.argmax(axis=1)
    candidates = np.flatnonzero((above.max(axis=1) >= 0) & (other != y))
    order = candidates[np.argsort(own[candidates], kind="stable")]
    each = np.sort(p, axis=None)
    by_chance = np.concatenate([[0.0], np.cumsum(each)])[np.searchsorted(each, own[order], side="right")]
    fits = np.flatnonzero(by_chance <= expected * np.arange(1, len(order) + 1))
    taken = order[: fits[-1] + 1] if len(fits) else order[:0]
    return taken, other[taken]
