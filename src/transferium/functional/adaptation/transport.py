"""Optimal transport between two sets of rows: exact and entropic plans, and the map they give."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.adaptation.sinkhorn import sinkhorn
from transferium.functional.matrices import (
    Array,
    Floats,
    Labels,
    distribution_of,
    fraction,
    labels_of,
    matrix,
    squared_distances,
    two_domains,
)


@dataclass(frozen=True, eq=False)
class Plan:
    """How much mass goes from each source row (``n``) to each target row (``m``), and what that costs."""

    matrix: Array
    cost: float


def exact_plan(cost: Floats, source: Floats | None = None, target: Floats | None = None) -> Plan:
    """``min_P <P, cost>`` over plans with the given row and column sums (equal shares for None).

    ``cost (n, m)``. Equal shares with ``n = m`` are an assignment problem (seconds for 5,000 rows); anything else goes
    to POT's network simplex where POT is installed, or to SciPy's linear programme, up to 250,000 entries. Raises
    ``InputError`` above that. Prefer ``sinkhorn`` for large or noisy sets.

    >>> exact_plan(np.array([[0.0, 1.0], [1.0, 0.0]])).matrix.tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    c = matrix(cost, "cost")
    n, m = c.shape
    if n == m and source is None and target is None:
        from scipy.optimize import linear_sum_assignment

        plan = np.zeros_like(c)
        plan[linear_sum_assignment(c)] = 1.0 / n
    else:
        a, b = distribution_of(source, n, "source"), distribution_of(target, m, "target")
        plan = _simplex(c, a, b)
    return Plan(plan, float((plan * c).sum()))


def _simplex(cost: Array, a: Array, b: Array) -> Array:
    if importlib.util.find_spec("ot") is not None:
        ot = importlib.import_module("ot")
        found: Array = ot.emd(a, b, cost, numItermax=10_000_000)
        return found
    n, m = cost.shape
    if n * m > 250_000:
        raise InputError(
            f"an exact plan between {n} and {m} rows is too large without POT: pip install pot, "
            "use equal numbers of rows, or use sinkhorn"
        )
    from scipy.optimize import linprog
    from scipy.sparse import eye, kron, vstack

    sums = vstack([kron(eye(n), np.ones((1, m))), kron(np.ones((1, n)), eye(m))], format="csr")
    solved: Array = linprog(cost.ravel(), A_eq=sums, b_eq=np.concatenate([a, b]), method="highs").x.reshape(n, m)
    return solved


def grouped_sinkhorn(
    cost: Floats, labels: Labels, *, regularisation: float, penalty: float, rounds: int = 10, tolerance: float = 1e-6
) -> Array:
    """An entropic plan in which each target row is fed by few source classes: ``(n, m)`` with equal shares.

    ``min_P <P, cost> - regularisation · H(P) + penalty · Σ_j Σ_c (Σ_{i: y_i = c} P_ij)^(1/2)``, by majorisation: each
    of the ``rounds`` solves an entropic problem whose costs carry the gradient of the last term.
    Courty et al., Optimal transport for domain adaptation, TPAMI 2017.

    >>> grouped_sinkhorn(np.zeros((2, 2)), np.array([0, 1]), regularisation=1.0, penalty=0.0).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    c = matrix(cost, "cost")
    y = labels_of(labels, len(c), "labels")
    extra = np.zeros_like(c)
    for _ in range(rounds):
        plan = sinkhorn(c + penalty * extra, regularisation=regularisation, tolerance=tolerance).matrix
        if penalty == 0:
            break
        for group in np.unique(y):
            extra[y == group] = 0.5 * (plan[y == group].sum(axis=0) + 1e-3) ** -0.5
    return plan


def transport_map(
    source: Floats,
    target: Floats,
    *,
    regularisation: float = 0.05,
    source_labels: Labels | None = None,
    class_penalty: float = 0.0,
    strength: float = 1.0,
) -> Array:
    """Each source row moved to the barycentre of the target rows that receive its mass: ``(n, width)``.

    Costs are squared Euclidean distances; ``regularisation`` and ``class_penalty`` are in units of the median cost, and
    ``regularisation`` 0 takes the exact plan. With ``source_labels`` and a positive ``class_penalty`` classes are kept
    apart. ``strength`` 0 is exactly the source. It can follow any shift that moves no class past another, and fails
    when class shares differ, for all mass must go somewhere. Costs O(n · m) memory.
    Courty et al., TPAMI 2017; barycentric mapping of Ferradans et al., SIAM J. Imaging Sciences 2014.

    >>> x = np.array([[0.0], [10.0]])
    >>> transport_map(x, x + 1.0, regularisation=0.0).tolist()
    [[1.0], [11.0]]
    """
    x, z = two_domains(source, target)
    if regularisation < 0 or class_penalty < 0:
        raise InputError(f"regularisation={regularisation} and class_penalty={class_penalty} must be 0 or more")
    if fraction(strength, "strength") == 0:
        return x
    cost = squared_distances(x, z)
    unit = float(np.median(cost)) or float(cost.max()) or 1.0
    if class_penalty:
        if source_labels is None or regularisation == 0:
            raise InputError("class_penalty needs source_labels and a regularisation above 0")
        plan = grouped_sinkhorn(cost / unit, source_labels, regularisation=regularisation, penalty=class_penalty)
    elif regularisation:
        plan = sinkhorn(cost / unit, regularisation=regularisation).matrix
    else:
        plan = exact_plan(cost).matrix
    carried: Array = plan @ z / plan.sum(axis=1, keepdims=True)
    return carried if strength == 1 else (1 - strength) * x + strength * carried
