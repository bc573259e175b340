"""LEEP: the log-likelihood of the labels under what a source model's own classes say of them."""

from __future__ import annotations

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Floats, Labels, labels_of, one_hot, probabilities_of


def leep(probabilities: Floats, labels: Labels) -> float:
    """``1/n Σ_i log Σ_z P(y_i | z) θ(x_i)_z``, with ``P(y, z) = 1/n Σ_{i: y_i = y} θ(x_i)_z``; 0 at best.

    ``probabilities (n, source classes)`` are a source model's answers ``θ`` for target examples, ``labels (n,)`` the
    target's. It needs a source model with a head; its classes may be others than the target's. The same for reordered
    classes of either side. More source classes fit a few labels better by chance: compare with many examples.
    Nguyen et al., LEEP: a new measure to evaluate transferability of learned representations, ICML 2020.

    >>> sure = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> leep(sure, np.array([1, 1, 0, 0])), round(leep(np.full((4, 2), 0.5), np.array([1, 1, 0, 0])), 4)
    (0.0, -0.6931)
    """
    theta = probabilities_of(probabilities, "probabilities")
    names, y = np.unique(labels_of(labels, len(theta), "labels"), return_inverse=True)
    if len(theta) <= len(names):
        raise InputError(f"{len(theta)} examples of {len(names)} classes say nothing: give two or more of some class")
    joint = one_hot(y, len(names)).T @ theta
    mass = joint.sum(axis=0)
    given = np.divide(joint, mass, out=np.zeros_like(joint), where=mass > 0)
    expected = (theta * given[y]).sum(axis=1)
    return float(np.minimum(np.log(expected), 0.0).mean())
