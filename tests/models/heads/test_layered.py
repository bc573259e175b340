"""A layered head is a head: the same promises, and it survives being saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from transferium.artifact import Artifact, load_artifact
from transferium.errors import DataError
from transferium.models.catalogue import find_backbone
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import BLOCK, Head
from transferium.problems.classes import Classes


def made(seed: int = 0) -> LayeredHead:
    rng = np.random.default_rng(seed)
    hidden = ((rng.normal(size=(7, 5)), rng.normal(size=7)), (rng.normal(size=(4, 7)), rng.normal(size=4)))
    return LayeredHead(rng.normal(size=(3, 4)), rng.normal(size=3), 1.7, hidden)


X = np.random.default_rng(9).normal(size=(BLOCK + 9, 5))


def test_it_is_affine_layers_with_rectifiers_between() -> None:
    head, h = made(), X
    for weight, bias in head.hidden:
        h = np.maximum(h @ weight.T + bias, 0)
    np.testing.assert_allclose(head.activations(X), h, atol=1e-12)
    np.testing.assert_allclose(head.logits(X), h @ head.weight.T + head.bias, atol=1e-12)
    assert (head.width, head.top, head.classes) == (5, 4, 3)


def test_bit_identical_alone_or_in_any_batch() -> None:
    head = made()
    whole = head.outputs(X)
    for i in (0, 1, BLOCK - 1, BLOCK, len(X) - 1):
        np.testing.assert_array_equal(head.outputs(X[i : i + 1])[0], whole[i])
    np.testing.assert_array_equal(head.activations(X[3:4])[0], head.activations(X)[3])


def test_another_temperature_keeps_the_layers() -> None:
    np.testing.assert_array_equal(replace(made(), temperature=1.0).logits(X), made().logits(X))


@pytest.mark.parametrize("head", [made(), Head(np.ones((3, 5)), np.arange(3.0), 0.7)], ids=["layers", "linear"])
def test_saved_and_read_again_it_answers_the_same_bits(head: Head, tmp_path) -> None:
    backbone = replace(find_backbone(None, "features"), width=5)
    Artifact(backbone, head, Classes(("a", "b", "c"))).save(tmp_path / "model")
    read = load_artifact(tmp_path / "model").head
    assert type(read) is type(head)
    np.testing.assert_array_equal(read.outputs(X), head.outputs(X))


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (
            ((np.ones((4, 5)), np.ones(3)),),
            r"a hidden layer needs weight .*; got \(4, 5\) \(3,\)",
        ),
        (((np.full((4, 5), np.nan), np.ones(4)),), r"a hidden layer needs finite weights"),
        (((np.ones((6, 5)), np.ones(6)),), r"layers do not fit together: they give \[6\] and are read as \[4\]"),
    ],
)
def test_layers_that_cannot_be_are_refused(hidden, message: str) -> None:
    with pytest.raises(DataError, match=message):
        LayeredHead(np.ones((3, 4)), np.ones(3), 1.0, hidden)
