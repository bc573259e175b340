"""Validators from the target's predictions alone: entropy, diversity, information, nuclear norm."""

from __future__ import annotations

import numpy as np

from transferium.functional.linear_classifier import log_softmax, softmax
from transferium.functional.matrices import Array, Floats


def certainty(logits: Floats) -> float:
    """``-mean_i H(p_i)`` in nats, in [-log classes, 0].

    Fooled by any confident error, above all by collapse onto one class. Morerio et al., Minimal-entropy correlation
    alignment, ICLR 2018.

    >>> round(certainty(np.zeros((1, 2))), 4)
    -0.6931
    """
    logs = log_softmax(logits)
    return float((np.exp(logs) * logs).sum(axis=1).mean())


def diversity(logits: Floats) -> float:
    """``H(mean_i p_i)`` in nats, in [0, log classes]: how evenly the classes are predicted.

    Its use is to notice collapse. Fooled by guessing, which is as even as can be, and by targets whose classes are
    truly unequal.

    >>> round(diversity(np.array([[99.0, 0.0], [0.0, 99.0]])), 4)
    0.6931
    """
    mean = softmax(logits).mean(axis=0)
    kept = mean[mean > 0]
    return -float((kept * np.log(kept)).sum())


def information(logits: Floats) -> float:
    """``H(mean p) - mean H(p)``: the mutual information of input and prediction in nats, in [0, log classes].

    Fooled by confident, even, wrong predictions, such as classes that changed places.
    Musgrave et al., Three new validators and a large-scale benchmark ranking for UDA, 2022, compare it (IM) with
    others.

    >>> round(information(np.array([[99.0, 0.0], [0.0, 99.0]])), 4)
    0.6931
    """
    return diversity(logits) + certainty(logits)


def nuclear_norm(logits: Floats) -> float:
    """``||softmax(logits)||_* / sqrt(n · min(n, classes))``, in (0, 1]: confident and diverse at once (BNM's score).

    Scaled so that 1 is one-hot with equal class shares. Fooled like :func:`information`, a little less by unequal
    classes. Cui et al., CVPR 2020; Musgrave et al., 2022.

    >>> round(nuclear_norm(99.0 * np.eye(3)), 4)
    1.0
    """
    p: Array = softmax(logits)
    return float(np.linalg.svd(p, compute_uv=False).sum() / np.sqrt(len(p) * min(p.shape)))
