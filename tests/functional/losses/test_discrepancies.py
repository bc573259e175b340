"""Two-batch terms equal slow versions written one pair of rows at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.losses.cdd import cdd
from transferium.functional.losses.coral import coral
from transferium.functional.losses.kernels import SCALES, median_bandwidth, squared_distances
from transferium.functional.losses.mmd import jmmd, mmd, mmd_linear

Array = NDArray[np.float64]
RNG = np.random.default_rng(7)
S, T = RNG.normal(size=(9, 4)), RNG.normal(size=(7, 4)) * 1.5 + 0.5
YS, YT = np.array([0, 0, 1, 1, 2, 2, 3, 3, 0]), np.array([0, 1, 1, 2, 0, 2, 4])


def t(x: NDArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))


def slow_median(rows: Array) -> float:
    distances = sorted(float(((a - b) ** 2).sum()) for a, b in itertools.combinations(rows, 2))
    return distances[(len(distances) - 1) // 2]


def slow_kernel(a: Array, b: Array, width: float) -> float:
    return float(np.mean([np.exp(-((a - b) ** 2).sum() / (s * width)) for s in SCALES]))


def slow_mean(A: Array, B: Array, width: float, skip_equal: bool = False) -> float:
    pairs = [(i, j) for i in range(len(A)) for j in range(len(B)) if not (skip_equal and i == j)]
    return float(np.mean([slow_kernel(A[i], B[j], width) for i, j in pairs]))


def slow_mmd(A: Array, B: Array, width: float, unbiased: bool = False) -> float:
    return slow_mean(A, A, width, unbiased) + slow_mean(B, B, width, unbiased) - 2 * slow_mean(A, B, width)


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("bandwidth", [None, 1.3])
def test_mmd_equals_the_slow_sum(unbiased: bool, bandwidth: float | None) -> None:
    width = bandwidth or slow_median(np.concatenate([S, T]))
    expected = slow_mmd(S, T, width, unbiased)
    assert mmd(t(S), t(T), bandwidth=bandwidth, unbiased=unbiased).item() == pytest.approx(expected, rel=1e-10)
    single = mmd(t(S).float(), t(T).float(), bandwidth=bandwidth, unbiased=unbiased).item()
    assert single == pytest.approx(expected, rel=1e-5)


def test_mmd_keeps_its_digits_far_from_the_origin() -> None:
    near, far = mmd(t(S).float(), t(T).float()), mmd(t(S + 300.0).float(), t(T + 300.0).float())
    assert far.item() == pytest.approx(near.item(), rel=1e-4)


def test_linear_mmd_equals_the_slow_sum_over_pairs() -> None:
    n = 6
    expected = np.mean(
        [
            slow_kernel(S[i], S[i + 1], 2.0)
            + slow_kernel(T[i], T[i + 1], 2.0)
            - slow_kernel(S[i], T[i + 1], 2.0)
            - slow_kernel(S[i + 1], T[i], 2.0)
            for i in range(0, n, 2)
        ]
    )
    assert mmd_linear(t(S), t(T), bandwidth=2.0).item() == pytest.approx(expected, rel=1e-10)


def test_linear_mmd_estimates_the_quadratic_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 3)) + 0.7
    linear = mmd_linear(t(a), t(b), bandwidth=4.0).item()
    assert linear == pytest.approx(mmd(t(a[:1500]), t(b[:1500]), bandwidth=4.0, unbiased=True).item(), abs=0.01)


def test_equal_distributions_are_at_zero_and_shifted_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    values = [mmd(t(rng.normal(size=(40, 3))), t(rng.normal(size=(40, 3))), unbiased=True).item() for _ in range(60)]
    assert abs(np.mean(values)) < 2.6 * np.std(values) / np.sqrt(60)
    assert mmd(t(S), t(S + 3.0)).item() > mmd(t(S), t(S + 1.0)).item() > mmd(t(S), t(S)).item() == pytest.approx(0.0)


def test_jmmd_equals_the_slow_product_of_kernels() -> None:
    ps, pt = RNG.dirichlet(np.ones(3), 9), RNG.dirichlet(np.ones(3), 7)
    width = slow_median(np.concatenate([S, T]))

    def joint(A: Array, PA: Array, B: Array, PB: Array) -> float:
        pairs = itertools.product(range(len(A)), range(len(B)))
        return float(np.mean([slow_kernel(A[i], B[j], width) * slow_kernel(PA[i], PB[j], 0.4) for i, j in pairs]))

    expected = joint(S, ps, S, ps) + joint(T, pt, T, pt) - 2 * joint(S, ps, T, pt)
    assert jmmd([t(S), t(ps)], [t(T), t(pt)], bandwidths=[None, 0.4]).item() == pytest.approx(expected, rel=1e-10)
    assert jmmd([t(S)], [t(T)]).item() == pytest.approx(mmd(t(S), t(T)).item(), rel=1e-12)


def test_jmmd_sees_classes_that_swapped_where_mmd_does_not() -> None:
    x = t(np.repeat([[0.0], [4.0]], 10, axis=0))
    p = torch.eye(2, dtype=torch.float64).repeat_interleave(10, 0)
    assert mmd(x, x).item() == pytest.approx(0.0, abs=1e-12)
    assert jmmd([x, p], [x, p.flip(1)], bandwidths=[1.0, 1.0]).item() > 0.5


def test_coral_equals_the_slow_sum_and_ignores_the_mean() -> None:
    def cov(X: Array, i: int, j: int) -> float:
        m = X.mean(0)
        return sum((row[i] - m[i]) * (row[j] - m[j]) for row in X) / (len(X) - 1)

    expected = sum((cov(S, i, j) - cov(T, i, j)) ** 2 for i in range(4) for j in range(4)) / (4 * 16)
    assert coral(t(S), t(T)).item() == pytest.approx(expected, rel=1e-10)
    assert coral(t(S), t(S + 2.0)).item() == pytest.approx(0.0, abs=1e-20)


def test_cdd_equals_the_slow_sum_over_shared_classes() -> None:
    width, shared = 3.0, [0, 1, 2]  # class 3 is only in the source, 4 only in the target
    of_source, of_target = ({c: X[y == c] for c in shared} for X, y in ((S, YS), (T, YT)))
    D = {(c, d): slow_mmd(of_source[c], of_target[d], width) for c in shared for d in shared}
    expected = np.mean([D[c, c] for c in shared]) - np.mean([D[c, d] for c, d in D if c != d])
    assert cdd(t(S), t(YS), t(T), t(YT), bandwidth=width).item() == pytest.approx(expected, rel=1e-10)


def test_cdd_with_one_shared_class_and_with_none() -> None:
    one = cdd(t(S), t(YS), t(T), t(np.full(7, 2)), bandwidth=3.0).item()
    assert one == pytest.approx(slow_mmd(S[YS == 2], T, 3.0), rel=1e-10)
    source = t(S).requires_grad_()
    none = cdd(source, t(YS), t(T), t(np.full(7, 9)))
    none.backward()
    assert none.item() == 0.0
    assert source.grad is not None
    assert source.grad.abs().max() == 0.0


TERMS = {
    "mmd": lambda a, b: mmd(a, b, bandwidth=2.0),
    "mmd unbiased": lambda a, b: mmd(a, b, bandwidth=2.0, unbiased=True),
    "mmd_linear": lambda a, b: mmd_linear(a, b, bandwidth=2.0),
    "jmmd": lambda a, b: jmmd([a, a.square()], [b, b.square()], bandwidths=[2.0, 3.0]),
    "coral": coral,
    "cdd": lambda a, b: cdd(a, t(YS), b, t(YT), bandwidth=2.0),
}


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    assert torch.autograd.gradcheck(TERMS[name], (t(S).requires_grad_(), t(T).requires_grad_()))


@pytest.mark.parametrize("name", TERMS)
def test_following_the_gradient_brings_the_batches_together(name: str) -> None:
    source, target = t(S).clone().requires_grad_(), t(T)
    before = TERMS[name](source, target)
    (gradient,) = torch.autograd.grad(before, source)
    assert TERMS[name](source - 1e-3 * gradient / gradient.norm(), target) < before


@pytest.mark.parametrize("far", [0.0, 1e4])
def test_identical_rows_give_finite_values_and_gradients(far: float) -> None:
    source = torch.full((4, 3), far, requires_grad=True)
    for value in (mmd(source, source.detach()), mmd_linear(source, source.detach()), coral(source, source.detach())):
        (gradient,) = torch.autograd.grad(value, source)
        assert value.isfinite() and gradient.isfinite().all()


def test_the_median_leaves_the_diagonal_out() -> None:
    z = t(np.array([[0.0], [1.0], [1.0], [5.0]]))
    assert median_bandwidth(squared_distances(z, z)).item() == slow_median(z.numpy())


def test_unusable_batches_are_named() -> None:
    with pytest.raises(InputError, match=r"found \(9, 4\) and \(7, 3\)"):
        mmd(t(S), t(T[:, :3]))
    with pytest.raises(InputError, match="2 or more rows of each domain; found 1 and 7"):
        mmd(t(S[:1]), t(T), unbiased=True)
    with pytest.raises(InputError, match="two rows of each domain; found 1 and 7"):
        mmd_linear(t(S[:1]), t(T))
    with pytest.raises(InputError, match="covariance needs two rows of each domain; found 9 and 1"):
        coral(t(S), t(T[:1]))
    with pytest.raises(InputError, match="2 source layers, 1 target layers and 2 bandwidths"):
        jmmd([t(S), t(S)], [t(T)])
    with pytest.raises(InputError, match="9 source rows with 8 labels"):
        cdd(t(S), t(YS[:8]), t(T), t(YT))
