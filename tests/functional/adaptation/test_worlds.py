"""Each shallow method on a world it must solve, and on one where it must not help; its knob at 0 changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.adaptation.coral import coral_map
from transferium.functional.adaptation.density_ratio import logistic_ratio, ulsif
from transferium.functional.adaptation.jda import jda
from transferium.functional.adaptation.kmm import kmm
from transferium.functional.adaptation.label_shift import bbse, correct_posteriors, saerens
from transferium.functional.adaptation.linear_map import linear_map
from transferium.functional.adaptation.pairs import prototype_pairs, transport_pairs
from transferium.functional.adaptation.standardise import standardise
from transferium.functional.adaptation.subspace import subspace_alignment
from transferium.functional.adaptation.tca import tca
from transferium.functional.adaptation.tradaboost import tradaboost
from transferium.functional.adaptation.transport import transport_map
from transferium.functional.adaptation.weights import tempered
from transferium.functional.linear_classifier import fit_linear
from transferium.functional.matrices import Array, Labels


@dataclass(frozen=True)
class World:
    source: Array
    labels: Labels
    target: Array
    truth: Labels  # only ever used to score


def blobs(n: int, seed: int, shares: tuple[float, ...] = (0.5, 0.5)) -> tuple[Array, Labels]:
    """Two classes four units apart along the first axis, in four dimensions with unequal noise."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), n, p=shares)
    x = rng.normal(size=(n, 4)) * [0.6, 1.0, 1.5, 0.3]
    x[:, 0] += 2.0 * (2 * y - 1)
    return x, y


def world(change: Callable[[Array, Labels], Array], shares: tuple[float, float] = (0.5, 0.5), seed: int = 0) -> World:
    x, y = blobs(240, seed)
    z, truth = blobs(220, seed + 100, shares)
    return World(x, y, change(z, truth), truth)


TURN = np.eye(4)
TURN[:2, :2] = [[np.cos(1.2), -np.sin(1.2)], [np.sin(1.2), np.cos(1.2)]]
SAME = world(lambda z, _: z)
SHIFTED = world(lambda z, _: z + np.array([5.0, 1.0, 0.0, 0.0]))
SCALED = world(lambda z, _: z * [3.0, 0.2, 1.0, 1.0] + [4.0, 0.0, 1.0, 0.0])
TURNED = world(lambda z, _: z @ TURN)
FLIPPED = world(lambda z, _: -z)  # the same marginals, every class in the other's place
UNEQUAL = world(lambda z, _: z, shares=(0.05, 0.95))


def accuracy(x: Array, y: Labels, z: Array, truth: Labels, weight: Array | None = None) -> float:
    return float((fit_linear(x, y, weight, classes=2)(z).argmax(axis=1) == truth).mean())


def source_only(w: World) -> float:
    return accuracy(w.source, w.labels, w.target, w.truth)


def pseudo(w: World) -> Array:
    return fit_linear(w.source, w.labels, classes=2)(w.target)


Adapt = Callable[[World], tuple[Array, Array]]


def through(map_: Affine, w: World) -> tuple[Array, Array]:
    return np.asarray(map_(w.source)), w.target


def aligned(w: World, strength: float = 1.0, onto: str = "target") -> tuple[Array, Array]:
    maps = standardise(w.source, w.target, onto=onto, strength=strength)
    return np.asarray(maps.source(w.source)), np.asarray(maps.target(w.target))


def subspace(w: World, strength: float = 1.0) -> tuple[Array, Array]:
    maps = subspace_alignment(w.source, w.target, dimensions=1, strength=strength)
    return np.asarray(maps.source(w.source)), np.asarray(maps.target(w.target))


def both(map_: Callable[[Array], Array], w: World) -> tuple[Array, Array]:
    return np.asarray(map_(w.source)), np.asarray(map_(w.target))


def prototypes(w: World, strength: float = 1.0) -> tuple[Array, Array]:
    a, b, mass = prototype_pairs(w.source, w.labels, w.target, pseudo(w))
    return through(linear_map(a, b, weight=mass, penalty=1.0, strength=strength), w)


def tilted(w: World) -> World:
    """A mean shift small enough that source-only pseudo-labels are mostly right."""
    return World(w.source, w.labels, w.source[::-1] + np.array([1.7, 0.2, 0.0, 0.0]), w.labels[::-1])


TILTED = tilted(SAME)


