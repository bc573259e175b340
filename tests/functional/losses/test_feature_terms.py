"""Terms read off features: norms, spectra, the multilinear map, reversal, and adversarial smoothness."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from transferium.errors import InputError
from transferium.functional.losses.afn import afn_stepwise
from transferium.functional.losses.bss import bsp
from transferium.functional.losses.multilinear import multilinear_map, random_multilinear_map, random_projections
from transferium.functional.losses.reversal import ramp, reverse_gradient
from transferium.functional.losses.vat import adversarial_direction, vat

RNG = np.random.default_rng(5)
F, G, P = RNG.normal(size=(6, 5)), RNG.normal(size=(4, 5)), RNG.dirichlet(np.ones(3), 6)


def t(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(x)


def test_stepwise_norm_pushes_every_row_outward_equally() -> None:
    x = t(F).clone().requires_grad_()
    value = afn_stepwise(x, step=0.5)
    value.backward()
    assert value.item() == pytest.approx(0.25)
    assert x.grad is not None
    for row, gradient in zip(F, x.grad.numpy(), strict=True):
        assert gradient == pytest.approx(-2 * 0.5 / 6 * row / math.sqrt(sum(row**2)), rel=1e-10)


def test_a_row_of_zeros_has_a_finite_gradient() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    afn_stepwise(x).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_bsp_is_the_top_of_the_gram_spectrum() -> None:
    expected = sum(sum(sorted(np.linalg.eigvalsh(X.T @ X))[-2:]) for X in (F, G))
    assert bsp(t(F), t(G), largest=2).item() == pytest.approx(expected, rel=1e-10)
    assert torch.autograd.gradcheck(lambda a, b: bsp(a, b, 2), (t(F).requires_grad_(), t(G).requires_grad_()))


def test_bsp_is_computed_in_single_precision() -> None:
    a, b = t(F).bfloat16().requires_grad_(), t(G).bfloat16()
    found = bsp(a, b, largest=2)
    found.backward()
    assert found.dtype == torch.float32 and a.grad is not None and a.grad.isfinite().all()
    assert found.item() == pytest.approx(bsp(t(F), t(G), largest=2).item(), rel=0.02)


def test_bsp_says_how_many_there_are() -> None:
    with pytest.raises(InputError, match="largest=5 must be from 1 to 4"):
        bsp(t(F), t(G), largest=5)


def test_multilinear_map_equals_the_slow_product() -> None:
    expected = [[f * p for f in row for p in probabilities] for row, probabilities in zip(F, P, strict=True)]
    assert multilinear_map(t(F), t(P)).numpy() == pytest.approx(np.array(expected), rel=1e-12)


def test_random_multilinear_map_equals_the_slow_product() -> None:
    Rf, Rp = (r.double() for r in random_projections(5, 3, 8, seed=1))
    expected = [
        [sum(f[i] * Rf[i, k] for i in range(5)) * sum(p[j] * Rp[j, k] for j in range(3)) / 8**0.5 for k in range(8)]
        for f, p in zip(F, P, strict=True)
    ]
    assert random_multilinear_map(t(F), t(P), (Rf, Rp)).numpy() == pytest.approx(np.array(expected), rel=1e-10)


def test_random_map_keeps_inner_products_in_expectation() -> None:
    exact = multilinear_map(t(F), t(P))
    projections = tuple(r.double() for r in random_projections(5, 3, 200_000, seed=0))
    drawn = random_multilinear_map(t(F), t(P), (projections[0], projections[1]))
    torch.testing.assert_close(drawn @ drawn.T, exact @ exact.T, atol=0.1, rtol=0.05)


def test_projections_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = random_projections(5, 3, 8, seed=4)
    torch.manual_seed(2)
    assert all(torch.equal(a, b) for a, b in zip(first, random_projections(5, 3, 8, seed=4), strict=True))


def test_maps_need_one_prediction_per_row() -> None:
    with pytest.raises(InputError, match="found 6 rows, 5 predictions"):
        multilinear_map(t(F), t(P[:5]))
    with pytest.raises(InputError, match="found 6 rows, 5 predictions"):
        random_multilinear_map(t(F), t(P[:5]), random_projections(5, 3, 8, seed=0))


@pytest.mark.parametrize("scale", [0.0, 0.7, 2.0])
def test_reversal_is_the_identity_forward_and_minus_scale_backward(scale: float) -> None:
    x = t(F).clone().requires_grad_()
    out = reverse_gradient(x, scale)
    assert torch.equal(out, x)
    (gradient,) = torch.autograd.grad((out * t(F)).sum(), x)
    assert torch.equal(gradient, -scale * t(F))


def test_the_ramp_starts_at_zero_and_rises() -> None:
    values = [ramp(p) for p in (0.0, 0.1, 0.5, 1.0)]
    assert values == pytest.approx([0.0, 2 / (1 + math.exp(-1)) - 1, 2 / (1 + math.exp(-5)) - 1, math.tanh(5.0)])


def linear_model(weight: torch.Tensor):
    return lambda x: x @ weight


def test_adversarial_direction_is_the_top_eigenvector_of_the_fisher_matrix() -> None:
    weight, x = t(RNG.normal(size=(5, 3))), t(F)
    found = adversarial_direction(linear_model(weight), x, x @ weight, steps=60, probe=1e-4)
    for row, direction in zip(x, found, strict=True):
        p = (row @ weight).softmax(-1)
        fisher = weight @ (torch.diag(p) - torch.outer(p, p)) @ weight.T
        top = torch.linalg.eigh(fisher).eigenvectors[:, -1]
        assert abs(float(direction @ top)) == pytest.approx(1.0, abs=1e-3)


def test_vat_equals_the_slow_divergence_along_its_direction() -> None:
    weight, x = t(RNG.normal(size=(5, 3))), t(F)
    model, seeded = linear_model(weight), lambda: torch.Generator().manual_seed(3)
    direction = adversarial_direction(model, x, model(x), probe=0.08, generator=seeded())
    expected = 0.0
    for row, d in zip(x, direction, strict=True):
        p, q = (row @ weight).softmax(-1), ((row + 0.8 * d) @ weight).softmax(-1)
        expected += sum(float(u) * math.log(float(u) / float(v)) for u, v in zip(p, q, strict=True)) / 6
    assert vat(model, x, radius=0.8, generator=seeded()).item() == pytest.approx(expected, rel=1e-9)
    assert direction.norm(dim=1).numpy() == pytest.approx(np.ones(6))


def test_vat_reaches_the_model_and_only_by_its_own_backward() -> None:
    layer = torch.nn.Linear(5, 3).double()
    value = vat(layer, t(F), radius=1.0)
    assert layer.weight.grad is None
    value.backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


def test_vat_moves_more_than_a_random_step_of_the_same_length() -> None:
    weight, x = t(RNG.normal(size=(5, 3))) * 3, t(F)
    model = linear_model(weight)
    random = [vat(model, x, radius=0.3, steps=0, generator=torch.Generator().manual_seed(s)).item() for s in range(9)]
    assert vat(model, x, radius=0.3, steps=5).item() > max(random)


def test_a_constant_model_gives_zero_and_no_nan() -> None:
    value = vat(lambda x: x * 0.0, torch.ones(2, 3, requires_grad=True), radius=1.0, steps=2)
    assert value.item() == 0.0


def test_images_keep_their_shape() -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    direction = adversarial_direction(lambda z: z.flatten(1)[:, :5], x, x.flatten(1)[:, :5])
    assert direction.shape == x.shape
    assert direction.flatten(1).norm(dim=1).numpy() == pytest.approx(np.ones(2), rel=1e-5)
