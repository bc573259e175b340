"""What ``compare`` says of a target with labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from transferium.cli.compare import summary
from transferium.data.columns.table import Table
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.job.compare.run import compare_domains
from worlds.tables import clusters, spread_alike, table
from worlds.typed import number


def told_of(target: Domain) -> dict[str, Any]:
    source = table(*clusters(150, 0), "s")
    return compare_domains(pair_domains([source], target), Embedder(None), permutations=20)


def sentence(told: dict[str, Any]) -> str:
    return next(kind for kind in told["kinds"] if "conditional" in kind)


def test_what_is_surely_lost_is_called_a_conditional_shift_and_the_worst_class_named() -> None:
    z, truth = clusters(150, 1)
    turned = table(z, np.where(truth == 2, 1, truth), "t")
    told = told_of(turned)
    loss = told["conditional"]["loss"]
    assert loss["low"] > 0.2 and loss["low"] < loss["value"] < loss["high"]
    said = sentence(told)
    assert said.startswith("conditional shift: the source's model loses ")
    assert "points on the target's labelled examples (" in said and "most of all in b (" in said


def test_a_few_wrong_answers_and_other_class_shares_are_no_conditional_shift() -> None:
    z, truth = clusters(300, 1, shares=(0.9, 0.05, 0.05))
    skewed = told_of(table(z, truth, "t"))
    assert sentence(skewed).startswith("no conditional shift to be sure of: ")
    few = replace(table(z, truth, "t").take([0]), labels=np.array([(truth[0] + 1) % 3]))
    wrong = told_of(few)
    assert wrong["conditional"]["loss"]["value"] > 0.9 and sentence(wrong).startswith("no conditional shift to be sure")


def test_without_labels_it_is_not_measured() -> None:
    told = told_of(table(clusters(60, 1)[0], None, "t"))
    assert sentence(told) == "conditional shift was not measured: it takes target labels, and this target has none"


def advice(told: dict[str, Any]) -> str:
    return "\n".join(told["advice"])


def test_the_same_inputs_with_other_labels_ask_for_labelled_target_examples() -> None:
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1)
    for rows, labels in ((x, y), (z, truth)):
        told = told_of(table(rows, (labels + 1) % 3, "t"))
        assert sentence(told).startswith("conditional shift: the source's model loses ")
        assert "--few (--method pooled, tradaboost)" in told["advice"][0]
        assert "source-only" not in advice(told) and "nothing to adapt to" not in str(told)


def test_a_target_that_is_the_source_has_nothing_to_compare_and_loses_nothing() -> None:
    x, y = clusters(150, 0)
    x += 2.0 * np.random.default_rng(1).normal(size=x.shape)  # some held-out answers are wrong
    source = table(x, y, "s")
    told = compare_domains(pair_domains([source], table(x, y, "t")), Embedder(None), permutations=20)
    loss = told["conditional"]["loss"]
    assert loss["value"] == 0.0 and loss["low"] < 0.0 < loss["high"]
    assert told["conditional"]["classes"][0]["source"] == told["conditional"]["classes"][0]["target"] < 1.0
    assert told["advice"] == [
        "nothing: source and target are the same examples, so there is nothing to compare or to adapt to"
    ]


def test_of_a_few_examples_no_class_shares_are_estimated() -> None:
    z, truth = clusters(3, 1, shift=3.0)
    told = told_of(table(z, truth, "t"))
    assert "label shift could not be estimated: at least 20 target examples are needed; found 3" in told["kinds"]
    assert "shares" not in told["label"]
    assert told["advice"] == [
        "source-only until there are more: on 3 target examples (fewer than 20) no validator can be trusted"
    ]


def test_no_method_is_advised_where_no_classifier_can_be_trained() -> None:
    x, _ = clusters(60, 0)
    z, truth = clusters(60, 1, shift=3.0)
    one = table(x, np.zeros(60, np.int64), "s")
    told = compare_domains(pair_domains([one], table(z, truth, "t")), Embedder(None), permutations=20)
    (said,) = told["advice"]
    assert said.startswith("no method: 's' has only one class, 'a' (60 examples): give examples of two classes")
    assert "reason" in told["label"] and "reason" in told["conditional"] and "a_distance" in told["covariate"]


@pytest.mark.parametrize("spread", [1.0, 6.0], ids=["clusters", "no clusters"])
@pytest.mark.parametrize("names", ["abz", "ab"], ids=["open", "partial"])
def test_where_class_sets_differ_nothing_that_assumes_the_same_is_advised(names: str, spread: float) -> None:
    rng = np.random.default_rng(2)
    (x, y), (z, truth) = clusters(150, 0), clusters(150, 1, shift=4.0)
    x, z = (m + spread * rng.normal(size=m.shape) for m in (x, z))
    known = truth < len(names)
    target = table(z[known] + 3.0, truth[known], "t", names)
    told = compare_domains(pair_domains([table(x, y, "s")], target), Embedder(None), permutations=20)
    unfit, *fits = told["advice"]
    assert unfit.startswith("class sets differ: methods that make whole distributions alike (standardise, coral")
    assert fits and not any(name in advice for advice in fits for name in ("coral", "dann", "standardise", "ot "))


def label(told: dict[str, Any]) -> str:
    return next(kind for kind in told["kinds"] if "label shift" in kind)


def shifted_means() -> tuple[np.ndarray, np.ndarray]:
    """The source's classes in equal shares, all of them moved towards class a: no other shares are there."""
    z, truth = clusters(300, 1)
    z[:, 0] += 2.0
    return z, truth


