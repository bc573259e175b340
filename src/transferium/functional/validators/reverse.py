"""Reverse validation: how well a model fitted to the target's predicted labels predicts the source's labels."""

from __future__ import annotations

import numpy as np

from transferium.functional.linear_classifier import Fit
from transferium.functional.matrices import Floats, Labels, labels_of, two_domains


def reverse_accuracy(
    source_features: Floats, source_labels: Labels, target_features: Floats, target_predictions: Labels, fit: Fit
) -> float:
    """Fit on the target with its predicted labels; the balanced accuracy on held-out source rows, in [0, 1].

    ``fit(features, labels, None)`` gives a function to probabilities over at least the classes that it was shown, by
    index. Every class of the source counts the same; one that is never predicted on the target counts 0. Fooled where a
    wrong answer can be undone, as when the target's classes lie nearest to the wrong ones of the source: the way back
    undoes the error of the way there. Features must be those that both domains share (the adapted ones).
    Zhong et al., Cross validation framework to choose amongst models and datasets for transfer learning, ECML 2010;
    Ganin et al., JMLR 2016, section 5.1.2.

    >>> from transferium.functional.linear_classifier import fit_linear
    >>> x, y = np.array([[-1.0], [-2.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> reverse_accuracy(x, y, x, y, fit_linear), reverse_accuracy(x, y, x, 1 - y, fit_linear)
    (1.0, 0.0)
    """
    x, z = two_domains(source_features, target_features)
    y = labels_of(source_labels, len(x), "source_labels")
    guessed = labels_of(target_predictions, len(z), "target_predictions")
    seen, codes = np.unique(guessed, return_inverse=True)
    found = np.full(len(x), seen[0]) if len(seen) == 1 else seen[fit(z, codes, None)(x).argmax(axis=1)]
    return float(np.mean([(found[y == c] == c).mean() for c in np.unique(y)]))
