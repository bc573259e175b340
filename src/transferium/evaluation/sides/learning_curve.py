"""What more labels would bring, and how many labels transfer was worth: a probe's error against how much it learned."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.evaluation.sides.learn_and_test import learn_and_test, order_of
from transferium.evaluation.sides.looked import Array, Looked, Seen
from transferium.functional.inference.power_law import PowerLaw, fit_power_law
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.problems.catalogue import OF_EXAMPLES

MOST = 2000
"""The most examples of the curve: beyond, the law goes on."""
SIZES, DRAWS = 6, 5
SIZES_QUICK, DRAWS_QUICK = 4, 3
FEWEST = 20
"""The fewest examples to learn from of which a curve is drawn."""


@dataclass(frozen=True)
class Pool:
    """Feature rows to learn from, those that the probe is measured on, and what both are in words."""

    learn: Domain
    test: Domain
    said: str


def learning_curve(looked: Looked) -> dict[str, Any]:
    """The error of a probe of the model's features by how many examples it learned from, and a power law through it.

    The probe learns from what the model learned from, where that is among what was given and the backbone is frozen;
    else from a random part of the examples that are evaluated on, without those that belong together with one that it
    is measured on. Draws are repeated, with about the same shares of classes each; the penalty is chosen once, on all.
    ``law`` is ``error = a + b n^-c``; ``more`` says what twice as many labels would bring, and ``needed`` how many
    would halve the error; nulls mean that none may be enough. ``worth`` is how many labels this many features of random
    weights are worth here: the labels with which the probe is as good as the reference without transfer with all of
    them.
    """
    problem = looked.problem
    if problem.kind not in OF_EXAMPLES:
        raise DataError(f"a learning curve is of one answer for each example, not of {problem.said()}")
    both = learn_and_test(looked, MOST)
    pool = Pool(_rows(both.learn), _rows(both.test), both.said)
    if len(pool.learn) < FEWEST:
        raise DataError(f"a learning curve needs {FEWEST} or more examples to learn from; there are {len(pool.learn)}")
    C = float(LinearProbe().solve(looked.task(pool.learn), pool.learn).selection.chosen["C"])
    sizes, errors = _measured(looked, pool, C)
    law = fit_power_law(sizes, errors, seed=looked.seed)
    points = []
    for n in np.unique(sizes).tolist():
        found = errors[sizes == n]
        spread = {"low": float(found.min()), "high": float(found.max())}
        points.append({"n": int(n), "draws": len(found), "error": float(found.mean())} | spread)
    n, error = len(pool.learn), points[-1]["error"]
    told = {
        "data": pool.said,
        "error": f"1 - {problem.headline}" if not problem.lower_is_better else problem.headline,
        "points": points,
        "law": {name: _middle(values) for name, values in (("a", law.a), ("b", _at_one(law)), ("c", law.c))},
        "more": {"n": 2 * n, "error": law.at(2 * n).as_dict()},
        "needed": {"error": error / 2} | _counts(law.needed(error / 2)),
    }
    return told | {"worth": _worth(looked, law, points)}


def _rows(seen: Seen) -> Domain:
    """Examples as rows of the model's features."""
    return replace(seen.domain.embedded(seen.features), keys=None)


def _measured(looked: Looked, pool: Pool, C: float) -> tuple[Array, Array]:
    """The size and the error of every draw; all examples are drawn once."""
    problem, whole = looked.problem, len(pool.learn)
    many, draws = (SIZES_QUICK, DRAWS_QUICK) if looked.quick else (SIZES, DRAWS)
    least = min(max(10, 2 * len(np.unique(problem.strata(pool.learn.y)))), whole // 2)
    sizes, errors = [], []
    for n in np.unique(np.geomspace(least, whole, many).round().astype(int)).tolist():
        for draw in range(1 if n == whole else draws):
            learn = pool.learn.take(order_of(problem, pool.learn.y, (looked.seed, n, draw))[:n])
            head = LinearProbe(Cs=(C,), folds=2).solve(looked.task(learn), learn).head
            sizes.append(n)
            errors.append(looked.error(pool.test.y, head.outputs(pool.test.features)))
    return np.array(sizes, np.float64), np.array(errors)


def _worth(looked: Looked, law: PowerLaw, points: list[dict[str, Any]]) -> dict[str, Any]:
    """How many labels the reference without transfer is worth to this probe, and so how many transfer saved."""
    if looked.train is None or looked.moved or looked.trained:
        return {"reason": "it is read off a curve over what the model learned from"}
    reference = looked.without_transfer
    if reference is None:
        return {"reason": "there is no reference without transfer: no pretrained backbone"}
    error = looked.error(looked.held.domain.y, reference)
    if looked.error(looked.held.domain.y, looked.held.outputs) >= error:
        return {"reason": "the model is no better than the reference here"}
    value, low, high = law.needed(error)
    least, n = points[0]["n"], len(looked.train)
    saved = [max(0.0, n - max(float(least), end)) if math.isfinite(end) else 0.0 for end in (value, high, low)]
    at_least = value <= least
    return {
        "reference_error": error,
        "labels": dict(zip(("value", "low", "high"), map(round, saved), strict=True)),
        "of": n,
        "at_least": at_least,
        "sentence": f"Transfer is worth {'at least ' * at_least}{round(saved[0])} of {n} labels here.",
    }


def _middle(values: Array) -> dict[str, float]:
    low, middle, high = (float(q) for q in np.quantile(values, [0.025, 0.5, 0.975]))
    return {"value": middle, "low": low, "high": high}


def _at_one(law: PowerLaw) -> Array:
    """``b`` of ``b n^-c``, n in examples."""
    scaled: Array = law.b * law.middle**law.c
    return scaled


def _counts(found: tuple[float, float, float]) -> dict[str, int | None]:
    """Counts of examples; None for more than there can be."""
    plain = [round(n) if n < 1e9 else None for n in found]
    return dict(zip(("value", "low", "high"), plain, strict=True))