def test_target_labels_decide_whether_there_is_label_shift() -> None:
    z, truth = shifted_means()
    blind = told_of(table(z, None, "t"))
    assert "labels" not in blind["label"] and label(blind).startswith("label shift: ")
    assert any(said.startswith("label-shift: correct the class shares") for said in blind["advice"])
    told = told_of(table(z, truth, "t"))
    assert told["label"]["moved"] == [] and told["label"]["estimated"] == blind["label"]["moved"] != []
    said = label(told)
    assert said.startswith(
        "no label shift to be sure of: no class share among 300 target labels surely differs [counted"
    )
    assert "without labels" in said and said.endswith("would be estimated to differ")
    assert "label-shift" not in advice(told)
    rows = told["label"]["shares"]
    assert [row["examples"] for row in rows] == np.bincount(truth).tolist()
    assert [row["value"] for row in rows] == [row["value"] for row in blind["label"]["shares"]], "the estimate stays"


def test_label_shift_that_labels_show_is_said_to_be_counted() -> None:
    told = told_of(table(*clusters(300, 1, shares=(0.8, 0.1, 0.1)), "t"))
    assert label(told).startswith("label shift: 3 of 3 class shares (a, b, c) differ [counted from target labels]")
    assert any(said.startswith("label-shift: ") for said in told["advice"])
    assert "counted from target labels" in summary(told) and "estimated" in summary(told)


def test_classes_that_only_the_target_has_take_no_share() -> None:
    z, truth = clusters(300, 1)
    more = np.concatenate([truth, np.full(100, 3)])
    told = told_of(table(np.concatenate([z, z[:100] + 9.0]), more, "t", "abcz"))
    assert told["label"]["labels"] == 300 and told["label"]["moved"] == []
    other = told_of(table(z, truth, "t", "xyz"))
    assert "labels" not in other["label"], "names that the source does not have count nothing"


def test_the_likely_family_is_named_first() -> None:
    turned = told_of(table(clusters(300, 1, turn=0.8)[0], None, "t"))
    assert turned["family"] == "clusters" and turned["signs"]["clustered"] > 0.9
    assert turned["advice"][0].startswith("self-labelling (prototypes, shot, mcc) is likely to win: labels that follow")
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 8)) + np.array([4.0, 3.0, 0, 0, 0, 4.0, 0, 0])
    other = told_of(table(z, None, "t"))
    assert other["family"] == "statistics" and other["signs"]["changed"] > 0.3
    assert other["advice"][-2].startswith("matching of statistics (standardise, coral) is likely to win: ")
    assert "shot" not in advice(other)
    same = told_of(table(*clusters(300, 2), "t").unlabeled())
    assert same["family"] == "none" and same["advice"] == ["source-only: there is nothing to adapt to"]