def shortcut(n: int = 300) -> World:
    """Two features tell the classes apart, the second better; in the target the second, and only it, has moved."""
    rng = np.random.default_rng(8)
    domains = []
    for move in (0.0, 4.0):
        y = rng.integers(0, 2, n)
        x = rng.normal(size=(n, 3)) * [0.5, 0.4, 1.0] + np.outer(2 * y - 1, [1.5, 1.5, 0.0])
        domains.append((x + np.array([0.0, move, 0.0]), y))
    (x, y), (z, truth) = domains
    return World(x, y, z, truth)


SHORTCUT = shortcut()

# name, method, the world it must solve, the accuracy it must reach, a world it must not help
TABLE: list[tuple[str, Adapt, World, float, World]] = [
    ("standardise", aligned, SCALED, 0.97, UNEQUAL),
    ("standardise unit", lambda w: aligned(w, onto="unit"), SHIFTED, 0.97, UNEQUAL),
    ("coral", lambda w: through(coral_map(w.source, w.target, ridge=1e-3), w), SCALED, 0.97, UNEQUAL),
    ("map by transport", lambda w: through(linear_map(*transport_pairs(w.source, w.target)), w), SCALED, 0.97, UNEQUAL),
    ("map by prototypes", prototypes, TILTED, 0.97, FLIPPED),
    ("transport", lambda w: (transport_map(w.source, w.target), w.target), SHIFTED, 0.97, UNEQUAL),
    ("subspace", subspace, TURNED, 0.95, FLIPPED),
    ("tca", lambda w: both(tca(w.source, w.target, dimensions=2, ridge=0.1), w), SHORTCUT, 0.97, FLIPPED),
    (
        "jda",
        lambda w: both(jda(w.source, w.labels, w.target, fit_linear, dimensions=2, ridge=0.1).map, w),
        SHORTCUT,
        0.97,
        FLIPPED,
    ),
]


@pytest.mark.parametrize(("name", "adapt", "solves", "reach", "_"), TABLE, ids=[row[0] for row in TABLE])
def test_it_solves_its_world(name: str, adapt: Adapt, solves: World, reach: float, _: World) -> None:
    moved, seen = adapt(solves)
    before, after = source_only(solves), accuracy(moved, solves.labels, seen, solves.truth)
    assert after >= max(reach, before + 0.05), f"{name}: {before:.3f} -> {after:.3f}"


@pytest.mark.parametrize(("name", "adapt", "_a", "_b", "fails"), TABLE, ids=[row[0] for row in TABLE])
def test_it_cannot_help_where_nothing_without_labels_could(
    name: str, adapt: Adapt, _a: World, _b: float, fails: World
) -> None:
    moved, seen = adapt(fails)
    # FLIPPED is all wrong by source only; an answer below chance is no help either.
    assert accuracy(moved, fails.labels, seen, fails.truth) <= max(source_only(fails), 0.2), name


@pytest.mark.parametrize(("name", "adapt", "_a", "_b", "_c"), TABLE, ids=[row[0] for row in TABLE])
def test_it_does_little_harm_where_there_is_no_shift(name: str, adapt: Adapt, _a: World, _b: float, _c: World) -> None:
    moved, seen = adapt(SAME)
    assert accuracy(moved, SAME.labels, seen, SAME.truth) >= source_only(SAME) - 0.03, name


OFF: dict[str, Adapt] = {
    "standardise": lambda w: aligned(w, strength=0.0),
    "standardise unit": lambda w: aligned(w, 0.0, "unit"),
    "coral": lambda w: through(coral_map(w.source, w.target, strength=0.0), w),
    "map": lambda w: through(linear_map(*transport_pairs(w.source, w.target), strength=0.0), w),
    "prototypes": lambda w: prototypes(w, 0.0),
    "transport": lambda w: (transport_map(w.source, w.target, strength=0.0), w.target),
    "subspace": lambda w: subspace(w, 0.0),
}


@pytest.mark.parametrize("name", OFF)
def test_strength_zero_changes_no_bit(name: str) -> None:
    moved, seen = OFF[name](SCALED)
    assert moved.tobytes() == SCALED.source.tobytes()
    assert seen.tobytes() == SCALED.target.tobytes()


def test_tca_without_its_term_is_whitened_pca_of_both_domains() -> None:
    joint = np.concatenate([SHIFTED.source, SHIFTED.target])
    centred = joint - joint.mean(axis=0)
    u = np.linalg.svd(centred, full_matrices=False)[0][:, :2] * np.sqrt(len(joint))
    off = np.asarray(tca(SHIFTED.source, SHIFTED.target, dimensions=2, weight=0.0)(joint))
    assert np.abs(off) == pytest.approx(np.abs(u), abs=1e-8)


