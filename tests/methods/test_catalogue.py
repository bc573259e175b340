"""The methods that there are, as classes."""

from __future__ import annotations

import pytest

from transferium.methods.catalogue import METHODS, method_class


def depth(cls: type) -> int:
    """The classes of this package above ``cls``, along the longest line."""
    ours = [base for base in cls.__bases__ if base.__module__.startswith("transferium.")]
    return max((1 + depth(base) for base in ours), default=0)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_at_most_three_classes_below_the_first(name: str) -> None:
    assert depth(method_class(name)) <= 3
