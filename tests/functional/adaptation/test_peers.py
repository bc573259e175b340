"""Where POT and skada are right, the functions here agree with them; where they are not, this says in what way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from transferium.functional.adaptation.kmm import kmm
from transferium.functional.adaptation.sinkhorn import sinkhorn
from transferium.functional.adaptation.subspace import subspace_alignment
from transferium.functional.adaptation.transport import exact_plan, grouped_sinkhorn
from transferium.functional.linear_classifier import softmax
from transferium.functional.losses.cdd import cdd
from transferium.functional.losses.coral import coral
from transferium.functional.losses.mcc import mcc
from transferium.functional.losses.mmd import mmd
from transferium.functional.matrices import squared_distances
from transferium.functional.shift.frechet import frechet_distance
from transferium.functional.validators.neighbourhood_density import neighbourhood_density
from transferium.functional.validators.source import dev

RNG = np.random.default_rng(21)
X, Z = RNG.normal(size=(30, 3)), RNG.normal(size=(24, 3)) * 1.3 + 0.5
Y = np.arange(30) % 3
DOMAIN = np.repeat([1, -2], [30, 24])


def joint() -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([X, Z]), np.concatenate([Y, np.full(24, -1)])


@pytest.fixture
def ot():
    return pytest.importorskip("ot", reason="POT is not installed")


@pytest.fixture
def skada():
    return pytest.importorskip("skada", reason="skada is not installed")


@pytest.fixture
def losses():
    for needed in ("skorch", "pandas"):
        pytest.importorskip(needed, reason=f"skada's deep part needs {needed}, which is not installed")
    return pytest.importorskip("skada.deep.losses", reason="skada is not installed")


def test_plans_equal_pots(ot) -> None:
    a, b = np.full(30, 1 / 30), np.full(24, 1 / 24)
    cost = squared_distances(X, Z)
    assert exact_plan(cost).cost == pytest.approx(ot.emd2(a, b, cost), rel=1e-9)
    theirs = ot.sinkhorn(a, b, cost, 0.5, method="sinkhorn_log", stopThr=1e-12, numItermax=10_000)
    assert sinkhorn(cost, regularisation=0.5, tolerance=1e-12).matrix == pytest.approx(theirs, rel=1e-5, abs=1e-12)


def test_class_regularised_plan_equals_pots(ot) -> None:
    cost = squared_distances(X, Z)
    theirs = ot.da.sinkhorn_lpl1_mm(
        np.full(30, 1 / 30),
        Y,
        np.full(24, 1 / 24),
        cost,
        0.5,
        eta=0.1,
        numItermax=10,
        numInnerItermax=5000,
        stopInnerThr=1e-11,
    )
    found = grouped_sinkhorn(cost, Y, regularisation=0.5, penalty=0.1, tolerance=1e-12)
    assert found == pytest.approx(theirs, rel=1e-5, abs=1e-10)


def test_frechet_equals_pots_gaussian_distance(ot) -> None:
    theirs = ot.gaussian.empirical_bures_wasserstein_distance(X, Z, reg=0.0, log=False)
    # POT divides covariances by n, not n - 1: undo that by its own formula on our covariances
    by_parts = ot.gaussian.bures_wasserstein_distance(X.mean(0), Z.mean(0), np.cov(X.T), np.cov(Z.T))
    assert frechet_distance(X, Z) == pytest.approx(float(by_parts) ** 2, rel=1e-6)
    assert float(theirs) ** 2 == pytest.approx(frechet_distance(X, Z), rel=0.2)


def test_right_in_skada_subspace_alignment(skada) -> None:
    rows, labels = joint()
    theirs = skada.SubspaceAlignmentAdapter(n_components=2).fit_transform(rows, labels, sample_domain=DOMAIN)
    maps = subspace_alignment(X, Z, dimensions=2)
    ours = np.concatenate([maps.source(X), maps.target(Z)])
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T, rel=1e-5, abs=1e-9)


def test_right_in_skada_kernel_mean_matching(skada) -> None:
    rows, labels = joint()
    peer = skada.KMMReweightAdapter(gamma=1.0, B=5.0, eps=0.1, tol=1e-10, max_iter=5000, smooth_weights=False)
    theirs = peer.fit(rows, labels, sample_domain=DOMAIN).compute_weights(rows, sample_domain=DOMAIN)[:30]
    ours = kmm(X, Z, bound=5.0, slack=0.1, bandwidth=1.0, ridge=0.0)
    K, kappa = np.exp(-squared_distances(X, X)), 30 * np.exp(-squared_distances(X, Z)).mean(axis=1)
    values = [0.5 * w @ K @ w - kappa @ w for w in (ours, theirs)]
    assert values[0] <= values[1] + 1e-9
    assert ours == pytest.approx(theirs, abs=0.02)  # its solver stops early: two digits, and a worse minimum


def test_right_in_skada_deep_coral_and_mcc(losses) -> None:
    s, t = torch.from_numpy(X), torch.from_numpy(Z)
    assert coral(s, t).item() == pytest.approx(losses.deepcoral_loss(s, t).item(), rel=1e-5)
    assert mcc(t, temperature=2.0).item() == pytest.approx(losses.mcc_loss(t, T=2.0).item(), rel=1e-5)


def test_wrong_in_skada_dan_uses_distances_where_gaussians_need_their_squares(losses) -> None:
    a, b = torch.tensor([[0.0], [0.0]]), torch.tensor([[3.0], [3.0]])
    theirs = losses.dan_loss(a, b, sigmas=[1.0]).item()
    assert theirs == pytest.approx(2 - 2 * np.exp(-3.0), rel=1e-5)
    assert mmd(a, b, bandwidth=1.0, scales=[1.0]).item() == pytest.approx(2 - 2 * np.exp(-9.0), rel=1e-5)


def test_wrong_in_skada_cdd_sums_over_rows_outside_the_class(losses) -> None:
    """Two domains that are one and the same have a within-class discrepancy of 0; theirs is not even small."""
    rows = torch.from_numpy(np.repeat([[0.0, 5.0], [5.0, 0.0]], 4, axis=0)).float()
    labels = torch.tensor([0] * 4 + [1] * 4)
    clusters = losses.SphericalKMeans(n_clusters=2, initial_centroids=rows[[0, 4]])
    clusters.fit(rows)
    theirs = float(losses.cdd_loss(labels, rows, rows, clusters, sigmas=[1.0]))
    ours = cdd(rows, labels, rows, labels, scales=[1.0], bandwidth=1.0).item()
    assert ours == pytest.approx(-2.0, abs=1e-5)
    assert abs(theirs - ours) > 0.1


class Fixed:
    """The least that skada's scorers ask of an estimator: probabilities, whatever it is given."""

    def __init__(self, probabilities: np.ndarray) -> None:
        self.outputs = probabilities

    def predict_proba(self, X: np.ndarray, **ignored: object) -> np.ndarray:
        return self.outputs