def test_balance_zero_is_tca() -> None:
    found = jda(SHIFTED.source, SHIFTED.labels, SHIFTED.target, fit_linear, dimensions=2, balance=0.0)
    expected = tca(SHIFTED.source, SHIFTED.target, dimensions=2, weight=2.0)
    assert found.map.matrix == pytest.approx(expected.matrix)
    assert found.changed[-1] == 0


def test_the_weight_of_joint_adaptation_counts() -> None:
    def gap(weight: float) -> float:
        settings = {"dimensions": 2, "ridge": 0.1, "weight": weight}
        map_ = jda(SHIFTED.source, SHIFTED.labels, SHIFTED.target, fit_linear, **settings).map
        moved, seen = both(map_, SHIFTED)
        return float(np.abs(moved.mean(axis=0) - seen.mean(axis=0)).max())

    assert 2 * gap(1.0) < gap(0.0) and gap(1.0) < gap(0.001) < gap(0.0)
    off = jda(SHIFTED.source, SHIFTED.labels, SHIFTED.target, fit_linear, dimensions=2, weight=0.0).map
    expected = tca(SHIFTED.source, SHIFTED.target, dimensions=2, weight=0.0)
    assert off.matrix == pytest.approx(expected.matrix)
    with pytest.raises(InputError, match=r"weight=-1 must be 0 or more"):
        jda(SHIFTED.source, SHIFTED.labels, SHIFTED.target, fit_linear, dimensions=2, weight=-1)


def crossing(n: int = 400) -> World:
    """The classes cross over along the second feature, while its mean, all the marginal sees, stays."""
    rng = np.random.default_rng(9)
    domains = []
    for side in (2.0, -0.4):
        y = rng.integers(0, 2, n)
        domains.append((rng.normal(size=(n, 3)) * [0.5, 0.5, 1.0] + np.outer(2 * y - 1, [0.8, side, 0.0]), y))
    (x, y), (z, truth) = domains
    return World(x, y, z, truth)


def test_class_conditionals_see_what_the_marginal_cannot() -> None:
    w = crossing()
    results = []
    for balance in (0.0, 0.5):
        found = jda(w.source, w.labels, w.target, fit_linear, dimensions=2, ridge=0.1, balance=balance).map
        moved, seen = both(found, w)
        results.append(accuracy(moved, w.labels, seen, w.truth))
    assert results[1] > results[0] + 0.05 > source_only(w) + 0.1


