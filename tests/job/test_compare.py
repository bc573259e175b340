"""What ``compare`` says of a target with labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adaptation_worlds import clusters, table
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.job.compare import compare_domains


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
