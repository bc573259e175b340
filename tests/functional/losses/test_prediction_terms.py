"""Terms read off predictions equal slow versions written one sample at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.losses.distillation import distillation
from transferium.functional.losses.entropy import entropy, entropy_weights, information_maximisation
from transferium.functional.losses.mcc import bnm, mcc
from transferium.functional.losses.mdd import classifier_discrepancy, margin_disparity

Array = NDArray[np.float64]
RNG = np.random.default_rng(3)
A, B, C, D = (RNG.normal(size=(6, 4)) * 2 for _ in range(4))


def t(x: Array) -> torch.Tensor:
    return torch.from_numpy(x)


def slow_softmax(row: Array) -> list[float]:
    total = sum(math.exp(v) for v in row)
    return [math.exp(v) / total for v in row]


def slow_entropy(p: list[float]) -> float:
    return -sum(v * math.log(v) for v in p)


def test_entropy_and_its_weights() -> None:
    H = [slow_entropy(slow_softmax(row)) for row in A]
    raw = [1 + math.exp(-h) for h in H]
    assert entropy(t(A)).numpy() == pytest.approx(H, rel=1e-10)
    assert entropy_weights(t(A)).numpy() == pytest.approx([6 * w / sum(raw) for w in raw], rel=1e-10)
    assert not entropy_weights(t(A).requires_grad_()).requires_grad


def test_mcc() -> None:
    P = [slow_softmax(row / 2.5) for row in A]
    raw = [1 + math.exp(-slow_entropy(p)) for p in P]
    w = [6 * v / sum(raw) for v in raw]
    M = [[sum(w[i] * P[i][c] * P[i][d] for i in range(6)) for d in range(4)] for c in range(4)]
    expected = sum(M[c][d] / sum(M[c]) for c in range(4) for d in range(4) if c != d) / 4
    assert mcc(t(A)).item() == pytest.approx(expected, rel=1e-10)
    assert mcc(t(A).float()).item() == pytest.approx(expected, rel=1e-5)


def test_mcc_does_not_reward_collapse() -> None:
    collapsed, confident = torch.zeros(6, 3), torch.zeros(6, 3)
    collapsed[:, 0], confident[range(6), [0, 1, 2, 0, 1, 2]] = 30.0, 30.0
    assert mcc(collapsed).item() > 0.6
    assert mcc(confident).item() < 1e-4


def test_bnm_is_the_trace_of_the_root_of_the_gram_matrix() -> None:
    P = np.array([slow_softmax(row) for row in A])
    expected = -sum(math.sqrt(max(v, 0.0)) for v in np.linalg.eigvalsh(P.T @ P)) / 6
    assert bnm(t(A)).item() == pytest.approx(expected, rel=1e-8)


def test_bnm_is_computed_in_single_precision() -> None:
    logits = t(A).bfloat16().requires_grad_()
    found = bnm(logits)
    found.backward()
    assert found.dtype == torch.float32 and logits.grad is not None and logits.grad.isfinite().all()
    assert found.item() == pytest.approx(bnm(t(A)).item(), rel=0.02)


def test_bnm_range() -> None:
    assert bnm(torch.zeros(6, 4)).item() == pytest.approx(-1 / math.sqrt(24), rel=1e-6)
    balanced = 100 * torch.eye(4).repeat(3, 1)
    collapsed = 100 * torch.eye(4)[:1].repeat(12, 1)
    assert bnm(balanced).item() == pytest.approx(-math.sqrt(4 / 12), rel=1e-6)
    assert bnm(balanced).item() < bnm(collapsed).item()


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_information_maximisation(diversity: float) -> None:
    P = [slow_softmax(row) for row in A]
    mean = [sum(p[c] for p in P) / 6 for c in range(4)]
    expected = sum(slow_entropy(p) for p in P) / 6 - diversity * slow_entropy(mean)
    assert information_maximisation(t(A), diversity=diversity).item() == pytest.approx(expected, rel=1e-9)


def test_margin_disparity() -> None:
    source = target = 0.0
    for main, adversary, other, other_adversary in zip(A, B, C, D, strict=True):
        source += math.log(slow_softmax(adversary)[int(np.argmax(main))]) / 6
        target += math.log(1 - slow_softmax(other_adversary)[int(np.argmax(other))]) / 6
    value = margin_disparity(t(A), t(B), t(C), t(D), margin=3.0).item()
    assert value == pytest.approx(3.0 * source + target, rel=1e-9)


def test_margin_disparity_is_exact_where_the_probability_rounds_to_one() -> None:
    sure = torch.tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    even = torch.tensor([[99.0, 0.0, 0.0]])
    value = margin_disparity(even, even, even, sure, margin=1.0)
    value.backward()
    assert value.item() == pytest.approx(math.log(2) - 60.0, rel=1e-6)
    assert sure.grad is not None
    assert sure.grad[0, 0].item() == pytest.approx(-1.0)


def test_classifier_discrepancy() -> None:
    gaps = [
        abs(p - q) for a, b in zip(A, B, strict=True) for p, q in zip(slow_softmax(a), slow_softmax(b), strict=True)
    ]
    assert classifier_discrepancy(t(A), t(B)).item() == pytest.approx(sum(gaps) / 24, rel=1e-10)


def test_distillation() -> None:
    expected = 0.0
    for student, teacher in zip(A, B, strict=True):
        p, q = slow_softmax(teacher / 3), slow_softmax(student / 3)
        expected += 9 * sum(u * math.log(u / v) for u, v in zip(p, q, strict=True)) / 6
    assert distillation(t(A), t(B), temperature=3.0).item() == pytest.approx(expected, rel=1e-9)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = t(A).clone().requires_grad_(), t(B).clone().requires_grad_()
    distillation(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_distillation_names_what_it_was_given() -> None:
    with pytest.raises(InputError, match=r"\(6, 4\), \(5, 4\) and 2.0"):
        distillation(t(A), t(B[:5]))
    with pytest.raises(InputError, match=r"temperature above 0; found .* and 0"):
        distillation(t(A), t(B), temperature=0)


TERMS = {
    "bnm": (bnm, 1),
    "information": (information_maximisation, 1),
    "mdd": (lambda a, b: margin_disparity(t(C), a, t(D), b), 2),
    "mcd": (classifier_discrepancy, 2),
    "distillation": (lambda a: distillation(a, t(B)), 1),
    "entropy": (lambda a: entropy(a).sum(), 1),
}


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    term, inputs = TERMS[name]
    assert torch.autograd.gradcheck(term, tuple(t(x).clone().requires_grad_() for x in (A, B)[:inputs]))


def test_the_gradient_of_mcc_holds_its_weights_fixed() -> None:
    weights = entropy_weights(t(A) / 2.5)

    def fixed(logits: torch.Tensor) -> torch.Tensor:
        p = (logits / 2.5).softmax(-1)
        confusion = p.T @ torch.diag(weights) @ p
        return 1 - (confusion.diagonal() / confusion.sum(1)).mean()

    gradients = [torch.autograd.grad(f(x := t(A).clone().requires_grad_()), x)[0] for f in (mcc, fixed)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("size", [1e3, 1e5])
def test_extreme_logits_stay_finite(size: float) -> None:
    logits = (size * torch.eye(4)[[0, 0, 1, 2]]).requires_grad_()
    for term in (bnm, mcc, information_maximisation, lambda x: entropy(x).mean()):
        value = term(logits)
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.isfinite() and gradient.isfinite().all(), term
