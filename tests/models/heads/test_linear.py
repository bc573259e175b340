"""A row's probabilities are the same bits alone, in a batch, and anywhere in it."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.errors import DataError
from transferium.functional.linear_classifier import softmax
from transferium.models.heads.linear import BLOCK, Head


def random_head(classes: int, width: int, temperature: float = 1.3) -> tuple[Head, np.random.Generator]:
    rng = np.random.default_rng(classes * 1000 + width)
    return Head(rng.normal(size=(classes, width)), rng.normal(size=classes), temperature), rng


@pytest.mark.parametrize("width", [1, 2, 7, 33, 384, 1280])
@pytest.mark.parametrize("classes", [2, 3, 10, 101])
def test_bit_identical_alone_or_in_any_batch(classes: int, width: int) -> None:
    head, rng = random_head(classes, width)
    X = rng.normal(size=(2 * BLOCK + 5, width)).astype(np.float32)
    whole = head.outputs(X)
    for i in (0, 1, BLOCK - 1, BLOCK, len(X) - 1):
        np.testing.assert_array_equal(head.outputs(X[i : i + 1])[0], whole[i])
    for start, stop in ((0, 3), (1, BLOCK + 2), (BLOCK, len(X))):
        np.testing.assert_array_equal(head.outputs(X[start:stop]), whole[start:stop])
    order = rng.permutation(len(X))
    np.testing.assert_array_equal(head.outputs(X[order]), whole[order])
    np.testing.assert_array_equal(head.outputs(np.asfortranarray(X)), whole)
    np.testing.assert_array_equal(head.logits(X[-1:])[0], head.logits(X)[-1])


def test_probabilities_are_the_softmax_of_the_tempered_logits() -> None:
    head, rng = random_head(5, 20)
    X = rng.normal(size=(70, 20))
    np.testing.assert_allclose(head.logits(X), X @ head.weight.T + head.bias, atol=1e-12)
    np.testing.assert_allclose(head.outputs(X), softmax(head.logits(X) / 1.3), atol=1e-12)
    np.testing.assert_array_equal(head.predict(X), head.outputs(X).argmax(1))


def test_no_rows_and_huge_logits() -> None:
    head = Head(np.eye(2) * 1e5, np.zeros(2))
    assert head.outputs(np.zeros((0, 2))).shape == (0, 2)
    np.testing.assert_array_equal(head.outputs(np.array([[1.0, 0.0]])), [[1.0, 0.0]])


@pytest.mark.parametrize(
    ("weight", "bias", "temperature", "message"),
    [
        (
            np.zeros((2, 3)),
            np.zeros(3),
            1.0,
            "a head needs weight (classes, width) and bias (classes,); got (2, 3) (3,).",
        ),
        (np.full((2, 3), np.nan), np.zeros(2), 1.0, "a head needs finite weights; some of these are not. "),
        (np.zeros((2, 3)), np.zeros(2), 0.0, "a temperature is positive and finite; this one is 0.0."),
    ],
)
def test_a_head_that_cannot_be_is_refused(weight, bias, temperature, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Head(weight, bias, temperature)
    assert str(caught.value).startswith(message)


def test_features_of_another_width_are_refused() -> None:
    head, _ = random_head(2, 4)
    with pytest.raises(DataError) as caught:
        head.outputs(np.zeros((3, 5)))
    assert str(caught.value) == "this head reads features (n, 4); it was given (3, 5)."
