"""Random weights drawn in NumPy: those that timm and transformers would draw, but for the draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from transferium.models.catalogue import randomised
from transferium.models.graphs.normal import normal
from transferium.models.sources.bundled import BUNDLED, bundled


def test_the_numbers_are_normal_and_stay_the_same() -> None:
    draw = normal(0)
    first, second = draw((2, 3), 1.0), draw((200_001,), 0.5)
    np.testing.assert_allclose(first, FIRST, rtol=1e-5)
    assert first.dtype == second.dtype == np.float32 and second.shape == (200_001,)
    assert abs(second.mean()) < 4 * 0.5 / 200_001**0.5 and abs(second.std() / 0.5 - 1) < 0.01
    assert abs(((second / second.std()) ** 4).mean() - 3) < 0.1, "the fourth moment of a normal number is 3"
    assert not np.allclose(normal(1)((2, 3), 1.0), first)


FIRST = [[-0.3708876, -0.1436639, 1.4844735], [-0.4312910, 1.1496077, 0.3908418]]


@pytest.mark.parametrize("name", BUNDLED)
def test_every_tensor_has_the_distribution_of_the_library(name: str) -> None:
    """Constants are equal; a mean and a standard deviation differ by no more than five of their own errors."""
    backbone = bundled(name)
    assert backbone.fresh is not None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs, ours = _states(backbone.fresh()), _states(randomised(backbone).build())
    assert theirs.keys() == ours.keys()
    drawn = 0
    for key, expected in theirs.items():
        found = ours[key]
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        if np.unique(expected).size <= 1:
            np.testing.assert_array_equal(found, expected, err_msg=key)
            continue
        drawn += 1
        spread, error = expected.std(), (2 / expected.size) ** 0.5
        assert abs(found.mean() - expected.mean()) < 5 * spread * error, key
        assert abs(found.std() / spread - 1) < 5 * error, key
    assert drawn > 30


def _states(module: nn.Module) -> dict[str, np.ndarray]:
    return {key: tensor.numpy() for key, tensor in module.state_dict().items() if "position_ids" not in key}


def test_padding_starts_at_zero_as_in_the_library() -> None:
    rows = randomised(bundled("all_minilm_l6_v2")).build().model.embeddings.word_embeddings.weight
    assert not rows[0].any() and rows[1].any()


def test_torchs_own_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    randomised(bundled("efficientnet_lite0")).build()
    assert torch.rand(1) == expected


def test_other_seeds_are_other_weights_and_known_as_such() -> None:
    backbone = bundled("efficientnet_lite0")
    first, again, other = randomised(backbone), randomised(backbone), randomised(backbone, seed=1)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    kernels = [each.build().conv_stem.weight for each in (first, again, other)]
    assert (kernels[0] == kernels[1]).all() and not (kernels[0] == kernels[2]).any()
