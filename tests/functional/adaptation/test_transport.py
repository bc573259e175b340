"""Transport plans equal linear programmes and slow scaling loops."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from scipy.optimize import linprog

from transferium.errors import InputError
from transferium.functional.adaptation.sinkhorn import sinkhorn
from transferium.functional.adaptation.transport import exact_plan, grouped_sinkhorn, transport_map
from transferium.functional.matrices import squared_distances

RNG = np.random.default_rng(4)
COST = RNG.random((6, 8)) * 3
A, B = RNG.dirichlet(np.ones(6)), RNG.dirichlet(np.ones(8))


@pytest.fixture(params=["with POT", "without POT"])
def solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "with POT":
        pytest.importorskip("ot", reason="POT is not installed")
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return request.param


def slow_sinkhorn(cost: np.ndarray, a: np.ndarray, b: np.ndarray, level: float, sweeps: int = 5000) -> np.ndarray:
    K, u, v = np.exp(-cost / level), np.ones(len(a)), np.ones(len(b))
    for _ in range(sweeps):
        u = np.array([a[i] / sum(K[i, j] * v[j] for j in range(len(b))) for i in range(len(a))])
        v = np.array([b[j] / sum(K[i, j] * u[i] for i in range(len(a))) for j in range(len(b))])
    return u[:, None] * K * v


def test_sinkhorn_equals_the_slow_loop() -> None:
    found = sinkhorn(COST, A, B, regularisation=0.3)
    assert found.matrix == pytest.approx(slow_sinkhorn(COST, A, B, 0.3, 400), rel=1e-5, abs=1e-12)
    assert found.error <= 1e-9
    assert found.matrix.sum(axis=0) == pytest.approx(B)


def test_small_regularisation_goes_to_the_exact_cost_where_the_plain_loop_underflows() -> None:
    far = COST * 1000
    assert (np.exp(-far / 1.0) == 0.0).all(axis=1).any()
    found = sinkhorn(far, A, B, regularisation=1.0)
    assert np.isfinite(found.matrix).all()
    assert found.matrix.sum(axis=1) == pytest.approx(A, abs=1e-8)
    assert found.cost == pytest.approx(exact_plan(far, A, B).cost, rel=1e-3)


def test_large_regularisation_goes_to_the_independent_plan() -> None:
    assert sinkhorn(COST, A, B, regularisation=1e6).matrix == pytest.approx(np.outer(A, B), rel=1e-5)


def test_rows_without_mass_stay_empty() -> None:
    a = A.copy()
    a[2] = 0.0
    found = sinkhorn(COST, a, B, regularisation=0.2)
    assert (found.matrix[2] == 0).all()
    assert found.matrix.sum(axis=1) == pytest.approx(a / a.sum(), abs=1e-8)


def test_running_out_of_sweeps_is_told() -> None:
    assert sinkhorn(COST, A, B, regularisation=0.01, sweeps=2).error > 1e-6


def test_exact_plan_is_the_linear_programme(solver: str) -> None:
    rows = np.zeros((14, 48))
    for i in range(6):
        rows[i, i * 8 : (i + 1) * 8] = 1
    for j in range(8):
        rows[6 + j, j::8] = 1
    best = linprog(COST.ravel(), A_eq=rows, b_eq=np.concatenate([A, B]), method="highs").fun
    found = exact_plan(COST, A, B)
    assert found.cost == pytest.approx(best, rel=1e-9)
    assert found.matrix.sum(axis=1) == pytest.approx(A)
    assert found.matrix.sum(axis=0) == pytest.approx(B)
    assert found.matrix.min() >= 0


def test_equal_shares_are_an_assignment(solver: str) -> None:
    square = COST[:, :6]
    found = exact_plan(square)
    assert (found.matrix > 0).sum() == 6
    assert found.cost == pytest.approx(exact_plan(square, np.ones(6), np.ones(6)).cost)


def test_too_large_without_pot_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="between 501 and 500 rows is too large without POT: pip install pot"):
        exact_plan(np.zeros((501, 500)))


def test_one_dimension_is_solved_by_sorting(solver: str) -> None:
    x, z = RNG.normal(size=(20, 1)), RNG.normal(size=(20, 1)) + 3
    expected = np.empty_like(x)
    expected[np.argsort(x[:, 0])] = np.sort(z, axis=0)
    assert transport_map(x, z, regularisation=0.0) == pytest.approx(expected)


def test_a_shift_is_carried_back() -> None:
    x = RNG.normal(size=(30, 3))
    assert transport_map(x, x + 4.0, regularisation=0.0) == pytest.approx(x + 4.0)
    half = transport_map(x, x + 4.0, regularisation=0.0, strength=0.5)
    assert half == pytest.approx(x + 2.0)


def test_the_class_term_keeps_classes_out_of_each_others_targets() -> None:
    x, z = RNG.normal(size=(30, 2)), RNG.normal(size=(24, 2))
    y = (x[:, 0] > 0).astype(int)
    cost = squared_distances(x, z)
    mixed = []
    for penalty in (0.0, 1.0):
        plan = grouped_sinkhorn(cost / np.median(cost), y, regularisation=0.2, penalty=penalty)
        shares = np.array([plan[y == c].sum(axis=0) for c in (0, 1)]) * 24
        mixed.append(float(shares.min(axis=0).mean()))
        assert plan.sum(axis=0) == pytest.approx(np.full(24, 1 / 24), abs=1e-6)
    assert mixed[1] < 0.3 * mixed[0]


def test_no_class_term_is_plain_sinkhorn() -> None:
    y = np.array([0, 1, 0, 1, 0, 1])
    plain = sinkhorn(COST, regularisation=0.3, tolerance=1e-6).matrix
    assert grouped_sinkhorn(COST, y, regularisation=0.3, penalty=0.0) == pytest.approx(plain)


def test_identical_rows_do_not_divide_by_zero() -> None:
    same = np.ones((4, 2))
    assert transport_map(same, same) == pytest.approx(same)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match="regularisation=0 must be above 0; use exact_plan"):
        sinkhorn(COST, regularisation=0)
    with pytest.raises(InputError, match="class_penalty needs source_labels"):
        transport_map(COST, COST, class_penalty=1.0)
    with pytest.raises(InputError, match="must be 0 or more"):
        transport_map(COST, COST, regularisation=-1.0)
    with pytest.raises(InputError, match="source must be 6 numbers"):
        sinkhorn(COST, B, regularisation=1.0)
