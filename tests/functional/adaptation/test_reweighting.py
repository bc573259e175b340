"""Importance weights and class shares equal slow solutions of the same problems."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from transferium.errors import DataError, InputError
from transferium.functional.adaptation.density_ratio import leave_one_out, logistic_ratio, ulsif
from transferium.functional.adaptation.kmm import kmm
from transferium.functional.adaptation.label_shift import (
    bbse,
    bbse_interval,
    correct_posteriors,
    saerens,
)
from transferium.functional.adaptation.tradaboost import tradaboost
from transferium.functional.adaptation.weights import effective_sample_size, tempered
from transferium.functional.linear_classifier import fit_linear

RNG = np.random.default_rng(6)
X, Z = RNG.normal(size=(25, 2)), RNG.normal(size=(20, 2)) * 0.7 + 0.8


def kmm_problem(width: float) -> tuple[np.ndarray, np.ndarray]:
    K = np.array([[np.exp(-((a - b) ** 2).sum() / width) for b in X] for a in X]) + 1e-6 * np.eye(25)
    kappa = np.array([25 / 20 * sum(np.exp(-((a - b) ** 2).sum() / width) for b in Z) for a in X])
    return K, kappa


@pytest.mark.parametrize(("bound", "slack"), [(10.0, 0.8), (10.0, 0.05), (2.0, 0.0), (1.5, 0.3)])
def test_kmm_weights_equal_a_general_solver(bound: float, slack: float) -> None:
    K, kappa = kmm_problem(0.3)
    limits = (25 * (1 - slack), 25 * (1 + slack))
    slow = minimize(
        lambda b: 0.5 * b @ K @ b - kappa @ b,
        np.ones(25),
        jac=lambda b: K @ b - kappa,
        bounds=[(0, bound)] * 25,
        constraints=[
            {"type": "ineq", "fun": lambda b: b.sum() - limits[0], "jac": lambda b: np.ones(25)},
            {"type": "ineq", "fun": lambda b: limits[1] - b.sum(), "jac": lambda b: -np.ones(25)},
        ],
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 2000},
    ).x
    found = kmm(X, Z, bound=bound, slack=slack, bandwidth=0.3)
    assert found == pytest.approx(slow, rel=1e-5, abs=2e-5)


@pytest.mark.parametrize("width", [0.3, 3.0, 30.0])
def test_kmm_weights_satisfy_the_optimality_conditions(width: float) -> None:
    K, kappa = kmm_problem(width)
    beta = kmm(X, Z, bound=4.0, bandwidth=width)
    assert beta.min() >= 0
    assert beta.max() <= 4.0
    slope, free = K @ beta - kappa, (beta > 1e-6) & (beta < 4 - 1e-6)
    inside = 25 * (1 - 0.8) < beta.sum() < 25 * (1 + 0.8)
    price = 0.0 if inside else -slope[free].mean()
    assert slope[free] + price == pytest.approx(0.0, abs=1e-6)
    assert (slope[beta <= 1e-6] + price > -1e-6).all()
    assert (slope[beta >= 4 - 1e-6] + price < 1e-6).all()


def test_kmm_bound_one_without_slack_is_no_weighting() -> None:
    assert kmm(X, Z, bound=1.0, slack=0.0).tobytes() == np.ones(25).tobytes()


def test_kmm_brings_the_kernel_means_together() -> None:
    K, kappa = kmm_problem(1.0)

    def gap(beta: np.ndarray) -> float:
        return float(beta @ K @ beta - 2 * kappa @ beta)

    assert gap(kmm(X, Z, bandwidth=1.0)) < gap(np.ones(25)) - 1.0


def test_kmm_refuses_what_cannot_be_met() -> None:
    with pytest.raises(InputError, match=r"kmm needs bound >= 1, .* found 0\.5"):
        kmm(X, Z, bound=0.5)


def test_logistic_ratio_recovers_a_known_ratio() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(4000, 1)), rng.normal(size=(2000, 1)) + 1.0
    at = np.linspace(-1, 2, 7)[:, None]
    assert logistic_ratio(x, z, penalty=1e-6)(at) == pytest.approx(np.exp(at[:, 0] - 0.5), rel=0.2)


def test_logistic_ratio_goes_to_one_as_the_penalty_grows() -> None:
    assert logistic_ratio(X, Z, penalty=1e9)(X) == pytest.approx(np.ones(25), rel=1e-4)


def test_ulsif_leave_one_out_equals_leaving_one_out() -> None:
    phi_s, phi_t = RNG.random((9, 4)), RNG.random((7, 4))
    slow = []
    for i in range(7):
        s, t = np.delete(phi_s, i, axis=0), np.delete(phi_t, i, axis=0)
        H, h = s.T @ s / len(s), t.mean(axis=0)
        alpha = np.maximum(np.linalg.solve(H + 0.2 * np.eye(4), h), 0.0)
        slow.append(0.5 * (phi_s[i] @ alpha) ** 2 - phi_t[i] @ alpha)
    assert leave_one_out(phi_s, phi_t, 0.2) == pytest.approx(np.mean(slow), rel=1e-10)


def test_ulsif_recovers_a_known_ratio_and_comes_from_its_seed() -> None:
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(2000, 1)), rng.normal(size=(1500, 1)) * 0.5 + 0.5
    ratio = ulsif(x, z, seed=3)
    at = np.array([[-1.0], [0.0], [0.5], [1.0]])
    known = np.exp(-2 * (at[:, 0] - 0.5) ** 2 + 0.5 * at[:, 0] ** 2) * 2
    assert ratio(at) == pytest.approx(known, abs=0.3)
    assert ratio(at).tobytes() == ulsif(x, z, seed=3)(at).tobytes()
    with pytest.raises(InputError, match="ulsif needs at least one centre"):
        ulsif(x, z, penalties=[0.0])


def test_tempered_weights_have_mean_one() -> None:
    w = RNG.random(9)
    assert tempered(w, 0.5) == pytest.approx(np.sqrt(w) / np.sqrt(w).mean())
    assert tempered(w, 0.0).tobytes() == np.ones(9).tobytes()
    assert effective_sample_size(tempered(w, 0.3)) > effective_sample_size(w)
    with pytest.raises(InputError, match="none negative and not all 0"):
        tempered(np.zeros(3))


def calibrated(n: int, q: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and exact posteriors under equal shares, for two unit Gaussians at -1 and 1."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < q).astype(int)
    p = 1 / (1 + np.exp(-2 * (rng.normal(size=n) + 2 * y - 1)))
    return y, np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("soft", [True, False])
def test_bbse_solves_its_equations(soft: bool) -> None:
    (y, p), (_, q) = calibrated(400, 0.5, 0), calibrated(300, 0.8, 1)
    C, mu = np.zeros((2, 2)), np.zeros(2)
    for k in range(2):
        for c in range(2):
            C[k, c] = np.mean(
                [(row[k] if soft else row.argmax() == k) for row, label in zip(p, y, strict=True) if label == c]
            )
        mu[k] = np.mean([(row[k] if soft else row.argmax() == k) for row in q])
    assert bbse(y, p, q, soft=soft) == pytest.approx(np.linalg.solve(C, mu), rel=1e-8)
    assert bbse(y, p, q, soft=soft)[1] == pytest.approx(0.8, abs=0.06)


def test_the_bbse_interval_covers_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(40):
        (y, p), (_, q) = calibrated(150, 0.5, 2 * seed), calibrated(150, 0.3, 2 * seed + 1)
        _, low, high = bbse_interval(y, p, q, seed=0, resamples=100)
        covered += low[1] <= 0.3 <= high[1]
    assert 34 <= covered <= 40


def test_bbse_says_when_it_cannot() -> None:
    y, p = calibrated(50, 0.5, 0)
    with pytest.raises(DataError, match="class 2 has no held-out source row"):
        bbse(y, np.column_stack([p, np.zeros(50)]), np.column_stack([p, np.zeros(50)]))
    with pytest.raises(DataError, match="do not tell the classes apart"):
        bbse(y, np.full((50, 2), 0.5), p)
    with pytest.raises(InputError, match="same classes; found 2 and 3"):
        bbse(y, p, np.column_stack([p, np.zeros(50)]))


def test_saerens_maximises_the_likelihood() -> None:
    _, p = calibrated(400, 0.85, 5)
    grid = np.linspace(0.001, 0.999, 9999)
    likelihood = [np.log(p @ np.array([1 - q, q]) / 0.5).sum() for q in grid]
    assert saerens(p, np.array([0.5, 0.5]))[1] == pytest.approx(grid[int(np.argmax(likelihood))], abs=2e-4)
    assert saerens(p, np.array([1.0, 0.0]))[1] == 0.0


def test_posteriors_follow_bayes() -> None:
    prior, q = np.array([0.2, 0.8]), np.array([0.6, 0.4])
    p = np.array([[0.3, 0.7]])
    by_hand = np.array([0.3 * 3, 0.7 * 0.5])
    assert correct_posteriors(p, prior, q)[0] == pytest.approx(by_hand / by_hand.sum())
    assert correct_posteriors(np.array([[1.0, 0.0]]), prior, np.array([0.0, 1.0])).tolist() == [[1.0, 0.0]]


def test_tradaboost_weights_equal_the_papers_updates() -> None:
    rng = np.random.default_rng(0)
    y = np.array([0, 1] * 6)
    x = rng.normal(size=(12, 2)) + np.outer(y, [1.5, 0.0])
    t = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    z = rng.normal(size=(8, 2)) + np.outer(t, [1.5, 0.0])
    rows, labels = np.concatenate([x, z]), np.concatenate([y, t])
    model = tradaboost(x, y, z, t, fit_linear, rounds=2)
    weight, beta = np.ones(20), 1 / (1 + np.sqrt(2 * np.log(12) / 2))
    for _ in range(2):
        wrong = fit_linear(rows, labels, weight)(rows).argmax(axis=1) != labels
        error = sum(weight[i] for i in range(12, 20) if wrong[i]) / weight[12:].sum()
        rise = (1 - error) / error if error < 0.5 else 1 / beta
        for i in range(20):
            if wrong[i]:
                weight[i] *= beta if i < 12 else rise
        weight *= 20 / weight.sum()
    assert len(model.errors) == 2
    assert model.source_weights == pytest.approx(weight[:12])
    with pytest.raises(InputError, match="rounds=-1"):
        tradaboost(x, y, z, t, fit_linear, rounds=-1)
