"""The closed forms equal what they are said to minimise, found another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eig, fractional_matrix_power
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine
from transferium.functional.adaptation.coral import coral_map
from transferium.functional.adaptation.linear_map import linear_map
from transferium.functional.adaptation.pairs import prototype_pairs
from transferium.functional.adaptation.standardise import standardise
from transferium.functional.adaptation.subspace import subspace_alignment
from transferium.functional.adaptation.tca import latent_directions, tca
from transferium.functional.linear_classifier import fit_linear
from transferium.functional.matrices import matrix, one_hot

RNG = np.random.default_rng(2)
X, Z = RNG.normal(size=(30, 4)) @ RNG.normal(size=(4, 4)), RNG.normal(size=(25, 4)) @ RNG.normal(size=(4, 4)) + 2.0
Y = RNG.integers(0, 3, 30)
W = RNG.random(30) + 0.1


@pytest.mark.parametrize("towards", ["zero", "identity"])
@pytest.mark.parametrize("rows", [30, 3])
def test_linear_map_is_the_minimum_of_its_sum(towards: str, rows: int) -> None:
    x, z, w, prior = X[:rows], (X[:rows] * 1.5)[::-1], W[:rows], np.eye(4) * (towards == "identity")

    def value(flat: np.ndarray) -> float:
        A = flat.reshape(4, 4)
        fits = sum(w[i] * ((A @ x[i] - z[i]) ** 2).sum() for i in range(rows))
        return float(fits + 0.7 * ((A - prior) ** 2).sum())

    slow = minimize(value, np.zeros(16), method="BFGS", options={"gtol": 1e-9, "maxiter": 3000}).x.reshape(4, 4)
    found = linear_map(x, z, penalty=0.7, towards=towards, weight=w, centre=False)
    assert found.matrix == pytest.approx(slow.T, abs=2e-5)
    assert found.offset is None


def test_linear_map_with_an_offset_equals_a_free_intercept() -> None:
    z = X @ RNG.normal(size=(4, 4)) + [1.0, -2.0, 3.0, 0.0]
    found = linear_map(X, z, penalty=0.0, weight=W)
    assert found(X) == pytest.approx(z)
    held = linear_map(X, z, penalty=1e12, weight=W)
    assert held.matrix == pytest.approx(np.eye(4), abs=1e-6)
    assert held.offset == pytest.approx(np.average(z - X, axis=0, weights=W), abs=1e-5)


def test_linear_map_recovers_the_map_that_made_its_pairs() -> None:
    made = RNG.normal(size=(4, 4))
    assert linear_map(X, X @ made, penalty=1e-9, towards="zero", centre=False).matrix == pytest.approx(made, abs=1e-6)


def test_linear_map_says_what_was_wrong() -> None:
    with pytest.raises(InputError, match=r"found 30 rows, 25 images, penalty 1\.0 and towards 'identity'"):
        linear_map(X, Z)
    with pytest.raises(InputError, match="penalty -1"):
        linear_map(X, X, penalty=-1)


def test_prototypes_are_weighted_class_means() -> None:
    p = RNG.dirichlet(np.ones(4), 25)
    p[:, 3] *= 1e-3  # hardly predicted
    p /= p.sum(axis=1, keepdims=True)
    means, images, mass = prototype_pairs(X, Y, Z, p)
    for row, c in enumerate(range(3)):
        assert means[row] == pytest.approx(np.mean([x for x, y in zip(X, Y, strict=True) if y == c], axis=0))
        assert images[row] == pytest.approx(sum(p[j, c] * Z[j] for j in range(25)) / p[:, c].sum())
        assert mass[row] == pytest.approx(p[:, c].sum())
    assert len(mass) == 3


def test_prototypes_need_a_class_on_both_sides() -> None:
    with pytest.raises(InputError, match="there are no pairs"):
        prototype_pairs(X, np.zeros(30, dtype=int), Z, one_hot(np.ones(25, dtype=int), 2))
    with pytest.raises(InputError, match="pass softmax"):
        prototype_pairs(X, Y, Z, RNG.normal(size=(25, 3)))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_coral_equals_matrix_powers(ridge: float) -> None:
    Cs, Ct = np.cov(X.T), np.cov(Z.T)
    powers = [(Cs, -0.5), (Ct, 0.5)]
    slow = [fractional_matrix_power(C + ridge * np.trace(C) / 4 * np.eye(4), e).real for C, e in powers]
    found = coral_map(X, Z, ridge=ridge)
    assert found.matrix == pytest.approx(slow[0] @ slow[1], rel=1e-8)
    assert found(X).mean(axis=0) == pytest.approx(Z.mean(axis=0))
    if ridge == 0:
        assert np.cov(found(X).T) == pytest.approx(Ct, rel=1e-8)


@pytest.mark.parametrize("ridge", [0.1, 1e-4])
def test_coral_with_fewer_rows_than_features_equals_matrix_powers(ridge: float) -> None:
    x, z = (RNG.normal(size=(n, 20)) * np.arange(1, 21) for n in (6, 9))
    powers = [(np.cov(x.T), -0.5), (np.cov(z.T), 0.5)]
    slow = [fractional_matrix_power(C + ridge * np.trace(C) / 20 * np.eye(20), e).real for C, e in powers]
    assert coral_map(x, z, ridge=ridge).matrix == pytest.approx(slow[0] @ slow[1], rel=1e-7, abs=1e-9)
    with pytest.raises(InputError, match="raise the ridge"):
        coral_map(x, z, ridge=1e-14)


def test_coral_needs_a_ridge_where_there_is_no_inverse() -> None:
    with pytest.raises(InputError, match=r"no inverse \(3 rows, width 4, ridge 0\.0\); raise the ridge"):
        coral_map(X[:3], Z, ridge=0.0)
    assert np.isfinite(coral_map(X[:3], Z, ridge=0.1).matrix).all()
    with pytest.raises(InputError, match="ridge=-1 must be 0 or more"):
        coral_map(X, Z, ridge=-1)


def test_standardise_matches_every_feature() -> None:
    moved = standardise(X, Z).source(X)
    assert moved.mean(axis=0) == pytest.approx(Z.mean(axis=0))
    assert moved.std(axis=0) == pytest.approx(Z.std(axis=0))
    unit = standardise(X, Z, onto="unit")
    for x, map_ in ((X, unit.source), (Z, unit.target)):
        assert map_(x) == pytest.approx((x - x.mean(axis=0)) / x.std(axis=0))


@pytest.mark.parametrize("onto", ["target", "unit"])
def test_a_constant_feature_is_moved_and_not_blown_up(onto: str) -> None:
    x, z = X.copy(), Z.copy()
    x[:, 1] = 7.0
    maps = standardise(x, z, onto=onto)
    moved, seen = maps.source(x), maps.target(z)
    assert np.isfinite(moved).all()
    assert moved[:, 1] == pytest.approx(np.full(30, seen[:, 1].mean()))
    with pytest.raises(InputError, match="onto='both' must be"):
        standardise(x, z, onto="both")


def test_subspace_alignment_equals_the_papers_coordinates() -> None:
    bases = [np.linalg.eigh(np.cov(m.T))[1][:, ::-1][:, :2] for m in (X, Z)]
    source = (X - X.mean(axis=0)) @ bases[0] @ (bases[0].T @ bases[1])
    target = (Z - Z.mean(axis=0)) @ bases[1]
    maps = subspace_alignment(X, Z, dimensions=2)
    for found, slow in ((maps.source(X), source), (maps.target(Z), target)):
        assert found @ found.T == pytest.approx(slow @ slow.T, abs=1e-9)
    assert maps.source(X) @ maps.target(Z).T == pytest.approx(source @ target.T, abs=1e-9)


def test_subspace_alignment_knows_the_rank() -> None:
    with pytest.raises(InputError, match="dimensions=3 must be from 1 to 2, the rank of the source"):
        subspace_alignment(X[:3], Z, dimensions=3)


def test_tca_solves_its_eigenproblem_and_keeps_its_constraint() -> None:
    joint = np.concatenate([X, Z])
    delta, spread = X.mean(axis=0) - Z.mean(axis=0), np.cov(joint.T, bias=True)
    map_ = tca(X, Z, dimensions=2, ridge=0.4, weight=3.0)
    M = map_.matrix
    held = 3.0 * np.outer(delta, delta) + 0.4 * np.eye(4)
    assert M.T @ spread @ M == pytest.approx(np.eye(2), abs=1e-9)
    assert map_(joint).mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-9)
    smallest = np.sort(eig(np.linalg.solve(spread, held))[0].real)[:2]
    assert np.sort(np.diag(M.T @ held @ M)) == pytest.approx(smallest, rel=1e-8)


def test_latent_directions_name_what_is_too_much() -> None:
    with pytest.raises(InputError, match="dimensions=3 is more than the 3 rows span"):
        latent_directions(X[:3], X[:1], dimensions=3, ridge=1.0)
    with pytest.raises(InputError, match="dimensions=5 must be from 1 to 4"):
        latent_directions(X, X[:1], dimensions=5, ridge=1.0)
    with pytest.raises(InputError, match="ridge=0 must be above 0"):
        tca(X, Z, dimensions=1, ridge=0)


def test_a_folded_head_reads_raw_features() -> None:
    map_ = Affine(RNG.normal(size=(4, 4)), RNG.normal(size=4))
    weight, bias = RNG.normal(size=(3, 4)), RNG.normal(size=3)
    for half in (map_, map_.part_way(0.4), Affine()):
        folded, moved = half.fold(weight, bias)
        assert X @ folded.T + moved == pytest.approx(half(X) @ weight.T + bias)


def test_part_way_is_a_straight_line_between_its_ends() -> None:
    map_ = Affine(RNG.normal(size=(4, 4)), RNG.normal(size=4))
    assert map_.part_way(0.25)(X) == pytest.approx(0.75 * X + 0.25 * map_(X))
    assert map_.part_way(1.0) is map_
    with pytest.raises(InputError, match=r"strength=1\.5 must lie between 0"):
        map_.part_way(1.5)


def test_the_classifier_equals_scikit_learns() -> None:
    theirs = LogisticRegression(C=1 / 0.3, tol=1e-10, max_iter=10_000).fit(X, Y, sample_weight=W)
    ours = fit_linear(X, Y, W, penalty=0.3)
    assert ours(Z) == pytest.approx(theirs.predict_proba(Z), rel=1e-5, abs=1e-8)


def test_matrices_are_checked_by_name() -> None:
    bad = X.copy()
    bad[4, 1] = np.nan
    with pytest.raises(InputError, match="source holds a value that is not finite, first in row 4"):
        coral_map(bad, Z)
    with pytest.raises(InputError, match="one width; found 4 and 3"):
        coral_map(X, Z[:, :3])
    with pytest.raises(InputError, match=r"features must be a matrix .* found \(3,\)"):
        matrix(np.ones(3), "features")
    with pytest.raises(InputError, match="y must be 30 whole numbers"):
        fit_linear(X, Y[:9])
    with pytest.raises(InputError, match="y must count classes from 0 to 1; found 0 to 2"):
        fit_linear(X, Y, classes=2)
    with pytest.raises(InputError, match="weight must be 30 numbers, none negative"):
        fit_linear(X, Y, -W)