def covariate(seed: int, n: int = 400) -> World:
    """``y`` is a curve in ``x``; the domains see different stretches of it, and a straight line must choose one."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(-0.5, 1.0, size=(n, 1)), rng.normal(1.5, 0.5, size=(n, 1))

    def label(v: Array) -> Labels:
        return ((v[:, 0] > -0.5) & (v[:, 0] < 1.5)).astype(np.int64)

    return World(x, label(x), z, label(z))


REWEIGHT: dict[str, Callable[[World], Array]] = {
    "kmm": lambda w: kmm(w.source, w.target, bound=50.0),
    "logistic": lambda w: logistic_ratio(w.source, w.target)(w.source),
    "ulsif": lambda w: ulsif(w.source, w.target)(w.source),
}


@pytest.mark.parametrize("name", REWEIGHT)
def test_weights_help_under_covariate_shift(name: str) -> None:
    gains = []
    for w in (covariate(seed) for seed in range(3)):
        weight = tempered(REWEIGHT[name](w))
        gains.append(accuracy(w.source, w.labels, w.target, w.truth, weight) - source_only(w))
    assert min(gains) > 0.1, gains


@pytest.mark.parametrize("name", REWEIGHT)
def test_weights_change_nothing_when_off_and_little_without_shift(name: str) -> None:
    weight = REWEIGHT[name](SAME)
    off = fit_linear(SAME.source, SAME.labels, tempered(weight, 0.0), classes=2)
    assert off.weight.tobytes() == fit_linear(SAME.source, SAME.labels, np.ones(240), classes=2).weight.tobytes()
    assert accuracy(SAME.source, SAME.labels, SAME.target, SAME.truth, tempered(weight)) > source_only(SAME) - 0.02


@pytest.mark.parametrize("name", REWEIGHT)
def test_weights_cannot_help_when_the_labels_turn_over(name: str) -> None:
    weight = tempered(REWEIGHT[name](FLIPPED))
    assert accuracy(FLIPPED.source, FLIPPED.labels, FLIPPED.target, FLIPPED.truth, weight) < 0.1


def close_classes(shares: tuple[float, float], seed: int) -> tuple[Array, Labels]:
    rng = np.random.default_rng(seed)
    y = rng.choice(2, 1500, p=shares)
    return rng.normal(size=(1500, 2)) + 0.8 * (2 * y[:, None] - 1), y


@pytest.mark.parametrize("estimate", ["bbse", "saerens"])
def test_label_shift_is_estimated_and_corrected(estimate: str) -> None:
    (x, y), (held, yh), (z, truth) = (close_classes(s, i) for i, s in enumerate([(0.5, 0.5), (0.5, 0.5), (0.1, 0.9)]))
    model, prior = fit_linear(x, y), np.bincount(y) / len(y)
    shares = bbse(yh, model(held), model(z)) if estimate == "bbse" else saerens(model(z), prior)
    assert shares == pytest.approx([0.1, 0.9], abs=0.03)
    before = (model(z).argmax(axis=1) == truth).mean()
    after = (correct_posteriors(model(z), prior, shares).argmax(axis=1) == truth).mean()
    assert after > before + 0.02


def test_label_shift_correction_off_and_where_there_is_none() -> None:
    (x, y), (z, truth) = close_classes((0.5, 0.5), 0), close_classes((0.5, 0.5), 2)
    model = fit_linear(x, y)
    p, prior = model(z), np.bincount(y) / len(y)
    assert correct_posteriors(p, prior, np.array([0.1, 0.9]), strength=0.0).tobytes() == p.tobytes()
    assert correct_posteriors(p, prior, prior).tobytes() == p.tobytes()
    corrected = correct_posteriors(p, prior, saerens(p, prior))
    assert abs((corrected.argmax(1) == truth).mean() - (p.argmax(1) == truth).mean()) < 0.01


def test_label_shift_correction_is_wrong_under_covariate_shift() -> None:
    """The features moved, the shares did not: the estimate blames the labels."""
    (x, y), (z, truth) = close_classes((0.5, 0.5), 0), close_classes((0.5, 0.5), 2)
    model, prior = fit_linear(x, y), np.array([0.5, 0.5])
    p = model(z + 1.0)
    corrected = correct_posteriors(p, prior, saerens(p, prior))
    assert (corrected.argmax(axis=1) == truth).mean() < (p.argmax(axis=1) == truth).mean() - 0.05


def conditional() -> tuple[World, Array, Labels]:
    """Half of the source lies about its labels as far as the target is concerned; 30 target rows have labels."""
    x, y = blobs(300, 3)
    strange, ys = blobs(300, 4)
    z, truth = blobs(400, 5)
    few, few_labels = blobs(30, 6)
    source, labels = np.concatenate([x, strange]), np.concatenate([y, 1 - ys])
    return World(source, labels, z, truth), few, few_labels


def test_tradaboost_forgets_the_rows_that_mislead() -> None:
    w, few, few_labels = conditional()
    model = tradaboost(w.source, w.labels, few, few_labels, fit_linear, rounds=10)
    pooled = tradaboost(w.source, w.labels, few, few_labels, fit_linear, rounds=0)
    scores = [float((m(w.target).argmax(axis=1) == w.truth).mean()) for m in (pooled, model)]
    assert scores[1] >= 0.97
    assert scores[1] > scores[0]
    assert model.source_weights[:300].mean() > 2 * model.source_weights[300:].mean()


def test_tradaboost_with_no_rounds_is_the_pooled_classifier() -> None:
    w, few, few_labels = conditional()
    off = tradaboost(w.source, w.labels, few, few_labels, fit_linear, rounds=0)
    rows, labels = np.concatenate([w.source, few]), np.concatenate([w.labels, few_labels])
    assert off(w.target).tobytes() == fit_linear(rows, labels, np.ones(len(rows)))(w.target).tobytes()


def test_tradaboost_cannot_help_with_target_labels_that_are_noise() -> None:
    few, _ = blobs(30, 6)
    noise = np.random.default_rng(0).integers(0, 2, 30)
    model = tradaboost(SAME.source, SAME.labels, few, noise, fit_linear)
    assert (model(SAME.target).argmax(axis=1) == SAME.truth).mean() <= source_only(SAME)
