"""Parts, folds and the dealing behind them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.split import divide, folds, usable_folds
from transferium.errors import DataError, InputError

Labels = st.lists(st.integers(0, 4), min_size=4, max_size=60)


def domain_of(labels: list[int], part: list[str] | None = None) -> Domain:
    return read([f"t{i}" for i in range(len(labels))], label=labels, part=part)


def compact(labels: list[int]) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1]


@settings(deadline=None, max_examples=60)
@given(labels=Labels, seed=st.integers(0, 5), share=st.sampled_from([0.1, 0.25, 0.5, 0.7]))
def test_single_examples_are_dealt_by_class(labels: list[int], seed: int, share: float) -> None:
    domain = domain_of(labels)
    if max(np.bincount(domain.y)) < 2:
        return
    division = divide(domain, seed=seed, test_size=share)
    assert sorted([*division.train, *division.test]) == list(range(len(labels)))
    assert len(division.val) == 0
    for c, n in enumerate(np.bincount(domain.y)):
        held = int((domain.y[division.test] == c).sum())
        if n >= 2:
            assert 1 <= held <= n - 1
            assert abs(held - share * n) <= 1
        else:
            assert held == 0, "an only example is learned from"


@settings(deadline=None, max_examples=60)
@given(labels=Labels, data=st.data())
def test_groups_of_one_class_stay_whole_and_reach_both_sides(labels: list[int], data: st.DataObject) -> None:
    domain = domain_of(labels)
    ties = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(labels), max_size=len(labels))))
    groups = domain.y * 10 + ties
    if all(len(np.unique(groups[domain.y == c])) < 2 for c in range(len(domain.classes))):
        return
    division = divide(domain, seed=0, groups=groups)
    assert not set(groups[division.train]) & set(groups[division.test])
    for c in range(len(domain.classes)):
        if len(np.unique(groups[domain.y == c])) >= 2:
            assert c in domain.y[division.train]
            assert c in domain.y[division.test]


@settings(deadline=None, max_examples=60)
@given(labels=Labels, k=st.integers(2, 6), data=st.data())
def test_folds_hold_every_class_and_keep_groups_whole(labels: list[int], k: int, data: st.DataObject) -> None:
    y = compact(labels)
    ties = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(labels), max_size=len(labels))))
    for groups in (None, y * 10 + ties):
        units = np.arange(len(y)) if groups is None else groups
        if len(np.unique(units)) < 2:
            continue
        count, why = usable_folds(y, k=k, groups=groups)
        fold = folds(y, k=k, seed=1, groups=groups)
        assert set(fold) == set(range(count)) or len(np.unique(units)) < count
        assert bool(why) == (count < k)
        for unit in np.unique(units):
            assert len(set(fold[units == unit])) == 1
        for c in range(y.max() + 1):
            if len(np.unique(units[y == c])) >= count:
                assert set(fold[y == c]) == set(range(count))


@settings(deadline=None, max_examples=60)
@given(labels=Labels, data=st.data())
def test_groups_of_many_classes_are_never_torn(labels: list[int], data: st.DataObject) -> None:
    domain = domain_of(labels)
    groups = np.array(data.draw(st.lists(st.integers(0, 8), min_size=len(labels), max_size=len(labels))))
    if len(np.unique(groups)) < 3:
        return
    fold = folds(domain.y, k=3, seed=0, groups=groups)
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1


def test_groups_of_many_classes_are_moved_until_each_class_is_on_both_sides() -> None:
    """Sizes alone would put the only two groups with class 2 on one side."""
    groups = np.repeat(np.arange(8), 4)
    labels = np.array([0, 1, 0, 1] * 6 + [0, 1, 2, 2] * 2)
    for seed in range(20):
        division = divide(domain_of(labels.tolist()), seed=seed, groups=groups)
        assert 2 in labels[division.train]
        assert 2 in labels[division.test]


def test_folds_are_equally_large() -> None:
    labels = np.repeat(np.arange(30), 7)
    sizes = np.bincount(folds(labels, k=5, seed=0))
    assert sizes.max() - sizes.min() <= 1


def test_the_seed_decides_and_nothing_else() -> None:
    domain = domain_of([0, 1] * 40)
    first, same, other = (divide(domain, seed=seed).test.tolist() for seed in (0, 0, 1))
    assert first == same != other


def test_undivided_data_are_split_off_in_proportion() -> None:
    division = divide(domain_of([0] * 40 + [1] * 80), seed=3)
    assert (len(division.train), len(division.val), len(division.test)) == (90, 0, 30)
    assert division.rule == (
        "no parts were given: 30 of 120 examples were split off as the test part before anything was chosen, "
        "stratified by class, seed 3"
    )


def test_groups_are_said_to_be_kept_together() -> None:
    division = divide(domain_of([0, 1] * 8), seed=0, groups=np.arange(16) // 2)
    assert "groups kept together" in division.rule


@pytest.mark.parametrize(
    "parts, sizes, rule",
    [
        ("train test", (6, 0, 3), "the test part is only evaluated on; every choice is made inside train"),
        ("train val", (6, 0, 3), "the val part is held out and only evaluated on; every choice is made inside train"),
        ("train val test", (6, 3, 3), "the test part is only evaluated on; the val part may stop or choose"),
    ],
)
def test_given_parts_are_kept(parts: str, sizes: tuple[int, int, int], rule: str) -> None:
    names = [name for part in parts.split() for name in [part] * (6 if part == "train" else 3)]
    domain = domain_of([0, 1, 0] * (len(names) // 3), names)
    division = divide(domain, seed=0)
    assert (len(division.train), len(division.val), len(division.test)) == sizes
    assert division.rule == rule
    held = "test" if "test" in parts else "val"
    assert {names[i] for i in division.train} == {"train"}
    assert {names[i] for i in division.test} == {held}


def test_a_train_part_alone_is_split() -> None:
    division = divide(domain_of([0, 1] * 8, ["train"] * 16), seed=0)
    assert (len(division.train), len(division.test)) == (12, 4)


def test_without_a_train_part_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="has the parts val and test but no train part: nothing to learn from"):
        divide(domain_of([0, 1, 0, 1], ["val", "val", "test", "test"]), seed=0)


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="4 examples, too few independent ones to hold any out"):
        divide(domain_of([0, 1, 0, 1]), seed=0, groups=np.zeros(4, np.int64))


@pytest.mark.parametrize("size", [0, 1, -0.5, 20])
def test_test_size_is_a_share(size: float) -> None:
    with pytest.raises(InputError, match="is no share: give a number between 0 and 1"):
        divide(domain_of([0, 1, 0, 1]), seed=0, test_size=size)


def test_fewer_folds_have_a_reason() -> None:
    labels = np.array([0] * 9 + [1] * 3)
    assert usable_folds(labels, k=5) == (3, "3 folds and not 5: the smallest class has only 3 independent examples")
    assert usable_folds(labels, k=3) == (3, "")
    assert usable_folds(np.array([0] * 9 + [1]), k=5) == (5, ""), "one example alone cannot be in two folds"
    assert usable_folds(labels, k=5, groups=np.array([*range(9), 9, 9, 10]))[0] == 2
    with pytest.raises(InputError, match="k=1 folds cannot be compared"):
        usable_folds(labels, k=1)
    with pytest.raises(DataError, match="one independent example cannot be divided into folds"):
        folds(labels, k=3, seed=0, groups=np.zeros(12, np.int64))


def test_unlabeled_data_are_not_divided() -> None:
    with pytest.raises(DataError, match="has no labels"):
        divide(read(["a", "b"]), seed=0)
