"""CKA against its definition with whole kernels, what it does not depend on, and its bias."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from transferium.errors import InputError
from transferium.functional.similarity.cka import linear_cka, unbiased_cka

Array = NDArray[Any]


def slow_linear(a: Array, b: Array) -> float:
    """``HSIC(K, L) / √(HSIC(K, K) HSIC(L, L))`` with the centring matrix."""
    n = len(a)
    centre = np.eye(n) - 1 / n
    k, m = centre @ a @ a.T @ centre, centre @ b @ b.T @ centre
    return float(np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m)))


def slow_hsic(a: Array, b: Array) -> float:
    """The U-statistic by its definition: the mean over all different i, j, q, r."""
    from itertools import permutations

    k, m = a @ a.T, b @ b.T
    terms = [m[i, j] * (k[i, j] + k[q, r] - 2 * k[i, q]) for i, j, q, r in permutations(range(len(a)), 4)]
    return float(np.mean(terms))


def slow_unbiased(a: Array, b: Array, batch: int) -> float:
    rows = np.array_split(np.arange(len(a)), max(1, len(a) // batch))
    sums = [sum(slow_hsic(x[r], z[r]) for r in rows) for x, z in ((a, b), (a, a), (b, b))]
    return float(sums[0] / np.sqrt(sums[1] * sums[2]))


def sides(n: int = 18, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 5)) + 3.0
    return a, a[:, :3] + rng.normal(size=(n, 3))


def test_linear_cka_equals_its_definition() -> None:
    wide = np.random.default_rng(1).normal(size=(18, 40))
    digits = load_digits().data[:60]
    for a, b in (sides(), (sides()[0], wide), (digits, digits[:, ::3] ** 2)):
        assert linear_cka(a, b) == pytest.approx(slow_linear(a, b), rel=1e-6)


@pytest.mark.parametrize("batch", [9, 256])
def test_unbiased_cka_equals_the_mean_over_all_quadruples(batch: int) -> None:
    a, b = sides(18 if batch == 9 else 10)
    assert unbiased_cka(a, b, batch=batch) == pytest.approx(slow_unbiased(a, b, batch), rel=1e-6)


@pytest.mark.parametrize("cka", [linear_cka, unbiased_cka])
def test_what_it_does_not_depend_on(cka: Any) -> None:
    for seed in range(3):
        a, b = sides(40, seed)
        rng = np.random.default_rng(seed)
        turned = np.linalg.qr(rng.normal(size=(5, 5)))[0]
        order = rng.permutation(40)
        value = cka(a, b)
        assert cka(a @ turned, b) == pytest.approx(value, rel=1e-9)
        assert cka(-8.0 * a + 2.0, b) == pytest.approx(value, rel=1e-9)
        assert cka(a[order], b[order]) == pytest.approx(value, rel=1e-9)
        assert cka(b, a) == pytest.approx(value, rel=1e-9)
        assert cka(a, a @ turned) == pytest.approx(1.0)
        assert cka(a[order], b) < value  # other examples beside one another are less alike
        assert cka(a * [9.0, 1.0, 1.0, 1.0, 1.0], b) != pytest.approx(value, rel=1e-3)


def test_chance_is_nought_for_the_unbiased_one_at_every_batch_size() -> None:
    rng = np.random.default_rng(4)
    found = {16: [], 64: []}  # type: dict[int, list[float]]
    for _ in range(20):
        a, b = rng.normal(size=(2, 64, 100))
        assert linear_cka(a, b) > 0.4
        for batch, values in found.items():
            values.append(unbiased_cka(a, b, batch=batch))
    for values in found.values():
        assert abs(np.mean(values)) < 4 * np.std(values) / 20**0.5
        assert abs(np.mean(values)) < 0.05


def test_faults_are_named() -> None:
    a, b = sides()
    for cka in (linear_cka, unbiased_cka):
        with pytest.raises(InputError, match="found 18 and 17"):
            cka(a, b[1:])
        with pytest.raises(InputError, match="b are the same in every row"):
            cka(a, np.ones((18, 2)))
        with pytest.raises(InputError, match="not finite, first in row 2"):
            cka(np.where(np.arange(18)[:, None] == 2, np.inf, a), b)
    with pytest.raises(InputError, match="batch=3 must be 4 or more"):
        unbiased_cka(a, b, batch=3)
    with pytest.raises(InputError, match="the same 4 or more examples"):
        unbiased_cka(a[:3], b[:3])
