"""Putting a labelled source and an unlabelled target together: what is joined, what is stripped, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.read import read
from transferium.errors import DataError


def texts(labels: list[str] | None, name: str) -> Domain:
    return read([f"{name} {i}" for i in range(len(labels or "ab"))], label=labels, name=name)


def rows(width: int, name: str, names: tuple[str, ...] | None = None) -> Domain:
    x = np.arange(4.0 * width).reshape(4, width)
    return read(x, label=["a", "b", "a", "b"], name=name, columns=names)


def test_target_labels_are_stripped_by_type_and_kept_aside() -> None:
    pair = pair_domains([texts(["a", "b"], "s")], texts(["b", "a"], "t"))
    assert pair.target.labels is None and pair.target.classes == ()
    assert pair.answers is not None and pair.answers.classes == ("a", "b")
    assert [f.kind for f in pair.findings] == ["labels-stripped"]
    assert "took part in no choice" in pair.findings[0].message


def test_a_target_without_labels_has_no_answers_and_nothing_to_say() -> None:
    pair = pair_domains([texts(["a", "b"], "s")], texts(None, "t"))
    assert pair.answers is None and pair.findings == ()


def test_several_sources_are_joined_over_the_union_of_their_classes() -> None:
    pair = pair_domains([texts(["a", "b"], "one"), texts(["b", "c", "c"], "two")], texts(None, "t"))
    assert pair.source.classes == ("a", "b", "c")
    assert [pair.source.classes[k] for k in pair.source.y] == ["a", "b", "b", "c", "c"]
    assert pair.origin.tolist() == [0, 0, 1, 1, 1] and pair.names == ("one", "two")
    assert [pair.source.samples.raw(i) for i in (1, 2)] == ["one 1", "two 0"]
    assert len(set(pair.source.ids)) == 5


def test_the_test_part_of_a_source_is_left_alone() -> None:
    source = read(["p", "q", "r"], label=["a", "b", "a"], part=["train", "val", "test"], name="s")
    pair = pair_domains([source], texts(None, "t"))
    assert [pair.source.samples.raw(i) for i in range(len(pair.source))] == ["p", "q"]
    assert "1 example of the test part of 's'" in pair.findings[0].message


def test_columns_in_another_order_are_put_in_order() -> None:
    pair = pair_domains([rows(2, "s", ("u", "v"))], rows(2, "t", ("v", "u")))
    assert pair.target.feature_names == ("u", "v")
    assert pair.target.features[0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("sources", "target", "message"),
    [
        ([], texts(None, "t"), "needs a labelled source; none was given"),
        ([texts(None, "s")], texts(None, "t"), "'s' has no labels. Did source and target change places?"),
        ([texts(["a", "b"], "s")], rows(2, "t"), "'s' holds texts and the target 't' table rows"),
        ([rows(2, "s")], rows(3, "t"), "'s' has 2 features and the target 't' 3"),
        ([rows(2, "s", ("u", "v"))], rows(2, "t", ("w", "x")), "have no column in common: 'u', 'v' and 'w', 'x'"),
        ([texts(["a", "b"], "s"), rows(2, "r")], texts(None, "t"), "'s' holds texts and the source 'r' table rows"),
        ([texts(["Cat", "dog"], "s")], texts(["cat", "dog"], "t"), "'Cat' and 'cat', which differ only in case"),
        (
            [texts(["a", "B"], "s"), texts(["b", "a"], "r")],
            texts(None, "t"),
            "the sources have the classes 'B' and 'b', which differ only in case",
        ),
        ([texts(["B", "b"], "s")], texts(None, "t"), "the source 's' has the classes 'B' and 'b', which differ only"),
    ],
)
def test_what_cannot_be_paired_is_refused_with_its_reason(sources: list[Domain], target: Domain, message: str) -> None:
    with pytest.raises(DataError) as error:
        pair_domains(sources, target)
    assert message in str(error.value)


def test_names_are_followed_where_the_first_source_has_none() -> None:
    pair = pair_domains([rows(2, "s"), rows(2, "r", ("u", "v"))], rows(2, "t", ("v", "u")))
    assert pair.source.feature_names == ("u", "v")
    assert (pair.source.features[0].tolist(), pair.target.features[0].tolist()) == ([0, 1], [1, 0])
    with pytest.raises(DataError, match="'s' has 3 features and the target 't' 2"):
        pair_domains([rows(3, "s")], rows(2, "t", ("v", "u")))


def test_columns_of_one_name_cannot_be_told_apart() -> None:
    with pytest.raises(DataError, match="several columns of the table are called 'u': give each a name of its own"):
        rows(3, "t", ("u", "u", "v"))


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (["a", "a"], "partial: 1 class of the source absent from the target: b"),
        (["a", "b", "z"], "open: 1 class of the target unknown to the source: z"),
        (["x", "y"], "no class name in common (a, b and x, y)"),
    ],
)
def test_class_sets_that_differ_are_named(there: list[str], message: str) -> None:
    pair = pair_domains([texts(["a", "b"], "s")], texts(there, "t"))
    assert message in " ".join(f.message for f in pair.findings if f.kind == "class-sets")