def test_where_inputs_have_nothing_in_common_no_shares_are_estimated_and_no_conditional_shift_is_named() -> None:
    z, truth = clusters(300, 1, turn=2.0, shift=9.0)
    told = told_of(table(z, truth, "t"))
    assert told["covariate"]["a_distance"] > 1.9
    said = sentence(told)
    assert said.startswith("no conditional shift can be told from the covariate shift where the inputs have nothing in")
    assert "loses" in said and "A-distance 2.00 of 2" in said
    assert told["label"]["labels"] == 300 and "estimated" in told["label"]
    assert all("value" not in row and row["counted"] > 0 for row in told["label"]["shares"])
    assert "does not hold" in summary(told)
    blind = told_of(table(z, None, "t"))
    assert label(blind).startswith("label shift cannot be estimated without labels: a confusion matrix of the source")
    assert "shares" in blind["label"] and "(0.0 to" not in summary(blind)


def test_a_source_only_that_gave_up_classes_is_said_with_what_to_do() -> None:
    z = clusters(300, 1)[0]
    z[:, 0] += 30.0
    told = told_of(table(z, None, "t"))
    assert any(kind.startswith("source only never answers 2 of 3 classes") for kind in told["kinds"])
    assert told["advice"][0].startswith("label some target examples and give them by --few: the source's model has")
    assert told_of(table(*clusters(300, 1), "t"))["collapse"] == ""


@pytest.mark.parametrize("target", ["one class", "five", "contradicting sources"])
def test_poor_targets_and_sources_are_compared_without_a_crash(target: str) -> None:
    z, truth = clusters(150, 1)
    given = table(z, truth, "t")
    sources = [table(*clusters(150, 0), "s")]
    if target == "one class":
        given = given.take(truth == 1)
    elif target == "five":
        given = given.take(np.arange(5))
    else:
        x, y = clusters(150, 3)
        sources.append(table(x, (y + 1) % 3, "u"))
    told = compare_domains(pair_domains(sources, given), Embedder(None), permutations=20)
    assert told["advice"] and told["family"] and summary(told)
    assert ("source 2 ('u') contradicts the other: " in summary(told)) == (target == "contradicting sources")
    if target == "one class":
        assert told["collapse"], "so many answers of one class are said, with the way out"
        assert "unless the target is truly like that" in told["collapse"]


def test_sources_that_are_tables_of_columns_are_found_to_contradict_each_other() -> None:
    def columns(seed: int, name: str, renamed: int = 0) -> Domain:
        x, y = clusters(150, seed)
        numbers = [number(f"f{i}", column) for i, column in enumerate(spread_alike(x).T)]
        return replace(table(x, (y + renamed) % 3, name), samples=Table(numbers), kind="row")

    for renamed in (0, 1):
        pair = pair_domains([columns(0, "s"), columns(3, "u", renamed)], columns(1, "t"))
        said = " ".join(compare_domains(pair, Embedder(None), permutations=20)["notes"])
        assert ("source 2 ('u') contradicts the other: " in said) == bool(renamed)


def test_each_of_several_sources_is_asked_whether_class_shares_explain_the_target() -> None:
    """As in an election: what differs between the sources would hide class shares where all are looked at as one."""
    sources = []
    for k, sign in enumerate((-1, 1)):
        x, y = clusters(150, k)
        sources.append(table(x + 6 * sign * np.eye(8)[3], y, f"s{k}"))
    z = clusters(300, 9, shares=(0.8, 0.15, 0.05))[0]
    told = compare_domains(pair_domains(sources, table(z, None, "t")), Embedder(None), permutations=20)
    assert told["family"] != "class shares" and "do not make the domains alike" not in advice(told)
