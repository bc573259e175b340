"""Two domains on one flat map."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.functional.map2d import neighbour_map, principal_map

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=(30, 5)), RNG.normal(size=(30, 5)) + 12.0])
Z = X[::2] + 0.1


def test_principal_components_equal_scikit_learns_where_the_domains_are_of_one_size() -> None:
    from sklearn.decomposition import PCA

    other = X[::-1] * [1.0, 2.0, 1.0, 1.0, 1.0]
    a, b, shares = principal_map(X, other)
    known = PCA(2).fit(np.concatenate([X, other]))
    middle = (X.mean(axis=0) + other.mean(axis=0)) / 2
    flat = (np.concatenate([X, other]) - middle) @ known.components_.T
    assert len(a) == len(b) == 60
    assert shares[0] == pytest.approx(known.explained_variance_ratio_[0], rel=1e-6)
    assert np.abs(np.concatenate([a, b])) == pytest.approx(np.abs(flat))


def test_more_columns_than_rows_give_the_same_map_from_the_smaller_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    turned, _ = np.linalg.qr(RNG.normal(size=(200, 5)))
    plain = principal_map(X, Z)
    sizes, solve = [], np.linalg.eigh
    monkeypatch.setattr("numpy.linalg.eigh", lambda square: (sizes.append(square.shape), solve(square))[1])
    wide = principal_map(X @ turned.T, Z @ turned.T)
    assert sizes == [(90, 90)]
    for one, other in zip(plain[:2], wide[:2], strict=True):
        assert np.abs(other) == pytest.approx(np.abs(one), abs=1e-9)
    assert wide[2] == pytest.approx(plain[2])


def test_no_second_component_is_a_second_axis_of_noughts() -> None:
    for x in (np.array([[0.0], [2.0]]), np.array([[0.0] * 9, [2.0] * 9])):
        a, b, shares = principal_map(x[:1], x[1:])
        assert not a[:, 1].any() and not b[:, 1].any() and shares == pytest.approx((1.0, 0.0))
        assert abs(b[0, 0] - a[0, 0]) == pytest.approx(2 * x.shape[1] ** 0.5)


def test_a_map_by_neighbours_keeps_neighbours_and_comes_from_its_seed() -> None:
    x, z = neighbour_map(X, Z, seed=3)
    assert x.shape == (60, 2) and z.shape == (30, 2)
    joint, cloud = np.concatenate([x, z]), np.array([0] * 30 + [1] * 30 + [0] * 15 + [1] * 15)
    apart = ((joint[:, None] - joint) ** 2).sum(axis=2) + np.diag(np.full(90, np.inf))
    assert (cloud[apart.argmin(axis=1)] == cloud).all(), "nobody has a neighbour from the other cloud"
    again = neighbour_map(X, Z, seed=3)
    assert np.array_equal(again[0], x) and np.array_equal(again[1], z)


def test_many_rows_are_drawn_from_and_few_are_refused() -> None:
    x, z = neighbour_map(X, Z, limit=10)
    assert len(x) == len(z) == 10
    with pytest.raises(InputError, match="t-SNE needs 4 rows; found 3"):
        neighbour_map(X[:2], Z[:1])
