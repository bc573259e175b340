"""Domains: taking, parts, and labels that are absent by type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from transferium.data.read import read
from transferium.errors import DataError

DOMAIN = read(
    [f"t{i}" for i in range(6)],
    label=list("abcabc"),
    part=["train", "train", "val", "test", "test", "train"],
    group=[0, 0, 1, 1, 2, 2],
)


@pytest.mark.parametrize("at", [[4, 1], np.array([4, 1]), (4, 1)])
def test_taking_takes_every_column(at: Any) -> None:
    taken = DOMAIN.take(at)
    assert [taken.samples.raw(i) for i in range(2)] == ["t4", "t1"]
    assert (list(taken.ids), taken.y.tolist(), taken.classes) == (["4", "1"], [1, 1], ("a", "b", "c"))
    assert taken.parts is not None
    assert taken.groups is not None
    assert (taken.parts.tolist(), taken.groups.tolist()) == (["test", "train"], [2, 0])


def test_a_mask_takes_too_and_taking_twice_composes() -> None:
    taken = DOMAIN.take(np.array([False, True, True, False, True, True])).take([3, 0])
    assert [taken.samples.raw(i) for i in range(2)] == ["t5", "t1"]


def test_a_part_has_the_classes_of_the_whole() -> None:
    val = DOMAIN.part("val")
    assert (val.name, len(val), val.parts, val.classes) == ("data/val", 1, None, ("a", "b", "c"))
    with pytest.raises(DataError, match=r"'data/val' has no part 'test'; it has no parts"):
        val.part("test")


def test_unlabeled_means_without_labels() -> None:
    hidden = DOMAIN.unlabeled()
    assert (hidden.labels, hidden.classes) == (None, ())
    with pytest.raises(DataError, match="'data' has no labels, and something asked for them"):
        _ = hidden.y


def test_only_feature_tables_have_features() -> None:
    with pytest.raises(DataError, match="holds text examples, not a feature table: embed it first"):
        _ = DOMAIN.features
    embedded = DOMAIN.embedded(np.eye(6, dtype=np.float32))
    assert (embedded.kind, embedded.y.tolist()) == ("features", DOMAIN.y.tolist())
    assert embedded.take([2]).features.tolist() == [[0, 0, 1, 0, 0, 0]]


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="domain 'data' has 6 samples but 5 ids"):
        type(DOMAIN)(DOMAIN.samples, "text", ids=list("abcde"))
