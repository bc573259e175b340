"""NCE: how little is left to know of the labels once a source model's answer is known."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Labels, labels_of


def nce(answers: Labels, labels: Labels) -> float:
    """``-H(Y | Z) = Σ_{y, z} P(y, z) log P(y | z)``, the negative conditional entropy; at most 0, higher is better.

    ``answers (n,)`` are the classes that a source model gives target examples, ``labels (n,)`` the target's own. The
    same for renamed classes of either side. ``leep`` reads the probabilities behind the answers; this is for answers
    alone. Tran et al., Transferability and hardness of supervised classification tasks, ICCV 2019.

    >>> y = np.array([0, 0, 1, 1])
    >>> nce(np.array([4, 4, 7, 7]), y), round(nce(np.array([4, 4, 4, 4]), y), 4)
    (0.0, -0.6931)
    """
    z = np.unique(labels_of(answers, len(np.asarray(answers)), "answers"), return_inverse=True)[1]
    names, y = np.unique(labels_of(labels, len(z), "labels"), return_inverse=True)
    if len(z) <= len(names):
        raise InputError(f"{len(z)} examples of {len(names)} classes say nothing: give two or more of some class")
    joint = np.zeros((len(names), int(z.max()) + 1))
    np.add.at(joint, (y, z), 1.0)
    there = joint > 0
    share = (joint / joint.sum(axis=0))[there]
    return float((joint[there] * np.log(share)).sum() / len(z))