def test_right_in_skada_neighbourhood_density(skada) -> None:
    from skada.metrics import SoftNeighborhoodDensity

    logits = RNG.normal(size=(24, 3)) * 2
    rows, labels = joint()
    theirs = SoftNeighborhoodDensity()._score(None, Fixed(softmax(logits)), rows, labels, sample_domain=DOMAIN)
    assert neighbourhood_density(logits) == pytest.approx(theirs, rel=1e-5)


def test_wrong_in_skada_dev_multiplies_every_weight_with_every_loss(skada) -> None:
    from skada.metrics import DeepEmbeddedValidation

    weights, losses = RNG.random((9, 1)) + 0.5, RNG.random(9)
    scorer = DeepEmbeddedValidation()
    error = scorer._no_reduc_log_loss(np.zeros(9, dtype=int), np.column_stack([np.exp(-losses), 1 - np.exp(-losses)]))
    assert error.shape == (9,)
    assert (weights * error).shape == (9, 9)
    mixed = float((weights * error).mean())
    assert mixed == pytest.approx(weights.mean() * losses.mean())  # which weight goes with which loss is lost
    logits = np.column_stack([-losses, np.log1p(-np.exp(-losses))])
    assert abs(-dev(np.zeros(9, dtype=int), logits, weights[:, 0]) - mixed) > 1e-3
